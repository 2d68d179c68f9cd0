r"""One user's finite window: when it shows that the readout beats every distribution on the list.

The interactions are independent draws from one law theta_star, given the history and their number n. Each
route bounds TV(theta_s, theta_star) from above with error beta1 and the mass that the list misses from
below with error beta2; the user is certified where the first lies below the second. What is certified, with
error beta1 + beta2 for a user who does not deserve it, is TV(theta_s) < TV(dg) against the law, for
every dg on the list.

Route T needs no union over sets and does not depend on K: A = {theta_s > theta_star} is a *fixed* set, with
TV(theta_s, theta_star) = theta_s(A) - theta_star(A), and one binomial bounds theta_star(A) from below.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_counts, as_simplex, as_whole, check_level
from spectra_eval.conversion import matched
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.simplex import js_nats, kl_nats, tv
from spectra_eval.theory.binomial import clopper_pearson_lower
from spectra_eval.theory.js_envelope import phi_star
from spectra_eval.theory.kl_envelope import tv_upper_from_kl
from spectra_eval.units import LN2, Information

__all__ = [
    "RouteResult",
    "js_upper",
    "kl_upper",
    "missed_mass_lower",
    "route_j",
    "route_k",
    "route_t",
    "route_t_certifies",
    "tv_upper_exact",
    "tv_upper_hoeffding",
]

_CELLS = 4_000_000
"""Entries of one table of the knapsack that are held at a time."""
_EXACT = 1 << 18
"""Interactions of one window up to which form (b) is solved. Beyond, form (a) is above by at most its own radius,
0.0034 at error 0.0025, while memory and time would grow with the window."""


_SHARED = 1 << 12
"""Windows up to this size are common enough for their bounds to be kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteResult:
    """Per user: an upper bound on TV(theta_s, theta_star), a lower bound on the missed mass, and the verdict."""

    upper: np.ndarray
    lower_mass: np.ndarray
    certified: np.ndarray


def missed_mass_lower(counts: Any, lists: Any, *, error: float, whole: bool | None = None) -> np.ndarray:
    """Bound the law's mass off the list from below.

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
    """Route T, form (a): TV(theta_s, theta_hat) + sqrt(ln(1/error)/(2n)). Fractional weights are allowed.

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
    """Route T, form (b): the largest theta_s(A) - CPL(c(A), n) over all sets A of categories.

    A knapsack over counts, O(K n) a user: for each total s the largest theta_s(A) with c(A) = s, minus
    Clopper-Pearson's bound at s. Never above form (a), whose radius shrinks with the window: beyond 2^18 interactions
    form (a) is given in its place, so that memory is bounded for windows of any length.

    Parameters
    ----------
    counts : (..., K) array of whole numbers
    theta_s : (..., K) float array
    error : float

    Returns
    -------
    (...) float array
        One for an empty window.

    Raises
    ------
    InputError
        A count is not whole: the number in a set is then not binomial; use `tv_upper_hoeffding`.

    Examples
    --------
    >>> tv_upper_exact([[3, 4, 5]], [[0.5, 0.5, 0.0]], error=0.01).round(4).tolist()
    [0.7651]
    """
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


def route_t(
    counts: Any, theta_s: Any, lists: Any, *, predicate_error: float, split: float = 0.5, whole: bool | None = None
) -> RouteResult:
    """Certify users by Route T, the recommended one.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window; each interaction has weight one in all.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    lists : (..., L) int array
        Decoded categories, fixed by the history; negative entries are none.
    predicate_error : float
        Probability that a user is certified who should not be.
    split : float
        Share of the error that goes to the total variation; the rest goes to the missed mass.
    whole : bool, optional
        Whether each interaction bears one category; by default, whether all counts are whole numbers. If
        not, Hoeffding's forms are used for both bounds.

    Returns
    -------
    RouteResult

    Examples
    --------
    >>> result = route_t([[0, 0, 60]], [[0.1, 0.1, 0.8]], [[0]], predicate_error=0.01)
    >>> result.certified.tolist()
    [True]
    """
    counts, theta_s, lists = matched(counts=counts, theta_s=theta_s, lists=lists)
    counts, whole = _window(counts, whole=whole)
    first, second = _split(predicate_error, split)
    bound = tv_upper_exact if whole else tv_upper_hoeffding
    upper = bound(counts, theta_s, error=first)
    return _result(upper, missed_mass_lower(counts, lists, error=second, whole=whole))


def route_t_certifies(
    counts: Any, theta_s: Any, lists: Any, *, predicate_error: float, split: float = 0.5, whole: bool | None = None
) -> np.ndarray:
    """Tell whom Route T certifies, solving the knapsack only for users whom its two cheap bounds leave open.

    Form (a) is never below form (b), and the plug-in total variation never above it.

    Examples
    --------
    >>> route_t_certifies([[0, 0, 60]], [[0.1, 0.1, 0.8]], [[0]], predicate_error=0.01).tolist()
    [True]
    """
    counts, theta_s, lists = matched(counts=counts, theta_s=theta_s, lists=lists)
    counts, whole = _window(counts, whole=whole)
    first, second = _split(predicate_error, split)
    lower = missed_mass_lower(counts, lists, error=second, whole=whole)
    certified = tv_upper_hoeffding(counts, theta_s, error=first) < lower
    if whole:
        theta, shares, _ = _shares(counts, theta_s)
        open_ = ~certified & (tv(theta, shares) < lower)
        if open_.any():
            rows = np.broadcast_to(theta, counts.shape)[open_]
            certified[open_] = tv_upper_exact(counts[open_], rows, error=first) < lower[open_]
    return certified


def js_upper(counts: Any, theta_s: Any, *, error: float, rate: float = 0.25) -> Information:
    """Route J: bound JS(theta_star, theta_s) from above, from counts.

    The variational form of the JS at the fixed witness W = -ln(2 theta_star/(theta_star + theta_s)) is a mean
    with E e^W <= 1 and W >= -ln 2, to which a Chernoff bound at a rate fixed in advance applies. Interactions
    may bear several categories: e^(mean of W) <= mean of e^W.

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
    """Route K: bound KL(theta_star || theta_s) from above, from counts; infinite where theta_s has a zero.

    A zero outside the `support` (N, K), the options of each user, is none: nobody can choose there.

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


def route_j(
    counts: Any, theta_s: Any, lists: Any, *, predicate_error: float, split: float = 0.5, whole: bool | None = None
) -> RouteResult:
    """Certify users through an upper bound on the JS and the exact envelope. Parameters as in `route_t`.

    Examples
    --------
    >>> route_j([[0, 0, 60]], [[0.05, 0.05, 0.9]], [[0]], predicate_error=0.01).certified.tolist()
    [True]
    """
    counts, theta_s, lists = matched(counts=counts, theta_s=theta_s, lists=lists)
    first, second = _split(predicate_error, split)
    upper = np.asarray(phi_star(js_upper(counts, theta_s, error=first).bits))
    return _result(upper, missed_mass_lower(counts, lists, error=second, whole=whole))


def route_k(
    counts: Any,
    theta_s: Any,
    lists: Any,
    *,
    predicate_error: float,
    split: float = 0.5,
    whole: bool | None = None,
    support: Any = None,
) -> RouteResult:
    """Certify users through an upper bound on the KL and its exact envelope.

    Parameters as in `route_t`, and `support` as in `kl_upper`.

    Examples
    --------
    >>> route_k([[0, 0, 90]], [[0.05, 0.05, 0.9]], [[0]], predicate_error=0.01).certified.tolist()
    [True]
    """
    counts, theta_s, lists, support = matched(counts=counts, theta_s=theta_s, lists=lists, support=support)
    first, second = _split(predicate_error, split)
    upper = np.asarray(tv_upper_from_kl(kl_upper(counts, theta_s, error=first, support=support)))
    return _result(upper, missed_mass_lower(counts, lists, error=second, whole=whole))


def _result(upper: np.ndarray, lower: np.ndarray) -> RouteResult:
    return RouteResult(upper=upper, lower_mass=lower, certified=np.asarray(upper < lower))


def _split(predicate_error: float, split: float) -> tuple[float, float]:
    check_level("predicate_error", predicate_error)
    check_level("split", split)
    return predicate_error * split, predicate_error * (1 - split)


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
    n_categories = counts.shape[-1]
    mask = np.zeros((*counts.shape[:-1], n_categories + 1), dtype=bool)
    np.put_along_axis(mask, np.where(entries < 0, n_categories, entries), values=True, axis=-1)
    return mask[..., :-1]


def _chernoff(plug_in: Any, n: np.ndarray, parts: float, span: Any, error: float, rate: float) -> np.ndarray:
    """Give (plug-in + ln(1/error)/(parts n rate)) / (1 - r/rate); infinite where that is no bound."""
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
    """Give Clopper-Pearson's bound for each count out of n: users with windows of one size share them."""
    floors = np.asarray(clopper_pearson_lower(np.arange(n + 1), n, error=error))
    floors.flags.writeable = False
    return floors
