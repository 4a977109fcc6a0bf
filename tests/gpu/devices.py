"""Which GPUs the tests here run on, and what bursts are confined by there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pynvml
import pytest

from evolve.bursts import probing
from evolve.bursts.executor import Plan
from evolve.bursts.sandbox import Confinement, Level
from evolve.preparing import find_devices
from tests.system.engine import plan_in

GPUS = tuple(device for device in find_devices("auto", None) if device != "cpu")
HERE = probing.highest(cuda=True) if GPUS else Confinement(Level.L0, missing="no CUDA device is here")
needs_gpu = pytest.mark.skipif(not GPUS, reason="no CUDA device is here")
ROOM = 6 << 30
"""Bytes of memory of a burst: a process that uses CUDA has a few gigabytes of its own."""


def gpu_plan(folder: Path, level: Level, slots: int = 1) -> Plan:
    """Say how bursts on a small text are run on the first GPU, confined at a level."""
    return replace(
        plan_in(folder, "L0"),
        devices=GPUS[:1] * slots,
        seconds=150.0,  # the seed compiles itself in bursts of this length
        memory_bytes=ROOM,
        confinement=probing.attain(level.name, cuda=True),
    )


def users(device: str) -> set[int]:
    """Return the processes that hold memory of a GPU, as the driver numbers them."""
    return {one.pid for one in pynvml.nvmlDeviceGetComputeRunningProcesses(_handle(device))}


def uuid(device: str) -> str:
    """Return the name of a GPU that is the same everywhere."""
    return str(pynvml.nvmlDeviceGetUUID(_handle(device)))


def _handle(device: str) -> Any:
    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))
