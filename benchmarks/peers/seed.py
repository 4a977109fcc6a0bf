"""A small byte-level transformer: the program that every system starts from.

``train(burst)`` trains one model within one short burst and returns it: a module that maps int64 tokens
(B, T) to logits (B, T, vocab_size). ``burst`` offers ``batch(rows) -> (inputs, targets)``, ``vocab_size``,
``context``, ``device``, ``seed``, ``progress()`` and ``report(loss)``. ``# tune:`` marks a number that may be
tuned, with its range.
"""

import math  # noqa: F401

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

WIDTH = 32
DEPTH = 2
HEADS = 4

LEARNING_RATE = 0.002  # tune: log 0.0001..0.1
WEIGHT_DECAY = 0.1  # tune: 0..0.5
BETA1 = 0.9  # tune: 0.5..0.98
BETA2 = 0.99  # tune: 0.8..0.999
WARMUP = 0.2  # tune: 0.01..0.6
INIT_STD = 0.02  # tune: log 0.003..0.3
GRAD_CLIP = 1.0  # tune: log 0.05..20
BATCH = 8  # tune: int 4..32


def norm(x: Tensor) -> Tensor:
    """Normalise the last dimension."""
    return F.layer_norm(x, (x.size(-1),))


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Mix each position with those before it."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).flatten(2)
        return self.out(y)


class MLP(nn.Module):
    """Two linear maps with an activation between them."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position by itself."""
        h = F.gelu(self.up(x))
        return self.down(h)


class Block(nn.Module):
    """Attention, then the MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.mlp = MLP()

    def forward(self, x: Tensor) -> Tensor:
        """Add to the stream."""
        x = x + self.attention(norm(x))
        x = x + self.mlp(norm(x))
        return x  # noqa: RET504


class Transformer(nn.Module):
    """Embedding, blocks, head."""

    def __init__(self, vocab_size: int, context: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.position = nn.Parameter(torch.zeros(context, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens to logits."""
        x = self.embed(tokens) + self.position[: tokens.size(1)]
        for block in self.blocks:
            x = block(x)
        return self.head(norm(x))


def initialise(model: nn.Module) -> None:
    """Draw the starting weights."""
    for matrix in [p for p in model.blocks.parameters() if p.ndim == 2]:
        nn.init.normal_(matrix, std=INIT_STD)
    nn.init.normal_(model.embed.weight, std=INIT_STD)
    nn.init.normal_(model.head.weight, std=INIT_STD)


def optimiser_of(model: nn.Module) -> torch.optim.Optimizer:
    """Say what turns gradients into steps."""
    groups = [{"params": list(model.parameters()), "weight_decay": WEIGHT_DECAY}]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2))


def schedule(progress: float) -> float:
    """Return the factor on the learning rate."""
    return min(1.0, (progress + 0.001) / WARMUP)


def train(burst) -> nn.Module:
    """Train one model within the burst's budget."""
    torch.manual_seed(burst.seed)
    model = Transformer(burst.vocab_size, burst.context).to(burst.device)
    initialise(model)
    optimiser = optimiser_of(model)
    peaks = [group["lr"] for group in optimiser.param_groups]
    step = 0
    while (progress := burst.progress()) < 1:
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * schedule(progress)
        inputs, targets = burst.batch(BATCH)
        logits = model(inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimiser.step()
        if step % 10 == 0:
            burst.report(loss.item())
        step += 1
    return model


if __name__ == "__main__":
    print("the program is run by whoever measures it")
