"""What short bursts and early stops are worth: searches on a landscape of known truth, with and without them.

    python -m benchmarks.fidelity [--searches N] [--agreement A ...]

An edit changes what a full burst comes to and what a short one shows; ``agreement`` is the correlation of the
two. Printed are the true gain of the champion after 100 and 200 evaluations, and its standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.landscape import NoisyExecutor, Stepping, gain_of, search, wired

BUDGETS = (100, 200)
WAYS: dict[str, dict[str, float]] = {
    "full bursts": {},
    "a quarter first": {"rung": 0.25},
    "early stop": {"early_stop": 3.0},
    "both": {"rung": 0.25, "early_stop": 3.0},
}


def gains(seed: int, agreement: float, noise: float, ways: dict[str, float]) -> list[float]:
    """Search once; return the true gain of the champion at each budget."""
    proposer, executor = Stepping(agreement=agreement), NoisyExecutor(noise, curves=0.3)
    found: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        one, population = search(folder, proposer, executor, BUDGETS[0], seed, **ways)
        with population:
            for budget in BUDGETS:
                if found:
                    one = wired(population, folder, proposer, executor, budget, seed, **ways)
                asyncio.run(one.run())
                champion = population.variants[population.meta("champion")]
                found.append(gain_of(population.source(champion.digest)))
    return found


def main() -> None:
    """Print a line for each way at each agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--searches", type=int, default=24)
    parser.add_argument("--agreement", type=float, nargs="+", default=[0.2, 0.5, 0.8])
    parser.add_argument("--noise", type=float, default=0.5, help="of one burst, in deviations of an edit")
    arguments = parser.parse_args()
    for agreement in arguments.agreement:
        print(f"agreement {agreement:g}")
        for name, ways in WAYS.items():
            rows = np.array(
                [gains(seed, agreement, arguments.noise, ways) for seed in range(arguments.searches)]
            )
            means, errors = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
            shown = "  ".join(f"{mean:5.2f} ± {error:.2f}" for mean, error in zip(means, errors, strict=True))
            print(f"  {name:<16} {shown}", flush=True)


if __name__ == "__main__":
    main()
