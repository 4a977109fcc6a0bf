import asyncio
import json

import numpy as np
import pytest

from operators.chat import Model, ReplyForm
from operators.mutate import LISTED, Mutate, choice_schema
from operators.proposal import Attempt, Proposal, Refusal, RefusalKind
from population.genome import parse_tunables, values_of

WHOLE = Model("openai/plain", 1.0, ReplyForm.WHOLE, small=False)
SMALL = Model("local/tiny", 1.0, ReplyForm.JSON, small=True)
LARGE_JSON = Model("openai/json", 1.0, ReplyForm.JSON, small=False)
SMALL_WHOLE = Model("local/half", 1.0, ReplyForm.WHOLE, small=True)
DEPTH = "DEPTH = 4              # tune: int 2..12"
EDIT = f"Hypothesis: deeper\n<<<<<<< SEARCH\n{DEPTH}\n=======\n{{}}\n>>>>>>> REPLACE\n"


def proposed(operator, context, seed=0):
    return asyncio.run(operator.propose(context, np.random.default_rng(seed)))


def test_a_diff_becomes_a_proposal(chat, context_of, source):
    scripted = chat([EDIT.format("DEPTH = 5  # tune: int 2..12")])
    result = proposed(Mutate(scripted), context_of(source))
    child = source.replace("DEPTH = 4              #", "DEPTH = 5  #")
    assert result == Proposal(child, "deeper", "mutate", "openai/big")
    ask = scripted.asked[0]
    assert (ask.operator, ask.form, ask.schema, ask.messages[0][0]) == (
        "mutate",
        ReplyForm.DIFF,
        None,
        "system",
    )


def test_a_named_model_is_asked_in_its_own_form(chat, context_of, source):
    child = source.replace("DEPTH = 4", "DEPTH = 5")
    scripted = chat([f"```python\n{child}```"])
    result = proposed(Mutate(scripted, WHOLE), context_of(source))
    assert result == Proposal(child, "changes 1 line near `DEPTH`", "mutate", "openai/plain")
    assert scripted.asked[0].form is ReplyForm.WHOLE


def test_silence_is_a_refusal(chat, context_of, source):
    result = proposed(Mutate(chat([])), context_of(source))
    assert result == Refusal(RefusalKind.LLM, "the script is over", "mutate", "openai/big")


def test_a_reply_that_does_not_apply_is_a_refusal_with_its_hypothesis(chat, context_of, source):
    scripted = chat([EDIT.format(DEPTH)])
    result = proposed(Mutate(scripted), context_of(source))
    assert result == Refusal(
        RefusalKind.UNCHANGED, "the edit changes nothing", "mutate", "openai/big", "deeper"
    )


def test_a_proposal_and_every_refusal_say_what_the_reply_cost(chat, context_of, source):
    scripted = chat([EDIT.format("DEPTH = 5  # tune: int 2..12"), EDIT.format(DEPTH)], dollars=0.25)
    results = [proposed(Mutate(scripted), context_of(source)) for _ in range(3)]
    assert [type(one) for one in results] == [Proposal, Refusal, Refusal]
    assert [one.dollars for one in results] == [0.25, 0.25, 0.25]


def test_a_small_model_chooses_a_tunable_by_schema(chat, context_of, source):
    scripted = chat([json.dumps({"tunable": "WIDTH", "value": 192})], SMALL)
    result = proposed(Mutate(scripted), context_of(source))
    assert result == Proposal(source.replace("128 ", "192 "), "WIDTH 128 -> 192", "mutate", "local/tiny")
    branches = scripted.asked[0].schema["anyOf"]
    assert all(list(branch["properties"]) == ["tunable", "value"] for branch in branches)


def test_every_offer_to_a_small_model_can_be_taken(chat, context_of, source):
    scripted = chat([], SMALL)
    proposed(Mutate(scripted), context_of(source))
    branches = [branch["properties"] for branch in scripted.asked[0].schema["anyOf"]]
    assert {branch["tunable"]["const"] for branch in branches} == set(values_of(source))
    for branch in branches:
        for value in branch["value"]["enum"]:
            reply = json.dumps({"tunable": branch["tunable"]["const"], "value": value})
            assert isinstance(proposed(Mutate(chat([reply], SMALL)), context_of(source)), Proposal)


def test_a_large_model_in_json_form_writes_its_own_number(chat, context_of, source):
    scripted = chat([], LARGE_JSON)
    proposed(Mutate(scripted), context_of(source))
    assert list(scripted.asked[0].schema["properties"]) == ["tunable", "value", "hypothesis"]
    assert "WIDTH = 128, whole numbers 64 to 512 in steps of 64" in scripted.asked[0].messages[0][1]


def test_a_few_tunables_are_shown_drawn_anew_each_time(chat, context_of):
    many = "".join(f"N{i} = 1  # tune: int 0..9\n" for i in range(20))
    scripted = chat([], LARGE_JSON)
    for seed in (0, 0, 1):
        proposed(Mutate(scripted), context_of(many), seed)
    names = [ask.schema["properties"]["tunable"]["enum"] for ask in scripted.asked]
    assert len(names[0]) == LISTED
    assert names[0] == names[1] != names[2]


def test_a_small_model_has_nothing_to_choose_without_tunables(chat, context_of):
    result = proposed(Mutate(chat([], SMALL)), context_of("x = 1\n"))
    assert (result.kind, result.reason) == (RefusalKind.NOTHING, "the parent has no tunables to choose from")


def test_a_small_model_that_writes_code_is_shown_less(chat, context_of, parent_of, source):
    attempts = tuple(Attempt(f"idea {i}", "worse") for i in range(9))
    context = context_of(source, inspirations=(parent_of(source + "x = 1\n"),), attempts=attempts)
    lengths = []
    for model in (SMALL_WHOLE, WHOLE):
        scripted = chat([], model)
        proposed(Mutate(scripted), context)
        text = scripted.asked[0].messages[1][1]
        lengths.append((text.count("- idea"), "+x = 1" in text))
    assert lengths == [(3, False), (9, True)]


@pytest.mark.parametrize("model", [WHOLE, SMALL])
def test_the_model_is_asked_under_the_number_of_the_birth(chat, context_of, source, model):
    scripted = chat([], model)
    proposed(Mutate(scripted), context_of(source, number=7))
    assert scripted.asked[0].number == 7


def test_the_schema_takes_numbers_words_or_both(source):
    tunables = {t.name: t for t in parse_tunables(source)}
    number, word = tunables["DEPTH"], tunables["ACTIVATION"]
    words = {"type": "string", "enum": ["gelu", "relu2", "silu"]}
    assert choice_schema([number])["properties"]["value"] == {"type": "number"}
    assert choice_schema([word])["properties"]["value"] == words
    assert choice_schema([number, word])["properties"]["value"] == {"anyOf": [{"type": "number"}, words]}
