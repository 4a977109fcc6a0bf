"""Optuna tunes the numbers inside a variant: one study each, one burst a trial.

A trial's values are rewritten into the source, so that every measured program is a file that one can run.
A failed trial is told to Optuna as failed and a pruned one as pruned, never as a penalty number.

A study's file holds finished trials only, a line each, of all tunings that its variant ever had. What to try
next is drawn in memory from these, by a generator of its own for each trial: a tuning that was killed goes on
with the values it would have tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY  # no public name for trials made whole
from optuna.trial import FrozenTrial, TrialState, create_trial

from evolve.cube import Cube
from evolve.errors import EngineFault
from evolve.inheritance import inherited
from evolve.sampling import AGAIN, PARENT, Nearby, Scores, scores_of
from evolve.studies_file import Draft, StudyFile
from evolve.weighing import Weight, weighed
from population.disk import sync_folder
from population.genome import Tunable, digest, parse_tunables, rounded, with_values
from population.variant import Direction, Measurement, State, Value

_STEPS = 10  # points at which learning curves are compared
_HOPE = 0.25  # standard errors of expected gain with which a trial is worth being confirmed
_SOURCE, _LOST = "source", "lost"  # user attributes of trials that were not drawn for the variant
_STATES = {
    State.SCORED: TrialState.COMPLETE,
    State.FAILED: TrialState.FAIL,
    State.PRUNED: TrialState.PRUNED,
}


class Studies:
    """The studies of a run, each in a journal file of its own (optuna-dashboard opens it).

    Args:
        folder: where the files are.
        direction: which way the metric is better.
        journal: opens a file, which it makes if there is none.
    """

    def __init__(
        self,
        folder: Path,
        direction: Direction,
        journal: Callable[[Path], BaseJournalBackend] = StudyFile,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._folder = folder
        self._direction = direction
        self._journal = journal

    def begin(
        self,
        variant: str,
        source: str,
        measured: Measurement,
        parents: Sequence[str],
        seed: int,
        done: Sequence[Measurement],
        noise: float | None = None,
        confirmed: Sequence[Measurement] = (),
    ) -> Session:
        """Open a variant's study; its first trial is the source as measured, then come its parents' trials.

        With the same arguments, and the trials since then in ``done``, a tuning goes on as if it had never
        been interrupted. Where the study's file is gone, or knows of what is not on record, it is made anew.

        Args:
            variant: id of the variant, the name of its study.
            source: its text as proposed: the same for all tunings that it has.
            measured: its measurement with the values in that source.
            parents: ids of its parents, whose trials are taken over where names and ranges agree.
            seed: of what is drawn, 0 or more.
            done: the trials of all its tunings that are on record, in order; those not yet told are told.
            noise: standard deviation of one burst under the seed of trials; None while unknown.
            confirmed: bursts of its sources under other seeds.

        Raises:
            EngineFault: a study's file is damaged.
            OSError: the disk did not take it; call again.
            ValueError: a measurement of ``done`` is no trial's.
        """
        tunables = {tunable.name: tunable for tunable in parse_tunables(source)}
        space = {name: distribution(tunable) for name, tunable in tunables.items()}
        study = self._load(variant) if self._file(variant).exists() else None
        if study is None or _strange(study, measured, done):
            self._seed(variant, tunables, space, measured, parents, done, noise)
            study = self._load(variant)
        again = _again(measured, confirmed, space)
        session = Session(study, source, tunables, space, self._direction, seed, noise, again)
        session.restore(done)
        return session

    def _file(self, variant: str) -> Path:
        return self._folder / f"{variant}.log"

    def _load(self, variant: str) -> optuna.Study:
        """Open a study that there is."""
        file = self._file(variant)
        try:
            return optuna.load_study(study_name=variant, storage=JournalStorage(self._journal(file)))
        except (ValueError, KeyError, TypeError) as error:
            raise EngineFault(
                f"{file} is damaged; move it away: what was measured stays, and {variant} is tuned from there"
            ) from error

    def _seed(
        self,
        variant: str,
        tunables: Mapping[str, Tunable],
        space: Mapping[str, BaseDistribution],
        measured: Measurement,
        parents: Sequence[str],
        done: Sequence[Measurement],
        noise: float | None,
    ) -> None:
        """Make the study's file, whole or not at all, of the source as measured and its parents' trials."""
        trials = [_finished(measured.values, measured, space, self._direction, {_SOURCE: measured.digest})]
        if measured.score is not None and space:
            own = (measured.values, measured.score)
            for parent in parents:
                if self._file(parent).exists():  # else it was never tuned
                    theirs = self._load(parent).get_trials(deepcopy=False)
                    trials += inherited(theirs, parent, tunables, space, own, self._direction, noise)
        draft = Draft()
        study = optuna.create_study(
            storage=JournalStorage(draft), study_name=variant, direction=self._direction.value
        )
        study.add_trials(trials[: done[0].trial] if done else trials)  # each trial on record keeps its number
        unfinished = self._file(variant).with_suffix(".tmp")
        unfinished.unlink(missing_ok=True)
        self._journal(unfinished).append_logs(draft.logs)
        unfinished.replace(self._file(variant))
        sync_folder(self._folder)


@dataclass(frozen=True, slots=True)
class Winner:
    """The trial that looks better than the values in force.

    Args:
        digest: content hash of its source.
        source: its text.
        values: its values.
        gain: by how much it may be expected to be better.
    """

    digest: str
    source: str
    values: Mapping[str, Value]
    gain: float


@dataclass(frozen=True, slots=True)
class Session:
    """A study being continued. What raised an OSError may be called again, and does the same."""

    study: optuna.Study
    source: str
    tunables: Mapping[str, Tunable]
    space: Mapping[str, BaseDistribution]
    direction: Direction
    seed: int
    noise: float | None
    again: Sequence[FrozenTrial]

    def ask(self, first: Mapping[str, Value] | None = None) -> Attempt | None:
        """Draw the next trial's values (see ``sampling``); None when there are none that were not tried.

        Nothing is put on record: until a trial is told, the same values are drawn again.

        Args:
            first: values to be tried before any are drawn.
        """
        trials = self.study.get_trials(deepcopy=False)
        rng = np.random.default_rng([self.seed, _count_own(trials)])
        drawing = optuna.create_study(
            direction=self.direction.value,
            sampler=Nearby(int(rng.integers(2**32)), self.noise),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=_STEPS // 2),
        )
        drawing.add_trials([trial for trial in trials if trial.params])
        drawing.add_trials(self.again)
        tried = [trial.params for trial in trials if PARENT not in trial.user_attrs]
        values = dict(first or {})
        if not values or values in tried:
            params = drawing.ask(dict(self.space)).params if self.space else {}
            values = {name: rounded(self.tunables[name], value) for name, value in params.items()}
        if values in tried:
            return None
        return Attempt(len(trials), values, with_values(self.source, values), drawing, self.direction)

    def winner(self, values: Mapping[str, Value], known: Collection[str]) -> Winner | None:
        """Return the trial that is worth being confirmed as better than the values in force, if one is.

        Args:
            values: those in force.
            known: content hashes of sources that were confirmed, or refuted, before.
        """
        scores = self._scores()
        own = [trial for trial in self._finished() if PARENT not in trial.user_attrs]
        tried = [trial for trial in own if AGAIN not in trial.user_attrs and trial.params != values]
        if not tried or len(own) < 2:
            return None
        gains = self._gains(scores, values, tried)
        for at in np.argsort([-gain for gain, _ in gains], kind="stable"):
            gain, error = gains[at]
            if gain <= 0.0 or gain < _HOPE * error:
                return None
            source = with_values(self.source, tried[at].params)
            if digest(source) not in known:
                return Winner(digest(source), source, dict(tried[at].params), gain)
        return None

    def weights(self) -> dict[str, Weight]:
        """Return what each tunable does, the weightiest first; nothing before there are enough trials."""
        return weighed(self._scores(), self._finished(), self.direction)

    def _gains(
        self, scores: Scores, values: Mapping[str, Value], tried: Sequence[FrozenTrial]
    ) -> list[tuple[float, float]]:
        """Return by how much each trial is better than the values in force, and the error of that."""
        if self.noise == 0.0:
            now = next(
                (t.value for t in self._finished() if t.params == values and t.value is not None), None
            )
            if now is not None:
                return [(self.direction.gain(one.value or 0.0, over=now), 0.0) for one in tried]
        laid, cube = scores.surface(), scores.cube
        points = cube.embedded(np.stack([cube.unit(one) for one in (values, *(t.params for t in tried))]))
        return [laid.apart(point, points[0]) for point in points[1:]]

    def _scores(self) -> Scores:
        minimize = self.direction is Direction.MINIMIZE
        return scores_of(self._finished(), Cube(self.space), minimize, self.noise)

    def _finished(self) -> list[FrozenTrial]:
        """Return all trials with a score, and the comparisons under other seeds."""
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [*(trial for trial in trials if trial.params), *self.again]

    def tell(self, attempt: Attempt, measured: Measurement) -> None:
        """Tell Optuna what a trial came to, unless it knows.

        Raises:
            OSError: the disk did not take it; call again.
        """
        self._put(attempt.number, attempt.values, measured)

    def restore(self, done: Sequence[Measurement]) -> None:
        """Tell Optuna of the trials on record, in order, that it does not know.

        Raises:
            OSError: the disk did not take one; call again.
            ValueError: a measurement is no trial's.
        """
        for measured in done:
            if measured.trial is None:
                raise ValueError(f"the measurement of a trial holds its number, got {measured}")
            self._put(measured.trial, measured.values, measured)

    def _put(self, number: int, values: Mapping[str, Value], measured: Measurement) -> None:
        """Add the trial of this number; those missing before it were in a file that is gone."""
        there = len(self.study.get_trials(deepcopy=False))
        for _ in range(there, number):
            lost = {_LOST: "this trial was in a file that is gone"}
            self.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=lost))
        if number >= there:
            self.study.add_trial(_finished(values, measured, self.space, self.direction, {}))


class Attempt:
    """One trial: its number, the values, the source that holds them, and when to prune it."""

    def __init__(
        self,
        number: int,
        values: Mapping[str, Value],
        source: str,
        known: optuna.Study,
        direction: Direction,
    ) -> None:
        self.number = number
        self.values = dict(values)
        self.source = source
        self._known = known
        self._direction = direction
        self._points: dict[int, float] = {}

    def watch(self, count: int, progress: float, loss: float) -> bool:
        """See a point of the learning curve, number 1 of a burst first; say whether to prune the trial."""
        if count == 1:
            self._points.clear()  # the burst is made once more
        step = int(progress * _STEPS)
        if step <= max(self._points, default=0) or step >= _STEPS:
            return False
        self._points[step] = self._direction.key(loss)
        running = create_trial(state=TrialState.RUNNING, intermediate_values=self._points)
        return self._known.pruner.prune(self._known, running)


def distribution(tunable: Tunable) -> BaseDistribution:
    """Return Optuna's distribution of a tunable."""
    if tunable.kind == "choice":
        return CategoricalDistribution(tunable.choices)
    if tunable.kind == "int":
        low, high = int(tunable.low), int(tunable.high)
        step = 1 if tunable.log else int(tunable.step or 1)
        return IntDistribution(low, high - (high - low) % step, log=tunable.log, step=step)
    return FloatDistribution(float(tunable.low), float(tunable.high), log=tunable.log)


def _finished(
    values: Mapping[str, Value],
    measured: Measurement,
    space: Mapping[str, BaseDistribution],
    direction: Direction,
    attributes: Mapping[str, str],
) -> FrozenTrial:
    """Return the trial that a burst with these values was."""
    points = _intermediate(measured.curve, direction)
    pruned_at = points[max(points)] if points and measured.state is State.PRUNED else None
    trial = create_trial(
        state=_STATES[measured.state],
        value=pruned_at if measured.score is None else measured.score,
        params=dict(values),
        distributions={name: space[name] for name in values},
        intermediate_values=points,
        user_attrs=dict(attributes),
        system_attrs={_CONSTRAINTS_KEY: list(measured.excess)} if measured.excess else None,
    )
    ended = trial.datetime_complete
    trial.datetime_start = ended and ended - timedelta(seconds=measured.seconds)
    return trial


def _strange(study: optuna.Study, measured: Measurement, done: Sequence[Measurement]) -> bool:
    """Say whether a study is another source's, or holds trials that are not on record."""
    trials = study.get_trials(deepcopy=False)
    return trials[0].user_attrs.get(_SOURCE) != measured.digest or _count_own(trials) > len(done)


def _count_own(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that were drawn for the variant."""
    return sum(not trial.user_attrs for trial in trials)


def _again(
    measured: Measurement,
    confirmed: Sequence[Measurement],
    space: Mapping[str, BaseDistribution],
) -> list[FrozenTrial]:
    """Return what bursts under other seeds say of sources, each compared with that of the first source."""
    scores = {m.seed: m.score for m in confirmed if m.digest == measured.digest and m.score is not None}
    return [
        create_trial(
            params=dict(m.values),
            distributions=dict(space),
            value=measured.score + m.score - scores[m.seed],
            user_attrs={AGAIN: True},
        )
        for m in confirmed
        if m.digest != measured.digest and m.seed in scores
        if m.score is not None and measured.score is not None and m.values.keys() == space.keys()
    ]


def _intermediate(curve: Sequence[tuple[float, float]], direction: Direction) -> dict[int, float]:
    """Return the first loss at each of the steps at which curves are compared."""
    points: dict[int, float] = {}
    for progress, loss in curve:
        step = int(progress * _STEPS)
        if 0 < step < _STEPS:
            points.setdefault(step, direction.key(loss))
    return points
