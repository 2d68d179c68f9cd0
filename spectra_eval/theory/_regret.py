"""The regret of a top list of theta_s against the best list of theta_star."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import as_array, as_simplex, check_cutoff, check_whole
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.theory._js_curve import _unit_interval

__all__ = [
    "order_regret_bound",
    "regret",
    "regret_bound",
]


def regret(theta_star: Any, theta_s: Any, *, k: int) -> Any:
    """Return the mass that the top k of theta_s misses compared with the best k: M(G*) - M(top k of theta_s).

    Parameters
    ----------
    theta_star, theta_s : (..., K) float array
        Rows on the simplex.
    k : int
        Cut-off: length of the top list, at least 1.

    Returns
    -------
    float or (...) float array
        In [0, 1].

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        k is below 1 or exceeds K.

    Examples
    --------
    >>> round(regret([0.5, 0.3, 0.2], [0.3, 0.2, 0.5], k=1), 3)
    0.3
    """
    star, predicted = as_simplex(theta_star=theta_star, theta_s=theta_s)
    check_cutoff(k, star.shape[-1])
    out = np.asarray(np.maximum(0.0, _mass(star, _top_mask(star, k)) - _mass(star, _top_mask(predicted, k))))
    return float(out) if out.ndim == 0 else out


def regret_bound(*, k: int, n_categories: int, tv: Any = None, linf: Any = None) -> Any:
    """Bound the regret of the top k of theta_s without any gap: 2 min(TV, min(k, K-k) Linf).

    Parameters
    ----------
    k : int
        Cut-off, at most K.
    n_categories : int
        K.
    tv, linf : float or array, optional
        Upper bounds on TV and Linf between theta_star and theta_s. Give at least one.

    Returns
    -------
    float or float array
        The top k of theta_s beats a list L whenever M(G*) - M(L) exceeds it.

    Raises
    ------
    InputError
        Neither distance is given, or k is out of range.

    Notes
    -----
    Assumptions: none on gaps; near-ties at rank k cost little. Proof: M(G*) - M(T) = [theta_star - theta_s](G*) +
    [theta_s(G*) - theta_s(T)] + [theta_s - theta_star](T); the middle is at most 0, and only the at most
    min(k, K-k) categories in which the two sets differ count. Both parts are tight for k = 1, K = 2.

    Examples
    --------
    >>> round(regret_bound(k=2, n_categories=4, tv=0.03, linf=0.02), 3)
    0.06
    """
    check_whole("n_categories", n_categories, least=1)
    check_cutoff(k, n_categories)
    if tv is None and linf is None:
        raise InputError("tv, linf: neither is given; the bound needs at least one of the two distances")
    bounds = []
    if tv is not None:
        bounds.append(np.asarray(_unit_interval("tv", tv)))
    if linf is not None:
        bounds.append(min(k, n_categories - k) * np.asarray(_unit_interval("linf", linf)))
    out = np.asarray(2 * (bounds[0] if len(bounds) == 1 else np.minimum(*bounds)))
    return float(out) if out.ndim == 0 else out


def order_regret_bound(weights: Any, *, linf: Any, lipschitz: float = 1.0) -> Any:
    """Bound the loss from the order of theta_s in sum w_i f(theta_star(pi_i)): 2 c Linf times the sum of weights.

    Parameters
    ----------
    weights : (k,) float array
        w_i >= 0, non-increasing: the discounts of the first k ranks.
    linf : float or array
        Upper bound on Linf(theta_star, theta_s).
    lipschitz : float
        c, with f *non-decreasing* and |f(x) - f(y)| <= c |x - y| on [0, 1].

    Returns
    -------
    float or float array
        At least 0, in the unit of f.

    Raises
    ------
    InputError
        The slope is negative, `linf` is outside [0, 1], or the weights are not one number a rank.
    AssumptionError
        A weight is negative, or the weights increase.

    Notes
    -----
    The probability at rank i of theta_star is at most that at rank i of theta_s plus Linf, hence at most theta_star
    of the category that theta_s ranks i plus 2 Linf. Not tight for k < K in general.

    Examples
    --------
    >>> round(order_regret_bound([1.0, 0.5], linf=0.02), 3)
    0.06
    """
    predicted = _checked_weights(weights)
    if lipschitz < 0:
        raise InputError(f"lipschitz: {lipschitz} is negative; f must be non-decreasing with a slope of at most it")
    out = np.asarray(2 * lipschitz * np.asarray(_unit_interval("linf", linf)) * predicted.sum())
    return float(out) if out.ndim == 0 else out


def _top_mask(rows: np.ndarray, k: int) -> np.ndarray:
    mask = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(mask, ties.order(rows)[..., :k], values=True, axis=-1)
    return mask


def _mass(star: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(mask, star, 0.0).sum(axis=-1))


def _checked_weights(weights: Any) -> np.ndarray:
    checked = as_array("weights", weights)
    if checked.ndim != 1 or len(checked) == 0:
        raise InputError("weights: give one number a rank")
    if (checked < 0).any() or (np.diff(checked) > 0).any():
        raise AssumptionError("weights: must be at least 0 and non-increasing, as discounts are")
    return checked
