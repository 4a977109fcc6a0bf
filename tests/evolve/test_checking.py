"""What a search leaves holds together wherever it is killed, and is of use again after a repair."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.landscape import Sloped, Tunable, search
from evolve import checking
from evolve.docket import JOBS, PROGRESS, RUNNING, WISHES, Docket, Planned
from evolve.errors import InputError
from evolve.jobs import Measure
from evolve.rungs import PROMOTED
from evolve.wishes import Next, Wish
from operators.proposal import Proposal
from population import fsck
from population.fsck.findings import Conventions, Mention
from population.records import META, Note
from population.store import JOURNAL, Population
from population.variant import Purpose

LANDSCAPE = Conventions(checking.mention, ("metric", "direction"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with births, tunings, confirmations and a race, that has ended."""
    folder = tmp_path_factory.mktemp("searched") / "run"
    one, population = search(folder, Tunable(), Sloped(slots=2, slope=3.0), evaluations=60, seed=1, trials=3)
    with closing(population):
        asyncio.run(one.run())
    return folder


def copied(folder: Path, to: Path, journal: bytes) -> Path:
    """Copy a run with another journal."""
    shutil.copytree(folder, to)
    (to / JOURNAL).write_bytes(journal)
    return to


def test_a_run_is_whole_wherever_its_search_is_killed(searched: Path, tmp_path: Path) -> None:
    lines = (searched / JOURNAL).read_bytes().splitlines(keepends=True)
    folder = copied(searched, tmp_path / "run", b"")
    seen: set[str] = set()
    for kept in range(2, len(lines) + 1):
        (folder / JOURNAL).write_bytes(b"".join(lines[:kept]))
        found = fsck.examine(folder, LANDSCAPE)
        assert [one for one in found.findings if one.level != "info"] == []
        seen.update(table for table, count in found.counts.items() if count)
    assert seen >= {JOBS, PROGRESS, RUNNING, WISHES, "variants", "measurements", "events", "meta"}


@pytest.mark.parametrize("seed", range(12))
def test_a_search_can_read_its_docket_again_after_a_repair(searched: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines = (searched / JOURNAL).read_bytes().splitlines(keepends=True)
    data = bytearray(b"".join(lines[: rng.randrange(20, len(lines))]))
    for _ in range(4):
        data[rng.randrange(len(lines[0]) + len(lines[1]), len(data))] ^= 1 << rng.randrange(8)
    folder = copied(searched, tmp_path / "run", bytes(data))
    for path in rng.sample(sorted(folder.glob("variants/*/*.py")), 3):
        path.write_bytes(path.read_bytes()[:-1])
    done = fsck.repair(folder, LANDSCAPE)
    assert done.event is not None
    assert fsck.repair(folder, LANDSCAPE).event is None
    with Population.open(folder, write=True) as population:
        docket = Docket(population)
        for job in docket.jobs():
            if not isinstance(job, Planned):
                named = job.digest if isinstance(job, Measure) else ""
                assert population.source(named or population.variants[job.variant].digest)
            docket.proposed(job.ticket)
            docket.trials(job.ticket)
            assert docket.admitted(job.ticket) in (None, *population.variants)
        for one in docket.wished(*Wish):
            assert population.source(one.digest or population.variants[one.variant].digest)
        assert docket.held() | docket.awaited() <= population.variants.keys()


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    for look in (checking.examine, checking.repair):
        with pytest.raises(InputError, match="is not a run folder: it has no population in it"):
            look(tmp_path)


def noted(searched: Path, table: str) -> Iterator[Note]:
    """Yield a search's notes of a table as they were at each of its commits."""
    for line in (searched / JOURNAL).read_bytes().splitlines()[1:]:
        for name, _, document in msgspec.json.decode(line)["changes"]:
            if name == table and document:
                yield Note(table, document["key"], document["value"])


def test_a_birth_speaks_of_its_parents_and_a_tuning_of_its_variant(searched: Path) -> None:
    mentions = [(note, checking.mention(note)) for note in noted(searched, JOBS)]
    kinds = {note.value["kind"]: mention for note, mention in mentions}
    assert kinds.keys() == {"birth", "measure", "tune"}
    assert all(mention.sources for _, mention in mentions)
    assert all(digest for _, digest in kinds["birth"].sources)
    ((_, digest),) = kinds["tune"].sources
    assert digest == ""


def test_progress_speaks_of_its_job_and_of_what_it_became(searched: Path) -> None:
    mentions = [checking.mention(note) for note in noted(searched, PROGRESS)]
    assert all(mention.notes for mention in mentions)
    assert any(mention.variants for mention in mentions)
    proposal = Proposal("a = 1\n", "an idea", "mutate", "m")
    note = Note(PROGRESS, "7", {"proposal": msgspec.to_builtins(proposal)})
    assert checking.mention(note) == Mention(notes=((JOBS, "7"),), texts=("a = 1\n",))


def test_a_wish_speaks_of_the_source_to_confirm() -> None:
    wish = {**asdict(Next(Wish.CONFIRM, "v3", digest="abc")), "wish": Wish.CONFIRM.value}
    assert checking.mention(Note(WISHES, "0", wish)) == Mention(sources=(("v3", "abc"),))


def test_a_promotion_speaks_of_who_goes_on() -> None:
    assert checking.mention(Note(PROMOTED, "v3", {"late": False})) == Mention(("v3",))


def test_a_search_whose_contender_is_gone_goes_on_without_it() -> None:
    state = {"ticket": 5, "race": {"duel": {"contender": "v3", "place": 1, "look": 0}, "places": 1}}
    mention = checking.mention(Note(META, "search", state))
    assert mention.variants == ("v3",)
    assert mention.otherwise == Note(META, "search", {"ticket": 5, "race": {"duel": None, "places": 1}})
    assert checking.mention(Note(META, "search", {"ticket": 5})) == Mention()
    assert checking.mention(Note(META, "clock", 5.0)) == Mention()


BAD: list[tuple[str, str, Any]] = [
    (JOBS, "1", None),
    (JOBS, "1", {"kind": "birth", "ticket": 1}),
    (JOBS, "x", {"kind": "measure", "job": msgspec.to_builtins(Measure(1, "v0", Purpose.FIRST))}),
    (JOBS, "2", {"kind": "measure", "job": msgspec.to_builtins(Measure(1, "v0", Purpose.FIRST))}),
    (PROGRESS, "1", {"proposal": {"source": 5}}),
    (PROGRESS, "1", {"trials": "[{}]"}),
    (PROGRESS, "1", 5),
    (RUNNING, "1", 5),
    (WISHES, "1", {"wish": 99, "variant": "v0"}),
    (META, "search", {"race": {"duel": 5}}),
    (PROMOTED, "v1", {}),
]


@pytest.mark.parametrize(("table", "key", "value"), BAD)
def test_a_note_that_no_search_writes_is_none(table: str, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        checking.mention(Note(table, key, value))
