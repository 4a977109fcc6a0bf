"""The sites of the seed program: one statement each, and what may stand in its place.

Every option is real code for the seed program beside it, which a real burst can run; those under ``BROKEN``
fail when they run, most of them in the first step. No option looks broken to a parser.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.program import normal

SEED_SOURCE = Path(__file__).with_name("seed.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Site:
    """One statement of the program that ideas are about.

    Args:
        name: what it is called.
        family: ideas of one family are now and then proposed together.
        scope: where it stands.
        options: code by name; the first is the seed's.
    """

    name: str
    family: str
    scope: str
    options: Mapping[str, str]

    @property
    def default(self) -> str:
        """Name of the seed's option."""
        return next(iter(self.options))


@dataclass(frozen=True)
class Break:
    """A statement that fails when it runs.

    Args:
        site: whose place it takes.
        code: the statement.
        message: what Python says.
        late: it passes one step, and fails in a whole burst.
    """

    site: str
    code: str
    message: str
    late: bool = False


SITES = (
    Site(
        "norm",
        "stream",
        "norm",
        {
            "layer": "return F.layer_norm(x, (x.size(-1),))",
            "rms": "return F.rms_norm(x, (x.size(-1),))",
            "tanh": "return torch.tanh(x)",
            "none": "return x",
        },
    ),
    Site(
        "mixing",
        "attention",
        "Attention.forward",
        {
            "plain": "q, k, v = self.qkv(x).chunk(3, dim=-1)",
            "shift": "q, k, v = self.qkv(x + F.pad(x, (0, 0, 1, -1))).chunk(3, dim=-1)",
            "half_shift": "q, k, v = self.qkv((x + F.pad(x, (0, 0, 1, -1))) / 2).chunk(3, dim=-1)",
        },
    ),
    Site(
        "attention",
        "attention",
        "Attention.forward",
        {
            "plain": "y = F.scaled_dot_product_attention(q, k, v, is_causal=True)",
            "qk_norm": "y = F.scaled_dot_product_attention(norm(q), norm(k), v, is_causal=True)",
            "flat": "y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0 / q.size(-1))",
            "sharp": "y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.6)",
        },
    ),
    Site(
        "output",
        "attention",
        "Attention.forward",
        {
            "plain": "return self.out(y)",
            "normed": "return self.out(norm(y))",
            "gated": "return self.out(y * torch.sigmoid(x))",
            "dropout": "return F.dropout(self.out(y), 0.1, self.training)",
        },
    ),
    Site(
        "activation",
        "stream",
        "MLP.forward",
        {
            "gelu": "h = F.gelu(self.up(x))",
            "relu": "h = F.relu(self.up(x))",
            "relu2": "h = F.relu(self.up(x)).square()",
            "silu": "h = F.silu(self.up(x))",
            "tanh": "h = torch.tanh(self.up(x))",
        },
    ),
    Site(
        "attention_residual",
        "stream",
        "Block.forward",
        {
            "pre": "x = x + self.attention(norm(x))",
            "post": "x = norm(x + self.attention(x))",
            "sandwich": "x = x + norm(self.attention(norm(x)))",
            "scaled": "x = x + self.attention(norm(x)) / math.sqrt(2 * DEPTH)",
        },
    ),
    Site(
        "mlp_residual",
        "stream",
        "Block.forward",
        {
            "pre": "x = x + self.mlp(norm(x))",
            "post": "x = norm(x + self.mlp(x))",
            "sandwich": "x = x + norm(self.mlp(norm(x)))",
            "scaled": "x = x + self.mlp(norm(x)) / math.sqrt(2 * DEPTH)",
        },
    ),
    Site(
        "embedding",
        "start",
        "Transformer.forward",
        {
            "position": "x = self.embed(tokens) + self.position[: tokens.size(1)]",
            "no_position": "x = self.embed(tokens)",
            "normed": "x = norm(self.embed(tokens) + self.position[: tokens.size(1)])",
            "bigger": "x = math.sqrt(WIDTH) * self.embed(tokens) + self.position[: tokens.size(1)]",
        },
    ),
    Site(
        "head",
        "start",
        "Transformer.forward",
        {
            "plain": "return self.head(norm(x))",
            "tied": "return F.linear(norm(x), self.embed.weight)",
            "capped": "return 15.0 * torch.tanh(self.head(norm(x)) / 15.0)",
            "no_norm": "return self.head(x)",
        },
    ),
    Site(
        "hidden_init",
        "start",
        "initialise",
        {
            "normal": "nn.init.normal_(matrix, std=INIT_STD)",
            "fan_in": "nn.init.normal_(matrix, std=1.0 / math.sqrt(matrix.size(1)))",
            "orthogonal": "nn.init.orthogonal_(matrix, gain=10.0 * INIT_STD)",
            "deep": "nn.init.normal_(matrix, std=INIT_STD / math.sqrt(2 * DEPTH))",
        },
    ),
    Site(
        "head_init",
        "start",
        "initialise",
        {
            "normal": "nn.init.normal_(model.head.weight, std=INIT_STD)",
            "zero": "nn.init.zeros_(model.head.weight)",
        },
    ),
    Site(
        "groups",
        "training",
        "optimiser_of",
        {
            "all": 'groups = [{"params": list(model.parameters()), "weight_decay": WEIGHT_DECAY}]',
            "no_decay": 'groups = [{"params": list(model.parameters()), "weight_decay": 0.0}]',
            "by_kind": (
                'groups = [{"params": [p for p in model.parameters() if (p.ndim == 2) == wide], '
                '"weight_decay": WEIGHT_DECAY * wide} for wide in (True, False)]'
            ),
            "fast_embedding": (
                'groups = [{"params": list(model.blocks.parameters()), "weight_decay": WEIGHT_DECAY}, '
                '{"params": [p for n, p in model.named_parameters() if "blocks" not in n], '
                '"weight_decay": 0.0, "lr": 4.0 * LEARNING_RATE}]'
            ),
        },
    ),
    Site(
        "optimiser",
        "training",
        "optimiser_of",
        {
            "adamw": "return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2))",
            "nadam": (
                "return torch.optim.NAdam(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2), "
                "decoupled_weight_decay=True)"
            ),
            "radam": (
                "return torch.optim.RAdam(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2), "
                "decoupled_weight_decay=True)"
            ),
            "adamax": "return torch.optim.Adamax(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2))",
            "sgd": "return torch.optim.SGD(groups, lr=10.0 * LEARNING_RATE, momentum=BETA1, nesterov=True)",
        },
    ),
    Site(
        "schedule",
        "training",
        "schedule",
        {
            "warmup": "return min(1.0, (progress + 0.001) / WARMUP)",
            "linear": "return min((progress + 0.001) / WARMUP, 1.0 - 0.95 * progress)",
            "cosine": "return min((progress + 0.001) / WARMUP, 0.525 + 0.475 * math.cos(math.pi * progress))",
            "warmdown": "return min(1.0, (progress + 0.001) / WARMUP, 2.5 * (1.02 - progress))",
            "constant": "return 1.0",
        },
    ),
    Site(
        "loss",
        "data",
        "train",
        {
            "plain": "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())",
            "smooth": (
                "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.05)"
            ),
            "z": (
                "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()) "
                "+ 0.0001 * logits.logsumexp(-1).square().mean()"
            ),
            "late": "loss = F.cross_entropy(logits[:, 4:].flatten(0, 1), targets[:, 4:].flatten())",
        },
    ),
    Site(
        "clipping",
        "training",
        "train",
        {
            "norm": "nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)",
            "value": "nn.utils.clip_grad_value_(model.parameters(), GRAD_CLIP / 10)",
        },
    ),
    Site(
        "batching",
        "data",
        "train",
        {
            "constant": "inputs, targets = burst.batch(BATCH)",
            "growing": "inputs, targets = burst.batch(max(1, round(BATCH * (0.5 + progress))))",
            "shrinking": "inputs, targets = burst.batch(max(1, round(BATCH * (1.5 - progress))))",
        },
    ),
)

BROKEN = (
    Break("activation", "h = self.gate(x) * F.gelu(self.up(x))", "'MLP' object has no attribute 'gate'"),
    Break("activation", "h = F.gelu(self.up(x), beta=1.5)", "gelu() got an unexpected keyword 'beta'"),
    Break("output", "return self.out(y.mean(dim=1))", "logits of the wrong shape"),
    Break("mixing", "q, k, v = self.qkv(x).chunk(4, dim=-1)", "too many values to unpack (expected 3)"),
    Break("attention", "y = F.scaled_dot_product_attention(q, k, v, window=16)", "no keyword 'window'"),
    Break("mlp_residual", "x = x + self.mlp(torch.cat([x, x], dim=-1))", "wrong shapes of mat1 and mat2"),
    Break("head", "return self.head(norm(x).mT)", "mat1 and mat2 shapes cannot be multiplied"),
    Break("optimiser", "return torch.optim.AdamW(groups, lr=PEAK_RATE)", "name 'PEAK_RATE' is not defined"),
    Break("loss", "loss = F.cross_entropy(logits, targets)", "Expected target size [8, 256], got [8, 32]"),
    Break("batching", "inputs, targets, weights = burst.batch(BATCH)", "not enough values to unpack"),
    Break("schedule", "return math.sqrt(0.5 - progress)", "math domain error", late=True),
    Break("clipping", "assert step < 10, 'diverged'", "AssertionError: diverged", late=True),
)


@functools.cache
def by_name() -> dict[str, Site]:
    """Return the sites by name."""
    return {site.name: site for site in SITES}


@functools.cache
def by_text() -> dict[tuple[str, str], tuple[Site, str]]:
    """Return site and option by scope and normal text of a statement."""
    return {(site.scope, normal(code)): (site, name) for site in SITES for name, code in site.options.items()}


@functools.cache
def breaks() -> dict[tuple[str, str], Break]:
    """Return the breaking statements by scope and normal text."""
    return {(by_name()[one.site].scope, normal(one.code)): one for one in BROKEN}
