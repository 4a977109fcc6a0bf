from __future__ import annotations

from collections.abc import Callable

from population import records
from population.variant import Measurement


def test_a_measurement_from_before_its_confinement_was_kept_is_read(
    a_measurement: Callable[..., Measurement],
) -> None:
    measurement = a_measurement("v1", 2.0, sandbox="L2")
    document = records.encode(measurement)
    assert records.decode("measurements", document) == measurement
    del document["sandbox"]
    assert records.decode("measurements", document) == a_measurement("v1", 2.0)
