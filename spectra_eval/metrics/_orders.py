"""What the ranking metrics share: orders, the truth in a system's order, and the top of a list.

Each function of a `Comparison` is meant for `Comparison.once`: sorting is most of the work.
"""

from __future__ import annotations

import numpy as np

from spectra_eval.metrics._comparison import Comparison
from spectra_eval.units import LN2

_FEW_BITS = 6
"""Bits of an index that single precision can give up, with enough left to tell most scores apart."""

__all__ = [
    "best_first",
    "discounts",
    "listed_truth",
    "named_entries",
    "order_of_theta_s",
    "ranked",
    "taken",
    "truth_in_order",
    "truth_sorted",
]


def best_first(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order the entries of each row of (n, K) scores, best first; the lower index first among equals.

    Give the places of the entries in the flat array, and the entries, (n, K) both. NaN comes first or last.

    Each score gives up its last bits to its index, so that sorting numbers sorts indices, which is several times
    quicker than an argsort. Rows where this brought two scores out of order, which is seen afterwards, are
    sorted again.
    """
    n, k = scores.shape
    bits = (k - 1).bit_length()
    number, word = (np.float32, np.int32) if bits <= _FEW_BITS else (np.float64, np.int64)
    with np.errstate(over="ignore"):
        keys = np.add(scores, 0.0, dtype=number, casting="same_kind").view(word)  # + 0 makes a zero of -0
    keys &= word(-1 << bits)
    keys |= np.arange(k - 1, -1, -1, dtype=word)
    keys.sort(axis=1)
    keys &= word((1 << bits) - 1)
    places = np.subtract(np.arange(k - 1, n * k + k - 1, k)[:, None], keys[:, ::-1], dtype=np.intp)
    ordered = scores.ravel().take(places)
    wrong = ordered[:, 1:] > ordered[:, :-1]
    if wrong.any():
        rows = np.flatnonzero(wrong.any(axis=1))
        places[rows] = np.argsort(-scores[rows], axis=1, kind="stable") + (rows * k)[:, None]
        ordered[rows] = scores.ravel().take(places[rows])
    return places, ordered


def taken(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Take entries of each row: ``out[i, j] = values[i, columns[i, j]]``."""
    n, k = values.shape
    return values.ravel().take(columns + np.arange(0, n * k, k)[:, None])


def discounts(k: int) -> np.ndarray:
    """Return the weight 1/log2(i + 1) of the places i = 1..k."""
    return LN2 / np.log(np.arange(2.0, k + 2))


def order_of_theta_s(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of `theta_s` in its order, and `theta_s` itself in that order, (n, K) both; see `ranked`."""
    return best_first(comparison.cached(ranked))


def ranked(comparison: Comparison) -> np.ndarray:
    """Return `theta_s`, with -1 for what is no option of the user: it comes last, and ties with no option."""
    if comparison.support is None:
        return comparison.theta_s
    return np.where(comparison.support | np.isnan(comparison.theta_s), comparison.theta_s, -1.0)


def truth_in_order(comparison: Comparison) -> np.ndarray:
    """Return `theta_star` in the order of `theta_s`, (n, K); NaN for users of whom nothing is held."""
    places, ordered = comparison.cached(order_of_theta_s)
    gains = comparison.theta_star.ravel().take(places)
    missing = np.isnan(ordered[:, 0]) | np.isnan(ordered[:, -1])  # NaN comes first or last
    if missing.any():
        gains[missing] = np.nan
    return gains


def truth_sorted(comparison: Comparison) -> np.ndarray:
    """Return `theta_star` in its own order, largest first, (n, K)."""
    return np.sort(comparison.theta_star, axis=1)[:, ::-1]


def named_entries(comparison: Comparison, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first k places of the named lists, and which of them name a category for the first time."""
    assert comparison.lists is not None  # asked for by callers that have seen it
    lists = comparison.lists[:, :k]
    good = (lists >= 0) & (lists < comparison.n_categories)
    for place in range(1, lists.shape[1]):
        good[:, place] &= (lists[:, :place] != lists[:, place : place + 1]).all(axis=1)
    return np.where(good, lists, 0).astype(np.int64), good


def listed_truth(comparison: Comparison, k: int) -> np.ndarray:
    """Return `theta_star` at the first k places of the system's list.

    The list is the one the system named, else the order of its `theta_s`. A place that names no category, or one
    that stands higher up already, holds 0.
    """
    if comparison.lists is None:
        return comparison.cached(truth_in_order)[:, :k]
    entries, good = comparison.cached(named_entries, k)
    gains = taken(comparison.theta_star, entries)
    # A user without truth stays NaN even where the list is empty.
    gains *= good
    return gains
