"""Shared computations of ranking metrics: orders, the target in a system's order, and the top of a list.

The functions of a `Comparison` are called through `Comparison.cached`, since sorting is most of the work.
"""

from __future__ import annotations

import numpy as np

from spectra_eval._ties import settled, unsettled
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.units import LN2

_FEW_BITS = 6
"""Bits of single precision that can store an index, with enough left to distinguish most scores."""

__all__ = [
    "best_first",
    "discounts",
    "listed_truth",
    "named_entries",
    "order_of_theta_s",
    "ranked",
    "taken",
    "truth_in_order",
    "truth_settled",
    "truth_sorted",
]


def best_first(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the entries of each row of (n, K) scores in order, best first; ties by index.

    Returns the indices of the entries in the flat array, the entries, and the scores, (n, K) each; in the last two the
    scores of a tie are equal (`spectra_eval._ties`). NaN is first or last.

    The last bits of each score are replaced by its index, so that sorting numbers sorts indices, which is several
    times faster than an argsort. Rows in which two scores are then out of order, or nearly tied, are detected and
    sorted again.
    """
    n, k = scores.shape
    bits = (k - 1).bit_length()
    number, word = (np.float32, np.int32) if bits <= _FEW_BITS else (np.float64, np.int64)
    with np.errstate(over="ignore"):
        keys = np.add(scores, 0.0, dtype=number, casting="same_kind").view(word)  # + 0 converts -0 to 0
    keys &= word(-1 << bits)
    keys |= np.arange(k - 1, -1, -1, dtype=word)
    keys.sort(axis=1)
    keys &= word((1 << bits) - 1)
    places = np.subtract(np.arange(k - 1, n * k + k - 1, k)[:, None], keys[:, ::-1], dtype=np.intp)
    ordered = scores.ravel().take(places)
    wrong = unsettled(ordered)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        scores = scores.copy()
        scores[rows] = settled(scores[rows])
        places[rows] = np.argsort(-scores[rows], axis=1, kind="stable") + (rows * k)[:, None]
        ordered[rows] = scores.ravel().take(places[rows])
    return places, ordered, scores


def taken(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return entries of each row: ``out[i, j] = values[i, columns[i, j]]``."""
    n, k = values.shape
    return values.ravel().take(columns + np.arange(0, n * k, k)[:, None])


def discounts(k: int) -> np.ndarray:
    """Return the weight 1/log2(i + 1) of the ranks i = 1..k."""
    return LN2 / np.log(np.arange(2.0, k + 2))


def order_of_theta_s(comparison: Comparison) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the order of `ranked` as flat indices, the sorted values and the values, ties equal, (n, K) each."""
    return best_first(comparison.cached(ranked))


def ranked(comparison: Comparison) -> np.ndarray:
    """Return `theta_s` with -1 for categories that are not options of the user, which are ranked last."""
    if comparison.support is None:
        return comparison.theta_s
    return np.where(comparison.support | np.isnan(comparison.theta_s), comparison.theta_s, -1.0)


def truth_in_order(comparison: Comparison) -> np.ndarray:
    """Return `theta_star` in the order of `theta_s`, (n, K); NaN for users without a prediction."""
    places, ordered, _ = comparison.cached(order_of_theta_s)
    gains = _gains(comparison).ravel().take(places)
    missing = np.isnan(ordered[:, 0]) | np.isnan(ordered[:, -1])  # NaN is first or last
    if missing.any():
        gains[missing] = np.nan
    return gains


def truth_settled(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Return `theta_star`, and the same largest first, (n, K) each; the proportions of a tie are the largest of it."""
    theta_star = comparison.theta_star
    best = np.sort(theta_star, axis=1)[:, ::-1]
    near = unsettled(best)
    if not near.any():
        return theta_star, best
    gains = theta_star.copy()
    gains[near] = -settled(-theta_star[near])
    best[near] = np.sort(gains[near], axis=1)[:, ::-1]
    return gains, best


def truth_sorted(comparison: Comparison) -> np.ndarray:
    """Return `theta_star` in its own order, largest first, ties equal, (n, K)."""
    return comparison.cached_for_truth(truth_settled)[1]


def _gains(comparison: Comparison) -> np.ndarray:
    return comparison.cached_for_truth(truth_settled)[0]


def named_entries(comparison: Comparison, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first k entries of the lists, and which of them name a category for the first time."""
    assert comparison.lists is not None  # callers check this
    lists = comparison.lists[:, :k]
    good = (lists >= 0) & (lists < comparison.n_categories)
    for place in range(1, lists.shape[1]):
        good[:, place] &= (lists[:, :place] != lists[:, place : place + 1]).all(axis=1)
    return np.where(good, lists, 0).astype(np.int64), good


def listed_truth(comparison: Comparison, k: int) -> np.ndarray:
    """Return `theta_star` at the first k ranks of the system's list.

    The list is the system's own, or the order of its `theta_s`. An entry that is not a category, or a repeated one,
    gets 0.
    """
    if comparison.lists is None:
        return comparison.cached(truth_in_order)[:, :k]
    entries, good = comparison.cached(named_entries, k)
    gains = taken(_gains(comparison), entries)
    # A user without a target stays NaN even if the list is empty.
    gains *= good
    return gains
