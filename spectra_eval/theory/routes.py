r"""Certificates for one user from a finite window: the readout is closer than every distribution on the list.

The interactions are independent draws from one distribution theta_star, given the history and their number n. Each
route bounds TV(theta_s, theta_star) from above with error beta1 and the mass that the list misses from
below with error beta2; the user is certified if the first is below the second. What is certified, with
error beta1 + beta2 for a user who does not deserve it, is TV(theta_s) < TV(dg) to the true distribution, for
every dg on the list.

Route T needs no union over sets and does not depend on K: A = {theta_s > theta_star} is a *fixed* set, with
TV(theta_s, theta_star) = theta_s(A) - theta_star(A), and one binomial bounds theta_star(A) from below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import check_level, matched, short_repr
from spectra_eval.simplex import tv
from spectra_eval.theory._route_bounds import (
    _shares,
    _window,
    js_upper,
    kl_upper,
    missed_mass_lower,
    tv_upper_exact,
    tv_upper_hoeffding,
)
from spectra_eval.theory.js_envelope import phi_star
from spectra_eval.theory.kl_envelope import tv_upper_from_kl

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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RouteResult:
    """The two bounds of a route for each user, and the verdict.

    Attributes
    ----------
    upper : (...) float array
        Upper bound on TV(theta_s, theta_star).
    lower_mass : (...) float array
        Lower bound on the mass of theta_star off the list.
    certified : (...) bool array
        Whether the upper bound is below the lower one.

    Examples
    --------
    >>> from spectra_eval.theory import route_t
    >>> result = route_t([[0, 0, 60]], [[0.1, 0.1, 0.8]], [[0]], predicate_error=0.01)
    >>> bool(result.upper[0] < result.lower_mass[0])
    True
    """

    __repr__ = short_repr

    upper: np.ndarray
    lower_mass: np.ndarray
    certified: np.ndarray


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
        Part of the error for the total variation; the rest is for the missed mass.
    whole : bool, optional
        Whether each interaction bears one category; by default, whether all counts are whole numbers. If
        not, Hoeffding's forms are used for both bounds.

    Returns
    -------
    RouteResult
        Arrays of shape (...).

    Raises
    ------
    InputError
        A count is negative, not finite, or not whole although `whole` is true; or the error or the split is
        not strictly between 0 and 1.
    ShapeError
        There is not one row, or one list, a user.

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
    """Return which users Route T certifies, without its bounds.

    The knapsack is solved only for users on whom two cheap bounds do not decide: form (a) is never below form
    (b), and the plug-in total variation never above it.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    lists : (..., L) int array
        Decoded categories; negative entries are none.
    predicate_error, split, whole : float, float, bool
        As in `route_t`.

    Returns
    -------
    (...) bool array
        `route_t(...).certified`.

    Raises
    ------
    InputError
        As in `route_t`.
    ShapeError
        As in `route_t`.

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


def route_j(
    counts: Any, theta_s: Any, lists: Any, *, predicate_error: float, split: float = 0.5, whole: bool | None = None
) -> RouteResult:
    """Certify users through an upper bound on the JS and the exact envelope.

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    lists : (..., L) int array
        Decoded categories; negative entries are none.
    predicate_error, split, whole : float, float, bool
        As in `route_t`.

    Returns
    -------
    RouteResult
        Arrays of shape (...).

    Raises
    ------
    InputError
        As in `route_t`.
    ShapeError
        As in `route_t`.

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

    Parameters
    ----------
    counts : (..., K) float array
        Category weights of the window.
    theta_s : (..., K) float array
        Rows on the simplex, fixed by the history.
    lists : (..., L) int array
        Decoded categories; negative entries are none.
    predicate_error, split, whole : float, float, bool
        As in `route_t`.
    support : (..., K) bool array, optional
        As in `kl_upper`.

    Returns
    -------
    RouteResult
        Arrays of shape (...).

    Raises
    ------
    InputError
        As in `route_t`.
    ShapeError
        As in `route_t`.

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
