"""What the tests in a browser share: a real run, its page served, and Debian's Chromium to look at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from population.ledger import Event
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant
from tests.system.command import ROOT, SEED, TASK, evolve, started
from tests.system.conftest import write_text

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")

SCREENSHOTS = ROOT / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
HOSTILE = (
    '<img src=x onerror="window.owned=1"><script>window.owned=1</script> \u202e'
    "%{x}<a href='javascript:owned=1'>b</a>"
)
FLAGGED = ("--burst", "0.3", "--model", "none", "--slots", "1", "--seed", "1", *TASK)


@dataclass
class Look:
    """A page, and all that went wrong on it, or left for elsewhere."""

    page: playwright.Page
    address: str
    wrong: list[str] = field(default_factory=list)
    away: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> playwright.Page:
        """Go to an address, and wait until the lineage is drawn."""
        self.page.goto(address or self.address)
        self.page.wait_for_selector("body[data-drawn]", timeout=60_000)
        return self.page

    def shoot(self, name: str, whole: bool = False) -> None:
        """Keep a picture."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright.Browser]:
    given = [os.environ["EVOLVE_CHROMIUM"]] if "EVOLVE_CHROMIUM" in os.environ else []
    path = next(filter(None, [*given, *map(shutil.which, NAMES)]), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one by EVOLVE_CHROMIUM")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "words", seed=0)


@pytest.fixture(scope="session")
def finished(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real search that has ended; added as a search would: a failure, and a hostile variant."""
    here = tmp_path_factory.mktemp("runs")
    done = evolve("run", SEED, "--data", words, "--run", "night", "--evaluations", "24", *FLAGGED, cwd=here)
    assert done.returncode == 0, done.stderr
    with Population.open(here / "night", write=True) as population:
        seed = population.variants["v0"]
        source, best = population.source(seed.digest), min(population.evidence("v0").values())
        failure = Failure(FailureKind.EXCEPTION, f"ValueError: {HOSTILE}", "Traceback\n  line 7\nValueError")
        for idea, came_to in (("breaks the shapes", failure), (HOSTILE, None)):
            name, digest = population.next_id(), population.keep_source(f"{source}# {idea}\n")
            score = None if came_to else best + 0.01
            population.commit(
                Variant(name, digest, digest, name, ("v0",), "mutate", idea, 0, 1, HOSTILE),
                Measurement(
                    name, digest, 0, Purpose.FIRST, score, came_to, 0.3, curve=((0.5, 2.0), (1.0, 1.0))
                ),
                Event("measured", name, 1.0, {"variant": name}),
            )
        population.commit(*(trial(name, digest, number, best) for number in range(8)))
    return here / "night"


def trial(name: str, digest: str, number: int, score: float) -> Measurement:
    """Return one of Optuna's trials."""
    values = {"RATE": 0.01 * (number + 1), "ACTIVATION": ("relu", HOSTILE)[number % 2], "WIDTH": 32}
    came_to = score + 0.01 * (number % 3)
    return Measurement(name, digest, 0, Purpose.TRIAL, came_to, None, 0.3, values=values, trial=number)


@pytest.fixture(scope="session")
def address(finished: Path) -> Iterator[str]:
    with started("serve", finished, "--port", "0", "--json", cwd=finished.parent) as server:
        yield where(server)


def where(server: subprocess.Popen[str]) -> str:
    """Return the address that a server says."""
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line, server.stderr and server.stderr.read()
    return str(json.loads(line)["address"])


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def looked(browser: playwright.Browser, address: str, **options: object) -> Iterator[Look]:
    """Open a page; afterwards nothing may have gone wrong on it, and nothing have left this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    page = context.new_page()
    look = Look(page, address)
    page.on("console", lambda said: said.type == "error" and look.wrong.append(said.text))
    page.on("pageerror", lambda error: look.wrong.append(str(error)))
    page.on("request", lambda asked: _elsewhere(asked.url, address) and look.away.append(asked.url))
    yield look
    assert page.evaluate("window.owned") is None
    context.close()
    assert look.wrong == []
    assert look.away == []


def _elsewhere(url: str, address: str) -> bool:
    return not url.startswith((address.partition("?")[0], "data:", "blob:", "file:"))


@pytest.fixture
def look(browser: playwright.Browser, address: str) -> Iterator[Look]:
    yield from looked(browser, address)
