"""The command line: it parses, calls, prints and exits."""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType

from evolve import (
    beginning,
    checking,
    comparing,
    contest,
    exporting,
    flags,
    interrupts,
    questions,
    runs,
    session,
)
from evolve import doctor as doctor_module
from evolve.errors import EngineFault, EvolveError, InputError
from evolve.preparing import prepare
from evolve.proof import ablating, bench, verifying
from evolve.report.ablation import ablated, ablated_data, smallest, smallest_data
from evolve.report.beginning import outlook, outlook_data
from evolve.report.best import best as best_of
from evolve.report.best import best_data, best_line
from evolve.report.checked import examined, examined_data, repaired, repaired_data
from evolve.report.counting import choose_counter
from evolve.report.exported import exported
from evolve.report.final import final, final_data
from evolve.report.live import choose_display
from evolve.report.policies import compared, compared_data
from evolve.report.show import show as show_of
from evolve.report.show import show_data
from evolve.report.status import status as status_of
from evolve.report.status import status_data
from evolve.report.terminal import Commands, forgiving, invocation, to_json
from evolve.report.tree import tree as tree_of
from evolve.report.tree import tree_data
from evolve.report.untrusted import code, one_line
from evolve.report.verified import verified, verified_data
from evolve.settings import FILE, load
from operators.prompts import PromptError
from population.errors import PopulationError
from population.store import Population

INTERRUPTED = 130
_BEGINNINGS = (
    (("doctor",), "what this machine offers"),
    (("run", "train.py", "--hours", "8"), "search; Ctrl-C stops, nothing is lost"),
    (("--help",), "every command"),
)

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Evolve a train.py: an LLM proposes, Optuna tunes, short bursts measure.",
)
console = Console()
errors = Console(stderr=True)


Json = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="the run folder", show_default=False)]


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Say what to type first when no command is given."""
    if context.invoked_subcommand is None:
        commands = Commands([(invocation(*words), why) for words, why in _BEGINNINGS])
        console.print("Evolve a train.py while you sleep. To begin:\n", highlight=False)
        console.print(commands, crop=False)


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
    _print(as_json, lambda: outlook_data(found, written), lambda: outlook(found, written))


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
    with _opened(folder):
        pass
    prepared = prepare(
        runs.settings_of(
            folder, {"evaluations": evaluations, "hours": hours, "dollars": dollars, "target": target}
        ),
        resuming=True,
    )
    _search(folder, lambda display: session.run(folder, prepared, display), as_json)


@app.command()
def status(folder: RunFolder, as_json: Json = False) -> None:
    """Show budgets, failures, operators, models and costs of a run."""
    with _opened(folder) as population:
        running = runs.is_running(folder)
        _print(as_json, lambda: status_data(population, running), lambda: status_of(population, running))


@app.command()
def tree(folder: RunFolder, as_json: Json = False) -> None:
    """Draw the lineage of a run."""
    with _opened(folder) as population:
        _print(as_json, lambda: tree_data(population), lambda: tree_of(population))


@app.command()
def show(
    folder: RunFolder,
    name: Annotated[str, typer.Argument(metavar="ID", help="a variant, such as v12")],
    diff: Annotated[bool, typer.Option("--diff", help="with the change to its first parent")] = False,
    as_json: Json = False,
) -> None:
    """Show everything that is known of one variant."""
    with _opened(folder) as population:
        try:
            _print(
                as_json, lambda: show_data(population, name, diff), lambda: show_of(population, name, diff)
            )
        except KeyError as error:
            raise InputError(str(error.args[0])) from error


@app.command()
def best(
    folder: RunFolder,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write it to")] = None,
    as_json: Json = False,
) -> None:
    """Print the champion's source, or write it to a file."""
    with _opened(folder) as population:
        if population.meta("champion") is None:
            raise InputError(f"{folder} has no champion yet: its seed has not been measured")
        _, source = best_of(population)
        if output is not None:
            _write(output, source)
        if as_json:
            print(to_json(best_data(population), indent=2))
        elif output is None:
            print(code(source) if console.is_terminal else source, end="")
        else:
            console.print(best_line(population))


@app.command()
def verify(
    folder: RunFolder,
    seeds: Annotated[int, typer.Option("--seeds", help="fresh seeds that both are measured with")] = 5,
    as_json: Json = False,
) -> None:
    """Measure the champion against the seed on text and seeds that the search never saw."""
    with _opened(folder):
        pass
    with bench.opened(folder) as look:
        found = verifying.verify(look, seeds, choose_counter(as_json, console))
        _print(as_json, lambda: verified_data(look.population), lambda: verified(look.population, found))


@app.command()
def ablate(
    folder: RunFolder,
    seeds: Annotated[int, typer.Option("--seeds", help="seeds that every program is measured with")] = 3,
    minimal: Annotated[
        Path | None,
        typer.Option(
            "--minimal", help="write the champion with only the hunks that help", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take the champion's change apart: what each hunk of it is worth."""
    with _opened(folder):
        pass
    if minimal is not None:
        ablating.check_writable(minimal)
    counter = choose_counter(as_json, console)
    with bench.opened(folder) as look:
        table = ablating.ablate(look, seeds, counter)
        if minimal is None:
            _print(as_json, lambda: ablated_data(table), lambda: ablated(table))
            return
        if not as_json:
            console.print(ablated(table))
        small = ablating.smallest(look, table, counter)
    if small.as_good:
        _write(minimal, small.source)
    _print(
        as_json,
        lambda: {**ablated_data(table), "minimal": smallest_data(small)},
        lambda: smallest(table, small, str(minimal)),
    )
    raise typer.Exit(0 if small.as_good else 1)


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


@app.command()
def fsck(
    folder: RunFolder,
    repair: Annotated[
        bool, typer.Option("--repair", help="put right what can be, and keep all that is taken out")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a run folder for damage; a search may be running, but not with --repair."""
    if repair:
        done = checking.repair(folder)
        _print(as_json, lambda: repaired_data(done), lambda: repaired(done), crop=False)
        raise typer.Exit(0 if done.after.whole else 1)
    again = invocation("fsck", str(folder), "--repair")
    found = checking.examine(folder)
    _print(as_json, lambda: examined_data(found), lambda: examined(found, again), crop=False)
    raise typer.Exit(0 if found.whole else 1)


@app.command()
def export(
    folder: RunFolder,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="JSON file to write", show_default=False)],
    every: Annotated[
        bool, typer.Option("--all", help="also the notes.* tables, the search's own bookkeeping")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace FILE if it exists")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's documents as a plain TinyDB file; a search may be running."""
    tables = exporting.export(folder, to, every=every, force=force)
    _print(as_json, lambda: {"file": str(to), "tables": tables}, lambda: exported(tables, to), crop=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at what this machine offers, and what is missing."""
    findings = doctor_module.examine()
    _print(as_json, lambda: doctor_module.doctor_data(findings), lambda: doctor_module.doctor(findings))
    raise typer.Exit(doctor_module.exit_code(findings))


def main() -> None:
    """Run the command line; an error of ours is one sentence and its exit code."""
    _occupy_standard_streams()
    forgiving(console)
    forgiving(errors)
    try:
        app()
    except bench.Interrupted as stopped:
        errors.print(str(stopped), markup=False, highlight=False, soft_wrap=True)
        sys.exit(stopped.exit_code)
    except (EvolveError, PopulationError, PromptError) as error:
        _told(error, error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # the machine's fault: a full disk, a file that may not be read
        where = f"{error.filename}: " if error.filename else ""
        _told(f"{where}{error.strerror or error}", 1)


def _occupy_standard_streams() -> None:
    """Fill the place of a standard stream that is closed, or our next file would take its number."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def _told(error: object, code: int) -> NoReturn:
    """Tell an error in one sentence, and exit."""
    errors.print(f"error: {one_line(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _search(folder: Path, work: Callable[..., Any], as_json: bool) -> None:
    """Run a search with its display, print how it ended, and exit."""
    display = choose_display(as_json, console)
    again = invocation("resume", str(folder))
    try:
        with display:
            reason = asyncio.run(work(display))
    except KeyboardInterrupt:
        _told(f"interrupted; go on by `{again}`", INTERRUPTED)
    except OSError as error:  # a full disk, most likely
        where = error.filename or folder
        raise EngineFault(f"{where}: {error.strerror or error}; go on by `{again}`") from error
    with _opened(folder) as population:
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
    _print(as_json, lambda: compared_data(outcome), lambda: compared(outcome), crop=False)


def _print(
    as_json: bool, data: Callable[[], Any], picture: Callable[[], RenderableType], crop: bool = True
) -> None:
    """Print a report, for a machine or for a person; some have lines longer than a screen is wide."""
    if as_json:
        print(to_json(data(), indent=2))
    else:
        console.print(picture(), crop=crop)


def _write(file: Path, source: str) -> None:
    """Write a source to a file of the user's."""
    try:
        file.write_text(source, encoding="utf-8", errors="surrogatepass")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error


def _opened(folder: Path) -> Population:
    """Open a run for reading."""
    with runs.looked_at(folder):
        return Population.open(folder)
