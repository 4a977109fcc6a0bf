"""Variants that mean harm, on a GPU: what CUDA needs is open to them there, and nothing else.

The attacks are those of ``tests/system``, made to answer on the GPU. Where docs/security.md says that a GPU
opens something, the lines that say so are expected.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evolve.bursts.executor import Job, Result
from evolve.bursts.sandbox import Level
from population.variant import FailureKind
from tests.gpu.devices import gpu_plan, needs_gpu
from tests.system.bench import Bench, benched

pytestmark = [pytest.mark.gpu, needs_gpu]

ATTACKS = Path(__file__).parents[1] / "system" / "attacks"
SLOTS = 4
ON_THE_GPU = """

_train = train


def train(burst):
    return _train(burst).to(burst.device)
"""
FOUND = "found ['.nv']\n"  # made by CUDA itself, for what it compiles
REFUSED = {
    "peeks": (FailureKind.NONCAUSAL, "predictions change when later bytes are there"),
    "remembers": (FailureKind.STATEFUL, "answers the same tokens differently the second time"),
    "endless": (FailureKind.TIMEOUT, "ran past its budget of 5 s"),
    "stops_itself": (FailureKind.TIMEOUT, "ran past its budget of 5 s"),
    "eats_memory": (FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
    "hides_memory": (FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
    "spawns": (FailureKind.LIMIT, "started more processes than a burst may"),  # but see SOONER
    "fills_scratch": (FailureKind.LIMIT, "wrote more to its working directory than a burst may"),
    "fills_unnamed": (FailureKind.LIMIT, "wrote more to its working directory than a burst may"),
    "exits_at_once": (FailureKind.EXCEPTION, "exited with code 0 before it was scored"),
}
SOONER = {("spawns", Level.L3): (FailureKind.EXCEPTION, "BlockingIOError")}
"""What may come of it too, where the kernel is sooner."""
HARMLESS = {  # since which level, and what it may reach
    "environment": (Level.L0, ""),
    "reads_parents": (Level.L0, ""),
    "daemon": (Level.L0, ""),
    "walks_gc": (Level.L0, ""),
    "raises_limits": (Level.L1, ""),
    "reads_text": (Level.L1, ""),
    "reads_library": (Level.L1, ""),
    "reads_neighbours": (Level.L1, ""),
    "fills_elsewhere": (Level.L1, "reached memory without a name"),
    "opens_sockets": (Level.L1, r"reached (1|AddressFamily.AF_UNIX) .*(1|5|SOCK_STREAM|SOCK_SEQPACKET)"),
    "calls": (Level.L1, ""),
    "edits_files": (Level.L2, ""),
    "sees_machine": (Level.L2, rf"reached (/{Path(sys.prefix).parts[1]}|processes [4-9])"),  # its threads
}


@dataclass(frozen=True)
class Round:
    """All attacks at one level: what came of each, what it printed, and an honest variant after them."""

    bench: Bench
    results: dict[str, Result]
    after: list[Result]

    def reached(self, name: str) -> list[str]:
        lines = self.bench.log(name).splitlines()
        return [line for line in lines if line.startswith("reached")]


def source(name: str) -> str:
    return (ATTACKS / f"{name}.py").read_text() + ON_THE_GPU


@pytest.fixture(scope="module")
def a_round(level: Level, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    plan = replace(
        gpu_plan(tmp_path_factory.mktemp(level.name), level, SLOTS),
        seconds=5.0,
        memory_bytes=4 << 30,
        processes=24,
        scratch_bytes=8 << 20,
    )
    names = [*REFUSED, *(name for name, (since, _) in HARMLESS.items() if level >= since)]
    with benched(plan) as bench:
        results = dict(
            zip(names, bench.run(*(Job(name, source(name), seed=1) for name in names)), strict=True)
        )
        after = bench.run(*(Job(f"after-{n}", source("honest"), seed=1) for n in range(SLOTS)))
        yield Round(bench, results, after)


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_that_is_found_out_is_a_failure_of_its_kind(name: str, a_round: Round) -> None:
    failure = a_round.results[name].failure
    assert failure is not None
    expected = [REFUSED[name], SOONER.get((name, a_round.bench.level), REFUSED[name])]
    assert failure.kind in [kind for kind, _ in expected], failure
    assert any(re.search(message, failure.message) for _, message in expected), failure


@pytest.mark.parametrize("name", HARMLESS)
def test_an_attack_reaches_no_more_than_a_gpu_opens(name: str, a_round: Round) -> None:
    if name not in a_round.results:
        pytest.skip(f"{a_round.bench.level.name} does not claim to stop this on a GPU")
    _, may = HARMLESS[name]
    assert a_round.results[name].failure is None, a_round.results[name].failure
    assert [line for line in a_round.reached(name) if not re.fullmatch(may, line)] == []


def test_after_all_attacks_honest_variants_score_in_an_empty_folder(a_round: Round) -> None:
    assert len({result.score for result in a_round.after}) == 1, a_round.after
    assert a_round.after[0].score is not None
    assert [a_round.bench.log(f"after-{number}") for number in range(SLOTS)] == [FOUND] * SLOTS
