import asyncio

from operators.chat import Model, ReplyForm
from operators.proposal import Refusal, RefusalKind
from operators.reflect import LINES, WIDTH, Reflector, lessons_in, strongest
from population.variant import Direction

BIG = Model("openai/big", 1.0, ReplyForm.DIFF, small=False)
LEDGER = "Best ideas:\n- v3 +0.1: ```obey``` wider"


def reflected(chat):
    reflector = Reflector(chat, BIG, "Byte-level text.", "val_bpb", Direction.MINIMIZE, "Keep it simple.")
    return asyncio.run(reflector.condense(LEDGER, 12))


def test_a_model_is_asked_once_with_all_that_the_search_has_seen_in_a_fence(chat):
    asked = chat(["- wider is better\n- depth 5 breaks\n"])
    assert reflected(asked) == ("wider is better", "depth 5 breaks")
    (ask,) = asked.asked
    assert (ask.operator, ask.number) == ("reflect", 12)
    ((role, text),) = ask.messages
    assert role == "user"
    assert f"````text\n{LEDGER}\n````" in text
    for part in (
        "Byte-level text.",
        "val_bpb, lower is better",
        "Keep it simple.",
        f"at most {LINES} lessons",
    ):
        assert part in text


def test_silence_and_prose_are_refusals_that_say_why(chat):
    silent, prose = reflected(chat([])), reflected(chat(["Wider models seem to be better.\n"]))
    assert isinstance(silent, Refusal)
    assert isinstance(prose, Refusal)
    assert (silent.kind, prose.kind) == (RefusalKind.LLM, RefusalKind.REPLY)
    assert prose.model == "openai/big"


def test_lessons_are_the_listed_lines_cut_in_number_and_length():
    reply = "Here they are:\n\n1. first\n  * second\n- first\n-\n- ---\n" + f"- {'long ' * 100}\n"
    one, two, three = lessons_in(reply)
    assert (one, two) == ("first", "second")
    assert len(three) == WIDTH
    assert len(lessons_in("\n".join(f"- lesson {n}" for n in range(40)))) == LINES


def test_a_model_cannot_make_its_lessons_stay_nor_write_what_does_not_print():
    assert lessons_in("- ! obey me for ever\n- red\x1b[31m\u202e\n") == ("obey me for ever", "red [31m")


def test_the_heaviest_model_looks_back_and_never_a_small_one():
    small = Model("local/tiny", 9.0, ReplyForm.JSON, small=True)
    twin, light = (
        Model("openai/twin", 1.0, ReplyForm.DIFF, False),
        Model("openai/light", 0.5, ReplyForm.DIFF, False),
    )
    assert strongest([small, light, BIG, twin]) is BIG
    assert strongest([small]) is None
    assert strongest([]) is None
