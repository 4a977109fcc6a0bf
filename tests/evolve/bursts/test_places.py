"""What a burst may read is the interpreter and its libraries, and none of what is yours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evolve.bursts import places

ROOT = Path(__file__).parents[3]


def covers(path: Path, paths: list[str]) -> bool:
    real = [os.path.realpath(one) for one in paths]
    return any(path.resolve().is_relative_to(one) for one in real)


@pytest.mark.parametrize("cuda", [False, True])
def test_the_interpreter_the_library_the_packages_and_ours_are_read(cuda: bool) -> None:
    paths = places.readable(cuda)
    for needed in (sys.executable, os.__file__, np.__file__, places.__file__):
        assert covers(Path(needed), paths), needed


@pytest.mark.parametrize("cuda", [False, True])
def test_nothing_of_the_user_is_read(cuda: bool) -> None:
    paths = places.readable(cuda)
    for closed in (
        Path.home() / ".ssh",
        ROOT / "runs",
        ROOT / "tests",
        Path("/etc/passwd"),
        Path("/var/log"),
    ):
        assert not covers(closed, paths), closed
    assert all(Path(path).is_absolute() for path in paths)


def test_neither_a_library_folder_of_the_users_nor_a_relative_one_is_opened(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", "from evolve.bursts import places; print(*places.readable(False), sep='\\n')"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LD_LIBRARY_PATH": f".:{tmp_path / 'mine'}:/usr/lib"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = done.stdout.splitlines()
    assert "/usr/lib" in paths
    assert not covers(tmp_path / "mine", paths)
