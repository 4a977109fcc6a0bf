from __future__ import annotations

import html
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evolve.errors import InputError
from evolve.machine import facts, processor
from evolve.proof.ablation import KIND as ABLATED
from evolve.proof.ablation import Ablation, Effect, Row, Verdict
from evolve.proof.verification import KIND as VERIFIED
from evolve.proof.verification import Side, judged
from evolve.report.escaping import escaped, fenced, literal, table
from evolve.report.markdown import markdown, write_markdown
from evolve.report.picture import course
from evolve.report.untrusted import code, one_line
from evolve.settings import Settings, dump
from population.ledger import Event
from population.store import Population
from population.variant import Direction
from tests.evolve.report.conftest import HOSTILE, SEED, variant

NASTY = "`` ` | </code></table>\n\n# big <script>alert(1)</script> ![x](http://a.b) \\| &amp; @all #1 ~~x~~"
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SETTINGS = Settings(seed=7, seed_file=Path("/home/somebody/secret/train.py"), models=("openai/x:1",))


class Seen(HTMLParser):
    """The tags of a page and the text in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(text: str) -> Seen:
    return Seen(PARSER.render(text))


@given(st.text())
@example(NASTY)
@example("__init__ *a* _b_ a_b <b> [x](y) http://x.y www.x.y `")
@example("&#96;&lt;")
def test_a_text_stays_text_in_a_line_and_in_a_cell(text: str) -> None:
    plain, page = one_line(text), seen(f"x {escaped(text)} x")
    assert page.tags == ["p"]
    assert " ".join(page.text.split()) == " ".join(f"x {plain} x".split())
    cells = seen(table(("a", "b"), [(literal(text), "end")]))
    assert cells.tags == [
        "table",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "td",
        *["code"] * bool(plain),
        "td",
    ]
    assert " ".join(cells.text.split()) == " ".join(f"a b {plain or '–'} end".split())  # noqa: RUF001


@given(st.text())
@example("```\n# out\n````\n~~~")
@example("a\x0b```\x0c```\u2028````")
def test_a_block_of_code_is_not_ended_by_what_stands_in_it(text: str) -> None:
    block = fenced(text, "diff")
    tokens = PARSER.parse(f"before\n\n{block}\n\n# after")
    fences = [token for token in tokens if token.type == "fence"]
    assert [token.type for token in tokens if token.nesting == 1] == ["paragraph_open", "heading_open"]
    assert [fence.content for fence in fences] == [code("\n".join(text.splitlines())) + "\n"]


def verify(run: Population) -> None:
    best, base = run.variants["v1"], run.variants["v0"]
    found = judged(
        Side("v1", best.digest, (2.21, 2.25, 2.18), ()),
        Side("v0", base.proposed, (2.52, 2.51, 2.47), ()),
        "test",
        (101, 102, 103),
        Direction.MINIMIZE,
        20.0,
    )
    run.set_meta(**{VERIFIED: found.data()})


def ablate(run: Population) -> None:
    best, base = run.variants["v1"], run.variants["v0"]
    good, bad = Effect(0.31, 0.02, 0.27, 0.35, 0.0001), Effect(failure=f"exception: {NASTY}")
    rows = (
        Row(1, (1, 1), f"LR = 3e-3 -> {NASTY}", good, bad, "a", "b", Verdict.HELPS),
        Row(2, (4, 9), "+ x", bad, bad, "", "", Verdict.NEEDED),
    )
    found = Ablation("v1", best.digest, "v0", base.proposed, (1, 2, 3), good, rows, 2, 5, 0.021, 8, ())
    run.set_meta(**{ABLATED: found.data()})


@pytest.fixture
def whole(run: Population) -> Population:
    """A run that was verified and ablated, and says what it ran on; its ideas are nasty."""
    verify(run)
    ablate(run)
    ideas = {"hypothesis": NASTY, "tuned": {"LR": 7e-3}}
    old = run.variants["v1"]
    run.commit(
        variant("v1", old.digest, "v0", proposed=old.proposed, **ideas),
        Event("champion", "v0 is the first champion", 1001.0, {"variant": "v0"}),
        Event("champion", "v1 is the new champion", 1011.0, {"variant": "v1"}),
        Event("started", "again", 1030.0, {"machine": {"python": "3.11.2", "cpu": "A | B"}}),
        meta={"owner": "A <b>Person</b>"},
    )
    (run.folder / "evolve.toml").write_text(dump(SETTINGS))
    return run


def page(text: str) -> str:
    """Return a report as it is read."""
    return " ".join(seen(text).text.split())


def test_the_report_says_what_was_gained_and_how_sure_that_is(whole: Population) -> None:
    text = page(markdown(whole, SETTINGS, "report.png"))
    assert text.startswith("val_bpb better by +0.287, verified")
    assert "+0.287 (95 % interval +0.224 to +0.349; p = 0.0013), on the test split, 3 fresh seeds" in text
    assert "2.3050 ± 0.0094 (n=2)" in text or "2.305 ± " in text
    assert "person responsible A <b>Person</b>" in text


def test_the_report_shows_change_parts_cost_seeds_versions_and_settings(whole: Population) -> None:
    source = markdown(whole, SETTINGS, "report.png")
    text = page(source)
    assert "-LR = 3e-3 # tune: log 1e-4..1e-1 +LR = 7e-3" in text
    assert "+0.310 ± 0.020 fails: exception helps" in text
    assert "openai/x ok 1 900 80 $0.2500" in text
    assert "openai/x timeout 1 0 0 unknown (1 call of unknown price)" in text
    assert "seeds of the verification 101, 102, 103" in text
    assert "python 3.11.2" in text
    assert "cpu A | B" in text
    assert "confinement not recorded" in text
    assert "seed 7" in text
    assert "models openai/x:1" in text
    assert "secret" not in text  # where the seed lay is nobody's business
    assert "![Score of the champion against bursts](report.png)" in source


def test_nothing_that_a_model_wrote_is_more_than_text(whole: Population) -> None:
    found = seen(markdown(whole, SETTINGS, "report.png"))
    usual = {
        "h1",
        "h2",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "pre",
        "img",
        "em",
        "strong",
    }
    assert set(found.tags) <= usual
    assert found.tags.count("img") == 1
    assert found.tags.count("h1") == 1
    assert one_line(NASTY) in " ".join(found.text.split())


def test_what_was_not_done_is_said(run: Population) -> None:
    text = page(markdown(run, SETTINGS, "x.png"))
    assert "in the search, not verified" in text
    assert "not verified: python -m evolve verify" in text
    assert "Not measured: python -m evolve ablate" in text
    assert "person responsible none is named" in text
    assert "versions and hardware not recorded by this run" in text


def test_a_fence_in_the_champion_does_not_end_the_block(run: Population) -> None:
    digest = run.keep_source(SEED + "'''\n```\n# not a heading\n'''\n" + f"# {HOSTILE!r}\n")
    run.commit(variant("v5", digest, "v0"), meta={"champion": "v5"})
    found = seen(markdown(run, SETTINGS, "x.png"))
    assert found.tags.count("h1") == 1
    assert "+# not a heading" in found.text


def test_passwords_and_folders_are_left_out(run: Population) -> None:
    given = Settings(api_base="http://me:word@host:8000/v1?key=qwerty", data=Path("/home/me/text"))
    text = page(markdown(run, given, "x.png"))
    assert "api_base http://host:8000/v1" in text
    assert "data text" in text
    assert not any(word in text for word in ("word@", "qwerty", "/home"))


def test_a_report_and_its_picture_are_written(whole: Population, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_markdown(whole.folder, tmp_path / "of it.md")
    text = (tmp_path / "of it.md").read_text()
    assert "](of%20it.png)" in text
    assert (tmp_path / "of it.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_picture_follows_the_champions(whole: Population) -> None:
    found = course(whole)
    assert found is not None
    assert [(one.variant, round(one.fitness.mean, 3)) for one in found.reigns] == [
        ("v0", 2.51),
        ("v1", 2.305),
    ]
    assert (found.seed.mean, found.end) == (2.51, 8)


def test_a_run_without_a_champion_or_a_name_of_its_own_is_refused(
    empty: Population, whole: Population, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="has no champion yet"):
        write_markdown(empty.folder, tmp_path / "x.md")
    with pytest.raises(InputError, match=r"program\.md belongs to the run itself"):
        write_markdown(whole.folder, whole.folder / "program.md")
    with pytest.raises(InputError, match="cannot write"):
        write_markdown(whole.folder, tmp_path / "nowhere" / "x.md")
    for name in ("y.md", "z.png"):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=f"cannot write .*{name}: it is a folder"):
            write_markdown(whole.folder, (tmp_path / name).with_suffix(".md"))
    with pytest.raises(InputError, match="is not a run folder"):
        write_markdown(tmp_path, tmp_path / "x.md")
    assert not [*tmp_path.glob("x.*"), *tmp_path.glob("y.png"), *tmp_path.glob("z.md")]


def test_matplotlib_is_asked_for_by_the_name_of_its_extra(
    whole: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"pip install 'evolve-train\[report\]'"):
        write_markdown(whole.folder, tmp_path / "x.md")
    assert not (tmp_path / "x.md").exists()


def test_the_machine_is_named_in_words(tmp_path: Path) -> None:
    found = facts("cpu")
    assert re.fullmatch(r"3\.\d+\.\d+\S*", found["python"])
    assert re.search(r", \d+ cores?$", found["cpu"])
    assert "gpu" not in found
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    assert processor(tmp_path / "cpuinfo") == "Some CPU @ 2 GHz"
    assert processor(tmp_path / "none")


def test_entities_are_read_as_they_were_written() -> None:
    assert html.unescape(escaped("a & b < c")) == "a & b < c"
