import asyncio

import numpy as np

from operators.chat import Model, ReplyForm
from operators.proposal import Proposal, RefusalKind
from operators.repair import Repair
from population.variant import Failure, FailureKind

BROKEN = "def train(burst):\n    return modell\n"
FAILURE = Failure(FailureKind.EXCEPTION, "NameError: name 'modell' is not defined", 'File "train.py", line 2')
EDIT = "Hypothesis: a typo\n<<<<<<< SEARCH\n    return modell\n=======\n    return model\n>>>>>>> REPLACE\n"


def proposed(operator, context):
    return asyncio.run(operator.propose(context, np.random.default_rng(0)))


def test_the_broken_child_is_repaired_with_its_failure_in_view(chat, context_of, parent_of):
    scripted = chat([EDIT])
    context = context_of(parents=(parent_of(BROKEN, score=None, failure=FAILURE),))
    result = proposed(Repair(scripted), context)
    assert result == Proposal(BROKEN.replace("modell", "model"), "a typo", "repair", "openai/big")
    text = scripted.asked[0].messages[1][1]
    assert "exception: NameError: name 'modell' is not defined" in text
    assert 'File "train.py", line 2' in text


def test_it_asks_once_under_the_number_of_the_birth(chat, context_of, parent_of):
    scripted = chat(["no", EDIT])
    context = context_of(parents=(parent_of(BROKEN, score=None, failure=FAILURE),), number=7)
    assert proposed(Repair(scripted), context).kind is RefusalKind.REPLY
    assert [ask.number for ask in scripted.asked] == [7]


def test_a_model_that_only_chooses_values_is_not_asked(chat, context_of, parent_of):
    scripted = chat([EDIT], Model("local/tiny", 1.0, ReplyForm.JSON, small=True))
    context = context_of(parents=(parent_of(BROKEN, score=None, failure=FAILURE),))
    result = proposed(Repair(scripted), context)
    assert result.kind is RefusalKind.NOTHING
    assert "writes no code" in result.reason
    assert not scripted.asked


def test_a_sound_variant_is_not_repaired(chat, context_of):
    result = proposed(Repair(chat([EDIT])), context_of(BROKEN))
    assert (result.kind, result.reason) == (RefusalKind.NOTHING, "v1 did not fail")
