"""Kernels on rows of the simplex, in nats, without checks.

Each function reduces the last axis. Callers have normalised their rows (`arrays.as_simplex`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import by_rows

__all__ = [
    "affinity",
    "binary_entropy_nats",
    "chi_squared",
    "entropy_nats",
    "hellinger_squared",
    "js_nats",
    "kl_nats",
    "linf",
    "listed",
    "psi_nats",
    "restricted",
    "tv",
    "uniform_on",
]

_LN2 = math.log(2)
_PSI_SERIES = np.array([1.0 / (2 * k * (2 * k - 1)) for k in range(18, 0, -1)])


def psi_nats(v: Any) -> Any:
    """Return the JS divergence of the pair ((1+v)/2, (1-v)/2) and ((1-v)/2, (1+v)/2), elementwise.

    Three branches (Taylor near 0, closed form, entropy near 1): relative error below five units in the last place.

    Parameters
    ----------
    v : float or array in [0, 1]
        Total variation of the pair.

    Returns
    -------
    float array
        In nats, of the same shape; between 0 and ln 2.

    Examples
    --------
    >>> round(float(psi_nats(0.5)), 6)
    0.130812
    """
    v = np.asarray(v, dtype=np.float64)
    out = np.empty_like(v)
    low, high = v <= 0.3, v >= 0.75
    mid = ~(low | high)
    square = v[low] ** 2
    out[low] = np.polyval(_PSI_SERIES, square) * square
    middle = v[mid]
    out[mid] = middle * np.arctanh(middle) + np.log1p(-middle * middle) / 2
    out[high] = _LN2 - binary_entropy_nats((1.0 - v[high]) / 2)
    return out


def binary_entropy_nats(x: Any) -> Any:
    """Return the entropy of (x, 1-x), elementwise; accurate near x = 0.

    Parameters
    ----------
    x : float or array in [0, 1]
        Probability of one of the two categories.

    Returns
    -------
    float array
        In nats, of the same shape; between 0 and ln 2.

    Examples
    --------
    >>> round(float(binary_entropy_nats(0.5)), 6)
    0.693147
    """
    x = np.asarray(x, dtype=np.float64)
    return -special.xlogy(x, x) - special.xlog1py(1.0 - x, -x)


@by_rows
def js_nats(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the Jensen-Shannon divergence of each row, without cancellation.

    Computed as the mean of psi(|p-q|/(p+q)) under (p+q)/2.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        In nats; between 0 and ln 2.

    Examples
    --------
    >>> round(float(js_nats(np.array([1.0, 0.0]), np.array([0.0, 1.0]))), 6)
    0.693147
    """
    total = p + q
    with np.errstate(invalid="ignore"):
        ratio = np.where(total > 0, np.abs(p - q) / np.where(total > 0, total, 1.0), 0.0)
    return np.sum(total * psi_nats(ratio), axis=-1) / 2


@by_rows
def kl_nats(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the Kullback-Leibler divergence KL(p || q) of each row.

    The terms are q f(u) with u = (p-q)/q and f(u) = (1+u) ln(1+u) - u; none of them is negative.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        In nats; infinite where q is zero on a category of p.

    Examples
    --------
    >>> round(float(kl_nats(np.array([1.0, 0.0]), np.array([0.5, 0.5]))), 6)
    0.693147
    """
    p, q = np.broadcast_arrays(p, q)
    out = np.where(p > 0, np.inf, 0.0)
    positive = q > 0
    top, base = p[positive], q[positive]
    with np.errstate(over="ignore"):
        u = (top - base) / base
    term = base * _kl_generator(u)
    far = ~(u < 1e300)  # u itself may be finite where (1 + u) ln(1 + u) is not
    if far.any():
        term[far] = top[far] * (np.log(top[far]) - np.log(base[far])) - top[far] + base[far]
    out[positive] = term
    return np.sum(out, axis=-1)


def _kl_generator(u: np.ndarray) -> np.ndarray:
    near = np.abs(u) < 0.05
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        out = np.where(u <= -1, 1.0, (1 + u) * np.log1p(np.maximum(u, -1)) - u)
    x = u[near]
    series = np.zeros_like(x)
    for power in range(15, 1, -1):  # f(u) = sum over k >= 2 of (-u)^k / (k (k-1))
        series = series * -x + 1.0 / (power * (power - 1))
    out[near] = series * x * x
    return out


@by_rows
def tv(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the total variation of each row: half the L1 distance.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        Between 0 and 1.

    Examples
    --------
    >>> float(tv(np.array([0.75, 0.25]), np.array([0.25, 0.75])))
    0.5
    """
    return np.sum(np.abs(p - q), axis=-1) / 2


@by_rows
def linf(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the largest absolute difference of each row.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        Between 0 and 1.

    Examples
    --------
    >>> float(linf(np.array([0.75, 0.25]), np.array([0.25, 0.75])))
    0.5
    """
    return np.max(np.abs(p - q), axis=-1)


def hellinger_squared(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the squared Hellinger distance of each row: one minus the Bhattacharyya coefficient.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        Between 0 and 1.

    Examples
    --------
    >>> float(hellinger_squared(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    root = np.sqrt(p) + np.sqrt(q)
    with np.errstate(invalid="ignore"):
        term = np.where(root > 0, (p - q) / np.where(root > 0, root, 1.0), 0.0)
    return np.sum(term * term, axis=-1) / 2


def chi_squared(p: np.ndarray, q: np.ndarray) -> Any:
    """Return Pearson's chi-squared divergence of p from q of each row.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        At least 0; infinite where q is zero on a category of p.

    References
    ----------
    .. [1] A. L. Gibbs and F. E. Su, "On choosing and bounding probability metrics", Int. Stat. Rev. 70 (2002)
           419-435.

    Examples
    --------
    >>> float(chi_squared(np.array([1.0, 0.0]), np.array([0.5, 0.5])))
    1.0
    """
    difference = p - q
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        term = np.where(difference == 0, 0.0, difference * (difference / q))
    return np.sum(term, axis=-1)


def affinity(p: np.ndarray, q: np.ndarray) -> Any:
    """Return the Bhattacharyya coefficient of each row.

    It is accurate where the rows hardly overlap, where one minus H² would cancel.

    Parameters
    ----------
    p, q : (..., K) float arrays
        Rows on the simplex; their shapes broadcast.

    Returns
    -------
    (...) float array
        Between 0 and 1.

    Examples
    --------
    >>> float(affinity(np.array([1.0, 0.0]), np.array([1.0, 0.0])))
    1.0
    """
    return np.sum(np.sqrt(p) * np.sqrt(q), axis=-1)


def uniform_on(support: np.ndarray) -> np.ndarray:
    """Return the uniform distribution on the options of each row.

    Parameters
    ----------
    support : (..., K) bool array
        The options of each row, at least one.

    Returns
    -------
    (..., K) float array
        Rows on the simplex.

    Examples
    --------
    >>> uniform_on(np.array([True, False, True])).tolist()
    [0.5, 0.0, 0.5]
    """
    return np.asarray(support / np.count_nonzero(support, axis=-1)[..., None])


def restricted(theta: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    """Return each row conditioned on its options; uniform on them where they have no mass.

    Rows without mass outside their options are unchanged.

    Parameters
    ----------
    theta : (..., K) float array
        Rows on the simplex.
    support : (..., K) bool array or None
        The options of each row, at least one; None for all categories.

    Returns
    -------
    (..., K) float array
        Rows on the simplex.

    Examples
    --------
    >>> restricted(np.array([0.5, 0.25, 0.25]), np.array([True, True, False])).round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    if support is None:
        return theta
    outside = ((theta > 0) & ~support).any(axis=-1)
    restricted_theta = np.where(support, theta, 0.0)
    total = restricted_theta.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        restricted_theta = np.where(outside[..., None], restricted_theta / total[..., None], restricted_theta)
    return np.where((total > 0)[..., None], restricted_theta, uniform_on(support))


def entropy_nats(p: np.ndarray) -> Any:
    """Return the Shannon entropy of each row.

    A probability near one, or rounded to it, is computed as one minus the others, because it has lost their
    digits. The exception is a row whose others are below 1e-100: it is taken as given, as in the golden
    numbers.

    Parameters
    ----------
    p : (..., K) float array
        Rows on the simplex.

    Returns
    -------
    (...) float array
        In nats; between 0 and ln K.

    Examples
    --------
    >>> round(float(entropy_nats(np.array([0.5, 0.5]))), 6)
    0.693147
    """
    p = np.asarray(p, dtype=np.float64)
    largest = np.arange(p.shape[-1]) == np.argmax(p, axis=-1)[..., None]
    rest = np.where(largest, 0.0, p)
    off = np.sum(rest, axis=-1)
    above = np.max(p, axis=-1, initial=0.0)
    rounded = (above > 0.5) & ((above < 1.0) | (off > 1e-100))
    top = np.where(rounded, -special.xlog1py(1.0 - off, -off), special.entr(above))
    return np.sum(special.entr(rest), axis=-1) + top


def listed(entries: np.ndarray, n_categories: int) -> np.ndarray:
    """Return which categories each list names; entries below 0 name none.

    Parameters
    ----------
    entries : (..., L) int array
        Places of categories.
    n_categories : int
        Number of categories, K.

    Returns
    -------
    (..., K) bool array
        True where the category is on the list.

    Examples
    --------
    >>> listed(np.array([[2, -1, 0]]), 3).tolist()
    [[True, False, True]]
    """
    mask = np.zeros((*entries.shape[:-1], n_categories + 1), dtype=bool)  # the last column collects entries below 0
    np.put_along_axis(mask, np.where(entries < 0, n_categories, entries), values=True, axis=-1)
    return mask[..., :-1]
