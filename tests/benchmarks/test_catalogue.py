from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.peers.catalogue import EDITS, mix, propose, put, set_number
from benchmarks.peers.landscapes import landscape
from benchmarks.peers.reading import Broken, Reading, numbers, read
from benchmarks.peers.sites import BROKEN, SEED_SOURCE, by_name


def choices_of(source: str) -> dict[str, str]:
    reading = read(source)
    assert isinstance(reading, Reading)
    return dict(reading.choices)


def edited(*names: str) -> str:
    source = SEED_SOURCE
    for name in names:
        site, _, option = name.partition("=")
        source = put(source, by_name()[site], by_name()[site].options[option]) or ""
    return source


def test_there_are_about_forty_structural_edits() -> None:
    fitting = [edit for edit in EDITS if edit.apply(SEED_SOURCE) is not None]
    assert 40 <= len(fitting) <= 50
    assert len({edit.apply(SEED_SOURCE) for edit in fitting}) == len(fitting)


def test_an_edit_changes_its_site_alone_and_can_be_taken_back() -> None:
    for edit in EDITS:
        changed = edit.apply(SEED_SOURCE)
        if changed is None:
            continue
        own = choices_of(SEED_SOURCE)
        assert choices_of(changed) == {**own, edit.site.name: edit.option}
        assert put(changed, edit.site, edit.site.options[edit.site.default]) == SEED_SOURCE


def test_a_number_is_set_where_it_stands_and_keeps_its_mark() -> None:
    rate = numbers()[0]
    changed = set_number(SEED_SOURCE, rate, 0.005)
    assert changed is not None
    assert "LEARNING_RATE = 0.005  # tune: log 0.0001..0.1\n" in changed
    reading = read(changed)
    assert isinstance(reading, Reading)
    assert reading.values["LEARNING_RATE"] == 0.005


def test_replies_have_the_shares_that_are_promised() -> None:
    rng = random.Random(0)
    count = 2000
    kinds = Counter(propose(SEED_SOURCE, (), rng).kind for _ in range(count))
    expected = {"malformed": 0.1, "breaking": 0.1, "structural": 0.48, "numeric": 0.32}
    assert set(kinds) == set(expected)
    for kind, share in expected.items():
        assert kinds[kind] / count == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("combine", "share"), [(True, 0.48), (False, 0.12)])
def test_another_program_in_the_prompt_may_be_mixed_in(combine: bool, share: float) -> None:
    rng = random.Random(0)
    other = edited("norm=rms", "head=tied")
    kinds = Counter(propose(SEED_SOURCE, (other,), rng, combine).kind for _ in range(1500))
    assert kinds["mix"] / 1500 == pytest.approx(share, abs=0.04)


def test_replies_change_the_program_and_break_it_only_when_they_should() -> None:
    rng = random.Random(1)
    where = landscape("interplay", 0)
    for _ in range(100):
        reply = propose(SEED_SOURCE, (), rng)
        assert reply.source != SEED_SOURCE
        truth = where.truth(reply.source)
        if reply.kind == "breaking":
            assert isinstance(truth, Broken)
        elif isinstance(truth, Broken):
            assert truth.message == "the loss is not finite"


def test_a_mix_takes_sites_and_numbers_of_the_other_program_and_nothing_else() -> None:
    first, second = edited("norm=rms", "activation=silu"), edited("head=tied", "activation=relu")
    second = set_number(second, numbers()[0], 0.01) or ""
    rng = random.Random(0)
    seen = set()
    for _ in range(40):
        child, _ = mix(first, second, rng) or ("", "")
        choices = choices_of(child)
        for site, option in choices.items():
            assert option in (choices_of(first)[site], choices_of(second)[site])
        seen.add((choices["norm"], choices["activation"], choices["head"], "LEARNING_RATE = 0.01 " in child))
    assert len(seen) > 8
    assert mix(first, first, rng) is None


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_program_is_mostly_put_right(broken: object) -> None:
    source = put(SEED_SOURCE, by_name()[broken.site], broken.code)  # type: ignore[attr-defined]
    assert source is not None
    rng = random.Random(0)
    replies = [propose(source, (), rng) for _ in range(100)]
    mended = [reply for reply in replies if reply.kind == "repair"]
    assert 40 <= len(mended) <= 75
    assert all(isinstance(read(reply.source), Reading) for reply in mended)


def test_a_text_that_is_no_program_gets_a_reply_too() -> None:
    rng = random.Random(0)
    for _ in range(30):
        assert propose("def train(burst):\n    return None\n", (), rng).source
