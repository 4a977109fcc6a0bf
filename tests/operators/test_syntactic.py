import asyncio
import inspect
import textwrap
from pathlib import Path

import libcst as cst
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.jitter import jitter, stepped
from operators.proposal import Proposal, RefusalKind
from operators.recombine import recombine
from operators.rewrites import drop, duplicate, swap
from operators.syntactic import KINDS, Recombine, Syntactic, is_sound
from population.genome import parse_tunables, values_of

SEED = Path(__file__).parents[2] / "train.py"
SEEDS = st.integers(0, 2**32 - 1)
QUICK = settings(deadline=None, max_examples=25, derandomize=True)


def generator(seed=0):
    return np.random.default_rng(seed)


def proposed(operator, context, seed=0):
    return asyncio.run(operator.propose(context, generator(seed)))


def children(edit, source, seeds=30):
    """Return what an edit of a source may say, over many seeds, each with its child."""
    made = (edit(source, generator(seed)) for seed in range(seeds))
    return {edited.hypothesis: edited.source for edited in made if edited}


def sources():
    deep = "def f(x, k):\n" + textwrap.indent("if x:\n\tx += k\n\tx = g(x)\n\tprint(x)\nreturn x\n", "\t")
    return [
        SEED.read_text(),
        inspect.getsource(swap),
        deep,
        "RATE = 0.1  # tune: 0..1\nx = [(lambda y: y)(1) for _ in range(3)]\n",
    ]


# All edits


@pytest.mark.parametrize("number", range(4))
def test_a_child_is_valid_python_with_valid_marks_and_not_its_parent(context_of, number):
    source = sources()[number]

    @given(SEEDS)
    @settings(deadline=None, max_examples=8 if number == 0 else 30, derandomize=True)
    def holds(seed):
        result = proposed(Syntactic(), context_of(source), seed)
        if isinstance(result, Proposal):
            compile(result.source, "train.py", "exec")
            parse_tunables(result.source)
            assert result.source != source
            assert result.hypothesis
        else:
            assert result.kind is RefusalKind.NOTHING

    holds()


@pytest.mark.parametrize("edit", [kind for kind, _ in KINDS])
def test_each_kind_leaves_valid_python_of_the_seed(edit):
    source = SEED.read_text()
    made = children(edit, source, seeds=3)
    assert made
    assert all(is_sound(child, [source]) for child in made.values())


def test_the_same_generator_makes_the_same_child(context_of, source):
    other = (
        source.replace("DEPTH = 4", "DEPTH = 6").replace("0.9 ", "0.8 ").replace("print(x)", "print(x, x)")
    )
    for operator in (Syntactic(), Recombine()):
        for seed in range(5):
            context = context_of(source, other)
            assert proposed(operator, context, seed) == proposed(operator, context, seed)


def test_a_parent_that_offers_nothing_is_refused(context_of):
    result = proposed(Syntactic(), context_of("x = 1\n"))
    assert (result.kind, result.operator) == (RefusalKind.NOTHING, "syntactic")


def test_comments_and_marks_survive(context_of, source):
    for seed in range(20):
        child = proposed(Syntactic(), context_of(source), seed).source
        assert child.count("# tune:") == 5
        assert child.startswith('"""A small program."""')


# Tunables


def test_jitter_says_what_it_did_and_changes_nothing_else(source):
    for hypothesis, child in children(jitter, source).items():
        before, after = values_of(source), values_of(child)
        changed = [name for name in before if before[name] != after[name]]
        assert 1 <= len(changed) <= 3
        assert all(f"{name} " in hypothesis for name in changed)
        assert len(child.split("\n")) == len(source.split("\n"))


@given(SEEDS)
@QUICK
def test_a_step_is_allowed_and_different(seed):
    text = """A = 1e-4   # tune: log 1e-4..1e-1
B = 0.99    # tune: 0.5..0.99
C = 64      # tune: int 64..512 step 64
D = 2       # tune: int 2..3
E = 5000    # tune: int log 10..100000
F = True    # tune: choice True False
G = "a"     # tune: choice a b c
"""
    for tunable in parse_tunables(text):
        value = stepped(tunable, generator(seed))
        if value is None:  # only at an end of its range, after eight steps against it
            continue
        assert value != tunable.value
        assert value in tunable.choices or tunable.low <= value <= tunable.high
        assert tunable.kind != "int" or (isinstance(value, int) and (value - tunable.low) % tunable.step == 0)


def test_steps_on_a_log_scale_are_as_often_up_as_down():
    (tunable,) = parse_tunables("A = 3e-3  # tune: log 1e-4..1e-1\n")
    rng = generator()
    values = [stepped(tunable, rng) for _ in range(400)]
    assert 150 < sum(value > tunable.value for value in values) < 250
    assert 0.2 < np.median(np.abs(np.log(np.array(values) / tunable.value))) < 0.8


# Structure


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("F.gelu(x)", {"F.relu(x)", "F.silu(x)", "F.mish(x)", "F.relu(x).square()"}),
        ("torch.nn.functional.silu(x)", {f"torch.nn.functional.{n}(x)" for n in ("relu", "gelu", "mish")}
         | {"torch.nn.functional.relu(x).square()"}),
        ("F.relu(x).square()", {"F.relu(x)", "F.gelu(x)", "F.silu(x)"}),
        ("F.relu(x) ** 2", {"F.relu(x)", "F.gelu(x)", "F.silu(x)"}),
        ("nn.LayerNorm(d, eps=1e-6)", {"nn.RMSNorm(d, eps=1e-6)"}),
        ("nn.LayerNorm(d, bias=False)", set()),
        ("nn.GELU()", {"nn.ReLU()", "nn.SiLU()", "nn.Mish()"}),
        ("nn.GELU('tanh')", set()),
        ("F.rms_norm(x, (4,))", {"F.layer_norm(x, (4,))"}),
        ("torch.optim.AdamW(p, lr=1)", {"torch.optim.NAdam(p, lr=1)", "torch.optim.RAdam(p, lr=1)"}),
        ("torch.optim.AdamW(p, lr=1, fused=True)", set()),
        ("F.relu(*x)", set()),
        ("relu(x)", set()),
    ],
)  # fmt: skip
def test_a_call_is_swapped_for_its_equivalents(code, wanted):
    made = children(swap, f"y = {code}  # why\n", seeds=40)
    assert set(made.values()) == {f"y = {other}  # why\n" for other in wanted}


def test_a_swap_says_what_it_did():
    assert set(children(swap, "y = nn.LayerNorm(4)\n")) == {"swaps LayerNorm for RMSNorm"}


FUNCTION = """def f(x, loader, optimiser):
    seen = 0
    for batch in loader:
        # once more
        x = x + layer(x)
        x *= 2.0
        log(x)
        seen += 1
        y = x
        device = torch.device(burst.device)
        optimiser.step()
    return x
"""


def test_only_statements_that_leave_all_names_bound_are_dropped():
    assert set(children(drop, FUNCTION)) == {
        "drops `x = x + layer(x)` in `f`",
        "drops `x *= 2.0` in `f`",
        "drops `log(x)` in `f`",
    }


def test_a_repeated_statement_stands_twice_its_comment_once():
    made = children(duplicate, FUNCTION)
    assert set(made) == {"repeats `x = x + layer(x)` in `f`", "repeats `x *= 2.0` in `f`"}
    child = made["repeats `x = x + layer(x)` in `f`"]
    assert child == FUNCTION.replace("x = x + layer(x)\n", "x = x + layer(x)\n        x = x + layer(x)\n")


def test_the_only_statement_of_a_body_is_never_dropped():
    assert not children(drop, "def f(x):\n    log(x)\n\n\nif a:\n    log(a)\n    log(b)\n")


# Two parents


FIRST = """A = 1  # tune: int 0..9
B = 1  # tune: int 0..9


class Block:
    size = A


def train(burst):
    return Block
"""
SECOND = """import math

A = 2  # tune: int 0..9
B = 1  # tune: int 0..9
UNIT = 3.0  # tune: 1..4
SCALE = UNIT * 2
OTHER = 5


class Block:
    size = math.pi * SCALE


def train(burst):
    return Block
"""


def test_a_definition_comes_over_with_the_names_that_it_needs():
    made = children(lambda one, rng: recombine(one, SECOND, rng), FIRST)
    child = made["takes `Block` from the second parent"]
    needed = "import math\nUNIT = 3.0  # tune: 1..4\nSCALE = UNIT * 2\n"
    assert child.replace("\n", "").startswith((FIRST.split("\n\n\nclass")[0] + needed).replace("\n", ""))
    assert "math.pi * SCALE" in child
    assert "OTHER" not in child
    namespace = {}
    exec(child, namespace)
    assert namespace["train"](None).size > 18


def test_values_come_over_alone():
    made = children(lambda one, rng: recombine(one, SECOND, rng), FIRST)
    assert made["takes A 1 -> 2 from the second parent"] == FIRST.replace("A = 1", "A = 2")
    assert set(made) == {"takes A 1 -> 2 from the second parent", "takes `Block` from the second parent"}


def test_a_value_that_the_first_parent_does_not_allow_stays():
    assert recombine("A = 1  # tune: int 0..9\n", "A = 20  # tune: int 0..99\n", generator()) is None


def test_parents_that_differ_in_one_value_have_nothing_to_exchange(context_of, source):
    result = proposed(Recombine(), context_of(source, source.replace("DEPTH = 4", "DEPTH = 6")))
    assert (result.kind, result.reason) == (RefusalKind.NOTHING, "the parents have nothing to exchange")


@given(SEEDS)
@QUICK
def test_a_recombined_child_is_sound_and_neither_parent(seed):
    edited = recombine(FIRST, SECOND, generator(seed))
    assert edited is not None
    assert is_sound(edited.source, [FIRST, SECOND])
    cst.parse_module(edited.source)
