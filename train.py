"""A byte-level decoder-only transformer: the seed of the search.

``train(burst)`` trains one model within one short burst. What ``burst`` offers:

- ``batch(rows) -> (inputs, targets)``: int64 (rows, context) on ``device``, random windows of the text;
- ``vocab_size``, ``context``, ``device``, ``seed``;
- ``progress()``: the part of the budget used, 0 to 1; ``report(loss)``: a point of the learning curve.

The module returned maps int64 tokens (B, T), T at most ``context``, to logits (B, T, vocab_size).
``# tune:`` marks a number that may be tuned, with its range; any combination of them is a valid model.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

# The model.
DEPTH = 4  # tune: int 1..12
WIDTH = 96  # tune: int 32..768 step 32
HEAD_DIM = 32  # tune: choice 16 32 64 128
MLP_RATIO = 4  # tune: int 1..6
ACTIVATION = "relu2"  # tune: choice relu2 gelu silu
ROPE_BASE = 10000.0  # tune: log 100..100000
LOGIT_CAP = 15.0  # tune: 5..50

# The optimisers.
BATCH = 8  # tune: choice 2 4 8 16 32 64 128
MUON_LR = 0.02  # tune: log 0.002..0.2
MUON_MOMENTUM = 0.95  # tune: 0.8..0.99
EMBED_LR = 0.02  # tune: log 0.001..0.3
HEAD_LR = 0.01  # tune: log 0.0003..0.1
SCALAR_LR = 0.01  # tune: log 0.001..0.1
WEIGHT_DECAY = 0.01  # tune: 0..0.3
GRAD_CLIP = 1.0  # tune: log 0.1..10
WARMUP = 0.02  # tune: 0.001..0.2
WARMDOWN = 0.4  # tune: 0.1..1
FINAL_LR = 0.05  # tune: 0..0.3

ACTIVATIONS = {"relu2": lambda x: F.relu(x).square(), "gelu": F.gelu, "silu": F.silu}


def norm(x: Tensor) -> Tensor:
    """RMSNorm without a gain (Zhang & Sennrich, arXiv 1910.07467)."""
    return F.rms_norm(x, (x.size(-1),))


def rotary(length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary embeddings (Su et al., arXiv 2104.09864), each (length, HEAD_DIM / 2)."""
    frequency = ROPE_BASE ** -torch.linspace(0, 1, HEAD_DIM // 2)
    angle = torch.outer(torch.arange(length, dtype=torch.float32), frequency)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of channels of x (B, heads, T, HEAD_DIM) by its position's angle."""
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos + right * sin, right * cos - left * sin], dim=-1)


class Attention(nn.Module):
    """Causal self-attention; queries and keys are normalised (QK-norm, Henry et al., arXiv 2010.04245)."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = max(1, WIDTH // HEAD_DIM)
        inner = self.heads * HEAD_DIM
        self.query = nn.Linear(WIDTH, inner, bias=False)
        self.key = nn.Linear(WIDTH, inner, bias=False)
        self.value = nn.Linear(WIDTH, inner, bias=False)
        self.out = nn.Linear(inner, WIDTH, bias=False)
        self.sharpness = nn.Parameter(torch.ones(self.heads, 1, 1))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Mix each position of x (B, T, WIDTH) with those before it."""
        split = (self.heads, HEAD_DIM)
        q = self.query(x).unflatten(-1, split).transpose(1, 2)
        k = self.key(x).unflatten(-1, split).transpose(1, 2)
        v = self.value(x).unflatten(-1, split).transpose(1, 2)
        q = rotate(norm(q), cos, sin) * self.sharpness
        k = rotate(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Two linear maps, by default with a squared ReLU between them (So et al., arXiv 2109.08668)."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, MLP_RATIO * WIDTH, bias=False)
        self.down = nn.Linear(MLP_RATIO * WIDTH, WIDTH, bias=False)
        self.activation = ACTIVATIONS[ACTIVATION]

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position of x (B, T, WIDTH) by itself."""
        return self.down(self.activation(self.up(x)))


class Block(nn.Module):
    """Attention, then the MLP, each on a normalised input and added to the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.mlp = MLP()

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Add to the stream x (B, T, WIDTH)."""
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class Transformer(nn.Module):
    """The model. It starts out uniform over bytes: what writes to the stream or to the logits is zero."""

    def __init__(self, vocab_size: int, context: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, vocab_size, bias=False)
        cos, sin = rotary(context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, matrix in self.blocks.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.zeros_(matrix)
            elif matrix.ndim == 2:
                bound = math.sqrt(3 / matrix.size(1))
                nn.init.uniform_(matrix, -bound, bound)
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T) to logits (B, T, vocab_size), kept within LOGIT_CAP."""
        cos, sin = self.cos[: tokens.size(1)], self.sin[: tokens.size(1)]
        x = norm(self.embed(tokens))
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.head(norm(x)).float()
        return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Map each matrix of a stack (n, rows, columns) to about the nearest semi-orthogonal one.

    Five Newton-Schulz steps with the coefficients of Jordan et al., kellerjordan.github.io/posts/muon (2024).
    """
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised (Jordan et al. 2024; Liu et al., arXiv 2502.16982)."""

    def __init__(self, matrices: list[nn.Parameter]) -> None:
        shapes: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        super().__init__([{"params": alike} for alike in shapes.values()], {"lr": MUON_LR})

    @torch.no_grad()
    def step(self) -> None:
        """Update the matrices, all of one shape at once."""
        for group in self.param_groups:
            matrices, lr = group["params"], group["lr"]
            gradients = torch.stack([matrix.grad for matrix in matrices])
            momentum = group.setdefault("momentum", torch.zeros_like(gradients))
            momentum.lerp_(gradients, 1 - MUON_MOMENTUM)
            updates = orthogonalise(gradients.lerp(momentum, MUON_MOMENTUM))
            scale = max(1, updates.size(-2) / updates.size(-1)) ** 0.5
            torch._foreach_mul_(matrices, 1 - lr * WEIGHT_DECAY)
            torch._foreach_add_(matrices, list(updates), alpha=-lr * scale)


def optimisers(model: Transformer) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for all the rest."""
    hidden = [p for p in model.blocks.parameters() if p.ndim == 2]
    rest = [
        {"params": [model.embed.weight], "lr": EMBED_LR},
        {"params": [model.head.weight], "lr": HEAD_LR},
        {"params": [p for p in model.blocks.parameters() if p.ndim != 2], "lr": SCALAR_LR},
    ]
    return [Muon(hidden), torch.optim.AdamW(rest, betas=(0.9, 0.95), weight_decay=0.0, fused=True)]


def schedule(progress: float) -> float:
    """Return the factor on every learning rate: a short warm-up, a plateau, a linear warm-down."""
    down = FINAL_LR + (1 - FINAL_LR) * (1 - progress) / WARMDOWN
    return min(1.0, (progress + 1e-3) / WARMUP, down)


def train(burst) -> nn.Module:
    """Train one model within the burst's budget."""
    torch.manual_seed(burst.seed)
    on_gpu = torch.device(burst.device).type == "cuda"
    model = Transformer(burst.vocab_size, burst.context).to(burst.device)
    worthwhile = on_gpu and burst.seconds >= 120  # compiling takes some 30 s
    compiled = torch.compile(model, dynamic=False) if worthwhile else model
    both = optimisers(model)
    peaks = [(group, group["lr"]) for optimiser in both for group in optimiser.param_groups]
    step = 0
    while (progress := burst.progress()) < 1:
        for group, peak in peaks:
            group["lr"] = peak * schedule(progress)
        inputs, targets = burst.batch(BATCH)
        with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
            logits = compiled(inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        for optimiser in both:
            optimiser.step()
            optimiser.zero_grad()
        if step % 10 == 0:
            burst.report(loss.item())
        step += 1
    return model  # not the compiled one: it will be asked about other shapes


if __name__ == "__main__":
    from evolve.alone import main

    main(__file__)
