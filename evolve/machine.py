"""What a search runs on, as it is put on record: versions and hardware."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path

import pynvml

MACHINE = "machine"
"""Under which it stands in the data of an event ``started``."""

_PACKAGES = {"evolve": "evolve-train", "torch": "torch", "optuna": "optuna"}


def facts(device: str) -> dict[str, str]:
    """Return what this machine is, by short names, in words.

    Args:
        device: where bursts run; the GPUs are named only if it is ``cuda``.
    """
    found = {"python": platform.python_version()}
    for name, package in _PACKAGES.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(package)
    found["system"] = f"{platform.system()} {platform.release()}"
    count = len(os.sched_getaffinity(0))
    found["cpu"] = f"{processor(Path('/proc/cpuinfo'))}, {count} core{'s' * (count > 1)}"
    if device == "cuda":
        found["gpu"] = ", ".join(_gpus()) or "unknown"
    return found


def processor(cpuinfo: Path) -> str:
    """Return the model of the processor, its architecture where the kernel does not name it."""
    with contextlib.suppress(OSError):
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.machine()


def _gpus() -> list[str]:
    """Return the names of the GPUs, as far as the driver tells."""
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        names = [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    except pynvml.NVMLError:
        return []
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
