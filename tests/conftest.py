from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from population.variant import Measurement, Purpose, Variant


def _variant(id: str, *parents: str, **fields: Any) -> Variant:  # noqa: A002
    given: dict[str, Any] = {
        "id": id,
        "digest": f"digest of {id}",
        "proposed": f"digest of {id}",
        "fingerprint": f"fingerprint of {id}",
        "parents": parents,
        "operator": "mutate" if parents else "seed",
        "hypothesis": f"the idea of {id}",
        "island": 0,
        "generation": 1 if parents else 0,
    }
    return Variant(**{**given, **fields})


def _measurement(variant: str, score: float | None, seed: int = 0, **fields: Any) -> Measurement:
    given: dict[str, Any] = {
        "variant": variant,
        "digest": f"digest of {variant}",
        "seed": seed,
        "purpose": Purpose.FIRST,
        "score": score,
        "failure": None,
        "seconds": 20.0,
    }
    return Measurement(**{**given, **fields})


@pytest.fixture(scope="session")
def a_variant() -> Callable[..., Variant]:
    return _variant


@pytest.fixture(scope="session")
def a_measurement() -> Callable[..., Measurement]:
    return _measurement
