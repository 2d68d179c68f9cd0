"""Claims against rivals and the adaptive bound, recomputed with NumPy alone, a user at a time."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from certificate_bounds import betting, bits, cpl, tv

STAKES = [2.0 ** (half / 2) for half in range(-22, 19)]


def share_of_unlike(x: int, n: int, error: float) -> float:
    """Clopper and Pearson for success probabilities that differ: Hoeffding 1956."""
    return cpl(x, n, error) if x == n else min(cpl(x, n, error), max(0.0, x - 1) / n)


def constant_bet(values: Any, lows: Any, square: float, error: float) -> float:
    """Bisect for the mean at which the mixture of stakes has the capital 1/error."""
    x, low, n = np.asarray(values, dtype=float), np.broadcast_to(lows, len(values)), len(values)
    best = math.sqrt(64 * math.log(1 / error) / (n * square)) if square > 0 else STAKES[-1]
    best = min(max(best, STAKES[0]), STAKES[-1])
    weights = np.array([min(stake / best, best / stake) ** 2 for stake in STAKES])
    weights /= weights.sum()

    def capital(mean: float) -> float:
        total = 0.0
        for stake, weight in zip(STAKES, weights, strict=True):
            kept = stake * low >= -0.95
            m = int(kept.sum())
            if m == 0:
                total += weight
                continue
            of_kept = 1 + stake * (n * mean - low[~kept].sum()) / m
            if of_kept <= 0:
                return math.inf
            log = math.fsum(np.log1p(stake * x[kept])) - m * math.log(of_kept)
            total += weight * math.exp(min(log, 700.0))
        return total

    below, above = float(np.mean(low)), float(np.mean(x))
    if capital(below) < 1 / error:
        return below
    for _ in range(200):
        middle = (below + above) / 2
        below, above = (middle, above) if capital(middle) >= 1 / error else (below, middle)
    return below


def lower(
    values: Any, options: dict[str, Any], error: float, *, low: float = 0.0, how: str = "", share: bool = False
) -> float | None:
    """Bound the expectation of numbers in [low, 1] by the declared bound; None where it does not apply.

    `share` says that each user has one outcome, 0 or 1.
    """
    how, n, width, mean = how or options["bound"], len(values), 1.0 - low, float(np.mean(values))
    if how in ("hoeffding", "dkw"):
        return max(low, mean - width * math.sqrt(math.log(1 / error) / (2 * n)))
    if how == "adaptive":
        if share:
            return share_of_unlike(round(float(values.sum())), n, error)
        return max(low, constant_bet(values, low, width**2, error))
    if how == "empirical-bernstein":
        term = math.log(2 / error)
        spread = math.sqrt(2 * float(np.var(values, ddof=1)) * term / n)
        return max(low, mean - spread - width * 7 * term / (3 * (n - 1)))
    if how == "betting":
        key = str(options["seed"]).encode()
        place = [hashlib.blake2b(name.encode(), digest_size=8, key=key).digest() for name in values.names]
        order = sorted(range(n), key=lambda i: place[i])
        return low + width * betting((np.asarray(values)[order] - low) / width, error)
    if how == "clopper-pearson":
        share = width == 1 and set(np.unique(values)) <= {0.0, 1.0}
        return cpl(round(float(values.sum())), n, error) if share else None
    if width != 1:
        return None
    return max(0.0, mean - 2 * error / (4 * n) - 2 * math.sqrt(math.log(4 / error) / (2 * n)))


def largest_js_gain(p: np.ndarray, q: np.ndarray) -> float:
    """The largest JS(theta, q) - JS(theta, p) in bits: bisect for the multiplier of the mass on better categories."""
    better = p > q
    if not better.any():
        return 0.0

    def mass(nu: float) -> np.ndarray:
        e = math.exp(2 * nu)
        return np.where(better, np.maximum((p - q * e) / (e - 1), 0.0), 0.0)

    low, high = 1e-18, 1.0
    while mass(high).sum() > 1:
        high *= 2
    for _ in range(300):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle).sum() > 1 else (low, middle)
    theta = mass(high)
    theta = theta / theta.sum()
    return bits(theta, q) - bits(theta, p)


def predictions(name: str, table: Any, users: Any, k: int) -> np.ndarray | None:
    """The predictions of a rival without parameters; None for one with."""
    n_categories = users.star.shape[1]
    if name == "dg":
        rows = users.on.astype(float)
        return np.where(users.listed[:, None], rows / np.maximum(rows.sum(axis=1), 1)[:, None], np.nan)
    if name == "uniform":
        return np.full(users.star.shape, 1 / n_categories)
    history = table["history_counts"].astype(float)
    shares = np.array([row / row.sum() if row.sum() > 0 else row for row in history])
    popular = np.array([math.fsum(column) for column in shares.T])
    popular /= popular.sum()
    if name == "popularity":
        return np.tile(popular, (len(users.star), 1))
    if name == "history":
        seen = table["n_window"] != 0
        return np.array([row if row.sum() > 0 else popular for row in shares[seen]])
    return None


def gains(base: str, truth: np.ndarray, p: np.ndarray, q: np.ndarray) -> tuple[float, float, float] | None:
    """The gain on one window, and its least and largest value; None where it is unbounded."""
    if base == "rival.tv.window":
        return tv(truth, q) - tv(truth, p), -tv(p, q), tv(p, q)
    if base == "rival.js.window":
        return bits(truth, q) - bits(truth, p), -largest_js_gain(q, p), largest_js_gain(p, q)
    if base == "rival.fraction.window":
        return float(tv(truth, p) < tv(truth, q) - 1e-12), 0.0, 1.0
    if base == "rival.brier.law":
        a = 2 * (p - q) + (q**2).sum() - (p**2).sum()
    elif (p <= 0).any() or (q <= 0).any():
        return None
    else:
        a = np.log(p) - np.log(q)
    return float(truth @ a), float(a.min()), float(a.max())


def rival_claim(name: str, table: Any, users: Any, options: dict[str, Any], error: float) -> dict[str, Any] | None:
    """The row of one claim; None where a rival has parameters, for which the library's own fit is needed."""
    base, _, own = name.partition(":")
    rivals = [own] if own else options["against"]
    found: dict[str, dict[str, Any]] = {}
    for rival in rivals:
        q = predictions(rival, table, users, options["k"])
        if q is None:
            return None
        has = ~np.isnan(q[:, 0])
        rows = zip(users.star, users.held, q, has, strict=True)
        each = [gains(base, truth, p, own) if keep else (0.0, 0.0, 0.0) for truth, p, own, keep in rows]
        if None in each:
            return {"bound": None}
        value, low, high = (users.mean(column, has) for column in np.array(each, dtype=float).T)
        if options["bound"] == "hoeffding":
            share = base == "rival.fraction.window"
            squares = len(value) if share else float(((high - low) ** 2).sum())
            bound = float(value.mean()) - math.sqrt(math.log(1 / error) / 2 * squares) / len(value)
        elif base == "rival.fraction.window" and len(value) == int(has.sum()):
            bound = share_of_unlike(round(float(value.sum())), len(value), error)
        else:
            square = 1.0 if base == "rival.fraction.window" else float(((high - low) ** 2).mean())
            bound = constant_bet(value, low, square, error)
        found[rival] = {
            "bound": max(float(low.mean()), bound),
            "mean": float(value.mean()),
            "n": len(value),
            "absent": int((~has).sum()),
        }
    worst = min(found, key=lambda rival: (found[rival]["bound"], rival))
    row = found[worst]
    inputs: dict[str, Any] = {"mean_gain": row["mean"], "n_records_without": row["absent"]}
    if len(rivals) > 1:
        inputs |= {
            "mean_gains": {rival: one["mean"] for rival, one in found.items()},
            "bounds": {rival: one["bound"] for rival, one in found.items()},
            "n_records_without": sum(one["absent"] for one in found.values()),
        }
    threshold = 0.5 if base == "rival.fraction.window" else 0.0
    return {"inputs": inputs, "bound": row["bound"], "threshold": threshold, "n_users": row["n"]}
