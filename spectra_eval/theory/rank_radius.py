"""The exact radii within which a distribution has the same top k."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_simplex, check_cutoff, check_number, short_repr
from spectra_eval.errors import AssumptionError
from spectra_eval.simplex import psi_nats
from spectra_eval.units import Information

__all__ = ["RankRadii", "js_ceiling", "rank_flip", "rank_radii"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RankRadii:
    """The radii within which the top k of each user is recovered.

    The top k is recovered whenever a divergence is strictly below its radius.

    Attributes
    ----------
    gap : float or (...) float array
        Difference of the probabilities at ranks k and k+1.
    linf, tv : float or (...) float array
        Radii of the largest difference and of the total variation.
    kl : Information, shape (...)
        Radius of KL(theta_star || theta_s).
    js : Information, shape (...)
        Radius of the JS.

    Examples
    --------
    >>> from spectra_eval.theory import rank_radii
    >>> round(rank_radii([0.6, 0.4], k=1).gap, 3)
    0.2
    """

    __repr__ = short_repr

    gap: Any
    linf: Any
    tv: Any
    kl: Information
    js: Information


def rank_radii(theta: Any, *, k: int) -> RankRadii:
    """Return the smallest divergence at which some distribution has another top k than theta.

    Parameters
    ----------
    theta : (..., K) float array
        Rows on the simplex.
    k : int
        Cut-off, below K.

    Returns
    -------
    RankRadii
        Each of shape (...). With a, b the probabilities at ranks k and k+1: TV and Linf (a-b)/2;
        KL a ln(2a/(a+b)) + b ln(2b/(a+b)); JS the minimum over the common share s of the two. All are attained
        (at the radius a tie is possible) and zero for a tie at rank k.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    AssumptionError
        k is not below K: there is no gap.

    Notes
    -----
    Minimise over {q : q(c') >= q(c)} for c in the top k and c' outside: the minimum has q(c) = q(c') = s and the
    rest merged, and grows in theta(c) and falls in theta(c'), so that ranks k and k+1 bind.

    Examples
    --------
    >>> radii = rank_radii([0.64, 0.08, 0.28], k=1)
    >>> round(radii.tv, 3), round(radii.js.bits, 6)
    (0.18, 0.026602)
    """
    (rows,) = as_simplex(theta=theta)
    a, b, rest = _boundary(rows, k)
    half = np.asarray((a - b) / 2)
    kl = _kl_radius(a, b)
    js = np.asarray(_js_sum(a, b, rest, _common_share(a, b, rest)))
    gap = a - b
    if half.ndim == 0:
        return RankRadii(
            gap=float(gap), linf=float(half), tv=float(half), kl=Information(float(kl)), js=Information(float(js))
        )
    return RankRadii(gap=gap, linf=half, tv=half, kl=Information(kl), js=Information(js))


def js_ceiling(k: int) -> Information:
    """Return the largest JS radius that any distribution has at cut-off k: above it no user can be certified.

    Parameters
    ----------
    k : int
        Cut-off: length of the top list, at least 1.

    Returns
    -------
    Information
        Between 0 and 1 bit.

    Raises
    ------
    InputError
        k is not a whole number of at least 1.

    Examples
    --------
    >>> [round(js_ceiling(k).bits, 5) for k in (1, 2, 5, 10)]
    [0.31128, 0.1511, 0.05929, 0.02945]
    """
    check_cutoff(k)
    a, b, rest = np.asarray(1.0 / k), np.asarray(0.0), np.asarray(1.0 - 1.0 / k)
    return Information(float(_js_sum(a, b, rest, _common_share(a, b, rest))))


def rank_flip(theta: Any, *, k: int, past: float = 0.0) -> np.ndarray:
    """Return the distribution at the JS radius: ranks k and k+1 tied at s, the rest scaled.

    Parameters
    ----------
    theta : (K,) float array
        One row on the simplex, with a gap at rank k.
    k : int
        Cut-off, below K.
    past : float
        Move this much mass from rank k to rank k+1 beyond the tie: then the top k is lost.

    Returns
    -------
    (K,) float array
        On the simplex.

    Raises
    ------
    SimplexError
        The row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    AssumptionError
        k is not below K: there is no gap.
    InputError
        `past` is outside [-1, 1], or k is below 1.

    Examples
    --------
    >>> rank_flip([0.6, 0.4], k=1).tolist()
    [0.5, 0.5]
    """
    (row,) = as_simplex(theta=theta)
    check_number("past", past, low=-1.0, high=1.0)
    order = np.argsort(-row, kind="stable")
    a, b, rest = _boundary(row, k)
    s = float(_common_share(np.asarray(a), np.asarray(b), np.asarray(rest)))
    made = row * ((1 - 2 * s) / rest) if rest > 0 else np.zeros_like(row)
    made[order[k - 1]], made[order[k]] = s - past, s + past
    return np.asarray(made / made.sum())


def _boundary(rows: np.ndarray, k: int) -> tuple[Any, Any, Any]:
    """Return the probabilities at ranks k and k+1, and the sum of all others.

    The sum is not computed as a difference from one, where rounding would add mass without a third category.
    """
    check_cutoff(k)
    n_categories = rows.shape[-1]
    if k >= n_categories:
        raise AssumptionError(f"k: {k} leaves no category of {n_categories} outside the top; choose k < {n_categories}")
    ordered = np.partition(rows, (n_categories - k - 1, n_categories - k), axis=-1)
    others = ordered[..., : n_categories - k - 1].sum(axis=-1) + ordered[..., n_categories - k + 1 :].sum(axis=-1)
    return ordered[..., n_categories - k], ordered[..., n_categories - k - 1], others


def _kl_radius(a: Any, b: Any) -> np.ndarray:
    # a ln(2a/(a+b)) + b ln(2b/(a+b)) is (a+b) psi((a-b)/(a+b)), which does not cancel.
    total = a + b
    ratio = np.where(total > 0, (a - b) / np.where(total > 0, total, 1.0), 0.0)
    return np.asarray(total * psi_nats(ratio))


def _term(x: Any, y: Any) -> Any:
    total = x + y
    ratio = np.where(total > 0, np.abs(x - y) / np.where(total > 0, total, 1.0), 0.0)
    return np.asarray(total / 2 * psi_nats(ratio))


def _js_sum(a: Any, b: Any, rest: Any, s: Any) -> Any:
    return _term(a, s) + _term(b, s) + _term(rest, np.maximum(0.0, 1 - 2 * s))


def _common_share(a: Any, b: Any, rest: Any) -> np.ndarray:
    """Solve for the s at which the JS is stationary; the sum is convex in s, its derivative increases."""
    # Between b and a: at s = a the derivative is not negative. A bracket up to 1/2 would be too coarse for tiny shares.
    low = np.asarray(np.minimum(a, b), dtype=np.float64)
    high = np.asarray(np.minimum(np.maximum(a, b), 0.5), dtype=np.float64)
    for _ in range(70):
        s = (low + high) / 2
        left = np.maximum(0.0, 1 - 2 * s)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (
                np.log(2 * s / (a + s))
                + np.log(2 * s / (b + s))
                - 2 * np.log(2 * left / np.maximum(rest + left, 1e-320))
            )
        up = slope > 0  # NaN only where nothing is left at all: then s = 1/2
        low, high = np.where(up, low, s), np.where(up, s, high)
    return np.asarray(np.where(rest > 0, (low + high) / 2, 0.5))
