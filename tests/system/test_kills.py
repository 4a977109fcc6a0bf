"""Searches whose processes are killed at random instants, a few times each; ``EVOLVE_KILLS`` says how often.

``python -m tests.system.harness`` does the same at length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from operators.local import available
from tests.system import ordeals, twins
from tests.system.harness import asked
from tests.system.kills import Role
from tests.system.ordeals import Seen

pytestmark = pytest.mark.system

TRUSTED = (Role.ZYGOTE, Role.SCORER, Role.BURST)
SEED = asked("EVOLVE_SEED", 1)


def engine(cwd: Path, text: Path) -> Seen:
    return ordeals.engine(cwd, text, asked("EVOLVE_KILLS", 5), SEED)


def helpers(cwd: Path, text: Path) -> Seen:
    return ordeals.helpers(TRUSTED, cwd, text, asked("EVOLVE_KILLS", 8), SEED)


def llm(cwd: Path, text: Path) -> Seen:
    return ordeals.helpers([Role.LLM], cwd, text, asked("EVOLVE_KILLS", 2), SEED)


def equality(cwd: Path, text: Path) -> Seen:
    return twins.compare(cwd, text, asked("EVOLVE_SCHEDULES", 1), SEED, evaluations=50)


Ordeal = Callable[[Path, Path], Seen]
ORDEALS: tuple[Ordeal, ...] = (engine, equality, helpers, *([llm] if available() else []))


@pytest.fixture(scope="module")
def begun(
    text: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Mapping[Ordeal, Future[Seen]]]:
    """Begin what the chosen tests will look at, two at a time: they wait more than they compute."""
    chosen = [item.name for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(2) as pool:
        yield {
            ordeal: pool.submit(ordeal, tmp_path_factory.mktemp(ordeal.__name__), text)
            for ordeal in ORDEALS
            if any(f"[{ordeal.__name__}]" in name for name in chosen)
        }


@pytest.mark.parametrize("ordeal", ORDEALS, ids=lambda ordeal: ordeal.__name__)
def test_a_search_survives_kills(ordeal: Ordeal, begun: Mapping[Ordeal, Future[Seen]]) -> None:
    seen = begun[ordeal].result()
    if seen.violations:
        pytest.fail("\n".join([seen.line(), *seen.violations]), pytrace=False)
    assert seen.kills > 0
