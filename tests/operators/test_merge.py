from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.merge import Merge, drawn
from operators.merging import Merging
from operators.proposal import Ancestor, Branch, Change, Context, Origin, Parent, Proposal, RefusalKind
from operators.syntactic import is_sound
from population.genome import values_of
from population.statements import changes, in_lines, statements
from population.variant import Direction, Variant
from tests.operators.test_merging import forks

UNKNOWN = Branch((), (), {})


def generator(seed=0):
    return np.random.default_rng(seed)


def branch(base, source, *origins):
    """Return the branch to a source: its changes and values, from top to bottom, each of the next origin."""
    before, after = statements(base), statements(source)
    spans = [in_lines(span, before, after) for span in changes(before, after)]
    old, new = values_of(base), values_of(source)
    names = [name for name in new if name in old and new[name] != old[name]]
    made = [Change(s.start, s.end, s.at, s.stop, at % len(origins)) for at, s in enumerate(spans)]
    values = {name: (len(spans) + at) % len(origins) for at, name in enumerate(names)}
    return Branch(origins, tuple(made), values)


@pytest.fixture
def proposed(context_of):
    """Merge two sources, with what is known of their branches."""

    def made(base, one, other, branches=(UNKNOWN, UNKNOWN), seed=0):
        above = Ancestor("v0", "d", base, branches)
        return asyncio.run(Merge().propose(context_of(one, other, ancestor=above), generator(seed)))

    return made


@pytest.fixture
def first(source):
    return source.replace("x = x + F.relu(x) * scale", "x = x + F.gelu(x) * scale")


@pytest.fixture
def second(source):
    return source.replace("return F.relu(x).square()", "return F.silu(x)").replace("DEPTH = 4", "DEPTH = 6")


@pytest.fixture
def children(proposed):
    def made(*given, seeds=40):
        found = [proposed(*given, seed=seed) for seed in range(seeds)]
        return [one.source if isinstance(one, Proposal) else one.reason for one in found]

    return made


def test_a_child_has_what_both_parents_changed(children, source, first, second):
    whole = second.replace("x = x + F.relu(x) * scale", "x = x + F.gelu(x) * scale")
    made = children(source, first, second)
    assert made.count(whole) == 40
    assert all(is_sound(child, [first, second]) for child in made)


def test_it_says_what_came_from_whom(proposed, source, first, second):
    known = (
        branch(source, first, Origin(("v1",), "gelu instead of relu", 0.1, 0.01)),
        branch(source, second, Origin(("v2",), "silu at the end, and deeper", 0.1, 0.01)),
    )
    said = proposed(source, first, second, known, seed=3).hypothesis
    assert said == "joins v1 (gelu instead of relu) and v2 (silu at the end, and deeper)"
    said = proposed(source, first, second, seed=3).hypothesis
    assert "F.gelu(x)" in said
    assert "sets DEPTH" in said


def test_parents_without_an_ancestor_beside_themselves_are_refused(context_of, source, first):
    result = asyncio.run(Merge().propose(context_of(source, first), generator()))
    assert (result.kind, result.operator) == (RefusalKind.NOTHING, "merge")


def test_parents_of_which_one_has_nothing_of_its_own_are_refused(proposed, source, first):
    assert proposed(source, first, first).kind is RefusalKind.NOTHING
    assert proposed(source, source, first).kind is RefusalKind.NOTHING


def test_a_parent_that_cannot_be_read_is_refused(proposed, source, first):
    assert proposed("x = (\n", source, first).kind is RefusalKind.NOTHING


GAIN, LOSS = Origin(("v1",), "good", 1.0, 0.1), Origin(("v2",), "bad", -1.0, 0.1)


def test_of_two_changes_of_one_statement_the_one_that_gained_more_stays(children, source, first):
    good, better = Origin(("v1",), "", 1.0, 0.1), Origin(("v2",), "", 2.0, 0.1)
    one = first.replace("0.9 ", "0.8 ")
    other = source.replace("x = x + F.relu(x) * scale", "x = F.mish(x)").replace("print(x)", "print(x, x)")
    known = (branch(source, one, good, good), branch(source, other, better, good))
    made = children(source, one, other, known)
    assert sum("F.mish(x)" in child for child in made) > 25
    known = (branch(source, one, better, good), branch(source, other, good, good))
    made = children(source, one, other, known)
    assert sum("F.gelu(x)" in child for child in made) > 25


def test_a_step_goes_whole_where_one_of_its_changes_is_in_conflict(children, source, first):
    other = source.replace("x = x + F.relu(x) * scale", "x = F.mish(x)").replace(
        "return ACT", "return 2 * ACT"
    )
    better = branch(source, other, Origin(("v2",), "", 2.0, 0.1))
    one = first.replace("print(x)", "print(x, x)").replace("return F.relu(x).square()", "return F.silu(x)")
    known = (branch(source, one, Origin(("v1",), "", 1.0, 0.1), GAIN, Origin(("v1",), "", 1.0, 0.1)), better)
    for child in children(source, one, other, known):
        assert ("F.mish(x)" in child) == ("2 * ACT" in child)


def test_where_a_conflict_would_leave_one_parent_the_changes_of_a_step_are_parted(children, source, first):
    other = source.replace("x = x + F.relu(x) * scale", "x = F.mish(x)").replace("print(x)", "print(x, x)")
    one = first.replace("return F.relu(x).square()", "return F.silu(x)")
    known = (
        branch(source, one, Origin(("v1",), "", 1.0, 0.1)),
        branch(source, other, Origin(("v2",), "", 2.0, 0.1)),
    )
    made = children(source, one, other, known)
    assert sum(("F.mish(x)" in child) and ("F.silu(x)" in child) for child in made) > 20


def test_changes_in_conflict_are_drawn_where_no_gain_is_known(children, source, first):
    one = first.replace("0.9 ", "0.8 ")
    other = source.replace("x = x + F.relu(x) * scale", "x = F.mish(x)").replace("DEPTH = 4", "DEPTH = 6")
    made = children(source, one, other)
    assert 5 < sum("F.mish(x)" in child for child in made) < 35
    assert 5 < sum("F.gelu(x)" in child for child in made) < 35


def test_the_value_of_the_better_step_counts(children, source, first):
    one = first.replace("0.9 ", "0.8 ")
    other = source.replace("0.9 ", "0.7 ").replace("return F.relu(x).square()", "return F.silu(x)")
    known = (
        branch(source, one, Origin(("v1",), "", 1.0, 0.1)),
        branch(source, other, Origin(("v2",), "", 2.0, 0.1)),
    )
    made = [child for child in children(source, one, other, known) if "F.gelu" in child and "F.silu" in child]
    assert len(made) > 20
    assert {values_of(child)["MOMENTUM"] for child in made} == {0.7}


def test_a_step_that_is_surely_a_loss_is_left_out(children, source, first, second):
    one = first.replace("print(x)", "print(x, x)")
    known = (branch(source, one, LOSS, GAIN), branch(source, second, GAIN))
    made = children(source, one, second, known)
    assert not any("F.gelu" in child for child in made)
    assert sum("print(x, x)" in child for child in made) > 25


def worth(origin, noise=1.0):
    rng = generator()
    return [drawn(origin, noise, rng) for _ in range(300)]


def test_what_a_step_is_worth_is_drawn_around_its_gain():
    step = Origin(("v1",), "")
    sure = worth(replace(step, gain=-0.2, standard_error=0.1))
    assert max(sure) < 0.0
    unsure = worth(replace(step, gain=-0.01, standard_error=0.1))
    assert 80 < sum(value > 0.0 for value in unsure) < 150
    assert set(worth(replace(step, gain=0.2))) == {0.2}
    assert min(worth(step)) > 0.0
    assert np.mean(worth(step)) == pytest.approx(10 * np.mean(worth(step, noise=0.1)))
    assert np.mean(worth(step, noise=math.nan)) == np.mean(worth(step))


def test_a_child_does_not_use_a_name_that_was_left_out(children, source, second):
    one = source.replace("def block", "def norm(x):\n    return x\n\n\ndef block")
    one = one.replace("F.layer_norm(x, (4,))", "norm(x)").replace("print(x)", "print(x, x)")
    for child in children(source, one, second):
        assert "norm(x)" not in child.replace("def norm(x)", "") or "def norm(x)" in child


def test_the_same_generator_makes_the_same_child(proposed, source, first, second):
    for seed in range(5):
        assert proposed(source, first, second, seed=seed) == proposed(source, first, second, seed=seed)


@given(forks(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_a_child_is_sound_and_neither_parent(fork, seed):
    base, one, other = fork
    above = Ancestor("v0", "d", base, (UNKNOWN, UNKNOWN))
    variant = Variant("v1", "d", "d", "f", ("v0",), "mutate", "an idea", island=0, generation=1)
    parents = (Parent(variant, one, None), Parent(variant, other, None))
    context = Context("a task", "score", Direction.MINIMIZE, "", parents, ancestor=above)
    result = asyncio.run(Merge().propose(context, generator(seed)))
    if isinstance(result, Proposal):
        assert is_sound(result.source, [one, other])
    else:
        assert result.kind is RefusalKind.NOTHING
        assert (
            len({group.side for group in Merging(base, one, other).groups}) < 2 or "program" in result.reason
        )
