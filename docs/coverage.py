"""Measure how often an interval at 95 % holds the true value, for few users: the tables of docs/metrics.md.

``python docs/coverage.py`` takes about two minutes on an idle core and writes docs/coverage.json;
``python docs/metrics.py`` makes the page of it. The population is known: the users of the MovieLens table of this
repository, drawn with replacement, or a distribution. The true value is that of the population.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from spectra_eval.baselines import row_system
from spectra_eval.data import movielens, prepare
from spectra_eval.metrics import BoundMetric, Comparison, category_buckets
from spectra_eval.stats import Resamples, percentile_interval, student_interval

__all__ = ["COHORT", "MEANS", "Population", "coverage", "populations"]

HERE = Path(__file__).parent
OUT = HERE / "coverage.json"
LEVEL = 0.95
RESAMPLES = 999
SHARED = 20
"""Repetitions that share the draws of their resamples, which are most of the work."""
MEANS = (5, 10, 20, 49)
COHORT = (5, 10, 20, 49, 100, 300)

Value = Callable[[np.ndarray], np.ndarray]


class Population(NamedTuple):
    """What is measured: one row a user, the value of their mean, the range of that value, and whether it is a mean."""

    statistic: np.ndarray
    value: Value
    limits: tuple[float, float]
    is_mean: bool


def populations() -> dict[str, Population]:
    """Return the populations by the name that the page gives them."""
    table = prepare(movielens.read(HERE.parent / "examples/data/ml-latest-small"))
    table = table.select(table.observed)
    bucket = category_buckets(np.asarray(table.history_counts).sum(axis=0))

    def of(metric: str, system: str) -> Population:
        asked = BoundMetric.parse(metric)
        held = row_system(table, system).predicted(slice(0, table.n_users))
        users = Comparison(theta_star=table.theta_star, theta_s=held, lists=None, bucket=bucket)
        return Population(asked.statistic(users), asked.value, asked.metric.limits, asked.metric.is_mean)

    def less(metric: str, one: str, other: str) -> Population:
        first, second = of(metric, one), of(metric, other)
        return first._replace(statistic=first.statistic - second.statistic, limits=(-1.0, 1.0))

    rng, many = np.random.default_rng(0), (200_000, 1)

    def made(values: np.ndarray) -> Population:
        return Population(
            np.asarray(values, dtype=np.float64), lambda mean: mean[..., 0], (-np.inf, np.inf), is_mean=True
        )

    return {
        "`js_divergence` of popularity": of("js_divergence", "popularity"),
        "`js_divergence` of history": of("js_divergence", "history"),
        "`total_variation` of popularity": of("total_variation", "popularity"),
        "`category_ndcg@5` of popularity": of("category_ndcg@5", "popularity"),
        "`top_recall@1` of history (nearly all 0 or 1)": of("top_recall@1", "history"),
        "`js_divergence`, laplace less popularity": less("js_divergence", "laplace", "popularity"),
        "normal": made(rng.normal(size=many)),
        "exponential": made(rng.exponential(size=many)),
        "log-normal": made(rng.lognormal(size=many)),
        "0 or 1, with chance .1 of 1": made(rng.random(many) < 0.1),
        "`soft_ece` of history": of("soft_ece", "history"),
        "`tail_mass_error` of popularity": of("tail_mass_error", "popularity"),
        "`category_bias` of history": of("category_bias", "history"),
        "`exposure_entropy@3` of history": of("exposure_entropy@3", "history"),
    }


def coverage(of: Population, n_users: int, *, repetitions: int, rng: np.random.Generator) -> dict[str, float]:
    """Return how often each form of interval holds the true value, over repetitions of a cohort of `n_users`."""
    truth = float(of.value(of.statistic.mean(axis=0)))
    held: dict[str, int] = {"percentile": 0, "student": 0, "studentised": 0} if of.is_mean else {"percentile": 0}
    weights = np.empty(0)
    for repetition in range(repetitions):
        users = of.statistic[rng.integers(0, len(of.statistic), size=n_users)]
        if repetition % SHARED == 0:
            weights = Resamples.draw(n_users, RESAMPLES, rng=rng).weights(0)
        interval = percentile_interval(of.value(weights @ users / n_users), level=LEVEL)
        ends = {"percentile": (interval.low, interval.high)}
        if of.is_mean:
            exact = student_interval(users[:, 0], level=LEVEL, limits=of.limits)
            ends["student"] = (exact.low, exact.high)
            ends["studentised"] = _studentised(users[:, 0], weights)
        for name, (low, high) in ends.items():
            held[name] += bool(low - 1e-12 <= truth <= high + 1e-12)
    return {name: count / repetitions for name, count in held.items()}


def _studentised(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the bootstrap-t interval of a mean; resamples in which all values are equal have no t and are left out."""
    n, mean = len(values), float(values.mean())
    means = weights @ values / n
    error = np.sqrt(np.maximum(weights @ values**2 / n - means**2, 0.0) / (n - 1))
    some = error > 1e-9 * max(1e-300, float(np.abs(values).max()))
    if not some.any():
        return mean, mean
    low, high = np.quantile((means[some] - mean) / error[some], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    spread = float(values.std(ddof=1)) / np.sqrt(n)
    return mean - float(high) * spread, mean - float(low) * spread


def main(repetitions: int = 2000, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure every population, each with a stream of its own."""
    rows = []
    for place, (name, of) in enumerate(populations().items()):
        if names is not None and name not in names:
            continue
        for n_users in MEANS if of.is_mean else COHORT:
            rng = np.random.default_rng([place, n_users])
            rows.append({"of": name, "users": n_users, **coverage(of, n_users, repetitions=repetitions, rng=rng)})
    error = float(special.ndtri(0.975)) * np.sqrt(LEVEL * (1 - LEVEL) / repetitions)
    return {
        "command": "python docs/coverage.py",
        "level": LEVEL,
        "repetitions": repetitions,
        "resamples": RESAMPLES,
        "uncertain_by": round(float(error), 4),
        "rows": rows,
    }


if __name__ == "__main__":
    OUT.write_text(json.dumps(main(), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{OUT}\n")
