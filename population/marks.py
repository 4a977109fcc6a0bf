"""Where the ``# tune:`` comments of a source stand (pure)."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import deque
from collections.abc import Iterator, Sequence

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line with its end, as Python counts lines."""

_MARK = re.compile(r"#\s*tune:(?P<spec>[^#]*)")


def marks(source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each ``# tune:`` comment.

    Whether a mark is one, or stands in a string, is read from the tokens of the statement around it alone.
    """
    lines = [line.rstrip("\r\n") + "\n" for line in LINE.findall(source)]
    marked = deque(number for number, line in enumerate(lines, 1) if _MARK.search(line))
    spans = _spans(tree)
    while marked:
        start = end = marked.popleft()
        while spans and spans[0][0] <= end:
            first, last = spans.popleft()
            if last >= start:
                start, end = min(start, first), max(end, last)
        while marked and marked[0] <= end:
            marked.popleft()
        yield from ((start + line - 1, spec) for line, spec in _comments(lines[start - 1 : end]))


def _spans(tree: ast.Module) -> deque[tuple[int, int]]:
    """Return the first and the last line of each statement of a module."""
    decorated = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    spans: deque[tuple[int, int]] = deque()
    for node in tree.body:
        above = [one.lineno for one in node.decorator_list] if isinstance(node, decorated) else []
        spans.append((min([node.lineno, *above]), node.end_lineno or node.lineno))
    return spans


def _comments(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the line, from 1, and the text of each ``# tune:`` comment among these lines."""
    rest = iter(lines)
    try:
        for token in tokenize.generate_tokens(lambda: next(rest, "")):
            mark = _MARK.match(token.string) if token.type == tokenize.COMMENT else None
            if mark is not None:
                yield token.start[0], mark["spec"].strip()
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from None
