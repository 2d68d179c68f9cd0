"""Fast kernels of the two divergences that need logarithms: the accuracy of `simplex`, a third of its time.

Both work in blocks that fit the processor's cache, through one small workspace, without branches and
without gathering elements. Each row is summed by itself, so the result is the same to the last bit
however the rows are divided.

With s = p + q and z = (p - q)/s, every term is s times a function of z that has two evaluations: a series
where |z| < 0.3, and logarithms elsewhere. The sums and their signs are arranged so that nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["js_nats_blocked", "kl_nats_blocked"]

BLOCK = 8192
"""Elements in a block: seven arrays of doubles stay near the size of a second-level cache."""
NEAR = 0.3
TINY = 2.2250738585072014e-308
"""The smallest normal number stands in for zero: arithmetic on smaller ones is slow, and what they add is not seen."""

# psi(z) = sum over k >= 1 of z^2k / (2k (2k-1)); the first term left out is below 1e-16 of the sum at NEAR.
_PSI = [1.0 / (2 * k * (2 * k - 1)) for k in range(1, 14)]
# artanh(z) = z + z^3 E(z²), E(w) = sum over k >= 0 of w^k / (2k + 3).
_ARTANH = [1.0 / (2 * k + 3) for k in range(14)]


def js_nats_blocked(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of each row of two (n, K) arrays, in nats; NaN rows give NaN."""
    return _in_blocks(_js_block, theta_star, theta_s)


def kl_nats_blocked(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence of each row of two (n, K) arrays, in nats; NaN rows give NaN."""
    return _in_blocks(_kl_block, theta_star, theta_s)


def _in_blocks(
    kernel: Callable[[np.ndarray, np.ndarray, list[np.ndarray]], np.ndarray], first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    n, width = first.shape
    rows = min(n, max(1, BLOCK // width))
    workspace = np.empty((7, rows, width))
    out = np.empty(n)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        for start in range(0, n, rows):
            stop = min(start + rows, n)
            out[start:stop] = kernel(first[start:stop], second[start:stop], list(workspace[:, : stop - start]))
    return out


def _js_block(p: np.ndarray, q: np.ndarray, work: list[np.ndarray]) -> np.ndarray:
    """Sum (p + q)/2 psi(|z|): A ln A + B ln B with A = 1 + |z|, B = 1 - |z| = 2 min(p, q)/(p + q) where z is large.

    A + B is kept at exactly 2 by carrying the rounding error of A; B is accurate where it is small.
    """
    s, z, square, series, a, b, near = work
    np.add(p, q, out=s)
    np.subtract(p, q, out=z)
    np.abs(z, out=z)
    np.maximum(s, TINY, out=a)
    np.minimum(p, q, out=b)
    b += b
    b /= a
    z /= a
    np.multiply(z, z, out=square)
    np.multiply(square, _PSI[-1], out=series)
    for coefficient in _PSI[-2::-1]:
        series += coefficient
        series *= square
    near[...] = z < NEAR
    series *= near
    np.subtract(1.0, near, out=near)
    np.subtract(2.0, b, out=a)
    carried, logarithm = z, square
    np.subtract(2.0, a, out=carried)
    carried -= b
    np.log(a, out=logarithm)
    a += carried
    a *= logarithm
    np.maximum(b, TINY, out=logarithm)
    np.log(logarithm, out=logarithm)
    b *= logarithm
    a += b
    a += carried
    a *= 0.5
    a *= near
    series += a
    return np.einsum("ij,ij->i", s, series) / 2


def _kl_block(p: np.ndarray, q: np.ndarray, work: list[np.ndarray]) -> np.ndarray:
    """Sum p ln(p/q) - p + q, no term of which is negative; near z = 0 the term is s z² (1 + (z² + z) E(z²))."""
    s, z, square, series, far, b, near = work
    np.add(p, q, out=s)
    np.subtract(p, q, out=z)
    np.divide(p, q, out=far)
    np.maximum(far, TINY, out=far)
    np.log(far, out=far)
    strange = ~np.isfinite(far)
    special = strange.any()
    if special:  # q is zero, or so small that the ratio overflows
        far[strange] = np.where(p[strange] > 0, np.log(p[strange]) - np.log(q[strange]), 0.0)
        far[np.isnan(s)] = np.nan
    far *= p
    far -= z
    np.maximum(s, TINY, out=b)
    np.divide(z, b, out=b)
    np.multiply(b, b, out=square)
    np.multiply(square, _ARTANH[-1], out=series)
    for coefficient in _ARTANH[-2:0:-1]:
        series += coefficient
        series *= square
    series += _ARTANH[0]
    np.abs(b, out=near)
    near[...] = near < NEAR
    if special:
        near[strange] = 0.0
    b += square
    series *= b
    series += 1.0
    series *= square
    series *= s
    series *= near
    np.subtract(1.0, near, out=near)
    far *= near
    series += far
    return np.einsum("ij->i", series)
