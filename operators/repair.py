"""Repair: a model sets right a child that failed, with its failure before its eyes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from operators import prompts
from operators.chat import Ask, Chat, Model, ReplyForm
from operators.exchange import CODE_FORMS, code_edit, exchange
from operators.proposal import Context, Proposal, Refusal, RefusalKind


@dataclass(frozen=True, slots=True)
class Repair:
    """Asks a model, once, to remove the cause of a failure. Only for models that write code.

    Args:
        chat: whoever can be asked.
        model: the model to ask; None to let ``chat`` choose each time.
        temperature: sampling temperature; low, since one thing is wanted.
    """

    chat: Chat
    model: Model | None = None
    temperature: float = 0.3

    name: ClassVar[str] = "repair"
    arity: ClassVar[int] = 1
    forms: ClassVar[frozenset[ReplyForm]] = CODE_FORMS

    async def propose(self, context: Context, rng: Generator) -> Proposal | Refusal:
        """Make a child of ``context.parents[0]``, which failed."""
        model = self.model or self.chat.pick(rng)
        broken = context.parents[0]
        if model.form not in self.forms:
            reason = f"{model.name} chooses values and writes no code, which a repair needs"
            return Refusal(RefusalKind.NOTHING, reason, self.name, model.name)
        if broken.failure is None:
            return Refusal(RefusalKind.NOTHING, f"{broken.variant.id} did not fail", self.name, model.name)
        messages = prompts.repair(context, model.form)
        ask = Ask(messages, self.name, model.form, None, self.temperature, context.number)
        return await exchange(self.chat, model, ask, code_edit(model.form, broken.source))
