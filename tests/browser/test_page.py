"""The page as a person meets it: in a real browser, of a search that has ended and of one that runs."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from evolve.report.figures import estimate, number, places
from evolve.report.standing import gain_over, standing, worth
from population.store import Population
from tests.browser.conftest import FLAGGED, HOSTILE, Look, looked, playwright, where
from tests.system.command import ROOT, SEED, evolve, started

pytestmark = pytest.mark.system

AXE = Path(os.environ.get("EVOLVE_AXE", ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"))
WHERE = """place => {
    const chart = document.getElementById('graph');
    chart.scrollIntoView({ block: 'center', behavior: 'instant' });
    const box = chart.getBoundingClientRect();
    const { xaxis, yaxis, _size } = chart._fullLayout;
    return [box.x + _size.l + xaxis.l2p(place), box.y + _size.t + yaxis.l2p(chart.data[0].y[place])];
}"""
FOUND = re.compile(r"(\d+) of (\d+) variants")


def counts(page: playwright.Page) -> tuple[int, int]:
    """Return how many variants the filters leave, of how many."""
    said = FOUND.fullmatch(page.locator("#found").inner_text())
    assert said is not None
    return int(said[1]), int(said[2])


def test_a_stranger_s_questions_are_answered_at_the_top(look: Look, finished: Path) -> None:
    page = look.open()
    cards = page.locator("#cards").inner_text()
    with Population.open(finished) as population:
        now, decimals = standing(population), places(population.noise())
        evaluations = number(worth(score for score in population.scores_in_order() if score.spent))
    assert now.champion is not None
    assert now.best is not None
    assert f"★ {now.champion.id}" in cards
    assert estimate(now.best, decimals) in cards
    for question in ("Who leads?", "Is the gain real?", "Which idea helped most?", "What did it cost?"):
        assert question in cards
    assert f"{evaluations} bursts" in cards
    assert "exception" in cards
    look.shoot("finished")


def test_a_click_on_the_lineage_shows_the_change(look: Look, finished: Path) -> None:
    page = look.open()
    with Population.open(finished) as population:
        name = next(one for one in population.variants if gain_over(population, one, "v0") and one != "v0")
        place = list(population.variants).index(name)
    tip = page.locator("#tip")
    for away in range(60):  # until the graph minds the mouse
        spot = page.evaluate(WHERE, place)
        page.mouse.move(spot[0] + away % 2, spot[1])
        page.wait_for_timeout(250)
        if tip.is_visible() and name in tip.inner_text():
            break
    assert name in tip.inner_text()
    page.mouse.click(*spot)
    page.wait_for_selector("#panel h3")
    assert name in page.locator("#panel h3").inner_text()
    assert page.locator("#panel .diff .added, #panel .diff .removed").count() > 0
    assert page.locator("#panel .small svg").count() > 0  # its learning curve
    look.shoot("variant")


def test_why_a_variant_failed_can_be_found_by_its_kind(look: Look) -> None:
    page = look.open()
    page.locator("#failures").get_by_role("button").last.click()
    page.wait_for_selector("#panel .failure")
    said = page.locator("#panel .failure").inner_text()
    assert "Why it failed: exception." in said
    assert "line 7" in said


def test_filters_leave_what_they_say(look: Look) -> None:
    page = look.open()
    _, every = counts(page)
    page.locator("#filters").get_by_label("state").select_option("failed")
    left, _ = counts(page)
    assert 0 < left < every
    assert page.locator("#variants tbody tr").count() == left
    page.locator("#filters").get_by_label("state").select_option("")
    page.locator("#filters").get_by_label("text").fill("breaks the shapes")
    assert counts(page) == (1, every)


def test_what_models_write_is_text_and_nothing_else(look: Look) -> None:
    page = look.open()
    page.locator("#filters").get_by_label("text").fill("<img src=x")
    assert counts(page)[0] == 1
    shown = HOSTILE.replace("\u202e", "")
    row = page.locator("#variants tbody tr")
    assert shown in row.inner_text()
    row.get_by_role("button").click()
    page.wait_for_selector("#panel h3")
    assert shown in page.locator("#panel .idea").inner_text()
    page.wait_for_selector("#panel .parcoords")
    assert page.locator("#panel .parcoords .axis-title").all_text_contents()[:2] == ["RATE", "ACTIVATION"]
    page.locator("#panel .parcoords").scroll_into_view_if_needed()
    look.shoot("trials")
    page.get_by_label("colour").select_option("model")  # its model's name is as hostile
    page.get_by_label("height").select_option("lane")
    page.wait_for_timeout(500)
    assert page.locator("img").count() == 0
    assert page.locator("main script, #panel a").count() == 0


def test_all_can_be_done_by_keyboard(look: Look) -> None:
    page = look.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # past the table's own place, to scroll it, to its first heading
    assert page.evaluate("document.activeElement.dataset.sort") == "born"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.sort") == "born"  # it stays where it was
    assert page.locator("#variants th").first.get_attribute("aria-sort") == "descending"
    page.locator("#goto-name").focus()
    page.keyboard.type("v1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-title")
    assert page.evaluate("document.activeElement.id") == "panel-title"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_name_that_is_not_there_is_told(browser: playwright.Browser, address: str) -> None:
    page = browser.new_page()  # the browser itself counts the 404 as an error
    page.goto(address)
    page.wait_for_selector("body[data-drawn]")
    page.locator("#goto-name").fill("v999")
    page.keyboard.press("Enter")
    page.wait_for_selector("#message:not([hidden])")
    assert "no variant 'v999' in this run" in page.locator("#message").inner_text()
    page.close()


@pytest.mark.parametrize("width", [1280, 800])
def test_nobody_is_shut_out_by_it(browser: playwright.Browser, address: str, scheme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("no axe-core: npm install --prefix build/axe axe-core, or name axe.min.js by EVOLVE_AXE")
    for look in looked(browser, address, color_scheme=scheme):
        look.page.set_viewport_size({"width": width, "height": 800})
        page = look.open(f"{look.address}#run=0&variant=v1")
        page.wait_for_selector("#panel h3")
        look.shoot(f"{scheme}-{width}", whole=True)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] })")
        told = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found["violations"]]
        assert told == []
        assert (
            page.evaluate("document.documentElement.scrollWidth") <= width
        )  # nothing runs out of the window


def test_the_theme_can_be_chosen(look: Look) -> None:
    page = look.open()
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_two_runs_stand_side_by_side(browser: playwright.Browser, finished: Path) -> None:
    with started("serve", finished, finished, "--port", "0", "--json", cwd=finished.parent) as server:
        for look in looked(browser, where(server)):
            page = look.open()
            page.wait_for_selector("#side-by-side table")
            assert page.locator("#side-by-side thead button").count() == 2
            page.locator("#picker select").select_option("1")
            page.wait_for_url("**#run=1")
            look.shoot("two-runs")


def test_a_frozen_page_needs_no_server(browser: playwright.Browser, finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = evolve("report", finished, "-o", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for look in looked(browser, file.as_uri()):
        page = look.open(f"{file.as_uri()}#run=0&variant=v1")
        page.wait_for_selector("#panel .diff")
        assert "(frozen)" in page.locator("#status").inner_text()
        assert page.locator("img").count() == 0
        look.shoot("frozen")


def test_a_running_search_is_seen_to_grow(browser: playwright.Browser, words: Path, tmp_path: Path) -> None:
    given = ("run", SEED, "--data", words, "--run", "live", "--hours", "1", "--json", *FLAGGED)
    with started(*given, cwd=tmp_path) as search:
        assert search.stdout is not None
        for line in search.stdout:
            if '"measured"' in line:
                break
        with started("serve", "live", "--port", "0", "--json", cwd=tmp_path) as server:
            for look in looked(browser, where(server)):
                page = look.open()
                assert "running now" in page.locator("#status").inner_text()
                drawn = page.locator("body").get_attribute("data-drawn")
                page.wait_for_selector(f"body:not([data-drawn='{drawn}'])", timeout=60_000)
                page.evaluate(
                    "() => Plotly.relayout('graph', { 'xaxis.range': [-1, 3], 'xaxis.autorange': false })"
                )
                _, before = counts(page)
                page.locator("#found").get_by_text(re.compile(rf"of (?!{before} )\d+ variants")).wait_for(
                    timeout=60_000
                )
                assert counts(page)[1] > before
                held = page.evaluate("document.getElementById('graph').layout.xaxis.range")
                assert held == [-1, 3]  # where somebody looks stays
                look.shoot("running")
                search.send_signal(signal.SIGINT)
                page.locator("#status").get_by_text("not running").wait_for(timeout=90_000)


def test_a_search_is_steered_from_the_page(
    browser: playwright.Browser, words: Path, finished: Path, address: str, tmp_path: Path
) -> None:
    given = ("run", SEED, "--data", words, "--run", "live", "--hours", "1", "--json", *FLAGGED)
    with started(*given, cwd=tmp_path) as search:
        assert search.stdout is not None
        for line in search.stdout:
            if '"admitted"' in line:
                break
        serving = ("serve", "live", "--allow-control", "--port", "0", "--json")
        with started(*serving, cwd=tmp_path) as server:
            for look in looked(browser, where(server)):
                page = look.open()
                page.get_by_role("button", name="Pause").click()
                page.locator("#message").get_by_text("pauses the search").wait_for()
                page.get_by_role("button", name="Continue").click()
                page.get_by_label("Tell models").fill("keep it simple")
                page.keyboard.press("Enter")
                page.locator("#message").get_by_text("keep it simple").wait_for()
                page.locator("#goto-name").fill("v1")
                page.keyboard.press("Enter")
                page.get_by_role("button", name="Ban v1").click()
                page.locator("#message").get_by_text("bans v1").wait_for()
                look.shoot("steered")
                page.get_by_role("button", name="Stop").click()
                page.locator("#status").get_by_text("stops the search").wait_for(timeout=90_000)
    with Population.open(tmp_path / "live") as population:
        kinds = [event.data["kind"] for event in population.events_of("order")]
    assert kinds == ["pause", "continue", "steer", "ban", "stop"]
    for look in looked(browser, address):  # a page that may only look has nothing to press
        page = look.open(f"{look.address}#run=0&variant=v1")
        page.wait_for_selector("#panel-title")
        assert page.locator("#control").is_hidden()
        assert page.locator("#panel-control").count() == 0


def test_the_server_ends_by_ctrl_c_also_while_somebody_looks(
    browser: playwright.Browser, finished: Path
) -> None:
    with started("serve", finished, "--port", "0", cwd=finished.parent) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-drawn]")
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=15) == 0
        page.wait_for_selector("#message:not([hidden])")
        page.close()
