"""``compare-policies``: the runs of a comparison, each a process of its own that ends with this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from evolve import settings as settings_module
from evolve.bursts import process
from evolve.contest import Comparison, Run, ended
from evolve.errors import EngineFault, EvolveError, InputError, Interrupted
from evolve.finding import is_run
from evolve.interrupts import supervised
from evolve.measuring import Brake
from evolve.proof.bench import Progress
from evolve.report import figures
from evolve.report.policies import result_line, result_of
from evolve.report.terminal import invocation
from population.store import Population

_POLL = 0.25  # seconds between two looks at a run's process
_PATIENCE = 10.0  # seconds that a run gets to end when it is to end at once


def compare(comparison: Comparison, parallel: int, progress: Progress) -> None:
    """Make every run that has not ended, so many at once; return when all have.

    Args:
        comparison: what is compared.
        parallel: runs at once, each with all its slots.
        progress: sees each run end.

    Raises:
        InputError, EngineFault: a run could not go on.
        Interrupted: somebody stopped it.
    """
    todo = [run for run in comparison.runs if not ended(run.folder)]
    if not todo:
        return
    process.set_dumpable(False)  # this process may hold keys
    brake = Brake()
    grace = settings_module.load(comparison.folder / settings_module.FILE, {}).grace
    many = figures.counted(len(todo), "run")
    shown = invocation("status", str(todo[0].folder))
    progress.begin(
        f"{many} of {len(comparison.runs)} to make in {comparison.folder}; `{shown}` shows one", len(todo)
    )
    work = _made(todo, parallel, brake, progress)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(supervised(work, brake, grace, progress.tick))
    finally:
        progress.close()
    left = sum(not ended(run.folder) for run in todo)
    if left:
        done = len(comparison.runs) - left
        raise Interrupted(
            f"interrupted: {done} of {len(comparison.runs)} runs have ended; the same command goes on"
        )


async def _made(todo: Sequence[Run], parallel: int, brake: Brake, progress: Progress) -> None:
    """Make runs, so many at once, until all have ended, one has failed or the brake is pulled."""
    waiting, faults = list(reversed(todo)), list[EvolveError]()

    async def worker() -> None:
        while waiting and not brake.on:
            run = waiting.pop()
            try:
                await _one(run, brake)
            except EvolveError as error:
                faults.append(error)
                brake.pull("a run failed")
                return
            if ended(run.folder):
                progress.ended(_told(run))

    await asyncio.gather(*(worker() for _ in range(parallel)))
    if faults:
        raise faults[0]


def _told(run: Run) -> str:
    """Say what a run came to."""
    with Population.open(run.folder) as population:
        result = result_of(population, run.policy, run.seed)
    return run.title if result is None else result_line(result)


async def _one(run: Run, brake: Brake) -> None:
    """Begin a run, or go on with it, in a process that ends with this one.

    Raises:
        EvolveError: it failed; its exit code says how.
    """
    log = run.folder.with_name(f"{run.folder.name}.log")
    with log.open("ab") as stream:
        start = stream.tell()
        child = await asyncio.create_subprocess_exec(
            *_command(run),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            process_group=0,  # Ctrl-C at the terminal reaches it through us, once
            preexec_fn=partial(process.die_with_parent, os.getpid()),
        )
    try:
        code = await _ended(child, brake)
    except asyncio.CancelledError:
        await _hurried(child)
        raise
    if code == Interrupted.exit_code:
        brake.pull("interrupted")
    elif code:
        raise _fault(run, code, log, start)
    elif not ended(run.folder):
        raise EngineFault(f"the run of {run.title} ended before its budget was used; {log} says why")


def _command(run: Run) -> list[str]:
    """Return the command that makes a run, or goes on with it."""
    if is_run(run.folder):
        words = ["resume", str(run.folder)]
    else:
        config = run.folder.parent / settings_module.FILE
        words = ["run", "--config", str(config), "--policy", run.policy, "--seed", str(run.seed)]
        words += ["--run", str(run.folder)]
    return [sys.executable, "-m", "evolve", *words]


async def _ended(child: asyncio.subprocess.Process, brake: Brake) -> int:
    """Wait for a run's process; when the brake is pulled, have it begin nothing new."""
    waited, told = asyncio.ensure_future(child.wait()), False
    try:
        while not waited.done():
            await asyncio.wait({waited}, timeout=_POLL)
            if brake.on and not told and not waited.done():
                told = True
                process.kill(child.pid, signal.SIGINT)
        return waited.result()
    finally:
        waited.cancel()


async def _hurried(child: asyncio.subprocess.Process) -> None:
    """Have a run's process save and end at once."""
    if child.returncode is None:
        process.kill(child.pid, signal.SIGINT)
        try:
            async with asyncio.timeout(_PATIENCE):
                await child.wait()
        except TimeoutError:
            process.kill(child.pid)
            await child.wait()


def _fault(run: Run, code: int, log: Path, start: int) -> EvolveError:
    """Say what a run's process died of, in its own words if it had any."""
    with log.open("rb") as stream:
        stream.seek(start)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    told = next((line[7:] for line in reversed(lines) if line.startswith("error: ")), "")
    if not told:
        told = f"it was ended by signal {-code}" if code < 0 else f"exit code {code}; {log} says more"
    text = f"the run of {run.title} failed: {told}"
    return InputError(text) if code == InputError.exit_code else EngineFault(text)
