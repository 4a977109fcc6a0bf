from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.peers import results
from benchmarks.peers.report import parts, report
from benchmarks.peers.trajectory import Point, Trajectory, median


def searched(system: str, seed: int, hit: int, ends: float = 1.5) -> Trajectory:
    """Return a search that jumps from the seed's score to its end at one evaluation."""
    points = tuple(
        Point(true, 1.49 if n >= hit else 1.7, n, true, true)
        for n in range(1, 201)
        for true in [1.7 if n < hit else ends]
    )
    return Trajectory(system, "interplay", seed, seed, 1.7, 1.55, points, 3.0)


def test_the_target_is_reached_at_the_first_evaluation_that_is_as_good() -> None:
    assert searched("evolve", 0, 40).reached() == 40
    assert math.isinf(searched("evolve", 0, 40, ends=1.6).reached())
    assert searched("evolve", 0, 40).excess() == pytest.approx(0.01)


def test_a_median_over_searches_of_which_half_failed_is_infinite() -> None:
    assert median([10, 20, math.inf]) == 20
    assert math.isinf(median([10, math.inf]))


def test_the_table_has_a_row_for_each_system_and_compares_with_the_peers() -> None:
    found = {
        "evolve": [searched("evolve", seed, 40 + seed) for seed in range(6)],
        "openevolve": [searched("openevolve", seed, 120 + seed) for seed in range(6)],
        "shinka": [searched("shinka", seed, 120, ends=1.6) for seed in range(6)],
    }
    text = report("interplay", found, 200, ["openevolve", "shinka"])
    assert "| evolve | 6 | 6 of 6 | 42 (40 to 44) | 1.5000 (1.5000 to 1.5000) |" in text
    assert "| shinka | 6 | 0 of 6 | >200 (>200 to >200) |" in text
    assert "evolve beside openevolve, 6 common seeds" in text
    assert "42 evaluations to the target in the median for its >200, ratio at most 0.21" in text


def test_a_part_is_compared_with_the_whole_on_the_seeds_that_both_have() -> None:
    whole = [searched("evolve", seed, 40) for seed in range(6)]
    without = {
        "without memory": [searched("without memory", seed, 40, ends=1.58) for seed in (1, 2, 3, 9)],
        "without a shelf": [],
    }
    text = parts("interplay", whole, without, 100)
    assert "| whole | 6 | 1.33 (1.33 to 1.33) | 1.33 (1.33 to 1.33) | +0.00 (+0.00 to +0.00) |" in text
    assert (
        "| without memory | 3 | 0.80 (0.80 to 0.80) | 0.80 (0.80 to 0.80) | -0.53 (-0.53 to -0.53) |" in text
    )
    assert "without a shelf" not in text


def test_a_result_comes_back_as_it_was_and_is_found_by_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = searched("evolve", 3, 40)
    results.keep(results.path_of(tmp_path, "interplay", "evolve", 3, 200), one)
    assert [*results.kept(tmp_path, "interplay", "evolve", 200)] == [one]
    assert [*results.kept(tmp_path, "interplay", "evolve", 100)] == []
    monkeypatch.setattr(results, "rules", lambda: "other")
    assert [*results.kept(tmp_path, "interplay", "evolve", 200)] == []
