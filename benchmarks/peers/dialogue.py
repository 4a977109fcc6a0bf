"""Prompts of all systems read and answered: the program, the form that is asked for, the reply (pure).

The reply is a draw of ``catalogue.propose``. The draw depends on the seed of the server, on the text of the
prompt, and on how many times this text came before: who asks the same again gets another answer, as from a
model.

A prompt is a question about a program when it holds one (in a code fence, with a function ``train``) and
asks for an answer in a form known here. Of several programs the one under a heading such as "Current
program" or "The parent" is to be changed, else the last one. Anything else (summaries, lessons,
recommendations, whether one program is unlike another) gets a fixed answer.
"""

from __future__ import annotations

import enum
import hashlib
import random
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.catalogue import Reply, propose
from benchmarks.peers.hunks import changes, patched

_FENCE = re.compile(r"^(?P<bar>`{3,})(?P<language>[\w+-]*)[ \t]*\n(?P<body>.*?)^(?P=bar)[ \t]*$", re.M | re.S)
_PROGRAM = re.compile(r"^def train\(", re.MULTILINE)
_HEADING = re.compile(
    r"^#+ (?:current program|the (?:first )?parent|the variant|incorrect program to fix)[ \t]*$", re.M | re.I
)
_COMBINE = re.compile(r"join two parents|cross-?over between|combine the best parts", re.IGNORECASE)
_SEARCH = re.compile(r"^<{5,9} ?SEARCH", re.MULTILINE)
_WHOLE = re.compile(r"complete new program", re.IGNORECASE)

Messages = Sequence[Mapping[str, str]]


class Form(enum.StrEnum):
    """How an answer is to be written."""

    DIFF = "diff"  # SEARCH/REPLACE blocks (ours, OpenEvolve)
    WHOLE = "whole"  # the whole file in a code fence (ours, OpenEvolve)
    TAGGED_DIFF = "tagged diff"  # <NAME>, <DESCRIPTION>, <DIFF> (ShinkaEvolve)
    TAGGED_WHOLE = "tagged whole"  # <NAME>, <DESCRIPTION>, <CODE> (ShinkaEvolve)
    NOVELTY = "novelty"  # whether one program is unlike another
    OTHER = "other"  # anything that is not about changing a program


@dataclass(frozen=True)
class Question:
    """What a prompt asks.

    Args:
        form: how the answer is to be written.
        source: the program to change; empty when none is.
        others: other whole programs that are shown, also as a difference from ``source``.
        combine: it asks to combine programs.
    """

    form: Form
    source: str = ""
    others: tuple[str, ...] = ()
    combine: bool = False


@dataclass
class Oracle:
    """Whoever answers; counts what it was asked. May be asked from several threads.

    Args:
        seed: of every draw.
        forms: questions so far, by form.
        kinds: replies so far, by kind.
    """

    seed: int
    forms: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> int:
        """All questions so far."""
        return sum(self.forms.values())

    def answer(self, messages: Messages) -> str:
        """Return the reply to a prompt."""
        question = understood(messages)
        text = "\n".join(f"{one['role']}\n{one['content']}" for one in messages)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            self.forms[question.form.value] += 1
            again = self._seen[digest]
            self._seen[digest] += 1
        if not question.source:
            return _fixed(question.form)
        rng = random.Random(f"{self.seed} {digest} {again}")
        reply = propose(question.source, question.others, rng, question.combine)
        with self._lock:
            self.kinds[reply.kind] += 1
        return written(reply, question, rng)


def understood(messages: Messages) -> Question:
    """Find out what a prompt asks."""
    text = "\n\n".join(one["content"] for one in messages)
    form = form_of(text)
    programs = [] if form in (Form.NOVELTY, Form.OTHER) else _programs(text)
    if not programs:
        return Question(form if form is Form.NOVELTY else Form.OTHER)
    heading = max((found.end() for found in _HEADING.finditer(text)), default=None)
    below = [body for start, body in programs if heading is not None and start >= heading]
    source = below[0] if below else programs[-1][1]
    whole = [body for _, body in programs if body != source]
    told = [body for body in _shown_as_difference(text, source) if body != source]
    return Question(form, source, tuple(dict.fromkeys([*whole, *told])), bool(_COMBINE.search(text)))


def form_of(text: str) -> Form:
    """Find out in what form an answer is asked for."""
    if "NOT_NOVEL" in text:
        return Form.NOVELTY
    if "<NAME>" in text and "<DIFF>" in text:
        return Form.TAGGED_DIFF
    if "<NAME>" in text and "<CODE>" in text:
        return Form.TAGGED_WHOLE
    if _SEARCH.search(text):
        return Form.DIFF
    return Form.WHOLE if _WHOLE.search(text) else Form.OTHER


def written(reply: Reply, question: Question, rng: random.Random) -> str:
    """Write a reply in the form that was asked for, or so that it cannot be read in it."""
    tagged = question.form in (Form.TAGGED_DIFF, Form.TAGGED_WHOLE)
    said = f"Hypothesis: {reply.words}\n\n"
    if tagged:
        name = re.sub(r"\W+", "_", reply.words)[:40].strip("_")
        said = f"<NAME>\n{name}\n</NAME>\n\n<DESCRIPTION>\n{reply.words}\n</DESCRIPTION>\n\n"
    if question.form in (Form.DIFF, Form.TAGGED_DIFF):
        body, start, end = diff(question.source, reply.source), "<DIFF>\n", "\n</DIFF>\n"
    else:
        body, start, end = f"```python\n{reply.source.rstrip()}\n```\n", "<CODE>\n", "</CODE>\n"
    if reply.kind == "malformed":
        torn = body[: len(body) * 2 // 3].rstrip("`>ERACLP ")
        prose = "One could try this, though it is hard to say in general whether it would help."
        return said + rng.choice([prose, f"{start if tagged else ''}{torn}"])
    return f"{said}{start}{body}{end}" if tagged else said + body


def diff(source: str, child: str) -> str:
    """Return the SEARCH/REPLACE blocks that lead from one program to another."""
    return "\n".join(
        f"<<<<<<< SEARCH\n{''.join(old)}=======\n{''.join(new)}>>>>>>> REPLACE\n"
        for old, new in changes(source, child)
    )


def as_messages(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return ``(role, content)`` pairs as a request would hold them."""
    return [{"role": role, "content": content} for role, content in pairs]


def _programs(text: str) -> list[tuple[int, str]]:
    """Return the whole programs that stand in code fences, and where, in order."""
    found = ((one.start(), one["body"]) for one in _FENCE.finditer(text))
    return [(start, body) for start, body in found if _PROGRAM.search(body)]


def _shown_as_difference(text: str, source: str) -> list[str]:
    """Return the programs that are shown as a unified diff against the program to change."""
    bodies = [one["body"] for one in _FENCE.finditer(text) if one["language"] == "diff"]
    return [other for body in bodies if (other := patched(source, body)) is not None]


def _fixed(form: Form) -> str:
    """Return what is answered where no program is to be changed."""
    if form is Form.NOVELTY:
        return "NOVEL\n\nThe two programs differ in what they do."
    return "Nothing in particular stands out; small changes that are measured one by one are as good as any."
