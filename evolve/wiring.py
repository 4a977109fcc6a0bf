"""A search put together from settings: operators, arms, policy; whoever opens what it needs closes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evolve import runs
from evolve.breeding import Breeder, Briefing, Choosing
from evolve.bursts.executor import Executor
from evolve.measuring import Brake, Meter
from evolve.policy import Policy
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.tuning import Studies
from operators.chat import Chat, Model
from operators.crossover import Crossover
from operators.mutate import Mutate
from operators.portfolio import Arm, Portfolio, arms_of
from operators.proposal import Operator
from operators.repair import Repair
from operators.syntactic import Recombine, Syntactic
from population.islands import Islands
from population.ledger import Event
from population.store import Population
from population.variant import Direction

_PROMPTED = {kind.name: kind.forms for kind in (Mutate, Crossover, Repair)}
_PLAIN = {Syntactic.name: 0.8, Recombine.name: 0.4}  # prior weights beside a model's 1


def assembled(
    settings: Settings,
    briefing: Briefing,
    entry: str,
    folder: Path,
    population: Population,
    executor: Executor,
    chat: Chat | None,
    models: Sequence[Model],
    asking: int,
    brake: Brake,
    room: Room,
    notify: Callable[[Event], None],
) -> Search:
    """Put a search together over an open population.

    Args:
        settings: with ``seed`` and ``ahead`` filled in.
        briefing: what every operator is told.
        entry: function that a variant must define.
        folder: where the run lies.
        population: open for writing.
        executor: runs bursts.
        chat: asks models; None when there are none.
        models: those that may be asked.
        asking: births that may wait for a model at once.
        brake: stops the search when pulled.
        room: waits while the disk is full.
        notify: sees every event once it is on the disk.
    """
    seed = required(settings.seed)
    breeder = Breeder(
        population,
        Islands(settings.islands, settings.migrate_every),
        operators_of(chat, models),
        Portfolio(arms_of(_PROMPTED, _PLAIN, models)),
        Choosing(settings.tournament, settings.pressure, seed),
        briefing,
    )
    policy = policy_of(settings, briefing.direction, entry, asking)
    meter = Meter(executor, brake, Seeds(seed), room)
    studies = Studies(folder / "studies", briefing.direction)
    return Search(policy, population, breeder, meter, studies, brake, room, notify)


def operators_of(chat: Chat | None, models: Sequence[Model]) -> dict[Arm, Operator]:
    """Return one operator for each arm: those that ask no model, and for each model those that it can do."""
    operators: dict[Arm, Operator] = {Arm(Syntactic.name): Syntactic(), Arm(Recombine.name): Recombine()}
    if chat is None:
        return operators
    for model in models:
        for kind in (Mutate, Crossover, Repair):
            if model.form in kind.forms:
                operators[Arm(kind.name, model.name)] = kind(chat, model)
    return operators


def policy_of(settings: Settings, direction: Direction, entry: str, asking: int) -> Policy:
    """Return the numbers that the loop decides by."""
    return Policy(
        direction=direction,
        limits=runs.limits(settings),
        entry=entry,
        ahead=required(settings.ahead),
        asking=asking,
        ordered=settings.burst_tokens is not None,
        trials=settings.trials,
        seed_replicates=settings.seed_replicates,
        replicates=settings.replicates,
        confidence=settings.confidence,
    )


def required(value: int | None) -> int:
    """Return a setting that ``prepare`` has filled in."""
    assert value is not None
    return value
