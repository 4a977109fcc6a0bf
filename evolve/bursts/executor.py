"""Where bursts run: the seam ``Executor``, and the executor of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from evolve.bursts.messages import TRAINED, End, Order, Rules, Verdict
from evolve.bursts.trusted import Trusted, receive
from population.variant import Failure, FailureKind

Watch = Callable[[int, float, float], bool]
"""Sees each point of a learning curve (number, progress, loss); True ends the burst as pruned."""

_PATIENCE = 30.0  # seconds that our own processes may be late
_SHARED = 4.0  # times that a CPU burst may take longer than its CPU time before it is given up


@dataclass(frozen=True, slots=True)
class Job:
    """One burst to run.

    Args:
        name: what its log is called.
        source: the exact source that runs.
        seed: the burst's seed.
        smoke: one step and a few windows only, to see whether it runs at all; its score means nothing.
    """

    name: str
    source: str
    seed: int
    smoke: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a burst came to; a score, a failure, or neither when it was pruned."""

    score: float | None
    failure: Failure | None
    seconds: float
    train_seconds: float
    tokens: int
    curve: tuple[tuple[float, float], ...]
    device: str
    peak_bytes: int


class Executor(Protocol):
    """Runs bursts on slots."""

    @property
    def slots(self) -> int:
        """How many bursts can run at once."""

    async def run(self, job: Job, watch: Watch) -> Result:
        """Wait for a free slot, run one burst and return what it came to.

        Raises:
            EngineFault: a process of ours could not be kept running.
        """

    async def close(self) -> None:
        """End everything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How every burst of a search is run.

    Args:
        task: the task's spec, from which a scorer rebuilds it.
        entry: function of the variant that is called.
        train_file: the train split, raw bytes.
        scratch: folder for the children's working directories; emptied at the end.
        logs: folder for what bursts print.
        devices: one entry a slot, ``cpu`` or ``cuda:N``.
        seconds: budget of one burst, CPU time on a CPU and wall clock on a GPU, or the hard limit of a
            token budget.
        tokens: token budget, or None.
        context: longest sequence asked about.
        vocab_size: number of token values.
        memory_bytes: resident memory of one burst past which it is ended.
    """

    task: Mapping[str, Any]
    entry: str
    train_file: Path
    scratch: Path
    logs: Path
    devices: tuple[str, ...]
    seconds: float
    tokens: int | None
    context: int
    vocab_size: int
    memory_bytes: int

    @property
    def setup(self) -> float:
        """Seconds that a child may take before its clock starts."""
        return 120.0 if any(device != "cpu" for device in self.devices) else 60.0

    @property
    def overrun(self) -> float:
        """Seconds past the budget at which training counts as timed out: the last step, and returning."""
        return 1.0 + 0.05 * self.seconds

    @property
    def patience(self) -> float:
        """Wall-clock seconds that training may take: on shared cores CPU time comes slowly."""
        shared = all(device == "cpu" for device in self.devices)
        return (self.seconds + self.overrun) * (_SHARED if shared else 1.0)

    @property
    def scoring(self) -> float:
        """Seconds that all answers of one burst may take."""
        return max(120.0, 2.0 * self.seconds)

    @property
    def deadline(self) -> float:
        """Seconds from fork after which a burst is ended, whatever it does."""
        return self.setup + self.patience + self.scoring


@dataclass(slots=True)
class _Slot:
    """A place where one burst can run: a device and a scorer of its own."""

    device: str
    scorer: Trusted | None = None


class LocalExecutor:
    """Runs bursts on this machine: a zygote that forks them, and a scorer for each slot."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._slots = [_Slot(device) for device in plan.devices]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()
        self._zygote: Trusted | None = None
        self._zygote_lock = asyncio.Lock()
        self._count = 0

    @property
    def slots(self) -> int:
        """How many bursts can run at once."""
        return len(self._slots)

    @property
    def running(self) -> int:
        """How many bursts run now."""
        return len(self._slots) - self._free.qsize()

    async def start(self) -> None:
        """Start the zygote and every scorer.

        Raises:
            EngineFault: one of them did not start.
        """
        self._plan.logs.mkdir(parents=True, exist_ok=True)
        await asyncio.gather(self._ready_zygote(), *(self._ready_scorer(slot) for slot in self._slots))
        for slot in self._slots:
            self._free.put_nowait(slot)

    async def run(self, job: Job, watch: Watch) -> Result:
        """Run one burst on the next free slot; if a process of ours is lost under it, once more."""
        slot = await self._free.get()
        try:
            for _ in range(2):
                result = await self._once(slot, job, watch)
                if result is not None:
                    return result
            killed = Failure(FailureKind.KILLED, "a process that watches over the burst was lost, twice")
            return Result(None, killed, 0.0, 0.0, 0, (), slot.device, 0)
        finally:
            self._free.put_nowait(slot)

    async def close(self) -> None:
        """End the zygote with all its bursts, and the scorers."""
        processes = [self._zygote, *(slot.scorer for slot in self._slots)]
        self._zygote = None
        for one in processes:
            if one is not None:
                await asyncio.to_thread(one.stop)
        shutil.rmtree(self._plan.scratch, ignore_errors=True)

    async def _ready_zygote(self) -> Trusted:
        """Return the zygote, started if need be."""
        async with self._zygote_lock:
            if self._zygote is not None and not self._zygote.alive():
                self._zygote.kill()
                self._zygote = None
            if self._zygote is None:
                plan = self._plan
                plan.scratch.mkdir(parents=True, exist_ok=True)
                arguments = [str(plan.train_file.resolve()), str(plan.scratch.resolve())]
                zygote = Trusted("evolve.bursts.zygote", arguments, plan.logs / "zygote.log")
                await zygote.ready()
                self._zygote = zygote
            return self._zygote

    async def _ready_scorer(self, slot: _Slot) -> Trusted:
        """Return the slot's scorer, started if need be."""
        if slot.scorer is not None and not slot.scorer.alive():
            slot.scorer.kill()
            slot.scorer = None
        if slot.scorer is None:
            spec = json.dumps(dict(self._plan.task))
            scorer = Trusted("evolve.bursts.scorer", [spec], self._plan.logs / "scorer.log")
            await scorer.ready()
            slot.scorer = scorer
        return slot.scorer

    async def _once(self, slot: _Slot, job: Job, watch: Watch) -> Result | None:
        """Run one burst; None when a process of ours was lost under it."""
        zygote, scorer = await self._ready_zygote(), await self._ready_scorer(slot)
        self._count += 1
        scratch = self._plan.scratch / f"{job.name}-{self._count}"
        scratch.mkdir(parents=True)
        (scratch / "train.py").write_text(job.source, encoding="utf-8")
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        clean = False
        try:
            if not self._launch(zygote, scorer, theirs, self._order(slot, job, scratch), job):
                return None
            started = time.monotonic()
            async with asyncio.timeout(self._plan.deadline + _PATIENCE):
                verdict, curve, pruned = await _follow(scorer, control, watch)
            end = await _ended(control, by_itself=verdict is not None and verdict.gone and not pruned)
            clean = verdict is not None
            if verdict is None or end is None:
                return None
            return _result(verdict, End(**end), pruned, curve, slot.device, time.monotonic() - started)
        except TimeoutError:
            zygote.kill()  # it or a process of its own stands still; the other bursts of its go on
            return None
        finally:
            control.close()
            if not clean and slot.scorer is not None:
                slot.scorer.kill()  # it may be out of step with us
                slot.scorer = None
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    def _launch(
        self, zygote: Trusted, scorer: Trusted, theirs: socket.socket, order: Order, job: Job
    ) -> bool:
        """Hand the two ends of a fresh stream to zygote and scorer; False when one of them is gone."""
        plan = self._plan
        asked, answers = socket.socketpair()
        log = plan.logs / f"{job.name}.out"
        with theirs, asked, answers, log.open("ab") as output:
            if not zygote.send(asdict(order), [answers.fileno(), theirs.fileno(), output.fileno()]):
                return False
            rules = Rules(
                secret=int.from_bytes(os.urandom(8)),
                seconds=plan.seconds,
                patience=plan.patience,
                setup=plan.setup,
                scoring=plan.scoring,
                vocab_size=plan.vocab_size,
                smoke=job.smoke,
            )
            return scorer.send(asdict(rules), [asked.fileno()])

    def _order(self, slot: _Slot, job: Job, scratch: Path) -> Order:
        """Say what the child is to do."""
        plan = self._plan
        return Order(
            burst=job.name,
            scratch=str(scratch.resolve()),
            device=slot.device,
            seed=job.seed,
            seconds=plan.seconds,
            cpu_seconds=plan.seconds + plan.overrun if slot.device == "cpu" else None,
            tokens=plan.tokens,
            context=plan.context,
            vocab_size=plan.vocab_size,
            entry=plan.entry,
            smoke=job.smoke,
            deadline=plan.deadline,
            memory_bytes=plan.memory_bytes,
        )


async def _ended(control: socket.socket, by_itself: bool) -> dict[str, Any] | None:
    """Have the supervisor end the burst, unless it is ending by itself; return what it says of the end."""
    if by_itself:
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(receive(control), timeout=2)
    with contextlib.suppress(OSError):
        control.send(b"end")
    return await asyncio.wait_for(receive(control), timeout=_PATIENCE)


async def _follow(
    scorer: Trusted, control: socket.socket, watch: Watch
) -> tuple[Verdict | None, tuple[tuple[float, float], ...], bool]:
    """Take the scorer's messages until its verdict; return it with the curve and whether it was pruned."""
    curve: list[tuple[float, float]] = []
    pruned = False
    while True:
        message = await scorer.receive()
        if message is None:
            return None, (), False
        if "trained" in message:
            with contextlib.suppress(OSError):
                control.send(TRAINED)
            continue
        if "report" not in message:
            return Verdict(**message), tuple(curve), pruned
        progress, loss = message["report"]
        if loss is None or pruned:
            continue
        curve.append((progress, loss))
        if watch(len(curve), progress, loss):
            pruned = True
            with contextlib.suppress(OSError):
                control.send(b"end")


def _result(
    verdict: Verdict,
    end: End,
    pruned: bool,
    curve: tuple[tuple[float, float], ...],
    device: str,
    seconds: float,
) -> Result:
    """Put together what the scorer and the supervisor found."""
    failure = None if pruned else _failure(verdict, end)
    score = None if pruned or failure is not None else verdict.score
    return Result(
        score, failure, seconds, verdict.train_seconds, verdict.tokens, curve, device, end.peak_bytes
    )


def _failure(verdict: Verdict, end: End) -> Failure | None:
    """Name the failure, if it is one: the supervisor's word first, then the scorer's, then how it exited."""
    if verdict.score is not None:
        return None
    if end.cause == "memory":
        return Failure(FailureKind.MEMORY, f"used {end.peak_bytes / 2**20:.0f} MiB, more than a burst may")
    if end.cause == "overrun":
        return Failure(FailureKind.TIMEOUT, "train() ran past its budget of CPU time")
    if end.cause == "deadline":
        return Failure(FailureKind.TIMEOUT, f"still running after {end.seconds:.0f} s; ended")
    if verdict.kind:
        return Failure(FailureKind(verdict.kind), verdict.message, verdict.traceback)
    if end.code is None:
        return Failure(FailureKind.CONTRACT, "it closed its connection to the scorer, and ran on")
    if end.code < 0:
        name = signal.strsignal(-end.code) or "unknown"
        return Failure(FailureKind.KILLED, f"the burst was killed by signal {-end.code} ({name})")
    return Failure(FailureKind.EXCEPTION, f"the process exited with code {end.code} before it was scored")
