"""Optuna tunes the numbers inside a variant: one study each, one burst a trial.

A trial's values are rewritten into the source, so that every measured program is a file that one can run.
A failed trial is told to Optuna as failed and a pruned one as pruned, never as a penalty number.

A study's file holds finished trials only, a line each. What to try next is drawn in memory from these, by
a generator of its own for each trial: a tuning that was killed goes on with the values it would have tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.random import Generator
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from evolve.errors import EngineFault
from evolve.studies_file import Draft, StudyFile
from population.disk import sync_folder
from population.genome import Tunable, parse_tunables, rounded, with_values
from population.variant import Direction, Measurement, State, Value

_STEPS = 10  # points at which learning curves are compared
_FREE = 3  # tunables that a trial changes
_INHERITED = 20  # trials taken over from a parent's study at most
_SOURCE, _PARENT, _LOST = "source", "parent", "lost"  # user attributes of trials that are not of this tuning
_FIRST = "first"  # user attribute of a study: values of its parents, to be tried before any are drawn
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
    ) -> Session:
        """Open a variant's study; its first trial is the source as measured, then come its parents' trials.

        With the same arguments, and the trials since then in ``done``, a tuning goes on as if it had never
        been interrupted. Where the study's file is gone, or knows of what is not on record, it is made anew.

        Args:
            variant: id of the variant, the name of its study.
            source: its text.
            measured: its measurement with the values in the source.
            parents: ids of its parents, whose trials are taken over where names and ranges agree.
            seed: of what is drawn, 0 or more.
            done: the trials of this tuning that are on record, in order; those not yet told are told.

        Raises:
            EngineFault: a study's file is damaged.
            OSError: the disk did not take it; call again.
            ValueError: a measurement of ``done`` is no trial's.
        """
        tunables = {tunable.name: tunable for tunable in parse_tunables(source)}
        space = {name: distribution(tunable) for name, tunable in tunables.items()}
        study = self._load(variant) if self._file(variant).exists() else None
        if study is None or _strange(study, measured, done):
            self._seed(variant, space, measured, parents, done)
            study = self._load(variant)
        session = Session(study, source, tunables, space, self._direction, seed)
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
        space: Mapping[str, BaseDistribution],
        measured: Measurement,
        parents: Sequence[str],
        done: Sequence[Measurement],
    ) -> None:
        """Make the study's file, whole or not at all, of the source as measured and its parents' trials."""
        values = measured.values
        trials = [_finished(values, measured, space, self._direction, {_SOURCE: measured.digest})]
        first: list[Mapping[str, Value]] = []
        for parent in parents:
            if self._file(parent).exists():  # else it was never tuned
                same, other = self._inherited(parent, space, values)
                trials += same
                first += other
        draft = Draft()
        study = optuna.create_study(
            storage=JournalStorage(draft), study_name=variant, direction=self._direction.value
        )
        study.add_trials(trials[: done[0].trial] if done else trials)  # each trial on record keeps its number
        study.set_user_attr(_FIRST, first)
        unfinished = self._file(variant).with_suffix(".tmp")
        unfinished.unlink(missing_ok=True)
        self._journal(unfinished).append_logs(draft.logs)
        unfinished.replace(self._file(variant))
        sync_folder(self._folder)

    def _inherited(
        self, parent: str, space: Mapping[str, BaseDistribution], values: Mapping[str, Value]
    ) -> tuple[list[FrozenTrial], list[Mapping[str, Value]]]:
        """Return a parent's trials where all tunables agree, else its best values, to be tried first."""
        trials = self._load(parent).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        own = [trial for trial in trials if _PARENT not in trial.user_attrs]
        ranked = sorted(own, key=lambda trial: self._direction.key(trial.value or 0.0))
        same = [trial for trial in ranked if trial.distributions == space]
        if same:
            return [_taken_over(trial, parent) for trial in same[:_INHERITED]], []
        shared = {
            name: best.params[name]
            for best in ranked[:1]
            for name, range_ in best.distributions.items()
            if space.get(name) == range_ and best.params[name] != values[name]
        }
        return [], [{**values, **shared}] if shared else []


@dataclass(frozen=True, slots=True)
class Session:
    """A study being continued. What raised an OSError may be called again, and does the same."""

    study: optuna.Study
    source: str
    tunables: Mapping[str, Tunable]
    space: Mapping[str, BaseDistribution]
    direction: Direction
    seed: int

    def ask(self) -> Attempt:
        """Draw the next trial's values: a few tunables anew, the others as in the best trial so far.

        A handful of trials says more about a few numbers near a good point than about all numbers at once
        (cf. Wang et al., Bayesian optimization in a billion dimensions via random embeddings, JAIR 55, 2016).

        Nothing is put on record: until a trial is told, the same values are drawn again.
        """
        trials = self.study.get_trials(deepcopy=False)
        index = _count_own(trials)
        rng = np.random.default_rng([self.seed, index])
        drawing = optuna.create_study(
            direction=self.direction.value,
            sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**32)), n_startup_trials=2),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=_STEPS // 2),
        )
        drawing.add_trials(
            trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        )
        first = self.study.user_attrs[_FIRST]
        drawing.enqueue_trial(first[index] if index < len(first) else self._kept(trials, rng))
        params = drawing.ask(dict(self.space)).params
        values = {name: rounded(self.tunables[name], value) for name, value in params.items()}
        return Attempt(len(trials), values, with_values(self.source, values), drawing, self.direction)

    def _kept(self, trials: Sequence[FrozenTrial], rng: Generator) -> dict[str, Any]:
        """Return all but a few values of the variant's own best trial; the source as measured is one."""
        own = [t for t in trials if t.state is TrialState.COMPLETE and _PARENT not in t.user_attrs]
        params = min(own, key=lambda trial: self.direction.key(trial.value or 0.0)).params
        names = sorted(self.tunables)
        free = rng.choice(len(names), size=min(_FREE, len(names)), replace=False)
        return {name: params[name] for i, name in enumerate(names) if i not in free}

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


def _taken_over(trial: FrozenTrial, parent: str) -> FrozenTrial:
    """Return a parent's trial as it stands in a child's study."""
    return create_trial(
        params=trial.params,
        distributions=trial.distributions,
        value=trial.value,
        user_attrs={_PARENT: parent},
    )


def _intermediate(curve: Sequence[tuple[float, float]], direction: Direction) -> dict[int, float]:
    """Return the first loss at each of the steps at which curves are compared."""
    points: dict[int, float] = {}
    for progress, loss in curve:
        step = int(progress * _STEPS)
        if 0 < step < _STEPS:
            points.setdefault(step, direction.key(loss))
    return points


def best(trials: Sequence[Measurement], own: str, direction: Direction) -> Measurement | None:
    """Return the best scored trial, those left out that drew the numbers of the source itself (``own``)."""
    scored = [m for m in trials if m.score is not None and m.digest != own]
    return min(scored, key=lambda m: direction.key(m.score or 0.0), default=None)
