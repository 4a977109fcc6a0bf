"""``python train.py``: one burst of one file, by the same way as in a search."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.system.command import SEED, environment, left

pytestmark = pytest.mark.system

MAIN = '\n\nif __name__ == "__main__":\n    from evolve.alone import main\n\n    main(__file__)\n'


@contextmanager
def alone(source: str, folder: Path, text: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Start a file that runs one burst of itself."""
    (folder / "train.py").write_text(source + MAIN)
    with subprocess.Popen(
        [sys.executable, "train.py", "--data", str(text), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(TMPDIR=str(folder)),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_file_that_runs_alone_prints_its_score(text: Path, tmp_path: Path) -> None:
    with alone(SEED.read_text(), tmp_path, text, "--burst-tokens", "3000") as process:
        out, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (0, "")
    said = r"val_bpb \d\.\d{4}  \(4096 tokens in .* s on cpu, .* with scoring, confined at L\d\)\n"
    assert re.fullmatch(said, out)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_its_failure_is_told_with_its_own_lines_only(text: Path, tmp_path: Path) -> None:
    source = SEED.read_text().replace("if ROWS > 8", "if ROWS == 8")
    with alone(source, tmp_path, text) as process:
        out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("exception: ValueError: 8 rows do not fit\n")
    assert "evolve" not in err


def test_a_flag_that_cannot_be_used_is_bad_input(text: Path, tmp_path: Path) -> None:
    with alone(SEED.read_text(), tmp_path, text, "--burst", "nan") as process:
        out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (2, "")
    assert err == "error: --burst: burst = nan: input should be a finite number\n"


def test_interrupted_it_ends_with_everything_and_no_traceback(text: Path, tmp_path: Path) -> None:
    with alone(SEED.read_text(), tmp_path, text, "--burst", "60") as process:
        own = psutil.Process(process.pid)
        while not any(one.children() for one in own.children() if "zygote" in " ".join(one.cmdline())):
            assert process.poll() is None
            time.sleep(0.05)
        everything = own.children(recursive=True)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=90)
    assert (process.returncode, out, err) == (130, "", "")
    assert left(everything) == []
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
