"""What comes of tunings: who gets one, whether its numbers are adopted, and what it brought.

A variant may be tuned again and again; its study goes on. One tuning of it at a time: who is being tuned is
busy until the last burst that confirms it is folded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from evolve import trials
from evolve.breeding import Breeder
from evolve.budget import Counts
from evolve.jobs import Measured, Tuned
from evolve.policy import Policy
from evolve.race import Race
from evolve.trials import Births, Candidate, Tally
from evolve.tuned import TUNINGS, note_of, own_trials, trial_noise, tuned_ancestors
from evolve.tuning import Winner
from evolve.wishes import Next, Wish
from population import genome
from population.errors import Corrupt
from population.records import Note
from population.store import Population
from population.variant import Measurement, Purpose, Value, Variant

TUNED = "tuned"
"""Kind of the event that ends a tuning."""

_FLOOR = 0.1  # share of the bursts that the best quarter may be tuned with whatever tunings brought so far
_SHARE = 0.05  # of the bursts that tunings may have where the shelf steps numbers, once ideas bring nothing
_ROUNDS = 3  # tunings in a row before a variant is offered to the race

Told = Callable[[str, str, Mapping[str, object]], None]


class Tunings:
    """The tunings of one run.

    Args:
        policy: the numbers to decide by.
        population: open for writing.
        breeder: knows who is good, and is told whose numbers changed.
        counts: running totals, kept up to date here.
        race: is offered who has been tuned.
        tell: records an event.
    """

    def __init__(
        self, policy: Policy, population: Population, breeder: Breeder, counts: Counts, race: Race, tell: Told
    ) -> None:
        self._policy = policy
        self._population = population
        self._breeder = breeder
        self._counts = counts
        self._race = race
        self._tell = tell
        self._busy: dict[str, float] = {}  # the share of its tunables that was untuned
        self._held: dict[str, None] = {}
        self._confirming: dict[str, tuple[str, float]] = {}  # the trial, and what is hoped of it
        self._births = Births()
        self._run = Tally()
        self._spent = 0
        self._names = functools.lru_cache(256)(self._read_names)

    # What is kept

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from elsewhere."""
        return {
            "busy": self._busy,
            "held": [*self._held],
            "confirming": self._confirming,
            "births": asdict(self._births),
            "run": asdict(self._run),
            "spent": self._spent,
        }

    def restore(self, state: Mapping[str, Any] | None, held: Collection[str]) -> None:
        """Take in what an earlier session left.

        Args:
            state: what ``state`` returned; None for a search that begins, or of an older engine.
            held: variants that are being tuned, for a search of an older engine.
        """
        if state is None:
            self._busy = dict.fromkeys(held, 1.0)
            self._held = dict.fromkeys(held)
            return
        known = self._population.variants
        self._busy = {name: share for name, share in state["busy"].items() if name in known}
        self._held = dict.fromkeys(name for name in state["held"] if name in known)
        self._confirming = {
            name: (str(digest), float(hope))
            for name, (digest, hope) in state["confirming"].items()
            if name in known
        }
        self._births = Births(**state["births"])
        self._run = Tally(**state["run"])
        self._spent = int(state["spent"])

    @property
    def held(self) -> set[str]:
        """The variants that wait for the end of their tunings before they may enter the race."""
        return set(self._held)

    @property
    def worth(self) -> float:
        """What a burst brings when it is spent on a birth."""
        return self._births.worth

    # Who gets trials

    def born(self, variant: Variant) -> None:
        """Learn what a birth brought, from the first burst of its child."""
        own = self._population.fitness(variant.id)
        noise = self._population.noise()
        noise = 0.0 if math.isnan(noise) else noise
        if own is None or self._race.champion is None:
            self._births = self._births.plus(0.0, None, noise)
            return
        before = self._population.before(variant.id)
        direction = self._policy.direction
        difference = min((direction.gain(own.mean, over=one.mean) for one in before), default=None)
        gain = trials.improvement(*self._standing(variant.id))
        self._births = self._births.plus(gain, difference, noise)

    def after_first(self, variant: Variant) -> list[Next]:
        """Tune a child that has its first score if that pays, else let it enter the race."""
        if self._pays(variant.id):
            self._held[variant.id] = None
            return [self.begin(variant.id)]
        self._race.offer(variant.id)
        return []

    def elite(self, names: Iterable[str], worth: float) -> str | None:
        """Return which of some variants a tuning pays for most; None if it pays for none.

        Args:
            names: a few variants, such as the best of an island; those that are being tuned are left out.
            worth: what a burst brings elsewhere.
        """
        found = (self.candidate(name) for name in names) if self._policy.trials else ()
        return trials.best_to_tune([one for one in found if one is not None], self._run, worth)

    def begin(self, name: str) -> Next:
        """Return the wish for a tuning; until that has ended the variant is busy."""
        candidate = self.candidate(name)
        self._busy[name] = 1.0 if candidate is None else candidate.untuned
        return Next(Wish.TUNE, name)

    def busy(self, name: str) -> bool:
        """Say whether a variant is being tuned."""
        return name in self._busy

    def hold(self, name: str) -> None:
        """Let nobody else tune a variant."""
        self._busy[name] = 0.0

    def release(self, name: str) -> None:
        """Let a variant be tuned again."""
        self._busy.pop(name, None)

    def candidate(self, name: str) -> Candidate | None:
        """Return what speaks for tuning a variant; None when it cannot be tuned now."""
        fitness = self._population.fitness(name)
        if name in self._busy or fitness is None or self._race.champion is None:
            return None
        variant = self._population.variants[name]
        names = self._names(variant.proposed)
        if not names:
            return None
        counts = dict.fromkeys(names, float(own_trials(self._population, name)))
        family = self._tally(name)
        for ancestor in tuned_ancestors(self._population, name):
            passed_on = trials.FOREIGN * own_trials(self._population, ancestor)
            for one in self._names(self._population.variants[ancestor].proposed):
                if one in counts:
                    counts[one] += passed_on
            theirs = self._tally(ancestor)
            family = family.plus(theirs.weight, theirs.gain)
        gain, error = self._standing(name)
        bursts = self._policy.trials + self._price(variant)
        return Candidate(name, gain, error, trials.untuned(counts.values()), family, bursts)

    def _pays(self, name: str) -> bool:
        """Say whether a tuning of a variant brings more than a birth."""
        candidate = self.candidate(name) if self._policy.trials else None
        share = self._spent / max(self._counts.evaluations, 1.0)
        if candidate is None or (self._policy.proposals and (share >= _SHARE or not self._breeder.stagnates)):
            return False
        if trials.expected_gain(candidate, self._run) > self.worth:
            return True
        learning = share < _FLOOR
        return learning and not self._note(name) and self._breeder.in_best_quarter(name)

    def _standing(self, name: str) -> tuple[float, float]:
        """Return how much better than the champion a variant may be taken to be, and the error of that."""
        champion, population = self._race.champion, self._population
        own, best = population.fitness(name), population.fitness(str(champion))
        if own is None or best is None or name == champion:
            return 0.0, 0.0
        direction = self._policy.direction
        errors = [0.0 if math.isnan(one.standard_error) else one.standard_error for one in (own, best)]
        before = population.before(name)
        if not before:
            return direction.gain(own.mean, over=best.mean), math.hypot(*errors)
        parent = min(before, key=lambda one: direction.key(one.mean))
        gain, error = self._births.believed(direction.gain(own.mean, over=parent.mean), errors[0])
        return direction.gain(parent.mean, over=best.mean) + gain, math.hypot(error, errors[1])

    def _price(self, variant: Variant) -> int:
        """Return the bursts that confirm a tuning."""
        if trial_noise(self._population) == 0.0:
            return 0
        return 1 if variant.digest in self._confirmations(variant.id) else 2

    def _read_names(self, digest: str) -> tuple[str, ...]:
        """Return the names of a source's tunables; none where it cannot be read."""
        try:
            return tuple(one.name for one in genome.parse_tunables(self._population.source(digest)))
        except (Corrupt, SyntaxError, genome.TuneError):
            return ()

    # What came of it

    def tuned(self, outcome: Tuned) -> list[Next]:
        """Record trials; have the best one and the numbers in force measured once more, if that pays."""
        variant = self.record(outcome)
        winner = outcome.winner
        if winner is None:
            return self._settled(variant, 0.0, {}, "its own numbers stay")
        if trial_noise(self._population) == 0.0:
            self._take_at_its_word(variant, winner)
            return self._adopted(variant, winner.digest, dict(winner.values), winner.gain)
        self._confirming[variant.id] = winner.digest, winner.gain
        known = self._confirmations(variant.id)
        missing = [digest for digest in (winner.digest, variant.digest) if digest not in known]
        return [Next(Wish.CONFIRM, variant.id, digest=digest) for digest in missing]

    def record(self, outcome: Tuned) -> Variant:
        """Put trials on record, and what they say of the numbers; return whose they are."""
        variant = self._population.variants[outcome.variant.id]
        for measurement in outcome.measurements:
            self._counts.count(measurement)
            self._spent += measurement.spent and measurement.purpose is Purpose.TRIAL
        self._population.stage(*outcome.measurements)
        if outcome.weights:
            weights = {name: asdict(weight) for name, weight in outcome.weights.items()}
            self._keep(variant.id, weights=weights)
        return variant

    def confirmed(self, outcome: Measured) -> list[Next]:
        """Record a burst that confirms a tuning; with both there, decide."""
        variant = self._population.variants[outcome.variant.id]
        self._counts.count(outcome.measurement)
        self._spent += outcome.measurement.spent
        self._population.stage(outcome.measurement)
        self._breeder.note(variant)
        if variant.id not in self._held:
            self._race.offer(variant.id)  # its fitness may have changed
        known = self._confirmations(variant.id)
        tried, hoped = self._confirming.get(variant.id) or self._of_old(variant, known)
        if tried not in known or variant.digest not in known:
            return []
        self._confirming.pop(variant.id, None)
        return self._decided(variant, known[tried], known[variant.digest], hoped)

    def _of_old(self, variant: Variant, known: Iterable[str]) -> tuple[str, float]:
        """Return the trial that an older engine had begun to confirm."""
        return next((digest for digest in known if digest != variant.digest), ""), 0.0

    def _decided(self, variant: Variant, tried: Measurement, own: Measurement, hoped: float) -> list[Next]:
        """Adopt the best trial's values if they are better under another seed too.

        The best of several noisy trials looks better than it is, so its own score never counts.
        """
        gain = 0.0
        if tried.score is not None and own.score is not None:
            gain = self._policy.direction.gain(tried.score, over=own.score)
        if tried.score is None or (own.score is not None and gain <= 0.0):
            told = "its own numbers stay: the best trial did not hold another seed"
            return self._settled(variant, 0.0, {}, told)
        return self._adopted(variant, tried.digest, dict(tried.values), (gain + hoped) / 2)

    def _take_at_its_word(self, variant: Variant, winner: Winner) -> None:
        """Let a trial's score count: without noise another burst would give the same one."""
        measured = self._population.measurements(variant.id)
        trial = next(m for m in measured if m.digest == winner.digest and m.score is not None)
        word = replace(trial, purpose=Purpose.CONFIRM, trial=None, seconds=0.0, curve=())
        self._population.stage(word)

    def _adopted(self, variant: Variant, digest: str, values: dict[str, Value], gain: float) -> list[Next]:
        """Write a trial's values into the variant; one that has raced has a child that has them."""
        before = self._values(variant)
        changes = {name: value for name, value in values.items() if value != before.get(name)}
        told = ", ".join(f"{name} = {value}" for name, value in changes.items())
        if self._race.fixed(variant.id):
            follow = [Next(Wish.ADOPT, variant.id, digest=digest)]
            return follow + self._settled(variant, gain, changes, f"a child gets {told}")
        adopted = replace(variant, digest=digest, tuned=values)
        self._population.stage(adopted)
        self._breeder.note(adopted)
        return self._settled(adopted, gain, changes, told)

    def _values(self, variant: Variant) -> Mapping[str, Value]:
        """Return the values in force."""
        measured = self._population.measurements(variant.id)
        return next((m.values for m in measured if m.digest == variant.digest), {})

    def _settled(self, variant: Variant, gain: float, changes: Mapping[str, Value], told: str) -> list[Next]:
        """Tell how a tuning ended; tune again if that pays, else the variant may enter the race."""
        weight = self._busy.pop(variant.id, 1.0)
        count = own_trials(self._population, variant.id)
        self._run = self._run.plus(weight, gain)
        tally = self._tally(variant.id).plus(weight, gain)
        rounds = 1 + int(self._note(variant.id).get("tunings", 0))
        self._keep(variant.id, tunings=rounds, weight=tally.weight, gain=tally.gain)
        said = self._note(variant.id).get("weights", {})
        data = {
            "variant": variant.id,
            "values": dict(changes),
            "trials": count,
            "brought": gain,
            "weights": said,
        }
        self._tell(TUNED, f"{variant.id} after {count} trials: {told}", data)
        if variant.id in self._held and rounds < _ROUNDS and self._pays(variant.id):
            return [self.begin(variant.id)]
        self._held.pop(variant.id, None)
        self._race.offer(variant.id)
        return []

    def _confirmations(self, name: str) -> dict[str, Measurement]:
        """Return the bursts that confirm a variant's tunings, by the source that ran."""
        measured = self._population.measurements(name)
        return {m.digest: m for m in measured if m.purpose is Purpose.CONFIRM}

    def _tally(self, name: str) -> Tally:
        note = self._note(name)
        return Tally(float(note.get("weight", 0.0)), float(note.get("gain", 0.0)))

    def _note(self, name: str) -> Mapping[str, Any]:
        return note_of(self._population, name)

    def _keep(self, name: str, **values: Any) -> None:
        self._population.stage(Note(TUNINGS, name, {**self._note(name), **values}))
