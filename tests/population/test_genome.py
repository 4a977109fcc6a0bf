import ast
import hashlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from population.genome import (
    TuneError,
    UnknownTunableError,
    digest,
    parse_tunables,
    rounded,
    values_of,
    with_values,
)

SOURCE = '''\
"""Seed.

EXAMPLE = 1  # tune: int 0..9
"""
LEARNING_RATE = 3e-3   # tune: log 1e-4..1e-1
DEPTH: int = 4  # tune: int 2..12
WIDTH = 64 # tune: int 32..250 step 16  # multiples of 16
HEADS = 2  # tune: int log 1..64
SHIFT = -0.5  #tune: -1 .. 1
ACTIVATION = 'relu2'   # tune: choice relu2 gelu silu
TIED = True  # tune: choice True False
POWER = 2  # tune: choice 1 2 3
SCALE = 0.5  # tune: choice 0.5 1.0
ÉPAISSEUR = 1.0  # tune: 0..2
TEXT = "# tune: nothing"
def train(burst):
    return "# tune: log 0..1"
'''


def one(line):
    (tunable,) = parse_tunables(line)
    return tunable


def test_every_form_of_spec_is_read():
    read = {tunable.name: tunable for tunable in parse_tunables(SOURCE)}
    assert list(read) == [
        *("LEARNING_RATE", "DEPTH", "WIDTH", "HEADS", "SHIFT", "ACTIVATION", "TIED", "POWER", "SCALE"),
        "ÉPAISSEUR",
    ]
    rate, width, heads = read["LEARNING_RATE"], read["WIDTH"], read["HEADS"]
    assert (rate.kind, rate.low, rate.high, rate.log, rate.value, rate.line) == (
        "float",
        1e-4,
        0.1,
        True,
        3e-3,
        5,
    )
    assert (width.kind, width.low, width.high, width.step, width.value) == ("int", 32, 240, 16, 64)
    assert (heads.kind, heads.log, heads.step) == ("int", True, 1)
    assert (read["SHIFT"].low, read["SHIFT"].value, read["SHIFT"].log) == (-1.0, -0.5, False)
    assert read["ACTIVATION"].choices == ("relu2", "gelu", "silu")
    assert read["TIED"].choices == (True, False)
    assert [type(choice) for choice in read["POWER"].choices] == [int, int, int]
    assert read["SCALE"].choices == (0.5, 1.0)


def test_values_are_those_in_the_source():
    assert values_of("A = -3  # tune: int -5..5\nB = 1.5  # tune: 0..2\n") == {"A": -3, "B": 1.5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A = 1.0  # tune:", "cannot read"),
        ("A = 1.0  # tune: linear 0..2", "cannot read"),
        ("A = 1.0  # tune: 0..2 step 0.5", "cannot read"),
        ("A = 1.0  # tune: 0...2", "cannot read"),
        ("A = 1.0  # tune: 2..0", "must go up"),
        ("A = 1.0  # tune: log 0..2", "start above 0"),
        ("A = 3.0  # tune: 0..2", "outside its range"),
        ("A = 1.0  # tune: 0..nan", "nan is not a number"),
        ("A = 1.0  # tune: ..2", "nothing is not a number"),
        ("A = 4  # tune: int 2..1e3", "1e3 is not a whole number"),
        ("A = 3  # tune: int 2..8 step 2", "not on its grid"),
        ("A = 2  # tune: int 2..8 step 0", "must be 1 or more"),
        ("A = 4.0  # tune: int 2..8", "not a whole number"),
        ("A = True  # tune: int 0..1", "not a whole number"),
        ("A = 4  # tune: 2..8", "write `int 2..8`"),
        ("A = 'x'  # tune: 2..8", "not a number"),
        ("A = 'x'  # tune: choice y z", "not among its choices"),
        ("A = 'x'  # tune: choice x", "two or more"),
        ("A = 'x'  # tune: choice x x", "two or more"),
        ("A = True  # tune: choice True yes", "yes is neither"),
        ("A = B  # tune: 0..1", "no literal"),
        ("A = 2 * 3  # tune: int 0..9", "no literal"),
        ("A = None  # tune: choice a b", "no literal"),
        ("A = -True  # tune: int 0..1", "no literal"),
        ("A = B = 1  # tune: int 0..9", "one assignment"),
        ("A = 1; B = 2  # tune: int 0..9", "one assignment"),
        ("A.b = 1  # tune: int 0..9", "one assignment"),
        ("A: int  # tune: int 0..9", "one assignment"),
        ("print(1)  # tune: int 0..9", "move it out"),
        ("def f():\n    A = 1  # tune: int 0..9", "move it out"),
        ("if x:\n    A = 1  # tune: int 0..9", "move it out"),
        ("\n# tune: int 0..9", "stands alone"),
        ("\nA = (  # tune: int 0..9\n 1)", "on one line"),
        ("A = 1  # tune: int 0..9\nA = 2  # tune: int 0..9", "on line 1 already"),
    ],
)
def test_a_malformed_comment_names_its_line_and_what_is_wrong(line, message):
    with pytest.raises(TuneError, match=message) as caught:
        parse_tunables(
            "X = 0\n" + line.replace("on line 1", "on line 2") if "already" not in message else line
        )
    assert str(caught.value).startswith(f"line {caught.value.line}: ")
    assert caught.value.line >= 2


def test_an_int_with_a_float_range_is_a_float():
    assert one("A = 0  # tune: 0..0.5").value == 0.0
    assert with_values("A = 0  # tune: 0..0.5", {"A": 0.25}) == "A = 0.25  # tune: 0..0.5"


def test_choices_may_be_quoted_and_listed():
    assert one("A = 'x'  # tune: choice 'x', \"y\", z").choices == ("x", "y", "z")


def test_a_comment_that_only_speaks_of_tuning_is_none():
    assert parse_tunables("A = 1  # how to tune: slowly\n# I tune: nothing\n") == ()


def test_what_is_no_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        parse_tunables("A = 1  # tune: int 0..9\ndef\n")


def test_only_the_literals_change():
    changed = with_values(SOURCE, {"DEPTH": 7, "ACTIVATION": "silu", "TIED": False, "SHIFT": 0.25})
    expected = (
        SOURCE.replace("int = 4 ", "int = 7 ")
        .replace("'relu2'", '"silu"')
        .replace("TIED = True", "TIED = False")
    )
    assert changed == expected.replace("-0.5 ", "0.25 ")


def test_setting_what_is_there_changes_nothing():
    assert with_values(SOURCE, values_of(SOURCE)) == SOURCE


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_bytes_before_the_literal_are_kept(end):
    source = f'É = "é"{end}ÀÉ: "é" = 1.0  # tune: 0..2 # é{end}X = """{end}"""{end}B = 3  # tune: int 0..9'
    assert with_values(source, {"ÀÉ": 0.5, "B": 9}) == source.replace("1.0", "0.5").replace("= 3", "= 9")


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownTunableError, match="NOPE is no tunable of this source, which has A"):
        with_values("A = 1  # tune: int 0..9", {"NOPE": 1})


@pytest.mark.parametrize("value", ["3", float("nan")])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="is a number"):
        with_values("A = 1.0  # tune: 0..9", {"A": value})


def test_a_value_that_is_no_choice_is_refused():
    with pytest.raises(ValueError, match="is one of x, y"):
        with_values("A = 'x'  # tune: choice x y", {"A": "z"})


def test_a_value_is_brought_into_range_and_onto_the_grid():
    grid = one("A = 32  # tune: int 32..250 step 16")
    assert [rounded(grid, value) for value in (0, 41, 57.0, 999)] == [32, 48, 64, 240]
    assert rounded(one("A = 0.5  # tune: 0.1234567..1"), 0.0) == 0.1234567
    assert rounded(one("A = 0.5  # tune: 0..1"), 1 / 3) == 0.333333


def test_the_value_in_the_source_is_kept_to_its_last_digit():
    assert rounded(one("A = 0.123456789  # tune: 0..1"), 0.123456789) == 0.123456789


tunable_lines = {
    "A": "A = 0.5  # tune: log 1e-7..2",
    "B": "B = -1.5  # tune: -2.123456789 .. 7",
    "C": "C = 3  # tune: int -3..100 step 3",
    "D": "D = 3  # tune: int log 1..4096",
    "E": "E = 'p'  # tune: choice p q r",
    "F": "F = True  # tune: choice True False",
}
numbers = st.floats(allow_nan=False) | st.integers(-(10**6), 10**6)
settings_of_all = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys("ABCD", numbers),
        "E": st.sampled_from("pqr"),
        "F": st.booleans(),
    },
)


@settings(max_examples=80, deadline=None)
@given(settings_of_all)
def test_what_is_written_reads_back_as_the_rounded_values(values):
    source = "\n".join(tunable_lines.values())
    known = {tunable.name: tunable for tunable in parse_tunables(source)}
    expected = values_of(source) | {name: rounded(known[name], value) for name, value in values.items()}
    written = with_values(source, values)
    assert values_of(written) == expected
    assert {name: type(value) for name, value in values_of(written).items()} == {
        name: type(value) for name, value in values_of(source).items()
    }
    assert with_values(written, values_of(written)) == written
    for name, value in expected.items():
        assert rounded(known[name], value) == value


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="AB=#: tune12.-\n\r\t'\"\\é", max_size=60))
def test_any_python_is_read_or_refused_by_one_kind_of_error(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        assume(False)
    try:
        values = values_of(text)
    except TuneError:
        return
    assert with_values(text, values) == text


def test_the_digest_is_the_start_of_the_sha256():
    assert digest("é\n") == hashlib.sha256("é\n".encode()).hexdigest()[:32]
    assert digest("a\r\n") != digest("a\n")


def test_a_mistake_is_told_by_its_line_in_the_whole_source():
    source = "'''text\n\nA = 1\n'''\nB = 1.0  # tune: 0..2\n\nC = 1.0\n\nD = 5.0  # tune: 0..2\n"
    with pytest.raises(TuneError) as told:
        parse_tunables(source)
    assert told.value.line == 9


def test_a_mark_in_a_text_is_none():
    source = "'''\nA = 1.0  # tune: 0..2\n'''\nB = 1.0  # tune: 0..2\n"
    assert [(one.name, one.line) for one in parse_tunables(source)] == [("B", 4)]
