"""The numerical curve of the exact envelope between a KL and a total variation."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError
from spectra_eval.simplex import _kl_generator
from spectra_eval.theory._js_curve import _SLACK
from spectra_eval.units import Information, check_information

__all__ = [
    "binary_kl_pair",
]


_FAR = 4.0
"""From this KL on 1 - exp(-KL) differs from the exact envelope by less than 1e-19."""


_NEAR = 4e-3


_SERIES = (-17371 / 9185400, -421 / 85050, -13 / 810, -1 / 9, 1.0)
"""v = sqrt(y) times this polynomial of y = KL/2, highest power first."""


_LANGEVIN = tuple(float(2 * (-1) ** (n + 1) * special.zeta(2 * n) / np.pi ** (2 * n)) for n in range(13, 0, -1))
"""coth t - 1/t = t times this polynomial of t², highest power first; for t < 0.6."""


def binary_kl_pair(kl: Information) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair with this KL(theta_star || theta_s) and the largest total variation.

    Parameters
    ----------
    kl : Information
        One number.

    Returns
    -------
    theta_star, theta_s : (1, 2) float arrays
        Rows on the simplex.

    Raises
    ------
    InputError
        The KL is negative.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> star, held = binary_kl_pair(Information(0.5))
    >>> round(float(abs(star - held).max()), 6)
    0.485567
    """
    check_information(kl=kl)
    nats = float(_amount("kl", kl.nats))
    if nats >= _FAR:
        gap = float(np.exp(-nats))
        return np.array([[0.0, 1.0]]), np.array([[1.0 - gap, gap]])
    v = float(_exact(np.asarray(nats)))
    t = _solve(np.array([nats]), 1, np.array([np.sqrt(2 * nats)])) if nats >= _NEAR else np.array([2 * v])
    q = float(_langevin_shares(t)[0][0])
    return np.array([[q - v, 1.0 - q + v]]), np.array([[q, 1.0 - q]])


def _amount(name: str, nats: Any) -> np.ndarray:
    array = as_array(name, nats)
    if (array < -_SLACK).any():
        raise InputError(f"{name}: {array[array < -_SLACK].flat[0]:.6g} nat is negative; a divergence is at least 0")
    return np.asarray(np.maximum(array, 0.0))


def _exact(nats: np.ndarray) -> np.ndarray:
    out, near, far = np.full(nats.shape, np.nan), nats < _NEAR, nats >= _FAR
    # Two roots, because KL/2 itself would lose the digits of a subnormal KL.
    out[near] = np.sqrt(0.5) * np.sqrt(nats[near]) * np.polyval(_SERIES, nats[near] / 2)
    out[far] = -np.expm1(-nats[far])
    middle = (nats >= _NEAR) & ~far
    if middle.any():
        target = nats[middle]
        t = _solve(target, 1, np.sqrt(2 * target))
        v, kappa = _curve(t)
        out[middle] = v - (kappa - target) / (2 * t)
    return out


def _curve(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the total variation and the KL of the minimising pair at t."""
    q, rest = _langevin_shares(t)
    v = 2 * t * q * rest  # (t/2)(1 - L²)
    return v, _binary_kl(v, q, rest)


def _binary_kl(v: np.ndarray, q: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return KL of (q - v, rest + v) from (q, rest); v is an argument of its own, against cancellation."""
    return q * _kl_generator(-np.minimum(v / q, 1.0)) + rest * _kl_generator(v / rest)


def _langevin_shares(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (1 + L)/2 and (1 - L)/2, L = coth t - 1/t."""
    near = np.minimum(t, 0.6)
    far = np.maximum(t, 0.6)
    slope = np.where(t < 0.6, near * np.polyval(_LANGEVIN, near**2), 1 / np.tanh(far) - 1 / far)
    return (1 + slope) / 2, (1 - slope) / 2


def _solve(target: np.ndarray, which: int, start: np.ndarray) -> np.ndarray:
    """Solve _curve(t)[which] = target from below, by Newton's steps in the logarithms, where both curves are concave.

    Results are insensitive to the last digits of t: they are stationary there, or corrected once more.
    """
    t = start
    for _ in range(40):
        value = _curve(t)[which]
        more, less = _langevin_shares(t)
        slope = 2 * more * less - t * (more - less) * (1 / t**2 - 1 / np.tanh(t) ** 2 + 1)
        step = np.log(target / value) * value / (t * slope * (1 if which == 0 else 2 * t))
        t = t * np.exp(np.clip(step, -1.0, 1.0))
        if (np.abs(step) < 1e-9).all():
            break
    return t
