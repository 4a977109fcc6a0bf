from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InputError
from evolve.preparing import find_devices, prepare, visible
from evolve.settings import Settings

SOURCE = "LR = 0.1  # tune: 0..1\n\n\ndef train(burst):\n    pass\n"
Given = Callable[..., Settings]


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Return settings that name a sound seed, a small text and no model, but for what is given."""
    (tmp_path / "seed.py").write_text(SOURCE)
    (tmp_path / "text").mkdir()
    for number in range(20):
        (tmp_path / "text" / f"{number}.txt").write_text(f"document {number} " * 40)

    def made(**fields: Any) -> Settings:
        usual = {
            "seed_file": tmp_path / "seed.py",
            "data": tmp_path / "text",
            "models": ("none",),
            "device": "cpu",
            "context": 16,
        }
        return Settings(**(usual | fields))

    return made


def test_what_was_left_open_is_chosen_and_what_was_set_stays(given: Given) -> None:
    chosen = prepare(given(slots=3, seed=7), {}).settings
    assert None not in (chosen.burst, chosen.memory_mb, chosen.windows, chosen.ahead)
    assert (chosen.slots, chosen.seed, chosen.context, chosen.device) == (3, 7, 16, "cpu")
    assert chosen.ahead == 3


@pytest.mark.parametrize(
    ("fields", "ahead"),
    [({"burst": 1.0}, 4), ({"burst_tokens": 1000}, 4), ({"proposals": 0.0}, 8), ({"ahead": 5}, 5)],
)
def test_no_more_are_under_way_than_slots_need(given: Given, fields: dict[str, object], ahead: int) -> None:
    assert prepare(given(slots=3, **fields), {}).settings.ahead == ahead


def test_prepared_settings_prepare_to_themselves(given: Given) -> None:
    once = prepare(given(), {}).settings
    assert prepare(once, {}).settings == once


def test_a_seed_is_drawn_anew_for_each_run_that_names_none(given: Given) -> None:
    assert prepare(given(), {}).settings.seed != prepare(given(), {}).settings.seed
    assert prepare(given(seed=0), {}).settings.seed == 0


def test_paths_are_saved_whole_so_that_the_run_goes_on_from_anywhere(given: Given, tmp_path: Path) -> None:
    (tmp_path / "directions.md").write_text("Keep it simple.")
    near = {name: Path(os.path.relpath(tmp_path / name)) for name in ("seed.py", "text", "directions.md")}
    assert not any(path.is_absolute() for path in near.values())
    prepared = prepare(given(seed_file=near["seed.py"], data=near["text"], program=near["directions.md"]), {})
    saved = prepared.settings
    assert (saved.seed_file, saved.data, saved.program) == tuple(tmp_path / name for name in near)
    assert prepared.directions == "Keep it simple."


def test_a_token_budget_gets_a_hard_limit_in_seconds(given: Given) -> None:
    seconds, tokens = prepare(given(), {}).settings, prepare(given(burst_tokens=1000), {}).settings
    assert seconds.burst is not None
    assert tokens.burst is not None
    assert tokens.burst > seconds.burst
    assert prepare(given(burst_tokens=1000, burst=5.0), {}).settings.burst == 5.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# \xff\n", "seed.py is not UTF-8 text"),
        (b"LR = 0.1\n", "seed.py: it defines no function train(burst) at top level"),
        (b"def train(burst:\n", "seed.py: line 1: "),
        (SOURCE.replace("0..1", "lots").encode(), "seed.py: line 1: cannot read `# tune: lots`"),
    ],
)
def test_a_seed_that_cannot_be_used_is_told_by_its_name(
    content: bytes, message: str, given: Given, tmp_path: Path
) -> None:
    (tmp_path / "seed.py").write_bytes(content)
    with pytest.raises(InputError) as told:
        prepare(given(), {})
    assert message in str(told.value)


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_a_seed_is_taken_with_plain_line_ends_whatever_it_has(
    ends: str, given: Given, tmp_path: Path
) -> None:
    (tmp_path / "seed.py").write_bytes(SOURCE.replace("\n", ends).encode())
    assert prepare(given(), {}).seed == SOURCE


def test_a_seed_may_begin_with_a_byte_order_mark(given: Given, tmp_path: Path) -> None:
    (tmp_path / "seed.py").write_bytes(b"\xef\xbb\xbf" + SOURCE.encode())
    assert prepare(given(), {}).seed == SOURCE


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seed_file": Path("/")}, "/ is a folder"),
        ({"seed_file": Path("/dev/zero")}, "the seed variant /dev/zero is longer than "),
        ({"program": Path("/nowhere.md")}, "the directions file /nowhere.md does not exist"),
        ({"data": Path("/nowhere")}, "no such file or folder: /nowhere"),
        ({"context": 4096}, "too little text in "),
        ({"models": ("none", "openai/x")}, "none stands alone"),
        ({"models": (), "api_base": "http://127.0.0.1:9"}, "--api-base needs a --model"),
    ],
)
def test_the_first_thing_that_cannot_be_used_is_told(
    fields: dict[str, Any], message: str, given: Given
) -> None:
    with pytest.raises(InputError) as told:
        prepare(given(**fields), {})
    assert message in str(told.value)


@pytest.mark.slow
def test_a_server_that_does_not_answer_stops_a_new_run_and_not_one_that_goes_on(given: Given) -> None:
    asked = given(models=("openai/x",), api_base="http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match="nobody answers"):
        prepare(asked, {})
    assert [model.name for model in prepare(asked, {}, resuming=True).choice.models] == ["openai/x"]


def test_a_budget_in_dollars_needs_a_price_for_every_model(given: Given) -> None:
    asked = {"models": ("openrouter/nosuch/x",), "dollars": 1.0}
    keys = {"OPENROUTER_API_KEY": "no-real-key"}
    with pytest.raises(InputError, match="no price is known for openrouter/nosuch/x"):
        prepare(given(**asked), keys)
    priced = prepare(given(**asked, prices={"openrouter/nosuch/x": (1.0, 2.0)}), keys)
    assert [model.name for model in priced.choice.models] == ["openrouter/nosuch/x"]


def test_without_models_dollars_need_no_price(given: Given) -> None:
    assert prepare(given(dollars=1.0), {}).choice.models == ()


def test_a_slot_is_a_core_unless_it_is_said_how_many() -> None:
    assert find_devices("cpu", None) == ("cpu",) * len(os.sched_getaffinity(0))
    assert find_devices("cpu", 3) == ("cpu", "cpu", "cpu")


@pytest.mark.parametrize(
    ("count", "named", "names"),
    [
        (2, None, ("0", "1")),
        (2, "2,3", ("2", "3")),
        (1, "GPU-5f2c, 3", ("GPU-5f2c",)),
        (0, "", ()),
    ],
)
def test_gpus_are_named_as_they_were_made_visible(
    count: int, named: str | None, names: tuple[str, ...]
) -> None:
    assert visible(count, named) == names
