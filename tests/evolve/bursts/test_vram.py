from __future__ import annotations

import asyncio

import pytest

from evolve.bursts.vram import Gauge, limited, used
from evolve.errors import EngineFault

GIB = 1 << 30


class Device:
    """A GPU whose use is read off a script; the last reading stays."""

    def __init__(self, *readings: int | EngineFault) -> None:
        self._readings = iter(readings)
        self._last: int | EngineFault = 0
        self.looks = 0

    def __call__(self, _: str) -> int:
        self.looks += 1
        self._last = next(self._readings, self._last)
        if isinstance(self._last, EngineFault):
            raise self._last
        return self._last


def watched(device: Device, most: int | None, seconds: float) -> tuple[Gauge, list[str]]:
    """Watch a device for some seconds; return what was seen, and whether the burst was ended."""
    ended: list[str] = []

    async def burst() -> Gauge:
        async with limited("cuda:0", most, device, lambda: ended.append("end")) as gauge:
            await asyncio.sleep(seconds)
        return gauge

    return asyncio.run(burst()), ended


def test_a_burst_that_uses_too_much_is_ended_once() -> None:
    gauge, ended = watched(Device(2 * GIB, 3 * GIB, 9 * GIB, 9 * GIB), most=5 * GIB, seconds=1.2)
    assert gauge == Gauge(peak=7 * GIB, over=True)
    assert ended == ["end"]


def test_what_was_in_use_before_does_not_count() -> None:
    gauge, ended = watched(Device(7 * GIB, 8 * GIB), most=5 * GIB, seconds=0.6)
    assert gauge == Gauge(peak=1 * GIB, over=False)
    assert ended == []


def test_without_a_limit_nobody_looks() -> None:
    device = Device(GIB)
    assert watched(device, most=None, seconds=0.3) == (Gauge(), [])
    assert device.looks == 0


@pytest.fixture(params=[0, 2], ids=["at once", "later"])
def blind(request: pytest.FixtureRequest) -> Device:
    return Device(*[GIB] * request.param, EngineFault("cuda:0 cannot be looked at"))


def test_a_device_that_cannot_be_looked_at_ends_the_search(blind: Device) -> None:
    with pytest.raises(EngineFault, match="cannot be looked at"):
        watched(blind, most=GIB, seconds=1.0)


@pytest.mark.parametrize("device", ["cuda:99", "cuda:GPU-no-such"])
def test_without_a_driver_nvml_says_so(device: str) -> None:
    with pytest.raises(EngineFault, match=f"the memory of {device} cannot be looked at"):
        used(device)
