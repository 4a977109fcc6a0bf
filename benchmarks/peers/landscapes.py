"""Four landscapes whose truth is known: a score read out of a program's text, and noise on top.

What they share. The program is ``seed.py``, a real train.py with 17 sites where ideas apply (48 options
beside the seed's own, see ``sites.py``) and 8 marked numbers. Its score is a loss, the lower the better:

    truth = BASE - (sum of the effects of the options, and of combinations of them) + (sum over the numbers of
            what it costs to be away from the best value)

An effect is given in ``sigma``, the standard deviation of one burst on the noisy landscapes. Sizes follow
what is known of such searches: of 22 gains that a published session of 125 experiments kept, 14 were
smaller than the noise of a seed, and its whole gain was 40 sigma over a good baseline; random search over
numbers alone came two fifths of the way that the best method came, and structure and numbers mattered about
the same. So:

- of the options about one in five helps, by 0.5 to 3 sigma; about one in four does next to nothing (up to 0.2
  sigma either way); the rest does harm, by 0.3 to 6 sigma;
- the numbers of the seed are off by 9.9 sigma together: two of them by 3.5 and 2.5, the last ones by 0.2 and
  0.1. Near the best value the cost is quadratic, far from it linear. A learning rate far too large diverges;
- what is strange (a statement dropped or repeated, code that is no option) never helps: it does nothing, or
  harm, by a draw that depends on the statement. No system gains by edits that the truth knows nothing of.

Every **instance** draws anew which options help and where the best numbers lie, so that a policy cannot be
fitted to one of them. The drawing knows nothing of how often an edit is proposed.

Ideas interact within their family (attention; the stream; the start; training; data). The landscapes:

1. ``interplay``: structure x numbers. Four helpful options want other numbers: at the numbers of the seed
   they look neutral or bad (-1.5 to 0.3 sigma), with one number moved along they are worth about 3 more.
   Six pairs of options are worth more or less together than apart, by 0.5 to 1 sigma.
2. ``noiseless``: the instances of 1, without noise.
3. ``epistatic``: ten pairs and two triples of options are each worth 2.5 to 4 (triples 4 to 6) sigma
   together; each member alone costs 0.1 to 0.6 sigma, and two members of a triple no less. Few single
   options help.
4. ``deceptive``: six lures, options that are worth 1 to 2 sigma at once, stand at sites where another option,
   alone a little worse than the seed's (0.1 to 0.6 sigma), is worth 4 to 5 sigma together with a second one
   elsewhere, which alone costs 0.1 to 0.6 sigma, and 1 sigma more beside the lure. Who takes the lure has to
   give it up, and to pass through something worse, for the larger gain.

The **target** is a share of the way from the seed to the best program there is, which is known exactly. The
shares (``TARGETS``) are where hill climbing on the truth itself, without any noise and with the proposals
that all systems get, stands after 100 evaluations in the median: it takes real progress, and can be reached.
They were fixed before any system was run.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.peers.reading import Broken, Number, Reading, numbers, read
from benchmarks.peers.sites import SEED_SOURCE, SITES, by_name

SIGMA = 0.01
BASE = 1.6
NAMES = ("interplay", "noiseless", "epistatic", "deceptive")
TARGETS = {"interplay": 0.6, "noiseless": 0.6, "epistatic": 0.4, "deceptive": 0.5}
_OFF = (3.5, 2.5, 1.5, 1.0, 0.7, 0.4, 0.2, 0.1)  # what the seed's numbers cost, in sigma
_FAMILIES = tuple(dict.fromkeys(site.family for site in SITES))
_DIVERGES = 0.45  # share of the range past the best learning rate

Option = tuple[str, str]
"""A site and one of its options."""


@dataclass(frozen=True)
class Term:
    """What a combination of options is worth, in sigma, when all of them are there."""

    options: frozenset[Option]
    gain: float


@dataclass(frozen=True)
class Bowl:
    """What it costs to be away from the best value of a number.

    Args:
        number: which one.
        best: share of its range where the best value lies, with the seed's options.
        cost: of the seed's value, in sigma.
        shifts: how far an option moves the best value.
    """

    number: Number
    best: float
    cost: float
    shifts: Mapping[Option, float]

    def centre(self, choices: Mapping[str, str]) -> float:
        """Return where the best value lies with these options."""
        moved = sum(by for (site, option), by in self.shifts.items() if choices.get(site) == option)
        return min(max(self.best + moved, 0.03), 0.97)

    def loss(self, value: float, choices: Mapping[str, str]) -> float:
        """Return what a value costs, in sigma: quadratic up to the seed's distance, then linear."""
        width = abs(self.number.share(self.number.value) - self.best)
        away = abs(self.number.share(value) - self.centre(choices)) / width
        return self.cost * (away * away if away <= 1.0 else 2.0 * away - 1.0)


@dataclass(frozen=True)
class Landscape:
    """A landscape.

    Args:
        name: one of ``NAMES``.
        instance: which of its instances.
        noise: standard deviation of one burst; 0 without noise.
        terms: what options are worth.
        bowls: what numbers cost.
        best: the best true score there is.
        target: the true score to reach.
        seed_source: the program to start from.
    """

    name: str
    instance: int
    noise: float
    terms: tuple[Term, ...]
    bowls: tuple[Bowl, ...]
    best: float
    target: float
    seed_source: str = SEED_SOURCE

    direction = "minimise"

    def truth(self, source: str) -> float | Broken:
        """Return a program's score without noise, or why it fails."""
        reading = read(source)
        if isinstance(reading, Broken):
            return reading
        rate = self.bowls[0]
        at = rate.number.share(reading.values[rate.number.name])
        if at > rate.centre(reading.choices) + _DIVERGES:
            return Broken("the loss is not finite", late=True)
        return BASE + SIGMA * (self._cost(reading) - self._gain(reading.choices))

    def score(self, source: str, draw: int) -> float | Broken:
        """Return a program's score with noise; the noise depends on the exact source and the draw alone."""
        truth = self.truth(source)
        if isinstance(truth, Broken) or not self.noise:
            return truth
        return truth + random.Random(f"{self.name} {self.instance} {draw} {source}").gauss(0.0, self.noise)

    def smoke(self, source: str) -> Broken | None:
        """Return why one step of a program fails, None when it does not."""
        truth = self.truth(source)
        return truth if isinstance(truth, Broken) and not truth.late else None

    def _gain(self, choices: Mapping[str, str]) -> float:
        there = frozenset(choices.items())
        return sum(term.gain for term in self.terms if term.options <= there)

    def _cost(self, reading: Reading) -> float:
        away = sum(bowl.loss(reading.values[bowl.number.name], reading.choices) for bowl in self.bowls)
        return away + sum(_harm(self.instance, one) for one in reading.strange)


@functools.lru_cache(maxsize=256)
def landscape(name: str, instance: int) -> Landscape:
    """Draw an instance of a landscape.

    Args:
        name: one of ``NAMES``.
        instance: 0 or more; the same number is always the same landscape.

    Raises:
        ValueError: there is no landscape of this name.
    """
    if name not in NAMES:
        raise ValueError(f"a landscape is one of {', '.join(NAMES)}, got {name!r}")
    family = "interplay" if name == "noiseless" else name
    rng = random.Random(f"{family} {instance}")
    bowls = _bowls(rng)
    if family == "interplay":
        bowls, terms = _interplay(bowls, rng)
    else:
        terms = (_epistatic if family == "epistatic" else _deceptive)(rng)
    start = BASE + SIGMA * sum(_OFF)  # the seed
    best = BASE - SIGMA * _worth(terms, best_options(terms))
    target = start - TARGETS[name] * (start - best)
    noise = 0.0 if name == "noiseless" else SIGMA
    return Landscape(name, instance, noise, terms, bowls, best, target)


def best_options(terms: Iterable[Term]) -> frozenset[Option]:
    """Return the options that are worth most together, exactly: no term joins two families."""
    best: frozenset[Option] = frozenset()
    for family in _FAMILIES:
        group = [term for term in terms if {_family(option) for option in term.options} == {family}]
        best |= max(_combinations(group), key=lambda there, group=group: _worth(group, there))
    return best


def _worth(group: Iterable[Term], there: frozenset[Option]) -> float:
    return sum(term.gain for term in group if term.options <= there)


def _combinations(group: Iterable[Term]) -> Iterator[frozenset[Option]]:
    """Yield all choices among the options that terms name, the seed's at any site included."""
    options = sorted({option for term in group for option in term.options})
    by_site = [[one for one in options if one[0] == site] for site in sorted({site for site, _ in options})]
    for choice in itertools.product(*([None, *some] for some in by_site)):
        yield frozenset(one for one in choice if one is not None)


def _bowls(rng: random.Random) -> tuple[Bowl, ...]:
    """Draw where the best numbers lie and what the seed's cost; the rate is one of the two dearest."""
    costs = [*_OFF]
    first = costs.pop(rng.randrange(2))
    rng.shuffle(costs)
    bowls = []
    for number, cost in zip(numbers(), [first, *costs], strict=True):
        own, away = number.share(number.value), rng.uniform(0.15, 0.4)
        sides = [best for best in (own - away, own + away) if 0.03 <= best <= 0.97]
        bowls.append(Bowl(number, rng.choice(sides), cost, {}))
    return tuple(bowls)


def _interplay(bowls: tuple[Bowl, ...], rng: random.Random) -> tuple[tuple[Bowl, ...], tuple[Term, ...]]:
    """Draw options that help, do nothing or do harm; some of them move the best numbers; a few pairs."""
    singles = _singles(rng, helpful=10)
    moved = {bowl.number.name: dict(bowl.shifts) for bowl in bowls}
    helpful = [option for option, gain in singles.items() if gain >= 0.5]
    dear = [bowl for bowl in bowls if bowl.cost >= 1.5]
    for option in helpful[:4]:
        bowl = max(dear, key=lambda one: _beyond(one) + rng.uniform(0.0, 0.5))
        width = abs(bowl.number.share(bowl.number.value) - bowl.best)
        by = min(rng.uniform(2.5, 3.5) * width / (2.0 * bowl.cost), _beyond(bowl))
        outwards = 1.0 if bowl.best > bowl.number.share(bowl.number.value) else -1.0
        moved[bowl.number.name][option] = outwards * by
        singles[option] = rng.uniform(-1.5, 0.3) + 2.0 * bowl.cost * by / width
    akin = [pair for pair in _pairs(singles) if set(pair) & set(helpful)]
    pairs = [
        Term(frozenset(pair), rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 1.0)) for pair in rng.sample(akin, 6)
    ]
    terms = (*_alone(singles), *pairs)
    return tuple(replace(bowl, shifts=moved[bowl.number.name]) for bowl in bowls), terms


def _beyond(bowl: Bowl) -> float:
    """Return how far the best value can still be moved away from the seed's."""
    return 0.95 - bowl.best if bowl.best > bowl.number.share(bowl.number.value) else bowl.best - 0.05


def _epistatic(rng: random.Random) -> tuple[Term, ...]:
    """Draw combinations that help only when they are whole, and few single options that help."""
    singles = _singles(rng, helpful=4)
    free = set(singles)
    terms: list[Term] = []
    for family in _FAMILIES:
        for size in (2, 2, *((3,) if family in ("stream", "training") else ())):
            members = _members(free, family, size, rng)
            free -= set(members)
            for option in members:
                singles[option] = -rng.uniform(0.1, 0.6)
            whole = rng.uniform(2.5, 4.0) if size == 2 else rng.uniform(4.0, 6.0)
            terms.append(Term(frozenset(members), whole - sum(singles[option] for option in members)))
    return (*_alone(singles), *terms)


def _deceptive(rng: random.Random) -> tuple[Term, ...]:
    """Draw lures, each at the site of one of two options that are worth much together."""
    singles = _singles(rng, helpful=4)
    free = set(singles)
    terms: list[Term] = []
    for family in (*_FAMILIES, "stream"):
        while True:
            one, other = _members(free, family, 2, rng)
            lures = [option for option in free - {one, other} if option[0] == one[0]]
            if lures:
                break
        lure = rng.choice(sorted(lures))
        free -= {one, other, lure}
        singles[lure] = rng.uniform(1.0, 2.0)
        singles[one], singles[other] = -rng.uniform(0.1, 0.6), -rng.uniform(0.1, 0.6)
        terms.append(Term(frozenset([one, other]), rng.uniform(4.0, 5.0) - singles[one] - singles[other]))
        terms.append(Term(frozenset([lure, other]), -1.0))
    return (*_alone(singles), *terms)


def _singles(rng: random.Random, helpful: int) -> dict[Option, float]:
    """Draw what each option is worth alone: some help, some do nothing, the others do harm."""
    options = [(site.name, option) for site in SITES for option in site.options if option != site.default]
    rng.shuffle(options)
    gains = [min(0.5 + rng.expovariate(1.25), 3.0) for _ in range(helpful)]
    gains += [rng.uniform(-0.2, 0.2) for _ in range(12)]
    gains += [-min(0.3 + rng.expovariate(0.7), 6.0) for _ in options[len(gains) :]]
    return dict(zip(options, gains, strict=True))


def _alone(singles: Mapping[Option, float]) -> Iterator[Term]:
    return (Term(frozenset([option]), gain) for option, gain in singles.items())


def _members(free: Iterable[Option], family: str, size: int, rng: random.Random) -> tuple[Option, ...]:
    """Draw options of one family at different sites."""
    akin = sorted(option for option in free if _family(option) == family)
    sites = rng.sample(sorted({site for site, _ in akin}), size)
    return tuple(rng.choice([option for option in akin if option[0] == site]) for site in sites)


def _pairs(options: Iterable[Option]) -> Iterator[tuple[Option, Option]]:
    """Yield the pairs of options of one family at two sites."""
    for one, other in itertools.combinations(options, 2):
        if one[0] != other[0] and _family(one) == _family(other):
            yield one, other


def _family(option: Option) -> str:
    return by_name()[option[0]].family


def _harm(instance: int, strange: tuple[str, str]) -> float:
    """Return what a strange statement costs, in sigma: nothing (2 in 5), or some harm."""
    rng = random.Random(f"strange {instance} {strange}")
    if strange[1].startswith("no "):
        return rng.uniform(2.0, 6.0)  # nothing at all stands at a site
    return 0.0 if rng.random() < 0.4 else rng.expovariate(0.7)
