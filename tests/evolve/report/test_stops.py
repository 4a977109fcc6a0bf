from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.report.final import final, final_data
from evolve.report.show import show
from evolve.report.status import status, status_data
from evolve.report.stops import Stops, stops, stops_line, wilson
from evolve.report.tree import tree
from evolve.rungs import PROMOTED, SPARED
from population.ledger import Event
from population.records import Note
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

Render = Callable[..., str]
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")


@pytest.fixture
def stopped(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Population]:
    """A seed; children that went on, were stopped at a rung, failed there, ran on, were stopped in full."""

    def rung(name: str, score: float | None, failure: Failure | None = None) -> Measurement:
        return a_measurement(name, score, 7, purpose=Purpose.RUNG, share=0.25, failure=failure)

    def told(kind: str, name: str, **data: object) -> Event:
        return Event(kind, name, 0.0, {"variant": name, **data})

    with Population.create(tmp_path / "run") as population:
        population.commit(a_variant("v0"), *(a_variant(f"v{n}", "v0") for n in range(1, 8)))
        population.commit(a_measurement("v0", 3.0), rung("v0", 3.5), meta={"champion": "v0"})
        population.commit(rung("v1", 3.4), a_measurement("v1", 2.9), told("measured", "v1", improved=True))
        population.commit(rung("v2", 3.6), rung("v3", None, BROKEN))
        population.commit(rung("v4", 3.7), told(SPARED, "v4"), a_measurement("v4", 2.8))
        population.commit(told("measured", "v4", improved=True))
        population.commit(rung("v5", 3.3), a_measurement("v5", None, share=0.4))
        population.commit(
            told(SPARED, "v6"), a_measurement("v6", 3.3), told("measured", "v6", improved=False)
        )
        population.commit(rung("v7", 3.2), Note(PROMOTED, "v7", {"late": False}))
        yield population


def test_the_stopped_ones_are_counted_with_those_that_ran_on_and_were_stopped_wrongly(
    stopped: Population,
) -> None:
    saved = 2.0 + 0.6 - 7 * 0.25  # one short burst of each but v6, of the seed too
    assert stops(stopped) == Stops(short=1, curve=1, run_on=2, judged=2, wrong=1, saved=pytest.approx(saved))


def test_the_pages_say_what_stopping_came_to(stopped: Population, render: Render) -> None:
    line = "4, of which run on 2, wrongly stopped 1 of 2 (9-91 %); 0.85 bursts saved"
    assert stops_line(stops(stopped)) == line
    for page in (status(stopped, running=False), final(stopped, Path("runs/one"))):
        assert f"stopped early {line}" in " ".join(render(page).split())
    assert status_data(stopped, running=False)["stops"] == final_data(stopped)["stops"]
    assert final_data(stopped)["stops"]["interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)


def test_bursts_are_counted_by_kind_and_by_the_share_that_ran(stopped: Population, render: Render) -> None:
    text = " ".join(render(status(stopped, running=False)).split())
    assert "12: 5 first, 7 rung, worth 6.15 full ones" in text
    assert final_data(stopped)["evaluations"] == 6.15


def test_who_was_stopped_is_shown_as_that_and_who_goes_on_as_waiting(
    stopped: Population, render: Render
) -> None:
    text = render(tree(stopped))
    assert "stopped at 25 %" in text
    assert "stopped at 40 %" in text
    assert "2 stopped" in text
    assert "1 waiting" in text
    assert "rung" in render(show(stopped, "v2"))


def test_a_run_without_stops_says_nothing_of_them(run: Population, render: Render) -> None:
    assert "stopped early" not in render(status(run, running=False))
    assert stops(run) == Stops()


@pytest.mark.parametrize(
    ("successes", "tries", "interval"),
    [(0, 0, (0.0, 1.0)), (0, 3, (0.0, 0.5615)), (3, 3, (0.4385, 1.0)), (5, 10, (0.2366, 0.7634))],
)
def test_wilson_intervals_are_those_of_the_book(
    successes: int, tries: int, interval: tuple[float, float]
) -> None:
    assert wilson(successes, tries) == pytest.approx(interval, abs=1e-4)
