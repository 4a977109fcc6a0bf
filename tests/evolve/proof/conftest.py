from __future__ import annotations

import pytest

from population.variant import Variant


@pytest.fixture
def champion() -> Variant:
    return Variant("v1", "b" * 32, "b" * 32, "f", ("v0",), "mutate", "an idea", island=0, generation=1)
