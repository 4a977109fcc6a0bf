"""Where bursts run: the seam ``Executor``, and the executor of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

from evolve.bursts import following, scratch, starting, vram
from evolve.bursts.cgroup import Group
from evolve.bursts.following import PATIENCE, ended, failure_of, follow
from evolve.bursts.messages import End, Order, Rules, Verdict
from evolve.bursts.sandbox import Confinement, Level, furnish
from evolve.bursts.trusted import Trusted, launched
from population.variant import Failure, FailureKind

Watch = Callable[[int, float, float], bool]
"""Sees each point of a learning curve (number, progress, loss); True ends the burst as pruned."""

_ROOM = 512 << 20  # bytes of memory that a slot's cgroup has for the zygote itself
_SHARED = 4.0  # times that a CPU burst may take longer than its CPU time before it is given up


@dataclass(frozen=True, slots=True)
class Job:
    """One burst to run.

    Args:
        name: what its log is called.
        source: the exact source that runs.
        seed: the burst's seed.
        smoke: one step and a few windows only, to see whether it runs at all; its score means nothing.
        fraction: share of a full burst's seconds or tokens that it gets.
    """

    name: str
    source: str
    seed: int
    smoke: bool = False
    fraction: float = 1.0


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
    sandbox: str = ""
    also: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
    excess: tuple[float, ...] = ()


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
        scratch: folder for the slots' working directories, where they lie on disk; emptied at the end.
        logs: folder for what bursts print.
        devices: one entry a slot, ``cpu`` or ``cuda:N``.
        seconds: budget of one burst, CPU time on a CPU and wall clock on a GPU, or the hard limit of a
            token budget.
        tokens: token budget, or None.
        context: longest sequence asked about.
        vocab_size: number of token values; 0 for a task of one's own, whose data and answers are arrays.
        memory_bytes: resident memory of one burst past which it is ended.
        confinement: what bursts are confined by.
        hidden: files and folders that bursts must not read even where the interpreter's own are.
        scratch_bytes: what a burst may write; past that it is ended.
        processes: processes of one burst past which it is ended.
        vram_bytes: memory of its GPU past which a burst is ended; None for what the GPU has.
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
    confinement: Confinement
    hidden: tuple[Path, ...] = ()
    scratch_bytes: int = 256 << 20
    processes: int = 256
    vram_bytes: int | None = None

    @property
    def setup(self) -> float:
        """Seconds that a child may take before its clock starts."""
        return 120.0 if any(device != "cpu" for device in self.devices) else 60.0

    @property
    def overrun(self) -> float:
        """Seconds past the budget at which training counts as timed out: the last step, and returning."""
        return 1.0 + 0.05 * self.seconds

    def budget(self, job: Job) -> tuple[float, int | None]:
        """Return a burst's seconds and tokens; with a budget in tokens the hard limit is always the same."""
        if self.tokens is None:
            return self.seconds * job.fraction, None
        return self.seconds, max(1, round(self.tokens * job.fraction))

    @property
    def patience(self) -> float:
        """Wall-clock seconds that training may take."""
        return self.patience_of(self.seconds)

    def patience_of(self, seconds: float) -> float:
        """Return the wall clock that so much training may take: on shared cores CPU time comes slowly."""
        shared = all(device == "cpu" for device in self.devices)
        return (seconds + self.overrun) * (_SHARED if shared else 1.0)

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
    """A place where one burst can run: a device, a zygote and a scorer of its own."""

    number: int
    device: str
    zygote: Trusted | None = None
    scorer: Trusted | None = None
    group: Group | None = None
    starts: int = 0


class LocalExecutor:
    """Runs bursts on this machine: for each slot a zygote that forks them, and a scorer.

    Args:
        plan: how every burst is run.
        look: reads the memory in use on a device.
    """

    def __init__(self, plan: Plan, look: vram.Used = vram.used) -> None:
        self._plan = plan
        self._look = look
        self._slots = [_Slot(number, device) for number, device in enumerate(plan.devices)]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()

    @property
    def slots(self) -> int:
        """How many bursts can run at once."""
        return len(self._slots)

    @property
    def running(self) -> int:
        """How many bursts run now."""
        return len(self._slots) - self._free.qsize()

    async def start(self) -> None:
        """Start the zygote and the scorer of every slot.

        Raises:
            EngineFault: one of them did not start.
        """
        self._plan.logs.mkdir(parents=True, exist_ok=True)
        await asyncio.gather(
            *(self._ready_zygote(slot) for slot in self._slots),
            *(self._ready_scorer(slot) for slot in self._slots),
        )
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
            return Result(None, killed, 0.0, 0.0, 0, (), slot.device, 0, self._plan.confinement.level.name)
        finally:
            self._free.put_nowait(slot)

    async def close(self) -> None:
        """End the zygotes with all their bursts, and the scorers."""
        for slot in self._slots:
            for one in (slot.zygote, slot.scorer):
                if one is not None:
                    await asyncio.to_thread(one.stop)
            slot.zygote = slot.scorer = None
            if slot.group is not None:
                slot.group.remove()
        await asyncio.to_thread(scratch.remove, self._plan.scratch)

    async def _ready_zygote(self, slot: _Slot) -> Trusted:
        """Return the slot's zygote, started if need be."""
        if slot.zygote is not None and not slot.zygote.alive():
            slot.zygote.kill()
            slot.zygote = None
        if slot.zygote is None:
            slot.zygote = await launched(lambda: self._zygote(slot))
        return slot.zygote

    def _zygote(self, slot: _Slot) -> Trusted:
        """Begin to start a zygote for a slot."""
        plan = self._plan
        slot.starts += 1
        folder = plan.scratch / f"{slot.number}-{slot.starts}"  # a killed one may still use the last
        box = furnish(plan.confinement.level, folder, plan.scratch_bytes, plan.hidden, slot.device != "cpu")
        if not box.mounted:
            folder.mkdir(parents=True)
        data, memory = str(plan.train_file.resolve()), plan.memory_bytes + plan.scratch_bytes + _ROOM
        words, slot.group = starting.prefix(
            plan.confinement, box, slot.number, memory, 2 * plan.processes, also=[data]
        )
        arguments = [data, json.dumps(asdict(box))]
        return Trusted("evolve.bursts.zygote", arguments, plan.logs / "zygote.log", words)

    async def _ready_scorer(self, slot: _Slot) -> Trusted:
        """Return the slot's scorer, started if need be."""
        if slot.scorer is not None and not slot.scorer.alive():
            slot.scorer.kill()
            slot.scorer = None
        if slot.scorer is None:
            slot.scorer = await launched(self._scorer)
        return slot.scorer

    def _scorer(self) -> Trusted:
        """Begin to start a scorer."""
        spec = json.dumps(dict(self._plan.task))
        return Trusted("evolve.bursts.scorer", [spec], self._plan.logs / "scorer.log")

    async def _once(self, slot: _Slot, job: Job, watch: Watch) -> Result | None:
        """Run one burst; None when a process of ours was lost under it."""
        zygote, scorer = await self._ready_zygote(slot), await self._ready_scorer(slot)
        kills = slot.group.kills() if slot.group is not None else 0
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        clean = False
        try:
            if not self._launch(zygote, scorer, theirs, self._order(slot, job), job):
                zygote.kill()  # one of the two is gone; which one is not worth finding out
                return None
            started = time.monotonic()
            async with (
                vram.limited(
                    slot.device, self._plan.vram_bytes, self._look, lambda: following.end(control)
                ) as gauge,
                asyncio.timeout(self._plan.deadline + PATIENCE),
            ):
                verdict, curve, pruned = await follow(scorer, control, watch)
            said = await ended(control, by_itself=verdict is not None and verdict.gone and not pruned)
            clean = verdict is not None
            if said is None and self._plan.confinement.level >= Level.L2:
                zygote.kill()  # nothing in there can end a supervisor but the end of all
            if verdict is None or said is None:
                return None
            end = End(**said)
            if not end.clean:
                zygote.kill()  # something would not end; from L2 on the kernel ends it with the zygote
            if slot.group is not None and slot.group.kills() > kills:
                end = replace(end, cause="memory")
            if gauge.over:
                end = replace(end, cause="vram", peak_bytes=gauge.peak)
            seconds = time.monotonic() - started
            return _result(verdict, end, pruned, curve, slot.device, seconds, self._plan.confinement.level)
        except TimeoutError:
            zygote.kill()  # it or a process of its own stands still
            return None
        finally:
            control.close()
            if not clean and slot.scorer is not None:
                slot.scorer.kill()  # it may be out of step with us
                slot.scorer = None

    def _launch(
        self, zygote: Trusted, scorer: Trusted, theirs: socket.socket, order: Order, job: Job
    ) -> bool:
        """Hand the two ends of a fresh stream to zygote and scorer; False when one of them is gone."""
        plan = self._plan
        asked, answers = socket.socketpair()
        log = plan.logs / f"{job.name}.out"
        with theirs, asked, answers, log.open("ab") as output, in_memory(job.source) as source:
            ends = [answers.fileno(), theirs.fileno(), output.fileno(), source.fileno()]
            if not zygote.send(asdict(order), ends):
                return False
            seconds, _ = plan.budget(job)
            rules = Rules(
                secret=int.from_bytes(os.urandom(8)),
                seconds=seconds,
                patience=plan.patience_of(seconds),
                setup=plan.setup,
                scoring=plan.scoring,
                vocab_size=plan.vocab_size,
                smoke=job.smoke,
            )
            return scorer.send(asdict(rules), [asked.fileno()])

    def _order(self, slot: _Slot, job: Job) -> Order:
        """Say what the child is to do."""
        plan = self._plan
        seconds, tokens = plan.budget(job)
        return Order(
            burst=job.name,
            device=slot.device,
            seed=job.seed,
            seconds=seconds,
            cpu_seconds=seconds + plan.overrun if slot.device == "cpu" else None,
            tokens=tokens,
            context=plan.context,
            vocab_size=plan.vocab_size,
            entry=plan.entry,
            smoke=job.smoke,
            deadline=plan.deadline,
            memory_bytes=plan.memory_bytes,
            processes=plan.processes,
        )


def in_memory(text: str) -> IO[bytes]:
    """Return an open file that has no name, with a text in it."""
    file = open(os.memfd_create("train.py"), "w+b")  # noqa: PTH123, SIM115
    file.write(text.encode())
    file.seek(0)
    return file


def _result(
    verdict: Verdict,
    end: End,
    pruned: bool,
    curve: tuple[tuple[float, float], ...],
    device: str,
    seconds: float,
    level: Level,
) -> Result:
    """Put together what the scorer and the supervisor found."""
    failure = None if pruned else failure_of(verdict, end)
    score = None if pruned or failure is not None else verdict.score
    return Result(
        score=score,
        failure=failure,
        seconds=seconds,
        train_seconds=verdict.train_seconds,
        tokens=verdict.tokens,
        curve=curve,
        device=device,
        peak_bytes=end.peak_bytes,
        sandbox=level.name,
    )
