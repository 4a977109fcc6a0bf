import pytest

from operators.chat import Model, ReplyForm
from operators.portfolio import Arm, arms_of, forms_of, offered

GOOD, PAIR, PLAIN = Arm("mutate", "big", "diff"), Arm("crossover", "big", "diff"), Arm("syntactic")
BIG, TINY = Model("big", 2.0, ReplyForm.DIFF, False), Model("tiny", 1.0, ReplyForm.JSON, True)


def test_an_arm_that_needs_two_parents_is_not_offered_with_one():
    arity = {"mutate": 1, "crossover": 2, "syntactic": 1}
    assert offered((GOOD, PAIR, PLAIN), arity, scored=1) == (GOOD, PLAIN)
    assert offered((GOOD, PAIR, PLAIN), arity, scored=2) == (GOOD, PAIR, PLAIN)


def test_arms_join_operators_with_the_models_whose_form_they_can_use():
    prompted = {"mutate": frozenset(ReplyForm), "code": frozenset({ReplyForm.DIFF})}
    assert arms_of(prompted, {"syntactic": 0.5}, [BIG, TINY]) == {
        Arm("mutate", "big", "diff"): 1.0,
        Arm("mutate", "tiny", "json"): 0.5,
        Arm("code", "big", "diff"): 1.0,
        Arm("syntactic"): 0.5,
    }


def test_each_form_of_reply_is_an_arm_of_its_own_the_second_one_lighter():
    prompted = {"mutate": frozenset(ReplyForm)}
    assert arms_of(prompted, {}, forms_of(BIG, free=True)) == {
        Arm("mutate", "big", "diff"): 1.0,
        Arm("mutate", "big", "whole"): pytest.approx(0.3),
    }


def test_without_models_the_plain_operators_are_left():
    assert arms_of({"mutate": frozenset(ReplyForm)}, {"syntactic": 0.5}, []) == {Arm("syntactic"): 0.5}


@pytest.mark.parametrize(
    ("form", "free", "forms"),
    [
        (ReplyForm.DIFF, True, [ReplyForm.DIFF, ReplyForm.WHOLE]),
        (ReplyForm.JSON, True, [ReplyForm.JSON, ReplyForm.WHOLE]),
        (ReplyForm.WHOLE, True, [ReplyForm.WHOLE]),
        (ReplyForm.DIFF, False, [ReplyForm.DIFF]),
    ],
)
def test_whole_files_are_tried_beside_the_usual_form_where_one_may(form, free, forms):
    models = forms_of(Model("big", 2.0, form, False), free)
    assert [model.form for model in models] == forms
    assert {model.name for model in models} == {"big"}


@pytest.mark.parametrize(
    ("arm", "said"), [(GOOD, "mutate big diff"), (PLAIN, "syntactic"), (Arm("repair", "big"), "repair big")]
)
def test_an_arm_says_what_it_is(arm, said):
    assert str(arm) == said
