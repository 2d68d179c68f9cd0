"""Compare the bounds of a mean over users: how often each is false, and how far below the truth it is.

Worlds: outcomes of two points (rare and large), users with ranges that differ, and gains on windows whose interactions
depend on each other. Each run draws a cohort whose users are not alike; the truth is the mean of their expectations.
For a fitted rival, five folds with a fifth of the error each are compared with one bound over all users.

Example: ``python benchmarks/bounds.py --runs 300``
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

from spectra_eval.theory import Gain, constant_bet_lower, empirical_bernstein_lower, gain_lower

ERROR = 0.05
Draw = Callable[[np.random.Generator, int], tuple[Gain, float]]


def two_points(rng: np.random.Generator, n: int) -> tuple[Gain, float]:
    """Each user has a rare, large outcome, with a probability of its own."""
    p = np.linspace(0.01, 0.3, n)
    return Gain(np.where(rng.random(n) < p, 1 - p, -p), -p, 1 - p), 0.0


def own_ranges(rng: np.random.Generator, n: int) -> tuple[Gain, float]:
    """Ranges from .02 to 1, means that rise with them."""
    half = np.exp(np.linspace(math.log(0.01), math.log(0.5), n))
    mean = 0.2 * half
    value = mean + half * (2 * rng.beta(4, 4, n) - 1)
    return Gain(value, mean - half, mean + half), float(mean.mean())


def windows(rng: np.random.Generator, n: int) -> tuple[Gain, float]:
    """Windows of 12 interactions in 3 sessions; those of one session are of one category."""
    law = rng.dirichlet(np.ones(8), n)
    p = 0.7 * law + 0.3 * rng.dirichlet(np.ones(8), n)
    q = np.tile(law.mean(axis=0), (n, 1))
    picks = np.stack([(rng.random(n)[:, None] > law.cumsum(axis=1)).sum(axis=1) for _ in range(3)])
    share = np.mean([np.eye(8)[np.minimum(pick, 7)] for pick in picks], axis=0)
    scores = 2 * (p - q) + (q**2).sum(axis=1, keepdims=True) - (p**2).sum(axis=1, keepdims=True)
    truth = ((q - law) ** 2).sum(axis=1) - ((p - law) ** 2).sum(axis=1)
    value = (share * scores).sum(axis=1)
    return Gain(value, scores.min(axis=1), scores.max(axis=1)), float(truth.mean())


def bernstein(gain: Gain, error: float) -> float:
    """Scale all users to one common range."""
    low, width = float(gain.low.min()), float(gain.high.max() - gain.low.min())
    return low + width * empirical_bernstein_lower(np.clip((gain.value - low) / width, 0, 1), error=error)


def adaptive(gain: Gain, error: float) -> float:
    """Bet one stake on all users."""
    return constant_bet_lower(gain.value, low=gain.low, high=gain.high, error=error)


def folds(gain: Gain, error: float) -> float:
    """Bound each of five folds at a fifth of the error, weighted by size: for a rival fitted on the other folds."""
    parts = [Gain(*(column[start::5] for column in gain)) for start in range(5)]
    return sum(len(part.value) * adaptive(part, error / 5) for part in parts) / len(gain.value)


BOUNDS: dict[str, Callable[[Gain, float], float]] = {
    "hoeffding": lambda gain, error: gain_lower(gain, error=error),
    "empirical Bernstein": bernstein,
    "adaptive": adaptive,
    "adaptive, five folds": folds,
}
WORLDS: dict[str, Draw] = {"two points": two_points, "own ranges": own_ranges, "windows": windows}


def table(runs: int, sizes: list[int], seed: int) -> list[str]:
    """Return the rows of the table in Markdown."""
    rows = ["| world | N | " + " | ".join(BOUNDS) + " |", "| --- | --: |" + " --: |" * len(BOUNDS)]
    for world, draw in WORLDS.items():
        for n in sizes:
            rng = np.random.default_rng([seed, n])
            below: dict[str, list[float]] = {name: [] for name in BOUNDS}
            for _ in range(max(20, runs if n <= 1000 else runs * 1000 // n)):
                gain, truth = draw(rng, n)
                for name, bound in BOUNDS.items():
                    below[name].append(truth - bound(gain, ERROR))
            cells = [f"{np.mean(gap):.4f} ({np.mean(np.array(gap) < 0):.3f})" for gap in below.values()]
            rows.append(f"| {world} | {n:,} | " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="Cohorts of up to 1,000 users; fewer of larger ones.")
    parser.add_argument("--sizes", default="20,100,1000,10000,100000")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("\n".join(table(options.runs, [int(size) for size in options.sizes.split(",")], options.seed)))


if __name__ == "__main__":
    main()
