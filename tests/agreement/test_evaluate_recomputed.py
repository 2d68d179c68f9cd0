"""`evaluate` computed a second time by NumPy alone: every metric, system and stratum, with the intervals.

What stands above `prepared` knows nothing of the package: it takes arrays and a seed, goes from record to record by
the definitions, and draws the users of each resample from the documented stream.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.data import movielens, prepare
from spectra_eval.evaluation import Evaluation, evaluate
from spectra_eval.metrics import METRICS
from spectra_eval.tables import PreferenceTable

BINS = 20
CELLS = 128
LN2 = np.log(2.0)
B = 25

Given = dict[str, tuple[np.ndarray, np.ndarray | None]]
"""By system: what it holds (records, K), and the lists that it names."""


def index_stream(seed: int, n_users: int, resamples: int) -> np.ndarray:
    """Draw the users of each resample, (resamples, users): the stream of up to 256 users, as `Resamples` documents."""
    entropy = np.random.default_rng(seed).integers(0, 2**32, size=4).tolist()
    stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(1,))))
    return np.array([stream.integers(0, n_users, size=n_users) for _ in range(resamples)])


def _log_ratio(p: float, q: float) -> float:
    return float(p * np.log(p / q)) if p > 0 and q > 0 else (np.inf if p > 0 else 0.0)


def _dcg(gains: Any) -> float:
    return float(sum(gain / np.log2(place + 2) for place, gain in enumerate(gains)))


def _expected(p: np.ndarray, q: np.ndarray, k: int) -> list[float]:
    """Give the gain expected at each place when equal scores come in random order."""
    gains: list[float] = []
    for score in sorted(set(q.tolist()), reverse=True):
        tied = p[q == score]
        gains += [float(tied.mean())] * len(tied)
    return gains[:k]


def statistics(p: np.ndarray, q: np.ndarray, named: np.ndarray | None, bucket: np.ndarray, k: int) -> dict[str, Any]:
    """Give what one record adds to each metric."""
    n = len(p)
    if np.isnan(q).any():  # a list that names nothing is no distribution, but still a list
        found = statistics(p, np.full(n, 1 / n), named, bucket, k)
        kept = ("list_ndcg", "mass_captured", "top_recall", "exposure_entropy", "true_tail_mass")
        return {name: of if name.startswith(kept) else np.nan * np.asarray(of) for name, of in found.items()}
    m = (p + q) / 2
    order = sorted(range(n), key=lambda c: (-q[c], c))
    listed = order[:k] if named is None else [int(c) for c in named[:k]]
    gains = [p[c] if c >= 0 and c not in listed[:place] else 0.0 for place, c in enumerate(listed)]
    best = sorted(p.tolist(), reverse=True)[:k]
    wanted = sum(share > 0 for share in best)
    border = best[-1]
    sure = sum(share > border for share in best)
    found = sum(g > border for g in gains) + min(sum(g == border and g > 0 for g in gains), wanted - sure)
    if named is None:
        edge = q[order[k - 1]]
        room = (k - (q > edge).sum()) / (q == edge).sum()
        places = (q > edge) + room * (q == edge)
    else:
        places = np.array([float(c in listed) for c in range(n)])
    binned, points, top = np.zeros((3, BINS)), np.zeros(CELLS + 1), np.zeros(BINS)
    for c in range(n):
        binned[bucket[c], min(int(q[c] * BINS), BINS - 1)] += q[c] - p[c]
        cell = min(int(q[c] * CELLS), CELLS - 1)
        above = q[c] * CELLS - cell
        points[cell] += (q[c] - p[c]) * (1 - above)
        points[cell + 1] += (q[c] - p[c]) * above
    first = int(np.argmax(q))
    top[min(int(q[first] * BINS), BINS - 1)] = q[first] - p[first]
    kl = sum(_log_ratio(a, b) for a, b in zip(p, q, strict=True))
    with np.errstate(divide="ignore"):
        chi = sum((a - b) ** 2 / b if b > 0 else (np.inf if a > 0 else 0.0) for a, b in zip(p, q, strict=True))
    js = sum(_log_ratio(a, c) + _log_ratio(b, c) for a, b, c in zip(p, q, m, strict=True)) / 2
    return {
        "js_divergence": js / LN2,
        "kl_divergence": kl,
        "total_variation": np.abs(p - q).sum() / 2,
        "hellinger": np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
        "chi_squared": chi,
        "linf_error": np.abs(p - q).max(),
        "brier": sum(p[y] * sum((q[c] - (c == y)) ** 2 for c in range(n)) for y in range(n)),
        "log_score": sum(
            -a * np.log(b) if a > 0 and b > 0 else (np.inf if a > 0 else 0) for a, b in zip(p, q, strict=True)
        ),
        f"category_ndcg@{k}": _dcg(_expected(p, q, k)) / _dcg(best),
        f"list_ndcg@{k}": _dcg(gains) / _dcg(best),
        f"mass_captured@{k}": sum(gains),
        f"top_recall@{k}": found / wanted,
        "wasserstein_ordinal": sum(abs(q[: c + 1].sum() - p[: c + 1].sum()) for c in range(n - 1)),
        "tail_mass": q[bucket == 2].sum(),
        "true_tail_mass": p[bucket == 2].sum(),
        f"exposure_entropy@{k}": places,
        "tail_mass_error": q[bucket == 2].sum() - p[bucket == 2].sum(),
        "category_bias": q - p,
        "head_bias": (q - p)[bucket == 0] if 0 in bucket else np.nan,
        "mid_bias": (q - p)[bucket == 1] if 1 in bucket else np.nan,
        "tail_bias": (q - p)[bucket == 2] if 2 in bucket else np.nan,
        "soft_ece": binned.sum(axis=0) / n,
        "stratified_ece": binned.ravel() / n,
        "soft_ece_head": binned[0] / (bucket == 0).sum() if 0 in bucket else binned[0] * np.nan,
        "soft_ece_mid": binned[1] / (bucket == 1).sum() if 1 in bucket else binned[1] * np.nan,
        "soft_ece_tail": binned[2] / (bucket == 2).sum() if 2 in bucket else binned[2] * np.nan,
        "top1_ece": top,
        "smooth_ece": points / n,
    }


def _entropy(places: np.ndarray) -> float:
    shares = places[places > 0] / places.sum()
    return float(-(shares * np.log2(shares)).sum())


def _smooth(residuals: np.ndarray) -> float:
    """Find the width at which the residuals, smoothed by a Gaussian that 0 and 1 reflect, are as large as the width."""
    grid = np.arange(CELLS + 1) / CELLS
    apart = np.abs(grid[:, None] - grid)
    together = grid[:, None] + grid

    def size(width: float) -> float:
        kernel = np.zeros_like(apart)
        for image in range(-3, 4):
            for distance in (apart + 2 * image, together + 2 * image):
                kernel += np.exp(-((distance / width) ** 2) / 2)
        smoothed = np.abs(kernel @ residuals) / (width * np.sqrt(2 * np.pi))
        return float((smoothed.sum() - (smoothed[0] + smoothed[-1]) / 2) / CELLS)

    low, high = 1 / CELLS, 0.5
    if size(low) <= low:
        return size(low)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) > middle else (low, middle)
    return (low + high) / 2


def value(metric: str, mean: Any) -> float:
    """Make the value of a metric of the mean of what the records add."""
    if metric.startswith("exposure_entropy"):
        return _entropy(mean)
    if metric == "category_bias":
        return float(np.abs(mean).sum() / 2)
    if metric in ("head_bias", "mid_bias", "tail_bias"):
        return float(np.abs(mean).mean())
    if metric == "smooth_ece":
        return _smooth(mean)
    return float(np.abs(mean).sum()) if "ece" in metric or metric == "tail_mass_error" else float(mean)


def recompute(
    truth: np.ndarray, systems: Given, owner: np.ndarray, bucket: np.ndarray, drawn: np.ndarray, k: int
) -> dict[tuple[str, str], list[float]]:
    """Give value, low and high (95 %) of each metric and system; records of a user are drawn together."""
    times = np.array([np.bincount(users, minlength=owner.max() + 1)[owner] for users in drawn], dtype=float)
    found = {}
    for system, (held, lists) in systems.items():
        rows = [
            statistics(p, q, None if lists is None else lists[u], bucket, k)
            for u, (p, q) in enumerate(zip(truth, held, strict=True))
        ]
        for metric in rows[0]:
            column = np.array([row[metric] for row in rows], dtype=float)
            has = ~np.isnan(column.reshape(len(column), -1)).any(axis=1)
            column, drawn_often = column[has], times[:, has]
            if not len(column) or not np.isfinite(column).all():
                found[metric, system] = [np.inf if len(column) else np.nan]
                continue
            numbers = [value(metric, column.mean(axis=0))]
            if metric != "smooth_ece" or system == "dg":  # a search a resample takes its time
                replicates = [
                    value(metric, np.tensordot(w, column, axes=1) / w.sum()) for w in drawn_often if w.sum() > 0
                ]
                numbers += np.percentile(replicates, [2.5, 97.5]).tolist()
            found[metric, system] = numbers
    return found


def quarters(numbers: np.ndarray) -> np.ndarray:
    """Sort into four groups, 1 to 4, at the inverted-CDF quartiles; equals stay together."""
    cuts = [sorted(numbers.tolist())[int(np.ceil(q * len(numbers) / 4)) - 1] for q in (1, 2, 3)]
    return np.array([1 + sum(cut < number for cut in cuts) for number in numbers])


def thirds(frequency: np.ndarray) -> np.ndarray:
    """Cut the categories into head, mid and tail."""
    n = len(frequency)
    order = sorted(range(n), key=lambda c: (-frequency[c], c))
    bucket = np.zeros(n, dtype=int)
    for place, c in enumerate(order):
        bucket[c] = (place >= n // 3) + (place >= 2 * n // 3)
    return bucket


def rivals(truth: np.ndarray, theta_s: np.ndarray, lists: np.ndarray, history: np.ndarray) -> Given:
    """Make what each system holds."""
    n = truth.shape[1]
    told = history.sum(axis=1) > 0
    shares = np.array([row / row.sum() if row.sum() else row for row in history])
    popular = shares[told].mean(axis=0)
    shares[~told] = popular
    even, restricted = np.zeros(truth.shape), np.zeros(truth.shape)
    for u, row in enumerate(lists):
        good = [c for c in row if c >= 0]
        if not good:
            even[u] = restricted[u] = np.nan
            continue
        even[u, good] = 1 / len(good)
        restricted[u, good] = truth[u, good] / truth[u, good].sum() if truth[u, good].any() else 1 / len(good)
    return {
        "theta_s": (theta_s, None),
        "dg": (even, lists),
        "dg_best": (restricted, lists),
        "uniform": (np.full(truth.shape, 1 / n), None),
        "popularity": (np.tile(popular, (len(truth), 1)), None),
        "history": (shares, None),
        "laplace": ((history + 1) / (history.sum(axis=1, keepdims=True) + n), None),
        "oracle": (truth, None),
    }


def prepared() -> PreferenceTable:
    """Real windows and histories of MovieLens users, a made readout that leans on the history, and short lists."""
    source = Path(__file__).parents[2] / "examples/data/ml-latest-small"
    table = prepare(movielens.read(source), weighting="count", limit=90)
    rng = np.random.default_rng(1)
    shares = table.history_counts / np.asarray(table.history_counts).sum(axis=1, keepdims=True)
    held = 0.6 * shares + 0.4 * rng.dirichlet(np.ones(table.n_categories), size=table.n_users)
    lists = np.argsort(-held * rng.uniform(0.5, 2.0, size=held.shape), axis=1)[:, :6]
    lists[::7, 2], lists[::5, 5] = -1, -2
    return table.replace(theta_s=held, dg=lists)


def simulated() -> PreferenceTable:
    """Two records a user whose law is known and is what the readout holds for every other user; some are untold."""
    n, k = 60, 7
    rng = np.random.default_rng(2)
    law = rng.dirichlet(np.linspace(2.0, 0.3, k), size=n)
    held = np.where(np.arange(n)[:, None] % 2 == 0, law, 0.5 * law + 0.5 * law[::-1])
    history = rng.multinomial(20, law).astype(float)
    history[::9] = 0.0
    twice = np.tile(np.arange(n), 2)
    return PreferenceTable(
        users=[f"u{i}" for i in twice],
        categories=tuple("abcdefg"),
        theta_star=law[twice],
        theta_s=held[twice],
        dg=np.argsort(-held, axis=1)[twice, :3],
        history_counts=history[twice],
        context_window=np.repeat([3, 8], n),
    )


def evaluated(table: PreferenceTable, k: int, **options: Any) -> Evaluation:
    every = [m.name + (f"@{k}" if m.takes_cutoff else "") for m in METRICS]
    systems = ["theta_s", "dg", "dg_best", "uniform", "popularity", "history", "laplace", "oracle"]
    return evaluate(table, metrics=every, systems=systems, bootstrap=B, rng=np.random.default_rng(5), **options)


def hold(found: Evaluation, expected: dict[tuple[str, str], list[float]], stratum: str = "all") -> int:
    """Hold every row of a stratum against what was recomputed; give how many there were."""
    rows = [row for row in found.results if row.stratum == stratum]
    assert {(row.metric, row.system) for row in rows} == set(expected)
    for row in rows:
        point, *ends = expected[row.metric, row.system]
        if not np.isfinite(point):
            assert row.value is None and ("infinite" if point > 0 else "value") in str(row.reason), row
            continue
        assert row.value is not None and row.interval is not None
        loose = {"rel": 1e-9, "abs": 1e-12}
        if row.metric == "smooth_ece":
            # At the width of a cell of the grid, the finest there is, the Gaussian and its cosines differ a little.
            loose = {"abs": 1e-8} if point > 0.03 else {"rel": 0.02, "abs": 1.01 / CELLS}
        assert row.value == pytest.approx(point, **loose), row
        if ends:
            # What is many numbers a user is summed in single precision, around its mean.
            near = (
                loose
                if METRICS[row.metric.partition("@")[0]].is_mean
                else {"rel": 1e-5, "abs": max(1e-7, loose["abs"])}
            )
            assert (row.interval.low, row.interval.high) == pytest.approx(tuple(ends), **near), row
    return len(rows)


def given(table: PreferenceTable) -> tuple[np.ndarray, Given, np.ndarray]:
    truth, history = table.theta_star, np.asarray(table.history_counts)
    systems = rivals(truth, np.asarray(table.theta_s), np.asarray(table.dg), history)
    return truth, systems, thirds(history.sum(axis=0))


def test_real_users() -> None:
    table = prepared()
    truth, systems, bucket = given(table)
    n = table.n_users
    found = evaluated(table, 5, strata=["tail_preference", "activity"])
    drawn = index_stream(5, n, B)
    assert hold(found, recompute(truth, systems, np.arange(n), bucket, drawn, 5)) == 28 * 8
    history = np.asarray(table.history_counts)
    tail = history[:, bucket == 2].sum(axis=1) / history.sum(axis=1)
    told = np.array([len(titles) for titles in np.asarray(table.history)], dtype=float)
    for name, group in (("tail_preference", quarters(tail)), ("activity", quarters(told))):
        assert list(found.facts["strata"][name]["sizes"].values()) == np.bincount(group, minlength=5)[1:].tolist()
        members = np.flatnonzero(group == 4)
        some = {
            system: (held[members], None if lists is None else lists[members])
            for system, (held, lists) in systems.items()
        }
        times = [np.bincount(users, minlength=n)[members] for users in drawn]
        inside = np.array([np.repeat(np.arange(len(members)), count) for count in times], dtype=object)
        expected = recompute(truth[members], some, np.arange(len(members)), bucket, inside, 5)
        assert hold(found, expected, f"{name}=Q4") == 28 * 8


def test_a_known_truth_and_several_records_a_user() -> None:
    table = simulated()
    truth, systems, bucket = given(table)
    found = evaluated(table, 3, strata=["context_window"])
    drawn = index_stream(5, 60, B)
    expected = recompute(truth, systems, np.tile(np.arange(60), 2), bucket, drawn, 3)
    assert hold(found, expected) == 28 * 8
    half = {system: (held[:60], None if lists is None else lists[:60]) for system, (held, lists) in systems.items()}
    expected = recompute(truth[:60], half, np.arange(60), bucket, drawn, 3)
    for window in (3, 8):
        assert hold(found, expected, f"context_window={window}") == 28 * 8
    # What is known beforehand: the readout holds the law of half of the users, and the oracle all of them.
    law, mixed = truth[1:60:2], 0.5 * truth[1:60:2] + 0.5 * truth[58::-2]
    assert found["total_variation", "theta_s"].value == pytest.approx(np.abs(law - mixed).sum() / 4 / 30, rel=1e-12)
    for metric in ("js_divergence", "soft_ece", "category_bias", "wasserstein_ordinal"):
        assert found[metric, "oracle"].value == 0.0


@pytest.mark.parametrize("users", [1, 4])
def test_two_categories_ties_and_what_is_missing(users: int) -> None:
    """One user alone; and beside them one without a window, one without a list, and readouts that tie or miss."""
    table = PreferenceTable(
        users=["a", "b", "c", "d"],
        categories=("x", "y"),
        counts=[[1, 0], [0, 0], [2, 2], [0, 5]],
        history_counts=[[1, 1], [2, 0], [0, 0], [0, 3]],
        theta_s=[[0.5, 0.5], [0.1, 0.9], [1.0, 0.0], [0.5, 0.5]],
        dg=[[1, -1], [0, 1], [-2, -1], [0, 1]],
    ).select(slice(0, users))
    seen = np.array([0, 2, 3])[: 1 if users == 1 else 3]
    history = np.asarray(table.history_counts)
    shares = history / np.where(history.sum(axis=1) > 0, history.sum(axis=1), 1.0)[:, None]
    # Popularity and the strata come from the histories of those who have a window.
    popular = shares[seen][history[seen].sum(axis=1) > 0].mean(axis=0)
    shares[history.sum(axis=1) == 0] = popular
    even = np.array([[0.0, 1.0], [0.5, 0.5], [np.nan, np.nan], [0.5, 0.5]])
    lists = np.asarray(table.dg)[seen]
    systems: Given = {
        "theta_s": (np.asarray(table.theta_s)[seen], None),
        "dg": (even[seen], lists),
        "uniform": (np.full((len(seen), 2), 0.5), None),
        "popularity": (np.tile(popular, (len(seen), 1)), None),
        "history": (shares[seen], None),
    }
    every = [m.name + ("@1" if m.takes_cutoff else "") for m in METRICS]
    found = evaluate(table, metrics=every, bootstrap=B, rng=np.random.default_rng(5))
    drawn = index_stream(5, len(seen), B)
    bucket = thirds(history.sum(axis=0))
    expected = recompute(table.theta_star[seen], systems, np.arange(len(seen)), bucket, drawn, 1)
    assert hold(found, expected) == 28 * 5
