"""How well a short burst tells what a full one comes to: real bursts of children of train.py.

    python -m benchmarks.rungs measure FILE [--tokens N] [--children N]
    python -m benchmarks.rungs show FILE

Children are those of the operator that asks no model, and edits made by hand. Each is measured at several
shares of a burst, at some of them under two seeds; every burst is a line of FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import default_rng
from scipy.stats import spearmanr

from evolve import session
from evolve.bursts.executor import Job, LocalExecutor
from evolve.preparing import prepare
from evolve.settings import load
from operators.proposal import Context, Parent, Refusal
from operators.syntactic import Syntactic
from population.variant import Direction, Variant

SHARES = {0.25: 1, 0.5: 1, 1.0: 2}
"""Bursts of each child at each share of a full burst, each under another seed."""

FOUNDER = {0.25: 5, 0.5: 5, 1.0: 5}
_TRAIN = Path(__file__).parents[1] / "train.py"

EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "no norm of queries and keys": (
        ("q = rotate(norm(q), cos, sin)", "q = rotate(q, cos, sin)"),
        ("k = rotate(norm(k), cos, sin)", "k = rotate(k, cos, sin)"),
    ),
    "no cap on logits": (("return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP)", "return logits"),),
    "AdamW for all": (
        ("hidden = [p for p in model.blocks.parameters() if p.ndim == 2]", "hidden = []"),
        ("return [Muon(hidden), ", "return ["),
        (
            '{"params": [p for p in model.blocks.parameters() if p.ndim != 2], "lr": SCALAR_LR}',
            '{"params": list(model.blocks.parameters()), "lr": 0.003}',
        ),
    ),
    "SGD with momentum for all": (
        (
            "return [Muon(hidden), torch.optim.AdamW(rest, betas=(0.9, 0.95), weight_decay=0.0, fused=True)]",
            "return [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)]",
        ),
    ),
    "cosine schedule": (
        (
            "return min(1.0, (progress + 1e-3) / WARMUP, down)",
            "return min((progress + 1e-3) / WARMUP, 0.5 + 0.5 * math.cos(math.pi * progress))",
        ),
    ),
    "no warm-down": (
        ("return min(1.0, (progress + 1e-3) / WARMUP, down)", "return min(1.0, (progress + 1e-3) / WARMUP)"),
    ),
    "untrained biases in the MLP": (("MLP_RATIO * WIDTH, bias=False)", "MLP_RATIO * WIDTH)"),),
    "dropout": (
        ("x = norm(self.embed(tokens))", "x = F.dropout(norm(self.embed(tokens)), 0.1, self.training)"),
    ),
    "tied embeddings": (
        ("logits = self.head(norm(x)).float()", "logits = F.linear(norm(x), self.embed.weight).float()"),
        ('{"params": [model.head.weight], "lr": HEAD_LR},\n', ""),
    ),
    "a smear of the last token": (
        (
            "x = norm(self.embed(tokens))",
            "x = self.embed(tokens)\n        x = norm(x + 0.5 * F.pad(x, (0, 0, 1, -1)))",
        ),
    ),
    "no position at all": (
        ("return torch.cat([left * cos + right * sin, right * cos - left * sin], dim=-1)", "return x"),
    ),
    "batches that grow": (
        (
            "inputs, targets = burst.batch(BATCH)",
            "inputs, targets = burst.batch(2 if progress < 0.3 else 16)",
        ),
    ),
    "deep and narrow": (("DEPTH = 4 ", "DEPTH = 10 "), ("WIDTH = 96 ", "WIDTH = 64 ")),
    "wide and shallow": (("DEPTH = 4 ", "DEPTH = 2 "), ("WIDTH = 96 ", "WIDTH = 160 ")),
    "larger": (("DEPTH = 4 ", "DEPTH = 6 "), ("WIDTH = 96 ", "WIDTH = 128 ")),
    "label smoothing": (
        (
            "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())",
            "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.05)",
        ),
    ),
}
"""Edits that a person or a model would try: each a list of what is replaced by what."""


@dataclass(frozen=True)
class Child:
    """A program to measure."""

    name: str
    source: str
    bursts: dict[float, int]


def edited(source: str, edits: tuple[tuple[str, str], ...]) -> str:
    """Return the source with these edits (ValueError if one does not fit)."""
    for old, new in edits:
        if old not in source:
            raise ValueError(f"there is no {old!r}")
        source = source.replace(old, new)
    return source


def children(count: int) -> Iterator[Child]:
    """Yield the founder, the edits, and so many children of the operator that asks no model."""
    source = _TRAIN.read_text()
    yield Child("founder", source, FOUNDER)
    for name, edits in EDITS.items():
        yield Child(name, edited(source, edits), SHARES)
    founder = Variant("v0", "", "", "", (), "seed", "", 0, 0)
    context = Context("", "", Direction.MINIMIZE, "", (Parent(founder, source, None),))
    rng, seen = default_rng(0), {source}
    while len(seen) <= count:
        proposal = asyncio.run(Syntactic().propose(context, rng))
        if not isinstance(proposal, Refusal) and proposal.source not in seen:
            seen.add(proposal.source)
            yield Child(proposal.hypothesis, proposal.source, SHARES)


async def measure(file: Path, tokens: int, programs: list[Child]) -> None:
    """Measure them all, a line each burst; what is in the file already is not measured again."""
    done = {(row["name"], row["share"], row["seed"]) for row in read(file)} if file.exists() else set()
    flags = {"seed_file": _TRAIN, "burst_tokens": tokens, "slots": 1, "models": ("none",)}
    prepared = prepare(load(None, flags))
    with tempfile.TemporaryDirectory() as name, file.open("a") as out:
        executor = LocalExecutor(session.plan(Path(name), prepared))
        await executor.start()
        for child in programs:
            for share, count in child.bursts.items():
                for seed in range(count):
                    if (child.name, share, seed) in done:
                        continue
                    started = time.monotonic()
                    result = await executor.run(
                        Job("one", child.source, 100 + seed, fraction=share), lambda *_: False
                    )
                    row = {
                        "name": child.name,
                        "share": share,
                        "seed": seed,
                        "score": result.score,
                        "failure": None if result.failure is None else result.failure.message,
                        "seconds": round(time.monotonic() - started, 2),
                        "curve": result.curve,
                    }
                    out.write(json.dumps(row) + "\n")
                    out.flush()
                    print(child.name, share, seed, result.score, row["seconds"], row["failure"] or "")
        await executor.close()


def read(file: Path) -> list[dict]:
    """Return the bursts of a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def show(file: Path) -> None:
    """Print how well each share ranks the children as a full burst does."""
    rows = read(file)
    scores = {(r["name"], r["share"], r["seed"]): r["score"] for r in rows}
    names = [*dict.fromkeys(r["name"] for r in rows if r["name"] != "founder")]
    names = [name for name in names if all(scores.get((name, s, 0)) is not None for s in SHARES)]
    names = [name for name in names if scores.get((name, 1.0, 1)) is not None]
    one = np.array([scores[name, 1.0, 0] for name in names])
    other = np.array([scores[name, 1.0, 1] for name in names])
    print(f"{len(names)} children; one full burst against another: rho {spearmanr(one, other)[0]:.2f}")
    for share in SHARES:
        noise = [
            scores["founder", share, n] for n in range(FOUNDER[share]) if ("founder", share, n) in scores
        ]
        print(f"noise of a burst of {share:g}: {np.std(noise, ddof=1):.4f} around {np.mean(noise):.4f}")
    full = (one + other) / 2
    near = full <= np.median(full)
    for share in (s for s in SHARES if s < 1.0):
        short = np.array([scores[name, share, 0] for name in names])
        print(
            f"{share:g} of a burst: rho {spearmanr(short, full)[0]:.2f}, among the better half "
            f"{spearmanr(short[near], full[near])[0]:.2f}"
        )


def main() -> None:
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("measure", "show"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--tokens", type=int, default=120_000, help="tokens of a full burst")
    parser.add_argument("--children", type=int, default=24, help="children without a model")
    arguments = parser.parse_args()
    if arguments.what == "measure":
        asyncio.run(measure(arguments.file, arguments.tokens, list(children(arguments.children))))
    show(arguments.file)


if __name__ == "__main__":
    main()
