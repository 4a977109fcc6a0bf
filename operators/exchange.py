"""One question to a model and what comes of it: a proposal, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from operators.chat import Ask, Chat, Model, ReplyForm, Silence
from operators.edits import Edited, NoEdit, apply_diff, apply_whole
from operators.prompts import SMALL_ATTEMPTS, SMALL_FAILURES, SMALL_HISTORY, SMALL_LESSONS
from operators.proposal import Context, Proposal, Refusal, RefusalKind

CODE_FORMS = frozenset({ReplyForm.DIFF, ReplyForm.WHOLE})
"""The forms in which a model writes code, rather than choosing from a list."""

_HOTTER, _HOTTEST = 0.2, 1.2  # temperature: by how much each level is higher, and what servers still take


def shown_to(model: Model, context: Context) -> Context:
    """Return the part of a context that a model of this size can use."""
    if not model.small:
        return context
    return replace(
        context,
        inspirations=(),
        attempts=context.attempts[-SMALL_ATTEMPTS:],
        history=context.history[-SMALL_HISTORY:],
        failures=context.failures[:SMALL_FAILURES],
        lessons=context.lessons[:SMALL_LESSONS],
    )


def heated(temperature: float, context: Context) -> float:
    """Return the sampling temperature: higher while nothing helps, so that other ideas come up."""
    return min(_HOTTEST, temperature + _HOTTER * context.level)


def code_edit(form: ReplyForm, parent: str) -> Callable[[str], Edited | NoEdit]:
    """Return the function that applies a reply of this code form to ``parent``."""
    apply = apply_diff if form is ReplyForm.DIFF else apply_whole
    return lambda text: apply(text, parent)


async def exchange(
    chat: Chat, model: Model, ask: Ask, apply: Callable[[str], Edited | NoEdit]
) -> Proposal | Refusal:
    """Ask once, and apply what the model writes."""
    reply = await chat.complete(model, ask)
    if isinstance(reply, Silence):
        return Refusal(RefusalKind.LLM, reply.reason, ask.operator, model.name, dollars=reply.dollars)
    edited = apply(reply.text)
    if isinstance(edited, NoEdit):
        said = edited.hypothesis
        return Refusal(edited.kind, edited.reason, ask.operator, model.name, said, reply.dollars)
    told = (reply.transcript,) if reply.transcript else ()
    return Proposal(edited.source, edited.hypothesis, ask.operator, model.name, reply.dollars, told)
