"""The command line: it finds the command, and tells an error in one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from evolve.commands.common import console, errors, told
from evolve.errors import EvolveError, Interrupted
from evolve.report.terminal import Commands, forgiving, invocation
from operators.prompts import PromptError
from population.errors import PopulationError

_MODULES: Mapping[str, str] = {
    "run": "searching",
    "init": "searching",
    "resume": "searching",
    "status": "looking",
    "tree": "looking",
    "show": "looking",
    "top": "looking",
    "compare": "looking",
    "log": "looking",
    "best": "looking",
    "steer": "steering",
    "inject": "steering",
    "ban": "steering",
    "favour": "steering",
    "approve": "steering",
    "pause": "steering",
    "continue": "steering",
    "stop": "steering",
    "raise": "steering",
    "report": "reporting",
    "serve": "serving",
    "verify": "proving",
    "ablate": "proving",
    "compare-policies": "searching",
    "export": "keeping",
    "fsck": "keeping",
    "doctor": "keeping",
}
"""The module in which each command is: a look at a run need not import what a search needs."""

_BEGINNINGS = (
    (("doctor",), "what this machine offers"),
    (("run", "train.py", "--hours", "8"), "search; Ctrl-C stops, nothing is lost"),
    (("--help",), "every command"),
)


class _Group(TyperGroup):
    """Commands that are imported when they are asked for; typer brings a click of its own, without names."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands, in the order of a search."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, None where there is none of that name."""
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(f"evolve.commands.{_MODULES[cmd_name]}")
        return typer.main.get_group(module.app).commands[cmd_name]


app = typer.Typer(
    cls=_Group,
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Evolve a train.py: an LLM proposes, Optuna tunes, short bursts measure.",
)


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Say what to type first when no command is given."""
    if context.invoked_subcommand is None:
        commands = Commands([(invocation(*words), why) for words, why in _BEGINNINGS])
        console.print("Evolve a train.py while you sleep. To begin:\n", highlight=False)
        console.print(commands, crop=False)


def main() -> None:
    """Run the command line; an error of ours is one sentence and its exit code."""
    _occupy_standard_streams()
    forgiving(console)
    forgiving(errors)
    try:
        app()
    except Interrupted as stopped:
        errors.print(str(stopped), markup=False, highlight=False, soft_wrap=True)
        sys.exit(stopped.exit_code)
    except (EvolveError, PopulationError, PromptError) as error:
        told(error, error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # the machine's fault: a full disk, a file that may not be read
        where = f"{error.filename}: " if error.filename else ""
        told(f"{where}{error.strerror or error}", 1)


def _occupy_standard_streams() -> None:
    """Fill the place of a standard stream that is closed, or our next file would take its number."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
