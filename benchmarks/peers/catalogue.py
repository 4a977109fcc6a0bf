"""What a language model answers here: a draw from a catalogue of edits of the program in the prompt.

The distribution, the same for every system (shares of all replies):

- 10 % **malformed**: nothing that can be read in the format that was asked for;
- 10 % **breaking**: an edit that fails when it runs (``sites.BROKEN``);
- the rest are **edits** that run. Where the prompt holds a second program, some of them are a **mix**: each
  site and each number in which the two differ is the other's with chance one half. A mix is 60 % of the
  edits when the prompt asks to combine two programs, and 15 % when another program is merely shown. Of the
  other edits 60 % are **structural** and 40 % **numeric**.
- Structural: one site gets another of its options, each option with the same chance, also one that the seed
  had; 15 % take two sites of one family at once.
- Numeric: one of the eight numbers, each with the same chance, is moved by 5 to 25 % of its range (70 %),
  or drawn anew from all of it (30 %).
- Where the program in the prompt is broken, 70 % of the edits put the site right, with one of its options.

Nothing else in the prompt is understood: no score, no failed attempt, no advice. So a system whose prompts
tell a model more gains nothing by it here, and no figure of this benchmark speaks of prompts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.peers.program import Statement, literal, statements
from benchmarks.peers.reading import Broken, Number, Reading, numbers, read
from benchmarks.peers.sites import BROKEN, SITES, Break, Site, breaks, by_name, by_text

MALFORMED, BREAKING = 0.1, 0.1
STRUCTURAL = 0.6
TWO_AT_ONCE = 0.15
COMBINED, SHOWN = 0.6, 0.15
REPAIRED = 0.7
STEPPED = 0.7


@dataclass(frozen=True)
class Reply:
    """What a model answers, whatever the format.

    Args:
        kind: ``malformed``, ``breaking``, ``structural``, ``numeric``, ``mix`` or ``repair``.
        source: the new program; for a malformed reply what it would have been.
        words: the idea in one line.
    """

    kind: str
    source: str
    words: str


@dataclass(frozen=True)
class Edit:
    """One structural edit: a site gets one of its options."""

    site: Site
    option: str

    @property
    def name(self) -> str:
        """Name of the edit."""
        return f"{self.site.name}={self.option}"

    def apply(self, source: str) -> str | None:
        """Return the changed program; None when the site is not there, or has this option already."""
        there = _sites_of(source).get(self.site.name, self.option)
        return None if there == self.option else put(source, self.site, self.site.options[self.option])


EDITS = tuple(Edit(site, option) for site in SITES for option in site.options)


def propose(source: str, others: Sequence[str], rng: random.Random, combine: bool = False) -> Reply:
    """Draw a reply.

    Args:
        source: the program to change.
        others: other whole programs that the prompt shows.
        rng: decides everything.
        combine: the prompt asks to combine two programs.
    """
    draw = rng.random()
    if draw < MALFORMED:
        return Reply("malformed", *_edited(source, rng)[1:])
    if draw < MALFORMED + BREAKING:
        return Reply("breaking", *_breaking(source, rng))
    if isinstance(read(source), Broken) and rng.random() < REPAIRED:
        mended = _repaired(source, rng)
        if mended is not None:
            return Reply("repair", *mended)
    others = [one for one in others if one != source and isinstance(read(one), Reading)]
    if others and rng.random() < (COMBINED if combine else SHOWN):
        mixed = mix(source, rng.choice(others), rng)
        if mixed is not None:
            return Reply("mix", *mixed)
    return Reply(*_edited(source, rng))


def put(source: str, site: Site, code: str) -> str | None:
    """Write a statement at a site, whatever option or break stands there; None when none does."""
    try:
        found = statements(source)
    except SyntaxError:
        return None
    place = next((one for one in found if _site_of(one) == site), None)
    return None if place is None else _replaced(source, place, code)


def set_number(source: str, number: Number, value: float) -> str | None:
    """Write a number where the program sets it; None when it does not."""
    try:
        found = statements(source)
    except SyntaxError:
        return None
    for one in found:
        pair = literal(one)
        if pair is not None and pair[0] == number.name:
            lines = source.split("\n")
            head, equals, rest = lines[one.first - 1].partition("=")
            _, hash_, mark = rest.partition("#")
            spelled = f"{head}{equals} {number.spelled(value)}"
            lines[one.first - 1] = f"{spelled}  #{mark}" if hash_ else spelled
            return "\n".join(lines)
    return None


def mix(source: str, other: str, rng: random.Random) -> tuple[str, str] | None:
    """Take from another program each option and number that differs with chance one half, at least one."""
    mine, theirs = read(source), read(other)
    if isinstance(mine, Broken) or isinstance(theirs, Broken):
        return None
    sites = [
        site
        for site in SITES
        if {site.name} <= mine.choices.keys() & theirs.choices.keys()
        and mine.choices[site.name] != theirs.choices[site.name]
    ]
    differing = [one for one in numbers() if mine.values[one.name] != theirs.values[one.name]]
    parts: list[Callable[[str], str | None]] = [
        *(lambda text, s=site: put(text, s, s.options[theirs.choices[s.name]]) for site in sites),
        *(lambda text, n=number: set_number(text, n, theirs.values[n.name]) for number in differing),
    ]
    names = [*(f"{site.name}={theirs.choices[site.name]}" for site in sites), *(n.name for n in differing)]
    if not parts:
        return None
    taken = [i for i in range(len(parts)) if rng.random() < 0.5] or [rng.randrange(len(parts))]
    child = source
    for i in taken:
        child = parts[i](child) or child
    return child, f"take {', '.join(names[i] for i in taken)} from the other program"


def _edited(source: str, rng: random.Random) -> tuple[str, str, str]:
    """Draw a structural or a numeric edit that fits."""
    if rng.random() < STRUCTURAL:
        changed = _structural(source, rng)
        if changed is not None:
            return ("structural", *changed)
    changed = _numeric(source, rng) or _structural(source, rng)
    return ("numeric", *(changed or (f"{source}\n\nIDEA = {rng.randrange(10**9)}\n", "a note")))


def _structural(source: str, rng: random.Random) -> tuple[str, str] | None:
    there = _sites_of(source)
    fitting = [e for e in rng.sample(EDITS, len(EDITS)) if there.get(e.site.name, e.option) != e.option]
    if not fitting:
        return None
    first = fitting[0]
    child, words = first.apply(source), first.name
    if rng.random() < TWO_AT_ONCE:
        akin = [e for e in fitting[1:] if e.site.family == first.site.family and e.site != first.site]
        if akin and child is not None:
            child, words = akin[0].apply(child), f"{first.name} with {akin[0].name}"
    return None if child is None else (child, words)


def _numeric(source: str, rng: random.Random) -> tuple[str, str] | None:
    reading = read(source)
    now = reading.values if isinstance(reading, Reading) else {one.name: one.value for one in numbers()}
    for number in rng.sample(numbers(), len(numbers())):
        old = now[number.name]
        for _ in range(8):
            share = rng.random()
            if rng.random() < STEPPED:
                share = number.share(old) + rng.choice((-1, 1)) * rng.uniform(0.05, 0.25)
            value = number.at(share)
            if value != old and (child := set_number(source, number, value)) is not None:
                return child, f"{number.name} = {number.spelled(value)}"
    return None


def _breaking(source: str, rng: random.Random) -> tuple[str, str]:
    for one in rng.sample(BROKEN, len(BROKEN)):
        child = put(source, by_name()[one.site], one.code)
        if child is not None and child != source:
            return child, f"a bolder {one.site}"
    return f"{source}\n\nIDEA = 1 / 0\n", "a note"


def _repaired(source: str, rng: random.Random) -> tuple[str, str] | None:
    """Put right every site that holds a breaking statement; None when there is none."""
    try:
        found = statements(source)
    except SyntaxError:
        return None
    wrong = [one for one in map(_break_of, found) if one is not None]
    child = source
    for one in wrong:
        site = by_name()[one.site]
        child = put(child, site, rng.choice([*site.options.values()])) or child
    return (child, f"put {', '.join(one.site for one in wrong)} right") if wrong else None


def _sites_of(source: str) -> dict[str, str]:
    """Return what stands at each site of a program: an option's name, or nothing for a break."""
    try:
        found = statements(source)
    except SyntaxError:
        return {}
    there: dict[str, str] = {}
    for one in found:
        known = by_text().get((one.scope, one.text))
        broken = _break_of(one)
        if known is not None:
            there.setdefault(known[0].name, known[1])
        elif broken is not None:
            there.setdefault(broken.site, "")
    return there


def _site_of(statement: Statement) -> Site | None:
    """Return the site where a statement stands, as an option or as a break."""
    known = by_text().get((statement.scope, statement.text))
    if known is not None:
        return known[0]
    broken = _break_of(statement)
    return None if broken is None else by_name()[broken.site]


def _break_of(statement: Statement) -> Break | None:
    return breaks().get((statement.scope, statement.text))


def _replaced(source: str, place: Statement, code: str) -> str:
    lines = source.split("\n")
    first = lines[place.first - 1]
    indent = first[: len(first) - len(first.lstrip())]
    lines[place.first - 1 : place.last] = [f"{indent}{code}"]
    return "\n".join(lines)
