"""A person steers a search that runs, by commands from another terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from population.store import Population
from tests.system.command import Event, count, ended, events, evolve, follow, side_by_side, started

pytestmark = pytest.mark.system

PROGRAM = """\
import os, random, time
random.seed(int(os.environ["EVOLVE_SEED"]))
RATE = 3.0
time.sleep(0.1)
print("loss:", (RATE - 1) ** 2 + random.gauss(0, 0.05))
"""
RUN = ("run", "train.py", "--command", "python {file}", "--metric", r"loss: (\S+)", "--direction", "minimize")
QUIET = ("--model", "none", "--seed", 1, "--slots", 1, "--run", "r", "--owner", "Ana", "--json")
WRONG = {
    ("steer", "r", " "): "a direction has 1 to 2000 characters, got 0",
    ("steer", "nowhere", "x"): "nowhere is not a run folder",
    ("inject", "r", "gone.py"): "gone.py cannot be read: No such file or directory",
    ("inject", "r", "broken.py"): "broken.py: line 1: ",
    ("inject", "r", "train.py"): "train.py: it is the same program as v0",
    ("steer", "r"): "give TEXT",
    ("favour", "r", "v1"): "v1 is banned, and has no children",
    ("ban", "r", "v0"): "v0 is the seed",
    ("ban", "r", "v999"): "no variant 'v999' in this run",
    ("approve", "r", "v1"): "v1 does not wait for an approval",
    ("raise", "r"): "give --evaluations, --hours, --dollars or --target",
    ("raise", "r", "--hours", "-1"): "--hours: hours = -1.0",
    ("pause", "r"): "no search runs in r",
    ("stop", "r"): "no search runs in r",
}


@dataclass(frozen=True)
class Steered:
    """A search that was steered from outside, and what everybody said."""

    cwd: Path
    said: dict[str, str]
    seen: list[Event]
    code: int


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Steered:
    cwd = tmp_path_factory.mktemp("steered")
    (cwd / "train.py").write_text(PROGRAM)
    (cwd / "broken.py").write_text("def (:")
    (cwd / "mine.py").write_text(PROGRAM.replace("3.0", "1.25"))
    said: dict[str, str] = {}

    def tell(*words: object) -> None:
        done = evolve(*words, cwd=cwd)
        assert done.returncode == 0, done.stderr
        said[str(words[0])] = done.stdout

    with started(*RUN, *QUIET, "--evaluations", 5000, cwd=cwd) as process:
        seen = follow(process, lambda seen: count(seen, "measured") >= 3)
        tell("pause", "r")
        seen += follow(process, lambda seen: count(seen, "order") >= 1)
        tell("inject", "r", "mine.py", "--parent", "v0", "--idea", "by hand")
        tell("steer", "r", "keep it simple", "--children", 3)
        tell("favour", "r", "v1", "--children", 5)
        tell("ban", "r", "v1")
        (cwd / "r" / "program.md").write_text("simple ideas")
        tell("raise", "r", "--evaluations", 4000)
        seen += follow(process, lambda seen: count(seen, "order") >= 5)
        tell("status", "r")
        tell("continue", "r")
        seen += follow(process, lambda seen: bool(hand_made(seen)))
        tell("stop", "r")
        done = ended(process)
    seen += events(done.stdout)
    tell("log", "r", "--kind", "order", "--kind", "directions")
    return Steered(cwd, said, seen, done.returncode)


def hand_made(seen: list[Event]) -> list[Event]:
    """Return the events of the program that was put in, once it was measured."""
    return [one for one in seen if one["event"] == "measured" and one["data"]["operator"] == "inject"]


def test_every_order_is_on_record_with_who_gave_it(steered: Steered) -> None:
    orders = [one["data"] for one in steered.seen if one["event"] == "order"]
    assert [one["kind"] for one in orders] == [
        "pause", "inject", "steer", "favour", "ban", "raise", "continue", "stop",
    ]  # fmt: skip
    assert all(one["by"] and one["at"] > 1e9 for one in orders)
    assert "program.md was changed by" in steered.said["log"]
    assert "stops the search" in steered.said["log"]


def test_nothing_began_while_it_was_paused(steered: Steered) -> None:
    at = {one["data"]["kind"]: one["at"] for one in steered.seen if one["event"] == "order"}
    admitted = [one["at"] for one in steered.seen if one["event"] == "admitted"]
    assert not [one for one in admitted if at["pause"] + 1.0 < one < at["continue"]]
    assert [one for one in admitted if one > at["continue"]]


def test_it_stops_as_if_by_ctrl_c_and_is_whole(steered: Steered) -> None:
    assert steered.code == 0
    assert steered.seen[-1]["event"] == "finished"
    assert evolve("fsck", "r", cwd=steered.cwd).returncode == 0


def test_the_owner_and_the_new_budget_are_kept(steered: Steered) -> None:
    with Population.open(steered.cwd / "r") as population:
        assert population.meta("owner") == "Ana"
        assert population.meta("budgets")["evaluations"] == 4000
    assert "evaluations = 4000" in (steered.cwd / "r" / "evolve.toml").read_text()


def test_an_order_without_a_search_waits_for_the_next_one(steered: Steered) -> None:
    done = evolve("steer", "r", "be bold", cwd=steered.cwd)
    assert "no search runs there" in done.stdout
    with Population.open(steered.cwd / "r") as population:
        used = sum(len(population.measurements(name)) for name in population.variants)
    more = evolve("resume", "r", "--evaluations", used + 4, "--json", cwd=steered.cwd)
    assert more.returncode == 0, more.stderr
    texts = [one["text"] for one in events(more.stdout) if one["event"] == "order"]
    assert len(texts) == 1
    assert texts[0].endswith("to the next 20 children: be bold")


def test_what_cannot_be_ordered_is_told_in_one_sentence(steered: Steered) -> None:
    for words, done in zip(WRONG, side_by_side([*WRONG], steered.cwd), strict=True):
        assert done.returncode == 2, (words, done.stdout)
        assert WRONG[words] in done.stderr, words
        assert done.stderr.count("\n") == 1
    assert not list((steered.cwd / "r" / "orders").iterdir())
