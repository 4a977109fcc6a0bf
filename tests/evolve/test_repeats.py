from __future__ import annotations

import pytest

from evolve.repeats import Repeat, chance, repeated, restored, weight
from population.edit import Edit
from population.gain import Gain
from population.ideas import Outcome, Tried

CRASH = Outcome(1, "exception", None)
WORSE, NOTHING, UNSURE, BETTER = (Outcome(1, "", Gain(value, 1.0)) for value in (-3.0, -0.5, 0.5, 1.5))


def tried(*outcomes: Outcome, exact: bool = True) -> list[Tried]:
    return [Tried(f"v{number}", outcome, exact) for number, outcome in enumerate(outcomes)]


def apart(several: list[Tried]) -> dict[str, str]:
    """Give each its own parent."""
    return {one.variant: f"of {one.variant}" for one in several}


def judged(*outcomes: Outcome, exact: bool = True, parent: str = "another") -> Repeat | None:
    several = tried(*outcomes, exact=exact)
    return repeated(several, apart(several), parent)


def test_an_idea_that_failed_once_may_be_tried_again() -> None:
    assert judged() is None
    assert judged(CRASH) is None
    assert judged(WORSE) is None


def test_an_edit_that_did_not_run_twice_is_refused_and_its_twins_are_named() -> None:
    repeat = judged(CRASH, CRASH)
    assert repeat == Repeat(2.0, ("v0", "v1"), "the same idea did not run (exception) as v0 and v1", True)
    assert judged(CRASH, CRASH, exact=False) is not None


def test_what_takes_too_long_with_other_numbers_may_not_with_these() -> None:
    slow = Outcome(1, "timeout", None)
    assert judged(slow, slow) is not None
    assert judged(slow, slow, slow, exact=False) is None


def test_an_idea_that_was_worse_on_two_parents_is_refused() -> None:
    repeat = judged(WORSE, WORSE)
    assert repeat is not None
    assert not repeat.anywhere
    assert repeat.reason == "the same idea was no better than its parent as v0 and v1"


def test_no_gain_within_the_noise_counts_half_and_other_numbers_half_of_that() -> None:
    assert [weight(one, True) for one in (CRASH, WORSE, NOTHING, UNSURE, BETTER)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    assert [weight(one, False) for one in (CRASH, WORSE, NOTHING)] == [1.0, 0.5, 0.25]
    assert judged(*[NOTHING] * 3) is None
    assert judged(*[NOTHING] * 4) is not None
    assert judged(*[WORSE] * 3, exact=False) is None


def test_losses_on_one_parent_count_once_elsewhere_and_each_on_that_parent() -> None:
    several = tried(WORSE, WORSE, WORSE, exact=False)
    parents = dict.fromkeys((one.variant for one in several), "p")
    assert repeated(several, parents, "elsewhere") is None
    assert repeated([*several, Tried("v9", WORSE, True)], {**parents, "v9": "p"}, "p") is not None


def test_each_success_outweighs_as_many_failures_as_are_enough() -> None:
    assert judged(BETTER, WORSE, WORSE, WORSE) is None
    assert judged(BETTER, WORSE, WORSE, WORSE, WORSE) is not None
    assert judged(Outcome(1, "", None), CRASH, CRASH, CRASH) is None  # it ran where its parent did not


def an_edit(added: bytes = b"", removed: bytes = b"") -> Edit:
    """Return an edit of lines that are told by one letter each."""
    return Edit(
        "e",
        "l",
        b"".join(4 * bytes([one]) for one in removed),
        (),
        b"".join(4 * bytes([one]) for one in added),
    )


@pytest.mark.parametrize(
    ("added", "gain", "refused"),
    [
        (b"ab", Gain(3.0, 1.0), True),
        (b"abx", Gain(3.0, 1.0), True),
        (b"ax", Gain(3.0, 1.0), False),  # half of it is new
        (b"ab", Gain(1.5, 1.0), False),  # the deletion may have been luck
        (b"ab", None, False),
        (b"", Gain(3.0, 1.0), False),
    ],
)
def test_what_an_ancestor_took_out_with_a_gain_is_not_put_back(
    added: bytes, gain: Gain | None, refused: bool
) -> None:
    line = [("v5", an_edit(), Gain(9.0, 1.0)), ("v3", an_edit(removed=b"abc"), gain), ("v1", None, gain)]
    repeat = restored(an_edit(added), line)
    assert (repeat is not None) == refused
    if repeat is not None:
        assert repeat.twins == ("v3",)
        assert "v3 took out with a gain" in repeat.reason


def test_a_re_test_is_the_likelier_the_fewer_the_failures_and_the_farther_the_parent() -> None:
    twice, often = (Repeat(failures, ("v1",), "", False) for failures in (2.0, 8.0))
    assert chance(twice, 0.1, 0.0) == pytest.approx(0.1)
    assert chance(often, 0.1, 0.0) == pytest.approx(0.025)
    assert chance(twice, 0.1, 0.5) == pytest.approx(0.55)
    assert chance(twice, 0.1, 1.0) == pytest.approx(1.0)


def test_what_does_not_run_is_no_likelier_on_a_far_parent_and_the_ends_of_the_setting_hold() -> None:
    broken = Repeat(2.0, ("v1",), "", True)
    assert chance(broken, 0.1, 1.0) == pytest.approx(0.1)
    assert chance(Repeat(2.0, (), "", False), 0.0, 1.0) == 0.0
    assert chance(broken, 1.0, 0.0) == 1.0
