"""Which sampler finds most of the gain that a few noisy trials can find, on bowls over numbers' logarithms.

A bowl has its lowest point somewhere in the unit cube, interactions, and weights that halve from one number
to the next, as few numbers matter. A tuning begins beside it, as a first guess does; what can be gained is 1.
A burst adds noise. After so many trials one is taken, by its own score or by a surface through all scores,
and is adopted if it is better in one more burst of each. The figures are the mean gains that are adopted.

    python -m benchmarks.tuners --noise 0.3 1 --bowls 40
    python -m benchmarks.tuners --importances
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial
from scipy.special import ndtr
from scipy.stats import spearmanr

from evolve.cube import Cube
from evolve.sampling import REACH, Nearby, scores_of
from evolve.weighing import weighed
from population.variant import Direction

LOOKS = (4, 8, 20, 40, 80)
Point = NDArray[np.float64]
Draw = Callable[[list[Point], list[float], float, int], Point]


class Bowl:
    """A known function of some numbers.

    Args:
        seed: which one.
        width: how many numbers.
        away: standard deviation of the first guess from the lowest point, as a share of the ranges.
    """

    def __init__(self, seed: int, width: int, away: float) -> None:
        rng = np.random.default_rng([seed, width])
        weights = 2.0 ** -np.arange(width)
        rng.shuffle(weights)
        mixed = rng.normal(size=(width, width))
        mixed = (mixed + mixed.T) / 2
        np.fill_diagonal(mixed, 0.0)
        mixed *= 0.6 / np.abs(np.linalg.eigvalsh(mixed)).max()
        roots = np.sqrt(weights)
        self._shape = roots[:, None] * (np.eye(width) + mixed) * roots[None]
        self._lowest = rng.uniform(0.2, 0.8, width)
        self.start: Point = np.clip(self._lowest + rng.normal(0.0, away, width), 0.0, 1.0)
        self._scale = 1.0
        self._scale = 1.0 / self(self.start)

    def __call__(self, at: Point) -> float:
        """Return the true score, the smaller the better."""
        off = at - self._lowest
        return float(self._scale * (off @ self._shape @ off))


def space(width: int) -> dict[str, BaseDistribution]:
    return {f"x{at}": FloatDistribution(0.0, 1.0) for at in range(width)}


def trial(at: Point, score: float) -> FrozenTrial:
    params = {f"x{one}": float(value) for one, value in enumerate(at)}
    return create_trial(params=params, distributions=space(len(at)), value=score)


def asked(sampler: BaseSampler, points: list[Point], scores: list[float], fixed: dict[str, float]) -> Point:
    """Draw with one of Optuna's samplers."""
    study = optuna.create_study(sampler=sampler)
    study.add_trials([trial(at, score) for at, score in zip(points, scores, strict=True)])
    study.enqueue_trial(fixed)
    return np.array([*study.ask(space(len(points[0]))).params.values()])


def whole(make: Callable[[int, float], BaseSampler]) -> Draw:
    """Draw all numbers in all of their ranges."""
    return lambda points, scores, noise, seed: asked(make(seed, noise), points, scores, {})


def three_free(points: list[Point], scores: list[float], noise: float, seed: int) -> Point:
    """Draw three numbers, and keep the others as in the best trial."""
    best = points[int(np.argmin(scores))]
    free = np.random.default_rng(seed).choice(len(best), 3, replace=False)
    kept = {f"x{at}": float(value) for at, value in enumerate(best) if at not in free}
    return asked(tpe(seed, noise), points, scores, kept)


def boxed(make: Callable[[int, float], BaseSampler]) -> Draw:
    """Draw in a box around the best trial, from the trials in it."""

    def draw(points: list[Point], scores: list[float], noise: float, seed: int) -> Point:
        best = points[int(np.argmin(scores))]
        low, high = np.maximum(0.0, best - REACH), np.minimum(1.0, best + REACH)
        inside = [at for at, one in enumerate(points) if np.all((low <= one) & (one <= high))]
        shares = [np.clip((points[at] - low) / (high - low), 0.0, 1.0) for at in inside]
        return low + (high - low) * asked(make(seed, noise), shares, [scores[at] for at in inside], {})

    return draw


def evolved(points: list[Point], scores: list[float], noise: float, seed: int) -> Point:
    """Step from the best trial, further after a success and less far after failures: a (1+1) strategy."""
    step, best = 0.15, 0
    for at in range(1, len(points)):
        step *= 1.5 if scores[at] < scores[best] else 1.5**-0.25
        best = at if scores[at] < scores[best] else best
    drawn = points[best] + step * np.random.default_rng(seed).normal(size=len(points[0]))
    return np.clip(drawn, 0.0, 1.0)


def pattern(points: list[Point], scores: list[float], noise: float, seed: int) -> Point:
    """Step along one number at a time, halving the step after a round without a success."""
    width = len(points[0])
    order = np.random.default_rng(width).permutation(2 * width)
    step, best, fails, turn = 0.2, 0, 0, 0
    for at in range(1, len(points)):
        if scores[at] < scores[best]:
            best, fails = at, 0
        else:
            turn, fails = turn + 1, fails + 1
            if fails >= 2 * width:
                step, fails = step / 2, 0
    along = int(order[turn % (2 * width)])
    moved = points[best].copy()
    moved[along % width] += step if along < width else -step
    return np.clip(moved, 0.0, 1.0)


def tpe(seed: int, noise: float) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=2)


def gaussian(seed: int, noise: float) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=2)


DRAWS: dict[str, Draw] = {
    "random": whole(lambda seed, noise: RandomSampler(seed)),
    "TPE": whole(tpe),
    "TPE, three numbers free": three_free,
    "TPE in a box": boxed(tpe),
    "(1+1) evolution strategy": evolved,
    "pattern search": pattern,
    "ours": whole(Nearby),
    "GPSampler": whole(gaussian),
    "GPSampler in a box": boxed(gaussian),
}
SLOW = ("GPSampler", "GPSampler in a box")


def adopted(gain: float, noise: float) -> float:
    """Return the gain to be expected after one more burst of each has decided."""
    return gain * float(ndtr(gain / (noise * math.sqrt(2.0)))) if noise else max(0.0, gain)


def tuned(
    name: str, seed: int, width: int, noise: float, away: float, looks: Sequence[int]
) -> NDArray[np.float64]:
    """Tune one bowl; return at each look the gain by the best score, by the surface, and seconds a draw."""
    bowl, rng = Bowl(seed, width, away), np.random.default_rng([seed, width, 7])
    points = [bowl.start]
    scores = [bowl(bowl.start) + noise * float(rng.normal())]
    rows, took = [], 0.0
    for number in range(1, max(looks) + 1):
        since = time.process_time()
        at = DRAWS[name](points, scores, noise, int(np.random.default_rng([seed, number]).integers(2**31)))
        took += time.process_time() - since
        points.append(at)
        scores.append(bowl(at) + noise * float(rng.normal()))
        if number in looks:
            single = points[int(np.argmin(scores))]
            known = scores_of([*map(trial, points, scores)], Cube(space(width)), True, noise)
            expected = points[int(np.argmin(known.surface().expected(np.stack(points))))]
            past = scores[0] - min(scores) > noise
            by_score = adopted(1.0 - bowl(single), noise) if past else 0.0
            rows.append((by_score, adopted(1.0 - bowl(expected), noise), took / number))
    return np.array(rows)


def weighted(seed: int, width: int, noise: float, looks: Sequence[int]) -> NDArray[np.float64]:
    """Return at each look how well PED-ANOVA and main effects rank the numbers, and whether the first is."""
    bowl, rng = Bowl(seed, width, 0.15), np.random.default_rng([seed, width, 9])
    around = np.clip(bowl.start + rng.uniform(-REACH, REACH, (2000, width)), 0.0, 1.0)
    heights = np.array([bowl(at) for at in around])
    truth = [np.polyval(np.polyfit(around[:, at], heights, 2), around[:, at]).var() for at in range(width)]
    points, scores, rows = [bowl.start], [1.0 + noise * float(rng.normal())], []
    for number in range(1, max(looks) + 1):
        points.append(asked(Nearby(int(rng.integers(2**31)), noise), points, scores, {}))
        scores.append(bowl(points[-1]) + noise * float(rng.normal()))
        if number in looks:
            trials = [*map(trial, points, scores)]
            found = weighed(scores_of(trials, Cube(space(width)), True, noise), trials, Direction.MINIMIZE)
            row = []
            for by in ("ped_anova", "share"):
                said = [getattr(found[f"x{at}"], by) for at in range(width)]
                row += [float(spearmanr(truth, said)[0]), float(np.argmax(said) == np.argmax(truth))]
            rows.append(row)
    return np.array(rows)


def gains(pool: Executor, name: str, width: int, given: argparse.Namespace, noise: float) -> str:
    """Tune many bowls; return a line of mean gains."""
    looks = [look for look in LOOKS if look <= given.trials]
    jobs = [pool.submit(tuned, name, seed, width, noise, given.away, looks) for seed in range(given.bowls)]
    means = np.mean([job.result() for job in jobs], axis=0)
    cells = [f"{look}: {row[0]:+.2f} {row[1]:+.2f}" for look, row in zip(looks, means, strict=True)]
    return f"{name:26} {'   '.join(cells)}   {1e3 * means[-1][2]:.0f} ms"


def importances(pool: Executor, width: int, given: argparse.Namespace, noise: float) -> Iterator[str]:
    """Tune many bowls; yield how well importances are found."""
    looks = sorted({12, *(look for look in LOOKS if 12 < look <= given.trials)})
    jobs = [pool.submit(weighted, seed, width, noise, looks) for seed in range(given.bowls)]
    means = np.nanmean([job.result() for job in jobs], axis=0)
    for look, row in zip(looks, means, strict=True):
        found = f"PED-ANOVA {row[0]:.2f} ({row[1]:.0%}), main effects {row[2]:.2f} ({row[3]:.0%})"
        yield f"{look:3} trials: {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare samplers on known bowls.")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.3, 1.0])
    parser.add_argument("--numbers", type=int, nargs="+", default=[6, 8])
    parser.add_argument("--away", type=float, default=0.15, help="of the first guess, as a share of ranges")
    parser.add_argument("--bowls", type=int, default=40)
    parser.add_argument("--trials", type=int, default=40, help="at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--slow", action="store_true", help="Optuna's GPSampler alone, which needs torch")
    parser.add_argument("--importances", action="store_true", help="how well importances are found")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [name for name in DRAWS if (name in SLOW) == given.slow]
    with ProcessPoolExecutor(given.processes) as pool:
        for width, noise in itertools.product(given.numbers, given.noise):
            print(f"{width} numbers, noise of {noise:g} of the gain")
            rows = (gains(pool, name, width, given, noise) for name in names)
            for row in importances(pool, width, given, noise) if given.importances else rows:
                print(f"  {row}", flush=True)


if __name__ == "__main__":
    main()
