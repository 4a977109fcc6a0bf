"""A search on a GPU from the command line: real processes, with a small text and a small seed variant."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from evolve.bursts import vram
from evolve.bursts.sandbox import Level
from population.store import Population
from tests.gpu.devices import GPUS, HERE, needs_gpu, users, uuid
from tests.scripted_llm import ScriptedLLM
from tests.system.bench import until
from tests.system.command import TASK, count, evolve, family, follow, left, report, started
from tests.system.conftest import write_text

pytestmark = [pytest.mark.gpu, needs_gpu]

SEED = Path(__file__).parent / "variants" / "learner.py"
CUDA = ("--device", "cuda", "--burst", 1, "--evaluations", 10, "--seed", 1, "--seed-replicates", 3)
NO_LLM = ("--model", "none", "--trials", 2)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "words", seed=0)


def test_the_doctor_finds_the_gpu_and_what_bursts_on_it_are_confined_by(tmp_path: Path) -> None:
    findings = {one["name"]: one for one in report("doctor", cwd=tmp_path)["findings"]}
    assert "nvidia0" in findings["cuda"]["value"]
    assert findings["sandbox"]["value"].startswith(HERE.level.name)


def test_a_search_improves_on_its_seed_and_records_where_it_ran(
    level: Level, words: Path, tmp_path: Path
) -> None:
    with ScriptedLLM(["ok"]) as server:
        llm = ("--model", "openai/scripted", "--api-base", server.api_base)
        command = ("run", SEED, "--data", words, *TASK, *CUDA, *llm, "--slots", 2, "--run", "run")
        done = evolve(*command, "--sandbox", level.name, cwd=tmp_path, OPENAI_API_KEY="none")
    assert done.returncode == 0, done.stderr
    assert report("status", "run", cwd=tmp_path)["champion"]
    with Population.open(tmp_path / "run") as population:
        measured = [one for variant in population.variants for one in population.measurements(variant)]
    assert len([one for one in measured if one.score is not None]) >= 6
    assert {one.device for one in measured if one.seconds} == {GPUS[0]}
    assert {one.sandbox for one in measured if one.seconds} == {level.name}


def test_a_search_that_is_killed_lets_go_of_the_gpu(level: Level, words: Path, tmp_path: Path) -> None:
    before = vram.used(GPUS[0])
    command = ("run", SEED, "--data", words, *TASK, *CUDA, *NO_LLM, "--slots", 2, "--run", "run", "--json")
    with started(*command, "--sandbox", level.name, cwd=tmp_path) as process:
        follow(process, lambda seen: count(seen, "replicated") + count(seen, "measured") > 1)
        until(lambda: vram.used(GPUS[0]) > before + (100 << 20))
        processes = family(process)
        os.kill(process.pid, signal.SIGKILL)
        assert left(processes) == []
    until(lambda: vram.used(GPUS[0]) < before + (100 << 20), within=10.0)
    assert not [pid for pid in users(GPUS[0]) if pid in {one.pid for one in psutil.process_iter()}]


def test_a_search_is_kept_to_the_gpus_that_are_visible(words: Path, tmp_path: Path) -> None:
    name = uuid(GPUS[0])
    command = ("run", SEED, "--data", words, *TASK, *CUDA, *NO_LLM, "--vram-mb", 4096, "--run", "run")
    done = evolve(*command, cwd=tmp_path, CUDA_VISIBLE_DEVICES=name)
    assert done.returncode == 0, done.stderr
    with Population.open(tmp_path / "run") as population:
        measured = [one for variant in population.variants for one in population.measurements(variant)]
    assert {one.device for one in measured if one.seconds} == {f"cuda:{name}"}
    assert len([one for one in measured if one.score is not None]) >= 6


def test_a_limit_of_gpu_memory_needs_a_gpu_for_each_slot(words: Path, tmp_path: Path) -> None:
    command = ("run", SEED, "--data", words, *TASK, *CUDA, *NO_LLM, "--vram-mb", 4096, "--run", "run")
    done = evolve(*command, "--slots", len(GPUS) + 1, cwd=tmp_path)
    assert done.returncode == 2
    assert "have no more --slots than GPUs with it" in done.stderr


def test_without_visible_gpus_cuda_is_refused(tmp_path: Path) -> None:
    done = evolve("run", SEED, "--device", "cuda", cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert "torch finds no CUDA device here" in done.stderr
