"""Bounds on one user's divergence and missed mass from the counts of a finite window."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from spectra_eval.arrays import as_counts, as_simplex, as_whole, check_level, matched
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.simplex import js_nats, kl_nats, listed, tv
from spectra_eval.theory.binomial import clopper_pearson_lower
from spectra_eval.units import LN2, Information

__all__ = [
    "js_upper",
    "kl_upper",
    "missed_mass_lower",
    "tv_upper_exact",
    "tv_upper_hoeffding",
]


_CELLS = 4_000_000
"""Maximum number of entries of a knapsack table in memory."""


_EXACT = 1 << 18
"""The largest window for which form (b) is solved. Beyond, form (a) is larger by at most its own radius,
0.0034 at error 0.0025, while memory and time would grow with the window."""


_SHARED = 1 << 12
"""Bounds of windows up to this size are cached."""


def missed_mass_lower(counts: Any, lists: Any, *, error: float, whole: bool | None = None) -> np.ndarray:
    """Bound the mass of the true distribution off the list from below.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window; each interaction has weight one in all.
    lists : (..., L) int array
        Decoded categories, fixed by the history; negative entries are none.
    error : float
        Probability with which the bound may fail.
    whole : bool, optional
        Whether each interaction bears one category: then the count off the list is binomial, and the
        bound is Clopper-Pearson's. Otherwise Hoeffding's. By default: whether all counts are whole numbers.

    Returns
    -------
    (...) float array
        Zero for an empty window.

    Raises
    ------
    InputError
        A count is negative or not finite, or not whole although `whole` is true, or the error is not strictly
        between 0 and 1.
    ShapeError
        There is not one list a user.

    Examples
    --------
    >>> missed_mass_lower([[0, 10]], [[0]], error=0.05).round(3).tolist()
    [0.741]
    """
    counts, lists = matched(counts=counts, lists=lists)
    counts, whole = _window(counts, whole=whole)
    n = counts.sum(axis=-1)
    off = np.where(_mask(counts, lists), 0.0, counts).sum(axis=-1)
    if whole:
        return np.asarray(clopper_pearson_lower(np.rint(off), np.rint(n), error=error))
    check_level("error", error)
    some = np.maximum(n, 1e-300)
    return np.where(n > 0, np.maximum(0.0, off / some - np.sqrt(-math.log(error) / (2 * some))), 0.0)


def tv_upper_hoeffding(counts: Any, theta_s: Any, *, error: float) -> np.ndarray:
    """Bound TV(theta_star, theta_s) from above by Route T, form (a), which allows fractional weights.

    The bound is TV(theta_s, theta_hat) + sqrt(ln(1/error)/(2n)).

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    (...) float array
        In [0, 1]; one for an empty window.

    Raises
    ------
    InputError
        A count is negative or not finite, or the error is not strictly between 0 and 1.
    ShapeError
        There is not one row a user.

    Examples
    --------
    >>> tv_upper_hoeffding([[50, 50]], [[0.5, 0.5]], error=0.005).round(3).tolist()
    [0.163]
    """
    counts, theta_s = matched(counts=counts, theta_s=theta_s)
    check_level("error", error)
    counts, _ = _window(counts)
    return _hoeffding_upper(*_shares(counts, theta_s), error)


def tv_upper_exact(counts: Any, theta_s: Any, *, error: float) -> np.ndarray:
    """Bound TV(theta_star, theta_s) from above by Route T, form (b): exact for whole counts.

    A knapsack over counts, O(K n) a user: for each total s the largest theta_s(A) with c(A) = s, minus
    Clopper-Pearson's bound at s. Never above form (a), whose radius shrinks with the window: beyond 2^18 interactions
    form (a) is given in its place, so that memory is bounded for windows of any length.

    Parameters
    ----------
    counts : (..., K) array of whole numbers
        Interactions of the window in each category.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    (...) float array
        One for an empty window.

    Raises
    ------
    InputError
        A count is not whole: the number in a set is then not binomial; use `tv_upper_hoeffding`. Or the error
        is not strictly between 0 and 1.
    ShapeError
        There is not one row a user.

    Examples
    --------
    >>> tv_upper_exact([[3, 4, 5]], [[0.5, 0.5, 0.0]], error=0.01).round(4).tolist()
    [0.7651]
    """
    check_level("error", error)
    counts, theta_s = matched(counts=counts, theta_s=theta_s)
    counts, whole = _window(counts)
    if not whole:
        raise InputError("counts: not whole numbers; the exact route needs one category an interaction")
    theta, shares, n = _shares(counts, theta_s)
    shape = n.shape
    upper = _hoeffding_upper(theta, shares, n, error).reshape(-1)
    short = np.flatnonzero(n.reshape(-1) <= _EXACT)
    flat_counts = counts.reshape(-1, counts.shape[-1])[short].astype(np.int64)
    flat_theta = np.broadcast_to(theta, counts.shape).reshape(-1, counts.shape[-1])[short]
    totals = flat_counts.sum(axis=-1)
    order = np.argsort(totals, kind="stable")  # neighbours need tables of nearly the same width
    start = 0
    while start < len(order):
        size = max(1, _CELLS // (int(totals[order[-1]]) + 1))
        rows = order[start : start + size]
        while len(rows) > 1 and len(rows) * (int(totals[rows[-1]]) + 1) > _CELLS:
            rows = rows[: len(rows) // 2]
        upper[short[rows]] = _knapsack(flat_counts[rows], flat_theta[rows], totals[rows], error)
        start += len(rows)
    return np.where(n > 0, np.minimum(1.0, upper.reshape(shape)), 1.0)


def js_upper(counts: Any, theta_s: Any, *, error: float, rate: float = 0.25) -> Information:
    """Bound JS(theta_star, theta_s) from above by Route J, from counts.

    The variational form of the JS at the fixed witness W = -ln(2 theta_star/(theta_star + theta_s)) is a mean
    with E e^W <= 1 and W >= -ln 2, to which a Chernoff bound at a rate fixed in advance applies. Interactions
    may bear several categories: e^(mean of W) <= mean of e^W.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    error : float in (0, 1)
        Probability with which the bound may fail.
    rate : float in (0, 1)
        Rate of the Chernoff bound, fixed in advance.

    Returns
    -------
    Information, shape (...)
        At most 1 bit.

    Raises
    ------
    InputError
        A count is negative or not finite, or the error is not strictly between 0 and 1.
    ShapeError
        There is not one row a user.

    Examples
    --------
    >>> round(float(js_upper([[50, 50]], [[0.5, 0.5]], error=0.005).bits[0]), 3)
    0.216
    """
    counts, theta_s = matched(counts=counts, theta_s=theta_s)
    counts, _ = _window(counts)
    theta, shares, n = _shares(counts, theta_s)
    return Information(np.minimum(LN2, _chernoff(js_nats(shares, theta), n, 2.0, LN2, error, rate)))


def kl_upper(counts: Any, theta_s: Any, *, error: float, rate: float = 0.15, support: Any = None) -> Information:
    """Bound KL(theta_star || theta_s) from above by Route K, from counts.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    error : float in (0, 1)
        Probability with which the bound may fail.
    rate : float in (0, 1)
        Rate of the Chernoff bound, fixed in advance.
    support : (..., K) bool array, optional
        The options of each user; a zero of theta_s outside them is harmless.

    Returns
    -------
    Information, shape (...)
        Infinite where theta_s has a zero on an option.

    Raises
    ------
    InputError
        A count is negative or not finite, or the error is not strictly between 0 and 1.
    ShapeError
        There is not one row a user.

    Examples
    --------
    >>> round(float(kl_upper([[50, 50]], [[0.5, 0.5]], error=0.005).nats[0]), 3)
    0.431
    """
    counts, theta_s, support = matched(counts=counts, theta_s=theta_s, support=support)
    counts, _ = _window(counts)
    theta, shares, n = _shares(counts, theta_s)
    lowest = theta.min(axis=-1) if support is None else np.where(support.values, theta, np.inf).min(axis=-1)
    some = lowest > 0
    span = -np.log(np.where(some, lowest, 0.5))
    value = _chernoff(np.where(some, kl_nats(shares, theta), 0.0), n, 1.0, span, error, rate)
    return Information(np.where(some, value, np.inf))


def _window(counts: Any, *, whole: bool | None = None) -> tuple[np.ndarray, bool]:
    array = as_counts("counts", counts)
    are_whole = bool((array == np.floor(array)).all())
    if whole and not are_whole:
        raise InputError("counts: not whole numbers, although each interaction is said to bear one category")
    return array, are_whole if whole is None else whole


def _shares(counts: np.ndarray, theta_s: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (theta,) = as_simplex(theta_s=theta_s)
    if theta.shape != counts.shape:
        raise ShapeError(f"theta_s: shape {theta.shape} for counts {counts.shape}; give one row a user")
    n = counts.sum(axis=-1)
    # An empty window gets the readout itself: its bounds do not depend on it.
    shares = np.where(n[..., None] > 0, counts / np.maximum(n, 1e-300)[..., None], theta)
    return theta, shares, n


def _hoeffding_upper(theta: np.ndarray, shares: np.ndarray, n: np.ndarray, error: float) -> np.ndarray:
    some = np.maximum(n, 1e-300)
    return np.where(n > 0, np.minimum(1.0, tv(theta, shares) + np.sqrt(-math.log(error) / (2 * some))), 1.0)


def _mask(counts: np.ndarray, lists: Any) -> np.ndarray:
    entries = as_whole("lists", lists)
    if entries.shape[:-1] != counts.shape[:-1]:
        raise ShapeError(f"lists: shape {entries.shape} for counts {counts.shape}; give one list a user")
    return listed(entries, counts.shape[-1])


def _chernoff(plug_in: Any, n: np.ndarray, parts: float, span: Any, error: float, rate: float) -> np.ndarray:
    """Return (plug-in + ln(1/error)/(parts n rate)) / (1 - r/rate); infinite where that is not a bound."""
    check_level("error", error)
    check_level("rate", rate)
    ratio = (np.expm1(-rate * span) + rate * span) / (np.expm1(-span) + span)
    left = 1 - ratio / rate
    some = (n > 0) & (left > 0)
    value = (plug_in - math.log(error) / (parts * np.where(n > 0, n, 1.0) * rate)) / np.where(left > 0, left, 1.0)
    return np.where(some, value, np.inf)


def _knapsack(counts: np.ndarray, theta: np.ndarray, totals: np.ndarray, error: float) -> np.ndarray:
    """Solve for users at once: best[u, s] is the largest theta_s(A) among sets with c(A) = s."""
    rows, width = len(counts), int(totals.max()) + 1
    best = np.full((rows, width), -np.inf)
    best[:, 0] = np.where(counts == 0, theta, 0.0).sum(axis=1)  # categories never seen cost nothing
    places = np.arange(width)
    for column in range(counts.shape[1]):
        weight = counts[:, column]
        used = np.flatnonzero(weight)
        if len(used) == 0:
            continue
        source = places[None, :] - weight[used, None]
        moved = np.take_along_axis(best[used], np.maximum(source, 0), axis=1)
        gained = np.where(source >= 0, moved + theta[used, column, None], -np.inf)
        best[used] = np.maximum(best[used], gained)
    sizes, back = np.unique(totals, return_inverse=True)
    floor = np.ones((len(sizes), width))
    for row, n in enumerate(sizes):
        floor[row, : n + 1] = _floors(int(n), error) if n <= _SHARED else _floors.__wrapped__(int(n), error)
    return np.asarray((best - floor[back]).max(axis=1))


@functools.lru_cache(maxsize=512)
def _floors(n: int, error: float) -> np.ndarray:
    """Return Clopper-Pearson's bound for each count out of n: cached by window size."""
    floors = np.asarray(clopper_pearson_lower(np.arange(n + 1), n, error=error))
    floors.flags.writeable = False
    return floors
