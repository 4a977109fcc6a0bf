"""Looking back: a model condenses what a search has seen to a few lessons.

Verbal feedback kept between attempts is that of Reflexion (Shinn et al. 2023, arXiv 2303.11366, section 3);
that it is written once every so many children, of all that is known, is ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from operators.chat import Ask, Chat, Model, ReplyForm, Silence
from operators.edits import one_line
from operators.prompts import fenced, render
from operators.proposal import Refusal, RefusalKind
from population.variant import Direction

LINES = 15
WIDTH = 160
_ITEM = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+(.*\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reflector:
    """Asks a model for lessons.

    Args:
        chat: whoever can be asked.
        model: the model to ask.
        task, metric, direction, directions: as in ``Context``.
        temperature: sampling temperature.
    """

    chat: Chat
    model: Model
    task: str
    metric: str
    direction: Direction
    directions: str = ""
    temperature: float = 0.4

    name: ClassVar[str] = "reflect"

    async def condense(self, ledger: str, number: int) -> tuple[str, ...] | Refusal:
        """Return at most ``LINES`` lessons of what a search has seen.

        Args:
            ledger: what that is, as text.
            number: of the job; names the exchange.
        """
        text = render(
            self.name,
            {
                "metric": self.metric,
                "better": "lower" if self.direction is Direction.MINIMIZE else "higher",
                "task": self.task.strip(),
                "directions": self.directions.strip() or "Nothing in particular.",
                "ledger": fenced(ledger, "text"),
                "count": str(LINES),
                "width": str(WIDTH),
            },
        )
        ask = Ask((("user", text),), self.name, ReplyForm.WHOLE, None, self.temperature, number)
        reply = await self.chat.complete(self.model, ask)
        if isinstance(reply, Silence):
            return Refusal(RefusalKind.LLM, reply.reason, self.name, self.model.name)
        lessons = lessons_in(reply.text)
        if not lessons:
            reason = "the reply holds no line that begins with a dash"
            return Refusal(RefusalKind.REPLY, reason, self.name, self.model.name)
        return lessons


def lessons_in(reply: str) -> tuple[str, ...]:
    """Return the listed lines of a reply, each once, cut in number and in length."""
    found = (cut(item.lstrip("! ")) for item in _ITEM.findall(reply))
    return tuple(dict.fromkeys(line for line in found if any(c.isalnum() for c in line)))[:LINES]


def cut(line: str) -> str:
    """Return text as one printable line of at most ``WIDTH`` characters."""
    whole = one_line(line)
    return whole if len(whole) <= WIDTH else f"{whole[: WIDTH - 1].rstrip()}…"


def strongest(models: Sequence[Model]) -> Model | None:
    """Return the model of the largest weight, the first of equals; small ones cannot look back."""
    able = [model for model in models if not model.small]
    return max(able, key=lambda model: model.weight, default=None)
