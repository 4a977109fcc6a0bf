"""Putting a search together from its settings: the same for a session, and for a benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve import runs
from evolve.ancestry import Ancestry
from evolve.breeding import Breeder, Choosing, Means, tireless
from evolve.briefing import Briefing, Writer
from evolve.bursts.executor import Executor
from evolve.lessons import Lessons
from evolve.lineages import Keeping, Lineages
from evolve.measuring import Brake, Meter
from evolve.memory import Memory, Rules
from evolve.policies import Name
from evolve.policy import Policy
from evolve.post import Post
from evolve.rewards import Prices
from evolve.room import Room
from evolve.search import Search
from evolve.seeds import Seeds
from evolve.settings import Settings
from evolve.tasks.command import asked, is_python
from evolve.tuning import Studies
from operators.chat import Chat, Model
from operators.crossover import Crossover
from operators.merge import Merge
from operators.mutate import Mutate
from operators.portfolio import Arm, arms_of, forms_of
from operators.proposal import Operator
from operators.reflect import Reflector, strongest
from operators.repair import Repair
from operators.syntactic import Recombine, Syntactic
from population.ledger import Event
from population.store import Population
from population.variant import Direction

_PROMPTED = {kind.name: kind.forms for kind in (Mutate, Crossover, Repair)}
_PLAIN = {Syntactic.name: 0.8, Recombine.name: 0.4}  # prior weights beside a model's 1; that of Merge is set


@dataclass(frozen=True, slots=True)
class Asking:
    """The language models of a search.

    Args:
        chat: how they are asked; None where there are none.
        models: the models.
        parallel: births that may wait for one at once.
    """

    chat: Chat | None
    models: tuple[Model, ...]
    parallel: int


def search_of(
    settings: Settings,
    population: Population,
    folder: Path,
    asking: Asking,
    briefing: Briefing,
    executor: Executor,
    entry: str | None,
    brake: Brake,
    room: Room,
    notify: Callable[[Event], None],
) -> Search:
    """Put a search together.

    Args:
        settings: with what ``prepare`` fills in.
        population: open for writing, with the seed variant in it.
        folder: of the run.
        asking: its language models.
        briefing: what every operator is told.
        executor: where bursts run.
        entry: function that a variant must define (see ``admission.examine``).
        brake: stops the search when pulled.
        room: waits while the disk is full.
        notify: sees every event once it is on the disk.
    """
    memory = memory_of(settings, population, folder, asking, briefing)
    return Search(
        policy_of(settings, briefing.direction, entry, asking.parallel),
        population,
        breeder_of(settings, population, asking.chat, asking.models, briefing, memory),
        Meter(executor, brake, Seeds(number(settings.seed)), room),
        Studies(folder / "studies", briefing.direction),
        brake,
        room,
        memory,
        notify,
        Post(folder),
    )


def memory_of(
    settings: Settings, population: Population, folder: Path, asking: Asking, briefing: Briefing
) -> Memory:
    """Put together what remembers the ideas that were tried."""
    rules = Rules(settings.remember, settings.retest, settings.lessons_every, number(settings.seed))
    reflector = _reflector(asking.chat, asking.models, briefing)
    return Memory(population, briefing.direction, rules, Lessons(folder), reflector)


def breeder_of(
    settings: Settings,
    population: Population,
    chat: Chat | None,
    models: Sequence[Model],
    briefing: Briefing,
    memory: Memory | None = None,
) -> Breeder:
    """Put together what chooses who has the next child, and how."""
    free, ours = settings.reply == "auto", settings.policy is Name.EVOLVE
    asked = [form for model in models for form in forms_of(model, free and ours)] if chat is not None else []
    keeping = Keeping(settings.islands, settings.patience, settings.stagnation)
    epsilon = settings.epsilon if settings.selection == "epsilon" else None
    operators = _operators(chat, asked, settings)
    plain = _PLAIN | ({Merge.name: settings.merge} if settings.merge else {})
    ancestry = (
        Ancestry(population, briefing.direction) if ours and (settings.merge or settings.hunks) else None
    )
    if not ours:
        kept = {Mutate.name, Repair.name} if asked else {Syntactic.name}
        operators = {arm: one for arm, one in operators.items() if arm.operator in kept}
    if settings.variant_file is not None and not is_python(settings.variant_file):
        operators = {arm: one for arm, one in operators.items() if arm.model}
    return Breeder(
        population,
        Lineages(keeping),
        Means(operators, arms_of(_PROMPTED, plain, asked), rest=tireless if chat is None else chat.rest),
        Choosing(
            number(settings.seed),
            epsilon,
            settings.tournament,
            settings.pressure,
            settings.policy,
            settings.pooled,
            settings.adaptive,
        ),
        Writer(population, briefing, ancestry, memory),
        briefing.direction,
    )


def _operators(chat: Chat | None, asked: Sequence[Model], settings: Settings) -> dict[Arm, Operator]:
    """Return one operator for each arm: those that ask no model, and for each model those that it can do."""
    operators: dict[Arm, Operator] = {Arm(Syntactic.name): Syntactic(), Arm(Recombine.name): Recombine()}
    if settings.merge:
        operators[Arm(Merge.name)] = Merge()
    if chat is None:
        return operators
    for model in asked:
        kinds = (Mutate(chat, model), Crossover(chat, model, hunks=settings.hunks), Repair(chat, model))
        operators |= {
            Arm(one.name, model.name, model.form.value): one for one in kinds if model.form in one.forms
        }
    return operators


def _reflector(chat: Chat | None, models: Sequence[Model], briefing: Briefing) -> Reflector | None:
    """Return who looks back on the search: the strongest model, None where there are but small ones."""
    model = None if chat is None else strongest(models)
    if chat is None or model is None:
        return None
    return Reflector(chat, model, briefing.task, briefing.metric, briefing.direction, briefing.directions)


def policy_of(settings: Settings, direction: Direction, entry: str | None, asking: int) -> Policy:
    """Return the numbers that the loop decides by.

    Args:
        settings: with what ``prepare`` fills in.
        direction: which way the metric is better.
        entry: function that a variant must define (see ``admission.examine``).
        asking: births that may wait for a model at once.
    """
    return Policy(
        direction=direction,
        limits=runs.limits(settings),
        prices=_prices(settings),
        entry=entry,
        ahead=number(settings.ahead),
        asking=max(asking, _waiting(settings)),
        ordered=settings.burst_tokens is not None,
        trials=settings.trials,
        seed_replicates=settings.seed_replicates,
        replicates=settings.replicates,
        confidence=settings.confidence,
        control=settings.control,
        rung=settings.rung,
        reduction=settings.reduction,
        early_stop=settings.early_stop,
        proposals=settings.proposals if settings.pooled else 0.0,
        explored=settings.explored,
        together=settings.together,
        numbers_only=settings.policy is Name.NUMBERS_ONLY,
        self_reported=asked(settings),
        approve=settings.approve == "champion",
    )


def _waiting(settings: Settings) -> int:
    """Return the births that ask at once where outcomes wait for their turn: all between two bursts."""
    ordered = settings.burst_tokens is not None and settings.pooled
    return math.ceil(settings.proposals * number(settings.ahead)) if ordered else 0


def _prices(settings: Settings) -> Prices:
    """Put bursts and dollars on one scale; a burst in tokens is taken to last a minute."""
    seconds = settings.burst if settings.burst_tokens is None and settings.burst else 60.0
    return Prices(seconds, settings.dollar_per_gpu_hour, timed=settings.burst_tokens is None)


def number(value: int | None) -> int:
    """Return a setting that ``prepare`` has filled in."""
    assert value is not None
    return value
