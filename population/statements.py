"""A source as a sequence of statements, and what changed between two of them (pure).

A statement here is one logical line (Python Language Reference, section 2.1.2), such as a simple statement or
the head of a compound one, with the comments and blank lines above it. Two are the same when their tokens and
their indentation are. Comments, docstrings, blank lines and spacing do not count, and neither does the value
of a tunable: a number that was tuned is no change of structure.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MARK = re.compile(r"#\s*tune:(?P<spec>[^#]*)")
_LAYOUT = frozenset(
    {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}
)
_NAMED = frozenset({"def", "class", "async", "import", "from", "@"})  # what follows says which one it is
_BARE = frozenset(
    {"return", "if", "elif", "else", "for", "while", "with", "try", "except", "finally", "raise"}
)
_STRING = "a string"
_ENDS_HEAD = re.compile(r"[(:]|([-+*/%@&|^]|//|\*\*|<<|>>)?=")


@dataclass(frozen=True, slots=True)
class Statement:
    """One logical line with what stands above it.

    Args:
        key: two statements with one key are the same; the last one of a text, which has no tokens, has "".
        head: what it sets, calls or begins with: two statements with one head may be versions of one.
        indent: its indentation.
        start: its first line, from 0.
        stop: the line after its last one.
    """

    key: str
    head: str
    indent: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Span:
    """``start`` to ``end`` of the old sequence became ``at`` to ``stop`` of the new; from 0, half open."""

    start: int
    end: int
    at: int
    stop: int


def lines_in(source: str) -> list[str]:
    """Return the lines of a source with their ends, as Python counts them (``str.splitlines`` does not)."""
    return _LINE.findall(source)


def statements(source: str) -> tuple[Statement, ...]:
    """Return the statements of a source; they cover all its lines, and the last one stands for its end.

    Of what is no Python each line is a statement.
    """
    lines = lines_in(source)
    try:
        found = list(_logical(lines))
    except (SyntaxError, tokenize.TokenError):
        found = [Statement(line, line, "", at, at + 1) for at, line in enumerate(lines)]
    return (*found, Statement("", "", "", found[-1].stop if found else 0, len(lines)))


def changes(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[Span, ...]:
    """Return what changed, from top to bottom; what lies between two changes is the same, one to one."""
    before, after = [one.key for one in old], [one.key for one in new]
    top = _alike(before, after)
    bottom = min(_alike(before[::-1], after[::-1]), len(before) - top, len(after) - top)
    matcher = SequenceMatcher(
        None, before[top : len(before) - bottom], after[top : len(after) - bottom], autojunk=False
    )
    spans: list[Span] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            spans += _versions(old, new, Span(i1 + top, i2 + top, j1 + top, j2 + top))
    return tuple(spans)


def in_lines(span: Span, old: Sequence[Statement], new: Sequence[Statement]) -> Span:
    """Return a change of statements as one of lines."""
    start, at = old[span.start].start, new[span.at].start
    end = old[span.end - 1].stop if span.end > span.start else start
    return Span(start, end, at, new[span.stop - 1].stop if span.stop > span.at else at)


def _logical(lines: Sequence[str]) -> Iterator[Statement]:
    """Yield the logical lines of a text."""
    words: list[str] = []
    start, indent, spec, string = 0, "", "", True
    rows = (line.rstrip("\r\n") + "\n" for line in lines)
    for token in tokenize.generate_tokens(lambda: next(rows, "")):
        if token.type == tokenize.NEWLINE:
            stop = token.start[0]
            words = [_STRING] if string else words  # a docstring, or of no effect either
            yield Statement(_key(indent, words, spec), _head(indent, words), indent, start, stop)
            words, start, spec, string = [], stop, "", True
        elif token.type == tokenize.COMMENT:
            mark = _MARK.match(token.string) if words and not indent else None
            spec = mark["spec"] if mark is not None else spec
        elif token.type not in _LAYOUT:
            indent = indent if words else token.line[: token.start[1]]
            words.append(token.string)
            string = string and token.type == tokenize.STRING


def _key(indent: str, words: Sequence[str], spec: str) -> str:
    """Return what two statements must share to be the same."""
    if spec:
        words = [*takewhile(lambda word: word != "=", words), "# tune:", *spec.split()]
    return indent + "\t".join(words)


def _head(indent: str, words: Sequence[str]) -> str:
    """Return what two versions of one statement share."""
    first = words[0]
    if first in _BARE:
        words = words[:1]
    elif first in _NAMED:
        words = words[:2]
    else:
        words = list(takewhile(lambda word: not _ENDS_HEAD.fullmatch(word), words))
    return indent + "\t".join(words)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return at how many places two sequences are the same before they first differ."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _versions(old: Sequence[Statement], new: Sequence[Statement], span: Span) -> Iterator[Span]:
    """Yield the parts of a change: each statement that has two versions, and what lies between."""
    before = [old[at].head for at in range(span.start, span.end)]
    after = [new[at].head for at in range(span.at, span.stop)]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        i1, i2, j1, j2 = i1 + span.start, i2 + span.start, j1 + span.at, j2 + span.at
        if tag != "equal":
            yield Span(i1, i2, j1, j2)
            continue
        for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
            if old[i].key != new[j].key:
                yield Span(i, i + 1, j, j + 1)
