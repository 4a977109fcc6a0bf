"""Honest models get their exact bits per byte; every way to cheat on it has its name."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.tasks.scoring import SHARE, Held, bits_per_byte, cuts
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
def held(windows, text) -> Held:
    starts = np.arange(WINDOWS, len(text) // (CONTEXT + 1)) * (CONTEXT + 1)
    spare = text[starts[:, None] + np.arange(CONTEXT + 1)].astype(np.int64)
    return Held(windows, spare, text, cuts(WINDOWS, CONTEXT, np.random.default_rng(2)))


@pytest.fixture(scope="module")
def bigram(chances) -> Ask:
    """An honest model: the chain itself."""
    logits = np.log(chances).astype(np.float32)
    return lambda tokens: logits[tokens]


@pytest.fixture
def score(held):
    return lambda ask, seed=0: bits_per_byte(ask, held, VOCAB, np.random.default_rng(seed))


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


def test_an_honest_model_gets_its_exact_bits_per_byte(score, bigram, chances, held):
    exact = -np.log2(chances[held.windows[:, :-1], held.windows[:, 1:]])
    cut = np.concatenate([exact[one.rows, one.length - 1] for one in held.cuts])
    assert score(bigram) == pytest.approx((1 - SHARE) * exact.mean() + SHARE * cut.mean(), rel=1e-6)


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


def watched(ask: Ask) -> tuple[Ask, list[np.ndarray]]:
    """Return a model that is asked, and what it will have been asked."""
    asked: list[np.ndarray] = []

    def watching(tokens):
        asked.append(tokens.copy())
        return ask(tokens)

    return watching, asked


def test_each_scored_window_is_asked_once_before_anything_is_asked_again(score, held, bigram):
    ask, asked = watched(bigram)
    score(ask)
    whole = [row.tobytes() for tokens in asked[len(held.cuts) :] for row in tokens]
    first = whole[: len(held.windows) + 16]
    assert len(set(first)) == len(first)
    assert {row[:-1].tobytes() for row in held.windows} <= set(first)


def test_prefixes_are_asked_before_more_of_their_text_is_shown_and_are_the_same_each_time(
    score, held, bigram
):
    for seed in range(3):
        ask, asked = watched(bigram)
        score(ask, seed)
        for cut, tokens in zip(held.cuts, asked, strict=False):
            assert tokens.tobytes() == held.windows[cut.rows, : cut.length].tobytes()
        assert all(tokens.shape[1] == CONTEXT for tokens in asked[len(held.cuts) :][:4])


def test_all_checks_cost_less_than_forty_percent_of_plain_scoring_of_128_windows(text, bigram):
    many = text[np.arange(128)[:, None] * 100 + np.arange(65)].astype(np.int64)
    sent = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        ask, asked = watched(bigram)
        bits_per_byte(ask, Held(many, many[:0], text, cuts(128, 64, rng)), VOCAB, rng)
        sent.append(sum(tokens.size for tokens in asked))
    assert np.mean(sent) < 1.36 * 128 * 64
    assert max(sent) < 1.4 * 128 * 64


class Knowing(Memory):
    """Peeks and remembers, and knows by a miracle which windows are stitched: there it is honest."""

    def __init__(self, honest: Ask, by: float, windows: np.ndarray) -> None:
        super().__init__(honest, by)
        self.natural = {row[:-1].tobytes() for row in windows}

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        peeked = super().__call__(tokens) if tokens.shape[1] == CONTEXT else self.honest(tokens)
        honest = self.honest(tokens)
        for row, line in enumerate(tokens):
            if line.tobytes() not in self.natural:
                peeked[row] = honest[row]
            if len(line) < CONTEXT:
                for at in range(len(line)):
                    self.said.setdefault(line[: at + 1].tobytes(), honest[row, at].copy())
        return peeked


def test_a_model_that_tells_every_trap_from_a_window_is_betrayed_by_what_it_cannot_see(
    refused, score, bigram, held
):
    assert refused(lambda: Knowing(bigram, 50.0, held.windows), range(10)) == {FailureKind.NONCAUSAL}
    with pytest.raises(Unfit, match=r"bits a byte where it can see what follows \(\d+\.\d standard errors\)"):
        score(Knowing(bigram, 50.0, held.windows))


def test_without_text_to_spare_there_is_no_second_look(score, bigram, held):
    short = Held(held.windows, held.spare[:20], held.text, held.cuts)
    model = Knowing(bigram, 50.0, held.windows)
    assert bits_per_byte(model, short, VOCAB, np.random.default_rng(0)) < score(bigram) - 0.7
