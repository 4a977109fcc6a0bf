"""Coins tell a model that peeks from one that does not, whatever it remembers."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.tasks.audit import SHARED, evidence, stitch

CONTEXT = 200


@pytest.fixture(scope="module")
def text() -> np.ndarray:
    syllables = [(first + second).encode() for first in "bdgklmnst " for second in "aeiou\n"]
    picked = np.random.default_rng(3).integers(len(syllables), size=10_000)
    return np.frombuffer(b"".join(syllables[number] for number in picked), dtype=np.uint8)


def certain_of(tokens: np.ndarray, stitched) -> np.ndarray:
    """Answers that put nearly all on these tokens at the coins."""
    answers = np.full((*stitched.rows.shape, 256), -9.0, dtype=np.float32)
    answers[stitched.at[:, 0], stitched.at[:, 1] - 1, tokens] = -0.1
    return answers


def test_the_byte_shown_is_the_one_in_the_row_and_the_other_one_differs(text):
    stitched = stitch(text, 20, CONTEXT, np.random.default_rng(0))
    assert len(stitched.at) > 60
    assert (stitched.rows[stitched.at[:, 0], stitched.at[:, 1]] == stitched.shown).all()
    assert (stitched.shown != stitched.other).all()


def test_both_bytes_follow_the_same_bytes_somewhere_in_the_text(text):
    whole = text.tobytes()
    stitched = stitch(text, 20, CONTEXT, np.random.default_rng(0))
    for (row, at), shown, other in zip(stitched.at, stitched.shown, stitched.other, strict=True):
        if at < SHARED:
            continue
        before = stitched.rows[row, at - SHARED : at].astype(np.uint8).tobytes()
        assert before + bytes([shown]) in whole
        assert before + bytes([other]) in whole


def test_a_model_that_knows_the_byte_shown_stands_far_out(text):
    stitched = stitch(text, 16, CONTEXT, np.random.default_rng(1))
    assert evidence(stitched, certain_of(stitched.shown, stitched)) > 6


def test_a_model_that_is_sure_of_the_same_byte_whatever_the_coin_does_not(text):
    for seed in range(20):
        stitched = stitch(text, 16, CONTEXT, np.random.default_rng(seed))
        assert abs(evidence(stitched, certain_of(np.maximum(stitched.shown, stitched.other), stitched))) < 5


def test_a_model_that_mixes_in_a_little_of_the_byte_shown_stands_out_too(text):
    stitched = stitch(text, 16, CONTEXT, np.random.default_rng(1))
    rows, positions = stitched.at[:, 0], stitched.at[:, 1] - 1
    likely = np.random.default_rng(2).choice(256, size=len(rows))
    chances = np.full((*stitched.rows.shape, 256), 1e-5)
    chances[rows, positions, likely] = 0.9
    honest = np.log(chances).astype(np.float32)
    chances[rows, positions, stitched.shown] += 0.02
    assert abs(evidence(stitched, honest)) < 5
    assert evidence(stitched, np.log(chances).astype(np.float32)) > 6


def test_a_model_without_any_preference_gives_no_evidence(text):
    stitched = stitch(text, 16, CONTEXT, np.random.default_rng(2))
    assert evidence(stitched, np.full((16, CONTEXT, 256), -np.log(256), dtype=np.float32)) == 0.0


def test_even_the_shortest_windows_have_coins(text):
    assert len(stitch(text, 16, 8, np.random.default_rng(0)).at) > 40


def test_text_that_never_goes_on_in_two_ways_has_no_coins():
    text = np.tile(np.arange(50, dtype=np.uint8), 20)
    assert len(stitch(text, 4, 100, np.random.default_rng(0)).at) == 0
