import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.marking import marked
from population.fingerprint import fingerprint
from population.genome import parse_tunables

SCRIPT = """\
import prepare

DEPTH = 8               # number of transformer layers
WIDTH: int = 768
BATCH = 128
MATRIX_LR = 0.04
MIXTURE = 0.5
CLIP = 1.0
WARMUP = 0.0
SEED = 42
TIME_BUDGET = 300
FLAG = True
ONE = 1
PAIR = (0.8, 0.95)
a = 3; b = 4
best = 1.5
best = 2.5
dropout = 0.0
"""


def specs(source):
    return {
        line.split()[0].rstrip(":"): line.split("# tune: ")[1]
        for line in source.splitlines()
        if "tune:" in line
    }


def test_module_level_numbers_get_ranges():
    assert specs(marked(SCRIPT)) == {
        "DEPTH": "int log 2..32  # number of transformer layers",
        "WIDTH": "int 192..3072 step 64",
        "BATCH": "choice 32 64 128 256 512",
        "MATRIX_LR": "log 0.005..0.32",
        "MIXTURE": "0.25..0.75",
        "CLIP": "log 0.125..8",
        "WARMUP": "0.0..0.5",
    }


def test_a_source_with_a_mark_is_its_authors():
    source = "A = 3\nB = 4  # tune: int 2..8\n"
    assert marked(source) == source


def test_nothing_outside_of_a_block_changes():
    source = "A = 3\n# EVOLVE-BLOCK-START\nB = 3\n# EVOLVE-BLOCK-END\nC = 3\n"
    assert marked(source) == source.replace("B = 3", "B = 3  # tune: int log 1..12")


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    A = 3\n",
        "A = 3\nA += 1\n",
        "x = '''\nA = 3\n'''\n",
        "A = (\n    3\n)\n",
        "A = -3\n",
        "A = 1e999\n",
    ],
)
def test_what_is_no_constant_number_is_left_alone(source):
    assert marked(source) == source


@pytest.mark.parametrize("number", ["1e308", "5e-324", "9" * 400, "0x" + "f" * 6000])
def test_a_number_that_is_no_setting_keeps_no_other_from_its_range(number):
    assert marked(f"A = {number}\nB = 3\n") == f"A = {number}\nB = 3  # tune: int log 1..12\n"


def test_the_ends_of_lines_stay():
    assert marked("A = 3\r\nB = 0.5") == "A = 3  # tune: int log 1..12\r\nB = 0.5  # tune: 0.25..0.75"


NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(str.isidentifier)
NUMBERS = st.one_of(st.integers(-10, 10**12), st.floats(), st.booleans())


@given(st.lists(st.tuples(NAMES, NUMBERS), max_size=6))
def test_marks_leave_the_program_as_it_was(lines):
    source = "".join(
        f"{name}_ = {value!r}\n" for name, value in lines if repr(value) not in ("nan", "inf", "-inf")
    )
    after = marked(source)
    assert fingerprint(after) == fingerprint(source)
    for tunable in parse_tunables(after):
        assert tunable.value in tunable.choices or tunable.low <= tunable.value <= tunable.high
