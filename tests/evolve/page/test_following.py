from __future__ import annotations

import gzip
import json
from typing import Any

from evolve.page.following import Followed, View
from population.ledger import Event
from population.store import Population


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(view: View) -> Any:
    return json.loads(gzip.decompress(view.packed))


def test_a_run_is_worked_out_again_only_when_something_is_new(run: Population) -> None:
    clock = Clock()
    followed = Followed(run.folder, clock)
    first = followed.view()
    clock.now = 10.0
    assert followed.view() is first
    run.commit(Event("refusal", "mutate: no", 1.0, {"kind": "copy"}))
    assert followed.view() is first  # it has just looked
    clock.now = 20.0
    later = followed.view()
    assert (first.version, later.version) == (1, 2)
    assert [one["kind"] for one in shown(later)["refusals"]] == ["reply", "copy"]


def test_that_a_search_has_ended_is_new(run: Population) -> None:
    clock = Clock()
    followed = Followed(run.folder, clock)
    assert shown(followed.view())["running"]  # the fixture holds the lock
    run.close()
    clock.now = 10.0
    assert not shown(followed.view())["running"]


def test_a_variant_is_the_one_of_this_moment(run: Population) -> None:
    followed = Followed(run.folder, Clock())
    run.commit(run.variants["v4"], Event("noted", "", 1.0))
    assert followed.variant("v4")["id"] == "v4"
