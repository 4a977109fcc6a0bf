import asyncio
import json

import numpy as np
import pytest

from operators.chat import Model, ReplyForm
from operators.crossover import LISTED, Crossover
from operators.proposal import Proposal, RefusalKind

WHOLE = Model("openai/plain", 1.0, ReplyForm.WHOLE, small=False)
SMALL = Model("local/tiny", 1.0, ReplyForm.JSON, small=True)
LARGE_JSON = Model("openai/json", 1.0, ReplyForm.JSON, small=False)


def proposed(operator, context, seed=0):
    return asyncio.run(operator.propose(context, np.random.default_rng(seed)))


@pytest.fixture
def second(source):
    return source.replace("DEPTH = 4", "DEPTH = 6").replace("0.9 ", "0.8 ")


def test_a_model_sees_both_parents_and_edits_the_first(chat, context_of, source, second):
    child = source.replace("0.9 ", "0.8 ")
    scripted = chat([f"Hypothesis: calm\n```python\n{child}```"], WHOLE)
    result = proposed(Crossover(scripted), context_of(source, second))
    assert result == Proposal(child, "calm", "crossover", "openai/plain")
    text = scripted.asked[0].messages[1][1]
    assert source.strip() in text
    assert second.strip() in text


def test_a_child_that_is_its_second_parent_is_refused(chat, context_of, source, second):
    result = proposed(Crossover(chat([f"```python\n{second}```"], WHOLE)), context_of(source, second))
    assert (result.kind, result.reason) == (RefusalKind.UNCHANGED, "the child is its second parent")


def test_a_small_model_chooses_between_the_parents_values(chat, context_of, source, second):
    reply = json.dumps({"DEPTH": "b", "MOMENTUM": "a"})
    scripted = chat([reply], SMALL)
    result = proposed(Crossover(scripted), context_of(source, second))
    child = source.replace("DEPTH = 4", "DEPTH = 6")
    assert result == Proposal(child, "DEPTH 4 -> 6", "crossover", "local/tiny")
    branches = [branch["properties"] for branch in scripted.asked[0].schema["anyOf"]]
    assert all(list(branch) == ["DEPTH", "MOMENTUM"] for branch in branches)
    assert [branch["DEPTH"]["enum"] for branch in branches] == [["b"], ["a", "b"]]


@pytest.mark.parametrize("model", [WHOLE, SMALL])
def test_the_model_is_asked_under_the_number_of_the_birth(chat, context_of, source, second, model):
    scripted = chat([], model)
    proposed(Crossover(scripted), context_of(source, second, number=7))
    assert scripted.asked[0].number == 7


def test_a_model_decides_on_a_few_tunables_at_once(chat, context_of):
    first, second = ("".join(f"N{i} = {v}  # tune: int 0..9\n" for i in range(20)) for v in (1, 2))
    scripted = chat([], LARGE_JSON)
    proposed(Crossover(scripted), context_of(first, second))
    assert len(scripted.asked[0].schema["required"]) == LISTED + 1


@pytest.mark.parametrize("model", [WHOLE, SMALL])
def test_parents_of_one_text_are_refused_unasked(chat, context_of, source, model):
    scripted = chat([], model)
    result = proposed(Crossover(scripted), context_of(source, source))
    assert result.kind is RefusalKind.NOTHING
    assert not scripted.asked


def test_a_small_model_is_not_asked_when_at_most_one_value_differs_and_nothing_else(chat, context_of, source):
    scripted = chat([], SMALL)
    result = proposed(Crossover(scripted), context_of(source, source.replace("DEPTH = 4", "DEPTH = 6")))
    assert (result.kind, result.reason) == (RefusalKind.NOTHING, "the parents differ in one value only")
    assert not scripted.asked


def test_a_small_model_is_not_asked_when_all_values_agree(chat, context_of, source):
    result = proposed(Crossover(chat([], SMALL)), context_of(source, source + "x = 1\n"))
    assert (result.kind, result.reason) == (RefusalKind.NOTHING, "the parents agree on all tunables")
