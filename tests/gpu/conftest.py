"""What the tests on a GPU share: they run at every level of confinement that the machine has there."""

import pytest

from evolve.bursts.sandbox import Level
from tests.gpu.devices import HERE


@pytest.fixture(scope="module", params=list(Level), ids=lambda level: level.name)
def level(request: pytest.FixtureRequest) -> Level:
    wanted: Level = request.param
    if wanted > HERE.level:
        pytest.skip(HERE.missing)
    return wanted
