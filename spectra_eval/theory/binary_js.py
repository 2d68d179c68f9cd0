"""Two categories: bounds on one probability from a JS, and the largest JS."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.simplex import js_nats, psi_nats
from spectra_eval.theory._base import ENVELOPES, Assumption, Envelope
from spectra_eval.theory._js_curve import _unit_interval, phi_star
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval.units import LN2, Information, check_information

__all__ = ["binary_js_interval", "binary_js_upper_from_tv"]


def binary_js_interval(share: float, js: Information) -> tuple[float, float]:
    """Return the probabilities of one category in theta_star that agree with its probability in theta_s and a JS.

    Parameters
    ----------
    share : float in [0, 1]
        Probability of the category in theta_s.
    js : Information
        An upper bound on JS(theta_star, theta_s).

    Returns
    -------
    low, high : float
        All a with JS(Bernoulli(a), Bernoulli(share)) <= js are between them; both NaN where an input is. Far
        sharper than share ± phi* for a small share.

    Raises
    ------
    InputError
        `share` is outside [0, 1], or the JS is outside [0, 1] bit.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> low, high = binary_js_interval(0.02, Information.from_bits(0.01))
    >>> round(high, 4)
    0.0668
    """
    check_information(js=js)
    from scipy.optimize import brentq

    q = float(_unit_interval("share", share))
    limit = float(js.nats)
    phi_star(js.bits)

    def excess(a: float) -> float:
        return float(js_nats(np.array([a, 1.0 - a]), np.array([q, 1.0 - q]))) - limit

    if np.isnan(limit) or np.isnan(q):
        return float("nan"), float("nan")
    if limit <= 0:
        return q, q
    # A JS smaller than the rounding of the probability does not change it.
    low = high = q
    if excess(0.0) <= 0:
        low = 0.0
    elif excess(q) < 0:
        low = brentq(excess, 0.0, q, xtol=1e-300, rtol=1e-15)
    if excess(1.0) <= 0:
        high = 1.0
    elif excess(1.0 - (1.0 - q)) < 0:
        high = 1.0 - brentq(lambda b: excess(1.0 - b), 0.0, 1.0 - q, xtol=1e-300, rtol=1e-15)
    return float(low), float(high)


def binary_js_upper_from_tv(tv: Any) -> Information:
    """Bound the JS of two distributions over *two* categories from above by their total variation.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation.

    Returns
    -------
    Information
        g(v) = v/2 + (1 - v/2) psi(v/(2-v)) bit, below the v that three categories can reach.

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    Notes
    -----
    Assumptions: K = 2. Along success probabilities a - b = v the JS is convex, so that it is largest at an end,
    (1, 0) against (1-v, v), which attains it.

    Examples
    --------
    >>> round(binary_js_upper_from_tv(0.5).bits, 6), round(binary_js_upper_from_tv(1.0).bits, 6)
    (0.311278, 1.0)
    """
    return truncated_js_lower(tv)


def _corner_pair(tv: Any) -> tuple[np.ndarray, np.ndarray]:
    v = float(np.asarray(tv).reshape(-1)[0])
    return np.array([[1.0, 0.0]]), np.array([[1.0 - v, v]])


BINARY_JS_FROM_TV = ENVELOPES.add(
    Envelope(
        name="binary_js_from_tv",
        given="total_variation",
        of="js_divergence",
        of_unit="bit",
        lower=lambda v: psi_nats(np.asarray(v, dtype=float)) / LN2,
        upper=lambda v: np.asarray(binary_js_upper_from_tv(np.minimum(v, 1.0)).bits),
        statement="psi(TV) <= JS <= TV/2 + (1 - TV/2) psi(TV/(2 - TV)) for two categories; both sides exact",
        reference="convexity of the JS along pairs of one total variation; arXiv:2509.24189 has no such bound",
        valid=(0.0, 1.0),
        witness=_corner_pair,
        assumptions=(Assumption(name="two-categories", text="there are two categories"),),
        n_categories=2,
    )
)
