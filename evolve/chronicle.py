"""The running account of a search: its best ideas, what failed again and again, what was changed where.

Each event that is recorded is taken in once, so that nobody has to look through the population. What is told
depends on outcomes alone, not on who was admitted meanwhile, so that timing cannot change it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from typing import Any

from operators.edits import one_line
from operators.proposal import Attempt, Recurring, RefusalKind
from population.edit import Edit
from population.gain import Gain
from population.ideas import Ideas
from population.ledger import Event
from population.ranking import number_of
from population.recurring import Frequent
from population.variant import FailureKind, Variant

ADMITTED, MEASURED, REPLICATED, TUNED, REFUSED = "admitted", "measured", "replicated", "tuned", "refusal"
"""Kinds of the events that tell of ideas."""

_ERRORS = 5  # errors that are told, of those that came twice or more
_VAIN = 3  # ideas that are told, of those that were tried twice or more and never worked
_REFUSED = 2  # refused ideas that are told of one parent
_BEST = 50  # children whose gains are at hand
_LATEST = 30  # children that are told of as the latest
_LENGTH = 160  # characters of an error
_NUMBER = re.compile(r"\d+")


class Chronicle:
    """The account of one run.

    Args:
        variants: those known, by id.
    """

    def __init__(self, variants: Mapping[str, Variant]) -> None:
        self._variants = variants
        self.ideas = Ideas()
        self.measured = 0
        self.improved = 0
        self._gains: dict[str, float] = {}
        self.latest: deque[str] = deque(maxlen=_LATEST)
        self.failures: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.fruitful: Counter[str] = Counter()
        self._errors = Frequent(_ERRORS)
        self._vain = Frequent(_VAIN)
        self._refused: defaultdict[str, deque[Attempt]] = defaultdict(lambda: deque(maxlen=_REFUSED))

    def heed(self, event: Event) -> None:
        """Take in an event; those that tell of no idea are passed over."""
        data = event.data
        if event.kind == ADMITTED and data.get("edit"):
            self.ideas.add(str(data["variant"]), Edit.read(data["edit"]))
        elif event.kind in (MEASURED, REPLICATED, TUNED):
            self._learn(event.kind, str(data["variant"]), data)
        elif event.kind == REFUSED:
            self._note_refusal(data)

    def best(self, count: int) -> list[str]:
        """Return the children with the largest gains, the largest first; the older of equals."""
        return sorted(self._gains, key=lambda one: (-self._gains[one], number_of(one)))[:count]

    def recurring(self) -> tuple[Recurring, ...]:
        """Return the errors that came again, then the ideas tried again in vain; most often first."""
        errors, ideas = self._errors.most(2), self._vain.most(2)
        return tuple(Recurring(said, times) for said, times in (*errors, *ideas))

    def refused(self, parent: str) -> tuple[Attempt, ...]:
        """Return the latest ideas that were refused on a parent as repeated."""
        return tuple(self._refused.get(parent, ()))

    def _learn(self, kind: str, name: str, data: Mapping[str, Any]) -> None:
        """Take in what came of a variant."""
        variant, failure = self._variants.get(name), str(data.get("failure") or "")
        if variant is None or not variant.parents or failure == FailureKind.KILLED:
            return  # a fault of ours says nothing of an idea
        gain = gain_of(data)
        first = kind == MEASURED
        self.ideas.learn(name, failure if first else "", gain)
        if gain is not None:
            self._gains[name] = gain.value
            if len(self._gains) > 2 * _BEST:
                self._gains = {one: self._gains[one] for one in sorted(self.best(_BEST), key=number_of)}
        edit, outcome = self.ideas.edit(name), self.ideas.outcome(name)
        assert outcome is not None
        if first:
            self._count(variant, edit, failure, str(data.get("message", "")), outcome.worked)
        if edit is not None and outcome.worked:
            self._vain.drop(edit.loose or edit.exact)

    def _count(self, variant: Variant, edit: Edit | None, failure: str, message: str, worked: bool) -> None:
        """Count a child that was measured for the first time."""
        self.measured += 1
        self.improved += worked
        self.latest.append(variant.id)
        if failure:
            said = one_line(f"{failure}: {message}")[:_LENGTH]
            self.failures[failure] += 1
            self._errors.add(_NUMBER.sub("0", said), said)
        if edit is not None:
            self.places.update(edit.places)
            self.fruitful.update(edit.places if worked else ())
            self._vain.add(edit.loose or edit.exact, f"the idea {variant.hypothesis}")

    def _note_refusal(self, data: Mapping[str, Any]) -> None:
        """Take in a refusal."""
        kind, idea, parents = str(data.get("kind")), str(data.get("hypothesis")), data.get("parents", ())
        self.refusals[kind] += 1
        if kind != RefusalKind.REPEATED or not parents:
            return
        twins = [str(one) for one in data.get("twins", ())]
        self._refused[str(parents[0])].append(Attempt(idea, f"refused: {data.get('reason', '')}"))
        edit = self.ideas.edit(twins[-1]) if twins else None
        if edit is not None:
            self._vain.add(edit.loose or edit.exact, f"the idea {idea}")


def gain_of(data: Mapping[str, Any]) -> Gain | None:
    """Return the gain that an event tells of, None if it tells of none."""
    value, error = data.get("gain"), data.get("error")
    return None if value is None else Gain(float(value), math.nan if error is None else float(error))
