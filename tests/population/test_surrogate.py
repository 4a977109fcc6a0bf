from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from population import surrogate
from population.genome import parse_tunables
from population.surrogate import Point, Traits, expected_improvement, fit

SEED = "RATE = 0.1  # tune: log 1e-3..1\nKIND = 'a'  # tune: choice a b\n\n# a comment\nx = 1\nx = 1\n"
LINES = surrogate.lines_of(SEED, parse_tunables(SEED))
ODD = [Traits({f"+{i}": 1.0}, {"X": 0.1 * i}) for i in range(8)]


def traits(source: str) -> Traits:
    return surrogate.traits_of(source, parse_tunables(source), LINES)


def of(lines: Iterable[str], numbers: Mapping[str, float]) -> Traits:
    """Return a program whose changes are of one line each."""
    return Traits(dict.fromkeys(lines, 1.0), numbers)


def test_a_program_is_known_by_what_differs_from_the_seed() -> None:
    own = traits(SEED.replace("x = 1\n", "y = 2\n", 1).replace("# a comment", "# another"))
    assert {line for line in own.lines if line[0] != "="} == {"+y = 2", "-x = 1"}
    assert own.numbers == {"RATE": pytest.approx(2 / 3), "KIND=a": 1.0, "KIND=b": 0.0}


def test_the_values_of_numbers_are_no_lines() -> None:
    own = traits(SEED.replace("RATE = 0.1", "RATE = 1.0").replace("'a'  #", "'b'  #"))
    assert all(line.startswith("=") for line in own.lines)
    assert own.numbers == {"RATE": pytest.approx(1.0), "KIND=a": 0.0, "KIND=b": 1.0}


def changes(source: str) -> dict[str, float]:
    """Return the squares of the weights of what a source has otherwise than the lines p, q, r and s."""
    lines = surrogate.traits_of(source, (), "pqrs").lines
    return {line: weight**2 for line, weight in lines.items() if line[0] != "="}


def test_a_line_that_is_replaced_counts_for_one_change_and_a_rewrite_for_three() -> None:
    assert changes("p\nq\nb\ns") == pytest.approx({"-r": 0.2, "+b": 0.8})
    assert changes("p\nq\nr\ns\nb") == pytest.approx({"+b": 1.0})
    assert sum(changes("\n".join(map(str, range(40)))).values()) == pytest.approx(3.0)


def test_two_changes_side_by_side_are_each_what_they_are_alone() -> None:
    one, other = changes("p\na\nr\ns"), changes("p\nq\nb\ns")
    assert changes("p\na\nb\ns") == pytest.approx(one | other)


def test_without_noise_what_was_measured_is_known() -> None:
    points = [Point(one, float(i), 1) for i, one in enumerate(ODD)]
    means, deviations = fit(points, 0.0, 1.0).predict(ODD)
    assert means == pytest.approx(range(8), abs=1e-3)
    assert deviations == pytest.approx(np.zeros(8), abs=1e-2)


def test_with_noise_a_score_is_drawn_towards_those_of_relatives_and_more_bursts_say_more() -> None:
    same = of(["+a"], {"X": 0.5})
    known = [Point(of(["+a", f"=own{i}"], {"X": 0.5}), 0.0, 1) for i in range(6)]
    once, often = (
        fit([*known, Point(of(["+a", "=lucky"], {"X": 0.5}), -5.0, n)], 1.0, 0.3) for n in (1, 100)
    )
    lucky = [of(["+a", "=lucky"], {"X": 0.5})]
    (first, _), (second, _) = once.predict(lucky), often.predict(lucky)
    assert -4.0 < first[0] < 0.0
    assert second[0] < first[0] - 0.2
    assert once.predict([same])[1][0] < once.predict([of(["+b"], {"Y": 0.1})])[1][0]


def test_the_effect_of_a_line_is_expected_wherever_it_comes() -> None:
    with_it = [Point(of(["+good", f"+{i}"], {}), -3.0, 1) for i in range(5)]
    without = [Point(of([f"+{i + 5}"], {}), 0.0, 1) for i in range(5)]
    fitted = fit([*with_it, *without], 0.5, 1.0)
    means, _ = fitted.predict([of(["+good", "+new"], {}), of(["+new"], {})])
    assert means[0] < means[1] - 1.0


def test_numbers_that_lie_together_say_more_of_each_other() -> None:
    points = [Point(Traits({}, {"X": x}), (x - 0.7) ** 2, 1) for x in (0.0, 0.3, 0.6, 0.9)]
    _, deviations = fit(points, 0.0, 1.0).predict([Traits({}, {"X": x}) for x in (0.61, 0.45, 2.0)])
    assert deviations[0] < deviations[1] < deviations[2]


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abcdef")), st.floats(0, 1), st.floats(-9, 9)),
        min_size=1,
        max_size=12,
    ),
    st.floats(0, 2),
)
def test_whatever_was_measured_something_finite_is_expected(
    rows: list[tuple[set[str], float, float]], noise: float
) -> None:
    points = [Point(of(lines, {"X": x}), key, 1) for lines, x, key in rows]
    means, deviations = fit(points, noise, 1.0).predict([of("ag", {"X": 0.5, "Y": 1.0})])
    assert np.isfinite(means).all()
    assert (deviations >= 0.0).all()


def test_expected_improvement_is_what_it_is_without_doubt_and_grows_with_doubt() -> None:
    means, doubt = np.array([0.5, 1.5, 1.5]), np.array([0.0, 0.0, 1.0])
    found = expected_improvement(means, doubt, best=1.0)
    assert found[:2] == pytest.approx([0.5, 0.0], abs=1e-9)
    assert found[2] == pytest.approx(0.1978, abs=1e-4)  # 1.0 * (pdf(0.5) - 0.5 * cdf(-0.5))


def test_what_two_changes_do_together_is_no_surprise_where_both_are_there() -> None:
    """Each is bad alone and both are good: another program that has both is expected to be good."""
    points = [Point(of(["+a"], {}), 1.0, 1), Point(of(["+b"], {}), 1.0, 1), Point(of([], {}), 0.0, 1)]
    points += [Point(of(["+a", "+b", f"+{i}"], {}), -6.0, 1) for i in range(3)]
    fitted = fit(points, 0.1, 1.0)
    (both, without), _ = fitted.predict([of(["+a", "+b", "+new"], {}), of(["+a", "+new"], {})])
    assert both < without - 1.0


def test_the_scale_is_as_large_as_the_keys_say_where_they_say_it() -> None:
    rng = np.random.default_rng(1)

    def scale(size: float, count: int) -> float:
        keys = rng.normal(0.0, size, count).tolist()
        return fit([Point(of([f"+{i}"], {}), key, 1) for i, key in enumerate(keys)], 0.01, 1.0).scale

    assert scale(0.3, 20) < 1.0 < scale(6.0, 20)
    assert scale(0.3, 2) == 1.0


def test_what_is_being_measured_is_believed_and_says_nothing_new() -> None:
    points = [Point(one, float(i), 1) for i, one in enumerate(ODD)]
    fitted, running = fit(points, 0.5, 1.0), of(["+0", "+new"], {"X": 0.0})
    (before,), (unsure,) = fitted.predict([running])
    believing = fitted.believing([running])
    (after,), (sure,) = believing.predict([running])
    assert after == pytest.approx(before, abs=0.3)
    assert sure < unsure
    assert believing.least == fitted.least
    assert fitted.believing([]) is fitted


def test_rows_say_the_same_as_programs() -> None:
    fitted = fit([Point(one, float(i), 1) for i, one in enumerate(ODD)], 0.5, 1.0)
    others = [of(["+0", "+3", "+new"], {"X": 0.4, "Y": 0.1}), of(["+2"], {})]
    columns = fitted.extended(["+new"], ["Y"])
    for one, other in zip(fitted.predict(others), fitted.predict_rows(columns.rows(others)), strict=True):
        assert one == pytest.approx(other)
