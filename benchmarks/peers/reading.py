"""What a landscape sees in a program: the option at each site, the numbers, and what is strange to it."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers.program import Statement, literal, parsed, statements, undefined
from benchmarks.peers.sites import SEED_SOURCE, SITES, breaks, by_text

_MARK = re.compile(
    r"^(?P<name>[A-Z]\w*) = (?P<value>[-+.\w]+)\s*# tune: (?P<kind>log |int )?(?P<low>\S+)\.\.(?P<high>\S+)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Number:
    """A number of the seed program that may be tuned, by its mark.

    Args:
        name: the module-level name.
        kind: ``log``, ``int`` or ``linear``.
        low: smallest value.
        high: largest value.
        value: the seed's.
    """

    name: str
    kind: str
    low: float
    high: float
    value: float

    def share(self, value: float) -> float:
        """Return where a value lies in the range, 0 to 1 (beyond that when it is out of range)."""
        if self.kind == "log":
            return math.log(max(value, 1e-12) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, share: float) -> float:
        """Return the value at a share of the range, kept inside it and rounded as a person would."""
        share = min(max(share, 0.0), 1.0)
        if self.kind == "int":
            return float(round(self.low + share * (self.high - self.low)))
        if self.kind == "log":
            return float(f"{self.low * (self.high / self.low) ** share:.3g}")
        return float(f"{self.low + share * (self.high - self.low):.3g}")

    def spelled(self, value: float) -> str:
        """Write a value as Python."""
        return str(round(value)) if self.kind == "int" else repr(float(value))


@dataclass(frozen=True)
class Broken:
    """A program that fails when it runs.

    Args:
        message: what is seen of it.
        late: it passes one step, and fails in a whole burst.
    """

    message: str
    late: bool = False


@dataclass(frozen=True)
class Reading:
    """What there is in a program that runs.

    Args:
        choices: option by site; sites whose statement is none of the options are missing.
        values: number by name.
        strange: statements that are neither the seed's nor any option, or missing ones of the seed's.
    """

    choices: Mapping[str, str]
    values: Mapping[str, float]
    strange: tuple[tuple[str, str], ...]


@functools.cache
def numbers() -> tuple[Number, ...]:
    """Return the marked numbers of the seed program, in order."""
    return tuple(
        Number(
            found["name"],
            (found["kind"] or "linear").strip(),
            float(found["low"]),
            float(found["high"]),
            float(found["value"]),
        )
        for found in _MARK.finditer(SEED_SOURCE)
    )


@functools.lru_cache(maxsize=4096)
def read(source: str) -> Reading | Broken:
    """Read a program."""
    try:
        tree = parsed(source)
    except SyntaxError as error:
        return Broken(f"SyntaxError: {error.msg} (line {error.lineno})")
    found = statements(source)
    if not any(one.scope == "train" and one.text.startswith("def (") for one in found):
        return Broken("it defines no function train(burst)")
    broken = [breaks()[key] for one in found if (key := (one.scope, one.text)) in breaks()]
    if broken:
        worst = min(broken, key=lambda one: one.late)
        return Broken(f"RuntimeError: {worst.message}", worst.late)
    reading = _reading(found)
    unbound = undefined(tree) if reading.strange else ""  # what is known binds all that it names
    return Broken(unbound) if unbound else reading


def _reading(found: tuple[Statement, ...]) -> Reading:
    choices: dict[str, str] = {}
    values: dict[str, float] = {}
    rest: Counter[tuple[str, str]] = Counter()
    known = {number.name for number in numbers()}
    for one in found:
        site = by_text().get((one.scope, one.text))
        pair = literal(one)
        if site is not None and site[0].name not in choices:
            choices[site[0].name] = site[1]
        elif pair is not None and pair[0] in known:
            values[pair[0]] = pair[1]
        else:
            rest[one.scope, one.text] += 1
    missing = _skeleton() - rest
    extra = rest - _skeleton()
    lost = [(site.scope, f"no {site.name}") for site in SITES if site.name not in choices]
    strange = [*extra.elements(), *((scope, f"without {text}") for scope, text in missing.elements()), *lost]
    for number in numbers():
        values.setdefault(number.name, number.value)  # it is computed: strange, and taken to be the seed's
    return Reading(choices, values, tuple(sorted(strange)))


@functools.cache
def _skeleton() -> Counter[tuple[str, str]]:
    """Return what stands in the seed program besides sites and numbers."""
    known = {number.name for number in numbers()}
    return Counter(
        (one.scope, one.text)
        for one in statements(SEED_SOURCE)
        if (one.scope, one.text) not in by_text()
        and not ((pair := literal(one)) is not None and pair[0] in known)
    )
