r"""Lower bounds for every distribution on a short list: Lemma 1 and its version in Jensen-Shannon divergence.

A list L of decoded categories misses the mass m = theta_star(complement of L). Merging the categories to
{L, rest} raises no f-divergence and leaves the pair (1, 0), (1-m, m).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_simplex, as_whole, check_cutoff, matched
from spectra_eval.errors import ShapeError
from spectra_eval.simplex import binary_entropy_nats, listed, psi_nats
from spectra_eval.theory._js_curve import _unit_interval
from spectra_eval.units import LN2, Information, check_information

__all__ = [
    "list_optimal",
    "missed_mass",
    "missed_mass_from_js",
    "truncated_hellinger_squared_lower",
    "truncated_js_lower",
    "truncated_js_slope",
    "truncated_tv_lower",
]


def missed_mass(theta_star: Any, lists: Any, *, k: int | None = None) -> np.ndarray:
    """Return the mass of theta_star off each user's list.

    Parameters
    ----------
    theta_star : (..., K) float array
        Rows on the simplex.
    lists : (..., L) int array
        Decoded categories; negative entries are no category, and repeats count once.
    k : int, optional
        Use the first k entries only.

    Returns
    -------
    (...) float array
        In [0, 1].

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        There is not one list a user, or an entry is no category.
    InputError
        k is not a whole number of at least 1, or an entry of the lists is not whole.

    Examples
    --------
    >>> missed_mass([[0.5, 0.3, 0.2]], [[0, -1]]).tolist()
    [0.5]
    """
    check_cutoff(1 if k is None else k)
    theta_star, lists = matched(theta_star=theta_star, lists=lists)
    (star,) = as_simplex(theta_star=theta_star)
    return np.where(_on_list(star, lists, k), 0.0, star).sum(axis=-1)


def truncated_tv_lower(missed: Any) -> Any:
    """Bound the total variation of every distribution on the list from below by its missed mass (Lemma 1).

    Equality iff dg >= theta_star on the whole list.

    Parameters
    ----------
    missed : float or array in [0, 1]
        Mass of theta_star off the list.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A mass is outside [0, 1].

    References
    ----------
    .. [1] arXiv:2509.24189, Lemma 1 (correct as printed; its m/2 form is redundant).

    Examples
    --------
    >>> truncated_tv_lower(0.626)
    0.626
    """
    return _unit_interval("missed", missed)


def truncated_js_lower(missed: Any) -> Information:
    """Bound the JS of every distribution on the list from below by g(m) (Lemma 1-JS).

    g(m) = m/2 + (1 - m/2) psi(m/(2-m)) bits, convex and increasing from g(0) = 0 to g(1) = 1, and
    m/2 <= g(m) <= m. Attained by theta_star renormalised on the list (`list_optimal`).

    Parameters
    ----------
    missed : float or array in [0, 1]
        Mass of theta_star off the list.

    Returns
    -------
    Information
        Between 0 and 1 bit, of the same shape.

    Raises
    ------
    InputError
        A mass is outside [0, 1].

    Examples
    --------
    >>> round(truncated_js_lower(0.626).bits, 5)
    0.41976
    """
    m = np.asarray(_unit_interval("missed", missed))
    # Near one psi is steep, and m/(2-m) rounds: its distance to one does not.
    near = LN2 - binary_entropy_nats((1 - m) / (2 - m))
    inner = np.where(m > 0.9, near, psi_nats(m / (2 - m)))
    return Information.from_bits(m / 2 + (1 - m / 2) * (inner / LN2))


def truncated_js_slope(missed: Any) -> Any:
    """Return g'(m) in bits: half the binary logarithm of (2-m)/(1-m).

    Parameters
    ----------
    missed : float or array in [0, 1]
        Mass of theta_star off the list.

    Returns
    -------
    float or float array
        At least 1/2; infinite at m = 1.

    Raises
    ------
    InputError
        A mass is outside [0, 1].

    Examples
    --------
    >>> truncated_js_slope(0.0)
    0.5
    """
    m = np.asarray(_unit_interval("missed", missed))
    with np.errstate(divide="ignore"):
        slope = (np.log(2 - m) - np.log1p(-m)) / (2 * LN2)
    return float(slope) if slope.ndim == 0 else slope


def missed_mass_from_js(js: Information) -> Any:
    """Return the largest mass that a list can miss when some distribution on it reaches this JS: the inverse of g.

    Parameters
    ----------
    js : Information
        JS(theta_star, theta_s), between 0 and 1 bit.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The JS is outside [0, 1] bit.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> round(missed_mass_from_js(Information.from_bits(0.53)), 4)
    0.7335
    """
    check_information(js=js)
    target = np.asarray(_unit_interval("js", js.bits))
    low, high = target.copy(), np.minimum(1.0, 2 * target)  # m/2 <= g(m) <= m
    m = (low + high) / 2
    for _ in range(60):  # Newton kept inside a bracket that bisection closes
        value = np.asarray(truncated_js_lower(m).bits)
        low, high = np.where(value < target, m, low), np.where(value >= target, m, high)
        with np.errstate(invalid="ignore"):
            step = m - (value - target) / np.asarray(truncated_js_slope(m))
        inside = (step > low) & (step < high)
        before, m = m, np.where(inside, step, (low + high) / 2)
        if np.array_equal(before, m):
            break
    m = np.where(target <= 0, 0.0, np.where(target >= 1, 1.0, m))
    return float(m) if m.ndim == 0 else m


def truncated_hellinger_squared_lower(missed: Any) -> Any:
    """Bound the squared Hellinger distance of every distribution on the list from below: 1 - sqrt(1 - m).

    Parameters
    ----------
    missed : float or array in [0, 1]
        Mass of theta_star off the list.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A mass is outside [0, 1].

    Examples
    --------
    >>> round(truncated_hellinger_squared_lower(0.75), 2)
    0.5
    """
    m = np.asarray(_unit_interval("missed", missed))
    floor = m / (1 + np.sqrt(1 - m))
    return float(floor) if floor.ndim == 0 else floor


def list_optimal(theta_star: Any, lists: Any, *, k: int | None = None) -> np.ndarray:
    """Return the distribution on each list that attains Lemma 1-JS: theta_star renormalised there.

    Parameters
    ----------
    theta_star : (..., K) float array
        Rows on the simplex.
    lists : (..., L) int array
        Decoded categories; negative entries are no category, and repeats count once.
    k : int, optional
        Use the first k entries only.

    Returns
    -------
    (..., K) float array
        NaN rows where the list has no mass at all: every distribution on it is then at TV and JS one.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        There is not one list a user, or an entry is no category.
    InputError
        k is not a whole number of at least 1, or an entry of the lists is not whole.

    Examples
    --------
    >>> list_optimal([[0.5, 0.25, 0.25]], [[0, 2]]).round(4).tolist()
    [[0.6667, 0.0, 0.3333]]
    """
    check_cutoff(1 if k is None else k)
    theta_star, lists = matched(theta_star=theta_star, lists=lists)
    (star,) = as_simplex(theta_star=theta_star)
    listed_mass = np.where(_on_list(star, lists, k), star, 0.0)
    total = listed_mass.sum(axis=-1, keepdims=True)
    return np.where(total > 0, listed_mass / np.where(total > 0, total, 1.0), np.nan)


def _on_list(star: np.ndarray, lists: Any, k: int | None) -> np.ndarray:
    entries = as_whole("lists", lists)[..., :k]
    if entries.shape[:-1] != star.shape[:-1]:
        raise ShapeError(f"lists: shape {entries.shape} for theta_star {star.shape}; give one list a user")
    n_categories = star.shape[-1]
    if entries.size and entries.max() >= n_categories:
        raise ShapeError(f"lists: entry {entries.max()} is no category of 0..{n_categories - 1}")
    return listed(entries, n_categories)
