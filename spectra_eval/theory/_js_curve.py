"""The curves psi and phi* between a JS and a total variation, with their numerical inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError
from spectra_eval.simplex import binary_entropy_nats, psi_nats
from spectra_eval.units import LN2, Information

__all__ = [
    "phi_star",
    "phi_star_gap",
    "phi_star_slope",
    "psi",
]


_SLACK = 1e-12
"""Tolerance for a JS outside [0, 1] bit."""


_SERIES = (
    -1001357319311 / 21679995617280000,
    -14645196257 / 167382319104000,
    -1457147323 / 8369115955200,
    -56827 / 153280512,
    -25307 / 29030400,
    -97 / 40320,
    -13 / 1440,
    -1 / 12,
    1.0,
)
"""phi* = sqrt(y) times this polynomial of y = 2 ln2 j, highest power first."""


def psi(tv: Any) -> Information:
    """Return the smallest JS of two distributions at a total variation.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation.

    Returns
    -------
    Information
        Of the symmetric pair ((1+v)/2, (1-v)/2) and its mirror image: 1 - h2((1-v)/2) bit.

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    Examples
    --------
    >>> round(psi(0.5).bits, 6)
    0.188722
    """
    return Information(psi_nats(_unit_interval("tv", tv)))


def phi_star(js_bits: Any, *, round_up: bool = False) -> Any:
    """Return the largest total variation at a JS: the exact envelope, on plain numbers of bits.

    Parameters
    ----------
    js_bits : float or array in [0, 1]
        Jensen-Shannon divergence in bits; NaN gives NaN. Up to 1e-12 outside is taken as rounding.
    round_up : bool
        Step up by four units in the last place, to stay above the true value whatever the rounding.

    Returns
    -------
    float or float array
        Relative error below four units in the last place over the whole range, subnormal numbers included.

    Raises
    ------
    InputError
        A JS is outside [0, 1].

    Examples
    --------
    >>> round(phi_star(0.316), 5), phi_star(1.0)
    (0.6364, 1.0)
    """
    j = as_array("js_bits", js_bits)
    if ((j < -_SLACK) | (j > 1 + _SLACK)).any():
        raise InputError(f"js: {j[(j < -_SLACK) | (j > 1 + _SLACK)].flat[0]:.6g} bit is outside [0, 1]; is it in nats?")
    j = np.clip(j, 0.0, 1.0) + 0.0  # no minus zero, at which the slope would be minus infinity
    v = np.full(j.shape, np.nan)
    low, high = j <= 0.02, j > 0.7
    mid = (j > 0.02) & ~high
    v[low] = _near_zero(j[low])
    v[mid] = _newton(j[mid])
    v[high] = 1.0 - 2.0 * _entropy_inverse(1.0 - j[high])
    if round_up:
        for _ in range(4):
            v = np.nextafter(v, np.inf)
        v = np.minimum(v, 1.0)
    return float(v) if v.ndim == 0 else v


def phi_star_gap(missing_bits: Any) -> Any:
    """Return 1 - phi*(1 - c) for c bits, accurate where phi* itself rounds to one.

    Parameters
    ----------
    missing_bits : float or array in [0, 1]
        c, one minus the JS in bits.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A number is outside [0, 1].

    Examples
    --------
    >>> phi_star_gap(1e-300) < 1e-302
    True
    """
    c = np.asarray(_unit_interval("missing_bits", missing_bits))
    gap = np.empty(c.shape)
    near = c <= 0.3
    gap[near] = 2.0 * _entropy_inverse(c[near])
    gap[~near] = 1.0 - np.asarray(phi_star(1.0 - c[~near]))
    return float(gap) if gap.ndim == 0 else gap


def phi_star_slope(js_bits: Any) -> Any:
    """Return the derivative of phi* by bits: ln 2 / artanh(phi*).

    Parameters
    ----------
    js_bits : float or array in [0, 1]
        JS in bits.

    Returns
    -------
    float or float array
        Infinite at 0 and zero at 1.

    Raises
    ------
    InputError
        A JS is outside [0, 1].

    Examples
    --------
    >>> round(phi_star_slope(0.5), 4)
    0.6632
    """
    j = as_array("js_bits", js_bits)
    v = np.asarray(phi_star(j))
    gap = np.asarray(phi_star_gap(np.clip(1.0 - j, 0.0, 1.0)))
    with np.errstate(divide="ignore"):
        # artanh(v) from the gap 1 - v, which is known more exactly than v near one.
        artanh = np.where(v < 0.5, np.arctanh(np.minimum(v, 0.5)), 0.5 * (np.log(2.0 - gap) - np.log(gap)))
        slope = LN2 / artanh
    return float(slope) if slope.ndim == 0 else slope


def _unit_interval(name: str, value: Any) -> Any:
    array = as_array(name, value)
    bad = (array < -_SLACK) | (array > 1 + _SLACK)
    if bad.any():
        raise InputError(f"{name}: {array[bad].flat[0]:.6g} is outside [0, 1]")
    clipped = np.clip(array, 0.0, 1.0)
    return float(clipped) if clipped.ndim == 0 else clipped


def _near_zero(j: np.ndarray) -> np.ndarray:
    # Two roots, because 2 ln2 j itself would lose the digits of a subnormal j.
    return np.sqrt(2 * LN2) * np.sqrt(j) * np.polyval(_SERIES, 2 * LN2 * j)


def _newton(j: np.ndarray) -> np.ndarray:
    """Solve psi(v) = j from above: psi is convex, so the steps converge to the root."""
    v = np.sqrt(-np.expm1(2 * LN2 * np.log1p(-j)))
    for _ in range(8):
        before, v = v, v - (psi_nats(v) - j * LN2) / np.arctanh(v)
        if np.array_equal(before, v):
            break
    return v


def _entropy_inverse(c: np.ndarray) -> np.ndarray:
    """Solve h2(x) = c for x in [0, 1/2], c <= 0.3; relative accuracy down to subnormal c."""
    out = np.zeros(c.shape)
    some = c > 0
    bits = c[some]
    with np.errstate(under="ignore"):
        t = bits ** (2 * LN2) / 4
        x = np.where(bits < 1e-3, bits / (-np.log(bits) / LN2 + 2), 2 * t / (1 + np.sqrt(1 - 4 * t)))
        tiny = np.finfo(np.float64).smallest_subnormal
        x = np.clip(x, tiny, 0.5)
        for _ in range(20):
            step = (binary_entropy_nats(x) - bits * LN2) / (np.log1p(-x) - np.log(x))
            before, x = x, np.clip(x - step, np.maximum(x / 4, tiny), 0.5)
            if np.array_equal(before, x):
                break
    out[some] = x
    return out
