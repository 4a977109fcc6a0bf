"""Prompts: the text files under ``prompts/`` filled in, what never changes first.

What comes from a variant (its source, its traceback, the hypothesis that some model wrote) always stands in
a code fence that it cannot close: it is data to the model, whatever it says.
"""

from __future__ import annotations

import difflib
import math
import re
import string
from collections.abc import Mapping, Sequence
from importlib import resources

from operators.branches import told
from operators.chat import ReplyForm
from operators.edits import spelled, spelled_range
from operators.proposal import Attempt, Context, Number, Parent
from population.genome import Tunable
from population.variant import Direction, Value

Messages = tuple[tuple[str, str], ...]

AIMS = ("refine", "another_mechanism", "think_again")
"""What is asked for at each level of ``Context.level``."""

ATTEMPTS = 12  # shown to a large model
SMALL_ATTEMPTS = 3
INSPIRATIONS = 3
DIFF_LENGTH = 4000  # characters of one inspiration
OTHER_LENGTH = 8000  # characters of what the second parent of a crossover changed
OWN_LENGTH = 3000  # of what the first one changed, which is shown whole, too
TRACEBACK_LENGTH = 3000
SAID_LENGTH = 3000
SMALL_DIRECTIONS = 200
LESSON_LENGTH = 160
SMALL_LESSONS, SMALL_HISTORY, SMALL_FAILURES = 2, 2, 1
CURVE_POINTS = 6


class PromptError(ValueError):
    """A prompt file names something that is not known here."""

    exit_code = 2


def render(name: str, values: Mapping[str, str]) -> str:
    """Return the prompt file ``name`` (without ``.md``) with each ``$placeholder`` filled in.

    Raises:
        PromptError: the file holds a placeholder without a value, or a stray ``$``.
    """
    text = (resources.files("operators") / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    try:
        return string.Template(text).substitute(values).strip() + "\n"
    except (KeyError, ValueError) as error:
        known = ", ".join(f"${key}" for key in values)
        raise PromptError(
            f"prompts/{name}.md: unknown placeholder or stray $: {error}; known: {known}"
        ) from error


def system(context: Context, form: ReplyForm) -> str:
    """Return the system message: the same for all calls of a run that share a reply form."""
    directions = context.directions.strip() or "Nothing in particular."
    return render(
        "system",
        {"task": context.task.strip(), "directions": directions, "form": render(form.value, {}).strip()},
    )


def mutate(context: Context, form: ReplyForm) -> Messages:
    """Return the messages that ask for a change to the one parent."""
    parent = context.parents[0]
    values = {
        **_goal(context),
        "aim": render(AIMS[context.level], _goal(context)).strip(),
        **_remembered(context),
        "inspirations": _inspirations(context),
        "standing": standing(parent, context),
        "numbers": number_list(parent.numbers),
        "parent": fenced(parent.source, "python"),
    }
    return ("system", system(context, form)), ("user", render("mutate", values))


def crossover(context: Context, form: ReplyForm) -> Messages:
    """Return the messages that ask for a child of both parents, written as a change to the first.

    Of the second parent only what it changed since their common ancestor is shown, where that is shorter.
    """
    first, second = context.parents[:2]
    values = {
        **_goal(context),
        **_remembered(context),
        "other_standing": standing(second, context),
        "other": fenced(second.source, "python"),
        "standing": standing(first, context),
        "parent": fenced(first.source, "python"),
    }
    name, above = "crossover", context.ancestor
    if above is not None:
        own = told(above.source, first.source, above.branches[0], OWN_LENGTH)
        other = told(above.source, second.source, above.branches[1], OTHER_LENGTH)
        if len(own) + len(other) < len(second.source):
            name = "crossover_hunks"
            shown = {"own": fenced(own, "diff"), "other": fenced(other, "diff")}
            values |= {"ancestor": above.variant, **shown}
    return ("system", system(context, form)), ("user", render(name, values))


def repair(context: Context, form: ReplyForm) -> Messages:
    """Return the messages that ask to set right the one parent, which failed."""
    broken = context.parents[0]
    failure = broken.failure
    said = (
        f"{failure.kind}: {failure.message}\n\n{failure.traceback[-TRACEBACK_LENGTH:]}"
        if failure
        else "unknown"
    )
    values = {
        "idea": fenced(broken.variant.hypothesis, "text"),
        "failure": fenced(said, "text"),
        "parent": fenced(broken.source, "python"),
    }
    return ("system", system(context, form)), ("user", render("repair", values))


def small_mutate(
    context: Context, tunables: Sequence[Tunable], offered: Mapping[str, Sequence[Value]]
) -> Messages:
    """Return the short message that asks for one tunable and its new value.

    A tunable is shown with the values offered for it, or with its range when there are none.
    """
    words = {one.name: _matters(one) for one in context.parents[0].numbers}
    listed = [
        f"{t.name} = {spelled(t.value)}, {_may_be(t, offered.get(t.name, ()))}{words.get(t.name, '')}"
        for t in tunables
    ]
    values = {
        **_goal(context),
        "score": _score(context.parents[0]),
        "directions": _short_directions(context),
        "tunables": fenced("\n".join(listed), "text"),
        "lessons": _short_lessons(context),
        "attempts": attempt_list(context.attempts[-SMALL_ATTEMPTS:], width=80),
        "form": render("json_small" if offered else "json", {}).strip(),
    }
    return (("user", render("small", values)),)


def small_mix(context: Context, differing: Mapping[str, tuple[Value, Value]], why: bool) -> Messages:
    """Return the short message that asks to choose between two parents' values (and ``why``)."""
    listed = [f"{name}: a = {spelled(a)}, b = {spelled(b)}" for name, (a, b) in differing.items()]
    values = {
        **_goal(context),
        "score": _score(context.parents[0]),
        "other_score": _score(context.parents[1]),
        "directions": _short_directions(context),
        "differences": fenced("\n".join(listed), "text"),
        "form": render("json_mix" if why else "json_mix_small", {}).strip(),
    }
    return (("user", render("small_mix", values)),)


def fenced(text: str, language: str) -> str:
    """Return text in a code fence longer than any run of backticks inside it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def attempt_list(attempts: Sequence[Attempt], width: int = 200) -> str:
    """Return attempts as a fenced list, one line each, ideas cut to ``width`` characters."""
    if not attempts:
        return "Nothing yet."
    lines = [f"- {_cut(a.hypothesis, width)} => {_cut(a.outcome, width)}" for a in attempts]
    return fenced("\n".join(lines), "text")


def number_list(numbers: Sequence[Number]) -> str:
    """Return what tuning says of a variant's numbers, as a fenced list, the weightiest first."""
    if not numbers:
        return "Nothing yet."
    best = ((one, _cut(spelled(one.best), 60)) for one in numbers)
    lines = [f"- {_cut(one.name, 60)}{_matters(one)}; best so far {value}" for one, value in best]
    return fenced("\n".join(lines), "text")


def standing(parent: Parent, context: Context) -> str:
    """Return a variant's score with its error, the noise of one burst, and its learning curve."""
    lines = [f"Its {context.metric}: {_score(parent)}"]
    if not math.isnan(context.noise):
        lines.append(
            f"One program's score varies from burst to burst, standard deviation {context.noise:.2g}."
        )
    if parent.curve:
        lines.append(f"Its training loss over the burst: {curve_line(parent.curve)}")
    if parent.said:
        lines.append(f"What its evaluator said of it:\n{fenced(parent.said[:SAID_LENGTH], 'text')}")
    return "\n".join(lines)


def curve_line(curve: Sequence[tuple[float, float]]) -> str:
    """Return a learning curve as a handful of points, evenly spread, the last one included."""
    count = min(CURVE_POINTS, len(curve))
    picked = sorted({round((i + 1) * len(curve) / count) - 1 for i in range(count)}) if count else []
    return ", ".join(f"{curve[i][1]:.3f} at {100 * curve[i][0]:.0f}%" for i in picked)


def difference(source: str, other: str, length: int = DIFF_LENGTH) -> str:
    """Return the unified diff from ``source`` to ``other``, cut at a line end near ``length`` characters."""
    before, after = source.splitlines(), other.splitlines()
    lines = list(difflib.unified_diff(before, after, "parent", "other", n=2, lineterm=""))
    kept, size = 0, 0
    while kept < len(lines) and size + len(lines[kept]) < length:
        size += len(lines[kept]) + 1
        kept += 1
    rest = [f"({len(lines) - kept} more lines)"] if kept < len(lines) else []
    return "\n".join([*lines[:kept], *rest])


def _inspirations(context: Context) -> str:
    """Return the other variants as diffs against the parent, best first."""
    source = context.parents[0].source
    shown = []
    for other in context.inspirations[:INSPIRATIONS]:
        changes = difference(source, other.source)
        if changes:
            idea = fenced(f"{context.metric} {_score(other)}, idea: {other.variant.hypothesis}", "text")
            shown.append(f"{idea}\nIts difference from the parent:\n{fenced(changes, 'diff')}")
    return "\n\n".join(shown) or "None yet."


def _goal(context: Context) -> dict[str, str]:
    return {
        "metric": context.metric,
        "better": "lower" if context.direction is Direction.MINIMIZE else "higher",
    }


def _remembered(context: Context) -> dict[str, str]:
    """Return what is remembered of the run, of the parent's line, and of what was tried around it."""
    failures = [f"- {one.times} times: {_cut(one.what, 200)}" for one in context.failures]
    lessons = [f"- {_cut(line, LESSON_LENGTH)}" for line in context.lessons]
    return {
        "lessons": fenced("\n".join(lessons), "text") if lessons else "None yet.",
        "failures": fenced("\n".join(failures), "text") if failures else "Nothing yet.",
        "history": attempt_list(context.history),
        "attempts": attempt_list(context.attempts[-ATTEMPTS:]),
    }


def _short_lessons(context: Context) -> str:
    """Return the first lessons for a small model, nothing without any."""
    lessons = [f"- {_cut(line, 80)}" for line in context.lessons[:SMALL_LESSONS]]
    shown = fenced("\n".join(lessons), "text")
    return f"\nLearnt so far:\n{shown}\n" if lessons else ""


def _matters(number: Number) -> str:
    """Say in words whether a number matters."""
    return {True: " (matters)", False: " (does not matter)", None: ""}[number.matters]


def _may_be(tunable: Tunable, values: Sequence[Value]) -> str:
    return f"or: {', '.join(map(spelled, values))}" if values else spelled_range(tunable)


def _score(parent: Parent) -> str:
    return str(parent.fitness) if parent.fitness is not None else "none, it failed"


def _short_directions(context: Context) -> str:
    words = " ".join(context.directions.split())[:SMALL_DIRECTIONS]
    return f"The user asks: {words}\n" if words else ""


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
