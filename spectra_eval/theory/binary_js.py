"""What a JS and one share of a readout say about the same share of the truth."""

from __future__ import annotations

import numpy as np

from spectra_eval.simplex import js_nats
from spectra_eval.theory.js_envelope import _unit_interval, phi_star
from spectra_eval.units import Information

__all__ = ["binary_js_interval"]


def binary_js_interval(share: float, js: Information) -> tuple[float, float]:
    """Give the shares of one category in theta_star that agree with its share in theta_s and a JS.

    Parameters
    ----------
    share : float in [0, 1]
        The category's share in theta_s.
    js : Information
        An upper bound on JS(theta_star, theta_s).

    Returns
    -------
    (low, high)
        All shares a with JS(Bernoulli(a), Bernoulli(share)) <= js. Far sharper than share ± phi* for a small share.

    Examples
    --------
    >>> low, high = binary_js_interval(0.02, Information.from_bits(0.01))
    >>> round(high, 4)
    0.0668
    """
    from scipy.optimize import brentq

    q = float(_unit_interval("share", share))
    limit = float(js.nats)
    phi_star(js.bits)

    def excess(a: float) -> float:
        return float(js_nats(np.array([a, 1.0 - a]), np.array([q, 1.0 - q]))) - limit

    if limit <= 0:
        return q, q
    # A JS so small that rounding of the share itself exceeds it leaves the share alone.
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
