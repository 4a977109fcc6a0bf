"""Numbers in words: scores, gains, times, prices (pure)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from population.fitness import Fitness
from population.variant import Value


def places(noise: float) -> int:
    """Return how many decimals a score is worth: two digits of one burst's noise, 4 while it is unknown."""
    if math.isnan(noise):
        return 4
    if noise <= 0.0:
        return 6  # repeatable to the last digit
    return min(10, max(0, 1 - math.floor(math.log10(noise))))


def places_of(fitness: Fitness | None) -> int:
    """Return how many decimals one estimate is worth."""
    return 4 if fitness is None else places(fitness.standard_error * math.sqrt(fitness.n))


def score(value: float, decimals: int) -> str:
    """Write a score."""
    return f"{value:.{decimals}f}" if abs(value) < 1e7 else f"{value:.6g}"


def estimate(fitness: Fitness, decimals: int) -> str:
    """Write a fitness with its standard error, as far as that is known."""
    if math.isnan(fitness.standard_error):
        return score(fitness.mean, decimals)
    return f"{score(fitness.mean, decimals)} ± {score(fitness.standard_error, decimals)}"


def gain(value: float, decimals: int) -> str:
    """Write a gain: ``+`` is better whatever the metric's direction."""
    text = score(value, decimals)
    return text if text.startswith("-") else f"+{text}"


def gain_error(one: Fitness, other: Fitness) -> float:
    """Return the standard error of the difference of two independent estimates."""
    return math.hypot(one.standard_error, other.standard_error)


def probability(p: float) -> str:
    """Write a probability in percent; what is nearly certain is not rounded up to certain."""
    if p > 0.999:
        return "> 99.9 %"
    if p < 0.001:
        return "< 0.1 %"
    return f"{100 * p:.1f} %"


def share(part: int, whole: int) -> str:
    """Write a share in whole percent."""
    return f"{100 * part / whole:.0f} %" if whole else "–"  # noqa: RUF001


def duration(seconds: float) -> str:
    """Write a time span as ``m:ss``, ``h:mm:ss``, or days and hours."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(n: float, noun: str, plural: str = "") -> str:
    """Write a number of things, of which there may be parts."""
    return f"{number(n)} {noun if n == 1 else plural or noun + 's'}"


def whole(n: float) -> float:
    """Return a number for machines: without a fraction where it has none."""
    return int(n) if float(n).is_integer() else n


def number(n: float) -> str:
    """Write a number of things that may be parts of one, in two decimals at most."""
    return f"{n:,.0f}" if float(n).is_integer() else f"{n:,.2f}".rstrip("0")


def dollars(known: float, unpriced: int) -> str:
    """Write what was spent; calls of unknown price are said, never counted as free."""
    amount = f"${known:,.2f}" if known >= 1 or known == 0 else f"${known:.4f}"
    if not unpriced:
        return amount
    unknown = f"{counted(unpriced, 'call')} of unknown price"
    return f"{amount} + {unknown}" if known else f"unknown ({unknown})"


def tokens(n: int) -> str:
    """Write a large count in at most five characters."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if n >= limit:
            scaled = n / (1e3 if unit == "k" else limit)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return str(n)


def assignments(values: Mapping[str, Value]) -> str:
    """Write tunables with their values."""
    return ", ".join(f"{name}={value(v)}" for name, v in values.items())


def value(v: Value) -> str:
    """Write one tunable's value; a float in as many digits as a person reads."""
    return f"{v:.4g}" if isinstance(v, float) else str(v)


def budget(name: str, amount: float) -> str:
    """Write an amount of one budget: hours as time, dollars with their sign, the rest as it is."""
    if name == "hours":
        return duration(3600 * amount)
    if name == "dollars":
        return dollars(amount, 0)
    return number(amount)
