"""What a user's program finds beside it, and that it stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolve.errors import InputError
from evolve.tasks import layouts, workspace
from evolve.tasks.workspace import Shown, digest, shown, stamps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as people have them."""
    for name in ("train.py", "helper.py", ".env", "data/a.txt", "data/b.txt", "runs/x/y", "__pycache__/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "population.journal").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_by_default_it_finds_all_that_is_likely_to_be_of_use(folder: Path) -> None:
    assert [one.name for one in shown(folder, "train.py", None)] == ["data", "helper.py"]


def test_it_finds_what_is_named_where_it_looks_for_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "data"))
    found = shown(folder, "train.py", ["data/../helper.py", "~/a.txt", str(folder / "data")])
    assert found == (
        Shown("helper.py", folder / "data/../helper.py"),
        Shown("a.txt", folder / "data" / "a.txt"),
        Shown(str(folder / "data"), folder / "data"),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no.txt", "there is no "),
        ("train.py", "that is the program itself"),
        (".", "give files and folders beside the program"),
        ("data/../..", "give files and folders beside the program"),
        ("~/", "give files and folders beside the program"),
        ("~/..", "give files and folders beside the program"),
        ("~/train.py", "that is the program itself"),
    ],
)
def test_what_cannot_be_shown_is_told(
    folder: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(InputError, match=reason):
        shown(folder, "train.py", [text])


def test_a_digest_changes_with_contents_and_names_and_with_nothing_else(folder: Path) -> None:
    files = shown(folder, "train.py", None)
    before, marks = digest(files), stamps(files)
    (folder / "train.py").write_text("another")
    (folder / "helper.py").touch()
    assert digest(files) == before
    assert stamps(files) != marks
    (folder / "data" / "a.txt").rename(folder / "data" / "c.txt")
    moved = digest(files)
    (folder / "data" / "c.txt").write_text("other")
    assert len({before, moved, digest(files)}) == 3


def test_too_many_files_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_MOST", 2)
    with pytest.raises(InputError, match="more than 2 files lie beside the program; name those"):
        digest(shown(folder, "train.py", None))


def test_only_a_folder_of_the_known_layout_is_recognised(folder: Path) -> None:
    assert layouts.recognised(folder) is None
    (folder / "prepare.py").write_text("")
    assert layouts.recognised(folder) is None
    (folder / "train.py").write_text('print(f"val_bpb: {x}")')
    found = layouts.recognised(folder)
    assert found is not None
    assert found.settings["seed_file"] == folder / "train.py"
    assert found.settings["copies"][0] == "prepare.py"


def test_a_folder_runs_with_its_own_python(folder: Path) -> None:
    own = folder / ".venv" / "bin" / "python"
    assert layouts.python(folder) != str(own)
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert layouts.python(folder) == str(own)


CONFIG = """\
max_iterations: 70
random_seed: 5
llm:
  api_base: http://127.0.0.1:9/v1
  temperature: 0.7
  models:
    - {name: small, weight: 0.25}
    - {name: openai/large}
prompt:
  system_message: Pack the squares.
evaluator:
  timeout: 45
  cascade_thresholds: [0.5]
database:
  num_islands: 3
"""


def evaluated(folder: Path, config: str = "", evaluator: str = "evaluator.py") -> Path:
    """Lay a folder out as of another system."""
    work = folder / "work"
    work.mkdir()
    (work / evaluator).write_text("def evaluate(path):\n    return 1\n")
    (work / "start.py").write_text("# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n")
    (work / "notes.txt").write_text("")
    if config:
        (work / "config.yaml").write_text(config)
    return work


@pytest.mark.parametrize("name", ["evaluator.py", "evaluate.py"])
def test_a_program_beside_an_evaluator_is_recognised_by_its_marks_or_its_name(
    folder: Path, name: str
) -> None:
    work = evaluated(folder, evaluator=name)
    found = layouts.recognised(work)
    assert found is not None
    assert (found.settings["seed_file"], found.settings["evaluator"]) == (work / "start.py", work / name)
    (work / "initial_program.py").write_text("x = 1\n")
    found = layouts.recognised(work)
    assert found is not None
    assert found.settings["seed_file"] == work / "initial_program.py"


def test_a_config_gives_defaults_and_what_is_not_honoured_is_said(folder: Path) -> None:
    found = layouts.recognised(evaluated(folder, CONFIG))
    assert found is not None
    ours = dict(found.settings)
    assert (ours.pop("seed_file").name, ours.pop("evaluator").name) == ("start.py", "evaluator.py")
    assert ours == {
        "evaluations": 70,
        "seed": 5,
        "api_base": "http://127.0.0.1:9/v1",
        "models": ("openai/small:0.25", "openai/large:1"),
        "about": "Pack the squares.",
        "burst": 45,
        "stages": (0.5,),
    }
    assert found.notes == (
        "config.yaml: llm.temperature is not honoured",
        "config.yaml: database.num_islands is not honoured",
    )


def test_an_older_form_names_two_models_and_no_stages(folder: Path) -> None:
    config = (
        "llm: {primary_model: a, primary_model_weight: 0.8,\n"
        "  secondary_model: b, secondary_model_weight: 0.2,\n"
        "  api_base: 'https://api.openai.com/v1'}\nevaluator: {cascade_evaluation: false}\n"
    )
    found = layouts.recognised(evaluated(folder, config))
    assert found is not None
    assert found.settings["models"] == ("openai/a:0.8", "openai/b:0.2")
    assert found.settings["stages"] == ()
    assert "api_base" not in found.settings
    assert found.notes == ()


@pytest.mark.parametrize(
    ("config", "reason"), [("a: [", "is no YAML"), ("- a\n- b\n", "holds no settings: it is no mapping")]
)
def test_a_config_that_cannot_be_read_is_told(folder: Path, config: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        layouts.recognised(evaluated(folder, config))


@pytest.mark.parametrize(
    "config",
    [
        "llm: {models: [{name: a, weight: abc}]}",
        "llm: {models: [{name: a, weight: .nan}]}",
        "llm: {primary_model: a, primary_model_weight: [1]}",
        "a: &a {b: *a}",
        "a: 2020-13-45",
        "[" * 5000,
    ],
)
def test_a_strange_config_is_told_in_one_sentence(folder: Path, config: str) -> None:
    with pytest.raises(InputError) as told:
        layouts.recognised(evaluated(folder, config))
    assert "config.yaml" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_weight_that_is_not_given_is_one(folder: Path) -> None:
    found = layouts.recognised(evaluated(folder, "llm: {models: [{name: a, weight: null}, {name: b}]}"))
    assert found is not None
    assert found.settings["models"] == ("openai/a:1", "openai/b:1")


def test_what_lies_in_one_another_is_not_shown_twice(folder: Path) -> None:
    for wanted in (["data", "data/a.txt"], ["data/a.txt", "data"], ["data", "data"]):
        with pytest.raises(InputError, match="would lie in one another"):
            shown(folder, "train.py", wanted)


def test_a_change_is_seen_whose_time_was_put_back(folder: Path) -> None:
    files = shown(folder, "train.py", ["helper.py"])
    before, status = stamps(files), (folder / "helper.py").stat()
    (folder / "helper.py").write_text("HELPER.py")
    os.utime(folder / "helper.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamps(files) != before
