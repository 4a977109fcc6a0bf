"""What docs/store.md shows is run here, word for word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from population.ledger import Call, Event
from population.store import Population
from population.variant import Failure, FailureKind

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def names(tmp_path: Path, a_variant: Any, a_measurement: Any) -> dict[str, Any]:
    """Return what the page's code leaves, run from top to bottom on a run of ours."""
    slow = Failure(FailureKind.TIMEOUT, "too slow")
    with Population.create(tmp_path / "DIR") as population:
        population.commit(
            a_variant("v0"),
            a_variant("v1", "v0"),
            a_variant("v2", "v1", operator="crossover"),
            a_measurement("v0", 3.0),
            a_measurement("v1", 2.0),
            a_measurement("v2", None, failure=slow),
            a_measurement("v2", None, failure=slow),
            Event("measured", "v1 2.0", 1.0, {"operator": "mutate", "improved": True}),
            Event("measured", "v2 timeout", 2.0, {"operator": "crossover", "improved": False}),
            Event("replicated", "v1 2.0", 3.0, {"operator": "mutate", "improved": True}),
            Event("stopped", "done", 4.0),
            Call("openai/x", "mutate", "ok", 1, 1, 0.25, 1.0, 1, "1.json", 1.0),
            Call("openai/x", "mutate", "ok", 1, 1, 0.5, 1.0, 1, "2.json", 2.0),
            Call("local/y", "mutate", "timeout", 1, 1, None, 1.0, 1, "3.json", 3.0),
        )
    found: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block.replace('"DIR"', repr(str(tmp_path / "DIR"))), found)
    return found


def test_the_queries_of_the_page_answer_what_it_says(names: dict[str, Any]) -> None:
    assert len(BLOCKS) == 4
    assert names["improved"] == {"mutate": 1}
    assert names["failures"] == {"timeout": 2}
    assert names["dollars"] == {"openai/x": 0.75}


def test_the_page_names_every_table(names: dict[str, Any]) -> None:
    assert all(f"`{table}`" in PAGE for table in names["db"].tables())
