"""A disk that fills up pauses a search, and loses nothing; real file systems of a few megabytes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from population.store import Population
from tests.scripted_llm import ScriptedLLM
from tests.system.command import SEED, TASK, Event, count, ended, environment, events, follow

pytestmark = pytest.mark.system

UNSHARE = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && cd "$2" && shift 2 && "$@"'
MEASURED = ("measured", "replicated")


@contextmanager
def on_a_small_disk(
    folder: Path, size: str, *arguments: object
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start the command line on a file system of its own; yield the process, and the way into it."""
    folder.mkdir()
    probe = [*UNSHARE, "bash", "-c", MOUNT, "bash", "1m", str(folder), "true"]
    try:
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {getattr(error, 'stderr', error)!r}")
    command = [sys.executable, "-m", "evolve", *map(str, arguments)]
    with subprocess.Popen(
        [*UNSHARE, "bash", "-c", MOUNT, "bash", size, str(folder), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(OPENAI_API_KEY="any"),
        start_new_session=True,
    ) as process:
        try:
            yield process, Path(f"/proc/{process.pid}/root/{folder}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def fill(disk: Path) -> Path:
    """Leave not one byte of room; return the file that takes it."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler


def flags(server: ScriptedLLM, text: Path) -> tuple[object, ...]:
    model = ("--model", "openai/scripted", "--api-base", server.api_base, "--seed", 1, "--json")
    return ("run", SEED, "--data", text, *TASK, "--run", "run", "--burst", 0.2, *model)


def test_a_search_on_a_disk_that_fills_up_pauses_and_goes_on_by_itself(text: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    with (
        ScriptedLLM(["ok"]) as server,
        on_a_small_disk(tmp_path / "disk", "8m", *flags(server, text), "--evaluations", 40) as (search, disk),
    ):
        for turn in range(1, 4):
            seen += follow(search, lambda more: sum(count(more, kind) for kind in MEASURED) >= 4)
            filler = fill(disk)
            seen += follow(search, lambda more: count(more, "paused") == 1)
            time.sleep(0.2 * turn)
            with Population.open(disk / "run") as population:
                told = {e["data"]["variant"] for e in seen if e["event"] == "admitted"}
                assert told <= population.variants.keys()
            filler.unlink()
            seen += follow(search, lambda more: count(more, "continued") == 1)
        out, err = search.communicate(timeout=90)
    seen += events(out)
    assert search.returncode == 0, err
    assert seen[-1]["reason"] == "the budget of 40 evaluations is used"
    assert all("goes on by itself" in event["text"] for event in seen if event["event"] == "paused")
    assert not any("No space" in event["text"] for event in seen if event["event"] in MEASURED)


def test_a_search_that_is_stopped_while_the_disk_is_full_says_so_in_one_sentence(
    text: Path, tmp_path: Path
) -> None:
    with (
        ScriptedLLM(["ok"]) as server,
        on_a_small_disk(tmp_path / "disk", "8m", *flags(server, text), "--evaluations", 40) as (search, disk),
    ):
        follow(search, lambda more: count(more, "measured") >= 2)
        fill(disk)
        follow(search, lambda more: count(more, "paused") == 1)
        os.killpg(search.pid, signal.SIGINT)
        done = ended(search)
        assert done.returncode != 0
        assert "the disk is full" in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_a_run_that_has_no_room_to_begin_says_so_and_leaves_nothing(text: Path, tmp_path: Path) -> None:
    with (
        ScriptedLLM(["ok"]) as server,
        on_a_small_disk(tmp_path / "disk", "16k", *flags(server, text), "--evaluations", 9) as (search, _),
    ):
        done = ended(search)
    assert done.returncode == 2
    assert "cannot start a run" in done.stderr
    assert done.stderr.count("\n") == 1
