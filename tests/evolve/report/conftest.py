from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from population.ledger import Call, Event
from population.store import Population
from population.variant import Failure, FailureKind, Measurement, Purpose, Variant

SEED = "LR = 3e-3  # tune: log 1e-4..1e-1\n\ndef train(burst):\n    return LR\n"
HOSTILE = "\x1b[31mred\x1b[0m\x1b]0;owned\x07 one\r\ntwo \u202eesrever [bold]not markup[/bold]"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "train.py", line 4\n\tx\x1b[2J = 1\nValueError: bad shape\n'
)
CURVE = tuple((step / 20, 5.0 - step / 10) for step in range(1, 21))

Render = Callable[..., str]


def variant(name: str, digest: str, *parents: str, operator: str = "mutate", **more: object) -> Variant:
    model = "" if operator in ("seed", "syntactic") else "openai/x"
    generation = 1 if parents else 0
    fields = {"hypothesis": f"idea of {name}", "island": 0, "model": model, "proposed": digest} | more
    return Variant(
        id=name,
        digest=digest,
        fingerprint=f"f{name}",
        parents=parents,
        operator=operator,
        generation=generation,
        **fields,  # type: ignore[arg-type]
    )


def burst(
    name: str,
    digest: str,
    score: float | None,
    purpose: Purpose = Purpose.FIRST,
    seed: int = 1,
    failure: Failure | None = None,
    trial: int | None = None,
    lr: float = 3e-3,
) -> Measurement:
    return Measurement(
        name,
        digest,
        seed,
        purpose,
        score,
        failure,
        seconds=2.5,
        tokens=20_000,
        curve=CURVE,
        values={"LR": lr},
        trial=trial,
    )


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Population]:
    with Population.create(tmp_path / "empty") as population:
        yield population


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Population]:
    """A seed, a tuned champion, a failure, a crossover with a hostile idea, one that waits."""
    with Population.create(tmp_path / "run") as population:
        seed = population.keep_source(SEED)
        child = population.keep_source(SEED.replace("3e-3", "5e-3"))
        tuned = population.keep_source(SEED.replace("3e-3", "7e-3"))
        odd = population.keep_source(SEED + "# \u202e hidden\x1b[2J\n")
        broken = Failure(FailureKind.EXCEPTION, "ValueError: bad shape", TRACEBACK)
        population.commit(
            Event("started", "the search starts", 1000.0),
            variant("v0", seed, operator="seed"),
            burst("v0", seed, 2.50),
            burst("v0", seed, 2.52, Purpose.REPLICATE, 2),
            variant("v1", tuned, "v0", proposed=child, tuned={"LR": 7e-3}),
            burst("v1", child, 2.40, lr=5e-3),
            burst("v1", tuned, 2.28, Purpose.TRIAL, trial=0, lr=7e-3),
            burst("v1", tuned, 2.30, Purpose.REPLICATE, 2, lr=7e-3),
            burst("v1", tuned, 2.31, Purpose.REPLICATE, 3, lr=7e-3),
            Event("measured", "v1 2.4000 (n=1)", 1010.0, {"variant": "v1", "improved": True}),
            variant("v2", odd, "v0", operator="syntactic"),
            burst("v2", odd, None, failure=broken),
            variant("v3", odd, "v1", "v0", operator="crossover", hypothesis=HOSTILE),
            burst("v3", odd, 2.45),
            variant("v4", odd, "v1"),
            Event(
                "refusal",
                "mutate: no edit",
                1020.0,
                {"operator": "mutate", "model": "openai/x", "kind": "reply"},
            ),
            Call("openai/x", "mutate", "ok", 900, 80, 0.25, 3.0, 1, "1.json", 1009.0),
            Call("openai/x", "mutate", "timeout", 0, 0, None, 60.0, 3, "2.json", 1015.0),
            meta={
                "metric": "val_bpb",
                "direction": "minimize",
                "task": "language modelling",
                "data": "abc",
                "budgets": {"evaluations": 10, "hours": None, "dollars": 1.0, "target": 2.0},
                "clock": 3600.0,
                "champion": "v1",
                "stopped": "the budget of 10 evaluations is used",
            },
        )
        yield population


@pytest.fixture
def render() -> Render:
    """Return what a console of some width shows, colours left out unless asked for."""

    def rendered(what: RenderableType, width: int = 80, colour: bool = False) -> str:
        stream = io.StringIO()
        Console(file=stream, width=width, force_terminal=colour, highlight=False).print(what)
        return stream.getvalue()

    return rendered
