"""What the settings of lineages, arms and parents come to in a breeder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.breeding import Breeder
from evolve.briefing import Briefing
from evolve.settings import Settings
from evolve.wiring import breeder_of
from operators.chat import Ask, Model, Reply, ReplyForm, Silence
from operators.portfolio import Arm
from population.store import Population
from population.variant import Direction, Measurement, Variant

BIG = Model("openai/x", 1.0, ReplyForm.DIFF, small=False)
BRIEFING = Briefing("Byte-level text.", "val_bpb", Direction.MINIMIZE, "")


class Mute:
    """Answers nothing."""

    def rest(self, model: str) -> float | None:
        return None

    async def complete(self, model: Model, ask: Ask) -> Reply | Silence:
        return Silence("mute", model.name)


@pytest.fixture
def population(
    tmp_path: Path, a_variant: Callable[..., Variant], a_measurement: Callable[..., Measurement]
) -> Iterator[Population]:
    with Population.create(tmp_path / "run") as population:
        for number in range(9):
            name = f"v{number}"
            digest = population.keep_source(f"# {name}\n")
            variant = a_variant(name, *(["v0"] if number else []), digest=digest, proposed=digest)
            population.commit(variant, a_measurement(name, 3.0 - number / 10, digest=digest))
        yield population


def breeder(population: Population, chat: Mute | None = None, **fields: Any) -> Breeder:
    settings = Settings(**({"seed": 1, "islands": 1} | fields))
    made = breeder_of(settings, population, chat, [BIG], BRIEFING)
    made.restore(population.variants, None, [])
    return made


def arms(made: Breeder) -> set[Arm]:
    """Return the arms of many births."""
    births = [made.birth(ticket, asking=True) for ticket in range(200)]
    return {birth.arm for birth in births if birth is not None}


def test_whole_files_are_tried_beside_the_form_that_suits_the_model(population: Population) -> None:
    plain = {Arm("syntactic"), Arm("recombine"), Arm("merge")}
    forms = [Arm(operator, "openai/x", "diff") for operator in ("mutate", "crossover")]
    assert arms(breeder(population, Mute())) >= plain | {*forms, Arm("mutate", "openai/x", "whole")}
    assert arms(breeder(population, Mute(), reply="diff")) == plain | {*forms}
    assert arms(breeder(population, None)) == plain


def test_the_settings_say_how_parents_are_chosen(population: Population) -> None:
    def first(made: Breeder) -> set[str]:
        births = [made.birth(ticket, asking=False) for ticket in range(60)]
        return {birth.context.parents[0].variant.id for birth in births if birth is not None}

    assert first(breeder(population, selection="epsilon", epsilon=0.0)) == {"v8"}
    assert len(first(breeder(population, selection="epsilon", epsilon=1.0))) == 9
    assert 1 < len(first(breeder(population, selection="tournament", epsilon=0.0))) < 9


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"patience": 0, "stagnation": 0}, []),
        ({"patience": 0, "stagnation": 4}, ["stagnation"]),
        ({"patience": 4, "stagnation": 0}, ["ended", "founded"]),
    ],
)
def test_nought_turns_restarts_and_shifts_off(
    population: Population, fields: dict[str, int], kinds: list[str]
) -> None:
    made = breeder(population, islands=2, **fields)
    birth = made.birth(1, asking=False)
    assert birth is not None
    for _ in range(5):
        made.learn(birth, None, 1.0)
    assert [event.kind for event in made.settle(0.0, 5.0)] == kinds


def test_there_are_as_many_lineages_as_the_settings_say(population: Population) -> None:
    state = breeder(population, islands=7).state()
    assert [island for island, *_ in state["lineages"]["alive"]] == [*range(7)]
