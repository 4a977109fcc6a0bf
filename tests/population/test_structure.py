from __future__ import annotations

import pytest

from population.fingerprint import parse
from population.genome import parse_tunables
from population.structure import same_structure, shared_values

SOURCE = """\
LR = 3e-3  # tune: log 1e-4..1e-1
WIDTH = 64  # tune: int 8..128
SIGN = -0.5  # tune: -1..1
FIXED = 7


def train(burst):
    return LR * WIDTH + 2
"""


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("3e-3", "0.01", True),
        ("-0.5", "0.25", True),
        ("LR = 3e-3  # tune: log 1e-4..1e-1", "LR = 0.01", True),
        ("log 1e-4..1e-1", "log 1e-5..1e-1", True),
        ("FIXED = 7", "FIXED = 8", False),
        ("+ 2", "+ 3", False),
        ("LR * WIDTH", "LR + WIDTH", False),
        ("WIDTH = 64  # tune: int 8..128\n", "", False),
    ],
)
def test_only_the_values_of_tunables_are_no_structure(before: str, after: str, same: bool) -> None:
    other = SOURCE.replace(before, after)
    assert other != SOURCE
    assert same_structure(SOURCE, other) is same
    assert same_structure(other, SOURCE) is same


def test_a_name_that_is_assigned_elsewhere_too_is_masked_at_its_literals_alone() -> None:
    computed = SOURCE + "\nLR = LR / 2\n"
    assert not same_structure(SOURCE, computed)
    assert same_structure(computed, computed.replace("3e-3", "1e-3"))


def test_the_others_values_of_shared_tunables_are_those_that_differ() -> None:
    other = SOURCE.replace("3e-3", "0.01").replace("WIDTH", "DEPTH") + "\nNEW = 1  # tune: int 1..3\n"
    assert shared_values(SOURCE, other) == {"LR": 0.01}


def test_a_source_that_was_compared_can_still_be_read_and_compiled() -> None:
    assert same_structure(SOURCE, SOURCE.replace("64", "32"))
    compile(parse(SOURCE), "train.py", "exec")
    assert parse_tunables(SOURCE)[0].value == 3e-3
