"""Bounds on the total variation and the KL from a chi-squared divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory._js_curve import _unit_interval
from spectra_eval.theory.kl_envelope import TV_ROUNDING, tv_upper_from_kl
from spectra_eval.units import Information

__all__ = ["chi_squared_lower_from_tv", "chi_squared_pair", "kl_upper_from_chi_squared", "tv_upper_from_chi_squared"]


def tv_upper_from_chi_squared(chi_squared: Any, *, method: str = "exact") -> Any:
    """Bound the total variation from above by Pearson's chi-squared divergence.

    Parameters
    ----------
    chi_squared : float or array, at least 0
        Sum of (theta_star - theta_s)² / theta_s; may be infinite.
    method : {"exact", "cauchy_schwarz", "via_kl"}
        ``exact``: sqrt(x)/2 up to x = 1 and x/(1+x) beyond, the best function of x. ``cauchy_schwarz``:
        min(1, sqrt(x)/2). ``via_kl``: the exact envelope of the KL at ln(1+x). All three are proven.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A divergence is negative, or the method is none of the three.

    Notes
    -----
    Assumptions: none. Tight: ``exact``, attained by `chi_squared_pair`. Merging to {theta_s >= theta_star} and its
    complement leaves Bernoulli pairs, where chi-squared is v²/(b(1-b)) with b at least v: least at b = max(1/2, v).
    The paper's sqrt(x/2) is looser by a factor of sqrt 2 or more.

    References
    ----------
    .. [1] A. L. Gibbs and F. E. Su, "On choosing and bounding probability metrics", Int. Stat. Rev. 70 (2002)
           419-435.

    Examples
    --------
    >>> tv_upper_from_chi_squared(1.0), tv_upper_from_chi_squared(4.0)
    (0.5, 0.8)
    """
    x = _chi_squared(chi_squared)
    if method == "exact":
        # 1/(1 + 1/x) takes an infinite x too.
        out = np.where(x <= 1, np.sqrt(x) / 2, 1 / (1 + 1 / np.maximum(x, 1.0)))
    elif method == "cauchy_schwarz":
        out = np.minimum(1.0, np.sqrt(x) / 2)
    elif method == "via_kl":
        return tv_upper_from_kl(kl_upper_from_chi_squared(x))
    else:
        raise InputError(f"method: {method!r} is none of exact, cauchy_schwarz, via_kl")
    return float(out) if out.ndim == 0 else out


def chi_squared_lower_from_tv(tv: Any) -> Any:
    """Bound chi-squared from below by the total variation: 4v² up to 1/2 and v/(1-v) beyond; exact.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation of the two distributions.

    Returns
    -------
    float or float array
        At least 0; infinite at a total variation of 1.

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    Examples
    --------
    >>> chi_squared_lower_from_tv(0.5), round(chi_squared_lower_from_tv(0.8), 9)
    (1.0, 4.0)
    """
    v = np.asarray(_unit_interval("tv", tv))
    with np.errstate(divide="ignore"):
        out = np.where(v <= 0.5, 4 * v * v, v / (1 - v))
    return float(out) if out.ndim == 0 else out


def kl_upper_from_chi_squared(chi_squared: Any) -> Information:
    """Bound KL(theta_star || theta_s) from above by chi-squared of the same two: KL <= ln(1+x) nats.

    Parameters
    ----------
    chi_squared : float or array, at least 0
        Pearson's chi-squared divergence of theta_star from theta_s; may be infinite.

    Returns
    -------
    Information
        ln(1 + chi_squared) nats, of the same shape.

    Raises
    ------
    InputError
        A divergence is negative.

    Notes
    -----
    Assumptions: none; both divergences are of theta_star from theta_s. Jensen's inequality on the logarithm. Tight:
    attained where theta_star / theta_s is constant on the support of theta_star, by (1, 0) against (1/(1+x), x/(1+x)).

    References
    ----------
    .. [1] A. L. Gibbs and F. E. Su, "On choosing and bounding probability metrics", Int. Stat. Rev. 70 (2002)
           419-435.

    Examples
    --------
    >>> round(kl_upper_from_chi_squared(1.0).nats, 6)
    0.693147
    """
    return Information(np.log1p(_chi_squared(chi_squared)))


def chi_squared_pair(chi_squared: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair (theta_star, theta_s) with this chi-squared and the largest total variation.

    Parameters
    ----------
    chi_squared : float, at least 0
        Pearson's chi-squared divergence of theta_star from theta_s; may be infinite.

    Returns
    -------
    theta_star, theta_s : (1, 2) float arrays
        Rows on the simplex.

    Raises
    ------
    InputError
        The divergence is negative.

    Examples
    --------
    >>> star, held = chi_squared_pair(1.0)
    >>> star.tolist(), held.tolist()
    ([[0.0, 1.0]], [[0.5, 0.5]])
    """
    x = float(_chi_squared(chi_squared))
    v = float(tv_upper_from_chi_squared(x))
    if x > 1:
        return np.array([[0.0, 1.0]]), np.array([[v, 1.0 / (1.0 + x)]])
    return np.array([[0.5 - v, 0.5 + v]]), np.array([[0.5, 0.5]])


def _chi_squared(value: Any) -> np.ndarray:
    array = as_array("chi_squared", value)
    if (array < 0).any():
        raise InputError(f"chi_squared: {array[array < 0].flat[0]:.6g} is negative; a divergence is at least 0")
    return array


def _first(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _constant_ratio(x: Any) -> tuple[np.ndarray, np.ndarray]:
    share = 1.0 / (1.0 + _first(x))
    return np.array([[1.0, 0.0]]), np.array([[share, 1.0 - share]])


TV_UPPER_FROM_CHI_SQUARED = ENVELOPES.add(
    Envelope(
        name="tv_upper_from_chi_squared",
        given="chi_squared",
        of="total_variation",
        upper=lambda x: np.asarray(tv_upper_from_chi_squared(x)),
        statement="TV <= sqrt(x)/2 for x <= 1, else x/(1+x); exact",
        reference="reduction to two categories",
        witness=lambda x: chi_squared_pair(_first(x)),
    )
)
LINF_UPPER_FROM_CHI_SQUARED = ENVELOPES.add(
    Envelope(
        name="linf_upper_from_chi_squared",
        given="chi_squared",
        of="linf_error",
        upper=lambda x: np.asarray(tv_upper_from_chi_squared(x)),
        statement="Linf <= sqrt(x)/2 for x <= 1, else x/(1+x); exact",
        reference="data processing on {category, rest}; tight for two categories",
        witness=lambda x: chi_squared_pair(_first(x)),
    )
)
CHI_SQUARED_LOWER_FROM_TV = ENVELOPES.add(
    Envelope(
        name="chi_squared_lower_from_tv",
        given="total_variation",
        of="chi_squared",
        lower=lambda v: np.asarray(chi_squared_lower_from_tv(np.maximum(np.asarray(v) - TV_ROUNDING, 0.0))),
        statement="chi2 >= 4v² for v <= 1/2, else v/(1-v); exact",
        reference="reduction to two categories",
        valid=(0.0, 1.0),
    )
)
KL_UPPER_FROM_CHI_SQUARED = ENVELOPES.add(
    Envelope(
        name="kl_upper_from_chi_squared",
        given="chi_squared",
        of="kl_divergence",
        of_unit="nat",
        upper=np.log1p,
        statement="KL <= ln(1 + chi2) nats; exact",
        reference="Jensen's inequality",
        witness=_constant_ratio,
    )
)
