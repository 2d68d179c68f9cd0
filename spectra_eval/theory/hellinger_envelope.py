"""Bounds on the total variation from a Hellinger distance.

Everywhere H² is the *squared* Hellinger distance scaled to [0, 1]: one minus the Bhattacharyya coefficient, half
the squared Euclidean distance of the square roots. The distance without the half is sqrt(2) H.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory._js_curve import _unit_interval
from spectra_eval.theory._kl_curve import _amount
from spectra_eval.theory.js_envelope import symmetric_pair

__all__ = [
    "hellinger_pair",
    "hellinger_squared_upper_from_kl",
    "tv_lower_from_hellinger_squared",
    "tv_upper_from_hellinger_squared",
]


def tv_upper_from_hellinger_squared(hellinger_squared: Any) -> Any:
    """Bound the total variation from above by the squared Hellinger distance in [0, 1]: sqrt(H²(2 - H²)).

    Parameters
    ----------
    hellinger_squared : float or array in [0, 1]
        One minus the Bhattacharyya coefficient.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A value is outside [0, 1]: perhaps the distance was not halved.

    Notes
    -----
    Assumptions: none. Tight: attained by the symmetric pair of two categories. Cauchy-Schwarz on
    |p - q| = |sqrt p - sqrt q| (sqrt p + sqrt q). The paper's sqrt(2) H is looser.

    Examples
    --------
    >>> round(tv_upper_from_hellinger_squared(0.3), 6)
    0.714143
    """
    h = np.asarray(_unit_interval("hellinger_squared", hellinger_squared))
    out = np.sqrt(h) * np.sqrt(2 - h)  # two roots: the product of a subnormal h would lose its digits
    out = np.minimum(out, 1.0)
    return float(out) if out.ndim == 0 else out


def tv_lower_from_hellinger_squared(hellinger_squared: Any) -> Any:
    """Bound the total variation from below: TV >= H², squared, in [0, 1].

    Parameters
    ----------
    hellinger_squared : float or array in [0, 1]
        Squared Hellinger distance, normalised.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The squared distance is outside [0, 1].

    Notes
    -----
    Assumptions: none. Tight for three categories: (v, 0, 1-v) against (0, v, 1-v).

    References
    ----------
    .. [1] L. Le Cam and G. L. Yang, Asymptotics in Statistics, 2nd ed. (2000), section 4.2.

    Examples
    --------
    >>> tv_lower_from_hellinger_squared(0.3)
    0.3
    """
    return _unit_interval("hellinger_squared", hellinger_squared)


def hellinger_squared_upper_from_kl(kl_nats: Any) -> Any:
    """Bound H² from above by a KL in nats: 1 - exp(-KL/2).

    Jensen's inequality on the Bhattacharyya coefficient; with it, sqrt(H²(2 - H²)) is never above the
    Bretagnolle-Huber bound sqrt(1 - exp(-KL)). Tight only where theta_star / theta_s is constant on the support of
    theta_star.

    Parameters
    ----------
    kl_nats : float or array, at least 0
        KL(theta_star || theta_s) in nats; may be infinite.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The divergence is negative.

    Examples
    --------
    >>> round(hellinger_squared_upper_from_kl(0.5), 6)
    0.221199
    """
    out = -np.expm1(-_amount("kl", kl_nats) / 2)
    return float(out) if out.ndim == 0 else out


def hellinger_pair(hellinger_squared: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric pair of two categories with this H² and the largest total variation.

    Parameters
    ----------
    hellinger_squared : float in [0, 1]
        Squared Hellinger distance, normalised.

    Returns
    -------
    theta_star, theta_s : (1, 2) float arrays
        Rows on the simplex.

    Raises
    ------
    InputError
        The squared distance is outside [0, 1].

    Examples
    --------
    >>> star, held = hellinger_pair(1.0)
    >>> star.tolist(), held.tolist()
    ([[1.0, 0.0]], [[0.0, 1.0]])
    """
    return symmetric_pair(float(tv_upper_from_hellinger_squared(hellinger_squared)))


def _first(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _constant_ratio(kl: Any) -> tuple[np.ndarray, np.ndarray]:
    share = float(np.exp(-_first(kl)))
    return np.array([[1.0, 0.0]]), np.array([[share, 1.0 - share]])


TV_FROM_HELLINGER_SQUARED = ENVELOPES.add(
    Envelope(
        name="tv_from_hellinger_squared",
        given="hellinger_squared",
        of="total_variation",
        lower=lambda h: np.asarray(tv_lower_from_hellinger_squared(h)),
        upper=lambda h: np.asarray(tv_upper_from_hellinger_squared(h)),
        statement="H² <= TV <= sqrt(H²(2 - H²)), H² in [0, 1]; both sides exact",
        reference="Le Cam (1973); Cauchy-Schwarz",
        valid=(0.0, 1.0),
        witness=lambda h: hellinger_pair(_first(h)),
    )
)
LINF_UPPER_FROM_HELLINGER_SQUARED = ENVELOPES.add(
    Envelope(
        name="linf_upper_from_hellinger_squared",
        given="hellinger_squared",
        of="linf_error",
        upper=lambda h: np.asarray(tv_upper_from_hellinger_squared(h)),
        statement="Linf <= sqrt(H²(2 - H²)), H² in [0, 1]",
        reference="Linf <= TV; tight for two categories",
        valid=(0.0, 1.0),
        witness=lambda h: hellinger_pair(_first(h)),
    )
)
HELLINGER_SQUARED_UPPER_FROM_KL = ENVELOPES.add(
    Envelope(
        name="hellinger_squared_upper_from_kl",
        given="kl_divergence",
        of="hellinger_squared",
        given_unit="nat",
        upper=lambda k: np.asarray(hellinger_squared_upper_from_kl(k)),
        statement="H² <= 1 - exp(-KL/2), KL in nats",
        reference="Jensen's inequality on the Bhattacharyya coefficient",
        witness=_constant_ratio,
    )
)
