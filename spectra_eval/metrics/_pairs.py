"""Shared computations of divergences: differences and logarithms of ratios, called through `Comparison.cached`.

With s = p + q and z = |p - q|/s, the two probabilities are s/2 (1 + z) and s/2 (1 - z), and every term of a divergence
with logarithms is s times a function of z. It is evaluated by a polynomial where z < `NEAR`, and by logarithms
elsewhere. The sums are arranged without cancellation: the accuracy is that of `simplex`.

There are no branches, no elements are gathered, and each row is summed separately, so the result is bitwise
independent of the division into blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spectra_eval.metrics._comparison import Comparison, missing_rows
from spectra_eval.units import LN2

__all__ = [
    "TINY",
    "differences",
    "entropies_of_truth",
    "gaps",
    "js_nats",
    "kl_nats",
    "predicted_or_zero",
    "roots_of_truth",
]

NEAR = 0.25
TINY = 2.2250738585072014e-308
"""The smallest normal number replaces zero: arithmetic on subnormal numbers is slow and does not change the result."""

# Polynomials in w = z², interpolated at the Chebyshev nodes of [0, NEAR²], lowest power first.
# psi(z) = sum over k >= 1 of w^k / (2k (2k-1)), to 1.2e-16 of itself.
_PSI = [
    0.49999999999999994,
    0.08333333333339177,
    0.033333333313739076,
    0.017857145355159375,
    0.01111095513278421,
    0.00758102392759028,
    0.005396806299586214,
    0.005091495849477152,
]
# artanh(z) = z + z w E(w), E(w) = sum over k >= 0 of w^k / (2k + 3), to 1.5e-15; it counts for a tenth at most.
_ARTANH = [
    0.33333333333333287,
    0.2000000000009656,
    0.14285714253346138,
    0.11111115235678104,
    0.09090651753289786,
    0.07700984937948369,
    0.06506058970194797,
    0.07395443136751065,
]


class Ratios(NamedTuple):
    """The two probabilities of each element over their mean, larger and smaller, and derived values, (n, K) each."""

    total: np.ndarray
    z: np.ndarray
    square: np.ndarray
    larger: np.ndarray
    smaller: np.ndarray
    log_larger: np.ndarray
    log_smaller: np.ndarray
    near: np.ndarray
    far: np.ndarray


def differences(comparison: Comparison) -> np.ndarray:
    """Return theta_s - theta_star, (n, K)."""
    return comparison.theta_s - comparison.theta_star


def gaps(comparison: Comparison) -> np.ndarray:
    """Return the absolute differences, (n, K)."""
    return np.abs(comparison.cached(differences))


def predicted_or_zero(comparison: Comparison) -> np.ndarray:
    """Return `theta_s`, (n, K), with zeros for users with missing values."""
    missing = comparison.cached(missing_rows)
    return np.where(missing[:, None], 0.0, comparison.theta_s) if missing.any() else comparison.theta_s


def roots_of_truth(comparison: Comparison) -> np.ndarray:
    """Return the square roots of `theta_star`, (n, K); for `Comparison.cached_for_truth`."""
    return np.sqrt(comparison.theta_star)


def entropies_of_truth(comparison: Comparison) -> np.ndarray:
    """Return the entropy of `theta_star` in nats, (n,); for `Comparison.cached_for_truth`."""
    logarithms = np.maximum(comparison.theta_star, TINY)
    np.log(logarithms, out=logarithms)
    return 0.0 - np.einsum("ij,ij->i", comparison.theta_star, logarithms)


def ratios(comparison: Comparison) -> Ratios:
    """Compute the ratios that both divergences need.

    larger + smaller is exactly 2, since the rounding error of the larger is added to its logarithm; the smaller
    one is accurate where it is small. `near` and `far` are 1 where their evaluation is used, and 0 elsewhere.
    """
    p, q = comparison.theta_star, comparison.theta_s
    total = p + q
    smaller, z, work = np.minimum(p, q), np.maximum(total, TINY), np.empty(total.shape)
    smaller += smaller
    smaller /= z
    np.divide(comparison.cached(gaps), z, out=z)
    larger = 2.0 - smaller
    np.log(larger, out=(log_larger := np.empty(total.shape)))
    np.subtract(2.0, larger, out=work)
    work -= smaller
    work /= larger
    log_larger += work
    np.maximum(smaller, TINY, out=work)
    log_smaller = np.log(work, out=work)
    near = np.empty(total.shape)
    np.less(z, NEAR, out=near, casting="unsafe")
    return Ratios(
        total=total,
        z=z,
        square=z * z,
        larger=larger,
        smaller=smaller,
        log_larger=log_larger,
        log_smaller=log_smaller,
        near=near,
        far=1.0 - near,
    )


def js_nats(comparison: Comparison) -> np.ndarray:
    """Return the Jensen-Shannon divergence of each user, (n,) in nats: the sum of s/2 psi(z).

    Where z is large, 2 psi(z) = A ln A + B ln B with A = 1 + z and B = 1 - z. At most ln 2, which the sum over
    disjoint rows may exceed by its last bit.
    """
    of = comparison.cached(ratios)
    terms = _polynomial(_PSI, of.square)
    terms *= of.square
    terms *= of.near
    far = of.larger * of.log_larger
    far += of.smaller * of.log_smaller
    far *= of.far
    far *= 0.5
    terms += far
    out: np.ndarray = np.einsum("ij,ij->i", of.total, terms)
    out *= 0.5
    return np.minimum(out, LN2, out=out)


def kl_nats(comparison: Comparison) -> np.ndarray:
    """Return the Kullback-Leibler divergence of each user, (n,) in nats: the sum of p ln(p/q) - p + q, all >= 0.

    Near z = 0 the term is s z² (1 + (z² + z) E(z²)), with the sign of p - q at the lone z.
    """
    p, q = comparison.theta_star, comparison.theta_s
    of, difference = comparison.cached(ratios), comparison.cached(differences)
    far = of.log_larger - of.log_smaller
    np.copysign(far, difference, out=far)
    far *= p
    np.subtract(difference, far, out=far)
    terms = _polynomial(_ARTANH, of.square)
    signed = np.copysign(of.z, difference)
    np.subtract(of.square, signed, out=signed)
    terms *= signed
    terms += 1.0
    terms *= of.square
    terms *= of.total
    terms *= of.near
    far *= of.far
    terms += far
    tiny = of.smaller < TINY
    tiny &= p > q
    if tiny.any():  # q is zero, or so small that the ratio overflows
        star, predicted = p[tiny], q[tiny]
        with np.errstate(divide="ignore"):
            terms[tiny] = star * (np.log(star) - np.log(predicted)) + (predicted - star)
    return np.einsum("ij->i", terms)


def _polynomial(coefficients: list[float], w: np.ndarray) -> np.ndarray:
    out = coefficients[-1] * w
    for coefficient in coefficients[-2:0:-1]:
        out += coefficient
        out *= w
    out += coefficients[0]
    return out
