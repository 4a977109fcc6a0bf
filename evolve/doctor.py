"""Whether this machine can run a search, and how well."""

from __future__ import annotations

import ctypes
import enum
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.bursts import landlock
from evolve.bursts.probing import highest
from evolve.bursts.sandbox import Confinement, Level
from evolve.report.untrusted import one_line
from operators.models import Choice, choose_default

COMPROMISED = frozenset({"1.82.7", "1.82.8", "1.107.0"})
"""Releases of litellm that carried somebody else's code."""

GIB = 1024**3
_CONFINED = {
    Level.L0: "limits and a deadline; files and network are open to variants",
    Level.L1: "Landlock and seccomp; other files and the network are closed",
    Level.L2: "bubblewrap, Landlock and seccomp; other files, processes and the network are not there",
    Level.L3: "cgroup limits, bubblewrap, Landlock and seccomp",
}
_PR_GET_CHILD_SUBREAPER = 37


class Verdict(enum.StrEnum):
    """What a finding means for a search."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is here, what that means, and what to do about it."""

    name: str
    value: str
    verdict: Verdict = Verdict.OK
    advice: str = ""


def examine(
    folder: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    version: Callable[[str], str | None] | None = None,
    choose: Callable[[Mapping[str, str]], Choice] = choose_default,
    confined: Callable[[bool], Confinement] = highest,
) -> list[Finding]:
    """Look at the machine; takes about a second, imports neither torch nor litellm, changes nothing.

    Args:
        folder: where runs will lie; by default here.
        environment: where keys of LLM providers are looked for.
        version: returns a distribution's version, None when it is not installed.
        choose: chooses the LLM for a search that names none.
        confined: finds out what bursts are confined by, given whether they run on a GPU.
    """
    version = version or installed
    gpus = gpu_devices(Path("/dev"))
    return [
        python(sys.version_info[:3]),
        kernel(platform.system(), platform.release(), sweeps()),
        sandbox(confined(bool(gpus)), landlock.abi()),
        cores(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        memory(memory_bytes()),
        disk(shutil.disk_usage(folder or Path.cwd()).free),
        torch(version("torch"), len(gpus)),
        cuda(gpus),
        *(required(name, version(name)) for name in ("optuna", "tinydb")),
        litellm(version("litellm")),
        llm(choose(environment)),
    ]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 when a search cannot run here, else 0."""
    return int(any(finding.verdict is Verdict.BAD for finding in findings))


def doctor(findings: Sequence[Finding]) -> RenderableType:
    """Show the findings, and what to do about those that are not well."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    styles = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "bold red"}
    for finding in findings:
        text = Text(one_line(finding.value))
        if finding.advice:
            text.append(f"\n{finding.advice}", style="dim" if finding.verdict is Verdict.OK else "yellow")
        table.add_row(Text(finding.verdict, style=styles[finding.verdict]), finding.name, text)
    return Group(table, Text(), _conclusion(findings))


def doctor_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as plain data."""
    return {
        "ok": exit_code(findings) == 0,
        "findings": [
            {"name": f.name, "value": f.value, "verdict": f.verdict.value, "advice": f.advice}
            for f in findings
        ],
    }


def _conclusion(findings: Sequence[Finding]) -> Text:
    """Say in one sentence whether a search can run."""
    if exit_code(findings):
        return Text("a search cannot run here before this is put right", style="bold red")
    warned = sum(finding.verdict is Verdict.WARN for finding in findings)
    if warned:
        return Text(f"a search can run here; {warned} to look at", style="yellow")
    return Text("a search can run here", style="green")


def installed(name: str) -> str | None:
    """Return the version of an installed distribution, None when there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def python(version: Sequence[int]) -> Finding:
    """Judge the Python version."""
    text = ".".join(map(str, version))
    if tuple(version) < (3, 11):
        return Finding("python", text, Verdict.BAD, "Python 3.11 or newer is needed")
    return Finding("python", text)


def kernel(system: str, release: str, sweeping: bool) -> Finding:
    """Judge whether bursts can be ended with everything they started."""
    text = f"{system} {release}"
    if system != "Linux":
        return Finding("kernel", text, Verdict.BAD, "bursts need Linux: they are forked and ended through it")
    if not sweeping:
        advice = (
            "pidfd or subreaper is not there: Linux 5.3 or newer is needed, and a container must allow both"
        )
        return Finding("kernel", text, Verdict.BAD, advice)
    return Finding("kernel", f"{text}, pidfd and subreaper work")


def sweeps() -> bool:
    """Try what the end of a burst rests on: a descriptor of a process, and adopting its orphans."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    adopts = ctypes.c_int()
    return bool(ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(adopts), 0, 0, 0) == 0)


def sandbox(found: Confinement, abi: int) -> Finding:
    """Judge what bursts are confined by, and say what would raise that."""
    text = f"{found.level.name}: {_CONFINED[found.level]}"
    if found.level is Level.L0:
        return Finding("sandbox", text, Verdict.WARN, found.missing)
    advice = [found.missing] if found.missing else []
    if found.level is Level.L1 and abi < landlock.SCOPE_ABI:
        advice.append("Linux 6.12 would also keep bursts from signalling your other processes")
    return Finding("sandbox", text, Verdict.OK, "; ".join(advice))


def cores(count: int) -> Finding:
    """Judge how many bursts run at once."""
    if count == 1:
        return Finding(
            "cores", "1", Verdict.WARN, "one burst at a time, and a local LLM takes its share of it"
        )
    return Finding("cores", str(count))


def memory_bytes() -> int | None:
    """Return the memory that is free to use, bytes: the machine's, or less where a cgroup allows less."""
    try:
        rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return min(available, int(limit))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return available


def memory(free: int | None) -> Finding:
    """Judge the free memory; a burst of the seed takes about half a gigabyte."""
    if free is None:
        return Finding("memory", "unknown", Verdict.WARN, "/proc/meminfo cannot be read")
    text = f"{free / GIB:.1f} GiB free"
    if free < 1 * GIB:
        return Finding("memory", text, Verdict.BAD, "a search needs 1 GiB at least")
    if free < 3 * GIB:
        return Finding("memory", text, Verdict.WARN, "run with --slots 1, or bursts may be killed")
    return Finding("memory", text)


def disk(free: int) -> Finding:
    """Judge the space for run folders."""
    text = f"{free / GIB:.1f} GiB free here"
    if free < GIB // 10:
        return Finding("disk", text, Verdict.BAD, "a search that cannot record its results stops")
    if free < 1 * GIB:
        return Finding("disk", text, Verdict.WARN, "long searches keep every source and LLM exchange")
    return Finding("disk", text)


def gpu_devices(folder: Path) -> list[str]:
    """Return the NVIDIA devices that are visible here."""
    return sorted(path.name for path in folder.glob("nvidia[0-9]*"))


def cuda(devices: Sequence[str]) -> Finding:
    """Say where bursts run."""
    if not devices:
        return Finding("cuda", "no NVIDIA device: bursts run on the CPU")
    return Finding("cuda", f"{', '.join(devices)}: one burst at a time on each")


def torch(version: str | None, gpus: int) -> Finding:
    """Judge the torch that bursts train with."""
    if version is None:
        return Finding("torch", "not installed", Verdict.BAD, "pip install torch")
    if gpus and version.endswith("+cpu"):
        return Finding("torch", version, Verdict.WARN, "this build cannot use the GPU; install one for CUDA")
    return Finding("torch", version)


def required(name: str, version: str | None) -> Finding:
    """Judge a package that must be there."""
    if version is None:
        return Finding(name, "not installed", Verdict.BAD, f"pip install {name}")
    return Finding(name, version)


def litellm(version: str | None) -> Finding:
    """Judge litellm: some of its releases must not be run."""
    if version in COMPROMISED:
        advice = "this release was compromised: pip install litellm==1.106.2, and change the keys it has seen"
        return Finding("litellm", f"{version}", Verdict.BAD, advice)
    return required("litellm", version)


def llm(choice: Choice) -> Finding:
    """Say which LLM a search without ``--model`` would ask."""
    if not choice.models:
        return Finding("llm", choice.why, Verdict.WARN, "without one, only syntactic operators make children")
    return Finding("llm", choice.why)
