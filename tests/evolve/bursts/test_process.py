"""No descendant escapes, wherever it has gone. Each test runs in a process of its own, a subreaper."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.bursts import process

ROOT = Path(__file__).parents[3]
PRELUDE = """
import os, signal, sys, time
from evolve.bursts import process

process.become_subreaper()
readable, writable = os.pipe()

def daemon():
    "Fork twice into a session of its own and hold on to the pipe."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.write(writable, b"+")
            time.sleep(60)
        os._exit(0)

def begun(count):
    "Wait until so many daemons say that they run."
    seen = 0
    while seen < count:
        seen += len(os.read(readable, count))

def closed():
    "Say whether nobody is left who could write to the pipe."
    os.close(writable)
    return os.read(readable, 1) == b""
"""


def run(code: str) -> str:
    """Run code in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_daemon_is_a_descendant_and_is_ended() -> None:
    assert (
        run(
            """
daemon()
begun(1)
print(len(process.descendants(os.getpid())) >= 1)
print(process.end_descendants() >= 1)
print(process.descendants(os.getpid()), closed())
"""
        )
        == "True\nTrue\n[] True\n"
    )


def test_daemons_of_daemons_are_ended() -> None:
    assert (
        run(
            """
for _ in range(5):
    if os.fork() == 0:
        daemon()
        daemon()
        time.sleep(60)
begun(10)
process.end_descendants()
print(process.descendants(os.getpid()), closed())
"""
        )
        == "[] True\n"
    )


def test_processes_that_fork_for_ever_are_ended() -> None:
    assert (
        run(
            """
if os.fork() == 0:
    os.setsid()
    while True:  # each one lives on in its child
        if os.fork() != 0:
            os._exit(0)
time.sleep(0.1)
process.end_descendants()
print(process.descendants(os.getpid()), closed())
"""
        )
        == "[] True\n"
    )


def test_a_stopped_descendant_is_ended() -> None:
    assert (
        run(
            """
if (pid := os.fork()) == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(pid, os.WUNTRACED)
print(process.end_descendants(), closed())
"""
        )
        == "1 True\n"
    )


def test_without_descendants_nothing_is_ended() -> None:
    assert run("print(process.end_descendants())") == "0\n"


def test_descendants_are_told_parents_first_and_without_the_process_itself() -> None:
    assert (
        run(
            """
if (child := os.fork()) == 0:
    if os.fork() == 0:
        os.write(writable, b"+")
    time.sleep(60)
begun(1)
found = process.descendants(os.getpid())
print(found[0] == child, len(found), found[1] in process.children(child))
process.end_descendants()
"""
        )
        == "True 2 True\n"
    )


def test_a_process_dies_with_its_parent() -> None:
    assert (
        run(
            """
if (parent := os.fork()) == 0:
    if os.fork() == 0:
        process.die_with_parent(parent := os.getppid())
        os.write(writable, b"+")
        time.sleep(60)
    time.sleep(60)
begun(1)
os.kill(parent, signal.SIGKILL)
print(closed())
"""
        )
        == "True\n"
    )


def test_a_forked_process_that_fails_runs_nothing_of_its_parents_stack() -> None:
    assert run(
        """
try:
    if (pid := os.fork()) == 0:
        sys.stderr = sys.stdout
        try:
            raise ValueError("in the fork")
        finally:
            process.leave(3)
    print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
finally:
    print("once", flush=True)
"""
    ).splitlines()[-3:] == ["ValueError: in the fork", "code 3", "once"]


def test_resident_memory_counts_what_a_process_holds_and_not_its_mapped_files(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(64 << 20))
    before, held, mapped = map(
        int,
        run(
            f"""
import mmap
me = [os.getpid()]
print(process.resident_bytes(me))
held = b"x" * (64 << 20)
print(process.resident_bytes(me))
with open({str(tmp_path / "large")!r}, "rb") as file:
    view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    sum(view[::4096])
print(process.resident_bytes(me))
"""
        ).split(),
    )
    assert held - before > 60 << 20
    assert abs(mapped - held) < 4 << 20


def test_a_process_that_is_gone_has_no_children_and_holds_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert process.descendants(gone.pid) == []
    assert process.resident_bytes([gone.pid]) == 0
    process.kill(gone.pid)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_process_that_is_not_dumpable_hides_its_environment() -> None:
    assert "PermissionError" in run(
        """
process.set_dumpable(False)
try:
    open(f"/proc/{os.getpid()}/environ").read()
    sys.exit("own environment")
except PermissionError as error:
    print(type(error).__name__)
"""
    )
