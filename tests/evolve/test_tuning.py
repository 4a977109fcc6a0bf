from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from evolve.errors import EngineFault
from evolve.tuning import FILE, Session, Studies, best, distribution
from population.genome import digest, parse_tunables, values_of
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose

SOURCE = """\
LR = 3e-3  # tune: log 1e-4..1e-1
DECAY = 0.1  # tune: 0..0.9
WIDTH = 64  # tune: int 8..70 step 8
HEADS = 4  # tune: int log 1..16
ACTIVATION = "relu2"  # tune: choice relu2 gelu silu


def train(burst):
    return LR
"""
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")
DOWN, UP = Direction.MINIMIZE, Direction.MAXIMIZE
Measured = Callable[..., Measurement]


@pytest.fixture
def burst(a_measurement: Measured) -> Measured:
    """Return measurements of a source, of ``SOURCE`` if none is given."""

    def made(score: float | None, source: str = SOURCE, **fields: object) -> Measurement:
        told = {"digest": digest(source), "values": values_of(source), "purpose": Purpose.TRIAL}
        return a_measurement("v1", score, **(told | fields))

    return made


def begun(
    folder: Path,
    measured: Measurement,
    source: str = SOURCE,
    variant: str = "v1",
    parents: tuple[str, ...] = (),
    direction: Direction = DOWN,
    seed: int = 1,
) -> Session:
    return Studies(folder, direction).begin(variant, source, measured, parents, seed)


def trials(folder: Path, variant: str = "v1") -> list[FrozenTrial]:
    """Read a study as anybody would, with Optuna alone."""
    storage = JournalStorage(JournalFileBackend(str(folder / FILE)))
    return optuna.load_study(study_name=variant, storage=storage).trials


# the ranges


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LR", FloatDistribution(1e-4, 1e-1, log=True)),
        ("DECAY", FloatDistribution(0, 0.9)),
        ("WIDTH", IntDistribution(8, 64, step=8)),  # 70 is not on the grid
        ("HEADS", IntDistribution(1, 16, log=True)),
        ("ACTIVATION", CategoricalDistribution(("relu2", "gelu", "silu"))),
    ],
)
def test_a_tunable_is_drawn_from_its_range(name: str, expected: object) -> None:
    known = {tunable.name: tunable for tunable in parse_tunables(SOURCE)}
    assert distribution(known[name]) == expected


# the trials


def test_the_first_trial_is_the_source_as_measured(tmp_path: Path, burst: Measured) -> None:
    begun(tmp_path, burst(2.5, curve=((0.05, 9.0), (0.3, 4.0), (0.31, 3.9), (1.0, 2.6))))
    (first,) = trials(tmp_path)
    assert (first.state, first.value, first.params) == (TrialState.COMPLETE, 2.5, values_of(SOURCE))
    assert first.intermediate_values == {3: 4.0}


def test_a_trial_is_a_program_that_holds_its_values(tmp_path: Path, burst: Measured) -> None:
    session = begun(tmp_path, burst(2.5))
    for _ in range(8):
        attempt = session.ask()
        assert values_of(attempt.source) == attempt.values
        session.tell(attempt, burst(2.6))


def test_a_trial_changes_at_most_three_tunables_of_the_best_one_so_far(
    tmp_path: Path, burst: Measured
) -> None:
    session = begun(tmp_path, burst(2.5))
    so_far, score = values_of(SOURCE), 2.5
    for number in range(10):
        attempt = session.ask()
        changed = [name for name, value in attempt.trial.params.items() if value != so_far[name]]
        assert len(changed) <= 3
        result = 2.4 - number / 100 if number % 3 == 0 else 2.7
        session.tell(attempt, burst(result))
        if result < score:
            so_far, score = dict(attempt.trial.params), result


def test_each_trial_is_told_as_what_it_came_to(tmp_path: Path, burst: Measured) -> None:
    session = begun(tmp_path, burst(2.5))
    for measured in (burst(2.4), burst(None, failure=BROKEN), burst(None)):
        session.tell(session.ask(), measured)
    session.give_up(session.ask())
    told = [(trial.state, trial.value) for trial in trials(tmp_path)]
    assert told == [
        (TrialState.COMPLETE, 2.5),
        (TrialState.COMPLETE, 2.4),
        (TrialState.FAIL, None),
        (TrialState.PRUNED, None),
        (TrialState.FAIL, None),
    ]


def test_the_same_seed_draws_the_same_trials(tmp_path: Path, burst: Measured) -> None:
    def drawn(folder: Path, seed: int) -> list[str]:
        session, sources = begun(folder, burst(2.5), seed=seed), []
        for number in range(5):
            attempt = session.ask()
            session.tell(attempt, burst(2.4 + number / 10))
            sources.append(attempt.source)
        return sources

    one, two, other = (drawn(tmp_path / name, seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    assert one == two
    assert one != other


# pruning


@pytest.mark.parametrize("direction", [DOWN, UP])
def test_a_trial_whose_loss_lies_far_behind_is_pruned_and_one_ahead_is_not_whatever_the_metric(
    direction: Direction, tmp_path: Path, burst: Measured
) -> None:
    curve = tuple((step / 10, 5.0) for step in range(1, 10))
    session = begun(tmp_path, burst(5.0, curve=curve), direction=direction)
    second = session.ask()
    assert not any(second.watch(0, progress, loss) for progress, loss in curve)
    session.tell(second, burst(5.0))
    behind, ahead = session.ask(), session.ask()
    assert any(behind.watch(0, progress, 9.0) for progress, _ in curve)
    assert not any(ahead.watch(0, progress, 1.0) for progress, _ in curve)


def test_many_points_within_a_tenth_of_the_budget_count_as_one(tmp_path: Path, burst: Measured) -> None:
    session = begun(tmp_path, burst(5.0))
    attempt = session.ask()
    for step in range(101):
        attempt.watch(0, step / 100, 5.0)
    session.tell(attempt, burst(5.0))
    assert sorted(trials(tmp_path)[1].intermediate_values) == list(range(1, 10))


# parents


def test_the_trials_of_a_parent_with_the_same_ranges_are_taken_over(tmp_path: Path, burst: Measured) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    parent.tell(parent.ask(), burst(2.3))
    parent.tell(parent.ask(), burst(None, failure=BROKEN))
    begun(tmp_path, burst(2.4), variant="v2", parents=("v1", "v0"))
    own, *taken = trials(tmp_path, "v2")
    assert own.value == 2.4
    assert [(trial.value, trial.user_attrs) for trial in taken] == [
        (2.3, {"parent": "v1"}),
        (2.5, {"parent": "v1"}),
    ]


def test_what_a_parent_took_over_is_not_taken_over_again(tmp_path: Path, burst: Measured) -> None:
    begun(tmp_path, burst(2.5), variant="v1")
    begun(tmp_path, burst(2.4), variant="v2", parents=("v1",))
    begun(tmp_path, burst(2.3), variant="v3", parents=("v2",))
    assert [trial.value for trial in trials(tmp_path, "v3")] == [2.3, 2.4]


def test_a_parents_better_score_is_not_taken_for_the_variants_own(tmp_path: Path, burst: Measured) -> None:
    parent = begun(tmp_path, burst(1.0, source=SOURCE), variant="v1")
    parent.tell(parent.ask(), burst(0.5))
    child = SOURCE.replace("DECAY = 0.1", "DECAY = 0.7")
    session = begun(tmp_path, burst(2.5, source=child), child, "v2", ("v1",))
    kept = [
        sum(value == values_of(child)[name] for name, value in session.ask().trial.params.items())
        for _ in range(6)
    ]
    assert min(kept) >= len(values_of(child)) - 3


def test_of_a_parent_with_other_ranges_the_best_values_are_tried_first(
    tmp_path: Path, burst: Measured
) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    better = parent.ask()
    parent.tell(better, burst(1.5))
    child = SOURCE.replace("0..0.9", "0..0.95").replace("WIDTH = 64", "WIDTH = 16")
    session = begun(tmp_path, burst(2.4, source=child), child, "v2", ("v1",))
    first = session.ask()
    shared = {name: better.trial.params[name] for name in ("LR", "WIDTH", "HEADS", "ACTIVATION")}
    assert first.trial.params == {**shared, "DECAY": 0.1}
    assert [trial.value for trial in trials(tmp_path, "v2")] == [2.4, None]


def test_a_parent_that_was_never_tuned_leaves_nothing(tmp_path: Path, burst: Measured) -> None:
    begun(tmp_path, burst(2.5), parents=("v0",))
    assert len(trials(tmp_path)) == 1


# going on


def test_a_study_goes_on_where_it_was_and_a_trial_that_a_kill_left_has_failed(
    tmp_path: Path, burst: Measured
) -> None:
    session = begun(tmp_path, burst(2.5))
    session.tell(session.ask(), burst(2.4))
    session.ask()  # its burst is never told of
    again = begun(tmp_path, burst(2.5))
    states = [trial.state for trial in trials(tmp_path)]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]
    assert again.ask().trial.number == 3


@pytest.mark.parametrize("tail", ['{"op_code": 4, "worker', "\x00\x00\x00", "{}"])
def test_a_line_that_a_kill_cut_short_is_left_out(tail: str, tmp_path: Path, burst: Measured) -> None:
    session = begun(tmp_path, burst(2.5))
    session.tell(session.ask(), burst(2.4))
    with (tmp_path / FILE).open("a") as file:
        file.write(tail)
    again = begun(tmp_path, burst(2.5))
    again.tell(again.ask(), burst(2.3))
    assert [trial.value for trial in trials(tmp_path)] == [2.5, 2.4, 2.3]


def test_a_journal_that_is_damaged_is_told_with_what_to_do(tmp_path: Path, burst: Measured) -> None:
    session = begun(tmp_path, burst(2.5))
    session.tell(session.ask(), burst(2.4))
    lines = (tmp_path / FILE).read_text().splitlines(keepends=True)
    (tmp_path / FILE).write_text("".join([*lines[:2], "{damaged\n", *lines[2:]]))
    with pytest.raises(EngineFault, match=f"{FILE} is damaged; move it away"):
        begun(tmp_path, burst(2.5))


@pytest.mark.parametrize("left", [".lock", ".rename"])
def test_a_lock_that_somebody_left_behind_is_not_waited_for(
    left: str, tmp_path: Path, burst: Measured
) -> None:
    begun(tmp_path, burst(2.5))
    (tmp_path / f"{FILE}{left}").symlink_to("nowhere")
    assert begun(tmp_path, burst(2.5)).ask().trial.number == 1


# the best of them


def test_the_best_is_the_best_scored_one_whichever_way_is_better(burst: Measured) -> None:
    worse, better, failed = burst(2.5), burst(2.0), burst(None, failure=BROKEN)
    assert best([worse, failed, better], DOWN) is better
    assert best([worse, failed, better], UP) is worse
    assert best([failed, burst(None)], DOWN) is None
    assert best([], DOWN) is None
