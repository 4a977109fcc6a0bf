"""The seed compiles, offers its numbers to be tuned, learns, and keeps the contract."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest
import torch

from evolve.tasks.scoring import Held, bits_per_byte, cuts
from population.genome import parse_tunables, with_values

SOURCE = (Path(__file__).parents[2] / "train.py").read_text()


class TinyBurst:
    """A burst of a few tokens over a text that counts in words."""

    vocab_size = 256
    device = "cpu"
    seed = 0
    seconds = 60.0

    def __init__(self, tokens: int, context: int = 32) -> None:
        self.context = context
        self.budget = tokens
        self.spent = 0
        self.losses: list[float] = []
        words = b"one two three four five six seven eight nine ten\n"
        self.data = torch.frombuffer(bytearray(words * 200), dtype=torch.uint8)
        self.generator = torch.Generator().manual_seed(0)

    def batch(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(self.data) - self.context, (rows, 1), generator=self.generator)
        windows = self.data[starts + torch.arange(self.context + 1)].long()
        self.spent += rows * self.context
        return windows[:, :-1], windows[:, 1:]

    def progress(self) -> float:
        return min(1.0, self.spent / self.budget)

    def report(self, loss: float) -> None:
        self.losses.append(loss)


def train(burst: TinyBurst, **values: float | str) -> torch.nn.Module:
    module = types.ModuleType("train")
    exec(compile(with_values(SOURCE, values), "train.py", "exec"), module.__dict__)
    return module.train(burst).eval()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained() -> tuple[torch.nn.Module, TinyBurst]:
    burst = TinyBurst(tokens=12_000)
    return train(burst, DEPTH=2), burst


def test_its_numbers_can_be_tuned():
    tunables = {tunable.name: tunable for tunable in parse_tunables(SOURCE)}
    assert {"DEPTH", "WIDTH", "BATCH", "MUON_LR", "WARMDOWN", "ACTIVATION"} <= set(tunables)
    assert tunables["MUON_LR"].log
    assert tunables["ACTIVATION"].choices == ("relu2", "gelu", "silu")


def test_it_learns_from_a_few_tokens(trained):
    _, burst = trained
    assert burst.losses[0] == pytest.approx(np.log(256), abs=0.01)
    assert burst.losses[-1] < 2.0


def test_its_answers_keep_the_rules_and_beat_uniform_bytes(trained):
    model, burst = trained
    text = burst.data.numpy()

    def ask(tokens: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(tokens)).numpy()

    windows = text[np.arange(32)[:, None] * 33 + np.arange(33)].astype(np.int64)
    held = Held(windows, windows[:0], text, cuts(len(windows), 32, np.random.default_rng(0)))
    assert bits_per_byte(ask, held, 256, np.random.default_rng(0)) < 4.0


def test_the_same_seed_and_tokens_give_the_same_model():
    one, two = (train(TinyBurst(tokens=2000)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "values",
    [
        {"WIDTH": 32, "HEAD_DIM": 128, "DEPTH": 1, "MLP_RATIO": 1},  # a head wider than the stream
        {"WIDTH": 160, "HEAD_DIM": 64},  # heads that do not divide the stream
        {"WIDTH": 256, "DEPTH": 1, "MLP_RATIO": 6},
        {"DEPTH": 12, "WIDTH": 32, "HEAD_DIM": 16},
        {"ACTIVATION": "gelu", "BATCH": 128},
        {"ACTIVATION": "silu", "WARMDOWN": 1.0, "FINAL_LR": 0.0, "WARMUP": 0.2},
    ],
)
def test_any_combination_of_its_numbers_is_a_model(values):
    burst = TinyBurst(tokens=600)
    logits = train(burst, **values)(torch.zeros(2, 7, dtype=torch.int64))
    assert logits.shape == (2, 7, 256)
    assert torch.isfinite(logits).all()
