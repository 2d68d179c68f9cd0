"""Recompute an evaluation with NumPy alone: `recompute_evaluation.py EVALUATION.json TABLE.npz`.

It shares no code with spectra_eval and does not import it: it goes from record to record by the definitions, and draws
the users of each resample from the documented stream. A mean over fewer than 50 users has the interval of Student's t
instead of percentiles. The table is its columns as `numpy.savez` writes them: owner (the
number of the record's user, in the order of the table), truth, theta_s, dg (-1 or below: no category), history (the
weights before the window). Every row of the stratum `all` is held: its value, and its interval where it has one. Exit
code 1 names each number that differs.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any, NamedTuple

import numpy as np

BINS, TIE = 20, 1e-12
CELLS = 128
FEW = 50
NO_LIMIT = ("kl_divergence", "chi_squared", "log_score", "wasserstein_ordinal")
LN2 = np.log(2.0)

Given = dict[str, tuple[np.ndarray, np.ndarray | None]]
"""By system: what it holds (records, K), and the lists that it names."""


class Expected(NamedTuple):
    """A value, the ends of its interval unless they were left out, and whether it is a mean of one number a user."""

    value: float
    ends: tuple[float, ...] = ()
    is_mean: bool = True


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
        binned[bucket[c], min(int(q[c] * BINS * (1 + TIE * BINS)), BINS - 1)] += q[c] - p[c]
        cell = min(int(q[c] * CELLS), CELLS - 1)
        above = q[c] * CELLS - cell
        points[cell] += (q[c] - p[c]) * (1 - above)
        points[cell + 1] += (q[c] - p[c]) * above
    first = int(np.argmax(q))
    top[min(int(q[first] * BINS * (1 + TIE * BINS)), BINS - 1)] = q[first] - p[first]
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


def t_quantile(freedom: int, chance: float) -> float:
    """Return the quantile of Student's t: its distribution is that of an angle with density cos^(freedom - 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def below(angle: float) -> float:
        return float(angle / 2 * (weights * np.cos(angle * (nodes + 1) / 2) ** (freedom - 1)).sum())

    whole = 2 * below(math.pi / 2)
    low, high = 0.0, math.pi / 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 + below(middle) / whole < chance else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def student(column: np.ndarray, owner: np.ndarray, limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a mean over records whose users are independent, cut at the limits."""
    users = np.unique(owner)
    mean, n = column.mean(), len(users)
    apart = [(column[owner == user] - mean).sum() for user in users]
    half = t_quantile(n - 1, 0.975) * math.sqrt(n / (n - 1) * sum(a * a for a in apart)) / len(column)
    return max(mean - half, limits[0]), min(mean + half, limits[1])


def recompute(
    truth: np.ndarray,
    systems: Given,
    owner: np.ndarray,
    bucket: np.ndarray,
    drawn: np.ndarray,
    k: int,
    only: Any = None,
) -> dict[tuple[str, str], Expected]:
    """Give value, low and high (95 %) of each metric and system; records of a user are drawn together."""
    times = np.array([np.bincount(users, minlength=owner.max() + 1)[owner] for users in drawn], dtype=float)
    found = {}
    for system, (held, lists) in systems.items():
        rows = [
            statistics(p, q, None if lists is None else lists[u], bucket, k)
            for u, (p, q) in enumerate(zip(truth, held, strict=True))
        ]
        for metric in rows[0] if only is None else only:
            column = np.array([row[metric] for row in rows], dtype=float)
            has = ~np.isnan(column.reshape(len(column), -1)).any(axis=1)
            column, drawn_often = column[has], times[:, has]
            if not len(column) or not np.isfinite(column).all():
                found[metric, system] = Expected(np.inf if len(column) else np.nan)
                continue
            ends: tuple[float, ...] = ()
            is_mean = column.ndim == 1 and metric != "tail_mass_error"
            if is_mean and 1 < len(np.unique(owner[has])) < FEW:
                top = np.inf if metric in NO_LIMIT else 2.0 if metric == "brier" else 1.0
                ends = student(column, owner[has], (0.0, top))
            elif metric != "smooth_ece" or system == "dg":  # a search a resample takes its time
                replicates = [
                    value(metric, np.tensordot(w, column, axes=1) / w.sum()) for w in drawn_often if w.sum() > 0
                ]
                ends = tuple(np.percentile(replicates, [2.5, 97.5]).tolist())
            found[metric, system] = Expected(value(metric, column.mean(axis=0)), ends, is_mean)
    return found


def differences(rows: list[dict[str, Any]], expected: dict[tuple[str, str], Expected]) -> list[str]:
    """Name each row of an evaluation whose value or interval is not what was recomputed."""
    found = []
    for row in rows:
        point, ends, is_mean = expected[row["metric"], row["system"]]
        said = f"{row['metric']} of {row['system']}: "
        if not np.isfinite(point):
            if row["value"] is not None or ("infinite" if point > 0 else "value") not in str(row["reason"]):
                found.append(f"{said}{row['value']} ({row['reason']}) is {point}")
            continue
        if row["value"] is None or row["interval"] is None:
            found.append(f"{said}no value or no interval ({row['reason']}), where {point} is expected")
            continue
        relative, absolute = 1e-9, 1e-12
        if row["metric"] == "smooth_ece":
            # At the width of a cell of the grid, the finest there is, the Gaussian and its cosines differ a little.
            relative, absolute = (1e-9, 1e-8) if point > 0.03 else (0.02, 1.01 / CELLS)
        numbers = [(row["value"], point, relative, absolute)]
        if not is_mean:  # summed in single precision, around its mean
            relative, absolute = 1e-5, max(absolute, 1e-7)
        pairs = zip(("low", "high"), ends, strict=False)
        numbers += [(row["interval"][end], number, relative, absolute) for end, number in pairs]
        for given, number, rel, near in numbers:
            if not abs(given - number) <= max(near, rel * abs(number)):
                found.append(f"{said}{given} is {number}")
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
    added = history + 1
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
        "laplace": (added / added.sum(axis=1, keepdims=True), None),
        "oracle": (truth, None),
    }


def main(evaluation: str, columns: str) -> int:
    """Compare an evaluation with what its table gives."""
    with open(evaluation, encoding="utf-8") as file:
        made = json.load(file)
    table = np.load(columns)
    rows = [row for row in made["results"] if row["stratum"] == "all"]
    owner, options = table["owner"], made["options"]
    systems = rivals(table["truth"], table["theta_s"], table["dg"], table["history"])
    systems = {name: systems[name] for name in options["systems"]}
    bucket = thirds(table["history"].sum(axis=0))
    drawn = index_stream(made["seed"], owner.max() + 1, options["bootstrap"])
    wrong = []
    for k in sorted({int(name.partition("@")[2] or 1) for name in options["metrics"]}):
        names = [name for name in options["metrics"] if int(name.partition("@")[2] or 1) == k]
        expected = recompute(table["truth"], systems, owner, bucket, drawn, k, names)
        wrong += differences([row for row in rows if row["metric"] in names], expected)
    for line in wrong:
        print(line)
    print(f"{len(rows)} rows, {len(wrong)} differences")
    return 1 if wrong or len(rows) != len(options["metrics"]) * len(systems) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
