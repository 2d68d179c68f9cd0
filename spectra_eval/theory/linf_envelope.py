"""Bounds between the largest difference in one category and the total variation.

Every upper bound on TV by the JS, the KL, chi-squared or the Hellinger distance bounds Linf too, and as tightly:
merging to {category, rest} raises no divergence, and for two categories the two distances are one. Lower bounds
do not carry over: ten categories against ten others, uniform, have JS = 1 bit and Linf = .1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import check_whole
from spectra_eval.errors import InputError
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory._js_curve import _unit_interval

__all__ = ["linf_lower_from_tv", "linf_upper_from_tv", "small_linf_pair", "tv_lower_from_linf", "tv_upper_from_linf"]


def tv_upper_from_linf(linf: Any, *, n_categories: int) -> Any:
    """Bound the total variation from above by the largest difference: TV <= floor(K/2) Linf, and at most one.

    Parameters
    ----------
    linf : float or array in [0, 1]
        Largest absolute difference.
    n_categories : int
        K.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        A value is outside [0, 1], or K is below one.

    Notes
    -----
    Assumptions: none. The positive and the negative part of the difference each sum to TV, and one of the two has at
    most floor(K/2) entries. Tight wherever the result is at most one: `small_linf_pair`.

    Examples
    --------
    >>> round(tv_upper_from_linf(0.1, n_categories=7), 12)
    0.3
    """
    half = check_whole("n_categories", n_categories, least=1) // 2
    e = np.asarray(_unit_interval("linf", linf))
    out = np.minimum(1.0, half * e)
    return float(out) if out.ndim == 0 else out


def tv_lower_from_linf(linf: Any) -> Any:
    """Bound the total variation from below by the largest difference: TV >= Linf; tight for two categories.

    Parameters
    ----------
    linf : float or array in [0, 1]
        Largest absolute difference in one category.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The difference is outside [0, 1].

    Examples
    --------
    >>> tv_lower_from_linf(0.1)
    0.1
    """
    return _unit_interval("linf", linf)


def linf_upper_from_tv(tv: Any) -> Any:
    """Bound the largest difference from above by the total variation: Linf <= TV; tight for two categories.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation of the two distributions.

    Returns
    -------
    float or float array
        In [0, 1].

    Raises
    ------
    InputError
        The total variation is outside [0, 1].

    Examples
    --------
    >>> linf_upper_from_tv(0.1)
    0.1
    """
    return _unit_interval("tv", tv)


def linf_lower_from_tv(tv: Any, *, n_categories: int) -> Any:
    """Bound the largest difference from below by the total variation: Linf >= TV / floor(K/2); tight.

    Parameters
    ----------
    tv : float or array in [0, 1]
        Total variation of the two distributions.
    n_categories : int
        Number of categories K, at least 1.

    Returns
    -------
    float or float array
        In [0, 1]; zero for one category.

    Raises
    ------
    InputError
        The total variation is outside [0, 1], or there is no category.

    Examples
    --------
    >>> round(linf_lower_from_tv(0.3, n_categories=7), 12)
    0.1
    """
    half = check_whole("n_categories", n_categories, least=1) // 2
    v = np.asarray(_unit_interval("tv", tv))
    out = v / half if half else np.zeros_like(v)
    return float(out) if np.ndim(out) == 0 else out


def small_linf_pair(tv: float, *, n_categories: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of K categories with this total variation and the smallest largest difference.

    Parameters
    ----------
    tv : float in [0, 1]
        Total variation of the two distributions.
    n_categories : int
        Number of categories K, at least 2.

    Returns
    -------
    theta_star, theta_s : (1, K) float arrays
        Rows on the simplex.

    Raises
    ------
    InputError
        The total variation is outside [0, 1], or there are fewer than two categories.

    Examples
    --------
    >>> star, held = small_linf_pair(1.0, n_categories=5)
    >>> star.tolist(), held.tolist()
    ([[0.5, 0.5, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.5, 0.5, 0.0]])
    """
    half = check_whole("n_categories", n_categories, least=1) // 2
    v = float(_unit_interval("tv", tv))
    if half == 0:
        raise InputError(
            f"n_categories: {n_categories} leaves no room for two distributions that differ; choose 2 or more"
        )
    star, predicted = np.zeros((1, n_categories)), np.zeros((1, n_categories))
    star[0, :half], predicted[0, half : 2 * half] = v / half, v / half
    common = (1.0 - v) / (2 * half)
    star[0, : 2 * half] += common
    predicted[0, : 2 * half] += common
    return star, predicted


def _two(v: Any) -> tuple[np.ndarray, np.ndarray]:
    return small_linf_pair(float(np.asarray(v).reshape(-1)[0]), n_categories=2)


LINF_UPPER_FROM_TV = ENVELOPES.add(
    Envelope(
        name="linf_upper_from_tv",
        given="total_variation",
        of="linf_error",
        upper=lambda v: np.asarray(linf_upper_from_tv(v)),
        statement="Linf <= TV",
        reference="definition of TV as a supremum over events",
        valid=(0.0, 1.0),
        witness=_two,
    )
)
TV_LOWER_FROM_LINF = ENVELOPES.add(
    Envelope(
        name="tv_lower_from_linf",
        given="linf_error",
        of="total_variation",
        lower=lambda e: np.asarray(tv_lower_from_linf(e)),
        statement="TV >= Linf, and TV <= floor(K/2) Linf for K categories",
        reference="the positive and the negative part each sum to TV",
        valid=(0.0, 1.0),
    )
)
