"""Crossover: a model joins two parents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from numpy.random import Generator

from operators import prompts
from operators.chat import Ask, Chat, Model, ReplyForm
from operators.edits import Edited, NoEdit, apply_mix, differing_values, same_text
from operators.exchange import code_edit, exchange, heated, shown_to
from operators.proposal import Context, Proposal, Refusal, RefusalKind
from population.genome import with_values
from population.variant import Value

LISTED = 6
"""Differing tunables that a small model decides on at once; the others stay as the first parent has them."""


@dataclass(frozen=True, slots=True)
class Crossover:
    """Asks a model to join two parents, as a change to the first.

    In JSON form the model chooses, for each tunable on which the parents differ, whose value the child
    takes (a uniform crossover of the numbers, Syswerda 1989, with the model in the place of the coin).

    Args:
        chat: whoever can be asked.
        model: the model to ask; None to let ``chat`` choose each time.
        temperature: sampling temperature.
        hunks: whether the model is shown what the parents changed since their common ancestor.
    """

    chat: Chat
    model: Model | None = None
    temperature: float = 0.8
    hunks: bool = True

    name: ClassVar[str] = "crossover"
    arity: ClassVar[int] = 2
    forms: ClassVar[frozenset[ReplyForm]] = frozenset(ReplyForm)

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]`` and ``context.parents[1]``."""
        model = self.model or self.chat.pick(rng)
        first, second = context.parents[0].source, context.parents[1].source
        if same_text(first, second):
            return Refusal(RefusalKind.NOTHING, "both parents have the same text", self.name, model.name)
        if model.form is ReplyForm.JSON:
            return await self._mix(context, model, rng)
        shown = context if self.hunks else replace(context, ancestor=None)
        messages = prompts.crossover(shown_to(model, shown), model.form)
        ask = Ask(messages, self.name, model.form, None, heated(self.temperature, context), context.number)
        return await exchange(self.chat, model, ask, _new_to(second, code_edit(model.form, first)))

    async def _mix(self, context: Context, model: Model, rng: Generator) -> Proposal | Refusal:
        first, second = context.parents[0].source, context.parents[1].source
        differing = differing_values(first, second)
        if not differing:
            return Refusal(RefusalKind.NOTHING, "the parents agree on all tunables", self.name, model.name)
        if len(differing) == 1 and same_text(with_values(first, _of_second(differing)), second):
            return Refusal(RefusalKind.NOTHING, "the parents differ in one value only", self.name, model.name)
        names = [list(differing)[i] for i in sorted(rng.permutation(len(differing))[:LISTED])]
        listed = {name: differing[name] for name in names}
        messages = prompts.small_mix(context, listed, why=not model.small)
        schema = mixing_schema(names) if model.small else mix_schema(names)
        ask = Ask(messages, self.name, model.form, schema, heated(self.temperature, context), context.number)
        return await exchange(self.chat, model, ask, lambda text: apply_mix(text, first, second))


def _of_second(differing: Mapping[str, tuple[Value, Value]]) -> dict[str, Value]:
    return {name: second for name, (_, second) in differing.items()}


def mixing_schema(names: Sequence[str]) -> Mapping[str, Any]:
    """Return the schema for small models: at least one ``"b"``, which they forget, and no reason."""
    return {"anyOf": [_object(_sides(names, name)) for name in names]}


def mix_schema(names: Sequence[str]) -> Mapping[str, Any]:
    """Return the JSON schema of a reply that says ``"a"`` or ``"b"`` for every name, then why."""
    return _object({**_sides(names), "hypothesis": {"type": "string", "maxLength": 120}})


def _sides(names: Sequence[str], second: str = "") -> dict[str, Any]:
    """Return for each name that it is ``"a"`` or ``"b"``; for the name ``second``, that it is ``"b"``."""
    return {name: {"type": "string", "enum": ["b"] if name == second else ["a", "b"]} for name in names}


def _object(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an object with exactly these properties, in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _new_to(second: str, apply: Callable[[str], Edited | NoEdit]) -> Callable[[str], Edited | NoEdit]:
    """Return ``apply`` with the rule that the child is not the second parent, either."""

    def applied(text: str) -> Edited | NoEdit:
        edited = apply(text)
        if isinstance(edited, Edited) and same_text(edited.source, second):
            return NoEdit(RefusalKind.UNCHANGED, "the child is its second parent", edited.hypothesis)
        return edited

    return applied
