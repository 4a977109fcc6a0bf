"""The board that a running search shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from evolve.progress import Snapshot
from evolve.report import figures
from evolve.report.status import bar
from evolve.report.untrusted import one_line
from evolve.rungs import RUNG, STOPPED
from population.ledger import Event
from population.variant import Direction

IDEAS = 8  # how many stay on the board


@dataclass(frozen=True, slots=True)
class Idea:
    """One proposal and what came of it.

    Args:
        variant: id of the child; empty when it was refused.
        operator: what made it.
        hypothesis: the idea in one line; may be empty.
        outcome: what came of it, in a few words; empty while its burst runs.
        style: colour of the outcome.
    """

    variant: str
    operator: str
    hypothesis: str
    outcome: str = ""
    style: str = ""


class Board:
    """Gathers events and the last snapshot, and draws them at any width."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self._ideas: dict[str, Idea] = {}
        self._refused = 0

    def note(self, event: Event) -> None:
        """Take in an event, if it says something of an idea."""
        name = str(event.data.get("variant", ""))
        if event.kind == "refusal":
            self._refused += 1
            self._put(f"refused {self._refused}", _refused(event))
        elif event.kind == "admitted":
            self._put(name, _idea(event, ""))
        elif event.kind in ("measured", "replicated", RUNG, STOPPED):
            self._put(name, _measured(event, self._ideas.get(name)))
        elif event.kind in ("champion", "tuned") and name in self._ideas:
            self._ideas[name] = _promoted(event, self._ideas[name])

    def _put(self, key: str, idea: Idea) -> None:
        """Put an idea last, and let the oldest go."""
        self._ideas.pop(key, None)
        self._ideas[key] = idea
        while len(self._ideas) > IDEAS:
            del self._ideas[next(iter(self._ideas))]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Rule(style="dim")
        if self.snapshot is not None:
            yield Group(*_standing(self.snapshot))
        if self._ideas:
            yield Text()
            yield _ideas(list(self._ideas.values()))


def _idea(event: Event, fallback: str) -> Idea:
    """Return the idea that an event tells of, before anything is known of it."""
    data = event.data
    return Idea(
        str(data.get("variant", "")),
        one_line(str(data.get("operator", ""))),
        one_line(str(data.get("hypothesis") or fallback)),
    )


def _refused(event: Event) -> Idea:
    """Return a refused idea; without a hypothesis, the reason stands in its place."""
    idea = _idea(event, event.text.partition(": ")[2] or event.text)
    return replace(idea, outcome=f"refused: {one_line(str(event.data.get('kind', '')))}", style="dim")


def _measured(event: Event, known: Idea | None) -> Idea:
    """Return an idea with what its burst came to."""
    idea = _idea(event, known.hypothesis if known else "")
    said = one_line(event.text).removeprefix(idea.variant).strip(" :").removesuffix(" (n=1)")
    gain = event.data.get("gain")
    if isinstance(gain, float):
        said += f", {figures.gain(gain, 4)}"
    if event.data.get("improved") and idea.operator != "seed":
        return replace(idea, outcome=said, style="bold green")
    if event.kind == STOPPED:
        return replace(idea, outcome=said.partition(": ")[0], style="yellow")
    failure = event.data.get("failure")
    if failure or (not said[:1].isdigit() and not said.startswith("-")):
        kind, _, reason = said.partition(": ")
        return replace(idea, hypothesis=idea.hypothesis or reason, outcome=str(failure or kind), style="red")
    return replace(idea, outcome=said)


def _promoted(event: Event, idea: Idea) -> Idea:
    """Return an idea that became champion, or whose numbers were tuned."""
    if event.kind == "champion":
        return replace(idea, outcome=f"★ {idea.outcome.removeprefix('★ ')}", style="bold yellow")
    return replace(idea, style="bold cyan") if event.data.get("values") else idea


def _standing(now: Snapshot) -> Iterator[RenderableType]:
    """Yield the lines above the ideas."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    for budget in now.budgets:
        used, limit = (figures.budget(budget.name, amount) for amount in (budget.used, budget.limit))
        table.add_row(budget.name, bar(budget), f"{used} of {limit}")
    if now.budgets:
        yield table
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True, style="dim", min_width=max([5, *(len(b.name) for b in now.budgets)]))
    lines.add_column()
    lines.add_row("time", _time(now))
    lines.add_row("best", _best(now))
    lines.add_row("now", _busy(now))
    lines.add_row("so far", _so_far(now))
    yield lines


def _time(now: Snapshot) -> str:
    """Say how long it has run and how long it may go on."""
    text = figures.duration(now.elapsed)
    return text if now.remaining is None else f"{text}, about {figures.duration(now.remaining)} left"


def _best(now: Snapshot) -> Text:
    """Say how good the champion is and what was gained over the seed."""
    if now.best is None:
        return Text("the seed is being measured", style="dim")
    decimals = figures.places_of(now.best)
    text = Text(f"{one_line(now.metric)} {figures.estimate(now.best, decimals)}", style="bold")
    text.append(f"  ★ {now.champion}", style="yellow")
    if now.seed is not None:
        gain = Direction(now.direction).gain(now.best.mean, over=now.seed.mean)
        text.append(
            f"  {figures.gain(gain, decimals)} over the seed", style="green" if gain > 0 else "not bold dim"
        )
    return text


def _busy(now: Snapshot) -> str:
    """Say what is under way."""
    return f"{now.running} of {now.slots} slots busy, {figures.counted(now.asking, 'LLM call')} under way"


def _so_far(now: Snapshot) -> str:
    """Count what has been done and spent."""
    counts = f"{figures.counted(now.evaluations, 'burst')}, {figures.counted(now.variants, 'variant')}"
    spent = figures.dollars(now.dollars, now.unpriced)
    return f"{counts} ({now.failed} failed), {figures.counted(now.refused, 'refusal')}, {spent}"


def _ideas(ideas: list[Idea]) -> Table:
    """Return the last ideas, newest last."""
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True, max_width=28)
    table.add_column()
    for idea in ideas:
        table.add_row(
            Text(one_line(idea.variant) or "–"),  # noqa: RUF001
            Text(idea.operator, style="dim"),
            Text(idea.outcome or "measuring", style=idea.style if idea.outcome else "dim"),
            Text(idea.hypothesis, overflow="ellipsis", no_wrap=True),
        )
    return table
