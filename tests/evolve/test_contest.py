from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve import contest
from evolve.contest import Comparison, ended, looked_at, opened, parse_policies, parse_seeds
from evolve.errors import InputError
from evolve.policies import Name
from evolve.proof.payoff import ENOUGH
from evolve.settings import load
from population.errors import Locked
from population.store import Population
from tests.system.conftest import write_text
from tests.system.made import SEED, make


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (1, 2, 3)), ("4,7", (4, 7)), ("9,", (9,)), (" 0 , 4294967295", (0, 2**32 - 1))]
)
def test_seeds_are_a_number_or_a_list(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1.5", "2,2", "1,-2", "4294967296,", "1001", ",", "٣"])
def test_seeds_that_are_none_are_told(text: str) -> None:
    with pytest.raises(InputError, match=r"^--seeds") as told:
        parse_seeds(text)
    assert "\n" not in str(told.value)


def test_policies_are_names_and_an_unknown_one_is_told_with_those_there_are() -> None:
    assert parse_policies("evolve, best-of-n") == (Name.EVOLVE, Name.BEST_OF_N)
    with pytest.raises(InputError, match="no policy 'hill'; there are evolve, greedy, best-of-n, random"):
        parse_policies("evolve,hill")
    with pytest.raises(InputError, match="greedy is there twice"):
        parse_policies("greedy,greedy")
    with pytest.raises(InputError, match="name some of"):
        parse_policies(" , ")


@contextmanager
def begun(
    tmp_path: Path, names: str | None = None, seeds: str | None = None, **flags: Any
) -> Iterator[Comparison]:
    """Begin a comparison on the bigram seed, or take it up with the same flags."""
    text, seed = tmp_path / "words", tmp_path / "seed.py"
    if not text.exists():
        write_text(text, seed=0)
        seed.write_text(SEED)
    usual = {"seed_file": seed, "data": text, "context": 32, "windows": 16, "models": ("none",), "slots": 1}
    asked = load(None, {**usual, "evaluations": 20, **flags})
    numbers = None if seeds is None else parse_seeds(seeds)
    with opened(tmp_path / "all", asked, names and parse_policies(names), numbers) as comparison:
        yield comparison


def test_a_comparison_keeps_settings_and_seed_as_they_were(tmp_path: Path) -> None:
    with begun(tmp_path, "evolve,random", "2") as comparison:
        assert [run.folder.name for run in comparison.runs] == [
            *("evolve-seed1", "random-seed1", "evolve-seed2", "random-seed2")
        ]
    folder = tmp_path / "all"
    kept = load(folder / "evolve.toml", {})
    assert (kept.evaluations, kept.seed, kept.seed_file) == (20, None, folder / "seed.py")
    assert (folder / "seed.py").read_text() == SEED
    assert looked_at(folder) == comparison
    assert comparison.outcome().waiting == 4


def test_policies_and_seeds_can_be_added(tmp_path: Path) -> None:
    with begun(tmp_path, "evolve,random", "2"):
        pass
    with opened(tmp_path / "all", None, None, parse_seeds("2,5")) as more:
        assert (more.policies, more.seeds) == ((Name.EVOLVE, Name.RANDOM), (2, 5))
    with begun(tmp_path, "greedy"):
        pass
    assert looked_at(tmp_path / "all") == Comparison(
        tmp_path / "all", (Name.EVOLVE, Name.RANDOM, Name.GREEDY), (1, 2, 5)
    )


def test_other_settings_and_another_seed_variant_are_refused(tmp_path: Path) -> None:
    with begun(tmp_path):
        pass
    with pytest.raises(InputError, match="was begun with --evaluations 20, not 30; give the same"):
        begun(tmp_path, evaluations=30).__enter__()
    with pytest.raises(InputError, match=r"--dollars unset, not 2\.0"):
        begun(tmp_path, dollars=2.0).__enter__()
    (tmp_path / "seed.py").write_text(SEED + "# more\n")
    with pytest.raises(InputError, match=r"seed\.py is not what .* was begun with"):
        begun(tmp_path).__enter__()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"evaluations": None}, "a comparison needs a budget"),
        ({"evaluations": None, "dollars": 1.0}, "--dollars alone never ends a run that pays for no LLM"),
        ({"data": Path("nowhere")}, "no such file or folder"),
    ],
)
def test_what_no_run_could_be_begun_with_is_refused_and_leaves_nothing(
    flags: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        begun(tmp_path, **flags).__enter__()
    assert {path.name for path in tmp_path.iterdir()} == {"words", "seed.py"}


def test_numbers_only_wants_numbers(tmp_path: Path) -> None:
    write_text(tmp_path / "words", seed=0)
    (tmp_path / "seed.py").write_text("def train(burst):\n    return None\n")
    with pytest.raises(InputError, match="has no `# tune:` line, so that numbers-only has no numbers to try"):
        begun(tmp_path).__enter__()
    with begun(tmp_path, "evolve,greedy"):
        pass


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="all exists, and is no comparison; give another --run"):
        begun(tmp_path).__enter__()
    with pytest.raises(InputError, match="is not a comparison"):
        looked_at(tmp_path / "all")
    (tmp_path / "all" / "mine.txt").unlink()
    with begun(tmp_path):
        pass


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    with begun(tmp_path):
        pass
    record = tmp_path / "all" / contest.FILE
    for text in (
        "{",
        "[]",
        json.dumps({"asked": {}}),
        json.dumps({"asked": {}, "policies": ["x"], "seeds": []}),
    ):
        record.write_text(text)
        with pytest.raises(InputError, match="is damaged"):
            looked_at(tmp_path / "all")


def test_only_one_process_works_on_a_comparison(tmp_path: Path) -> None:
    with begun(tmp_path), pytest.raises(Locked):
        begun(tmp_path).__enter__()


def test_a_run_has_ended_when_its_budget_is_used(tmp_path: Path) -> None:
    text = write_text(tmp_path / "words", seed=0)
    better = SEED.replace("WIDTH = 16", "WIDTH = 48")
    assert not ended(tmp_path / "run")
    assert not ended(make(tmp_path / "run", text, better, evaluations=9))
    assert ended(make(tmp_path / "small", text, better, evaluations=2))
    with Population.open(tmp_path / "small", write=True) as population:
        population.commit(meta={"stopped": None})  # as a kill leaves it
    assert not ended(tmp_path / "small")


def test_the_fewest_seeds_for_a_statement_are_the_usual_number() -> None:
    assert contest.SEEDS == ENOUGH
