from __future__ import annotations

import math
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from evolve.cube import Cube
from evolve.errors import EngineFault
from evolve.sampling import REACH
from evolve.studies_file import StudyFile
from evolve.tuning import Attempt, Session, Studies, distribution
from population.genome import digest, parse_tunables, values_of
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, State

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
SAME = SOURCE.replace("DECAY = 0.1", "DECAY = 0.7")
OTHER = SOURCE.replace("0..0.9", "0..0.95").replace("WIDTH = 64", "WIDTH = 16")
Measured = Callable[..., Measurement]
Result = Callable[..., Measurement]
Step = Callable[..., Measurement]


@pytest.fixture
def burst(a_measurement: Measured) -> Measured:
    """Return measurements of a source, of ``SOURCE`` if none is given."""

    def made(score: float | None, source: str = SOURCE, **fields: object) -> Measurement:
        told = {"digest": digest(source), "values": values_of(source), "purpose": Purpose.TRIAL}
        return a_measurement("v1", score, **(told | fields))

    return made


@pytest.fixture
def result(burst: Measured) -> Result:
    """Return what a trial came to."""

    def made(attempt: Attempt, score: float | None, **fields: object) -> Measurement:
        return burst(score, attempt.source, trial=attempt.number, **fields)

    return made


@pytest.fixture
def step(result: Result) -> Step:
    """Make one trial of a session and tell what it came to."""

    def made(session: Session, score: float | None, **fields: object) -> Measurement:
        attempt = session.ask()
        measured = result(attempt, score, **fields)
        session.tell(attempt, measured)
        return measured

    return made


def begun(
    folder: Path,
    measured: Measurement,
    source: str = SOURCE,
    variant: str = "v1",
    parents: tuple[str, ...] = (),
    direction: Direction = DOWN,
    seed: int = 1,
    done: tuple[Measurement, ...] = (),
) -> Session:
    return Studies(folder, direction).begin(variant, source, measured, parents, seed, done)


def trials(folder: Path, variant: str = "v1") -> list[FrozenTrial]:
    """Read a study as anybody would, with Optuna alone."""
    storage = JournalStorage(JournalFileBackend(str(folder / f"{variant}.log")))
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


def test_a_trial_is_a_program_that_holds_its_values(tmp_path: Path, burst: Measured, result: Result) -> None:
    session = begun(tmp_path, burst(2.5))
    for number in range(1, 9):
        attempt = session.ask()
        assert values_of(attempt.source) == attempt.values
        session.tell(attempt, result(attempt, 2.6))
        assert trials(tmp_path)[number].params == attempt.values


def test_a_trial_stays_within_reach_of_one_before(tmp_path: Path, burst: Measured, step: Step) -> None:
    session = begun(tmp_path, burst(2.5))
    cube = Cube(session.space)
    tried = [cube.unit(values_of(SOURCE))]
    for number in range(12):
        measured = step(session, 2.4 - number / 100 if number % 3 == 0 else 2.7)
        unit = cube.unit(measured.values)
        numbers = [at for at, range_ in enumerate(session.space.values()) if hasattr(range_, "low")]
        assert min(abs(unit - one)[numbers].max() for one in tried) <= REACH + 0.03  # of a coarse grid
        tried.append(unit)


def test_no_program_is_tried_twice_and_a_tuning_ends_when_none_is_left_within_reach(
    tmp_path: Path, a_measurement: Measured
) -> None:
    source = 'K = 1  # tune: int 1..3\nKIND = "a"  # tune: choice a b\n'
    first = a_measurement("v1", 2.0, digest=digest(source), values=values_of(source))
    session = begun(tmp_path, first, source)
    sources = {source}
    while (attempt := session.ask()) is not None:
        assert attempt.source not in sources
        sources.add(attempt.source)
        told = replace(first, score=2.0 + len(sources) / 10, trial=attempt.number, values=attempt.values)
        session.tell(attempt, told)
    assert len(sources) >= 4


def test_given_values_are_tried_first_and_once(tmp_path: Path, burst: Measured, result: Result) -> None:
    session = begun(tmp_path, burst(2.5))
    wanted = {**values_of(SOURCE), "LR": 0.05}
    attempt = session.ask(wanted)
    assert attempt is not None
    assert attempt.values == wanted
    session.tell(attempt, result(attempt, 2.4))
    after = session.ask(wanted)
    assert after is not None
    assert after.values != wanted


def test_the_same_seed_draws_the_same_trials(tmp_path: Path, burst: Measured, result: Result) -> None:
    def drawn(folder: Path, seed: int) -> list[str]:
        session, sources = begun(folder, burst(2.5), seed=seed), []
        for number in range(6):
            attempt = session.ask()
            assert attempt is not None
            session.tell(attempt, result(attempt, 2.4 + number / 10))
            sources.append(attempt.source)
        return sources

    one, two, other = (drawn(tmp_path / name, seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    assert one == two
    assert one != other
    assert len(set(one)) == 6


def test_each_trial_is_told_as_what_it_came_to(tmp_path: Path, burst: Measured, step: Step) -> None:
    session = begun(tmp_path, burst(2.5))
    curve = ((0.1, 4.0), (0.2, 3.5), (0.25, 3.4))
    step(session, 2.4)
    step(session, None, failure=BROKEN)
    step(session, None)
    step(session, None, curve=curve)
    told = [(trial.state, trial.value, trial.intermediate_values) for trial in trials(tmp_path)]
    assert told == [
        (TrialState.COMPLETE, 2.5, {}),
        (TrialState.COMPLETE, 2.4, {}),
        (TrialState.FAIL, None, {}),
        (TrialState.PRUNED, None, {}),
        (TrialState.PRUNED, 3.5, {1: 4.0, 2: 3.5}),
    ]


def test_a_trial_took_as_long_as_its_burst(tmp_path: Path, burst: Measured, step: Step) -> None:
    session = begun(tmp_path, burst(2.5))
    step(session, 2.4, seconds=17.5)
    took = trials(tmp_path)[1].duration
    assert took is not None
    assert took.total_seconds() == 17.5


def test_a_measurement_that_is_no_trials_is_not_told(tmp_path: Path, burst: Measured) -> None:
    with pytest.raises(ValueError, match="the measurement of a trial holds its number"):
        begun(tmp_path, burst(2.5), done=(burst(2.4),))


# pruning


CURVE = tuple((step / 10, 5.0) for step in range(1, 10))


def pruned(attempt: Attempt, loss: float) -> list[bool]:
    """Say after each point of a burst's curve whether the trial is pruned."""
    return [attempt.watch(count, progress, loss) for count, (progress, _) in enumerate(CURVE, 1)]


@pytest.mark.parametrize("direction", [DOWN, UP])
def test_a_trial_whose_loss_lies_far_behind_is_pruned_and_one_ahead_is_not_whatever_the_metric(
    direction: Direction, tmp_path: Path, burst: Measured, result: Result
) -> None:
    session = begun(tmp_path, burst(5.0, curve=CURVE), direction=direction)
    second = session.ask()
    assert not any(pruned(second, 5.0))
    session.tell(second, result(second, 5.0, curve=CURVE))
    assert any(pruned(session.ask(), 9.0))
    assert not any(pruned(session.ask(), 1.0))


def test_a_burst_that_is_made_once_more_is_pruned_where_it_was_at_first(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    session = begun(tmp_path, burst(5.0, curve=CURVE))
    step(session, 5.0, curve=CURVE)
    attempt = session.ask()
    first = pruned(attempt, 9.0)
    assert any(first)
    assert pruned(attempt, 9.0) == first
    assert not any(pruned(attempt, 1.0))
    assert pruned(attempt, 9.0) == first


def test_many_points_within_a_tenth_of_the_budget_count_as_the_first(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    session = begun(tmp_path, burst(5.0, curve=CURVE))
    step(session, 5.0, curve=CURVE)
    attempt = session.ask()
    points = [(step / 100, 1.0 if step % 10 == 0 else 9.0) for step in range(101)]
    assert not any(attempt.watch(count, *point) for count, point in enumerate(points, 1))


# parents


def test_the_trials_of_a_parent_are_taken_over_at_the_level_of_the_childs_own_score(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    step(parent, 2.3)
    step(parent, None, failure=BROKEN)
    begun(tmp_path, burst(2.4), variant="v2", parents=("v1", "v0"))
    own, *taken = trials(tmp_path, "v2")
    assert own.value == 2.4
    assert [trial.user_attrs for trial in taken] == [{"parent": "v1"}] * 2
    assert [trial.value for trial in taken] == pytest.approx([2.2, 2.4])


def test_what_a_parent_took_over_goes_on_to_its_child_after_its_own(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    step(begun(tmp_path, burst(2.5), variant="v1"), 2.0)
    begun(tmp_path, burst(2.4), variant="v2", parents=("v1",))
    begun(tmp_path, burst(2.3), variant="v3", parents=("v2",))
    assert [trial.value for trial in trials(tmp_path, "v3")] == pytest.approx([2.3, 2.3, 1.8, 2.3])


def test_of_a_parent_with_other_numbers_the_shared_ones_are_taken_over_beside_the_childs_own(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    better = parent.ask({**values_of(SOURCE), "LR": 0.01, "DECAY": 0.5})
    assert better is not None
    parent.tell(better, result(better, 1.5))
    source = SOURCE.replace("DECAY", "DROPOUT").replace("WIDTH = 64", "WIDTH = 16")
    begun(tmp_path, burst(2.4, source), source, "v2", ("v1",))
    _, taken, _ = trials(tmp_path, "v2")
    shared = {name: better.values[name] for name in ("LR", "WIDTH", "HEADS", "ACTIVATION")}
    assert taken.params == {**shared, "DROPOUT": 0.1}


def test_values_that_a_child_may_not_have_are_not_taken_over(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    attempt = parent.ask({**values_of(SOURCE), "LR": 0.09})
    assert attempt is not None
    parent.tell(attempt, result(attempt, 1.5))
    source = SOURCE.replace("1e-4..1e-1", "1e-4..1e-2")
    begun(tmp_path, burst(2.4, source), source, "v2", ("v1",))
    assert [trial.params["LR"] for trial in trials(tmp_path, "v2")] == [3e-3, 3e-3]


def test_a_parent_with_mostly_other_numbers_leaves_nothing(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    step(begun(tmp_path, burst(2.5), variant="v1"), 2.0)
    source = "LR = 3e-3  # tune: log 1e-4..1e-1\nA = 1  # tune: int 1..9\nB = 1  # tune: int 1..9\n"
    begun(tmp_path, burst(2.4, source), source, "v2", ("v1",))
    assert len(trials(tmp_path, "v2")) == 1


def test_a_parent_that_was_never_tuned_leaves_nothing(tmp_path: Path, burst: Measured) -> None:
    begun(tmp_path, burst(2.5), parents=("v0",))
    assert len(trials(tmp_path)) == 1


# going on


def test_a_trial_is_drawn_again_until_it_is_told_whoever_asks(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    session = begun(tmp_path, burst(2.5))
    first = session.ask()
    session.tell(first, result(first, 2.4))
    second = session.ask()
    again = begun(tmp_path, burst(2.5), done=(result(first, 2.4),))
    for attempt in (session.ask(), again.ask()):
        assert (attempt.number, attempt.source) == (2, second.source)
    assert second.source != first.source
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE] * 2


def test_a_trial_that_is_on_record_is_told_once(tmp_path: Path, burst: Measured, result: Result) -> None:
    attempt = begun(tmp_path, burst(2.5)).ask()
    measured = result(attempt, 2.4)
    for _ in range(2):
        begun(tmp_path, burst(2.5), done=(measured,)).tell(attempt, measured)
    assert [trial.value for trial in trials(tmp_path)] == [2.5, 2.4]


def test_a_trial_that_was_refused_before_its_burst_goes_on_record_as_failed(
    tmp_path: Path, burst: Measured, result: Result, step: Step
) -> None:
    session = begun(tmp_path / "a", burst(2.5))
    done = (step(session, 2.4), result(session.ask(), None, failure=BROKEN, values={}))
    session.tell(session.ask(), done[-1])
    again = begun(tmp_path / "b", burst(2.5), done=done)
    assert again.ask().source == session.ask().source
    assert [trial.state for trial in trials(tmp_path / "b")][1:] == [TrialState.COMPLETE, TrialState.FAIL]


@pytest.mark.parametrize("tail", ['{"op_code": 4, "worker', "\x00\x00\x00", "{}"])
def test_a_line_that_a_kill_cut_short_is_left_out(
    tail: str, tmp_path: Path, burst: Measured, step: Step
) -> None:
    session = begun(tmp_path, burst(2.5))
    measured = step(session, 2.4)
    with (tmp_path / "v1.log").open("a") as file:
        file.write(tail)
    again = begun(tmp_path, burst(2.5), done=(measured,))
    step(again, 2.3)
    assert [trial.value for trial in trials(tmp_path)] == [2.5, 2.4, 2.3]


@pytest.mark.parametrize("damage", ["{damaged\n", "{}\n", "[]\n"])
def test_a_study_that_is_damaged_is_told_with_what_to_do(
    damage: str, tmp_path: Path, burst: Measured, step: Step
) -> None:
    session = begun(tmp_path, burst(2.5))
    step(session, 2.4)
    lines = (tmp_path / "v1.log").read_text().splitlines(keepends=True)
    (tmp_path / "v1.log").write_text("".join([*lines[:2], damage, *lines[2:]]))
    with pytest.raises(EngineFault, match=r"v1.log is damaged; move it away: .*, and v1 is tuned from there"):
        begun(tmp_path, burst(2.5))


@pytest.mark.parametrize("left", [".lock", ".rename"])
def test_a_lock_that_somebody_left_behind_is_not_waited_for(
    left: str, tmp_path: Path, burst: Measured
) -> None:
    begun(tmp_path, burst(2.5))
    (tmp_path / f"v1.log{left}").symlink_to("nowhere")
    assert begun(tmp_path, burst(2.5)).ask().number == 1


# killed at any instant

FAMILY = {"v1": (SOURCE, ()), "v2": (SAME, ("v1",)), "v3": (OTHER, ("v1", "v2"))}
TRIALS = 3
Records = dict[str, list[Measurement]]


class Killed(BaseException):
    """The process has died."""


class Life:
    """Ends after so many instants."""

    def __init__(self, left: float = math.inf) -> None:
        self.left = left

    def pass_by(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class MortalFile(StudyFile):
    """A file whose writer may die in the middle of each line, and when all are written."""

    def __init__(self, file: Path, life: Life) -> None:
        super().__init__(file)
        self._life, self._path = life, file

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        for number, log in enumerate(logs):
            try:
                self._life.pass_by()
            except Killed:
                super().append_logs(logs[: number + 1])
                half = len(str(log)) // 2
                self._path.write_bytes(self._path.read_bytes()[:-half])
                raise
        super().append_logs(logs)
        self._life.pass_by()


def ran(attempt: Attempt, result: Result) -> Measurement:
    """Make the burst of a trial, which depends on its source alone."""
    values = attempt.values
    end = abs(math.log10(float(values["LR"])) + 2) + float(values["DECAY"]) + float(values["WIDTH"]) / 100
    if digest(attempt.source)[0] in "01":
        return result(attempt, None, failure=BROKEN)
    curve = []
    for count in range(1, 21):
        curve.append((count / 20, end + 1 - count / 20))
        if attempt.watch(count, *curve[-1]):
            return result(attempt, None, curve=tuple(curve))
    return result(attempt, end, curve=tuple(curve))


def tune(folder: Path, records: Records, life: Life, burst: Measured, result: Result) -> None:
    """Tune a family as the engine does: a trial goes on record first, and is told then."""
    studies = Studies(folder, DOWN, lambda file: MortalFile(file, life))
    for seed, (variant, (source, parents)) in enumerate(FAMILY.items(), 2):
        done = records.setdefault(variant, [])
        first = burst(3.0, source, curve=tuple((step / 10, 3.0) for step in range(1, 11)))
        session = studies.begin(variant, source, first, parents, seed, done)
        while len(done) < TRIALS:
            attempt = session.ask()
            measured = ran(attempt, result)
            life.pass_by()
            done.append(measured)
            session.tell(attempt, measured)


def written(folder: Path) -> dict[str, list[Mapping[str, Any]]]:
    return {name: [seen(trial) for trial in trials(folder, name)] for name in FAMILY}


def seen(trial: FrozenTrial) -> Mapping[str, Any]:
    names = ("number", "state", "value", "params", "distributions", "intermediate_values", "user_attrs")
    return {name: getattr(trial, name) for name in names}


@pytest.fixture
def whole(tmp_path: Path, burst: Measured, result: Result) -> tuple[Records, dict[str, list[Any]]]:
    """Return the trials of a family tuned without an interruption, as measured and as in the files."""
    records: Records = {}
    tune(tmp_path / "whole", records, Life(), burst, result)
    states = {m.state for done in records.values() for m in done}
    assert states == set(State)  # of each kind some
    return records, written(tmp_path / "whole")


def test_a_tuning_killed_at_any_instant_goes_on_as_if_it_had_not_been(
    whole: tuple[Records, dict[str, list[Any]]], tmp_path: Path, burst: Measured, result: Result
) -> None:
    instants = 0
    while True:
        folder, records, life = tmp_path / str(instants), Records(), Life(instants)
        try:
            tune(folder, records, life, burst, result)
        except Killed:
            tune(folder, records, Life(), burst, result)
        assert (records, written(folder)) == whole, f"killed after {instants} instants"
        if life.left >= 0:
            break
        instants += 11
    assert instants > 2 * TRIALS * len(FAMILY)


@pytest.mark.parametrize("lifetime", [20, 25])
def test_a_tuning_killed_again_and_again_goes_on_as_if_it_had_not_been(
    lifetime: int,
    whole: tuple[Records, dict[str, list[Any]]],
    tmp_path: Path,
    burst: Measured,
    result: Result,
) -> None:
    records, deaths = Records(), 0
    while True:
        try:
            tune(tmp_path / "killed", records, Life(lifetime), burst, result)
            break
        except Killed:
            deaths += 1
    assert deaths > 1
    assert (records, written(tmp_path / "killed")) == whole


@pytest.mark.parametrize("lost", [[], ["v1"], ["v3"], ["v2", "v3"]])
def test_a_study_that_is_gone_or_knows_more_than_the_record_is_made_anew_of_what_is_on_record(
    lost: list[str],
    whole: tuple[Records, dict[str, list[Any]]],
    tmp_path: Path,
    burst: Measured,
    result: Result,
) -> None:
    records = {name: list(done) for name, done in whole[0].items()}
    del records["v3"][1:]
    for name in lost:
        (tmp_path / "whole" / f"{name}.log").unlink()
    tune(tmp_path / "whole", records, Life(), burst, result)
    assert (records, written(tmp_path / "whole")) == whole


def test_a_study_of_another_source_is_made_anew(tmp_path: Path, burst: Measured, step: Step) -> None:
    session = begun(tmp_path, burst(2.5))
    step(session, 2.4)
    begun(tmp_path, burst(3.0, OTHER), OTHER)
    (only,) = trials(tmp_path)
    assert (only.value, only.params) == (3.0, values_of(OTHER))


def test_trials_on_record_keep_their_numbers_when_the_studies_of_parents_are_gone_too(
    whole: tuple[Records, dict[str, list[Any]]], tmp_path: Path, burst: Measured
) -> None:
    done = tuple(whole[0]["v2"])
    session = begun(tmp_path, burst(3.0, SAME), SAME, "v2", ("v1",), done=done)
    assert [trial["number"] for trial in whole[1]["v2"] if not trial["user_attrs"]] == [m.trial for m in done]
    assert [trial.number for trial in trials(tmp_path, "v2") if not trial.user_attrs] == [
        m.trial for m in done
    ]
    assert session.ask().number == len(whole[1]["v2"])


def test_trials_on_record_keep_their_numbers_when_a_parent_has_more_trials_now(
    tmp_path: Path, burst: Measured, result: Result, step: Step
) -> None:
    parent = begun(tmp_path, burst(2.5), variant="v1")
    child = begun(tmp_path, burst(2.4), variant="v2", parents=("v1",))
    measured = result(child.ask(), 2.3)
    step(parent, 2.2)
    (tmp_path / "v2.log").unlink()
    begun(tmp_path, burst(2.4), variant="v2", parents=("v1",), done=(measured,))
    assert [trial.value for trial in trials(tmp_path, "v2")] == pytest.approx([2.4, 2.1, 2.3])
    assert measured.trial == 2


# a full disk


@contextmanager
def room(bytes_: int) -> Iterator[None]:
    """Let no file grow past so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("missing", [1, 100, 10_000])
def test_what_a_full_disk_did_not_take_is_told_once_there_is_room(
    missing: int, tmp_path: Path, burst: Measured, result: Result, step: Step
) -> None:
    def sizes() -> int:
        return (tmp_path / "v1.log").stat().st_size

    session = begun(tmp_path, burst(2.5))
    before = sizes()
    step(session, 2.4)
    line = sizes() - before
    attempt = session.ask()
    before = sizes()
    for _ in range(2):
        with room(before + max(0, line - missing)), pytest.raises(OSError, match="File too large"):
            session.tell(attempt, result(attempt, 2.3))
        assert sizes() == before
        assert session.ask().source == attempt.source
    session.tell(attempt, result(attempt, 2.3))
    assert [trial.value for trial in trials(tmp_path)] == [2.5, 2.4, 2.3]


def test_a_tuning_that_a_full_disk_did_not_let_begin_begins_as_if_it_had_room(
    tmp_path: Path, burst: Measured, step: Step
) -> None:
    def child(folder: Path) -> Session:
        return begun(folder, burst(2.4), variant="v2", parents=("v1",))

    for name in ("a", "b"):
        parent = begun(tmp_path / name, burst(2.5), variant="v1")
        step(parent, 2.3)
    expected = child(tmp_path / "a").ask()
    size = (tmp_path / "a" / "v2.log").stat().st_size
    for part in range(8):
        with room(size * part // 8), pytest.raises(OSError, match="File too large"):
            child(tmp_path / "b")
        assert not (tmp_path / "b" / "v2.log").exists()
    found = child(tmp_path / "b").ask()
    assert (found.number, found.source) == (expected.number, expected.source)
    assert len(trials(tmp_path / "b", "v2")) == 3


def test_a_full_disk_does_not_hinder_a_burst(tmp_path: Path, burst: Measured, step: Step) -> None:
    session = begun(tmp_path, burst(5.0, curve=CURVE))
    step(session, 5.0, curve=CURVE)
    with room(0):
        assert any(pruned(session.ask(), 9.0))


# the best of them


def told(session: Session, result: Result, *scores: float | None) -> list[Attempt]:
    """Make trials that come to these scores; return them."""
    attempts = []
    for score in scores:
        attempt = session.ask()
        assert attempt is not None
        session.tell(attempt, result(attempt, score))
        attempts.append(attempt)
    return attempts


@pytest.mark.parametrize(("direction", "better", "worse"), [(DOWN, 1.0, 4.0), (UP, 4.0, 1.0)])
@pytest.mark.parametrize("noise", [0.0, 0.1, None])
def test_a_trial_that_is_clearly_better_wins_whichever_way_is_better(
    noise: float | None,
    direction: Direction,
    better: float,
    worse: float,
    tmp_path: Path,
    burst: Measured,
    result: Result,
) -> None:
    session = Studies(tmp_path, direction).begin("v1", SOURCE, burst(2.5), (), 1, (), noise)
    _, best, _ = told(session, result, worse, better, None)
    found = session.winner(values_of(SOURCE), ())
    assert found is not None
    assert (found.values, found.source) == (best.values, best.source)
    assert found.digest == digest(best.source)
    assert found.gain > 0.0


def test_a_trial_within_the_noise_does_not_win(tmp_path: Path, burst: Measured, result: Result) -> None:
    session = Studies(tmp_path, DOWN).begin("v1", SOURCE, burst(2.5), (), 1, (), 1.0)
    told(session, result, 2.45, 2.6, 2.4, 2.5)
    assert session.winner(values_of(SOURCE), ()) is None


def test_without_noise_any_gain_wins_and_none_does_not(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    session = Studies(tmp_path, DOWN).begin("v1", SOURCE, burst(2.5), (), 1, (), 0.0)
    told(session, result, 2.5, 2.6)
    assert session.winner(values_of(SOURCE), ()) is None
    told(session, result, 2.4999)
    assert session.winner(values_of(SOURCE), ()) is not None


def test_what_was_confirmed_before_does_not_win_again(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    session = Studies(tmp_path, DOWN).begin("v1", SOURCE, burst(2.5), (), 1, (), 0.0)
    best, second = told(session, result, 1.0, 1.5)
    found = session.winner(values_of(SOURCE), {digest(best.source)})
    assert found is not None
    assert found.values == second.values


def test_what_another_seed_says_of_a_trial_counts_with_its_score(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    first = burst(2.5)
    session = Studies(tmp_path, DOWN).begin("v1", SOURCE, first, (), 1, (), 0.2)
    (lucky,) = told(session, result, 1.8)
    assert session.winner(values_of(SOURCE), ()) is not None
    both = [
        replace(first, seed=1, score=3.5, purpose=Purpose.CONFIRM),
        replace(result(lucky, 5.5), seed=1, trial=None, purpose=Purpose.CONFIRM),
    ]
    done = [result(lucky, 1.8)]
    again = Studies(tmp_path, DOWN).begin("v1", SOURCE, first, (), 1, done, 0.2, both)
    assert again.winner(values_of(SOURCE), ()) is None


def test_a_tuning_goes_on_with_all_trials_after_values_were_adopted(
    tmp_path: Path, burst: Measured, result: Result
) -> None:
    studies = Studies(tmp_path, DOWN)
    session = studies.begin("v1", SOURCE, burst(2.5), (), 1, (), 0.0)
    scores = (2.4, 2.0, 2.6, 2.7)
    attempts = told(session, result, *scores)
    done = [result(attempt, score) for attempt, score in zip(attempts, scores, strict=True)]
    again = studies.begin("v1", SOURCE, burst(2.5), (), 9, done, 0.0)
    assert [trial.value for trial in trials(tmp_path)] == [2.5, *scores]
    assert again.winner(done[1].values, ()) is None
    attempt = again.ask()
    assert attempt is not None
    assert attempt.number == 5
