"""Commands that search."""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve import beginning, comparing, contest, flags, interrupts, questions, runs, session
from evolve.commands.common import Json, RunFolder, console, report, told
from evolve.errors import EngineFault, InputError
from evolve.finding import opened
from evolve.preparing import prepare
from evolve.report.beginning import outlook, outlook_data
from evolve.report.counting import choose_counter
from evolve.report.final import final, final_data
from evolve.report.live import choose_display
from evolve.report.policies import compared, compared_data
from evolve.report.terminal import invocation, to_json
from evolve.settings import FILE, load

INTERRUPTED = 130

app = typer.Typer()


@app.command()
def run(
    seed_file: Annotated[Path | None, typer.Argument(metavar="SEED", help="the seed variant")] = None,
    folder: Annotated[
        Path | None, typer.Option("--run", help="run folder; default: runs/<date-time>", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"settings file; default: {FILE} here, if any", show_default=False),
    ] = None,
    data: flags.Data = None,
    task: Annotated[str | None, flags.option("task")] = None,
    program: Annotated[Path | None, flags.option("program")] = None,
    context: Annotated[int | None, flags.option("context")] = None,
    windows: Annotated[int | None, flags.option("windows")] = None,
    device: flags.Device = None,
    command: flags.Command = None,
    metric: flags.Metric = None,
    metric_file: flags.MetricFile = None,
    metric_line: flags.MetricLine = None,
    evaluator: flags.Evaluator = None,
    objective: flags.Objective = None,
    stages: Annotated[str | None, flags.option("stages")] = None,
    direction: flags.Direction = None,
    about: Annotated[str | None, flags.option("about")] = None,
    also: flags.Also = None,
    limit: flags.Limit = None,
    copy: flags.Copy = None,
    workspace: Annotated[Path | None, flags.option("workspace")] = None,
    variant_file: Annotated[str | None, flags.option("variant_file")] = None,
    mark: Annotated[bool | None, flags.option("mark", "--mark/--no-mark")] = None,
    burst: flags.Burst = None,
    burst_tokens: Annotated[int | None, flags.option("burst_tokens")] = None,
    slots: flags.Slots = None,
    memory_mb: Annotated[int | None, flags.option("memory_mb")] = None,
    vram_mb: Annotated[int | None, flags.option("vram_mb")] = None,
    sandbox: flags.Sandbox = None,
    evaluations: flags.Evaluations = None,
    hours: flags.Hours = None,
    dollars: flags.Dollars = None,
    dollar_per_gpu_hour: Annotated[float | None, flags.option("dollar_per_gpu_hour")] = None,
    target: flags.Target = None,
    grace: Annotated[float | None, flags.option("grace")] = None,
    owner: Annotated[str | None, flags.option("owner")] = None,
    approve: Annotated[str | None, flags.option("approve")] = None,
    track: flags.Track = None,
    model: flags.Model = None,
    api_base: flags.ApiBase = None,
    reply: Annotated[str | None, flags.option("reply")] = None,
    price: flags.Price = None,
    llm_timeout: Annotated[float | None, flags.option("llm_timeout")] = None,
    llm_parallel: Annotated[int | None, flags.option("llm_parallel")] = None,
    llm_threads: Annotated[int | None, flags.option("llm_threads")] = None,
    llm_nice: Annotated[int | None, flags.option("llm_nice")] = None,
    policy: Annotated[str | None, flags.option("policy")] = None,
    seed: Annotated[int | None, flags.option("seed")] = None,
    trials: Annotated[int | None, flags.option("trials")] = None,
    adaptive: Annotated[bool | None, flags.option("adaptive", "--adaptive/--no-adaptive")] = None,
    merge: Annotated[float | None, flags.option("merge")] = None,
    hunks: Annotated[bool | None, flags.option("hunks")] = None,
    islands: Annotated[int | None, flags.option("islands")] = None,
    patience: Annotated[int | None, flags.option("patience")] = None,
    stagnation: Annotated[int | None, flags.option("stagnation")] = None,
    proposals: Annotated[float | None, flags.option("proposals")] = None,
    explored: Annotated[float | None, flags.option("explored")] = None,
    together: Annotated[int | None, flags.option("together")] = None,
    pooled: Annotated[bool | None, flags.option("pooled", "--pooled/--no-pooled")] = None,
    selection: Annotated[str | None, flags.option("selection")] = None,
    epsilon: Annotated[float | None, flags.option("epsilon")] = None,
    tournament: Annotated[int | None, flags.option("tournament")] = None,
    pressure: Annotated[float | None, flags.option("pressure")] = None,
    ahead: Annotated[int | None, flags.option("ahead")] = None,
    seed_replicates: Annotated[int | None, flags.option("seed_replicates")] = None,
    replicates: Annotated[float | None, flags.option("replicates")] = None,
    confidence: Annotated[float | None, flags.option("confidence")] = None,
    remember: Annotated[bool | None, flags.option("remember", "--remember/--no-remember")] = None,
    retest: Annotated[float | None, flags.option("retest")] = None,
    lessons_every: Annotated[int | None, flags.option("lessons_every")] = None,
    control: Annotated[float | None, flags.option("control")] = None,
    rung: Annotated[float | None, flags.option("rung")] = None,
    reduction: Annotated[int | None, flags.option("reduction")] = None,
    early_stop: Annotated[float | None, flags.option("early_stop")] = None,
    as_json: Json = False,
) -> None:
    """Search for a better train.py."""
    settings = flags.settings(locals())
    chosen = folder or _new_folder()
    runs.refuse_existing(chosen)
    prepared = prepare(settings)
    runs.create(chosen, prepared)
    _search(chosen, lambda display: session.run(chosen, prepared, display), as_json)


@app.command()
def init(
    seed_file: Annotated[
        Path | None, typer.Argument(metavar="SEED", help="the seed variant, or a folder of a known layout")
    ] = None,
    command: flags.Command = None,
    metric: flags.Metric = None,
    metric_file: flags.MetricFile = None,
    metric_line: flags.MetricLine = None,
    evaluator: flags.Evaluator = None,
    objective: flags.Objective = None,
    direction: flags.Direction = None,
    also: flags.Also = None,
    limit: flags.Limit = None,
    copy: flags.Copy = None,
    data: flags.Data = None,
    device: flags.Device = None,
    burst: flags.Burst = None,
    slots: flags.Slots = None,
    sandbox: flags.Sandbox = None,
    model: flags.Model = None,
    api_base: flags.ApiBase = None,
    price: flags.Price = None,
    force: Annotated[bool, typer.Option("--force", help=f"replace {FILE} if it is there")] = False,
    as_json: Json = False,
) -> None:
    """Write the settings of a search here, and say what it would take; asks for what no flag says."""
    beginning.refuse_existing(Path(), force)
    given = {**locals(), "config": None}
    if sys.stdin.isatty() and not as_json:
        given = questions.completed(given)
    settings = load(None, flags.given(given))
    found, settings = beginning.rehearse(settings)
    written = beginning.write(Path(), settings, force)
    report(as_json, lambda: outlook_data(found, written), lambda: outlook(found, written))


@app.command()
def resume(
    folder: RunFolder,
    evaluations: flags.Evaluations = None,
    hours: flags.Hours = None,
    dollars: flags.Dollars = None,
    target: flags.Target = None,
    as_json: Json = False,
) -> None:
    """Go on with a run, however it ended; budgets may be raised."""
    with opened(folder):
        pass
    prepared = prepare(
        runs.settings_of(
            folder, {"evaluations": evaluations, "hours": hours, "dollars": dollars, "target": target}
        ),
        resuming=True,
    )
    _search(folder, lambda display: session.run(folder, prepared, display), as_json)


@app.command(
    "compare-policies",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[SEED] [OPTIONS] [FLAGS OF run]",
)
def compare_policies(
    context: typer.Context,
    policies: Annotated[
        str | None, typer.Option("--policies", help="which, such as evolve,greedy,random; default: all")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", help=f"how many ({contest.SEEDS}), or a list such as 4,7,9", show_default=False
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--run", help="folder of all runs; default: runs/<date-time>", show_default=False),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="runs at once, each with all its --slots")
    ] = 1,
    table: Annotated[
        bool, typer.Option("--table", help="show what has ended so far, and run nothing")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run evolve and its baselines on one budget: does evolution pay here? Takes the flags of `run`, too."""
    asked = flags.settings(_flags_of_run(context)) if context.args else None
    names = None if policies is None else contest.parse_policies(policies)
    numbers = None if seeds is None else contest.parse_seeds(seeds)
    if table:
        found = contest.looked_at(folder or Path())
        _compared(replace(found, policies=names or found.policies, seeds=numbers or found.seeds), as_json)
        return
    chosen = folder or _new_folder()
    if asked is None and not contest.is_comparison(chosen):
        asked = flags.settings({})
    with contest.opened(chosen, asked, names, numbers) as comparison:
        comparing.compare(comparison, parallel, choose_counter(as_json, console))
        _compared(comparison, as_json)


def _search(folder: Path, work: Callable[..., Any], as_json: bool) -> None:
    """Run a search with its display, print how it ended, and exit."""
    display = choose_display(as_json, console)
    again = invocation("resume", str(folder))
    try:
        with display:
            reason = asyncio.run(work(display))
    except KeyboardInterrupt:
        told(f"interrupted; go on by `{again}`", INTERRUPTED)
    except OSError as error:  # a full disk, most likely
        where = error.filename or folder
        raise EngineFault(f"{where}: {error.strerror or error}; go on by `{again}`") from error
    with opened(folder) as population:
        if as_json:
            print(to_json({"event": "finished", **final_data(population)}))
        else:
            console.print(final(population, folder), crop=False)
    if reason == interrupts.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)


def _flags_of_run(context: typer.Context) -> Mapping[str, Any]:
    """Read what is left of a command line as ``run`` would."""
    given = dict(
        typer.main.get_group(app).commands["run"].make_context("python -m evolve run", [*context.args]).params
    )
    for flag, ours in (("policy", "--policies"), ("seed", "--seeds")):
        if given[flag] is not None:
            raise InputError(f"--{flag} is for one run; give {ours}")
    return given


def _new_folder() -> Path:
    """Name a folder for somebody who gives no name."""
    return Path("runs") / f"{datetime.datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 - a name for a person


def _compared(comparison: contest.Comparison, as_json: bool) -> None:
    """Print what the policies came to."""
    outcome = comparison.outcome()
    report(as_json, lambda: compared_data(outcome), lambda: compared(outcome), crop=False)
