"""Levels of confinement: what this machine attains is tried, said, and never less than asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.bursts import probing
from evolve.bursts.executor import Job
from evolve.bursts.probing import Machine
from evolve.bursts.sandbox import Level
from evolve.errors import InputError
from population.store import Population
from population.variant import Failure, FailureKind
from tests.system.bench import benched
from tests.system.command import SEED, TASK, evolve
from tests.system.engine import plan_in

pytestmark = pytest.mark.system

HERE = probing.highest()
SLOW = Path(__file__).parent / "variants" / "slow.py"
SHORT = ("--model", "none", "--burst-tokens", 2048, "--slots", 1, "--evaluations", 4, "--trials", 0)
needs_l1 = pytest.mark.skipif(HERE.level < Level.L1, reason=HERE.missing)


def test_the_highest_level_is_asked_for_by_auto() -> None:
    assert probing.attain("auto") == HERE


@pytest.mark.parametrize("level", list(Level))
def test_a_level_by_name_is_that_level_or_refused(level: Level) -> None:
    if level <= HERE.level:
        assert probing.attain(level.name).level is level
    else:
        with pytest.raises(InputError, match=rf"--sandbox {level.name}: this machine attains L\d only: L\d "):
            probing.attain(level.name)


def a_bubblewrap(folder: Path, script: str) -> Machine:
    """Return a machine whose bubblewrap is a script."""
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Machine(lacks="", bwraps=(str(path),), groups=None)


@needs_l1
def test_a_bubblewrap_that_fails_leaves_the_level_below(tmp_path: Path) -> None:
    machine = a_bubblewrap(tmp_path, "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    found = probing.attain("strict", machine=machine)
    assert found.level is Level.L1
    assert found.missing == "L2 was tried and failed: bwrap: No permissions to create new namespace"
    with pytest.raises(InputError, match=r"attains L1 only: L2 was tried and failed"):
        probing.attain("L2", machine=machine)


@needs_l1
def test_a_bubblewrap_that_only_starts_the_command_is_found_out(tmp_path: Path) -> None:
    machine = a_bubblewrap(tmp_path, 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    found = probing.highest(machine=machine)
    assert found.level is Level.L1
    assert "does not hold here: a burst could see a file outside, could" in found.missing


@pytest.mark.skipif(HERE.level < Level.L2, reason=HERE.missing)
def test_a_cgroup_that_limits_nothing_is_found_out(tmp_path: Path) -> None:
    machine = replace(Machine.here(), groups=tmp_path)
    found = probing.highest(machine=machine)
    assert found.level is Level.L2
    assert "could start more processes than allowed, could take more memory than allowed" in found.missing


def test_strict_refuses_a_machine_without_landlock() -> None:
    machine = Machine(lacks="L1 needs Landlock: Linux 5.13 or newer", bwraps=(), groups=None)
    assert probing.attain("auto", machine=machine).level is Level.L0
    with pytest.raises(InputError, match=r"--sandbox strict: this machine attains L0 only: L1 needs Landl"):
        probing.attain("strict", machine=machine)


def test_a_search_says_its_level_and_records_it_with_every_measurement(text: Path, tmp_path: Path) -> None:
    done = evolve("run", SEED, "--data", text, *TASK, "--run", "run", *SHORT, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (said,) = (
        event["text"]
        for line in done.stdout.splitlines()
        if (event := json.loads(line))["event"] == "started"
    )
    assert f"confined at {HERE.level.name}" in said
    with Population.open(tmp_path / "run") as population:
        measured = [one for variant in population.variants for one in population.measurements(variant)]
    assert len(measured) >= 4
    assert {one.sandbox for one in measured if one.seconds} == {HERE.level.name}


def test_an_unattainable_level_is_one_sentence_and_exit_code_2(text: Path, tmp_path: Path) -> None:
    if HERE.level is Level.L3:
        pytest.skip("this machine attains every level")
    level = Level(HERE.level + 1).name
    done = evolve(
        "run", SEED, "--data", text, *TASK, "--run", "run", *SHORT, "--sandbox", level, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --sandbox {level}: this machine attains {HERE.level.name} only: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_burst_that_fills_its_gpu_is_ended_by_what_the_gpu_says(tmp_path: Path) -> None:
    readings = iter([1 << 30])
    plan = replace(plan_in(tmp_path), devices=("cpu",), vram_bytes=2 << 30)
    with benched(plan, lambda _: next(readings, 4 << 30)) as bench:
        (result,) = bench.run(Job("greedy", SLOW.read_text(), seed=1))
        assert result.failure == Failure(
            FailureKind.MEMORY, "used 3072 MiB of its GPU, more than a burst may"
        )
