import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import Query

from population.errors import AlreadyExists, Corrupt, Locked, NotARun, ReadOnly
from population.fitness import Fitness
from population.genome import digest
from population.ledger import Call, Event
from population.noise import Replicates
from population.store import Population
from population.variant import Failure, FailureKind, Purpose

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "one"


@pytest.fixture
def population(folder):
    with Population.create(folder) as opened:
        yield opened


def reopened(population):
    return Population.open(population.folder)


CALL = Call("some/model", "mutate", "ok", 100, 20, None, 1.5, 1, "0001.json", 1.0)
EVENT = Event("champion", "v1 leads", 2.0, {"variant": "v1", "tags": ["a", {"b": None}]})


def test_every_record_comes_back_as_it_was(population, a_variant, a_measurement):
    seed, child = (
        a_variant("v0"),
        a_variant("v1", "v0", tuned={"LR": 0.1, "ACT": "gelu"}, model="m", created=3.5),
    )
    failed = a_measurement("v1", None, failure=Failure(FailureKind.TIMEOUT, "too slow", "line 3"))
    scored = a_measurement("v1", 0.5, curve=((0.1, 2.0), (1.0, math.inf)), values={"D": 3}, trial=2, tokens=9)
    population.commit(seed, child, failed, scored, CALL, EVENT)
    for view in (population, reopened(population)):
        assert dict(view.variants) == {"v0": seed, "v1": child}
        assert view.measurements("v1") == (failed, scored)
        assert view.measurements("v0") == ()
        assert (list(view.calls), list(view.events)) == ([CALL], [EVENT])
        assert view.torn == ""


def test_a_variant_committed_again_replaces_itself_in_place(population, a_variant):
    population.commit(a_variant("v0"), a_variant("v1", "v0"))
    tuned = a_variant("v0", digest="tuned")
    population.commit(tuned, a_variant("v2", "v0"), a_variant("v2", "v0", digest="also tuned"))
    for view in (population, reopened(population)):
        assert list(view.variants) == ["v0", "v1", "v2"]
        assert view.variants["v0"] == tuned
        assert view.variants["v2"].digest == "also tuned"
        assert len(view.db.table("variants")) == 3


def test_duplicates_are_found_by_fingerprint(population, a_variant):
    population.commit(a_variant("v0"), a_variant("v1", "v0", fingerprint="fingerprint of v0"))
    assert dict(population.by_fingerprint) == {"fingerprint of v0": "v0"}


def test_the_fitness_is_that_of_the_current_source(population, a_variant, a_measurement):
    again = {"purpose": Purpose.REPLICATE}
    population.commit(a_variant("v0"), a_measurement("v0", 1.0), a_measurement("v0", 3.0, seed=1, **again))
    assert population.fitness("v0") == Fitness(2.0, pytest.approx(1.0), 2)
    population.commit(a_variant("v0", digest="tuned"), a_measurement("v0", 0.5, digest="tuned"))
    assert population.fitness("v0") == Fitness(0.5, pytest.approx(math.sqrt(2.0)), 1)
    with pytest.raises(KeyError):
        population.fitness("v9")


def test_the_score_that_a_variant_was_chosen_by_gives_way_to_others(population, a_variant, a_measurement):
    population.commit(a_variant("v0"), a_variant("v1", "v0"), a_measurement("v1", 1.0))
    assert population.fitness("v1") == Fitness(1.0, pytest.approx(math.nan, nan_ok=True), 1)
    fresh = [
        a_measurement("v1", score, seed, purpose=Purpose.REPLICATE) for seed, score in ((2, 3.0), (3, 5.0))
    ]
    population.commit(*fresh)
    assert population.fitness("v1") == Fitness(4.0, pytest.approx(1.0), 2)


def test_a_variant_without_a_score_has_no_fitness(population, a_variant, a_measurement):
    population.commit(a_variant("v0"), a_measurement("v0", None))
    assert population.fitness("v0") is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.floats(-9, 9)), max_size=12))
def test_the_noise_is_that_of_the_fresh_scores_alone(tmp_path_factory, a_variant, a_measurement, bursts):
    known = Replicates()
    for seed, (one, score) in enumerate(bursts):
        if score is not None:
            known.add(f"digest of v{one}", seed, score)
    with Population.create(tmp_path_factory.mktemp("run")) as population:
        population.commit(
            *(a_variant(f"v{one}", *(["v0"] if one else [])) for one in range(4)),
            *(a_measurement(f"v{one}", 99.0, 99) for one in range(1, 4)),
            *(
                a_measurement(f"v{one}", score, seed, purpose=Purpose.REPLICATE)
                for seed, (one, score) in enumerate(bursts)
            ),
        )
        for view in (population, reopened(population)):
            assert view.noise() == pytest.approx(known.noise().deviation, nan_ok=True, abs=1e-9)


def test_small_values_are_kept_beside_the_records(population, a_variant):
    population.set_meta(data="abc", spent=1.5)
    population.commit(a_variant("v0"), meta={"spent": 2.0, "state": {"list": (1, 2)}})
    for view in (population, reopened(population)):
        assert (view.meta("data"), view.meta("spent"), view.meta("state")) == ("abc", 2.0, {"list": [1, 2]})
        assert view.meta("nothing") is None
        assert view.meta("nothing", 7) == 7


def test_a_commit_that_is_refused_leaves_nothing(population, a_variant, a_measurement):
    population.commit(a_variant("v0"))
    for records, error in [
        ((a_variant("v1", "v0"), a_measurement("v2", 1.0)), ValueError),
        ((a_variant("v1", "v9"),), ValueError),
        ((a_variant("v1", "v1"),), ValueError),
        ((a_variant("v1", "v0"), a_variant("v0", "v1")), ValueError),
        ((a_variant("v1", "v0"), Event("x", "", 0.0, {"bad": object()})), TypeError),
        ((a_variant("v1", "v0", generation=0.5),), ValueError),
    ]:
        with pytest.raises(error):
            population.commit(*records)
    for view in (population, reopened(population)):
        assert list(view.variants) == ["v0"]
        assert len(view.db.table("events")) == 0


def test_the_database_answers_queries_as_any_tinydb(population, a_variant, a_measurement):
    population.commit(a_variant("v0"), a_variant("v1", "v0"), a_measurement("v1", 0.5))
    variants = population.db.table("variants")
    assert [found["id"] for found in variants.search(Query().operator == "mutate")] == ["v1"]
    population.commit(a_variant("v2", "v0"))
    assert [found["id"] for found in variants.search(Query().operator == "mutate")] == ["v1", "v2"]
    assert population.db.tables() == {"variants", "measurements"}


def test_what_a_user_changes_in_the_database_shows_at_the_next_opening(population, a_variant):
    population.commit(a_variant("v0"), a_variant("v1", "v0"))
    variants = population.db.table("variants")
    variants.update({"hypothesis": "mine", "starred": True}, Query().id == "v1")
    variants.remove(Query().id == "v0")
    assert list(reopened(population).variants) == ["v1"]
    assert reopened(population).variants["v1"].hypothesis == "mine"


def test_what_a_user_wrote_beside_a_variant_outlives_its_next_commit(population, a_variant):
    population.commit(a_variant("v0"))
    population.db.table("variants").update({"starred": True})
    population.commit(a_variant("v0", digest="tuned"))
    (found,) = reopened(population).db.table("variants").search(Query().starred == True)  # noqa: E712
    assert found["digest"] == "tuned"


def test_a_variant_removed_by_a_user_takes_nobodys_place_when_committed_again(population, a_variant):
    population.commit(a_variant("v0"), a_variant("v1", "v0"))
    population.db.table("variants").truncate()
    population.commit(a_variant("v2", "v0"))
    population.commit(a_variant("v0"))
    assert list(reopened(population).variants) == ["v2", "v0"]


def test_a_document_that_is_no_record_is_named(population, a_variant):
    population.commit(a_variant("v0"))
    population.db.table("variants").update({"parents": "v9"})
    with pytest.raises(Corrupt, match=r"document 1 of table variants: .*array.*str.*parents"):
        reopened(population)


@pytest.mark.parametrize("text", ["", "a = 1\n", "é = '\ud800'\r\n\t\0"])
def test_a_source_is_kept_to_the_byte(population, text):
    name = population.keep_source(text)
    assert name == digest(text) == population.keep_source(text)
    assert population.source(name) == reopened(population).source(name) == text
    assert [path.name for path in population.folder.glob("variants/*/*")] == [f"{name}.py"]


def test_a_source_that_was_changed_or_lost_is_noticed_and_can_be_kept_again(population):
    name = population.keep_source("a = 1\n")
    (path,) = population.folder.glob("variants/*/*.py")
    path.write_text("a = 2\n")
    with pytest.raises(Corrupt, match="changed"):
        population.source(name)
    path.unlink()
    with pytest.raises(Corrupt, match="cannot be read"):
        population.source(name)
    population.keep_source("a = 1\n")
    assert population.source(name) == "a = 1\n"


def test_a_source_is_asked_for_by_its_hash_only(population):
    with pytest.raises(ValueError, match="32 hex digits"):
        population.source("../../etc/passwd")


def test_a_folder_without_a_population_is_no_run_and_stays_as_it_is(tmp_path):
    for write in (False, True):
        with pytest.raises(NotARun, match=r"population\.journal: no population here"):
            Population.open(tmp_path, write=write)
    assert list(tmp_path.iterdir()) == []


def test_a_population_is_not_made_twice(population):
    with pytest.raises(AlreadyExists):
        Population.create(population.folder)


def test_a_second_writer_is_refused_by_the_first_ones_pid_and_readers_are_not(population):
    with pytest.raises(Locked, match=str(os.getpid())) as caught:
        Population.open(population.folder, write=True)
    assert caught.value.pid == os.getpid()
    assert len(reopened(population).variants) == 0


def test_closing_lets_another_write(population, a_variant):
    population.close()
    with Population.open(population.folder, write=True) as second:
        second.commit(a_variant("v0"))
    with pytest.raises(ReadOnly):
        population.commit(a_variant("v0"))
    assert list(reopened(population).variants) == ["v0"]


def test_a_reader_cannot_write(population, a_variant):
    reader = reopened(population)
    for write in (
        lambda: reader.commit(a_variant("v0")),
        lambda: reader.db.table("variants").insert({}),
        lambda: reader.keep_source("a"),
        lambda: reader.db.drop_tables(),
    ):
        with pytest.raises(ReadOnly):
            write()


def test_a_population_that_cannot_be_loaded_is_not_left_locked(population):
    population.db.table("variants").insert({"id": 3})
    population.close()
    for _ in range(2):
        with pytest.raises(Corrupt):
            Population.open(population.folder, write=True)


SCRIPT = """
import resource, sys
from pathlib import Path
from population.errors import StoreFull
from population.store import Population
from population.variant import Variant

def variant(n):
    name = f"v{n}"
    parents = ("v0",) if n else ()
    return Variant(name, population.keep_source(name), name, name, parents, "x", "y" * 2000, 0, n)

population = Population.create(Path(sys.argv[1]))
"""


def python(script, folder):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + script, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.system
def test_a_writer_that_is_killed_loses_nothing_it_acknowledged(folder):
    writer = python("for n in range(10**6): population.commit(variant(n)); print(n, flush=True)", folder)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(60)]
    with pytest.raises(Locked, match=str(writer.pid)):
        Population.open(folder, write=True)
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    writer.stdout.close()
    with Population.open(folder, write=True) as population:
        assert len(population.variants) - len(acknowledged) in (0, 1)
        assert list(population.variants) == [f"v{n}" for n in range(len(population.variants))]
        assert all(population.source(one.digest) == one.id for one in population.variants.values())


@pytest.mark.system
def test_a_full_disk_refuses_a_record_and_spoils_nothing(folder):
    writer = python(
        """
population.commit(variant(0))
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, unlimited[1]))
for n in range(1, 9):
    try:
        population.commit(variant(n))
    except StoreFull as error:
        print(n, error)
print(list(population.variants), len(Population.open(Path(sys.argv[1])).variants))
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
population.commit(variant(9))
""",
        folder,
    )
    said, _ = writer.communicate(timeout=30)
    assert writer.returncode == 0
    assert said.splitlines()[0].startswith(
        f"2 {folder}/population.journal: not recorded; nothing recorded before is lost, the disk said"
    )
    assert said.splitlines()[-1] == "['v0', 'v1'] 2"
    with Population.open(folder) as population:
        assert (list(population.variants), population.torn) == (["v0", "v1", "v9"], "")
