"""Gains of one prediction over another on windows, with the least and the largest that a window could show."""

from __future__ import annotations

import numpy as np
from scipy import special

from spectra_eval.simplex import js_nats, tv
from spectra_eval.units import LN2

__all__ = ["Ends", "brier", "js", "log", "total_variation"]

Ends = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Value, least and largest value, (N,) each."""

_STEPS = 6
"""Steps towards the multiplier of the range in JS; any multiplier gives a valid range."""


def brier(truth: np.ndarray, p: np.ndarray, q: np.ndarray, support: np.ndarray | None = None) -> Ends:
    """Return the gain in the Brier score; a window has options of `support` only, all where it is None."""
    difference = p - q
    offset = np.einsum("ij,ij->i", difference, p + q)
    difference *= 2.0
    return _linear(truth, difference, support, offset)


def log(truth: np.ndarray, p: np.ndarray, q: np.ndarray, support: np.ndarray | None = None) -> Ends:
    """Return the gain in the logarithmic score, nats; both predictions are positive on the options."""
    if support is not None:
        p, q = np.where(support, p, 1.0), np.where(support, q, 1.0)
    return _linear(truth, np.log(p) - np.log(q), support, np.zeros(len(p)))


def total_variation(truth: np.ndarray, p: np.ndarray, q: np.ndarray, support: np.ndarray | None = None) -> Ends:
    """Return the gain in total variation."""
    apart = tv(p, q)
    return tv(truth, q) - tv(truth, p), -apart, apart


def js(truth: np.ndarray, p: np.ndarray, q: np.ndarray, support: np.ndarray | None = None) -> Ends:
    """Return the gain in JS, bits."""
    value = (js_nats(truth, q) - js_nats(truth, p)) / LN2
    of_p, of_q = special.entr(p), special.entr(q)
    low, high = -_largest_js_gain(q, p, of_q, of_p) / LN2, _largest_js_gain(p, q, of_p, of_q) / LN2
    return np.clip(value, low, high), low, high


def _linear(truth: np.ndarray, scores: np.ndarray, support: np.ndarray | None, offset: np.ndarray) -> Ends:
    value = np.einsum("ij,ij->i", truth, scores)
    if support is None:
        low, high = scores.min(axis=1), scores.max(axis=1)
    else:
        low, high = (
            scores.min(axis=1, where=support, initial=np.inf),
            scores.max(axis=1, where=support, initial=-np.inf),
        )
    # A value is a mean of scores; its last bits must not leave their range.
    return np.clip(value, low, high) - offset, low - offset, high - offset


def _largest_js_gain(p: np.ndarray, q: np.ndarray, of_p: np.ndarray, of_q: np.ndarray) -> np.ndarray:
    """Return an upper bound on JS(theta, q) - JS(theta, p) over all theta, in nats; `of_p` and `of_q` are entropies.

    With the growth g = exp(2 nu) - 1 of a multiplier nu, a category has the mass (p - q - q g)_+ / g. Their sum is one
    at the root of a convex, piecewise linear function of g, which Newton's method finds in a few steps.
    """
    difference = p - q
    growth = np.einsum("ij->i", np.maximum(difference, 0.0))
    for _ in range(_STEPS):
        has_mass = (difference > q * growth[:, None]).astype(np.float64)
        ahead, rest = (np.einsum("ij,ij->i", column, has_mass) for column in (difference, q))
        better = np.where(ahead > 0, ahead / (1.0 + rest), growth)
        if np.array_equal(better, growth):
            break
        growth = better
    apart = growth > 0
    growth = np.where(apart, growth, 1.0)
    multiplier = np.log1p(growth) / 2.0
    mass = np.maximum(difference - q * growth[:, None], 0.0) / growth[:, None]
    part = (of_p - of_q + special.entr(mass + q) - special.entr(mass + p)) / 2.0 - multiplier[:, None] * mass
    return np.where(apart, np.maximum(np.einsum("ij->i", part) + multiplier, 0.0), 0.0)
