"""Strata: categories by frequency (head, mid, tail), users by their proportion of tail categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import as_array, as_counts
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError

__all__ = ["category_buckets", "frequency_ranks", "tail_preference_groups"]


def category_buckets(frequency: Any) -> np.ndarray:
    """Assign the categories to head, mid and tail by frequency.

    Parameters
    ----------
    frequency : (K,) array-like
        Frequency of each category in the training data, not in the evaluation window.

    Returns
    -------
    (K,) int array
        0 head, 1 mid, 2 tail: categories in descending order of frequency (the lower index first among
        equals), cut at ``K // 3`` and ``2 * K // 3``. Head and mid are empty where K is too small.

    Raises
    ------
    ShapeError
        The frequencies do not form one axis of categories.
    InputError
        A frequency is negative or not finite.

    References
    ----------
    .. [1] H. Steck, "Item popularity and recommendation accuracy", RecSys 2011. doi:10.1145/2043932.2043957

    Examples
    --------
    >>> category_buckets([5, 40, 1, 20]).tolist()
    [2, 0, 2, 1]
    """
    place = frequency_ranks(frequency)
    k = len(place)
    return (place >= k // 3).astype(np.int64) + (place >= 2 * k // 3)


def frequency_ranks(frequency: Any) -> np.ndarray:
    """Return the rank of each category by frequency, (K,) int: 0 for the most frequent, the lower index among equals.

    Examples
    --------
    >>> frequency_ranks([5, 40, 1, 20]).tolist()
    [2, 0, 3, 1]
    """
    weights = as_counts("frequency", frequency)
    if weights.ndim != 1:
        raise ShapeError(f"frequency: shape {weights.shape}; give one number a category")
    place = np.empty(len(weights), dtype=np.int64)
    place[ties.order(weights, scale=ties.magnitude(weights))] = np.arange(len(weights))
    return place


def tail_preference_groups(tail_share: Any) -> tuple[np.ndarray, np.ndarray]:
    """Assign users to four groups by their proportion of tail categories.

    Equal proportions are in one group, so groups may differ in size or be empty: report their sizes.

    Parameters
    ----------
    tail_share : (N,) array-like
        The proportion of each user's interactions in tail categories. Proportions of the history are the
        better choice: groups made from the evaluation window show regression to the mean.

    Returns
    -------
    groups : (N,) int array
        1 (least tail) to 4 (most): one more than the number of cuts below the proportion.
    cuts : (3,) float array
        The quartiles, by the inverse of the empirical distribution function.

    Raises
    ------
    ShapeError
        The proportions do not form one axis of users.
    InputError
        A proportion is negative or not finite.
    UndefinedMetricError
        There are no users.

    References
    ----------
    .. [1] R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50
       (1996) 361-365, definition 1. doi:10.2307/2684934

    Examples
    --------
    >>> groups, cuts = tail_preference_groups([0.0, 0.0, 0.0, 0.1, 0.5, 0.2, 0.2, 0.9])
    >>> groups.tolist(), cuts.tolist()
    ([1, 1, 1, 2, 4, 3, 3, 4], [0.0, 0.1, 0.2])
    """
    shares = as_array("tail_share", tail_share)
    if shares.ndim != 1:
        raise ShapeError(f"tail_share: shape {shares.shape}; give one number a user")
    if not len(shares):
        raise UndefinedMetricError("tail_share: no users, so there are no quartiles; give at least one")
    bad = ~np.isfinite(shares) | (shares < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"tail_share: row {row} is {shares[row]}; leave out users without interactions")
    shares = ties.settled(shares, scale=ties.magnitude(shares))
    ordered = np.sort(shares)
    cuts = ordered[[-(-quarter * len(shares) // 4) - 1 for quarter in (1, 2, 3)]]
    return 1 + (cuts < shares[:, None]).sum(axis=1), cuts
