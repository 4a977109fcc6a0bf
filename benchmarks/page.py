"""How the page fares with a large run. Run as ``python -m benchmarks.page``.

Makes a run of 10,000 made-up variants, serves it, and looks at it in Chromium (headless, WebGL in software):
when the answers are on the screen, when the lineage is, how long the frames are while it is moved, and how
long after a commit the page shows it. The browser's cache is empty.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from population.ledger import Call, Event
from population.records import Record
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

SOURCE = Path(__file__).parents[1] / "train.py"
GROUP = 500  # variants in one commit
NOISE = 0.02
OPERATORS = (
    ("mutate", "openai/a-model"),
    ("mutate", "openai/b-model"),
    ("crossover", "openai/a-model"),
    ("syntactic", ""),
)
IDEAS = (
    "raise LEARNING_RATE a little",
    "widen the MLP and shorten the warm-up",
    "swap relu for silu",
    "norm before attention",
)
BROWSER = os.environ.get("EVOLVE_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
MOVES = 60


class Maker:
    """Makes up what a search would record: children of good parents, some better, some failing."""

    def __init__(self, digest: str, seed: int = 1) -> None:
        self._digest = digest
        self._rng = np.random.default_rng(seed)
        self._truth: list[float] = []
        self._champion = 0

    def child(self, number: int) -> list[Record]:
        """Return the records of one more variant."""
        rng, now = self._rng, 1.7e9 + 10.0 * number
        operator, model = OPERATORS[rng.integers(len(OPERATORS))] if number else ("seed", "")
        parent = self._parent(number)
        truth = 3.5 if parent is None else self._truth[parent] + float(rng.normal(0.01, 0.03))
        fails = number > 0 and rng.random() < 0.12
        self._truth.append(truth + 9.0 * fails)  # nobody's parent
        name = f"v{number}"
        idea = f"{IDEAS[number % len(IDEAS)]} (made up, {number})"
        who = {"variant": name, "operator": operator, "model": model, "hypothesis": idea}
        parents = () if parent is None else (f"v{parent}",)
        mark, island, generation = f"{number:064x}", number % 4, len(parents)
        same = self._digest
        variant = Variant(
            name, same, same, mark, parents, operator, idea, island, generation, model, created=now
        )
        found: list[Record] = [variant, Event("admitted", f"{name} is born", now, {"ticket": number, **who})]
        if model:
            found.append(
                Call(model, operator, "ok", 3000, 400, 0.004, 7.5, 1, f"{number:06d}-{operator}.json", now)
            )
        failure = Failure(FailureKind.EXCEPTION, "ValueError: made up", "") if fails else None
        score = None if fails else truth + float(rng.normal(0.0, NOISE))
        curve = tuple((step / 20, truth + 2.0 * (1 - step / 20)) for step in range(1, 21))
        found.append(self._burst(name, 0, Purpose.FIRST, score, failure, curve))
        found.append(Event("measured", f"{name} is measured", now + 9.0, who))
        if number == 0 or (not fails and truth < self._truth[self._champion] - NOISE):
            self._champion = number
            for seed in (1, 2):
                again = self._burst(
                    name, seed, Purpose.REPLICATE, truth + float(rng.normal(0.0, NOISE)), None, curve
                )
                found += [again, Event("replicated", f"{name} again", now + 9.0 + seed, who)]
            found.append(Event("champion", f"{name} is the new champion", now + 12.0, who))
        return found

    @property
    def champion(self) -> str:
        """The id of the champion."""
        return f"v{self._champion}"

    def _parent(self, number: int) -> int | None:
        """Return the best of three among the last few hundred, as a tournament would."""
        if number == 0:
            return None
        return int(min(self._rng.integers(max(0, number - 300), number, 3), key=lambda one: self._truth[one]))

    def _burst(
        self, name: str, seed: int, purpose: Purpose, score: float | None, failure: Failure | None, curve: Any
    ) -> Measurement:
        of = (name, self._digest, seed, purpose, score, failure, 9.1, 8.0, 250_000, curve)
        return Measurement(*of, values={"WIDTH": 128}, sandbox="L2")


def laid_down(folder: Path, size: int) -> Maker:
    """Make a run of made-up variants, and return what can make more of them."""
    with Population.create(folder) as population:
        maker = Maker(population.keep_source(SOURCE.read_text()))
        meta = {"metric": "val_bpb", "direction": "minimize", "task": "made up, to measure the page"}
        for start in range(0, size, GROUP):
            group = range(start, min(size, start + GROUP))
            records = [record for number in group for record in maker.child(number)]
            population.commit(*records, meta={**meta, "champion": maker.champion, "clock": 9.1 * group[-1]})
    return maker


@contextmanager
def served(*folders: Path) -> Iterator[tuple[str, float]]:
    """Serve runs in a process of its own; give the address, and the seconds until it was there."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "evolve", "serve", *map(str, folders), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"], time.perf_counter() - begun
        finally:
            process.terminate()


def frames(page: Page) -> list[float]:
    """Move the lineage to and fro, and return the milliseconds of each frame meanwhile."""
    page.locator("#graph").scroll_into_view_if_needed()
    box = page.locator("#graph .nsewdrag").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(
        "() => { window.frames = []; let last = performance.now(); const next = (now) => {"
        " window.frames.push(now - last); last = now; window.again = requestAnimationFrame(next); };"
        " window.again = requestAnimationFrame(next); }"
    )
    page.mouse.move(x, y)
    page.mouse.down()
    for move in range(MOVES):
        page.mouse.move(x + 3 * (move % 30), y + move % 15)
    page.mouse.up()
    return list(page.evaluate("() => { cancelAnimationFrame(window.again); return window.frames; }"))[1:]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=10_000)
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place, sync_playwright() as playwright:
        folder = Path(place) / "run"
        maker = laid_down(folder, size)
        with served(folder) as (address, seconds):
            browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
            painted, drawn = [], []
            for _ in range(5):
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                page.goto(address)
                page.wait_for_selector("body[data-drawn]", timeout=60_000)
                marks = "name => performance.getEntriesByName(name)[0].startTime"
                painted.append(page.evaluate(marks, "first-contentful-paint") / 1e3)
                drawn.append((page.evaluate(marks, "answers") / 1e3, page.evaluate(marks, "graph") / 1e3))
            moved = frames(page)
            with Population.open(folder, write=True) as population:
                population.commit(*maker.child(size))
                begun = time.perf_counter()
                page.wait_for_selector("body[data-drawn='2']", timeout=60_000)
                late = time.perf_counter() - begun
            browser.close()
        packed = (folder / "population.journal").stat().st_size / 1e6
    print(f"{size:,} variants, journal {packed:.1f} MB, {os.cpu_count()} cores")
    print(f"served after                      {seconds:.2f} s")
    print(f"first contentful paint, median    {statistics.median(painted):.2f} s")
    print(f"answers on the page, median       {statistics.median(one for one, _ in drawn):.2f} s")
    print(f"lineage drawn, median             {statistics.median(two for _, two in drawn):.2f} s")
    print(f"frame while moving: median        {statistics.median(moved):.0f} ms of {len(moved)}")
    print(f"frame while moving: 95th of 100   {np.quantile(moved, 0.95):.0f} ms")
    print(f"a commit is on the page after     {late:.2f} s")


if __name__ == "__main__":
    main()
