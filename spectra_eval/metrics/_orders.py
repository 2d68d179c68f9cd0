"""What the ranking metrics share: orders, the truth in a system's order, and the top of a list.

Each function of a `Comparison` is meant for `Comparison.once`: sorting is most of the work.
"""

from __future__ import annotations

import numpy as np

from spectra_eval.metrics._base import Comparison
from spectra_eval.units import LN2

__all__ = [
    "best_first",
    "discounts",
    "held_sorted",
    "listed_truth",
    "named_entries",
    "order_of_theta_s",
    "taken",
    "truth_in_order",
    "truth_sorted",
]


def best_first(scores: np.ndarray) -> np.ndarray:
    """Order the categories of each row of (n, K) scores, best first; the lower index first among equals."""
    order = np.argsort(-scores, axis=1)
    ordered = taken(scores, order)
    # The quick sort leaves equals in any order, so rows that have them are sorted again by the stable one.
    tied = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(tied):
        order[tied] = np.argsort(-scores[tied], axis=1, kind="stable")
    return order


def taken(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Take entries of each row: ``out[i, j] = values[i, columns[i, j]]``."""
    n, k = values.shape
    return values.ravel().take(columns + np.arange(0, n * k, k)[:, None])


def discounts(k: int) -> np.ndarray:
    """Give the weight 1/log2(i + 1) of the places i = 1..k."""
    return LN2 / np.log(np.arange(2.0, k + 2))


def order_of_theta_s(comparison: Comparison) -> np.ndarray:
    """Give the categories in the order of `theta_s`, (n, K)."""
    return best_first(comparison.theta_s)


def held_sorted(comparison: Comparison) -> np.ndarray:
    """Give `theta_s` itself in that order, (n, K)."""
    return taken(comparison.theta_s, comparison.once(order_of_theta_s))


def truth_in_order(comparison: Comparison) -> np.ndarray:
    """Give `theta_star` in the order of `theta_s`, (n, K); NaN for users of whom nothing is held."""
    gains = taken(comparison.theta_star, comparison.once(order_of_theta_s))
    missing = np.isnan(comparison.once(held_sorted)[:, -1])  # NaN sorts last
    if missing.any():
        gains[missing] = np.nan
    return gains


def truth_sorted(comparison: Comparison) -> np.ndarray:
    """Give `theta_star` in its own order, largest first, (n, K)."""
    return np.sort(comparison.theta_star, axis=1)[:, ::-1]


def named_entries(comparison: Comparison, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the first k places of the named lists, and which of them name a category for the first time."""
    assert comparison.lists is not None  # asked for by callers that have seen it
    lists = comparison.lists[:, :k]
    good = (lists >= 0) & (lists < comparison.n_categories)
    for place in range(1, lists.shape[1]):
        good[:, place] &= (lists[:, :place] != lists[:, place : place + 1]).all(axis=1)
    return np.where(good, lists, 0).astype(np.int64), good


def listed_truth(comparison: Comparison, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Give `theta_star` at the first k places of the system's list, and which places name a category.

    The list is the one the system named, else the order of its `theta_s`. A place that names no category, or one
    that stands higher up already, holds 0.
    """
    if comparison.lists is None:
        gains = comparison.once(truth_in_order)[:, :k]
        return gains, np.ones(gains.shape, dtype=bool)
    entries, good = comparison.once(named_entries, k)
    gains = taken(comparison.theta_star, entries)
    # A user without truth stays NaN even where the list is empty.
    gains *= good
    return gains, good
