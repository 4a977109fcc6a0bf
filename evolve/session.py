"""One session of a run: the folder opened, everything wired once, searched, and taken down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from evolve import machine, runs
from evolve.briefing import Briefing
from evolve.bursts import process, scratch
from evolve.bursts.commanding import CommandExecutor, CommandPlan
from evolve.bursts.executor import LocalExecutor, Plan
from evolve.bursts.sandbox import Level
from evolve.docket import recover
from evolve.errors import EngineFault, EvolveError
from evolve.interrupts import INTERRUPTED, supervised
from evolve.machine import MACHINE
from evolve.measuring import Brake
from evolve.obeying import STARTED
from evolve.preparing import Prepared
from evolve.report.live import Display
from evolve.room import Room
from evolve.search import Search
from evolve.settings import Settings
from evolve.tasks.command import CommandTask
from evolve.tasks.language import LanguageTask
from evolve.tasks.task import Unseen
from evolve.tracking.feed import tracked
from evolve.wiring import Asking, number, search_of
from operators.llm import LiteLLM
from operators.local import LocalModelError, LocalServer
from population.disk import write_whole
from population.errors import PopulationError
from population.ledger import Call, Event
from population.store import Population

_TRIES = 3  # starts of the local LLM server, one after the other, before the search gives up
_NOTHING: Mapping[str, object] = MappingProxyType({})
_WATCH = 2.0  # seconds between two looks at the local LLM server


async def run(folder: Path, prepared: Prepared, display: Display) -> str:
    """Search in a run folder until a budget is used or somebody stops it; return the reason.

    Raises:
        InputError: the run was made on other data, is in use, or its seed fails.
        EngineFault: the search could not go on.
    """
    process.set_dumpable(False)  # this process may hold keys
    brake = Brake()
    async with AsyncExitStack() as stack:
        population = stack.enter_context(Population.open(folder, write=True))
        runs.check_data(population, prepared, folder)
        if runs.budgets(prepared.settings) != population.meta("budgets"):
            runs.keep_settings(folder, prepared.settings)
        display = stack.enter_context(tracked(display, prepared.settings, population))

        def tell(kind: str, text: str, data: Mapping[str, object] = _NOTHING, **meta: object) -> None:
            event = Event(kind, text, round(time.time(), 3), dict(data))
            population.commit(event, meta=meta)
            display.event(event)

        again = recover(population, crashed=population.meta("stopped", "") is None)
        on = {MACHINE: machine.facts(prepared.settings.device), "owner": prepared.settings.owner}
        budgets, slots = runs.budgets(prepared.settings), len(prepared.devices)
        tell(STARTED, _greeting(prepared), on, stopped=None, budgets=budgets, slots=slots)
        for note in prepared.notes:
            tell("note", note)
        if population.torn:
            tell("torn", population.torn)
        if again:
            tell("recovered", f"bursts that ran when the last session was killed, and are run again: {again}")
        try:
            search = await _wired(folder, prepared, population, brake, display, stack)
            reason = await _supervised(search, brake, prepared, display, folder)
        except (EvolveError, PopulationError) as error:
            with contextlib.suppress(PopulationError):  # then the disk takes nothing more
                tell("stopped", str(error).partition("\n")[0], stopped=str(error))
            raise
        tell("stopped", reason, stopped=reason)
        return reason


async def _wired(
    folder: Path,
    prepared: Prepared,
    population: Population,
    brake: Brake,
    display: Display,
    stack: AsyncExitStack,
) -> Search:
    """Put a search together; what it opens is closed by ``stack``."""
    settings, task = prepared.settings, prepared.task
    executor = executor_of(folder, prepared)
    stack.push_async_callback(executor.close)
    room = Room(folder, lambda: brake.on, display.event)
    chat, _ = await asyncio.gather(_chat(folder, prepared, population, room, stack), executor.start())
    briefing = Briefing(_described(prepared), task.metric, task.direction, prepared.directions)
    asking = 1 if prepared.choice.local else settings.llm_parallel
    return search_of(
        settings,
        population,
        folder,
        Asking(chat, prepared.choice.models, asking),
        briefing,
        executor,
        task.entry,
        brake,
        room,
        display.event,
    )


def executor_of(
    folder: Path, prepared: Prepared, split: Unseen = "validation"
) -> LocalExecutor | CommandExecutor:
    """Return what runs the bursts of a run, to be started.

    Args:
        folder: of the run.
        prepared: what is run.
        split: what answers are scored on; a program of the user's own has one way to be scored.
    """
    settings, task = prepared.settings, prepared.task
    if not isinstance(task, CommandTask):
        return LocalExecutor(plan(folder, prepared, split))
    work = folder / "scratch"
    scratch.remove(work)  # of a session that was killed
    return CommandExecutor(
        CommandPlan(
            task=task,
            scratch=work,
            logs=folder / "logs",
            devices=prepared.devices,
            memory_bytes=number(settings.memory_mb) << 20,
            confinement=prepared.confinement,
            vram_bytes=None if settings.vram_mb is None else settings.vram_mb << 20,
        )
    )


def plan(folder: Path, prepared: Prepared, split: Unseen = "validation") -> Plan:
    """Say how every burst that we score is run; what it may see is laid down for the zygote."""
    settings, task = prepared.settings, prepared.task
    assert not isinstance(task, CommandTask)
    train_file = folder / "data" / "train.bin"
    train_file.parent.mkdir(exist_ok=True)
    write_whole(train_file, task.train_bytes().tobytes())
    work = folder / "scratch"
    scratch.remove(work)  # of a session that was killed
    return Plan(
        task=task.to_spec(split),
        entry=task.entry,
        train_file=train_file,
        scratch=work,
        logs=folder / "logs",
        devices=prepared.devices,
        seconds=float(settings.burst or 0.0),
        tokens=settings.burst_tokens,
        context=task.settings.context if isinstance(task, LanguageTask) else 0,
        vocab_size=task.vocab_size if isinstance(task, LanguageTask) else 0,
        memory_bytes=number(settings.memory_mb) << 20,
        confinement=prepared.confinement,
        hidden=task.held_out(),
        vram_bytes=None if settings.vram_mb is None else settings.vram_mb << 20,
    )


async def _chat(
    folder: Path, prepared: Prepared, population: Population, room: Room, stack: AsyncExitStack
) -> LiteLLM | None:
    """Open the way to the models, None when there are none; the embedded one is started here."""
    settings, choice = prepared.settings, prepared.choice
    if not choice.models:
        return None
    local_base = None
    if choice.local:
        log = folder / "logs" / "llm.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        server = await _started(settings, log)
        await stack.enter_async_context(server)
        await stack.enter_async_context(_kept_alive(server))
        local_base = server.api_base
    known = {call.transcript for call in population.calls}

    def record(call: Call) -> None:
        known.add(call.transcript)
        population.stage(call)

    chat = LiteLLM(
        choice.models,
        transcripts=folder / "transcripts",
        record=record,
        recorded=known.__contains__,
        durably=room.aside,
        api_base=choice.api_base,
        local_base=local_base,
        timeout=settings.llm_timeout,
        parallel=settings.llm_parallel,
        prices=settings.prices,
        seed=number(settings.seed),
    )
    stack.push_async_callback(chat.aclose)
    chat.settle()
    return chat


async def _started(settings: Settings, log: Path) -> LocalServer:
    """Start the local server; a few times if need be, since somebody may kill it meanwhile."""
    for tries in range(1, _TRIES + 1):
        try:
            return await LocalServer.start(settings.llm_threads, settings.llm_nice, log)
        except LocalModelError as error:
            if tries == _TRIES:
                raise EngineFault(str(error)) from error
    raise AssertionError


@asynccontextmanager
async def _kept_alive(server: LocalServer) -> AsyncIterator[None]:
    """Restart the local server whenever it has died."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(_WATCH)
            if not server.alive():
                with contextlib.suppress(LocalModelError, OSError):  # then once more in a moment
                    await server.restart()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _described(prepared: Prepared) -> str:
    """Describe the task to a model, with the budget of a burst."""
    settings = prepared.settings
    where = "one CPU thread" if settings.device == "cpu" else "one GPU"
    budget = f"{settings.burst:g} seconds"
    if settings.burst_tokens is not None:
        budget = f"{settings.burst_tokens} tokens"
    return f"{prepared.task.describe()}\nBudget of a burst: {budget} on {where}."


def _greeting(prepared: Prepared) -> str:
    """Say in one line what is about to happen: which model and why, and where bursts run."""
    settings = prepared.settings
    burst = f"{settings.burst:g} s" if settings.burst_tokens is None else f"{settings.burst_tokens} tokens"
    burst = f"at most {burst}" if prepared.task.trust else burst
    slots = f"{len(prepared.devices)} {settings.device} slot{'s' * (len(prepared.devices) > 1)}"
    where = f"{slots}, confined at {prepared.confinement.level.name}"
    if prepared.confinement.level is Level.L0:
        where += (
            f" (files and network are open to variants: {prepared.confinement.missing or '--sandbox L0'})"
        )
    owner = (settings.owner or "").partition(" <")[0]
    return f"LLM: {prepared.choice.why}. Bursts of {burst} on {where}; seed {settings.seed}; owner: {owner}."


async def _supervised(
    search: Search, brake: Brake, prepared: Prepared, display: Display, folder: Path
) -> str:
    """Run the search to its end, whoever asks for it: a budget, Ctrl-C once, or Ctrl-C twice."""
    task = prepared.task
    label = f"{task.metric} ({task.trust})" if task.trust else task.metric

    def picture() -> None:
        display.update(search.snapshot(str(folder), label))

    try:
        return await supervised(search.run(), brake, prepared.settings.grace, picture)
    except asyncio.CancelledError:
        return INTERRUPTED
