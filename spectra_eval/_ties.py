"""The rule for ties: which of the numbers that are ordered or compared are the same number.

Sort the numbers of a row. Two neighbours that differ by at most `TIE` are tied, and so are all numbers between which
every step is a tie: chains are one tie (single linkage). This is an equivalence, and unlike a grid it has no edges: two
numbers within the tolerance are never separated. A chain of K numbers is at most ``(K - 1) * TIE`` long.

Probabilities are compared with `TIE` itself; numbers without a fixed scale (frequencies, scores) with `TIE` times the
largest magnitude of the row, see `magnitude`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["TIE", "magnitude", "order", "settled", "unsettled"]

TIE = 1e-12
"""Numbers at most this far apart are tied: rounding moves the sums of proportions by less."""


def magnitude(values: np.ndarray) -> Any:
    """Return the largest finite magnitude of each row, (...): the scale of numbers that are no probabilities.

    Examples
    --------
    >>> magnitude(np.array([[-3.0, 2.0, -np.inf]])).tolist()
    [3.0]
    """
    return np.max(np.where(np.isfinite(values), np.abs(values), 0.0), axis=-1, initial=0.0)


def unsettled(descending: np.ndarray, scale: Any = 1.0) -> np.ndarray:
    """Return which rows of (n, K) numbers, largest first, hold numbers that are tied and differ, (n,) bool.

    A row that is not quite in order is one of them.

    Examples
    --------
    >>> unsettled(np.array([[0.5, 0.5 - 1e-16, 0.0], [0.4, 0.4, 0.2]])).tolist()
    [True, False]
    """
    with np.errstate(invalid="ignore"):
        steps = descending[:, :-1] - descending[:, 1:]
    near = steps <= TIE * np.reshape(scale, (-1, 1)) if np.ndim(scale) else steps <= TIE * scale
    near &= steps != 0
    return np.asarray(near.any(axis=1)) if near.any() else np.zeros(len(near), dtype=bool)


def settled(values: np.ndarray, *, scale: Any = 1.0) -> np.ndarray:
    """Return the numbers with those of a tie replaced by the smallest of them, so that they compare equal.

    Parameters
    ----------
    values : (..., K) float array
        The numbers, compared within each row; NaN is tied with nothing.
    scale : float or (...) float array
        The tolerance is `TIE` times it: 1 for probabilities, `magnitude` for numbers without a fixed scale.

    Returns
    -------
    (..., K) float array
        The array itself where no row changes.

    Examples
    --------
    >>> one = np.array([0.1 + 0.2, 0.3, 0.4])
    >>> bool(one[0] == one[1]), bool(settled(one)[0] == settled(one)[1])
    (False, True)
    """
    values = np.asarray(values, dtype=np.float64)
    k = values.shape[-1]
    rows = values.reshape(-1, k)
    limits = TIE * np.broadcast_to(np.asarray(scale, dtype=np.float64), values.shape[:-1]).reshape(-1, 1)
    ascending = np.sort(rows, axis=1)
    with np.errstate(invalid="ignore"):
        steps = np.diff(ascending, axis=1)
    touched = np.flatnonzero(((steps > 0) & (steps <= limits)).any(axis=1))
    if not len(touched):
        return values
    places = np.argsort(rows[touched], axis=1, kind="stable")
    first = np.ones(places.shape, dtype=bool)
    first[:, 1:] = ~(steps[touched] <= limits[touched])
    group = np.maximum.accumulate(np.where(first, np.arange(k), 0), axis=1)
    out = rows.copy()
    changed = np.empty(places.shape)
    np.put_along_axis(changed, places, np.take_along_axis(ascending[touched], group, axis=1), axis=1)
    out[touched] = changed
    return out.reshape(values.shape)


def order(values: np.ndarray, *, scale: Any = 1.0) -> np.ndarray:
    """Return the places of the numbers of each row, largest first; ties by the lower place.

    Parameters
    ----------
    values : (..., K) float array
        The numbers; NaN is last.
    scale : float or (...) float array
        As for `settled`.

    Returns
    -------
    (..., K) int array
        Indices along the last axis.

    Examples
    --------
    >>> order(np.array([0.3, 0.1 + 0.2, 0.4])).tolist()
    [2, 0, 1]
    """
    return np.argsort(-settled(values, scale=scale), axis=-1, kind="stable")
