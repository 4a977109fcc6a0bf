"""Optuna tunes the numbers inside a variant: one study each, one burst a trial.

A trial's values are rewritten into the source, so that every measured program is a file that one can run.
A failed trial is told to Optuna as failed and a pruned one as pruned, never as a penalty number.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from evolve.errors import EngineFault
from population.genome import Tunable, parse_tunables, rounded, values_of, with_values
from population.variant import Direction, Measurement, State, Value

FILE = "journal.log"
_STEPS = 10  # points at which learning curves are compared
_PARENT = "parent"  # user attribute of a trial taken over
_FREE = 3  # tunables that a trial changes
_INHERITED = 20  # trials taken over from a parent's study at most


class _Alone(BaseJournalFileLock):
    """A lock between this process's threads; other processes are kept out by the population's lock.

    Optuna's own locks are files that a kill leaves behind, to be waited for at the next start.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self) -> bool:
        return self._lock.acquire()

    def release(self) -> None:
        self._lock.release()


class Studies:
    """The studies of a run, in one Optuna journal file (optuna-dashboard opens it).

    Raises:
        EngineFault: the file is damaged.
    """

    def __init__(self, folder: Path, direction: Direction) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        file = folder / FILE
        _cut_torn_tail(file)
        try:
            self._storage = JournalStorage(JournalFileBackend(str(file), lock_obj=_Alone()))
        except (ValueError, KeyError) as error:
            raise EngineFault(
                f"{file} is damaged; move it away: what was measured stays, and variants are tuned anew"
            ) from error
        self._direction = direction

    def begin(
        self, variant: str, source: str, measured: Measurement, parents: Sequence[str], seed: int
    ) -> Session:
        """Open a variant's study; its first trial is the source as measured, then come its parents' trials.

        Args:
            variant: id of the variant, the name of its study.
            source: its text.
            measured: its measurement with the values in the source.
            parents: ids of its parents, whose trials are taken over where names and ranges agree.
            seed: seed of the sampler.
        """
        tunables = parse_tunables(source)
        study = optuna.create_study(
            storage=self._storage,
            study_name=variant,
            direction=self._direction.value,
            sampler=optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=2),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=_STEPS // 2),
            load_if_exists=True,
        )
        space = {tunable.name: distribution(tunable) for tunable in tunables}
        if not study.get_trials(deepcopy=False):
            self._seed(study, space, values_of(source), measured, parents)
        _give_up_running(study)
        return Session(
            study,
            source,
            {tunable.name: tunable for tunable in tunables},
            self._direction,
            np.random.default_rng(seed),
        )

    def _seed(
        self,
        study: optuna.Study,
        space: Mapping[str, BaseDistribution],
        values: Mapping[str, Value],
        measured: Measurement,
        parents: Sequence[str],
    ) -> None:
        """Add the trial that the source itself is, and what is known of its parents."""
        points = _intermediate(measured.curve, self._direction)
        study.add_trial(
            create_trial(
                params=dict(values),
                distributions=dict(space),
                value=measured.score,
                intermediate_values=points,
                user_attrs={"source": "the values in the source"},
            )
        )
        for parent in parents:
            with contextlib.suppress(KeyError):  # it was never tuned
                self._inherit(study, parent, space, values)

    def _inherit(
        self,
        study: optuna.Study,
        parent: str,
        space: Mapping[str, BaseDistribution],
        values: Mapping[str, Value],
    ) -> None:
        """Take over a parent's trials: as they are where all tunables agree, else its best values to try."""
        before = optuna.load_study(study_name=parent, storage=self._storage)
        trials = before.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        own = [trial for trial in trials if _PARENT not in trial.user_attrs]
        ranked = sorted(own, key=lambda trial: self._direction.key(trial.value or 0.0))
        same = [trial for trial in ranked if trial.distributions == dict(space)]
        for trial in same[:_INHERITED]:
            study.add_trial(
                create_trial(
                    params=trial.params,
                    distributions=trial.distributions,
                    value=trial.value,
                    user_attrs={_PARENT: parent},
                )
            )
        if ranked and not same:
            best = ranked[0]
            shared = {
                name: best.params[name]
                for name, range_ in best.distributions.items()
                if space.get(name) == range_ and best.params[name] != values[name]
            }
            if shared:
                study.enqueue_trial({**values, **shared}, user_attrs={"from": parent})


@dataclass(frozen=True, slots=True)
class Session:
    """A study being continued."""

    study: optuna.Study
    source: str
    tunables: Mapping[str, Tunable]
    direction: Direction
    rng: Generator

    def ask(self) -> Attempt:
        """Draw the next trial's values: a few tunables anew, the others as in the best trial so far.

        A handful of trials says more about a few numbers near a good point than about all numbers at once
        (cf. Wang et al., Bayesian optimization in a billion dimensions via random embeddings, JAIR 55, 2016).
        """
        if not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            names = sorted(self.tunables)
            free = self.rng.choice(len(names), size=min(_FREE, len(names)), replace=False)
            best = self._best()
            self.study.enqueue_trial({name: best[name] for i, name in enumerate(names) if i not in free})
        trial = self.study.ask({name: distribution(tunable) for name, tunable in self.tunables.items()})
        values = {name: rounded(self.tunables[name], value) for name, value in trial.params.items()}
        return Attempt(trial, values, with_values(self.source, values), self.direction)

    def _best(self) -> Mapping[str, Any]:
        """Return the values of the variant's own best trial; the source as measured is one."""
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        own = [trial for trial in trials if _PARENT not in trial.user_attrs]
        return min(own, key=lambda trial: self.direction.key(trial.value or 0.0)).params

    def tell(self, attempt: Attempt, measured: Measurement) -> None:
        """Tell Optuna what a trial came to."""
        states = {State.FAILED: TrialState.FAIL, State.PRUNED: TrialState.PRUNED}
        if measured.state is State.SCORED:
            self.study.tell(attempt.trial, measured.score)
        else:
            self.study.tell(attempt.trial, state=states[measured.state])

    def give_up(self, attempt: Attempt) -> None:
        """Tell Optuna that a trial was never run to its end."""
        self.study.tell(attempt.trial, state=TrialState.FAIL)


class Attempt:
    """One trial: the values, the source that holds them, and when to prune it."""

    def __init__(self, trial: Trial, values: Mapping[str, Value], source: str, direction: Direction) -> None:
        self.trial = trial
        self.values = dict(values)
        self.source = source
        self._direction = direction
        self._step = 0

    def watch(self, _: int, progress: float, loss: float) -> bool:
        """See a point of the learning curve; say whether to prune the trial."""
        step = int(progress * _STEPS)
        if step <= self._step or step >= _STEPS:
            return False
        self._step = step
        self.trial.report(self._direction.key(loss), step)
        return self.trial.should_prune()


def distribution(tunable: Tunable) -> BaseDistribution:
    """Return Optuna's distribution of a tunable."""
    if tunable.kind == "choice":
        return CategoricalDistribution(tunable.choices)
    if tunable.kind == "int":
        low, high = int(tunable.low), int(tunable.high)
        step = 1 if tunable.log else int(tunable.step or 1)
        return IntDistribution(low, high - (high - low) % step, log=tunable.log, step=step)
    return FloatDistribution(float(tunable.low), float(tunable.high), log=tunable.log)


def _intermediate(curve: Sequence[tuple[float, float]], direction: Direction) -> dict[int, float]:
    """Return the first loss at each of the steps at which curves are compared."""
    points: dict[int, float] = {}
    for progress, loss in curve:
        step = int(progress * _STEPS)
        if 0 < step < _STEPS:
            points.setdefault(step, direction.key(loss))
    return points


def _give_up_running(study: optuna.Study) -> None:
    """Mark trials failed that a killed engine left running."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        _fail(study, trial)


def _fail(study: optuna.Study, trial: FrozenTrial) -> None:
    study.tell(trial.number, state=TrialState.FAIL)


def _cut_torn_tail(file: Path) -> None:
    """Cut a last line that a kill left unfinished: Optuna refuses to read past it."""
    if not file.exists():
        return
    data = file.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole != len(data):
        with file.open("r+b") as handle:
            handle.truncate(whole)


def best(measurements: Sequence[Measurement], direction: Direction) -> Measurement | None:
    """Return the best scored trial, or None."""
    scored = [m for m in measurements if m.score is not None]
    return min(scored, key=lambda m: direction.key(m.score or 0.0), default=None)
