"""Mutation: a model changes one parent, with other variants before its eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.random import Generator

from operators import prompts
from operators.chat import Ask, Chat, Model, ReplyForm
from operators.edits import apply_choice
from operators.exchange import code_edit, exchange, heated, shown_to
from operators.jitter import offers
from operators.proposal import Context, Proposal, Refusal, RefusalKind
from population.genome import Tunable, parse_tunables
from population.variant import Value

LISTED = 6
"""Tunables that a small model is shown at once: drawn anew each time, since it tends to repeat its choice."""


@dataclass(frozen=True, slots=True)
class Mutate:
    """Asks a model for one change to the parent; in JSON form, for one tunable and its new value.

    A small model is offered a few values near the present one, and chooses among those: left to write a
    number itself, it mostly writes one that is out of range.

    Args:
        chat: whoever can be asked.
        model: the model to ask; None to let ``chat`` choose each time.
        temperature: sampling temperature.
    """

    chat: Chat
    model: Model | None = None
    temperature: float = 0.8

    name: ClassVar[str] = "mutate"
    arity: ClassVar[int] = 1
    forms: ClassVar[frozenset[ReplyForm]] = frozenset(ReplyForm)

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]``."""
        model = self.model or self.chat.pick(rng)
        source, temperature = context.parents[0].source, heated(self.temperature, context)
        if model.form is not ReplyForm.JSON:
            messages = prompts.mutate(shown_to(model, context), model.form)
            ask = Ask(
                messages, self.name, model.form, None, heated(self.temperature, context), context.number
            )
            return await exchange(self.chat, model, ask, code_edit(model.form, source))
        tunables = _drawn(parse_tunables(source), rng)
        offered = {t.name: values for t in tunables if (values := offers(t, rng))} if model.small else {}
        if not tunables:
            return Refusal(
                RefusalKind.NOTHING, "the parent has no tunables to choose from", self.name, model.name
            )
        schema = offer_schema(offered) if offered else choice_schema(tunables)
        messages = prompts.small_mutate(context, tunables, offered)
        ask = Ask(messages, self.name, model.form, schema, temperature, context.number)
        return await exchange(self.chat, model, ask, lambda text: apply_choice(text, source))


def offer_schema(offered: Mapping[str, Sequence[Value]]) -> Mapping[str, Any]:
    """Return the JSON schema of a reply that takes one of the offers.

    It is for small models, so it leaves no room for a reason: what they write there is noise.
    """
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {"tunable": {"const": name}, "value": {"enum": list(values)}},
                "required": ["tunable", "value"],
                "additionalProperties": False,
            }
            for name, values in offered.items()
        ]
    }


def choice_schema(tunables: Sequence[Tunable]) -> Mapping[str, Any]:
    """Return the JSON schema of a reply that names one tunable, its new value, and why, in this order."""
    words = sorted({str(choice) for t in tunables if t.kind == "choice" for choice in t.choices})
    kinds: list[dict[str, Any]] = []
    if any(t.kind != "choice" for t in tunables):
        kinds.append({"type": "number"})
    if words:
        kinds.append({"type": "string", "enum": words})
    names = {"type": "string", "enum": [t.name for t in tunables]}
    return _answer(names, kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _answer(tunable: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a reply; its properties are written in this order."""
    hypothesis = {"type": "string", "maxLength": 120}
    return {
        "type": "object",
        "properties": {"tunable": tunable, "value": value, "hypothesis": hypothesis},
        "required": ["tunable", "value", "hypothesis"],
        "additionalProperties": False,
    }


def _drawn(tunables: Sequence[Tunable], rng: Generator) -> tuple[Tunable, ...]:
    """Return at most ``LISTED`` tunables, in a drawn order."""
    order = rng.permutation(len(tunables))[:LISTED]
    return tuple(tunables[i] for i in order)
