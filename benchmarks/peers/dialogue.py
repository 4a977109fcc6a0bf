"""A prompt read and answered: which program it holds, in what form it asks, and the reply (pure).

The reply is a draw of ``catalogue.propose``. The draw depends on the seed of the server, on the text of the
prompt, and on how many times this text came before: who asks the same again gets another answer, as from a
model.
"""

from __future__ import annotations

import difflib
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.catalogue import Reply, propose

_FENCE = re.compile(r"^(?P<bar>`{3,})(?P<language>[\w+-]*)[ \t]*\n(?P<body>.*?)^(?P=bar)[ \t]*$", re.M | re.S)
_PROGRAM = re.compile(r"^def train\(", re.MULTILINE)

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Question:
    """What a prompt asks.

    Args:
        form: ``diff``, ``whole``, or ``none`` when it is not about a program.
        source: the program to change.
        others: other whole programs that are shown.
        combine: it asks to combine programs.
    """

    form: str
    source: str
    others: tuple[str, ...] = ()
    combine: bool = False


@dataclass
class Oracle:
    """Whoever answers; counts what it was asked.

    Args:
        seed: of every draw.
    """

    seed: int
    calls: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)

    def answer(self, messages: Messages) -> str:
        """Return the reply to a prompt."""
        question = understood(messages)
        self.calls[question.form] += 1
        if question.form == "none":
            return "Nothing in particular stands out."
        text = "\n".join(f"{one['role']}\n{one['content']}" for one in messages)
        digest = hashlib.sha256(text.encode()).hexdigest()
        rng = random.Random(f"{self.seed} {digest} {self._seen[digest]}")
        self._seen[digest] += 1
        reply = propose(question.source, question.others, rng, question.combine)
        self.calls[reply.kind] += 1
        return written(reply, question, rng)


def understood(messages: Messages) -> Question:
    """Find out what a prompt asks."""
    text = "\n\n".join(one["content"] for one in messages)
    programs = programs_in(text)
    if not programs:
        return Question("none", "")
    form = "diff" if re.search(r"^<{5,9} ?SEARCH", text, re.MULTILINE) else "whole"
    combine = "Join two parents" in text
    source = programs[-1]
    return Question(form, source, tuple(one for one in programs[:-1] if one != source), combine)


def programs_in(text: str) -> list[str]:
    """Return the whole programs that stand in code fences, in order."""
    return [found["body"] for found in _FENCE.finditer(text) if _PROGRAM.search(found["body"])]


def written(reply: Reply, question: Question, rng: random.Random) -> str:
    """Write a reply in the form that was asked for, or so that it cannot be read in it."""
    said = f"Hypothesis: {reply.words}\n\n"
    if reply.kind == "malformed":
        return rng.choice(
            (
                f"{said}One could try this, though it is hard to say whether it would help.",
                f"{said}{''.join(diff(question.source, reply.source))[:-20]}",
            )
        )
    if question.form == "diff":
        return said + "".join(diff(question.source, reply.source))
    return f"{said}```python\n{reply.source.rstrip()}\n```\n"


def diff(source: str, child: str) -> list[str]:
    """Return the SEARCH/REPLACE blocks that lead from one program to another."""
    return [
        f"<<<<<<< SEARCH\n{''.join(old)}=======\n{''.join(new)}>>>>>>> REPLACE\n"
        for old, new in changes(source, child)
    ]


def changes(source: str, child: str) -> list[tuple[list[str], list[str]]]:
    """Return what to look for and what to put there, as whole lines that stand at one place only."""
    before, after = _lines(source), _lines(child)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        start, stop = _unique(before, i1, i2)
        found.append(
            (before[start:stop], [*before[start:i1], *after[j1:j2], *before[i2:stop]]),
        )
    return found


def _unique(lines: list[str], start: int, stop: int) -> tuple[int, int]:
    """Widen a range of lines until its text stands at one place; an insertion takes the line before it."""
    whole = "".join(lines)
    while start == stop or whole.count("".join(lines[start:stop])) > 1:
        if start == 0 and stop == len(lines):
            break
        start, stop = max(0, start - 1), stop if start else stop + 1
    return start, stop


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.rstrip("\n").split("\n")]


def as_messages(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return ``(role, content)`` pairs as a request would hold them."""
    return [{"role": role, "content": content} for role, content in pairs]
