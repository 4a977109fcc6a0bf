"""The executor of a user's own programs: each burst is one run of a command, started anew and confined."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from evolve.bursts import following, places, scratch, starting, vram
from evolve.bursts.cgroup import Group
from evolve.bursts.executor import Job, Result, Watch, in_memory
from evolve.bursts.following import PATIENCE, failure_of
from evolve.bursts.launcher import DOCUMENT, Errand
from evolve.bursts.messages import End, Verdict
from evolve.bursts.sandbox import SCRATCH, Confinement, Level, Sandbox
from evolve.bursts.trusted import Trusted, scrubbed
from evolve.errors import EngineFault
from evolve.tasks import workspace
from evolve.tasks.command import FILE, VERDICT, CommandTask, searched
from evolve.tasks.limits import broken
from evolve.tasks.readers import Evaluation, Left, Unread
from population.variant import Failure, FailureKind

SCRATCH_BYTES = 1 << 30
"""What a program may write in its folder."""

_ROOM = 256 << 20  # bytes of memory that a slot's cgroup has for the launcher
_PROCESSES = 512
_TAIL = 20  # lines of what a failed program printed that are kept
_SEEDS = 2**32
_SAID = 4000  # characters of what an evaluator said that are kept
_SIZE = 1 << 20  # bytes of output that a score is looked for in, from the end


@dataclass(frozen=True, slots=True)
class CommandPlan:
    """How every burst of a command is run.

    Args:
        task: the program, and how its score is read.
        scratch: folder for the slots' working directories, where they lie on disk; emptied at the end.
        logs: folder for what programs print.
        devices: one entry a slot, ``cpu`` or ``cuda:N``.
        memory_bytes: resident memory of one burst past which it is ended.
        confinement: what bursts are confined by.
        vram_bytes: memory of its GPU past which a burst is ended; None for what the GPU has.
    """

    task: CommandTask
    scratch: Path
    logs: Path
    devices: tuple[str, ...]
    memory_bytes: int
    confinement: Confinement
    vram_bytes: int | None = None


@dataclass(slots=True)
class _Slot:
    """A place where one program can run."""

    number: int
    device: str
    box: Sandbox
    group: Group | None = None


class CommandExecutor:
    """Runs a user's own programs on this machine.

    Args:
        plan: how every burst is run.
        look: reads the memory in use on a device.
    """

    def __init__(self, plan: CommandPlan, look: vram.Used = vram.used) -> None:
        self._plan = plan
        self._look = look
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()
        self._stamps = workspace.stamps(plan.task.files)
        absolute = [one for one in plan.task.files if Path(one.name).is_absolute()]
        self._elsewhere = [str(one.source) for one in absolute]
        self._beside = {one.name: str(one.source.resolve()) for one in plan.task.files if one not in absolute}
        self._slots = [
            _Slot(number, device, self._box(device, plan.scratch / f"{number}"))
            for number, device in enumerate(plan.devices)
        ]

    @property
    def slots(self) -> int:
        """How many bursts can run at once."""
        return len(self._slots)

    async def start(self) -> None:
        """Make ready."""
        self._plan.logs.mkdir(parents=True, exist_ok=True)
        for slot in self._slots:
            self._free.put_nowait(slot)

    async def run(self, job: Job, watch: Watch) -> Result:
        """Run a program once on the next free slot; if a process of ours is lost under it, once more.

        It has no learning curve, so that ``watch`` sees nothing of it; and one step of it cannot be had,
        so that nothing is run to see whether it runs.

        Raises:
            EngineFault: what it may read has changed, so that scores no longer compare.
        """
        if job.smoke:
            return self._result(None, None, 0.0, "")
        slot = await self._free.get()
        began = time.monotonic()
        try:
            for _ in range(2):
                result = await self._once(slot, job)
                if result is not None:
                    return result
            killed = Failure(FailureKind.KILLED, "the process that watches over the burst was lost, twice")
            return self._result(None, killed, time.monotonic() - began, slot.device)
        finally:
            self._free.put_nowait(slot)

    async def close(self) -> None:
        """Remove what is left; no burst runs any more."""
        for slot in self._slots:
            if slot.group is not None:
                slot.group.remove()
        await asyncio.to_thread(scratch.remove, self._plan.scratch)

    async def _once(self, slot: _Slot, job: Job) -> Result | None:
        """Run a program once; None when the launcher was lost under it."""
        plan = self._plan
        if not slot.box.mounted:
            folder = Path(slot.box.scratch)
            await asyncio.to_thread(scratch.remove, folder)
            folder.mkdir(parents=True)
        kills = slot.group.kills() if slot.group is not None else 0
        launcher = self._launched(slot)
        started = time.monotonic()
        log = plan.logs / f"{job.name}.out"
        with open(os.memfd_create("document"), "w+b") as document:  # noqa: PTH123
            try:
                said, over = await self._followed(launcher, slot, job, log, document)
            finally:
                await asyncio.to_thread(launcher.stop)
            if said is None:
                return None
            text = os.pread(document.fileno(), DOCUMENT + 1, 0)
        end = End(**said["end"])
        if slot.group is not None and slot.group.kills() > kills:
            end = replace(end, cause="memory")
        if over:
            end = replace(end, cause="vram", peak_bytes=over)
        self._check_files(job)
        seconds = time.monotonic() - started
        output = await asyncio.to_thread(_tail, log)
        kept = text.decode("utf-8", "replace") if text and len(text) <= DOCUMENT else None
        return self._judged(end, said, Left(output, kept, said["missing"]), seconds, slot)

    async def _followed(
        self, launcher: Trusted, slot: _Slot, job: Job, log: Path, document: IO[bytes]
    ) -> tuple[dict[str, Any] | None, int]:
        """Send a launcher on its errand; return what it says, and the GPU memory that was too much."""
        plan = self._plan
        deadline = plan.task.seconds + PATIENCE
        with log.open("wb") as output, in_memory(job.source) as source:
            ends = [source.fileno(), output.fileno(), document.fileno()]
            if not launcher.send(asdict(self._errand(slot, job)), ends):
                return None, 0
        with contextlib.suppress(TimeoutError):
            async with (
                vram.limited(
                    slot.device, plan.vram_bytes, self._look, lambda: following.end(launcher.control)
                ) as gauge,
                asyncio.timeout(deadline),
            ):
                said = await launcher.receive()
            return said, gauge.peak if gauge.over else 0
        return None, 0

    def _errand(self, slot: _Slot, job: Job) -> Errand:
        """Say what the launcher is to do."""
        task = self._plan.task
        return Errand(
            command=[word.replace(FILE, task.file) for word in task.command],
            file=task.file,
            links={} if slot.box.mounted else self._beside,
            environment=_environment(slot.device, job.seed, slot.box.scratch, task.seconds),
            document=task.reader.file,
            verdict=VERDICT if isinstance(task.reader, Evaluation) else 0,
            deadline=task.seconds,
            memory_bytes=self._plan.memory_bytes,
            processes=_PROCESSES,
        )

    def _box(self, device: str, folder: Path) -> Sandbox:
        """Say how a slot's programs are confined."""
        plan, cuda = self._plan, device != "cpu"
        mounted = plan.confinement.level >= Level.L2
        program = plan.task.command[0]
        own = places.programs(program if Path(program).is_absolute() else sys.executable)
        readable = [*places.readable(cuda), *own, *self._elsewhere]
        return Sandbox(
            level=int(plan.confinement.level),
            scratch=SCRATCH if mounted else str(folder.resolve()),
            scratch_bytes=SCRATCH_BYTES,
            readable=[*readable, *(() if mounted else self._beside.values())],
            devices=places.devices(cuda),
            hidden=(),
            cuda=cuda,
        )

    def _launched(self, slot: _Slot) -> Trusted:
        """Start a launcher for one burst."""
        plan, box = self._plan, slot.box
        memory = plan.memory_bytes + SCRATCH_BYTES + _ROOM
        words, slot.group = starting.prefix(
            plan.confinement, box, slot.number, memory, 2 * _PROCESSES, beside=self._beside
        )
        return Trusted("evolve.bursts.launcher", [json.dumps(asdict(box))], plan.logs / "launcher.log", words)

    def _check_files(self, job: Job) -> None:
        """Look at the files that programs may read, and never write.

        Raises:
            EngineFault: one has changed.
        """
        now = workspace.stamps(self._plan.task.files)
        if now == self._stamps:
            return
        if workspace.digest(self._plan.task.files) != self._plan.task.digest:
            changed = sorted(
                name for name in {*now, *self._stamps} if now.get(name) != self._stamps.get(name)
            )
            raise EngineFault(
                f"{changed[0]} has changed since the search began, while {job.name} ran: scores no longer "
                "compare; put it back and resume, or start a new run"
            )
        self._stamps = now

    def _judged(self, end: End, said: Mapping[str, Any], left: Left, seconds: float, slot: _Slot) -> Result:
        """Put together what a program came to."""
        output = left.output
        failure, found = failure_of(Verdict(), end), None
        if end.cause == "deadline":
            limit = self._plan.task.seconds
            failure = Failure(FailureKind.TIMEOUT, f"still running after {limit:g} s; ended", _last(output))
        elif said["replaced"]:
            failure = Failure(FailureKind.CONTRACT, f"it replaced {said['replaced']}, which it may only read")
        elif end.cause == "exit" and end.code:
            failure = _exited(end.code, output)
        elif end.cause == "exit":
            try:
                found = self._plan.task.reader.read(left, self._plan.task.numbers)
                failure = None
            except Unread as reason:
                failure = Failure(FailureKind.CONTRACT, str(reason), reason.said or _last(output))
        if found is not None and not abs(found.score) < float("inf"):
            failure = Failure(FailureKind.NONFINITE, f"its {self._plan.task.metric} is {found.score}")
        result = self._result(None if found is None else found.score, failure, seconds, slot.device)
        result = replace(result, peak_bytes=end.peak_bytes, train_seconds=end.seconds)
        if found is None or failure is not None:
            return result
        limits, also = self._plan.task.limits, found.also
        if exceeded := broken(limits, also):
            failure = Failure(FailureKind.LIMIT, exceeded, found.said)
        return replace(
            result,
            score=None if failure else result.score,
            failure=failure,
            also=also,
            said=found.said[:_SAID],
            excess=tuple(one.excess(also[one.name]) for one in limits if one.name in also),
        )

    def _result(self, score: float | None, failure: Failure | None, seconds: float, device: str) -> Result:
        level = self._plan.confinement.level.name
        kept = None if failure is not None else score
        return Result(kept, failure, seconds, seconds, 0, (), device, 0, level)


def _environment(device: str, seed: int, folder: str, seconds: float) -> dict[str, str]:
    """Return what a program has of an environment: nothing secret, its seed, one thread on a CPU slot."""
    known = scrubbed(os.environ)
    del known["PYTHONPATH"]
    known |= {
        "PATH": searched(),
        "HOME": folder,
        "TMPDIR": folder,
        "PYTHONHASHSEED": str(seed % _SEEDS),
        "PYTHONUNBUFFERED": "1",
        "EVOLVE_SEED": str(seed),
        "EVOLVE_SECONDS": f"{seconds:g}",
    }
    if device == "cpu":
        return known | {"CUDA_VISIBLE_DEVICES": ""}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        del known[name]
    number = device.partition(":")[2] or "0"
    return known | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": number, "TRITON_HOME": folder}


def _tail(log: Path) -> str:
    """Read the end of what a program printed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _SIZE))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _last(output: str) -> str:
    """Return the last lines of an output."""
    return "\n".join(output.rstrip().splitlines()[-_TAIL:])


def _exited(code: int, output: str) -> Failure:
    """Name the failure of a program that exited with an error, by the last line that it printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "and printed nothing"
    if code < 0:
        return Failure(FailureKind.KILLED, f"it was killed by signal {-code}", _last(output))
    kind = FailureKind.MEMORY if "out of memory" in last.lower() or "MemoryError" in last else None
    return Failure(kind or FailureKind.EXCEPTION, f"exit code {code}: {last}", _last(output))
