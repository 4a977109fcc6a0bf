"""Short real objects that the tests of the operators share."""

from dataclasses import dataclass, field

import pytest
from numpy.random import Generator

from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.proposal import Context, Parent
from population.fitness import Fitness
from population.variant import Direction, Variant

DIFF = Model("openai/big", 1.0, ReplyForm.DIFF, small=False)


@dataclass
class ScriptedChat:
    """Answers with a list of texts, one after the other, then with silence; keeps what it was asked."""

    replies: list[str]
    model: Model = DIFF
    asked: list[Ask] = field(default_factory=list)
    dollars: float = 0.0

    def pick(self, rng: Generator) -> Model:
        return self.model

    def rest(self, model: str) -> float | None:
        return None

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        self.asked.append(ask)
        if not self.replies:
            return Silence("the script is over", model.name, self.dollars)
        return Reply(self.replies.pop(0), model.name, self.dollars)


SOURCE = '''"""A small program."""

import torch.nn.functional as F

LEARNING_RATE = 3e-3   # tune: log 1e-4..1e-1
DEPTH = 4              # tune: int 2..12
WIDTH = 128            # tune: int 64..512 step 64
ACTIVATION = "relu2"   # tune: choice relu2 gelu silu
MOMENTUM = 0.9         # tune: 0.5..0.99


def block(x, scale):
    """One layer."""
    # widen
    x = x + F.relu(x) * scale
    x += F.layer_norm(x, (4,))
    print(x)
    return F.relu(x).square()


def train(burst):
    for _ in range(DEPTH):
        block(burst, LEARNING_RATE)
    return ACTIVATION
'''


@pytest.fixture
def source():
    return SOURCE


@pytest.fixture
def chat():
    return ScriptedChat


@pytest.fixture
def parent_of():
    def made(source, name="v1", score=1.25, hypothesis="an idea", **fields):
        variant = Variant(name, "d", "d", "f", ("v0",), "mutate", hypothesis, island=0, generation=1)
        fitness = None if score is None else Fitness(score, 0.01, 2)
        return Parent(variant, source, fitness, **fields)

    return made


@pytest.fixture
def context_of(parent_of):
    def made(*sources, parents=None, **fields):
        shown = parents or tuple(parent_of(s, f"v{i + 1}", 1.25 + i) for i, s in enumerate(sources))
        known = {"task": "Byte-level text.", "metric": "bits per byte", "directions": "Keep it simple."}
        return Context(direction=Direction.MINIMIZE, parents=tuple(shown), **(known | fields))

    return made
