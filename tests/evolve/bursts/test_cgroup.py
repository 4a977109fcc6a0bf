"""Groups are made where they work; a folder tree stands in for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.bursts import cgroup
from evolve.bursts.cgroup import Group


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "cgroup"
    made.mkdir()
    return made


def a_group(folder: Path, controllers: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.subtree_control").write_text(controllers)
    (folder / "cgroup.procs").write_text("")
    return folder


def own(tmp_path: Path, text: str) -> Path:
    (tmp_path / "own").write_text(text)
    return tmp_path / "own"


def test_the_group_above_is_taken_when_its_controllers_are_at_work(root: Path, tmp_path: Path) -> None:
    above = a_group(root / "user/app", "cpu memory pids\n")
    a_group(above / "me", "")
    assert cgroup.parent(root, own(tmp_path, "0::/user/app/me\n")) == above


def test_a_group_without_a_controller_will_not_do(root: Path, tmp_path: Path) -> None:
    a_group(root / "app", "cpu pids\n")
    a_group(root / "app/me", "")
    assert cgroup.parent(root, own(tmp_path, "0::/app/me\n")) is None


def test_the_root_serves_a_process_that_is_in_it(root: Path, tmp_path: Path) -> None:
    a_group(root, "memory pids\n")
    assert cgroup.parent(root, own(tmp_path, "0::/\n")) == root


@pytest.mark.parametrize("text", ["", "4:memory:/x\n", "1:name=systemd:/\n"])
def test_a_machine_without_version_2_has_none(root: Path, tmp_path: Path, text: str) -> None:
    assert cgroup.parent(root, own(tmp_path, text)) is None


def test_a_group_has_its_limits_and_goes(root: Path) -> None:
    group = Group.create(root, "slot-0", memory=1000, processes=20)
    folder = root / "slot-0"
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "20"
    assert group.prefix()[-1] == str(folder)
    for path in folder.iterdir():  # the kernel's files go with their folder
        path.unlink()
    group.remove()
    group.remove()
    assert not folder.exists()


def test_kills_for_want_of_memory_are_counted(root: Path) -> None:
    group = Group.create(root, "slot-0", memory=1000, processes=20)
    assert group.kills() == 0
    (root / "slot-0/memory.events").write_text("low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert group.kills() == 2
