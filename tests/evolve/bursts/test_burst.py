"""A burst counts its budget, draws the same batches under the same seed, and thins what it reports."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bursts.burst import Burst

DATA = torch.arange(1000, dtype=torch.int64).remainder(256).to(torch.uint8)


class Bench:
    """A burst with a clock that is set by hand."""

    def __init__(
        self, seconds: float = 10.0, tokens: int | None = None, smoke: bool = False, seed: int = 0
    ) -> None:
        self.now = 100.0
        self.points: list[tuple[float, float, int]] = []
        self.burst = Burst(
            DATA,
            vocab_size=256,
            context=16,
            device="cpu",
            seed=seed,
            seconds=seconds,
            tokens=tokens,
            smoke=smoke,
            send=lambda *point: self.points.append(point),
            clock=lambda: self.now,
        )


def test_progress_in_seconds_follows_the_clock_and_ends_at_one() -> None:
    bench = Bench(seconds=10.0)
    assert bench.burst.progress() == 0.0
    bench.now += 2.5
    assert bench.burst.progress() == 0.25
    bench.burst.batch(8)
    assert bench.burst.progress() == 0.25
    bench.now += 100.0
    assert bench.burst.progress() == 1.0


def test_progress_in_tokens_follows_the_batches_and_ends_at_one() -> None:
    bench = Bench(tokens=64)
    bench.now += 100.0
    assert bench.burst.progress() == 0.0
    bench.burst.batch(1)
    assert bench.burst.progress() == 0.25
    bench.burst.count(16)
    assert bench.burst.progress() == 0.5
    bench.burst.batch(100)
    assert bench.burst.progress() == 1.0


def test_a_smoke_burst_ends_after_one_batch() -> None:
    bench = Bench(smoke=True)
    assert bench.burst.progress() == 0.0
    bench.burst.batch(1)
    assert bench.burst.progress() == 1.0


def test_a_smoke_burst_ends_soon_without_any_batch() -> None:
    bench = Bench(smoke=True, tokens=10)
    bench.now += 0.6
    assert bench.burst.progress() == 1.0


def test_a_batch_is_windows_of_the_data_and_targets_one_byte_later() -> None:
    inputs, targets = Bench().burst.batch(5)
    assert inputs.shape == targets.shape == (5, 16)
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(targets, (inputs + 1) % 256)  # the data counts


def test_batches_reach_the_first_byte_and_the_last() -> None:
    seen = torch.zeros(256, dtype=torch.bool)
    short = Bench().burst
    short.data = torch.arange(20, dtype=torch.uint8)
    inputs, targets = short.batch(200)
    seen[inputs.flatten()] = True
    seen[targets.flatten()] = True
    assert seen.nonzero().flatten().tolist() == list(range(20))


def test_batches_are_the_same_under_the_same_seed_whatever_else_is_drawn() -> None:
    one, other = Bench(seed=3).burst, Bench(seed=3).burst
    for _ in range(3):
        torch.rand(7)
        assert torch.equal(one.batch(4)[0], other.batch(4)[0])


def test_batches_differ_under_another_seed() -> None:
    assert not torch.equal(Bench(seed=3).burst.batch(4)[0], Bench(seed=4).burst.batch(4)[0])


def test_tokens_are_counted_over_batches_and_by_hand() -> None:
    burst = Bench().burst
    burst.batch(3)
    burst.count(5)
    assert burst.spent == 3 * 16 + 5


@pytest.mark.parametrize("tokens", [-1, 1 << 60, float("nan")])
def test_a_number_of_tokens_that_cannot_be_is_refused(tokens: int) -> None:
    with pytest.raises(ValueError, match="the number of tokens trained on"):
        Bench().burst.count(tokens)


def test_a_report_holds_progress_loss_and_tokens() -> None:
    bench = Bench(tokens=64)
    bench.burst.batch(1)
    bench.burst.report(torch.tensor(2.5, requires_grad=True))
    assert bench.points == [(0.25, 2.5, 16)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.0, 0.2), max_size=400))
def test_reports_are_thinned_to_one_for_each_hundredth(steps: list[float]) -> None:
    bench = Bench(seconds=10.0)
    for step in steps:
        bench.burst.report(1.0)
        bench.now += step
    hundredths = [int(progress * 100 + 1e-9) for progress, _, _ in bench.points]
    assert len(set(hundredths)) == len(hundredths) <= 101
    assert hundredths == sorted(hundredths)
    if steps:
        assert hundredths[0] == 0
