"""What watches over killed searches sees what is wrong, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from population.ledger import Call, Event
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant
from tests.system import invariants, twins
from tests.system.invariants import Look
from tests.system.twins import Came

pytestmark = pytest.mark.system

CALL = Call("openai/x", "mutate", "ok", 100, 50, 0.5, 1.0, 1, "", 0.0)
TOLD = {"event": "measured", "text": "v1 3.0", "at": 0.0, "data": {"variant": "v1"}}


@pytest.fixture
def run(tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]) -> Path:
    """Make a run of two variants, one of them crowned, with two calls and an event."""
    with Population.create(tmp_path) as population:
        digests = [population.keep_source(f"WIDTH = {number}\n") for number in range(2)]
        seed, child = (
            a_variant(f"v{n}", *parents, digest=digest, proposed=digest)
            for n, (digest, parents) in enumerate(zip(digests, [(), ("v0",)], strict=True))
        )
        population.commit(seed, Event("champion", "v0 is", 0.0, {"variant": "v0"}), meta={"champion": "v0"})
        population.commit(a_measurement("v0", 3.5, digest=digests[0]), CALL, CALL)
        population.commit(child, a_measurement("v1", 3.0, digest=digests[1]))
        population.commit(Event(TOLD["event"], TOLD["text"], 0.0, TOLD["data"]))
    return tmp_path


@pytest.fixture
def now(run: Path) -> Look:
    return invariants.look(run)


def test_a_whole_run_has_nothing_wrong(now: Look) -> None:
    assert (now.calls, now.dollars, now.evaluations) == (2, 1.0, 2)
    assert invariants.broken(now, [TOLD, {"event": "finished"}]) == []
    assert invariants.lost(now, now) == []
    assert invariants.unpaid(now, answered=2, price=0.5) == []
    assert invariants.wrongly_failed(now, kills=0) == []


def test_what_was_told_and_is_not_there_is_seen(now: Look) -> None:
    found = invariants.broken(now, [TOLD, TOLD, {**TOLD, "text": "v7 2.0", "data": {"variant": "v7"}}])
    assert "told, but no event: measured v7 2.0" in found
    assert "told of v7, which is no variant: v7 2.0" in found
    assert "v1: told of 2 bursts, 1 are on record" in found


def test_a_missing_source_is_seen(run: Path, now: Look) -> None:
    next((run / "variants").rglob(f"{now.variants['v1'].digest}.py")).unlink()
    (found,) = invariants.broken(invariants.look(run), [])
    assert found.startswith("v1: ")


def test_a_hole_among_variants_is_seen(now: Look) -> None:
    found = invariants.broken(replace(now, variants={"v1": now.variants["v1"]}), [])
    assert any("not v0 to v0" in one for one in found)
    assert any(one.startswith("v1 has the parents") for one in found)
    assert any(one.startswith("v0 was measured") for one in found)


def test_a_champion_that_nobody_crowned_is_seen(now: Look) -> None:
    assert invariants.broken(replace(now, champion="v1"), []) == ["champion v1, but v0 was crowned"]


def test_what_a_later_look_does_not_find_again_is_seen(now: Look) -> None:
    later = replace(now, variants={}, measurements={}, events={}, calls=1, dollars=0.5)
    found = invariants.lost(now, later)
    assert len(found) == 2 + 2 + 2 + 3
    assert "2 LLM calls at the last look, now 1" in found


def test_an_answer_that_was_not_paid_for_is_seen(now: Look) -> None:
    assert len(invariants.unpaid(now, answered=3, price=0.5)) == 1


@pytest.mark.parametrize(
    ("kind", "message", "kills", "wrong"),
    [
        (FailureKind.EXCEPTION, "ValueError: 16 rows do not fit", 0, 0),
        (FailureKind.EXCEPTION, "the process exited with code 1", 2, 1),
        (FailureKind.KILLED, "the burst was killed", 2, 0),
        (FailureKind.KILLED, "the burst was killed", 1, 1),
    ],
)
def test_a_failure_that_kills_do_not_explain_is_seen(
    kind: FailureKind, message: str, kills: int, wrong: int, now: Look
) -> None:
    failed = Measurement("v1", "", 0, Purpose.FIRST, None, Failure(kind, message), 1.0)
    assert len(invariants.wrongly_failed(replace(now, measurements={"v1": [failed]}), kills)) == wrong


def test_searches_that_came_to_something_else_are_told_apart(now: Look) -> None:
    final = {"champion": "v0", "variants": [{"id": "v0", "score": 3.5}, {"id": "v1", "score": 3.0}]}
    one = Came.of({**final, "dollars": 1.0}, now)
    assert list(twins.differences(one, Came.of({**final, "dollars": 2.0}, now))) == []
    (burst,) = now.measurements["v1"]
    other = replace(now, measurements={**now.measurements, "v1": [replace(burst, score=2.0)]})
    found = list(twins.differences(one, Came.of({**final, "champion": "v1"}, other)))
    assert found[0] == "champion is 'v0', but 'v1' when killed"
    assert [text.rpartition(": ")[2] for text in found[1:]] == ["3.0", "2.0"]
