"""What the store costs as a population grows. Run as ``python -m benchmarks.store``.

Each size is a population of its own: for each variant a measurement with a learning curve of 20 points, an
LLM call and two events. Inserts take turns between the sizes, so that the disk's moods fall on all of them;
each is one durable commit of one variant with its records, as the search makes it. Beside it: a bare append
of as many bytes with ``fdatasync``. Opening is measured in a fresh process. TinyDB's own storage, and the
same behind its CachingMiddleware, hold the variants alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from tinydb import TinyDB
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import JSONStorage

from evolve.breeding import Breeder, Choosing, Means
from evolve.briefing import Briefing, Writer
from evolve.lineages import Keeping, Lineages
from operators.chat import Model, ReplyForm
from operators.crossover import Crossover
from operators.llm import LiteLLM
from operators.mutate import Mutate
from operators.portfolio import Arm
from operators.proposal import Operator
from operators.syntactic import Syntactic
from population.ledger import Call, Event
from population.records import Record
from population.store import JOURNAL, Population
from population.variant import Direction, Measurement, Purpose, Variant

SOURCE = Path(__file__).parents[1] / "train.py"
GROUP = 1000  # variants in one commit while a population is laid down
INSERTS = 300
BIRTHS = 300
IDEA = "raise the learning rate a little and shorten the warm-up, so that more steps are taken at full speed"
VALUES = {"LEARNING_RATE": 3e-3, "WIDTH": 128, "DEPTH": 4, "WARMUP": 0.1, "BATCH": 32, "ACTIVATION": "gelu"}


def records(number: int, digest: str) -> list[Record]:
    """Return what a search records of one child."""
    name, now = f"v{number}", 1.7e9 + number
    parents = (f"v{number // 2}",) if number else ()
    curve = tuple((step / 20, 3.5 - 0.02 * step + number % 7 * 1e-3) for step in range(1, 21))
    score = 3.0 + number * 7919 % 10_007 * 1e-4
    told = {"ticket": number, "variant": name, "operator": "mutate", "model": "openai/a-model"}
    return [
        Variant(
            name, digest, digest, f"{number:064x}", parents, "mutate", IDEA, number % 2, 1, "openai/a-model"
        ),
        Event("admitted", f"{name} from {' and '.join(parents)}", now, {**told, "hypothesis": IDEA}),
        Call("openai/a-model", "mutate", "ok", 3000, 400, 0.004, 7.5, 1, f"{number:06d}-mutate.json", now),
        Measurement(
            name, digest, 1, Purpose.FIRST, score, None, 9.1, 8.0, 250_000, curve, VALUES, None, "cpu", "L2"
        ),
        Event("measured", f"{name} {score:.4f} ± 0.0210 (n=1)", now, {**told, "gain": 0.01}),
    ]


def laid_down(folder: Path, size: int) -> None:
    """Make a population of ``size`` variants."""
    with Population.create(folder) as population:
        digest = population.keep_source(SOURCE.read_text())
        for start in range(0, size, GROUP):
            group = range(start, min(size, start + GROUP))
            population.commit(*(record for number in group for record in records(number, digest)))


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that some work takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def inserts(populations: Sequence[Population], sizes: Sequence[int]) -> list[list[float]]:
    """Return the milliseconds of each insert, by size; the last list is of bare appends."""
    digest = populations[0].variants["v0"].digest
    taken: list[list[float]] = [[] for _ in (*sizes, None)]
    with tempfile.TemporaryFile(dir=populations[0].folder) as file:
        for turn in range(INSERTS):
            for population, size, times in zip(populations, sizes, taken, strict=False):
                given = records(size + turn, digest)
                before = (population.folder / JOURNAL).stat().st_size
                times.append(timed(lambda p=population, g=given: p.commit(*g, meta={"clock": 1.0})))  # type: ignore[misc]
                line = b"x" * ((population.folder / JOURNAL).stat().st_size - before)

            def bare(line: bytes = line) -> None:
                file.write(line)
                file.flush()
                os.fdatasync(file.fileno())

            taken[-1].append(timed(bare))
    return taken


def choices(population: Population) -> tuple[list[float], list[float]]:
    """Return the milliseconds of parent selection with all that a birth needs, and of the duplicate check."""
    model = Model("openai/a-model", 1.0, ReplyForm.DIFF, small=False)
    chat = LiteLLM((model,), transcripts=population.folder, record=lambda _: None)  # nobody is asked
    operators: dict[Arm, Operator] = {
        Arm(Syntactic.name): Syntactic(),
        Arm(Mutate.name, model.name): Mutate(chat, model),
        Arm(Crossover.name, model.name): Crossover(chat, model),
    }
    breeder = Breeder(
        population,
        Lineages(Keeping(2)),
        Means(operators, dict.fromkeys(operators, 1.0)),
        Choosing(1, None, 4, 0.8),
        Writer(population, Briefing("a task", "val_loss", Direction.MINIMIZE, "")),
        Direction.MINIMIZE,
    )
    breeder.restore(population.measured, None, [])
    births = [timed(lambda ticket=ticket: breeder.birth(ticket, asking=True)) for ticket in range(BIRTHS)]  # type: ignore[misc]
    rng = np.random.default_rng(1)
    marks = [f"{number:064x}" for number in rng.integers(0, 2 * len(population.variants), BIRTHS)]
    checks = [timed(lambda mark=mark: mark in population.by_fingerprint) for mark in marks]  # type: ignore[misc]
    return births, checks


def opened(folder: Path) -> tuple[float, float]:
    """Open a population in a fresh process; return the seconds, and the most MB that it held."""
    script = "import sys; from benchmarks.store import open_here; open_here(sys.argv[1])"
    said = subprocess.run(
        [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, text=True
    )
    seconds, megabytes = map(float, said.stdout.split())
    return seconds, megabytes


def open_here(folder: str) -> None:
    """Open a population and print the seconds it took, and the most MB that this process held."""
    start = time.perf_counter()
    population = Population.open(Path(folder))
    seconds = time.perf_counter() - start
    assert population.variants
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent held, too
    print(seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024)


def stock(folder: Path, size: int, caching: bool) -> float:
    """Return the median milliseconds of an insert into TinyDB's own storage."""
    path = folder / f"stock-{size}-{caching}.json"
    with TinyDB(path, storage=CachingMiddleware(JSONStorage) if caching else JSONStorage) as db:
        db.insert_multiple(asdict(records(number, "")[0]) for number in range(size))  # type: ignore[arg-type]
        turns = 30 if size <= 10_000 or caching else 3
        return statistics.median(
            timed(lambda n=n: db.insert(asdict(records(n, "")[0])))  # type: ignore[misc,arg-type]
            for n in range(size, size + turns)
        )


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="100,10000,100000")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to work; default: here, then removed"
    )
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.folder or Path.cwd())))
        for size in sizes:
            laid_down(folder / str(size), size)
        openings = [min(opened(folder / str(size)) for _ in range(3)) for size in sizes]
        populations = [stack.enter_context(Population.open(folder / str(size), write=True)) for size in sizes]
        *taken, bare = inserts(populations, sizes)
        chosen = [choices(population) for population in populations]
        snapshots = [timed(population._journal.snapshot) / 1e3 for population in populations]
        stocks = [[stock(folder, size, caching) for size in sizes] for caching in (False, True)]
    table = Table(title="The store as a population grows", title_justify="left")
    table.add_column("variants")
    for size in sizes:
        table.add_column(f"{size:,}", justify="right")
    floor, first = statistics.median(bare), statistics.median(taken[0])
    medians = [statistics.median(times) for times in taken]
    rows = {
        "durable insert, median ms": [f"{one:.2f}" for one in medians],
        "  against the smallest": [f"{one / first:.2f}x" for one in medians],
        f"  beyond a bare fdatasync of {floor:.2f} ms": [f"{one - floor:.2f}" for one in medians],
        "  99th of 100, ms": [f"{np.quantile(times, 0.99):.2f}" for times in taken],
        "opening, s": [f"{seconds:.2f}" for seconds, _ in openings],
        "  most memory, MB": [f"{megabytes:.0f}" for _, megabytes in openings],
        "parents and context, median ms": [f"{statistics.median(births):.3f}" for births, _ in chosen],
        "duplicate check, median ms": [f"{statistics.median(checks):.4f}" for _, checks in chosen],
        "snapshot, s": [f"{seconds:.2f}" for seconds in snapshots],
        "stock TinyDB: insert, median ms": [f"{one:.1f}" for one in stocks[0]],
        "  behind CachingMiddleware (not durable)": [f"{one:.2f}" for one in stocks[1]],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
