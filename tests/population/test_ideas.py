from __future__ import annotations

import pytest

from population.edit import Edit
from population.gain import Gain
from population.ideas import Ideas


def an_edit(exact: str, loose: str) -> Edit:
    return Edit(exact, loose, b"", ())


@pytest.fixture
def ideas() -> Ideas:
    ideas = Ideas()
    for name, exact in (("v1", "a"), ("v2", "a"), ("v3", "b"), ("v4", "c")):
        ideas.add(name, an_edit(exact, "" if exact == "c" else "loose"))
    return ideas


def test_an_idea_is_found_by_either_signature_once_its_outcome_is_known(ideas: Ideas) -> None:
    assert ideas.tried(an_edit("a", "loose")) == []
    for name in ("v3", "v1", "v4"):
        ideas.learn(name, "exception", None)
    found = ideas.tried(an_edit("a", "loose"))
    assert [(one.variant, one.exact) for one in found] == [("v3", False), ("v1", True)]
    assert [one.variant for one in ideas.tried(an_edit("c", ""))] == ["v4"]
    assert ideas.tried(an_edit("x", "")) == []


def test_one_can_ask_what_was_known_at_an_earlier_moment(ideas: Ideas) -> None:
    ideas.learn("v1", "", Gain(-1.0, 0.1))
    then = ideas.known
    ideas.learn("v2", "exception", None)
    ideas.learn("v1", "", Gain(1.0, 0.1))
    assert [one.variant for one in ideas.tried(an_edit("a", ""), then)] == ["v1"]
    before, now = ideas.outcome("v1", then), ideas.outcome("v1")
    assert before is not None
    assert now is not None
    assert (before.worked, now.worked) == (False, True)
    assert ideas.outcome("v2", then) is None


def test_of_an_idea_that_comes_without_end_the_latest_are_looked_at(ideas: Ideas) -> None:
    for number in range(10, 100):
        ideas.add(f"v{number}", an_edit("a", ""))
        ideas.learn(f"v{number}", "timeout", None)
    found = [one.variant for one in ideas.tried(an_edit("a", ""))]
    assert len(found) <= 32
    assert found[-1] == "v99"
