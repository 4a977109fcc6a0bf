"""What searches are put through: their engine or a process of theirs is killed, again and again.

Each ordeal returns what was seen; what should not have been is among it as text.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from operators.local import MODEL
from population.errors import NotARun, PopulationError
from tests.scripted_llm import Behaviour, ScriptedLLM
from tests.system import invariants, kills
from tests.system.command import SEED, TASK, Event, left
from tests.system.invariants import Look
from tests.system.kills import Moment, Role
from tests.system.sitting import Sitting, sitting

SCRIPTED = "openai/scripted"
PRICES = (1.0, 10.0)  # dollars per million tokens of prompt and reply
USAGE = (100, 50)  # tokens of each; less than what a lost answer is taken to have cost
PRICE = sum(price * tokens for price, tokens in zip(PRICES, USAGE, strict=True)) / 1e6

_PACE = ("--slots", 2, "--ahead", 4, "--trials", 2, "--seed-replicates", 3)
_LONGER = 12_000  # tokens of a burst, so that more of a search is bursts
_EACH = 8  # evaluations for each kill
_PACES = {Role.ZYGOTE: 2.0, Role.LLM: 4.0}  # times that these are killed the more rarely: they start slowly
_DIES = 60.0  # seconds that helpers may outlive their engine: they may be importing torch


class Answering(ScriptedLLM):
    """Takes a moment for each answer, so that kills find requests under way, and counts its answers."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.answered = 0
        super().__init__(["ok"], usage=USAGE)

    def next_behaviour(self, request: dict[str, Any], headers: dict[str, str]) -> Behaviour:
        behaviour = super().next_behaviour(request, headers)
        time.sleep(self.seconds)
        with self._lock:
            self.answered += 1
        return behaviour

    def flags(self) -> tuple[object, ...]:
        """Return the flags of a search that asks this server and pays for it."""
        price = f"{SCRIPTED}={PRICES[0]},{PRICES[1]}"
        return ("--model", SCRIPTED, "--api-base", self.api_base, "--price", price)


@dataclass(slots=True)
class Seen:
    """What an ordeal came to.

    Args:
        name: what was killed.
        kills: how often.
        sessions: processes of the search that were started.
        evaluations: bursts on record in the end.
        violations: what must not be, as text.
        seconds: how long it all took.
    """

    name: str
    kills: int = 0
    sessions: int = 0
    evaluations: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Seen) -> None:
        """Take in what another ordeal came to."""
        self.kills += other.kills
        self.sessions += other.sessions
        self.evaluations += other.evaluations
        self.violations += other.violations
        self.seconds += other.seconds

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"{self.name:<9} {self.kills:>4} kills {self.sessions:>4} sessions {self.evaluations:>6} "
            f"evaluations {len(self.violations):>4} violations {self.seconds / 60:>6.1f} minutes"
        )


class Ordeal:
    """A run in a folder of its own, over all the sessions that it takes."""

    def __init__(self, name: str, cwd: Path, text: Path, *flags: object) -> None:
        shutil.copytree(text, cwd / "words")
        self.cwd = cwd
        self.seen = Seen(name)
        self.told: list[Event] = []
        self.last: Look | None = None
        self._command = ("run", SEED, "--data", cwd / "words", *TASK, "--run", "run", *_PACE, *flags)
        self._begun = time.monotonic()

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.cwd / "run"

    @property
    def evaluations(self) -> int:
        """Bursts on record at the last look."""
        return self.last.evaluations if self.last else 0

    @contextmanager
    def session(self, evaluations: int) -> Iterator[Sitting]:
        """Begin or resume the run, with a budget; then look at it: what it told, what is there, what runs."""
        self.seen.sessions += 1
        command = self._command if self.last is None else ("resume", "run")
        with sitting(*command, "--evaluations", evaluations, cwd=self.cwd) as one:
            yield one
        self.told += one.told
        running = left(kills.strays(self.cwd, one.process.pid), _DIES)
        self.blame(f"still running: {kills.words(process)}" for process in running)
        if one.process.returncode not in (0, -signal.SIGKILL):
            self.blame([f"exit code {one.process.returncode}: {one.errors}"])
        self._look()

    def _look(self) -> None:
        try:
            now = invariants.look(self.folder)
        except NotARun as error:
            if self.told:
                self.blame([f"it told of a run that is not there: {error}"])
            shutil.rmtree(self.folder, ignore_errors=True)  # killed while it was made: nothing to go on with
            return
        except PopulationError as error:
            self.blame([str(error)])
            return
        self.blame(invariants.broken(now, self.told))
        self.blame(invariants.lost(self.last, now) if self.last else ())
        self.last = now
        self.seen.evaluations = now.evaluations

    def blame(self, violations: Iterable[str]) -> None:
        """Note what must not be, with the session that it was seen after."""
        self.seen.violations += [f"session {self.seen.sessions}: {violation}" for violation in violations]

    def finish(self, evaluations: int) -> Event:
        """Let the search use its budget, and see that it ends by that; return its last line."""
        with self.session(evaluations) as one:
            one.end()
        return self.ended(one, evaluations)

    def ended(self, one: Sitting, evaluations: int) -> Event:
        """See that a session has used its budget; return its last line."""
        final = one.told[-1] if one.told else {}
        due = (evaluations, f"the budget of {evaluations} evaluations is used")
        if (final.get("evaluations"), final.get("reason")) != due:
            self.blame([f"it should have used {evaluations} evaluations, and ended with {final}"])
        return final

    def result(self) -> Seen:
        """Return what was seen."""
        self.seen.seconds = time.monotonic() - self._begun
        return self.seen


def engine(cwd: Path, text: Path, number: int, seed: int) -> Seen:
    """Kill the engine of a search so many times, resume it each time, and let it end."""
    with Answering(0.2) as server:
        ordeal = Ordeal("engine", cwd, text, "--burst-tokens", 3000, "--seed", seed, *server.flags())
        for moment in kills.moments(np.random.default_rng(seed)):
            with ordeal.session(ordeal.evaluations + 300) as one:
                ordeal.seen.kills += strike(one, moment, lambda: server.answered)
            if ordeal.seen.kills == number or one.process.returncode > 0:
                break
        ordeal.finish(ordeal.evaluations + 20)
        if ordeal.last is not None:
            ordeal.blame(invariants.unpaid(ordeal.last, server.answered, PRICE))
        return ordeal.result()


def strike(one: Sitting, moment: Moment, answered: Callable[[], int]) -> bool:
    """Kill an engine at a moment; False when it has ended by itself before."""
    enough = moment.answers + answered()
    one.until(lambda: len(one.told) >= moment.lines)
    while one.runs and answered() < enough:
        time.sleep(0.001)
    pause(moment.seconds, lambda: not one.runs)
    return one.killed()


def helpers(roles: Sequence[Role], cwd: Path, text: Path, number: int, seed: int) -> Seen:
    """Kill processes of these roles so many times each while a search goes on, and let it end."""
    rng = np.random.default_rng(seed)
    due = [roles[place] for place in rng.permutation(np.repeat(np.arange(len(roles)), number))]
    model = ("--model", MODEL, "--llm-nice", 0) if Role.LLM in roles else ("--model", "none")
    flags = ("--burst-tokens", _LONGER, "--seed", seed)
    ordeal = Ordeal("+".join(roles), cwd, text, *flags, *model)
    pauses = kills.pauses(rng)
    while due:
        evaluations = ordeal.evaluations + max(20, _EACH * len(due))
        with ordeal.session(evaluations) as one:
            done = strikes(one, due, pauses, rng)
            one.end()
        ordeal.ended(one, evaluations)
        ordeal.seen.kills += done
        if one.process.returncode != 0:
            break
        due = due[done:]
    if ordeal.last is not None:
        ordeal.blame(invariants.wrongly_failed(ordeal.last, ordeal.seen.kills))
    return ordeal.result()


def strikes(one: Sitting, due: Sequence[Role], pauses: Iterator[float], rng: Generator) -> int:
    """Kill a process of each of these roles, one after the other; return how many before the search ended.

    Until the seed is measured, two roles are spared, which end a search with an error: a seed that is killed
    twice leaves nothing to vary, and a model that cannot be loaded is told at once.
    """
    for done, role in enumerate(due):
        pause(next(pauses) * _PACES.get(role, 1.0), lambda: not one.runs)
        while one.runs:
            spared = role in (Role.BURST, Role.LLM) and not one.count("measured")
            found = [] if spared else kills.victims(one.own, role)
            if found and kills.kill(found[int(rng.integers(len(found)))]):
                break
            time.sleep(float(rng.uniform(0.0, 0.1)))  # or all would be hit in their first moment
        else:
            return done
    return len(due)


def pause(seconds: float, enough: Callable[[], bool]) -> None:
    """Wait so many seconds, or until it is enough."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and not enough():
        time.sleep(min(0.01, max(0.0, give_up - time.monotonic())))
