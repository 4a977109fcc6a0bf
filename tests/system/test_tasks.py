"""Tasks of one's own: the two examples searched, and what a variant cannot do about its score."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolve import session
from evolve.bursts.executor import Job, LocalExecutor, Result
from evolve.preparing import Prepared, prepare
from evolve.settings import load
from population.variant import FailureKind
from tests.system.command import ROOT, events, evolve, report, side_by_side

pytestmark = pytest.mark.system

EXAMPLES = ROOT / "examples" / "tasks"
DIGITS, CIRCLES = EXAMPLES / "digits", EXAMPLES / "circles"
FLAGS = ("--model", "none", "--seed", 1, "--burst", 0.5, "--slots", 2, "--json")


@dataclass
class Bench:
    """Runs variants of an example's task."""

    prepared: Prepared
    loop: asyncio.AbstractEventLoop
    executor: LocalExecutor
    logs: Path

    def run(self, source: str) -> Result:
        return self.loop.run_until_complete(self.executor.run(Job("v1", source, 1), lambda *_: False))


def benched(folder: Path, seed: str) -> Iterator[Bench]:
    flags = {"seed_file": folder / seed, "task": str(folder / "task.py"), "models": ("none",), "burst": 0.5}
    prepared = prepare(load(None, {**flags, "slots": 1}))
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        executor = session.executor_of(Path(name), prepared)
        assert isinstance(executor, LocalExecutor)
        runner.run(executor.start())
        yield Bench(prepared, runner.get_loop(), executor, Path(name) / "logs")
        runner.run(executor.close())


@pytest.fixture(scope="module")
def digits() -> Iterator[Bench]:
    yield from benched(DIGITS, "train.py")


@pytest.fixture(scope="module")
def circles() -> Iterator[Bench]:
    yield from benched(CIRCLES, "solve.py")


def test_the_examples_are_searched_verified_and_gone_on_with(tmp_path: Path) -> None:
    commands = [
        (
            "run",
            folder / seed,
            "--task",
            folder / "task.py",
            *FLAGS,
            "--evaluations",
            14,
            "--run",
            folder.name,
        )
        for folder, seed in ((DIGITS, "train.py"), (CIRCLES, "solve.py"))
    ]
    one, two = side_by_side(commands, tmp_path)
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    first, second = (events(done.stdout)[-1] for done in (one, two))
    assert (first["metric"], first["direction"], first["trust"]) == ("accuracy", "maximize", "")
    assert 0.8 < first["seed_score"] <= first["score"] <= 1.0
    assert second["metric"] == "sum_of_radii"
    assert 1.0 < second["seed_score"] <= second["score"] < 2.64  # the best that is known is 2.636
    again = evolve("resume", "digits", "--evaluations", 18, "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert events(again.stdout)[-1]["evaluations"] == 18
    if first["champion"] != "v0":
        found = report("verify", "digits", "--seeds", 2, cwd=tmp_path)
        assert found["split"] == ""


def test_a_run_is_not_gone_on_with_when_its_task_has_changed(tmp_path: Path) -> None:
    for name in ("task.py", "solve.py"):
        (tmp_path / name).write_text((CIRCLES / name).read_text())
    flags = (*FLAGS, "--evaluations", 6, "--run", "run")
    done = evolve("run", "solve.py", "--task", "task.py", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "task.py").write_text((CIRCLES / "task.py").read_text() + "# later\n")
    again = evolve("resume", "run", "--evaluations", 9, cwd=tmp_path)
    assert again.returncode == 2
    assert "the task in " in again.stderr
    assert again.stderr.count("\n") == 1


GOOD = "import torch\ndef train(burst):\n    return lambda images: torch.zeros(len(images), 10)\n"


def test_whatever_can_be_called_answers(digits: Bench) -> None:
    result = digits.run(GOOD)
    assert result.failure is None
    assert result.score == pytest.approx(0.1, abs=0.05)


SPIES = {
    "the installed labels": "import sklearn.datasets as d\n    kept = d.load_digits().target",
    "the task itself": f"kept = open({str(DIGITS / 'task.py')!r}).read()",
    "the scorer's module": "import sys\n    kept = sys.modules['evolve_own_task']",
}


@pytest.mark.parametrize("what", SPIES)
def test_a_variant_cannot_look_at_what_it_is_scored_on(digits: Bench, what: str) -> None:
    if digits.prepared.confinement.level == 0 and what != "the scorer's module":
        pytest.skip("files are open at L0")
    result = digits.run(f"def train(burst):\n    {SPIES[what]}\n    return kept\n")
    assert result.failure is not None
    assert result.failure.kind is FailureKind.EXCEPTION
    assert any(word in result.failure.message for word in ("Error", "denied", "No such file"))


BROKEN = {
    "another shape": ("lambda images: torch.zeros(len(images), 9)", "contract", "must have shape ("),
    "no numbers": ("lambda images: ['a'] * 10", "contract", "must have shape"),
    "NaN": ("lambda images: torch.full((len(images), 10), float('nan'))", "nonfinite", "NaN or infinity"),
    "chance": ("lambda images: torch.rand(len(images), 10)", "stateful", "another answer the second time"),
    "nothing": ("None", "contract", "must have shape"),
    "other names": ("lambda x: x", "exception", "unexpected keyword argument 'images'"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_breaks_the_contract_is_a_failure_of_its_kind(digits: Bench, how: str) -> None:
    made, kind, message = BROKEN[how]
    result = digits.run(f"import torch\ndef train(burst):\n    return {made}\n")
    assert result.score is None
    assert result.failure is not None
    assert (result.failure.kind.value, message in result.failure.message) == (kind, True), result.failure


PLACED = "import numpy as np\ndef solve(burst):\n    c = np.full((26, 3), 0.5)\n    {}\n    return c\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("c[:, 2] = 0.1", "circles 0 and 1 overlap"),
        ("c[:, 2] = 0\n    c[3] = 0.9, 0.5, 0.1 + 1e-16", "circle 3 reaches out of the square"),
        ("c[:, 2] = 0\n    c[3, 2] = -1", "circle 3 has the radius -1"),
    ],
)
def test_circles_are_checked_without_any_tolerance(circles: Bench, line: str, message: str) -> None:
    result = circles.run(PLACED.format(line))
    assert result.failure is not None
    assert (result.failure.kind, result.failure.message) == (FailureKind.CONTRACT, message)


def test_points_are_circles_too(circles: Bench) -> None:
    assert circles.run(PLACED.format("c[:, 2] = 0")).score == 0.0


REFUSED = {
    "no file": (("--task", "gone.py"), "gone.py: there is no such file"),
    "no class": (("--task", "solve.py"), "it defines no classes made from evolve.tasks.Task"),
    "beside a command": (("--task", "task.py", "--command", "x {file}"), "--command does not go together"),
    "beside data": (("--task", "task.py", "--data", "."), "--data does not go together with --task"),
    "a limit without a program": (("--limit", "mb<=3"), "--limit is for a program of your own"),
    "a copy without a program": (("--copy", "task.py"), "--copy is for a program of your own"),
}


def test_what_does_not_go_together_is_told_in_one_sentence(tmp_path: Path) -> None:
    for name in ("task.py", "solve.py"):
        (tmp_path / name).write_text((CIRCLES / name).read_text())
    usual = ("--model", "none", "--run", "new")
    commands = [("run", "solve.py", *words, *usual) for words, _ in REFUSED.values()]
    for told, (_, reason) in zip(side_by_side(commands, tmp_path), REFUSED.values(), strict=True):
        assert told.returncode == 2, told.stdout
        assert reason in told.stderr
        assert told.stderr.count("\n") == 1
