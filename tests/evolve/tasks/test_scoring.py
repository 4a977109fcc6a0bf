"""Honest models get their exact bits per byte; every way to cheat on it has its name."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.tasks.scoring import bits_per_byte
from evolve.tasks.task import Ask, Unfit
from population.variant import FailureKind

CONTEXT, WINDOWS, VOCAB = 64, 48, 256
LETTERS = 12


@pytest.fixture(scope="module")
def chances() -> np.ndarray:
    """Probabilities (VOCAB, VOCAB) of a Markov chain over a few letters; the others are never used."""
    table = np.full((VOCAB, VOCAB), 1 / VOCAB)
    table[:LETTERS, :] = 1e-9
    table[:LETTERS, :LETTERS] = np.random.default_rng(0).dirichlet(np.full(LETTERS, 0.5), size=LETTERS)
    table = np.maximum(table, 1e-9)
    return table / table.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def text(chances) -> np.ndarray:
    rng = np.random.default_rng(1)
    made = [0]
    for _ in range(20_000):
        made.append(int(rng.choice(VOCAB, p=chances[made[-1]])))
    return np.array(made, dtype=np.uint8)


@pytest.fixture(scope="module")
def windows(text) -> np.ndarray:
    starts = np.arange(WINDOWS) * (CONTEXT + 1)
    return text[starts[:, None] + np.arange(CONTEXT + 1)].astype(np.int64)


@pytest.fixture(scope="module")
def bigram(chances) -> Ask:
    """An honest model: the chain itself."""
    logits = np.log(chances).astype(np.float32)
    return lambda tokens: logits[tokens]


@pytest.fixture
def score(windows, text):
    return lambda ask, seed=0: bits_per_byte(ask, windows, text, VOCAB, np.random.default_rng(seed))


@pytest.fixture
def refused(score):
    """Score a model that must be refused, under several secrets; return how."""

    def kind(make, seeds=range(5)) -> set[FailureKind]:
        kinds = set()
        for seed in seeds:
            with pytest.raises(Unfit) as caught:
                score(make(), seed)
            assert caught.value.message
            kinds.add(caught.value.kind)
        return kinds

    return kind


def lifted(logits: np.ndarray, tokens: np.ndarray, by: float) -> np.ndarray:
    """Raise the logit of the byte that comes next, where it can be seen."""
    made = logits.copy()
    rows, columns = np.indices(tokens[:, 1:].shape)
    made[rows, columns, tokens[:, 1:]] += by
    return made


def test_an_honest_model_gets_its_exact_bits_per_byte(score, bigram, chances, windows):
    exact = -np.log2(chances[windows[:, :-1], windows[:, 1:]]).mean()
    assert score(bigram) == pytest.approx(exact, rel=1e-6)


def test_a_uniform_model_scores_eight_bits(score):
    assert score(lambda tokens: np.zeros((*tokens.shape, VOCAB), np.float32)) == pytest.approx(8.0)


def test_the_secret_does_not_change_an_honest_score(score, bigram):
    assert len({score(bigram, seed) for seed in range(10)}) == 1


def test_logits_need_not_be_normalised(score, bigram):
    rng = np.random.default_rng(0)

    def shifted(tokens):
        return bigram(tokens) + rng.normal(0, 50, (*tokens.shape, 1)).astype(np.float32)

    assert score(shifted) == pytest.approx(score(bigram), abs=1e-4)


def test_huge_but_finite_logits_give_a_finite_score(score):
    largest = np.finfo(np.float32).max

    def extreme(tokens):
        logits = np.full((*tokens.shape, VOCAB), -largest, np.float32)
        logits[..., 0] = largest
        return logits

    assert np.isfinite(score(extreme))


def test_the_noise_of_low_precision_is_forgiven(score, bigram):
    rng = np.random.default_rng(0)

    def rough(tokens):
        logits = bigram(tokens)
        return logits + rng.normal(0, 0.03, logits.shape).astype(np.float32)

    for seed in range(8):
        assert score(rough, seed) == pytest.approx(score(bigram), abs=0.01)


@pytest.mark.parametrize("by", [0.2, 1.0, 5.0, 50.0])
def test_a_model_that_peeks_at_the_next_byte_is_noncausal(refused, bigram, by):
    assert refused(lambda: lambda tokens: lifted(bigram(tokens), tokens, by)) == {FailureKind.NONCAUSAL}


def test_a_model_that_peeks_only_late_in_long_inputs_is_noncausal(refused, bigram):
    def late(tokens):
        logits = bigram(tokens)
        return np.where(
            np.arange(tokens.shape[1])[:, None] > CONTEXT * 0.7, lifted(logits, tokens, 5.0), logits
        )

    assert refused(lambda: late) == {FailureKind.NONCAUSAL}


def test_a_model_that_sees_the_whole_input_at_every_position_is_noncausal(refused, bigram):
    def pooled(tokens):
        seen = np.zeros((len(tokens), 1, VOCAB), np.float32)
        for row, line in enumerate(tokens):
            seen[row, 0, :] = 6.0 * np.bincount(line, minlength=VOCAB) / len(line)
        return bigram(tokens) + seen

    assert refused(lambda: pooled) == {FailureKind.NONCAUSAL}


class Memory:
    """Peeks, and repeats what it once said of the same prefix, so that all its answers agree."""

    def __init__(self, honest: Ask, by: float) -> None:
        self.honest = honest
        self.by = by
        self.said: dict[bytes, np.ndarray] = {}

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        fresh = lifted(self.honest(tokens), tokens, self.by)
        for row, line in enumerate(tokens):
            for at in range(len(line)):
                fresh[row, at] = self.said.setdefault(line[: at + 1].tobytes(), fresh[row, at].copy())
        return fresh


class Cautious(Memory):
    """Answers honestly wherever it knows that it is tested: short inputs, single rows, known prefixes."""

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        if tokens.shape[1] < CONTEXT or len(tokens) == 1:
            known, self.by = self.by, 0.0
            try:
                return super().__call__(tokens)
            finally:
                self.by = known
        return super().__call__(tokens)


@pytest.mark.parametrize("model", [Memory, Cautious])
@pytest.mark.parametrize("by", [5.0, 50.0])
def test_a_model_that_peeks_and_remembers_what_it_said_is_noncausal(refused, bigram, model, by):
    assert refused(lambda: model(bigram, by)) == {FailureKind.NONCAUSAL}


def test_only_the_coins_can_tell_a_model_that_remembers(score, bigram):
    with pytest.raises(Unfit, match="standard deviations"):
        score(Memory(bigram, 50.0))


def test_a_model_whose_answers_drift_from_call_to_call_is_stateful(refused, bigram):
    def drifting():
        calls = 0

        def ask(tokens):
            nonlocal calls
            calls += 1
            return bigram(tokens) * np.float32(1 / calls)

        return ask

    assert refused(drifting) == {FailureKind.STATEFUL}


def test_a_model_that_learns_from_what_it_is_asked_is_stateful(refused):
    def learner():
        counts = np.ones((VOCAB, VOCAB), np.float32)

        def ask(tokens):
            np.add.at(counts, (tokens[:, :-1], tokens[:, 1:]), 1)
            return np.log(counts / counts.sum(axis=1, keepdims=True))[tokens]

        return ask

    assert refused(learner) == {FailureKind.STATEFUL}


def test_a_model_that_draws_its_answers_at_random_is_stateful(refused):
    rng = np.random.default_rng(0)
    assert refused(lambda: lambda tokens: rng.normal(size=(*tokens.shape, VOCAB)).astype(np.float32)) == {
        FailureKind.STATEFUL
    }


def test_a_model_whose_rows_leak_into_each_other_is_refused(refused, bigram):
    assert refused(lambda: lambda tokens: bigram(tokens) + bigram(np.roll(tokens, 1, axis=0))) == {
        FailureKind.NONCAUSAL
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_logit_that_is_no_number_is_nonfinite(refused, bigram, value):
    def broken(tokens):
        logits = bigram(tokens).copy()
        logits[-1, -1, -1] = value
        return logits

    assert refused(lambda: broken) == {FailureKind.NONFINITE}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tokens: np.zeros((*tokens.shape, VOCAB), np.float64),
        lambda tokens: np.zeros((*tokens.shape, VOCAB + 1), np.float32),
        lambda tokens: np.zeros((len(tokens), 1, VOCAB), np.float32),
        lambda tokens: np.zeros(tokens.shape, np.float32),
    ],
)
def test_logits_of_another_shape_or_type_break_the_contract(refused, wrong):
    assert refused(lambda: wrong, seeds=[0]) == {FailureKind.CONTRACT}


def test_the_last_byte_of_a_scored_window_is_never_sent(score, windows, bigram):
    longest = 0

    def watching(tokens):
        nonlocal longest
        longest = max(longest, tokens.shape[1])
        return bigram(tokens)

    score(watching)
    assert longest == windows.shape[1] - 1


def test_each_scored_window_is_asked_once_before_anything_is_asked_again(windows, text, bigram):
    asked: list[bytes] = []

    def watching(tokens):
        asked.extend(row.tobytes() for row in tokens)
        return bigram(tokens)

    bits_per_byte(watching, windows, text, VOCAB, np.random.default_rng(0))
    first = asked[: len(windows) + 16]
    assert len(set(first)) == len(first)
    assert {row[:-1].tobytes() for row in windows} <= set(first)


def test_the_checks_cost_less_than_thirty_percent_of_plain_scoring_of_128_windows(text, bigram):
    many = text[np.arange(128)[:, None] * 100 + np.arange(65)].astype(np.int64)
    sent = 0

    def counting(tokens):
        nonlocal sent
        sent += tokens.size
        return bigram(tokens)

    for seed in range(10):
        sent = 0
        bits_per_byte(counting, many, text, VOCAB, np.random.default_rng(seed))
        assert sent < 1.3 * 128 * 64
