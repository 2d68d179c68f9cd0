"""Pure kernels on rows of the simplex: everything in nats, nothing is checked.

Each function reduces the last axis. Callers have normalised their rows (`arrays.as_simplex`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from spectra_eval.units import LN2

__all__ = [
    "affinity",
    "binary_entropy_nats",
    "chi_squared",
    "entropy_nats",
    "hellinger_squared",
    "js_nats",
    "kl_nats",
    "linf",
    "psi_nats",
    "restricted",
    "tv",
    "uniform_on",
]

_PSI_SERIES = np.array([1.0 / (2 * k * (2 * k - 1)) for k in range(18, 0, -1)])


def psi_nats(v: Any) -> Any:
    """JS of the symmetric pair ((1+v)/2, (1-v)/2) and its mirror image, for v in [0, 1], elementwise.

    Three branches keep the relative error below five units in the last place: the Taylor series in
    v² near 0, the closed form in the middle, and ln 2 minus the binary entropy near 1.
    """
    v = np.asarray(v, dtype=np.float64)
    out = np.empty_like(v)
    low, high = v <= 0.3, v >= 0.75
    mid = ~(low | high)
    square = v[low] ** 2
    out[low] = np.polyval(_PSI_SERIES, square) * square
    middle = v[mid]
    out[mid] = middle * np.arctanh(middle) + np.log1p(-middle * middle) / 2
    out[high] = LN2 - binary_entropy_nats((1.0 - v[high]) / 2)
    return out


def binary_entropy_nats(x: Any) -> Any:
    """Entropy of (x, 1-x), elementwise; accurate near x = 0."""
    x = np.asarray(x, dtype=np.float64)
    return -special.xlogy(x, x) - special.xlog1py(1.0 - x, -x)


def js_nats(p: np.ndarray, q: np.ndarray) -> Any:
    """Jensen-Shannon divergence without cancellation: the mean of psi(|p-q|/(p+q)) under (p+q)/2."""
    total = p + q
    with np.errstate(invalid="ignore"):
        ratio = np.where(total > 0, np.abs(p - q) / np.where(total > 0, total, 1.0), 0.0)
    return np.sum(total * psi_nats(ratio), axis=-1) / 2


def kl_nats(p: np.ndarray, q: np.ndarray) -> Any:
    """KL(p || q): terms q f(u), u = (p-q)/q, f(u) = (1+u) ln(1+u) - u, none of them negative."""
    p, q = np.broadcast_arrays(p, q)
    out = np.where(p > 0, np.inf, 0.0)
    held = q > 0
    top, base = p[held], q[held]
    with np.errstate(over="ignore"):
        u = (top - base) / base
    term = base * _kl_generator(u)
    far = ~(u < 1e300)  # u itself may be finite where (1 + u) ln(1 + u) is not
    if far.any():
        term[far] = top[far] * (np.log(top[far]) - np.log(base[far])) - top[far] + base[far]
    out[held] = term
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


def tv(p: np.ndarray, q: np.ndarray) -> Any:
    """Total variation: half the L1 distance."""
    return np.sum(np.abs(p - q), axis=-1) / 2


def linf(p: np.ndarray, q: np.ndarray) -> Any:
    """Largest absolute difference."""
    return np.max(np.abs(p - q), axis=-1)


def hellinger_squared(p: np.ndarray, q: np.ndarray) -> Any:
    """Squared Hellinger distance normalised to [0, 1]: one minus the Bhattacharyya coefficient."""
    root = np.sqrt(p) + np.sqrt(q)
    with np.errstate(invalid="ignore"):
        term = np.where(root > 0, (p - q) / np.where(root > 0, root, 1.0), 0.0)
    return np.sum(term * term, axis=-1) / 2


def chi_squared(p: np.ndarray, q: np.ndarray) -> Any:
    """Pearson's chi-squared divergence of p from q; infinite where q misses a category of p."""
    difference = p - q
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        term = np.where(difference == 0, 0.0, difference * (difference / q))
    return np.sum(term, axis=-1)


def affinity(p: np.ndarray, q: np.ndarray) -> Any:
    """Bhattacharyya coefficient, accurate where the two hardly overlap and one minus H² would cancel."""
    return np.sum(np.sqrt(p) * np.sqrt(q), axis=-1)


def uniform_on(support: np.ndarray) -> np.ndarray:
    """Return the uniform distribution on the options of each row, (..., K) Booleans of which one is true at least."""
    return np.asarray(support / np.count_nonzero(support, axis=-1)[..., None])


def restricted(theta: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    """Return each row given that one of its options is chosen; uniform on them where no mass is on any.

    Rows without mass outside their options keep their bits; all rows do where the support is None.
    """
    if support is None:
        return theta
    outside = ((theta > 0) & ~support).any(axis=-1)
    kept = np.where(support, theta, 0.0)
    total = kept.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(outside[..., None], kept / total[..., None], kept)
    return np.where((total > 0)[..., None], kept, uniform_on(support))


def entropy_nats(p: np.ndarray) -> Any:
    """Shannon entropy; a share near one, or rounded to it, is read as one minus the others: it has lost their digits.

    Others below 1e-100 are the exception: then the row is taken as it stands, as in the golden numbers.
    """
    p = np.asarray(p, dtype=np.float64)
    largest = np.arange(p.shape[-1]) == np.argmax(p, axis=-1)[..., None]
    rest = np.where(largest, 0.0, p)
    off = np.sum(rest, axis=-1)
    above = np.max(p, axis=-1, initial=0.0)
    rounded = (above > 0.5) & ((above < 1.0) | (off > 1e-100))
    top = np.where(rounded, -special.xlog1py(1.0 - off, -off), special.entr(above))
    return np.sum(special.entr(rest), axis=-1) + top
