"""The launcher of one burst of a user's own program: it confines, starts, weighs, ends and sweeps it.

Run as ``python -m evolve.bursts.launcher CONTROL_FD SANDBOX_JSON``, from L2 on as process 1 of namespaces of
its own. It takes one ``Errand`` with the program's text and a log, and says one ``Return`` when all is over.
It ends the program when it has run too long or holds too much, and when the engine asks or is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from evolve.bursts import process, sandbox, scratch
from evolve.bursts.landlock import Rule
from evolve.bursts.messages import End
from evolve.bursts.sandbox import Sandbox
from evolve.bursts.weighing import Capped, Scales, drain, watch

_LARGEST = 1 << 18
DOCUMENT = 1 << 20
"""Bytes of the file with the score that are read."""

_NOT_FOUND = 127  # what a shell exits with when there is no such command


@dataclass(frozen=True, slots=True)
class Errand:
    """What one burst of a program is to do; travels as JSON.

    Args:
        command: words; the first one is found as a shell would.
        file: where the program's text goes, relative to its folder.
        links: what it finds beside it where nothing is mounted: names there, and where they lie.
        environment: what it has of an environment.
        document: a file that is handed over when it has ended, relative to its folder; empty for none.
        verdict: number under which the program has that document open itself; 0 where it does not.
        deadline: seconds after which it is ended.
        memory_bytes: resident memory past which it is ended.
        processes: processes past which it is ended.
        cpu_seconds: CPU time past which it is ended; None where that is not counted.
    """

    command: Sequence[str]
    file: str
    links: Mapping[str, str]
    environment: Mapping[str, str]
    document: str
    verdict: int
    deadline: float
    memory_bytes: int
    processes: int
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """How a program ended, and what it left.

    Args:
        end: how its processes ended.
        missing: why the file that was asked for was not handed over; empty when it was.
        replaced: a name beside it that it put something else under; empty when it did not.
    """

    end: End
    missing: str
    replaced: str


def main(arguments: list[str]) -> None:
    """Run one program."""
    control = socket.socket(fileno=int(arguments[0]))
    box = Sandbox(**json.loads(arguments[1]))
    process.set_dumpable(False)
    process.become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    message, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 3)
    if not message:
        return
    errand, (text, log, document) = Errand(**json.loads(message)), descriptors
    folder = scratch.opened(Path(box.scratch))
    _lay_out(errand, Path(box.scratch), text)
    output = Capped()
    end = _supervised(errand, box, folder, control, output, document)
    with contextlib.suppress(OSError):  # a full disk loses the log, not the score
        os.write(log, output.kept())
    with contextlib.suppress(OSError):  # the engine is gone; nothing is left to tell
        missing = _hand_over(folder, errand.document, document) if errand.document else ""
        back = Return(end, missing, _replaced(errand, Path(box.scratch)))
        control.send(json.dumps(asdict(back)).encode())


def _lay_out(errand: Errand, folder: Path, text: int) -> None:
    """Put the program's text into its folder, which is empty, and links to what it may read beside it."""
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    program = os.open(folder / errand.file, new, 0o755)
    with open(text, "rb") as stream, open(program, "wb") as file:  # noqa: PTH123 - by their descriptors
        file.write(stream.read())
    for name, source in errand.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(source)


def _supervised(
    errand: Errand, box: Sandbox, folder: int, control: socket.socket, output: Capped, document: int
) -> End:
    """Start the program, follow it to its end, and sweep."""
    started, me = time.monotonic(), os.getpid()
    rules = sandbox.rules(box)
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become(errand, box, rules, writable, me, document)
        finally:
            process.leave(_NOT_FOUND)
    os.close(writable)
    scales = Scales(errand, box, folder, started)
    cause, code = watch(pid, control, readable, output, scales)
    swept = process.end_descendants()
    drain(readable, output)
    return End(cause, code, time.monotonic() - started, scales.peak, swept, not process.children(me))


def _become(
    errand: Errand, box: Sandbox, rules: Sequence[Rule], output: int, parent: int, document: int
) -> NoReturn:
    """Confine this process and become the program."""
    os.setsid()
    process.die_with_parent(parent)
    process.set_dumpable(True)
    process.redirect(output)
    if errand.verdict:
        os.dup2(document, errand.verdict)
        os.set_inheritable(errand.verdict, True)
    os.closerange(3, errand.verdict or 3)
    os.closerange(errand.verdict + 1 if errand.verdict else 3, 1 << 16)
    os.chdir(box.scratch)
    process.limit({resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: box.scratch_bytes})
    process.go_first()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sandbox.confine(box, rules)
    try:
        os.execvpe(errand.command[0], list(errand.command), dict(errand.environment))
    except OSError as error:
        os.write(2, f"{errand.command[0]}: {error.strerror}\n".encode())
        os._exit(_NOT_FOUND)


def _hand_over(folder: int, name: str, to: int) -> str:
    """Copy a file that the program was to write; return why not, empty when it is done.

    No link is followed, neither in the place of the file nor on the way to it.
    """
    *above, last = Path(name).parts
    at = os.dup(folder)
    try:
        for part in above:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    except FileNotFoundError:
        return f"it wrote no file {name}"
    except OSError as error:
        return f"{name} is no plain file that it wrote: {error.strerror}"
    finally:
        os.close(at)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return f"{name} is no plain file"
        if status.st_size > DOCUMENT:
            return f"{name} has {status.st_size} bytes, and {DOCUMENT} at most are read"
        os.write(to, os.pread(file, DOCUMENT, 0))
        return ""
    finally:
        os.close(file)


def _replaced(errand: Errand, folder: Path) -> str:
    """Return a link that is none any more, or leads elsewhere."""
    for name, source in errand.links.items():
        try:
            if os.readlink(folder / name) != source:  # noqa: PTH115 - as it was written
                return name
        except OSError:
            return name
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
