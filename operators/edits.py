"""A model's reply applied to its parent: a new source, or one precise sentence why not (pure).

This is the gate for edits: what a valid one is, is said here and nowhere else. Whatever a model writes,
these functions return a value. The parent is a variant that was admitted: it parses, and so do its marks.
"""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operators.blocks import Missed, Torn, apply_block, find_blocks
from operators.proposal import RefusalKind
from population.genome import Tunable, parse, parse_tunables, rounded, with_values
from population.variant import Value

HYPOTHESIS_LENGTH = 200

_HYPOTHESIS = re.compile(
    r"^(?:[^\w\n]|_){0,12}hypothesis(?:[^\w\n:]|_){0,6}:[ \t*_]*(\S.*)$", re.IGNORECASE | re.MULTILINE
)
_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>```+|~~~+) *(?P<language>[\w+-]*)[^`]*$")
_ELISION = re.compile(
    r"\s*#(?=.*(\.\.\.|…)).*\b(rest|remaining|existing|unchanged|same|omitted|previous)\b", re.IGNORECASE
)
_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\s+(\w+)")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\s*[:=]")


@dataclass(frozen=True, slots=True)
class Edited:
    """A child's source and its idea in one line."""

    source: str
    hypothesis: str


@dataclass(frozen=True, slots=True)
class NoEdit:
    """No child came of a reply; why, in one sentence."""

    kind: RefusalKind
    reason: str
    hypothesis: str = ""


def apply_diff(reply: str, parent: str) -> Edited | NoEdit:
    """Apply the SEARCH/REPLACE blocks of a reply to the parent, one after the other."""
    hypothesis = stated_hypothesis(reply)
    blocks = find_blocks(reply)
    if isinstance(blocks, Torn):
        return NoEdit(RefusalKind.REPLY, blocks.reason, hypothesis)
    if not blocks:
        return NoEdit(RefusalKind.REPLY, "the reply holds no SEARCH/REPLACE block", hypothesis)
    source = parent.replace("\r\n", "\n")
    for number, block in enumerate(blocks, start=1):
        if not any(line.strip() for line in block.search):
            return NoEdit(RefusalKind.REPLY, f"block {number} has an empty search text", hypothesis)
        changed = apply_block(source, block)
        if isinstance(changed, Missed):
            return NoEdit(RefusalKind.EDIT, f"block {number}: {changed.reason}", hypothesis)
        source = changed
    return _child(parent, source, hypothesis)


def apply_whole(reply: str, parent: str) -> Edited | NoEdit:
    """Take the file that a reply holds: its largest Python code fence, or all of it when it is a program.

    Where the parent is in another language, fences of any are taken for it.
    """
    hypothesis = stated_hypothesis(reply)
    closed, cut_off = _fences(reply, any_language=not _is_python(parent))
    if cut_off and len(cut_off) >= max(map(len, closed), default=0):
        return NoEdit(RefusalKind.REPLY, "the reply is cut off: its code fence is never closed", hypothesis)
    if closed:
        return _child(parent, max(closed, key=len), hypothesis)
    if _is_program(reply):
        return _child(parent, reply.replace("\r\n", "\n"), hypothesis)
    return NoEdit(RefusalKind.REPLY, "the reply holds no Python code fence and is no program", hypothesis)


def apply_choice(reply: str, parent: str) -> Edited | NoEdit:
    """Set the one tunable that a JSON reply names: ``{"tunable": ..., "value": ..., "hypothesis": ...}``."""
    answer = _json_object(reply)
    if answer is None:
        return NoEdit(RefusalKind.REPLY, "the reply holds no complete JSON object")
    words = one_line(answer["hypothesis"]) if isinstance(answer.get("hypothesis"), str) else ""
    tunables = {tunable.name: tunable for tunable in parse_tunables(parent)}
    name = answer.get("tunable")
    if not isinstance(name, str) or name not in tunables:
        known = ", ".join(tunables) or "none"
        return NoEdit(RefusalKind.EDIT, f"no tunable is named {_shown(name)}; known: {known}", words)
    tunable = tunables[name]
    value = _allowed(tunable, answer.get("value"))
    if value is None:
        reason = f"{name} = {_shown(answer.get('value'))} is not in its range, {spelled_range(tunable)}"
        return NoEdit(RefusalKind.EDIT, reason, words)
    if value == tunable.value:
        return NoEdit(RefusalKind.UNCHANGED, f"{name} is {spelled(value)} already", words)
    return _child(
        parent, with_values(parent, {name: value}), change_line({name: (tunable.value, value)}, words)
    )


def apply_mix(reply: str, first: str, second: str) -> Edited | NoEdit:
    """Set in ``first`` the tunables for which a JSON reply says ``"b"`` to their values in ``second``."""
    answer = _json_object(reply)
    if answer is None:
        return NoEdit(RefusalKind.REPLY, "the reply holds no complete JSON object")
    words = one_line(answer["hypothesis"]) if isinstance(answer.get("hypothesis"), str) else ""
    differing = differing_values(first, second)
    chosen = {name: pair for name, pair in differing.items() if answer.get(name) == "b"}
    if not chosen:
        return NoEdit(RefusalKind.UNCHANGED, "the reply takes no value from the second parent", words)
    source = with_values(first, {name: b for name, (_, b) in chosen.items()})
    edited = _child(first, source, change_line(chosen, words))
    if isinstance(edited, Edited) and same_text(edited.source, second):
        return NoEdit(RefusalKind.UNCHANGED, "the child is its second parent", words)
    return edited


def differing_values(first: str, second: str) -> dict[str, tuple[Value, Value]]:
    """Return the tunables on which two sources differ, where the first allows the second's value."""
    others = {tunable.name: tunable.value for tunable in parse_tunables(second)}
    return {
        tunable.name: (tunable.value, others[tunable.name])
        for tunable in parse_tunables(first)
        if tunable.name in others
        and others[tunable.name] != tunable.value
        and _allowed(tunable, others[tunable.name]) == others[tunable.name]
    }


def stated_hypothesis(reply: str) -> str:
    """Return the reply's ``Hypothesis:`` line, cleaned; empty without one."""
    found = _HYPOTHESIS.search(reply)
    words = one_line(found.group(1).rstrip().rstrip("*_")) if found else ""
    return words if any(c.isalnum() for c in words) else ""


def same_text(one: str, other: str) -> bool:
    """Say whether two sources are equal up to blanks at line ends and at the end of the file."""
    return [line.rstrip() for line in one.rstrip().split("\n")] == [
        line.rstrip() for line in other.rstrip().split("\n")
    ]


def one_line(text: str) -> str:
    """Return text as one printable line of at most ``HYPOTHESIS_LENGTH`` characters."""
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * HYPOTHESIS_LENGTH])
    line = " ".join(line.split())
    return line if len(line) <= HYPOTHESIS_LENGTH else line[: HYPOTHESIS_LENGTH - 1].rstrip() + "…"


def change_line(changes: Mapping[str, tuple[Value, Value]], words: str = "") -> str:
    """Return ``NAME old -> new`` for every change, then the words of whoever made it."""
    said = ", ".join(f"{name} {spelled(old)} -> {spelled(new)}" for name, (old, new) in changes.items())
    return one_line(f"{said}: {words}" if words else said)


def spelled(value: Value) -> str:
    """Return a value as a person would write it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def spelled_range(tunable: Tunable) -> str:
    """Return what a tunable may be, as a person would write it."""
    if tunable.kind == "choice":
        return "one of " + ", ".join(str(choice) for choice in tunable.choices)
    whole = "whole numbers " if tunable.kind == "int" else ""
    step = f" in steps of {tunable.step}" if tunable.step > 1 else ""
    log = " (log scale)" if tunable.log else ""
    return f"{whole}{spelled(tunable.low)} to {spelled(tunable.high)}{step}{log}"


def _child(parent: str, source: str, hypothesis: str) -> Edited | NoEdit:
    """Return the child, unless it is its parent or leaves code out."""
    if same_text(source, parent):
        return NoEdit(RefusalKind.UNCHANGED, "the edit changes nothing", hypothesis)
    known = {line.strip() for line in parent.split("\n")}
    for number, line in enumerate(source.split("\n"), start=1):
        if line.strip() not in known and _ELISION.match(line):
            reason = f"the reply leaves code out: line {number} of the child is {line.strip()[:80]!r}"
            return NoEdit(RefusalKind.REPLY, reason, hypothesis)
    return Edited(source, hypothesis or _described(parent, source))


def _described(parent: str, source: str) -> str:
    """Describe an edit whose author did not: how many lines, near which definition."""
    before, after = parent.split("\n"), source.split("\n")
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    count = sum(max(i2 - i1, j2 - j1) for _, i1, i2, j1, j2 in changes)
    said = f"changes {count} line{'' if count == 1 else 's'}"
    start = changes[0][3] if changes else 0
    for line in reversed(after[: start + 1]):
        found = _DEFINITION.match(line) or _ASSIGNMENT.match(line)
        if found:
            return one_line(f"{said} near `{found.group(1)}`")
    return said


def _fences(reply: str, any_language: bool = False) -> tuple[list[str], str]:
    """Return the contents of a reply's code fences, by default of Python, and of a last one never closed."""
    closed: list[str] = []
    opened: re.Match[str] | None = None
    body: list[str] = []
    for line in reply.replace("\r\n", "\n").split("\n"):
        if opened is None:
            opened, body = _FENCE.match(line), []
        elif line.rstrip() == opened["indent"] + opened["ticks"]:
            if any_language or opened["language"].lower() in ("", "python", "py", "python3"):
                closed.append(_dedented(body, opened["indent"]))
            opened = None
        else:
            body.append(line)
    return closed, _dedented(body, "") if opened else ""


def _dedented(lines: list[str], margin: str) -> str:
    return "".join(f"{line.removeprefix(margin)}\n" for line in lines)


def _is_python(text: str) -> bool:
    """Say whether a text is Python."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def _is_program(text: str) -> bool:
    """Say whether text is Python that defines something (a sentence of prose can parse, too)."""
    try:
        tree = parse(text)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def _json_object(reply: str) -> dict[str, Any] | None:
    """Return the first complete JSON object in a reply, raw control characters inside strings allowed."""
    decoder = json.JSONDecoder(strict=False)
    for found in list(re.finditer(r"\{", reply))[:50]:
        try:
            answer, _ = decoder.raw_decode(reply, found.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(answer, dict) and answer:
            return answer
    return None


def _allowed(tunable: Tunable, value: object) -> Value | None:
    """Return the value as the tunable takes it, whole numbers rounded; None when it is out of range."""
    if tunable.kind == "choice":
        return next((choice for choice in tunable.choices if str(choice) == str(value)), None)
    number = _number(value)
    if number is None:
        return None
    number = round(number) if tunable.kind == "int" else number
    return rounded(tunable, number) if tunable.low <= number <= tunable.high else None


def _number(value: object) -> float | None:
    """Return a finite number, also from its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    return repr(value)[:60] if value is not None else "nothing"
