"""The two commands that look after a run folder, on one that a search has left, and beside one that runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from tinydb import Query, TinyDB

from population.store import JOURNAL
from tests.system.command import SEED, TASK, count, ended, evolve, follow, report, started

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def run(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of a dozen bursts; while it ran it was found whole, and exported."""
    cwd = tmp_path_factory.mktemp("fsck")
    command = ("run", SEED, "--data", text, *TASK, "--run", "run", "--model", "none")
    flags = ("--burst-tokens", 2000, "--evaluations", 24, "--seed-replicates", 2, "--seed", 1, "--json")
    with started(*command, *flags, cwd=cwd) as search:
        follow(search, lambda seen: count(seen, "measured") > 0)
        os.kill(search.pid, signal.SIGSTOP)  # or it might end before all have looked
        beside = evolve("fsck", "run", cwd=cwd)
        refused = evolve("fsck", "run", "--repair", cwd=cwd)
        exported = evolve("export", "run", "--to", "early.json", cwd=cwd)
        os.kill(search.pid, signal.SIGCONT)
        assert ended(search).returncode == 0
    assert beside.returncode == exported.returncode == 0, beside.stdout + exported.stderr
    assert f"process {search.pid} writes this run now" in beside.stdout
    assert refused.returncode == 2
    assert f"process {search.pid} is writing this population" in refused.stderr
    assert refused.stderr.count("\n") == 1
    with TinyDB(cwd / "early.json") as early:
        assert early.table("variants").get(Query().id == "v0")
    return cwd / "run"


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_what_a_search_has_left_is_whole(run: Path) -> None:
    found = report("fsck", "run", cwd=run.parent)
    assert (found["whole"], found["writer"]) == (True, None)
    assert [one for one in found["findings"] if one["level"] != "info"] == []
    assert found["counts"]["measurements"] >= 24


def test_a_damaged_run_is_repaired_and_goes_on(copy: Path) -> None:
    lines = (copy / JOURNAL).read_bytes().splitlines(keepends=True)
    last = next(n for n in reversed(range(len(lines))) if b'["measurements",' in lines[n])
    lines[last] = lines[last][:60] + b"#" + lines[last][61:]
    (copy / JOURNAL).write_bytes(b"".join(lines) + b'{"crc32":"')
    (seed,) = [path for path in copy.glob("variants/*/*.py") if path.read_text() == SEED.read_text()]
    seed.unlink()

    refused = evolve("resume", copy, cwd=copy)
    assert refused.returncode == 1
    assert "is damaged; `evolve fsck --repair` keeps all others" in refused.stderr
    looked = evolve("fsck", copy, cwd=copy)
    assert looked.returncode == 1
    errors = [line.split()[1] for line in looked.stdout.splitlines() if line.startswith("error")]
    assert errors[:2] == ["line", "torn"]
    assert "source" in errors
    assert "fsck" in looked.stdout.splitlines()[-1]

    repaired = evolve("fsck", copy, "--repair", "--json", cwd=copy)
    assert repaired.returncode == 0, repaired.stdout
    done = json.loads(repaired.stdout)
    assert done["repaired"]["lines"] == 2
    assert (copy / done["kept"]).is_file()
    kept = [json.loads(line) for line in (copy / "quarantine.jsonl").read_text().splitlines()]
    assert kept[0]["raw"].encode() == lines[last]
    assert seed.read_text() == SEED.read_text()
    assert evolve("fsck", copy, "--repair", cwd=copy).returncode == 0
    assert len((copy / "quarantine.jsonl").read_text().splitlines()) == len(kept)
    assert evolve("status", copy, cwd=copy).returncode == 0
    again = evolve("resume", copy, "--evaluations", 30, cwd=copy)
    assert again.returncode == 0, again.stderr
    assert evolve("fsck", copy, cwd=copy).returncode == 0


def test_an_export_opens_in_stock_tinydb(run: Path, tmp_path: Path) -> None:
    done = evolve("export", run, "--to", "x.json", cwd=tmp_path)
    assert done.returncode == 0
    assert "open them by tinydb.TinyDB('x.json')" in done.stdout
    refused = evolve("export", run, "--to", "x.json", cwd=tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    tables = json.loads(
        evolve("export", run, "--to", "x.json", "--force", "--all", "--json", cwd=tmp_path).stdout
    )["tables"]
    with TinyDB(tmp_path / "x.json") as db:
        assert {name: len(db.table(name)) for name in tables} == tables
        assert "notes.jobs" in tables
        assert len(db.table("variants").search(Query().operator == "seed")) == 1


def test_a_disk_that_refuses_is_told_in_one_sentence(copy: Path) -> None:
    with (copy / JOURNAL).open("ab") as file:
        file.write(b"torn")
    (copy / "quarantine.jsonl").mkdir()
    before = (copy / JOURNAL).read_bytes()
    done = evolve("fsck", copy, "--repair", cwd=copy)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "quarantine.jsonl: nothing was repaired, the disk said: " in done.stderr
    assert (copy / JOURNAL).read_bytes() == before
