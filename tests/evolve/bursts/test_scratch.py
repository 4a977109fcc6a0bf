"""A working directory is emptied and weighed whatever lies in it, and nothing outside is touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.bursts import scratch

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scratch"
    made.mkdir()
    return made


@pytest.fixture
def inside(folder: Path) -> Iterator[int]:
    descriptor = scratch.opened(folder)
    yield descriptor
    os.close(descriptor)


def nest(depth: int, name: str = "deep") -> None:
    """Make folders within folders from here, deeper than any path can name, and come back."""
    start = os.open(".", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name)  # noqa: PTH102 - far below what a path can name
        os.chdir(name)
    os.fchdir(start)
    os.close(start)


def test_files_folders_links_and_pipes_are_removed_and_what_they_lead_to_is_not(
    folder: Path, inside: int, tmp_path: Path
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/file").write_text("precious")
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").write_text("x")
    (folder / "a/link").symlink_to(tmp_path / "ours")
    (folder / "train.py").symlink_to(tmp_path / "ours/file")
    os.mkfifo(folder / "fifo")
    os.link(tmp_path / "ours/file", folder / "hard")
    scratch.empty(inside)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "ours/file").read_text() == "precious"


def test_folders_deeper_than_a_path_can_say_are_removed(
    folder: Path, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    nest(1500, "a-name-of-some-length")
    scratch.empty(inside)
    assert list(folder.iterdir()) == []


def test_folders_that_nobody_may_enter_are_removed(folder: Path, inside: int) -> None:
    (folder / "a/b/c").mkdir(parents=True)
    (folder / "a/b/c/file").write_text("x")
    for name in ("a/b/c", "a/b", "a"):
        (folder / name).chmod(0)
    scratch.empty(inside)
    assert list(folder.iterdir()) == []


def test_a_folder_that_was_replaced_by_a_link_is_not_entered(
    folder: Path, inside: int, tmp_path: Path
) -> None:
    (folder / "left").write_text("x")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/file").write_text("precious")
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "ours")
    scratch.empty(inside)
    scratch.remove(folder)
    assert (tmp_path / "ours/file").read_text() == "precious"
    assert list((tmp_path / "moved").iterdir()) == []
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        scratch.opened(folder)


def test_a_folder_is_removed_and_one_that_is_not_there_is_fine(folder: Path) -> None:
    (folder / "file").write_text("x")
    scratch.remove(folder)
    scratch.remove(folder)
    assert not folder.exists()


def test_bytes_are_counted_where_they_lie(folder: Path, inside: int) -> None:
    (folder / "a").mkdir()
    (folder / "a/file").write_bytes(b"x" * MIB)
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert MIB <= scratch.used(inside, most=1 << 30) < 2 * MIB


@pytest.mark.parametrize("trouble", ["deep", "many", "closed"])
def test_what_cannot_be_counted_is_too_much(
    trouble: str, folder: Path, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    if trouble == "deep":
        nest(60)
    elif trouble == "many":
        for number in range(5_001):
            Path(str(number)).touch()
    else:
        if os.geteuid() == 0:
            pytest.skip("root may enter every folder")
        (folder / "closed").mkdir(mode=0)
    assert scratch.used(inside, most=1 << 40) > 1 << 40


def test_files_without_a_name_count_as_long_as_they_are_open(folder: Path) -> None:
    before = scratch.used_unlinked([os.getpid()])
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x" * MIB)
        file.flush()
        assert scratch.used_unlinked([os.getpid(), os.getpid()]) - before >= MIB
    assert scratch.used_unlinked([os.getpid()]) == before
