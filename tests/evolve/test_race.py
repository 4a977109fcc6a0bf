"""The race in the real loop, on a landscape whose truth is known."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from benchmarks.landscape import NoisyExecutor, Proposer, Sloped, Tunable, gain_of, search, wired
from evolve.budget import Counts, Limits, counted
from evolve.bursts.executor import Job, Result, Watch
from evolve.crowning import LOOKS
from evolve.errors import EngineFault
from evolve.policy import Policy
from evolve.race import CROWNED, ENTERED, LEFT, SEED, Race, Turn
from evolve.rewards import Prices
from evolve.seeds import CONFIRM, FRESH, SCREEN, Seeds
from evolve.settings import Settings
from evolve.wishes import Next
from operators.proposal import Context, Proposal, Refusal
from population.store import Population
from population.variant import Direction, Failure, FailureKind, Measurement, Purpose, State, Variant

PLANTED = Proposer(gain=4.0, chance=0.2)


def searched(
    folder: Path, proposer: Proposer, executor: NoisyExecutor, evaluations: int, seed: int, **changes: object
) -> Population:
    """Run a search to its end and return its population, still open."""
    one, population = search(folder, proposer, executor, evaluations, seed, **changes)
    asyncio.run(one.run())
    return population


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Population]:
    folder = tmp_path_factory.mktemp("race") / "run"
    with closing(searched(folder, PLANTED, NoisyExecutor(), 80, seed=1)) as population:
        yield population


def seeds_of(population: Population, variant: str, purpose: Purpose) -> list[int]:
    return [m.seed for m in population.measurements(variant) if m.purpose is purpose]


def kinds(population: Population, kind: str) -> list[dict[str, object]]:
    return [dict(event.data) for event in population.events if event.kind == kind]


def test_a_real_gain_is_crowned(planted: Population) -> None:
    champion = planted.meta("champion")
    assert gain_of(planted.source(planted.variants[champion].digest)) == 4.0


def test_the_champion_won_on_seeds_that_it_was_not_chosen_by(planted: Population) -> None:
    champion, seeds = planted.meta("champion"), Seeds(1)
    assert seeds_of(planted, champion, Purpose.FIRST) == [seeds(SCREEN)]
    fresh = seeds_of(planted, champion, Purpose.REPLICATE)
    assert fresh == [seeds(FRESH + n) for n in range(len(fresh))]
    assert len(fresh) >= LOOKS[0]


def test_champion_and_contender_are_compared_under_common_seeds(planted: Population) -> None:
    crowned = kinds(planted, CROWNED)[1]
    both = [set(seeds_of(planted, str(crowned[who]), Purpose.REPLICATE)) for who in ("variant", "over")]
    assert both[0] <= both[1]


def test_the_seed_is_measured_as_often_as_the_settings_say(planted: Population) -> None:
    assert len(seeds_of(planted, SEED, Purpose.REPLICATE)) >= Settings().seed_replicates - 1


def test_every_contender_leaves_or_is_crowned_before_the_next_one_enters(planted: Population) -> None:
    told = [event.kind for event in planted.events if event.kind in (ENTERED, LEFT, CROWNED)][1:]
    assert told[::2] == [ENTERED] * len(told[::2])
    assert ENTERED not in told[1::2]


def test_replicates_keep_within_their_share(planted: Population) -> None:
    counts = counted(planted, SEED, noise=10)
    assert 0 < counts.replicates <= 0.2 * 80


@pytest.mark.slow
def test_where_all_are_equal_luck_is_not_crowned(tmp_path: Path) -> None:
    champions = []
    for seed in range(5):
        with closing(searched(tmp_path / str(seed), Proposer(), NoisyExecutor(), 80, seed)) as population:
            champions.append(population.meta("champion"))
    assert champions.count(SEED) >= 4


def test_noise_that_all_share_under_a_seed_hides_no_gain(tmp_path: Path) -> None:
    executor = NoisyExecutor(deviation=1.0, shared=0.9)
    with closing(searched(tmp_path / "run", replace(PLANTED, gain=1.5), executor, 150, 22)) as population:
        assert population.meta("champion") != SEED
        assert population.spread().shared > 0.5


@dataclass(frozen=True)
class Moody(NoisyExecutor):
    """Fails whatever has the planted gain, but under the seed that variants are chosen by."""

    chosen: int = 0

    async def run(self, job: Job, watch: Watch) -> Result:
        result = await super().run(job, watch)
        if gain_of(job.source) and job.seed != self.chosen:
            failure = Failure(FailureKind.EXCEPTION, "not today")
            return Result(None, failure, 1.0, 1.0, 0, (), "cpu", 0)
        return result


def test_a_variant_that_fails_under_other_seeds_is_no_champion(tmp_path: Path) -> None:
    executor = Moody(chosen=Seeds(1)(SCREEN))
    with closing(searched(tmp_path / "run", PLANTED, executor, 60, 1)) as population:
        assert population.meta("champion") == SEED
        assert any("it fails under another seed" in e.text for e in population.events if e.kind == LEFT)


def test_a_champion_that_fails_now_and_then_is_compared_under_other_seeds(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Unlucky(NoisyExecutor):
        async def run(self, job: Job, watch: Watch) -> Result:
            if "IDEA" not in job.source and job.seed == Seeds(1)(FRESH):
                return Result(None, Failure(FailureKind.MEMORY, "too much"), 1.0, 1.0, 0, (), "cpu", 0)
            return await super().run(job, watch)

    with closing(searched(tmp_path / "run", PLANTED, Unlucky(), 80, 1)) as population:
        assert population.meta("champion") != SEED
        assert any(m.state is State.FAILED for m in population.measurements(SEED))


def test_a_race_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for evaluations in range(12, 80, 9):
        if folder.exists():
            population = Population.open(folder, write=True)
            one = wired(population, folder, PLANTED, NoisyExecutor(), evaluations, 1)
        else:
            one, population = search(folder, PLANTED, NoisyExecutor(), evaluations, 1)
        with closing(population):
            asyncio.run(one.run())
    with closing(Population.open(folder)) as population:
        assert gain_of(population.source(population.variants[population.meta("champion")].digest)) == 4.0
        entered = [data["variant"] for data in kinds(population, ENTERED)]
        assert len(entered) == len(set(entered))
        for name in population.variants:
            fresh = seeds_of(population, name, Purpose.REPLICATE)
            assert len(fresh) == len(set(fresh))


def test_the_best_trial_counts_only_after_another_burst_under_another_seed(tmp_path: Path) -> None:
    one, population = search(tmp_path / "run", Tunable(), Sloped(), 60, 1, trials=4)
    with closing(population):
        asyncio.run(one.run())
        tuned = [v for v in population.variants.values() if v.tuned]
        assert tuned
        for variant in tuned:
            own = [m for m in population.measurements(variant.id) if m.digest == variant.digest]
            assert {Purpose.TRIAL, Purpose.CONFIRM} <= {m.purpose for m in own}
            trial = next(m.score for m in own if m.purpose is Purpose.TRIAL)
            fitness = population.fitness(variant.id)
            assert fitness is not None
            assert fitness.mean != trial


@dataclass(frozen=True)
class Slow(NoisyExecutor):
    """Takes its time over each burst."""

    async def run(self, job: Job, watch: Watch) -> Result:
        await asyncio.sleep(0.2)
        return await super().run(job, watch)


def test_when_the_hours_are_used_no_further_trial_is_begun(tmp_path: Path) -> None:
    limits = Limits(hours=1.0 / 3600)
    one, population = search(tmp_path / "run", Tunable(), Slow(), 1000, 1, trials=1000, limits=limits)
    with closing(population):
        since = time.monotonic()
        assert asyncio.run(one.run()) == "the budget of 0.000277778 hours is used"
        assert time.monotonic() - since < 20.0  # a thousand trials take minutes


def test_a_seed_that_was_measured_and_not_crowned_before_a_crash_is_crowned(tmp_path: Path) -> None:
    _, population = search(tmp_path / "run", PLANTED, NoisyExecutor(), 40, 1)
    with closing(population):
        digest = population.variants[SEED].digest
        population.commit(Measurement(SEED, digest, Seeds(1)(SCREEN), Purpose.FIRST, 0.5, None, seconds=1.0))
    with closing(Population.open(tmp_path / "run", write=True)) as population:
        asyncio.run(wired(population, tmp_path / "run", PLANTED, NoisyExecutor(), 40, 1).run())
        assert kinds(population, CROWNED)[0]["variant"] == SEED
        assert len(seeds_of(population, SEED, Purpose.FIRST)) == 1
        assert len(seeds_of(population, SEED, Purpose.REPLICATE)) >= Settings().seed_replicates - 1


def test_a_tuning_is_confirmed_under_a_seed_that_both_have(tmp_path: Path) -> None:
    one, population = search(tmp_path / "run", Tunable(), Sloped(), 60, 1, trials=4)
    with closing(population):
        asyncio.run(one.run())
        for variant in (v for v in population.variants.values() if v.tuned):
            measured = [m for m in population.measurements(variant.id) if m.purpose is Purpose.CONFIRM]
            assert {m.digest for m in measured} == {variant.digest, variant.proposed}
            assert {m.seed for m in measured} == {Seeds(1)(CONFIRM)}


@dataclass(frozen=True)
class Cosmetic:
    """Changes a comment of its parent and nothing else; every other child is a real one."""

    name: str = "mutate"
    arity: int = 1

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        source = context.parents[0].source
        if context.parents[0].variant.tuned:
            return Proposal(f"{source}\n# nothing new {int(rng.integers(2**62))}\n", "a comment", self.name)
        return await Tunable().propose(context, rng)


def test_a_child_that_is_its_tuned_parent_but_for_a_comment_is_refused(tmp_path: Path) -> None:
    one, population = search(tmp_path / "run", Cosmetic(), Sloped(), 60, 2, trials=4, seed_replicates=10)
    with closing(population):
        asyncio.run(one.run())
        refused = kinds(population, "refusal")
        assert refused
        assert {data["kind"] for data in refused} == {"duplicate"}
        assert not [v for v in population.variants.values() if v.hypothesis == "a comment"]


@dataclass(frozen=True)
class Falling(NoisyExecutor):
    """Scores most bursts, and is a fault of ours in one."""

    async def run(self, job: Job, watch: Watch) -> Result:
        await asyncio.sleep(0.05)
        if job.name == "v1-first-0":
            raise EngineFault("the machine is gone")
        return await super().run(job, watch)


def test_what_ends_together_with_a_fault_of_ours_is_recorded(tmp_path: Path) -> None:
    one, population = search(tmp_path / "run", Proposer(), Falling(slots=4), 60, 1, ordered=False)
    with closing(population):
        with pytest.raises(EngineFault, match="the machine is gone"):
            asyncio.run(one.run())
        assert population.measurements(SEED)


@dataclass(frozen=True)
class Narrow(Tunable):
    """Makes children whose number has two values, so that a trial tries all there is."""

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        made = await super().propose(context, rng)
        assert isinstance(made, Proposal)
        return replace(made, source=made.source.replace("X = 1.0  # tune: 0..2", "X = 1  # tune: int 1..2"))


def test_a_tuning_that_has_nothing_left_to_try_ends_before_its_trials_are_used(tmp_path: Path) -> None:
    one, population = search(tmp_path / "run", Narrow(), Sloped(), 60, 1, trials=3)
    with closing(population):
        asyncio.run(one.run())
        tuned = [str(data["variant"]) for data in kinds(population, "tuned")]
        assert tuned
        for name in tuned:
            assert len(seeds_of(population, name, Purpose.TRIAL)) == 1


# the race alone


class Track:
    """A population and races over it, whose bursts are drawn at once; what one race decides is recorded.

    Args:
        population: empty, open for writing.
        variant: makes variants.
        burst: makes measurements.
        truth: mean score by variant; the lower, the better.
    """

    POLICY = Policy(
        Direction.MINIMIZE, Limits(), Prices(1.0, 2.0, timed=False), "train", 4, 1, True, trials=0,
        seed_replicates=4, replicates=0.5, confidence=0.9,
    )  # fmt: skip

    def __init__(
        self,
        population: Population,
        variant: Callable[..., Variant],
        burst: Callable[..., Measurement],
        truth: dict[str, float],
    ) -> None:
        self.population = population
        self._burst = burst
        self._truth = truth
        self.counts: list[Counts] = []
        self.races: list[Race] = []
        self.queue: list[Next] = []
        self.entered: list[str] = []
        for name in truth:
            population.commit(variant(name, *([] if name == SEED else [SEED])))
        self.measure(SEED, truth[SEED])
        population.set_meta(champion=SEED)

    def measure(
        self, name: str, score: float, number: int = SCREEN, purpose: Purpose = Purpose.FIRST
    ) -> None:
        """Record a burst."""
        self.population.commit(self._burst(name, score, seed=Seeds(1)(number), purpose=purpose))

    def begin(self, counts: Counts | None = None) -> Race:
        """Begin another race over the population."""
        counts = Counts(evaluations=400) if counts is None else replace(counts)
        race = Race(self.POLICY, self.population, counts, Seeds(1))
        self.counts.append(counts)
        self.races.append(race)
        return race

    def restart(self, held: Collection[str]) -> None:
        """Let another race go on where the first one is, which knows only what is on record."""
        state = json.loads(json.dumps(self.races[0].state()))
        asked = [(wish.variant, wish.number) for wish in self.queue]
        self.begin(self.counts[0]).restore(held, state, self.entered, asked)

    def turn(self) -> list[Turn]:
        """Return what each race decides now; the first one's wishes are queued."""
        turns = [race.turn() for race in self.races]
        for news in turns[0].news:
            if news.kind == ENTERED:
                self.entered.append(news.variant)
            if news.kind == CROWNED:
                self.population.set_meta(champion=news.variant)
        self.queue += turns[0].wishes
        return turns

    def burst(self) -> list[bool]:
        """Have the oldest wish measured, if it is still wanted; return whether each race wants it."""
        wish = self.queue.pop(0)
        wanted = [race.wants(wish) for race in self.races]
        if wanted[0]:
            noise = 0.3 * np.random.default_rng([wish.number, int(wish.variant[1:])]).normal()
            self.measure(wish.variant, self._truth[wish.variant] + noise, wish.number, Purpose.REPLICATE)
            for race in self.races:
                race.ended(wish.variant, wish.number)
        return wanted

    def founded(self) -> Race:
        """Begin a race and measure the noise."""
        race = self.begin()
        self.queue += race.found()
        while self.queue:
            self.burst()
        return race


@pytest.fixture
def track(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Callable[[Iterable[float]], Track]]:
    """Return what makes a track of the seed, at 3.0, and children."""
    with Population.create(tmp_path / "run") as population:

        def made(children: Iterable[float]) -> Track:
            truth = {f"v{n}": score for n, score in enumerate([3.0, *children])}
            return Track(population, a_variant, a_measurement, truth)

        yield made


Making = Callable[[Iterable[float]], Track]


def test_a_race_restored_at_any_time_goes_on_as_the_first_one(track: Making) -> None:
    one = track([2.9, 2.8, 2.5, 2.5, 2.7, 2.0, 1.9, 2.0, 1.0, 1.0, 0.9, 1.0])
    children = [name for name in one.population.variants if name != SEED]
    live = one.begin()
    one.queue += live.found()
    held: set[str] = set()
    kinds, duels, moments = set(), 0, 0
    while one.queue or children:
        if children and moments % 5 == 0:  # a child is measured; every third one is tuned first
            name = children.pop(0)
            one.measure(name, 1.0 if int(name[1:]) % 2 else 0.5)
            held = {name} if int(name[1:]) % 3 == 0 else set()
            for race in one.races if not held else ():
                race.offer(name)
        elif held and moments % 5 == 2:
            one.measure(*held, 0.9, number=CONFIRM, purpose=Purpose.CONFIRM)
            for race in one.races:
                race.offer(*held)
            held = set()
        turns = one.turn()
        assert turns == [turns[0]] * len(turns)
        kinds |= {news.kind for news in turns[0].news}
        assert [race.state() for race in one.races] == [live.state()] * len(turns)
        one.restart(held)
        duels += live.state()["duel"] is not None
        if one.queue:
            wanted = one.burst()
            assert wanted == [wanted[0]] * len(wanted)
        assert one.counts == [one.counts[0]] * len(one.counts)
        moments += 1
    assert kinds == {ENTERED, LEFT, CROWNED}
    assert duels > 20


def test_of_two_equally_good_the_older_enters_whichever_was_offered_first(track: Making) -> None:
    one = track([1.0] * 10)
    race = one.founded()
    for name in ("v10", "v9"):
        one.measure(name, 1.0)
        race.offer(name)
    assert [news.variant for news in race.turn().news] == ["v9"]


def test_a_variant_that_is_offered_again_waits_with_its_new_score_only(track: Making) -> None:
    one = track([1.0, 1.0])
    race = one.founded()
    for name, score in (("v1", 0.1), ("v2", 1.0)):
        one.measure(name, score)
        race.offer(name)
    one.measure("v1", 3.9, CONFIRM, Purpose.CONFIRM)  # a mean of 2.0
    race.offer("v1")
    assert [news.variant for news in race.turn().news] == ["v2"]


def test_nobody_enters_while_a_restored_race_waits_for_the_noise(track: Making) -> None:
    one = track([0.1])
    one.measure("v1", 0.1)
    race = one.begin()
    race.restore((), None, (), [(SEED, FRESH), (SEED, FRESH + 1)])
    one.queue += race.found()
    assert [wish.number for wish in one.queue] == [FRESH + 2]  # the others are under way
    one.burst()
    assert race.turn() == Turn((), ())
    for number in (FRESH, FRESH + 1):
        one.measure(SEED, 3.0, number, Purpose.REPLICATE)
        race.ended(SEED, number)
    assert [news.variant for news in race.turn().news] == ["v1"]


def test_who_is_being_tuned_or_has_been_a_contender_does_not_wait_in_a_restored_race(track: Making) -> None:
    one = track([0.1, 0.2, 0.3])
    one.founded()
    for name, score in (("v1", 0.1), ("v2", 0.2), ("v3", 0.3)):
        one.measure(name, score)
    race = one.begin()
    race.restore({"v1"}, None, ["v2"], ())
    assert [news.variant for news in race.turn().news] == ["v3"]


def test_a_burst_of_the_seed_as_champion_keeps_nobody_from_entering_a_restored_race(track: Making) -> None:
    one = track([0.1])
    one.founded()
    one.measure("v1", 0.1)
    race = one.begin()
    race.restore((), None, (), [(SEED, FRESH + Track.POLICY.seed_replicates)])
    assert [news.variant for news in race.turn().news] == ["v1"]
