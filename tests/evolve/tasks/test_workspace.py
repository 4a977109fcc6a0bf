"""What a user's program finds beside it, and that it stays as it is."""

from __future__ import annotations

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
    ],
)
def test_what_cannot_be_shown_is_told(folder: Path, text: str, reason: str) -> None:
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
    assert found["seed_file"] == folder / "train.py"
    assert found["copies"][0] == "prepare.py"


def test_a_folder_runs_with_its_own_python(folder: Path) -> None:
    own = folder / ".venv" / "bin" / "python"
    assert layouts.python(folder) != str(own)
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert layouts.python(folder) == str(own)
