"""Variants that mean harm, each a file in ``attacks``, run the whole way of a burst at every level.

A variant that reaches what it should not prints a line that begins with ``reached``. Each attack is tried at
the level that stops it and at every higher one that this machine has; after each, an honest variant runs on
the same slot: it finds an empty working directory and gets the score that it always gets.

No level stops a model that remembers what it was asked and looks ahead very timidly; what that may gain is
measured in ``tests/evolve/tasks``. At L0 nothing is claimed of files, of the network and of other processes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evolve.bursts import landlock, probing, process
from evolve.bursts.executor import Job, Plan, Result
from evolve.bursts.sandbox import Level
from evolve.tasks.language import LanguageSettings, LanguageTask
from population.variant import FailureKind
from tests.system.bench import Bench, benched, never, runs
from tests.system.engine import plan_in

pytestmark = pytest.mark.system

FOLDER = Path(__file__).with_name("attacks")
SECRET = "sk-not-for-variants"
HERE = probing.highest()
SCOPED = landlock.abi() >= landlock.SCOPE_ABI
LEVELS = tuple(Level)
SLOTS = 2


@dataclass(frozen=True)
class Refused:
    """An attack that ends its burst.

    Args:
        name: file of the variant.
        kinds: the failure that it is recorded as; the first limit that it meets, where there are two.
        message: what the failure says, a pattern.
        levels: where this is what comes of it.
    """

    name: str
    kinds: FailureKind | tuple[FailureKind, ...]
    message: str
    levels: tuple[Level, ...] = LEVELS


@dataclass(frozen=True)
class Harmless:
    """An attack that comes to nothing: the burst is scored, and nothing was reached.

    Args:
        name: file of the variant.
        since: the first level that claims so.
        same: whether its score is that of the honest variant; else it is no better.
    """

    name: str
    since: Level = Level.L0
    same: bool = True

    @property
    def levels(self) -> tuple[Level, ...]:
        return tuple(level for level in LEVELS if level >= self.since)


UNSCOPED = LEVELS if not SCOPED else (Level.L0,)
ABOVE = () if not SCOPED else LEVELS[1:]
LOST = "a process that watches over the burst was lost"

ATTACKS: tuple[Refused | Harmless, ...] = (
    # the metric and those who compute it
    Harmless("patches"),
    Harmless("fakes_prints"),
    Harmless("walks_gc"),
    Harmless("floods", same=False),
    Harmless("forges", same=False),
    Refused("garbage", FailureKind.CONTRACT, "bytes that are not a frame"),
    Refused("huge_frame", FailureKind.CONTRACT, r"a frame of 4294967295 bytes where at most \d+ fit"),
    Refused("early_answer", FailureKind.CONTRACT, "a frame of kind ANSWER while training"),
    Refused("pickles", FailureKind.CONTRACT, "bytes that are not a frame"),
    Refused("lying_tensor", FailureKind.CONTRACT, r"an answer of 16 bytes where shape"),
    Refused("lying_class", FailureKind.EXCEPTION, "has no attribute 'detach'"),
    Refused("hangs_up", FailureKind.CONTRACT, "closed its connection to the scorer"),
    # answers
    Refused("nonfinite", FailureKind.NONFINITE, "NaN or infinity"),
    Refused("infinite", FailureKind.NONFINITE, "NaN or infinity"),
    Harmless("unnormalised", same=False),
    Harmless("huge", same=False),
    Refused("raises_in_scoring", FailureKind.EXCEPTION, r"RuntimeError: no answer for \(\d+,\)"),
    Refused("peeks", FailureKind.NONCAUSAL, "predictions change when later bytes are there"),
    Refused("remembers", FailureKind.STATEFUL, "answers the same tokens differently the second time"),
    Refused("memorises", FailureKind.STATEFUL, "answers the same tokens differently the second time"),
    Refused("peeks_and_memorises", FailureKind.NONCAUSAL, "which byte follows|can see what follows"),
    Refused("leaks_across_rows", FailureKind.NONCAUSAL, "depends on the other rows of its batch"),
    Refused("depends_on_batch", FailureKind.NONCAUSAL, "depends on the other rows of its batch"),
    # time, memory, processes, output
    Refused("endless", FailureKind.TIMEOUT, "ran past its budget of CPU time"),
    Refused("stops_itself", FailureKind.TIMEOUT, "ran past its budget of 1 s"),
    Refused("allocates", FailureKind.MEMORY, r"more than a burst may|MemoryError"),
    Refused("eats_memory", FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
    Refused("hides_memory", FailureKind.MEMORY, r"used \d+ MiB, more than a burst may"),
    Refused("spawns", (FailureKind.LIMIT, FailureKind.MEMORY), "(processes|MiB, more) than a burst may"),
    Refused("fork_bomb", (FailureKind.LIMIT, FailureKind.MEMORY), "more processes than|MiB, more than"),
    Refused("fills_scratch", FailureKind.LIMIT, "wrote more to its working directory than a burst may"),
    Refused("fills_unnamed", FailureKind.LIMIT, "wrote more to its working directory than a burst may"),
    Refused("litters", FailureKind.LIMIT, "wrote more to its working directory than a burst may"),
    Refused("exits_at_once", FailureKind.EXCEPTION, "exited with code 0 before it was scored"),
    Harmless("chatty", same=False),
    Harmless("mute", same=False),
    Harmless("daemon", same=False),
    Harmless("raises_limits", since=Level.L1),
    # those above it
    Harmless("environment"),
    Harmless("reads_parents"),
    Harmless("litters_cleverly"),
    Harmless("swaps_scratch"),
    Refused("kills_supervisor", FailureKind.KILLED, LOST, UNSCOPED),
    Refused("stops_supervisor", FailureKind.KILLED, LOST, UNSCOPED),
    Refused("kills_supervisor", FailureKind.EXCEPTION, "PermissionError", ABOVE),
    Refused("stops_supervisor", FailureKind.EXCEPTION, "PermissionError", ABOVE),
    # the machine
    Harmless("reads_text", since=Level.L1),
    Harmless("reads_library", since=Level.L1),
    Harmless("reads_neighbours", since=Level.L1),
    Harmless("edits_files", since=Level.L1),
    Harmless("fills_elsewhere", since=Level.L1),
    Harmless("opens_sockets", since=Level.L1),
    Harmless("calls", since=Level.L1),
    Harmless("sees_machine", since=Level.L2),
    *([Harmless("signals", since=Level.L1)] if SCOPED else []),
)


def source(name: str) -> str:
    """Return a variant's text; two of the plain ones are attacks as well."""
    path = FOLDER / f"{name}.py"
    return (path if path.exists() else FOLDER.with_name("variants") / f"{name}.py").read_text()


@dataclass(frozen=True)
class Outcome:
    """What came of an attack, and of the honest variant that ran after it."""

    result: Result
    log: str
    after: Result
    after_log: str


@dataclass(frozen=True)
class Round:
    """All attacks at one level."""

    bench: Bench
    honest: float
    outcomes: dict[str, Outcome]
    before: dict[str, str]


def plan_at(folder: Path, level: Level) -> Plan:
    """Give bursts little to take, so that what takes too much of it hurts nobody."""
    library = LanguageTask.load(LanguageSettings()).held_out()
    plan = plan_in(folder, level.name, windows=128, words=200_000)
    return replace(
        plan,
        devices=("cpu",) * SLOTS,
        hidden=(*plan.hidden, *library),
        scratch_bytes=8 << 20,
        processes=24,
    )


def ours(plan: Plan) -> dict[str, str]:
    """Return what lies around a burst, logs and working directories left out."""
    found = [path for path in plan.train_file.parent.rglob("*") if path.is_file()]
    kept = [
        path for path in found if not path.is_relative_to(plan.logs) and not path.is_relative_to(plan.scratch)
    ]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def attacked(bench: Bench, names: list[str]) -> dict[str, Outcome]:
    """Run each attack and then the honest variant on the same slot, on all slots at once."""
    outcomes: dict[str, Outcome] = {}
    left = iter(names)

    async def on_a_slot() -> None:
        for name in left:
            result = await bench.executor.run(Job(name, source(name), seed=1), never)
            after = await bench.executor.run(Job(f"after-{name}", source("honest"), seed=1), never)
            outcomes[name] = Outcome(result, bench.log(name), after, bench.log(f"after-{name}"))

    async def on_all_slots() -> None:
        await asyncio.gather(*(on_a_slot() for _ in range(SLOTS)))

    bench.runner.run(on_all_slots())
    return outcomes


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.name)
def a_round(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    level: Level = request.param
    if level > HERE.level:
        pytest.skip(HERE.missing)
    plan = plan_at(tmp_path_factory.mktemp(level.name), level)
    os.environ["OPENAI_API_KEY"] = SECRET
    with benched(plan) as bench:
        before = ours(plan)
        (honest,) = bench.run(Job("honest", source("honest"), seed=1))
        assert honest.score is not None
        names = list(dict.fromkeys(attack.name for attack in ATTACKS if level in attack.levels))
        yield Round(bench, honest.score, attacked(bench, names), before)
    del os.environ["OPENAI_API_KEY"]


def outcome_of(attack: Refused | Harmless, a_round: Round) -> Outcome:
    if a_round.bench.level not in attack.levels:
        pytest.skip(f"{a_round.bench.level.name} does not claim to stop this, or stops it otherwise")
    return a_round.outcomes[attack.name]


def named(attack: Refused | Harmless) -> str:
    return f"{attack.name}-{attack.levels[0].name}" if attack.levels else f"{attack.name}-nowhere"


@pytest.mark.parametrize("attack", [one for one in ATTACKS if isinstance(one, Refused)], ids=named)
def test_an_attack_that_is_found_out_is_a_failure_of_its_kind(attack: Refused, a_round: Round) -> None:
    outcome = outcome_of(attack, a_round)
    assert outcome.result.score is None
    assert outcome.result.failure is not None
    kinds = attack.kinds if isinstance(attack.kinds, tuple) else (attack.kinds,)
    assert outcome.result.failure.kind in kinds, outcome.result.failure
    assert re.search(attack.message, outcome.result.failure.message), outcome.result.failure
    assert "reached" not in outcome.log


@pytest.mark.parametrize("attack", [one for one in ATTACKS if isinstance(one, Harmless)], ids=named)
def test_an_attack_that_comes_to_nothing_gains_nothing(attack: Harmless, a_round: Round) -> None:
    outcome = outcome_of(attack, a_round)
    assert outcome.result.failure is None, outcome.result.failure
    assert outcome.result.score is not None
    assert [line for line in outcome.log.splitlines() if line.startswith("reached")] == []
    if attack.same:
        assert outcome.result.score == a_round.honest
    else:
        assert outcome.result.score >= a_round.honest - 1e-6


def test_after_every_attack_the_search_goes_on_in_an_empty_folder(a_round: Round) -> None:
    wrong = {
        name: (outcome.after.failure, outcome.after_log)
        for name, outcome in a_round.outcomes.items()
        if outcome.after.score != a_round.honest or outcome.after_log != "found []\n"
    }
    assert wrong == {}


def test_after_all_attacks_nothing_runs_that_did_not_before(a_round: Round) -> None:
    give_up = time.monotonic() + 10
    for zygote in a_round.bench.zygotes():
        while process.descendants(zygote) and time.monotonic() < give_up:
            time.sleep(0.05)  # the zygote may be about to sweep what the last one left
        assert process.descendants(zygote) == []
    if a_round.bench.level < Level.L2:  # from L2 on a process's number in there says nothing out here
        found = re.search(r"daemon (\d+)", a_round.outcomes["daemon"].log)
        assert found is not None
        assert not runs(int(found[1]))


def test_after_all_attacks_our_files_are_what_they_were(a_round: Round) -> None:
    plan = a_round.bench.plan
    assert ours(plan) == a_round.before
    assert not (plan.train_file.parent / "planted").exists()
    assert [path for path in plan.scratch.glob("*/*") if not path.parent.is_symlink()] == []


def test_no_secret_is_in_the_environment_and_no_privilege_in_reach(a_round: Round) -> None:
    log = a_round.outcomes["environment"].log
    assert "OMP_NUM_THREADS" in log
    assert "API_KEY" not in log
    assert SECRET not in log
    assert "descriptors 5\n" in log  # 0 to 2, the way to the scorer, the folder listed
    assert re.search(r"CapPrm:\t0{16} CapEff:\t0{16}", log)


def test_what_is_scored_on_cannot_be_read_from_pythons_library(a_round: Round) -> None:
    if a_round.bench.level < Level.L1:
        pytest.skip("L0 does not claim to stop this")
    read = {line.removeprefix("read ") for line in a_round.outcomes["reads_library"].log.splitlines()}
    held_out = {str(path.resolve()) for path in a_round.bench.plan.hidden}
    assert len(read) > 300
    assert len(held_out) > 20
    assert read & held_out == set()


def test_a_hundred_megabytes_of_prints_leave_a_megabyte_of_head_and_tail(a_round: Round) -> None:
    log = a_round.outcomes["chatty"].log
    assert log.startswith("the first line\n")
    assert log.endswith("the last line\n")
    assert re.search(r"\.\.\. \d+ bytes left out \.\.\.", log)
    assert 1 << 20 <= len(log) <= (1 << 20) + 100


def test_a_flood_of_reports_is_thinned_and_holds_only_progress(a_round: Round) -> None:
    curve = a_round.outcomes["floods"].result.curve
    assert 0 < len(curve) <= 200
    assert all(0.0 <= progress <= 1.0 for progress, _ in curve)


def test_a_busy_burst_is_ended_by_the_cpu_time_it_took(a_round: Round) -> None:
    plan = a_round.bench.plan
    assert plan.seconds < a_round.outcomes["endless"].result.seconds < plan.patience
