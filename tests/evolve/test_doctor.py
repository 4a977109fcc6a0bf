from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from evolve import doctor
from evolve.bursts.sandbox import Confinement, Level
from evolve.doctor import GIB, Verdict, examine, exit_code
from operators.models import Choice

VERSIONS = {"torch": "2.13.0", "optuna": "5.0.0", "tinydb": "4.9.0", "litellm": "1.106.2"}


def no_llm(_: Mapping[str, str]) -> Choice:
    return Choice((), None, "no LLM: no key is set", local=False)


def looked_at(versions: Mapping[str, str], tmp_path: Path) -> list[doctor.Finding]:
    return examine(tmp_path, {}, versions.get, no_llm, lambda _: Confinement(Level.L2))


def test_every_part_of_the_machine_is_looked_at(tmp_path: Path) -> None:
    names = [finding.name for finding in looked_at(VERSIONS, tmp_path)]
    assert names == [
        *(
            "python",
            "kernel",
            "sandbox",
            "cores",
            "memory",
            "disk",
            "torch",
            "cuda",
            "optuna",
            "tinydb",
            "litellm",
            "llm",
        )
    ]


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8", "1.107.0"])
def test_a_compromised_litellm_is_bad(version: str) -> None:
    assert doctor.litellm(version).verdict is Verdict.BAD


def test_a_missing_package_is_bad_and_says_what_to_type(tmp_path: Path) -> None:
    findings = {f.name: f for f in looked_at({}, tmp_path)}
    assert findings["optuna"].verdict is Verdict.BAD
    assert findings["optuna"].advice == "pip install optuna"
    assert exit_code(list(findings.values())) == 1


def test_a_warning_does_not_fail() -> None:
    assert exit_code([doctor.llm(no_llm({}))]) == 0


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(GIB // 2, Verdict.BAD), (2 * GIB, Verdict.WARN), (8 * GIB, Verdict.OK), (None, Verdict.WARN)],
)
def test_memory_is_judged(free: int | None, verdict: Verdict) -> None:
    assert doctor.memory(free).verdict is verdict


@pytest.mark.parametrize(
    ("free", "verdict"), [(1, Verdict.BAD), (GIB // 2, Verdict.WARN), (2 * GIB, Verdict.OK)]
)
def test_disk_space_is_judged(free: int, verdict: Verdict) -> None:
    assert doctor.disk(free).verdict is verdict


def test_a_cpu_build_of_torch_beside_a_gpu_is_a_warning() -> None:
    assert doctor.torch("2.13.0+cpu", gpus=1).verdict is Verdict.WARN
    assert doctor.torch("2.13.0+cpu", gpus=0).verdict is Verdict.OK


def test_other_systems_and_old_kernels_are_bad() -> None:
    assert doctor.kernel("Darwin", "24.0", sweeping=False).verdict is Verdict.BAD
    assert doctor.kernel("Linux", "5.2", sweeping=False).verdict is Verdict.BAD
    assert doctor.kernel("Linux", "6.1", sweeping=True).verdict is Verdict.OK


def test_bursts_without_confinement_are_a_warning_that_says_what_is_missing() -> None:
    finding = doctor.sandbox(Confinement(Level.L0, missing="L1 needs Landlock"), abi=0)
    assert (finding.verdict, finding.advice) == (Verdict.WARN, "L1 needs Landlock")


def test_a_level_that_could_be_raised_is_well_and_says_by_what() -> None:
    finding = doctor.sandbox(Confinement(Level.L1, missing="L2 needs bubblewrap"), abi=5)
    assert finding.verdict is Verdict.OK
    assert "bubblewrap" in finding.advice
    assert "Linux 6.12" in finding.advice
    assert doctor.sandbox(Confinement(Level.L3), abi=7).advice == ""


def test_gpus_are_counted_by_their_devices(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert doctor.gpu_devices(tmp_path) == ["nvidia0", "nvidia1"]


def test_an_old_python_is_bad() -> None:
    assert doctor.python((3, 10, 4)).verdict is Verdict.BAD


def test_the_data_says_whether_a_search_can_run(tmp_path: Path) -> None:
    findings = looked_at(VERSIONS, tmp_path)
    assert doctor.doctor_data(findings)["ok"] is (exit_code(findings) == 0)


def test_the_page_shows_the_advice() -> None:
    stream = StringIO()
    page: RenderableType = doctor.doctor([doctor.litellm("1.107.0")])
    Console(file=stream, width=100).print(page)
    assert "this release was compromised" in stream.getvalue()
    assert "cannot run here" in stream.getvalue()
