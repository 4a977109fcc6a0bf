"""A three-way merge: what both sides changed is there, and what neither did stays as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.merging import Merging
from operators.proposal import Branch, Change, Origin
from population.fingerprint import fingerprint, parse
from population.genome import values_of

SEED = (Path(__file__).parents[2] / "train.py").read_text()
SOME = settings(deadline=None, max_examples=60)

BASE = """\
import torch

RATE = 3e-3  # tune: log 1e-4..1e-1
DEPTH = 4  # tune: int 2..12


def block(x):
    x = x + 1
    x = x * 2
    return x


def train(burst):
    model = build(DEPTH)
    for batch in burst:
        step(model, batch, RATE)
    return model
"""


def all_of(merging):
    return range(len(merging.groups))


def merged(base, one, other):
    merging = Merging(base, one, other)
    assert not merging.conflicts
    return merging.merged(all_of(merging), {})


# Programs and their changes


@dataclass(frozen=True)
class Program:
    """Numbers and functions, to be changed and written as text."""

    numbers: tuple[float, ...]
    functions: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self):
        numbers = "".join(f"N{i} = {value!r}  # tune: 0..9\n" for i, value in enumerate(self.numbers))
        bodies = [f"def {name}(x):\n    {body}\n" for name, body in self._bodies()]
        return "\n\n".join(["import math\n\n" + numbers, *bodies])

    def _bodies(self):
        return [(name, "\n    ".join([*body, "return x"])) for name, body in self.functions]


fresh = st.integers(0, 10**6)
lines = st.one_of(
    st.builds("x = x + {}".format, fresh),
    st.builds("y = math.sqrt({})  # why".format, fresh),
    st.builds("if x > {}:\n        x = 0".format, fresh),
    st.builds("log(\n        x, {}\n    )".format, fresh),
)
bodies = st.lists(lines, min_size=1, max_size=6).map(tuple)


@st.composite
def programs(draw):
    count = draw(st.integers(1, 5))
    numbers = draw(st.lists(st.integers(1, 16).map(lambda n: n / 2), min_size=1, max_size=4))
    return Program(tuple(numbers), tuple((f"f{i}", draw(bodies)) for i in range(count)))


@st.composite
def changed(draw, program):
    """Draw a program that differs from another by a few edits."""
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["number", "insert", "replace", "delete", "define", "remark"]))
        if kind == "number":
            at = draw(st.integers(0, len(program.numbers) - 1))
            numbers = [*program.numbers]
            numbers[at] = draw(st.integers(0, 900)) / 100
            program = replace(program, numbers=tuple(numbers))
            continue
        functions = [*program.functions]
        at = draw(st.integers(0, len(functions) - 1))
        name, body = functions[at]
        place = draw(st.integers(0, len(body) - 1))
        new = [draw(lines)]
        if kind == "define":
            functions.insert(at, (f"g{draw(fresh)}", draw(bodies)))
        elif kind == "insert":
            functions[at] = (name, (*body[:place], *new, *body[place:]))
        elif kind == "remark":
            functions[at] = (name, (*body[:place], f"# {new[0].splitlines()[0]}", *body[place:]))
        elif kind == "replace":
            functions[at] = (name, (*body[:place], *new, *body[place + 1 :]))
        elif len(body) > 1:
            functions[at] = (name, (*body[:place], *body[place + 1 :]))
        program = replace(program, functions=tuple(functions))
    return program


@st.composite
def forks(draw):
    """Draw the texts of a program and of two that descend from it."""
    base = draw(programs())
    return tuple(map(str, (base, draw(changed(base)), draw(changed(base)))))


pieces = st.sampled_from(
    [
        "a = 1",
        "b = 2",
        "if a:",
        "    b = 3",
        "(",
        ")",
        "# words",
        "",
        "\f",
        "\x85",
        "R = 1  # tune: int 0..9",
        "'''",
    ]
)
texts = st.one_of(st.text(), st.lists(pieces, max_size=12).map("\n".join))


def is_python(text):
    try:
        values_of(text)
    except (SyntaxError, ValueError):
        return False
    return True


# Properties


@given(forks())
@SOME
def test_a_side_that_changed_nothing_gives_the_other(fork):
    base, one, _ = fork
    assert merged(base, base, one) == one
    assert merged(base, one, base) == one


@given(texts.filter(is_python), texts.filter(is_python))
@SOME
def test_a_side_that_changed_nothing_gives_the_other_whatever_the_text(base, one):
    assert merged(base, base, one) == one
    assert merged(base, one, base) == one


@given(forks())
@SOME
def test_the_same_change_on_both_sides_is_made_once(fork):
    base, one, _ = fork
    merging = Merging(base, one, one)
    assert not merging.groups
    assert merging.merged((), {}) == one


@given(forks())
@SOME
def test_the_order_of_the_sides_does_not_matter_where_nothing_is_in_conflict(fork):
    base, one, other = fork
    merging = Merging(base, one, other)
    if not merging.conflicts and not both_set(base, one, other):
        assert merging.merged(all_of(merging), {}) == merged(base, other, one)


@given(forks())
@SOME
def test_a_merge_is_python_and_has_what_both_sides_put_in(fork):
    base, one, other = fork
    merging = Merging(base, one, other)
    if merging.conflicts:
        return
    child = merging.merged(all_of(merging), {})
    parse(child)
    kept = child.splitlines()
    known = base.splitlines()
    for side in (one, other):
        for line in side.splitlines():
            if line not in known and not line.startswith("N") and "#" not in line:
                assert line in kept


@given(forks(), st.randoms())
@SOME
def test_any_choice_of_changes_that_are_in_no_conflict_is_python(fork, random):
    merging = Merging(*fork)
    chosen = []
    for at in random.sample(all_of(merging), len(merging.groups)):
        if not any({(at, one), (one, at)} & merging.conflicts for one in chosen) and random.random() < 0.8:
            chosen.append(at)
    parse(merging.merged(chosen, {}))


@given(forks())
@SOME
def test_values_are_merged_by_name(fork):
    base, one, other = map(values_of, fork)
    merging = Merging(*fork)
    worth = {at: float(group.side) for at, group in enumerate(merging.groups)}
    child = values_of(merging.merged([at for at in all_of(merging) if merging.groups[at].values], worth))
    for name, value in base.items():
        assert child[name] == (other[name] if other[name] != value else one[name])


def both_set(*fork):
    base, one, other = map(values_of, fork)
    return any(one[name] != base[name] != other[name] != one[name] for name in base)


# Cases


def test_a_tuned_number_is_in_no_conflict_with_a_new_line_beside_it():
    one = BASE.replace("3e-3", "0.01").replace("DEPTH = 4", "DEPTH = 6")
    other = BASE.replace(
        "DEPTH = 4  # tune: int 2..12\n", "DEPTH = 4  # tune: int 2..12\nWIDTH = 8  # tune: int 1..9\n"
    )
    child = merged(BASE, one, other)
    assert values_of(child) == {"RATE": 0.01, "DEPTH": 6, "WIDTH": 8}


def test_a_number_stays_where_the_range_of_the_other_side_does_not_allow_it():
    one = BASE.replace("DEPTH = 4", "DEPTH = 12")
    other = BASE.replace("int 2..12", "int 2..6")
    child = merged(BASE, one, other)
    assert values_of(child)["DEPTH"] == 4
    assert "int 2..6" in child


def test_changes_that_touch_are_in_no_conflict():
    one = BASE.replace("x = x + 1", "x = x + 3")
    other = BASE.replace("x = x * 2", "x = x * 3\n    x = norm(x)")
    child = merged(BASE, one, other)
    assert "    x = x + 3\n    x = x * 3\n    x = norm(x)\n" in child


def test_what_both_put_at_one_place_stands_one_after_the_other():
    one = BASE.replace("    return model", "    check(model)\n    return model")
    other = BASE.replace("    return model", "        log(model)\n    return model")
    child = merged(BASE, one, other)
    assert child == merged(BASE, other, one)
    assert "        log(model)\n    check(model)\n    return model\n" in child


NORMS = "def norm(x):\n    return x\n\n\ndef ", "def norm(y):\n    pass\n\n\ndef "
CONFLICTS = {
    "one statement": (("x = x * 2", "x = x * 3"), ("x = x * 2", "x = x * 4")),
    "one name at one place": (("    return model", f"    a = {value}\n    return model") for value in (1, 2)),
    "one definition": (("def block", f"{NORMS[0]}block"), ("def train", f"{NORMS[1]}train")),
    "a name that is gone": (("def block", "def blocks"), ("step(model", "step(block, model")),
}


@pytest.mark.parametrize("edits", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_conflict_is_told(edits):
    one, other = edits
    merging = Merging(BASE, BASE.replace(*one), BASE.replace(*other))
    assert len(merging.conflicts) == 1
    assert merging.offers(1) == 0


def test_what_needs_a_change_that_is_left_out_is_left_out_with_it():
    one = BASE.replace("def block", "def norm(x):\n    return x\n\n\ndef block").replace("x * 2", "norm(x)")
    merging = Merging(BASE, one, BASE)
    made, used = sorted(all_of(merging), key=lambda at: merging.groups[at].pieces[0].span.start)
    assert merging.supported([used]) == set()
    assert merging.supported([made]) == {made}
    assert merging.supported([made, used]) == {made, used}


def test_changes_of_one_step_stand_together():
    one = BASE.replace("x = x + 1", "x = x + 3").replace("model = build(DEPTH)", "model = make(DEPTH)")
    origin = Origin(("v3",), "an idea", 0.1, 0.05)
    spans = ((7, 8, 7, 8), (13, 14, 13, 14))
    branch = Branch((origin,), tuple(Change(*span, 0) for span in spans), {})
    merging = Merging(BASE, one, BASE, (branch, Branch((), (), {})))
    (group,) = merging.groups
    assert (group.origin, len(group.pieces)) == (origin, 2)
    assert merging.merged([0], {}) == one


def test_docstrings_and_comments_are_no_change():
    one = BASE.replace("def block(x):\n", 'def block(x):\n    """Do it."""\n').replace(
        "import", "# first\nimport"
    )
    other = one.replace("Do it.", "Do it well.").replace("x + 1", "x + 5")
    assert not Merging(one, other.replace("x + 5", "x + 1"), one).groups
    assert merged(one, other, one) == other


def test_a_thousand_lines_are_merged_in_little_time():
    functions = "".join(SEED[SEED.index("def norm") :].replace("def ", f"def f{i}_") for i in range(5))
    base = SEED + functions
    assert len(base.splitlines()) > 1000
    one = base.replace("        super().__init__()\n", "        super().__init__()\n        self.seen = 0\n")
    other = base.replace("0.02 ", "0.03 ").replace("(norm(x))", "(norm(norm(x)))")
    began = time.process_time()
    merging = Merging(base, one, other)
    assert len(merging.groups) > 5
    assert fingerprint(merging.merged(all_of(merging), {}))
    assert time.process_time() - began < 3
