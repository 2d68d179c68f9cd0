r"""What a Jensen-Shannon divergence says about a total variation, and back: the exact envelope.

For every number of categories the largest total variation at a given JS is attained by the symmetric
pair ((1+v)/2, (1-v)/2) and its mirror image: merging the categories to {p >= q} and its complement keeps
TV and does not raise JS, and averaging the pair with its mirror image keeps TV and, JS being jointly
convex, does not raise it either. So ``TV <= phi*(JS)`` with ``phi* = psi^{-1}``, and no function of the JS
alone does better.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array, as_simplex
from spectra_eval.errors import InputError
from spectra_eval.simplex import binary_entropy_nats, psi_nats
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.units import LN2, Information

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

_SLACK = 1e-12
"""A JS outside [0, 1] bit by no more than this is rounding."""

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

_GILARDONI = "Gilardoni (2006), C. R. Acad. Sci. 343:763; Guntuboyina (2011); Sason (2015), IEEE T-IT 61:701"


def psi(tv: Any) -> Information:
    """Give the smallest JS of two distributions at a total variation.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation.

    Returns
    -------
    Information
        Of the symmetric pair ((1+v)/2, (1-v)/2) and its mirror image: 1 - h2((1-v)/2) bit.

    Examples
    --------
    >>> round(psi(0.5).bits, 6)
    0.188722
    """
    return Information(psi_nats(_unit_interval("tv", tv)))


def phi_star(js_bits: Any, *, round_up: bool = False) -> Any:
    """Give the exact envelope on plain numbers of bits: the largest TV at a JS.

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
    """Give 1 - phi*(1 - c) for c bits, accurate where phi* itself rounds to one.

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
    """Give the derivative of phi* by bits: ln 2 / artanh(phi*); infinite at 0, zero at 1.

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

    Examples
    --------
    >>> tv_lower_from_js(Information.from_bits(0.25))
    0.25
    """
    phi_star(js.bits)
    return np.clip(js.bits, 0.0, 1.0) if np.ndim(js.bits) else float(min(max(js.bits, 0.0), 1.0))


def js_lower_from_tv(tv: Any) -> Information:
    """Bound the JS from below by the total variation: `psi`, tight for every number of categories.

    Examples
    --------
    >>> round(js_lower_from_tv(0.24).bits, 4)
    0.042
    """
    return psi(tv)


def js_upper_from_tv(tv: Any) -> Information:
    """Bound the JS from above by the total variation: JS in bits is at most TV (Lin 1991).

    Examples
    --------
    >>> js_upper_from_tv(0.3).bits
    0.3
    """
    return Information.from_bits(_unit_interval("tv", tv))


def linf_upper_from_js(js: Information) -> Any:
    """Bound the largest difference of two distributions in one category by their JS: phi* again.

    Merging to {category, rest} raises no divergence, and for two categories the two distances are one.

    Examples
    --------
    >>> round(linf_upper_from_js(Information.from_bits(0.0593)), 4)
    0.2847
    """
    return tv_upper_from_js(js)


def symmetric_pair(tv: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the pair of two categories with this total variation and the smallest JS."""
    near, far = (1.0 + tv) / 2, (1.0 - tv) / 2
    first, second = as_simplex(theta_star=[[near, far]], theta_s=[[far, near]])
    return first, second


def _split_pair(tv: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the pair of three categories whose JS in bits equals its total variation."""
    first, second = as_simplex(theta_star=[[tv, 0.0, 1.0 - tv]], theta_s=[[0.0, tv, 1.0 - tv]])
    return first, second


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
    """Solve psi(v) = j from above: psi is convex, so that the steps fall onto the root."""
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


TV_UPPER_FROM_JS = ENVELOPES.add(
    Envelope(
        name="tv_upper_from_js",
        given="js_divergence",
        of="total_variation",
        given_unit="bit",
        of_unit="1",
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
        of_unit="1",
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
        of_unit="1",
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
        of_unit="1",
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
        given_unit="1",
        of_unit="bit",
        lower=lambda v: psi_nats(np.asarray(v, dtype=float)) / LN2,
        upper=lambda v: np.clip(v, 0.0, 1.0),
        statement="psi(TV) <= JS <= TV",
        reference="Lin (1991), doi:10.1109/18.61115",
        valid=(0.0, 1.0),
        witness=lambda v: _split_pair(float(np.asarray(v).reshape(-1)[0])),
    )
)
