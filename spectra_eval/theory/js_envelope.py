r"""The exact envelope between a Jensen-Shannon divergence and a total variation, in both directions.

For every number of categories the largest total variation at a given JS is attained by the symmetric
pair ((1+v)/2, (1-v)/2) and its mirror image: merging the categories to {p >= q} and its complement keeps
TV and does not raise JS, and averaging the pair with its mirror image keeps TV and, JS being jointly
convex, does not raise it either. So ``TV <= phi*(JS)`` with ``phi* = psi^{-1}``, and no function of the JS
alone does better.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_simplex
from spectra_eval.errors import InputError
from spectra_eval.simplex import psi_nats
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory._js_curve import (
    _unit_interval,
    phi_star,
    phi_star_gap,
    phi_star_slope,
    psi,
)
from spectra_eval.units import LN2, Information, check_information

__all__ = [
    "js_lower_from_tv",
    "js_upper_from_tv",
    "linf_upper_from_js",
    "phi_star",
    "phi_star_gap",
    "phi_star_slope",
    "psi",
    "tv_lower_from_js",
    "tv_upper_from_js",
]


_GILARDONI = "Gilardoni (2006), C. R. Acad. Sci. 343:763; Guntuboyina (2011); Sason (2015), IEEE T-IT 61:701"


def tv_upper_from_js(js: Information, *, method: str = "exact") -> Any:
    """Bound the total variation of two distributions from above by their JS.

    Parameters
    ----------
    js : Information
        JS(theta_star, theta_s), one number or an array.
    method : {"exact", "topsoe", "sqrt", "quadratic"}
        ``exact``: phi*, the best function of the JS. ``topsoe``: sqrt(1 - (1-j)^(2 ln 2)), at most 0.0074 above.
        ``sqrt``: min(1, sqrt(2 ln2 j)), at most 0.0964 above. ``quadratic``: sqrt(j(2-j)), loose near 0. All four
        are proven.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A JS is outside [0, 1] bit, or the method is none of the four.
    UnitError
        The divergence is a bare number: it carries no unit.

    References
    ----------
    .. [1] G. L. Gilardoni, C. R. Acad. Sci. Paris 343 (2006) 763-766.
    .. [2] F. Topsøe, J. Inequal. Pure Appl. Math. 2 (2001) 25.

    Examples
    --------
    >>> js = Information.from_bits(0.316)
    >>> [round(tv_upper_from_js(js, method=m), 5) for m in ("exact", "topsoe", "sqrt")]
    [0.6364, 0.6398, 0.66187]
    """
    check_information(js=js)
    bits = np.asarray(js.bits, dtype=np.float64)
    exact = np.asarray(phi_star(bits))  # also refuses what is no JS
    if method == "exact":
        out = exact
    elif method == "topsoe":
        with np.errstate(divide="ignore"):
            out = np.sqrt(-np.expm1(2 * LN2 * np.log1p(-np.clip(bits, 0.0, 1.0))))
        # Of a subnormal JS the product would keep a few digits only, and the bound could come to lie below phi*.
        out = np.where(bits < 1e-290, np.sqrt(2 * LN2) * np.sqrt(np.clip(bits, 0.0, 1.0)), out)
    elif method == "sqrt":
        out = np.minimum(1.0, np.sqrt(2 * LN2) * np.sqrt(np.clip(bits, 0.0, 1.0)))
    elif method == "quadratic":
        out = np.sqrt(np.clip(bits, 0.0, 1.0) * (2.0 - np.clip(bits, 0.0, 1.0)))
    else:
        raise InputError(f"method: {method!r} is none of exact, topsoe, sqrt, quadratic")
    return float(out) if out.ndim == 0 else out


def tv_lower_from_js(js: Information) -> Any:
    """Bound the total variation from below by the JS: TV >= JS in bits (Lin 1991).

    Tight for three categories: (v, 0, 1-v) against (0, v, 1-v).

    Parameters
    ----------
    js : Information
        JS(theta_star, theta_s), between 0 and 1 bit.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The JS is outside [0, 1] bit.
    UnitError
        The divergence is a bare number: it carries no unit.

    References
    ----------
    .. [1] J. Lin, IEEE Trans. Inf. Theory 37 (1991) 145-151.

    Examples
    --------
    >>> tv_lower_from_js(Information.from_bits(0.25))
    0.25
    """
    check_information(js=js)
    phi_star(js.bits)
    return np.clip(js.bits, 0.0, 1.0) if np.ndim(js.bits) else float(min(max(js.bits, 0.0), 1.0))


def js_lower_from_tv(tv: Any) -> Information:
    """Bound the JS from below by the total variation: `psi`, tight for every number of categories.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation of the two distributions.

    Returns
    -------
    Information
        Between 0 and 1 bit, of the same shape.

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    Examples
    --------
    >>> round(js_lower_from_tv(0.24).bits, 4)
    0.042
    """
    return psi(tv)


def js_upper_from_tv(tv: Any) -> Information:
    """Bound the JS from above by the total variation: JS in bits is at most TV (Lin 1991).

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation of the two distributions.

    Returns
    -------
    Information
        Between 0 and 1 bit, of the same shape.

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    References
    ----------
    .. [1] J. Lin, IEEE Trans. Inf. Theory 37 (1991) 145-151.

    Examples
    --------
    >>> js_upper_from_tv(0.3).bits
    0.3
    """
    return Information.from_bits(_unit_interval("tv", tv))


def linf_upper_from_js(js: Information) -> Any:
    """Bound the largest difference of two distributions in one category by their JS: phi* again.

    Merging to {category, rest} raises no divergence, and for two categories the two distances are one.

    Parameters
    ----------
    js : Information
        JS(theta_star, theta_s), between 0 and 1 bit.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The JS is outside [0, 1] bit.
    UnitError
        The divergence is a bare number: it carries no unit.

    Examples
    --------
    >>> round(linf_upper_from_js(Information.from_bits(0.0593)), 4)
    0.2847
    """
    check_information(js=js)
    return tv_upper_from_js(js)


def symmetric_pair(tv: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of two categories with this total variation and the smallest JS."""
    near, far = (1.0 + tv) / 2, (1.0 - tv) / 2
    first, second = as_simplex(theta_star=[[near, far]], theta_s=[[far, near]])
    return first, second


def _split_pair(tv: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of three categories whose JS in bits equals its total variation."""
    first, second = as_simplex(theta_star=[[tv, 0.0, 1.0 - tv]], theta_s=[[0.0, tv, 1.0 - tv]])
    return first, second


TV_UPPER_FROM_JS = ENVELOPES.add(
    Envelope(
        name="tv_upper_from_js",
        given="js_divergence",
        of="total_variation",
        given_unit="bit",
        lower=lambda j: np.clip(j, 0.0, 1.0),
        upper=phi_star,
        statement="JS <= TV <= phi*(JS), the inverse of psi; both sides exact over all pairs",
        reference=f"{_GILARDONI}; lower side Lin (1991), doi:10.1109/18.61115",
        valid=(0.0, 1.0),
        witness=lambda j: symmetric_pair(float(np.asarray(phi_star(j)).reshape(-1)[0])),
    )
)
LINF_UPPER_FROM_JS = ENVELOPES.add(
    Envelope(
        name="linf_upper_from_js",
        given="js_divergence",
        of="linf_error",
        given_unit="bit",
        upper=phi_star,
        statement="Linf <= phi*(JS)",
        reference="data processing on {category, rest}; tight for two categories",
        valid=(0.0, 1.0),
        witness=lambda j: symmetric_pair(float(np.asarray(phi_star(j)).reshape(-1)[0])),
    )
)
TV_UPPER_TOPSOE = ENVELOPES.add(
    Envelope(
        name="tv_upper_from_js_topsoe",
        given="js_divergence",
        of="total_variation",
        given_unit="bit",
        upper=lambda j: tv_upper_from_js(Information.from_bits(j), method="topsoe"),
        statement="TV <= sqrt(1 - (1-j)^(2 ln 2))",
        reference="Topsøe (2001), power bound on the binary entropy",
        valid=(0.0, 1.0),
    )
)
TV_UPPER_SQRT = ENVELOPES.add(
    Envelope(
        name="tv_upper_from_js_sqrt",
        given="js_divergence",
        of="total_variation",
        given_unit="bit",
        upper=lambda j: tv_upper_from_js(Information.from_bits(j), method="sqrt"),
        statement="TV <= min(1, sqrt(2 ln2 j))",
        reference="Pinsker's inequality on each half of the JS",
        valid=(0.0, 1.0),
    )
)
JS_FROM_TV = ENVELOPES.add(
    Envelope(
        name="js_from_tv",
        given="total_variation",
        of="js_divergence",
        of_unit="bit",
        lower=lambda v: psi_nats(np.asarray(v, dtype=float)) / LN2,
        upper=lambda v: np.clip(v, 0.0, 1.0),
        statement="psi(TV) <= JS <= TV",
        reference="Lin (1991), doi:10.1109/18.61115",
        valid=(0.0, 1.0),
        witness=lambda v: _split_pair(float(np.asarray(v).reshape(-1)[0])),
    )
)
