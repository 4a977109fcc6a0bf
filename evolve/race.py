"""The race for the top: which variants are measured again, and who becomes champion.

One contender at a time is measured under fresh seeds, and the champion under the same ones, until
``crowning`` says that it takes the title or leaves. The most promising variant enters next, as long as
replicates keep within their share of the bursts: they go where they decide something (a racing rule: Maron &
Moore, Artificial Intelligence Review 11, 1997).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from evolve import crowning, suspicion
from evolve.budget import Counts
from evolve.crowning import Verdict
from evolve.policy import Policy
from evolve.seeds import FRESH
from evolve.wishes import Next, Wish
from population.comparison import Difference
from population.fitness import Fitness
from population.ranking import number_of
from population.selection import rank_key
from population.store import Population
from population.variant import Purpose

SEED = "v0"
ENTERED, LEFT, CROWNED, HELD = "contender", "left", "champion", "held"
"""Kinds of the events that tell of a race."""


@dataclass(frozen=True, slots=True)
class Duel:
    """A contender and how far it has come.

    Args:
        contender: its id; its source stays as it is from now on.
        place: its number among the contenders of this reign, from 1.
        look: the look that is being measured for.
    """

    contender: str
    place: int
    look: int = 0

    @property
    def bursts(self) -> int:
        """Fresh seeds that contender and champion need for this look."""
        return crowning.LOOKS[self.look]


@dataclass(frozen=True, slots=True)
class News:
    """Something that the race decided: the kind of its event, who it is about, over whom, and by how much."""

    kind: str
    variant: str
    champion: str
    place: int
    difference: Difference | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the race decided, and the bursts that it wants next."""

    news: tuple[News, ...]
    wishes: tuple[Next, ...]


class Race:
    """The race of one run.

    Args:
        policy: confidence, direction, shares.
        population: what is known.
        counts: running totals; the replicates that are wished for are counted here.
        seeds: seed by number.
        challenger: chooses who is worth a race with the champion (its id), None for nobody; without it, that
            is the variant with the best score of its own.
    """

    def __init__(
        self,
        policy: Policy,
        population: Population,
        counts: Counts,
        seeds: Callable[[int], int],
        challenger: Callable[[str], str | None] | None = None,
    ) -> None:
        self._policy = policy
        self._population = population
        self._counts = counts
        self._seeds = seeds
        self._challenger = challenger
        self._waiting: list[tuple[float, int, str]] = []
        self._entered: set[str] = set()
        self._asked: set[tuple[str, int]] = set()
        self._founding: set[int] = set()
        self._places = 0
        self._duel: Duel | None = None
        self.held: dict[str, tuple[str, int]] = {}
        """Who has won and waits for a person's word: over whom, at which place."""
        self._once_more: set[str] = set()

    @property
    def champion(self) -> str | None:
        """Id of the champion, None before there is one."""
        found = self._population.meta("champion")
        return None if found is None else str(found)

    def restore(
        self,
        held: Collection[str],
        state: Mapping[str, Any] | None,
        entered: Iterable[str],
        asked: Collection[tuple[str, int]],
    ) -> None:
        """Take in what an earlier session left, so that the race goes on as if it had not ended.

        Args:
            held: ids of the variants that are being tuned, and wait until they are offered.
            state: what ``state`` returned at the end of that session; None for a search that begins.
            entered: ids of the variants that have been contenders.
            asked: replicates that are wished for or under way: id of the variant, number of the seed.
        """
        if state is not None:
            self._places = int(state["places"])
            self._duel = None if state["duel"] is None else Duel(**state["duel"])
            self.held = {name: (over, place) for name, over, place in state.get("held", [])}
            self._once_more = set(state.get("once_more", []))
        self._entered.update(entered)
        self._entered -= self._once_more
        self._asked.update(asked)
        self._founding.update(n for name, n in asked if name == SEED and n in self._founding_numbers)
        for name in self._population.variants:
            if name not in held and name not in self._entered:
                self.offer(name)

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what ``restore`` cannot tell from elsewhere."""
        duel = None if self._duel is None else asdict(self._duel)
        held = [[one, *won] for one, won in self.held.items()]
        return {"duel": duel, "places": self._places, "held": held, "once_more": sorted(self._once_more)}

    def approve(self, variant: str) -> News | None:
        """Let a variant that has won be champion; None where it did not, or has to win again.

        If the champion has changed meanwhile, it enters again, against that one.
        """
        won = self.held.pop(variant, None)
        champion = self.champion
        if won is None or champion is None:
            return None
        over, place = won
        if over != champion:
            self._again(variant)
            return None
        self._places = 0 if self._duel is None else self._duel.place  # which goes on, and keeps its place
        difference = self._population.difference(variant, champion, self._policy.direction)
        return News(CROWNED, variant, champion, place, difference)

    def ban(self, variant: str) -> list[News]:
        """Let a variant win nothing; the duel of a champion that is banned ends, and the other one waits."""
        self.held.pop(variant, None)
        self._once_more.discard(variant)
        self._entered.add(variant)
        duel, champion = self._duel, self.champion
        if duel is None or champion is None or variant not in (duel.contender, champion):
            return []
        self._duel = None
        if variant == champion:
            self._again(duel.contender)
        reason = f"{variant} was banned"
        return [News(LEFT, duel.contender, champion, duel.place, None, reason)]

    def dethroned(self) -> None:
        """Begin a new reign: the champion was banned, and is another one now."""
        self._places = 0
        for variant in self.held:
            self._again(variant)
        self.held.clear()

    def _again(self, variant: str) -> None:
        """Let a variant enter a second time."""
        self._once_more.add(variant)
        self._entered.discard(variant)
        self.offer(variant)

    @property
    def pending(self) -> int:
        """Replicates that are wished for or under way, those that measure the noise left out."""
        return sum(name != SEED or number not in self._founding_numbers for name, number in self._asked)

    def seed(self, number: int) -> int:
        """Return the seed of this number."""
        return self._seeds(number)

    def fixed(self, variant: str) -> bool:
        """Say whether a variant's source must stay as it is: it was measured on fresh seeds, or is to be."""
        return variant in self._entered or variant in (SEED, self.champion)

    def offer(self, variant: str) -> None:
        """Let a variant enter when its turn comes, if it has a score.

        To be called again whenever its fitness has changed before it entered.
        """
        fitness = self._population.fitness(variant)
        if fitness is not None and variant != SEED:
            heapq.heappush(self._waiting, (self._key(fitness), number_of(variant), variant))

    def found(self) -> list[Next]:
        """Return the bursts of the seed that measure the noise, as far as they are not done or under way."""
        wanted = [
            number
            for number in self._founding_numbers
            if (SEED, number) not in self._asked
            and not self._has(SEED, number)
            and not self._failed(SEED, number)
        ]
        self._asked.update((SEED, number) for number in wanted)
        self._founding.update(wanted)
        return [Next(Wish.REPLICATE, SEED, number) for number in wanted]

    def ended(self, variant: str, number: int) -> None:
        """Note that a burst that was wished for has come to its end."""
        self._asked.discard((variant, number))
        if variant == SEED:
            self._founding.discard(number)

    def wants(self, wish: Next) -> bool:
        """Say whether a replicate that was wished for is still of use; if not, it counts no more."""
        contender = self._duel.contender if self._duel is not None else None
        if wish.variant in (SEED, contender, self.champion):
            return True
        self.ended(wish.variant, wish.number)
        self._counts.replicates -= 1
        return False

    def turn(self) -> Turn:
        """Decide what can be decided; return it with the bursts that are wanted next."""
        news: list[News] = []
        wishes: list[Next] = []
        while (champion := self.champion) is not None:
            if self._duel is None and not self._enter(champion, news):
                break
            assert self._duel is not None
            if self._failed(self._duel.contender):
                self._leave(self._duel, champion, news, None, "it fails under another seed")
                continue
            missing = self._missing(self._duel, champion)
            if missing:
                wishes.extend(self._granted(missing))
                break
            self._look(self._duel, champion, news)
            if news and news[-1].kind == CROWNED:
                break  # the champion is another one: whoever records it calls again
        return Turn(tuple(news), tuple(wishes))

    def _enter(self, champion: str, news: list[News]) -> bool:
        """Let the most promising variant enter, if it is promising and a burst can be had for it."""
        if self._founding:
            return False  # the noise is still being measured
        if self._challenger is not None:
            name = self._challenger(champion) if self._may_replicate() else None
            if name is None or name in self._entered:
                return False
            self._begin(name, champion, news)
            return True
        best = self._population.fitness(champion)
        while self._waiting and best is not None and self._may_replicate():
            key, _, name = self._waiting[0]
            fitness = self._population.fitness(name)
            if name in self._entered or fitness is None or key != self._key(fitness):
                heapq.heappop(self._waiting)  # with another key it was offered again
                continue
            if not crowning.promising(fitness, best, self._policy.direction, self._population.spread()):
                return False
            heapq.heappop(self._waiting)
            self._begin(name, champion, news)
            return True
        return False

    def _begin(self, name: str, champion: str, news: list[News]) -> None:
        """Let a variant enter."""
        self._entered.add(name)
        self._once_more.discard(name)
        self._places += 1
        self._duel = Duel(name, self._places)
        news.append(News(ENTERED, name, champion, self._places))

    def _look(self, duel: Duel, champion: str, news: list[News]) -> None:
        """Judge the contender by what has been measured."""
        difference = self._population.difference(duel.contender, champion, self._policy.direction)
        assert difference is not None  # two bursts of each were measured
        error = crowning.error_of(duel.place, self._policy.confidence)
        match crowning.judge(difference, duel.look, error):
            case Verdict.CROWN if reason := self._forged(duel.contender):
                self._leave(duel, champion, news, difference, reason)
            case Verdict.CROWN if self._policy.approve:
                self._duel = None
                self.held[duel.contender] = (champion, duel.place)
                news.append(News(HELD, duel.contender, champion, duel.place, difference))
            case Verdict.CROWN:
                self._duel, self._places = None, 0
                news.append(News(CROWNED, duel.contender, champion, duel.place, difference))
            case Verdict.GO_ON:
                self._duel = replace(duel, look=duel.look + 1)
            case Verdict.LEAVE:
                self._leave(duel, champion, news, difference, "its gain is within the noise")

    def _forged(self, variant: str) -> str:
        """Return why scores that a variant states itself cannot have been measured, empty for none."""
        if not self._policy.self_reported:
            return ""
        evidence = self._population.evidence
        return suspicion.constant(evidence(variant), evidence(SEED))

    def _leave(
        self, duel: Duel, champion: str, news: list[News], difference: Difference | None, reason: str
    ) -> None:
        self._duel = None
        news.append(News(LEFT, duel.contender, champion, duel.place, difference, reason))

    def _missing(self, duel: Duel, champion: str) -> list[tuple[str, int]]:
        """Return the bursts that a look still lacks: the same fresh seeds for both."""
        numbers: list[int] = []
        number = FRESH
        while len(numbers) < duel.bursts:
            if not self._failed(champion, number):
                numbers.append(number)
            number += 1
        both = (duel.contender, champion)
        return [(name, number) for number in numbers for name in both if not self._has(name, number)]

    def _granted(self, missing: list[tuple[str, int]]) -> list[Next]:
        """Return wishes for those bursts that are not under way, as far as replicates may be had."""
        wishes: list[Next] = []
        for cell in missing:
            if cell not in self._asked and self._may_replicate():
                self._asked.add(cell)
                self._counts.replicates += 1
                wishes.append(Next(Wish.REPLICATE, *cell))
        return wishes

    @property
    def _founding_numbers(self) -> range:
        """Numbers of the fresh seeds under which the seed variant is measured before anybody enters."""
        return range(FRESH, FRESH + self._policy.seed_replicates - 1)

    def _key(self, fitness: Fitness) -> float:
        return rank_key(fitness, self._policy.direction)

    def _may_replicate(self) -> bool:
        return self._counts.may_replicate(self._policy.replicates, self._policy.limits)

    def _has(self, variant: str, number: int) -> bool:
        """Say whether a variant's source has a score under a fresh seed."""
        return self._seeds(number) in self._population.evidence(variant)

    def _failed(self, variant: str, number: int | None = None) -> bool:
        """Say whether a variant's source failed under a fresh seed, or under any."""
        digest = self._population.variants[variant].digest
        return any(
            m.failure is not None
            and m.digest == digest
            and m.purpose is Purpose.REPLICATE
            and (number is None or m.seed == self._seeds(number))
            for m in self._population.scores(variant)
        )
