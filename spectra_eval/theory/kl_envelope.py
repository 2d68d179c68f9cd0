r"""The exact envelope between a Kullback-Leibler divergence and a total variation, in both directions.

Merging the categories to {q >= p} and its complement keeps TV and does not raise KL, so two categories suffice. Among
the Bernoulli pairs at one TV the smallest KL is attained on a curve with parameter t > 0: with L(t) = coth t - 1/t,
q = (1 + L)/2, p = q - v and v(t) = (t/2)(1 - L²); along it dKL/dTV = 2t (Fedotov, Harremoës and Topsøe 2003).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory._js_curve import _unit_interval, phi_star
from spectra_eval.theory._kl_curve import (
    _FAR,
    _amount,
    _binary_kl,
    _exact,
    _langevin_shares,
    _solve,
    binary_kl_pair,
)
from spectra_eval.units import LN2, Information, check_information

__all__ = [
    "binary_kl_pair",
    "js_upper_from_kl",
    "kl_lower_from_js",
    "kl_lower_from_tv",
    "linf_upper_from_kl",
    "tv_gap_from_kl",
    "tv_upper_from_kl",
]


TV_ROUNDING = 1e-15
"""Precision of a measured TV; curves that are infinitely steep at TV = 1 are evaluated this much below it."""


def tv_upper_from_kl(kl: Information, *, method: str = "exact") -> Any:
    """Bound the total variation of two distributions from above by KL(theta_star || theta_s), or the other KL.

    Parameters
    ----------
    kl : Information
        One number or an array, infinity included.
    method : {"exact", "pinsker", "bretagnolle_huber"}
        ``exact``: the best function of the KL, attained for every value (`binary_kl_pair`). ``pinsker``:
        min(1, sqrt(KL/2)) with KL in nats. ``bretagnolle_huber``: sqrt(1 - exp(-KL)). All three are proven.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A KL is negative, or the method is none of the three.
    UnitError
        The divergence is a bare number: it carries no unit.

    Notes
    -----
    Assumptions: none; any two distributions over the same categories. Tight: ``exact`` only. The relative error of
    ``exact`` is below 1.3e-15.

    References
    ----------
    .. [1] A. A. Fedotov, P. Harremoës and F. Topsøe, IEEE Trans. Inf. Theory 49 (2003) 1491-1498.
    .. [2] J. Bretagnolle and C. Huber, Z. Wahrscheinlichkeitstheorie 47 (1979) 119-137.

    Examples
    --------
    >>> kl = Information(0.5)
    >>> [round(tv_upper_from_kl(kl, method=m), 6) for m in ("exact", "pinsker", "bretagnolle_huber")]
    [0.485567, 0.5, 0.627271]
    """
    check_information(kl=kl)
    nats = _amount("kl", kl.nats)
    if method == "exact":
        out = _exact(nats)
    elif method == "pinsker":
        out = np.minimum(1.0, np.sqrt(0.5) * np.sqrt(nats))
    elif method == "bretagnolle_huber":
        out = np.sqrt(-np.expm1(-nats))
    else:
        raise InputError(f"method: {method!r} is none of exact, pinsker, bretagnolle_huber")
    return float(out) if out.ndim == 0 else out


def tv_gap_from_kl(kl: Information) -> Any:
    """Return one minus the exact envelope, accurate where the envelope itself rounds to one.

    Parameters
    ----------
    kl : Information
        KL(theta_star || theta_s), at least 0; may be infinite.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The KL is negative.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> tv_gap_from_kl(Information(700.0)) < 1e-303
    True
    """
    check_information(kl=kl)
    nats = _amount("kl", kl.nats)
    gap = np.where(nats >= _FAR, np.exp(-nats), 1.0 - _exact(np.asarray(np.minimum(nats, _FAR))))
    return float(gap) if gap.ndim == 0 else gap


def kl_lower_from_tv(tv: Any, *, method: str = "exact") -> Information:
    """Bound the KL of two distributions, in either direction, from below by their total variation.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation.
    method : {"exact", "pinsker", "bretagnolle_huber", "vajda", "gilardoni"}
        The best function of the total variation, or a closed form below it: 2v²; -ln(1-v²);
        ln((1+v)/(1-v)) - 2v/(1+v); -ln(1-v) - (1-v) ln(1+v). All five are proven.

    Returns
    -------
    Information
        2v² + (4/9)v⁴ + (32/135)v⁶ + ... nats, infinite at one; the inverse of `tv_upper_from_kl`.

    Raises
    ------
    InputError
        The total variation is outside [0, 1], or the method is unknown.

    Notes
    -----
    Assumptions: none. Tight: attained by `binary_kl_pair` at every total variation.

    References
    ----------
    .. [1] A. A. Fedotov, P. Harremoës and F. Topsøe, IEEE Trans. Inf. Theory 49 (2003) 1491-1498.

    Examples
    --------
    >>> round(kl_lower_from_tv(0.5).nats, 6)
    0.532298
    """
    v = np.asarray(_unit_interval("tv", tv))
    if method != "exact":
        if method not in _CLOSED:
            raise InputError(f"method: {method!r} is none of exact, {', '.join(_CLOSED)}")
        with np.errstate(divide="ignore", invalid="ignore"):
            return Information(_CLOSED[method](v))
    out, near, far = np.empty(v.shape), v < 0.01, v > 0.98
    square, middle = v[near] ** 2, ~(near | far)
    out[near] = 2 * square * (1 + square * (2 / 9 + square * (16 / 135 + square * 3536 / 42525)))
    with np.errstate(divide="ignore"):
        out[far] = -np.log1p(-v[far])
    if middle.any():
        # The KL is stationary in q along the curve, so that q need only be roughly right.
        q = _langevin_shares(_solve(v[middle], 0, 2 * v[middle]))
        out[middle] = _binary_kl(v[middle], np.maximum(q[0], v[middle]), np.minimum(q[1], 1 - v[middle]))
    return Information(out)


_CLOSED: dict[str, Callable[[Any], Any]] = {
    "pinsker": lambda v: 2 * v * v,
    "bretagnolle_huber": lambda v: -np.log1p(-v * v),
    # ln((1+v)/(1-v)) - 2v/(1+v), and -ln(1-v) - (1-v) ln(1+v): in parts that do not cancel.
    "vajda": lambda v: np.where(v < 0.1, _log_gap(-2 * v / (1 + v)), np.log1p(v) - np.log1p(-v) - 2 * v / (1 + v)),
    "gilardoni": lambda v: _log_gap(-v) + _log_gap(v) + v * np.log1p(v),
}


def _log_gap(x: Any) -> Any:
    """Return x - ln(1+x), by its series where the terms nearly cancel."""
    small = np.abs(x) < 0.05
    series = np.zeros_like(np.where(small, x, 0.0))
    for power in range(16, 1, -1):
        series = 1 / power - np.where(small, x, 0.0) * series
    return np.where(small, series * x * x, x - np.log1p(np.where(small, 0.0, x)))


def kl_lower_from_js(js: Information) -> Information:
    """Bound the KL, in either direction, from below by the JS: KL >= (2/ln 2) JS, both in one unit.

    The paper's "Topsøe bridge" is the converse inequality, which is false: no bound KL <= c JS exists.

    Parameters
    ----------
    js : Information
        JS(theta_star, theta_s).

    Returns
    -------
    Information
        At least 0, of the same shape.

    Raises
    ------
    InputError
        The JS is outside [0, 1] bit.
    UnitError
        The divergence is a bare number: it carries no unit.

    Notes
    -----
    Assumptions: none. The constant cannot be improved: (1, 0) against (1-d, d) comes near it as d goes to 0; it is
    attained nowhere. Proof: the difference of the generators, (ln2/2) f_KL - f_JS, is never negative.

    Examples
    --------
    >>> round(kl_lower_from_js(Information.from_bits(0.25)).nats, 12)
    0.5
    """
    check_information(js=js)
    phi_star(js.bits)  # refuses what is no JS
    return Information(2.0 * np.clip(js.bits, 0.0, 1.0))


def js_upper_from_kl(kl: Information) -> Information:
    """Bound the JS from above by the KL: JS in bits is at most half the KL in nats, and at most one.

    The same inequality as `kl_lower_from_js`, read the other way.

    Parameters
    ----------
    kl : Information
        KL(theta_star || theta_s), at least 0; may be infinite.

    Returns
    -------
    Information
        Between 0 and 1 bit, of the same shape.

    Raises
    ------
    InputError
        The KL is negative.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> js_upper_from_kl(Information(0.5)).bits
    0.25
    """
    check_information(kl=kl)
    return Information.from_bits(np.minimum(1.0, _amount("kl", kl.nats) / 2))


def linf_upper_from_kl(kl: Information, *, method: str = "exact") -> Any:
    """Bound the largest difference in one category by the KL: `tv_upper_from_kl` again, and as tight.

    Merging to {category, rest} raises no divergence, and for two categories the two distances are one.

    Parameters
    ----------
    kl : Information
        KL(theta_star || theta_s), at least 0; may be infinite.
    method : {"exact", "pinsker", "bretagnolle_huber"}
        As in `tv_upper_from_kl`.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The KL is negative, or the method is unknown.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> round(linf_upper_from_kl(Information(0.5)), 6)
    0.485567
    """
    check_information(kl=kl)
    return tv_upper_from_kl(kl, method=method)


def _witness(nats: Any) -> tuple[np.ndarray, np.ndarray]:
    return binary_kl_pair(Information(float(np.asarray(nats).reshape(-1)[0])))


_FHT = "Fedotov, Harremoës and Topsøe (2003), IEEE T-IT 49:1491"


def _from_kl(name: str, of: str, statement: str, reference: str, *, method: str, of_unit: str = "1") -> Envelope:
    """Register a bound on another quantity by KL(theta_star || theta_s) in nats; the exact ones are attained."""
    curves: dict[str, Callable[[Any], Any]] = {
        "exact": lambda k: _exact(_amount("kl", k)),
        "half": lambda k: np.minimum(1.0, np.asarray(k, dtype=float) / 2),
    }
    return ENVELOPES.add(
        Envelope(
            name=name,
            given="kl_divergence",
            of=of,
            given_unit="nat",
            of_unit=of_unit,
            upper=curves.get(method, lambda k: tv_upper_from_kl(Information(k), method=method)),
            statement=statement,
            reference=reference,
            witness=_witness if method == "exact" else None,
        )
    )


TV_UPPER_FROM_KL = _from_kl(
    "tv_upper_from_kl",
    "total_variation",
    "TV <= the inverse of v -> 2v² + (4/9)v⁴ + ..., the exact envelope of the KL",
    _FHT,
    method="exact",
)
LINF_UPPER_FROM_KL = _from_kl(
    "linf_upper_from_kl",
    "linf_error",
    "Linf <= the exact envelope of the KL",
    "data processing on {category, rest}; tight for two categories",
    method="exact",
)
_PINSKER = "Pinsker (1964); arXiv:2509.24189 Lemma 2"
TV_UPPER_PINSKER = _from_kl(
    "tv_upper_from_kl_pinsker", "total_variation", "TV <= min(1, sqrt(KL/2))", _PINSKER, method="pinsker"
)
TV_UPPER_BRETAGNOLLE_HUBER = _from_kl(
    "tv_upper_from_kl_bretagnolle_huber",
    "total_variation",
    "TV <= sqrt(1 - exp(-KL))",
    "Bretagnolle and Huber (1979)",
    method="bretagnolle_huber",
)
JS_UPPER_FROM_KL = _from_kl(
    "js_upper_from_kl",
    "js_divergence",
    "JS in bits <= KL in nats / 2, with the best constant",
    "comparison of the generators",
    method="half",
    of_unit="bit",
)
KL_LOWER_FROM_TV = ENVELOPES.add(
    Envelope(
        name="kl_lower_from_tv",
        given="total_variation",
        of="kl_divergence",
        of_unit="nat",
        lower=lambda v: np.asarray(kl_lower_from_tv(np.maximum(np.asarray(v) - TV_ROUNDING, 0.0)).nats),
        statement="KL >= 2v² + (4/9)v⁴ + (32/135)v⁶ + ..., exact",
        reference=_FHT,
        valid=(0.0, 1.0),
    )
)
KL_LOWER_FROM_JS = ENVELOPES.add(
    Envelope(
        name="kl_lower_from_js",
        given="js_divergence",
        of="kl_divergence",
        given_unit="nat",
        of_unit="nat",
        lower=lambda j: 2 / LN2 * np.asarray(j, dtype=float),
        statement="KL >= (2/ln 2) JS, with the best constant",
        reference="comparison of the generators; the paper's F.2 has it reversed",
        valid=(0.0, LN2),
    )
)
