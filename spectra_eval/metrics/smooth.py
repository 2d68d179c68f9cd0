"""Calibration without bins: residuals smoothed over the predicted probability, with an automatic bandwidth."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import Theta
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, mean_statistic, missing_rows
from spectra_eval.metrics._pairs import differences, predicted_or_zero
from spectra_eval.units import Unit

__all__ = ["smooth_ece"]

_CELLS = 128
_HALVINGS = 40


def _residuals(comparison: Comparison) -> np.ndarray:
    """Return the sum of theta_s - theta_star at each point of a fine grid of predicted probabilities, (n, points).

    A pair between two points is divided between both by linear interpolation, so the statistic is continuous in
    theta_s.
    """
    n, k = comparison.theta_s.shape
    points = _CELLS + 1
    predicted = comparison.cached(predicted_or_zero)
    at = np.empty((2, n, k), dtype=np.intp)
    weights = np.empty((2, n, k))
    place = predicted * _CELLS
    cell = np.floor(place)
    np.minimum(cell, _CELLS - 1, out=cell)
    place -= cell
    cell += np.arange(0.0, n * points, points)[:, None]
    at[0] = cell
    np.add(at[0], 1, out=at[1])
    residual = comparison.cached(differences) / k
    np.multiply(residual, place, out=weights[1])
    np.subtract(residual, weights[1], out=weights[0])
    out = np.bincount(at.ravel(), weights=weights.ravel(), minlength=n * points).reshape(n, points)
    if comparison.support is not None:  # users have different numbers of pairs
        out = np.column_stack([out, np.count_nonzero(comparison.support, axis=1) / k])
    missing = comparison.cached(missing_rows)
    if missing.any():
        out[missing] = np.nan
    return out


def _cosines() -> np.ndarray:
    """Return cos(pi m i / cells) for orders m and points i, (points, points)."""
    order = np.arange(_CELLS + 1)
    return np.cos(np.pi * (np.outer(order, order) % (2 * _CELLS)) / _CELLS)


def _smoothed_size(coefficients: np.ndarray, width: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Return the integral of the absolute residuals after smoothing by a Gaussian reflected at 0 and 1.

    Such smoothing damps the cosine of order m by exp(-(pi m width)² / 2).
    """
    order = np.arange(_CELLS + 1)
    damped = coefficients * np.exp(-((np.pi * order * width[:, None]) ** 2) / 2)
    damped[:, 1:] *= 2.0
    size = np.abs(damped @ cosines)
    return (size.sum(axis=1) - (size[:, 0] + size[:, -1]) / 2) / _CELLS


def _fixed_point(mean_residuals: np.ndarray, **_options: Any) -> Any:
    """Return the bandwidth that equals its smoothed error; the error at the width of one cell if that is smaller."""
    mean = np.asarray(mean_residuals)
    if mean.shape[-1] > _CELLS + 1:
        mean = mean[..., :-1] / mean[..., -1:]
    cosines = _cosines()
    coefficients = mean.reshape(-1, _CELLS + 1) @ cosines
    low = np.full(len(coefficients), 1.0 / _CELLS)
    high = np.ones(len(coefficients))
    finest = _smoothed_size(coefficients, low, cosines)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        wide = _smoothed_size(coefficients, middle, cosines) > middle
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return np.where(finest > 1.0 / _CELLS, (low + high) / 2, finest).reshape(mean.shape[:-1])


@metric(
    statistic=_residuals,
    value=_fixed_point,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"zero_on_equal", "bounded", "category_symmetric"}),
    reference="Blasiok and Nakkiran (2024), ICLR, arXiv:2309.12236",
    stage="emerging",
    label="Calibration error without bins",
    definition=(
        r"The $\sigma$ at which the residuals $q - p$, smoothed over the predicted probability by a reflected Gaussian "
        r"of width $\sigma$, have mean absolute value $\sigma$."
    ),
    reading="A calibration error without bins; close to `soft_ece` where that is stable.",
    pitfalls=(
        "Errors below 1/128 are smoothed with that width. As with all calibration errors, a constant at the right "
        "level has 0: calibration is not accuracy."
    ),
    rank=120,
    shown_in=frozenset({"report"}),
)
def smooth_ece(theta_star: Theta, theta_s: Theta, *, support: Any = None) -> float:
    r"""Return the smooth calibration error over all pairs of a user and a category: without bins or a chosen bandwidth.

    .. math:: \mathrm{smECE} = \sigma \quad\text{where}\quad
        \int_0^1 \bigl| \mathrm{E}[K_\sigma(t, q) (q - p)] \bigr| \, dt = \sigma

    with a Gaussian kernel reflected at 0 and 1.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    support : (N, K) bool array-like, optional
        The options of each user; other categories are not paired. All categories by default.

    Returns
    -------
    float
        Between 0 and 1; continuous in `theta_s`, unlike `soft_ece`.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    Notes
    -----
    Residuals are laid on a grid of 129 points. An error below 1/128 is taken at that bandwidth.

    References
    ----------
    .. [1] J. Blasiok and P. Nakkiran, "Smooth ECE: principled reliability diagrams via kernel smoothing", ICLR 2024.
       arXiv:2309.12236

    Examples
    --------
    >>> import numpy as np
    >>> round(smooth_ece(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.75, 0.25], [0.75, 0.25]])), 3)
    0.198
    """
    comparison, _ = check_pair(theta_star, theta_s, support=support)
    return float(_fixed_point(mean_statistic(_residuals, comparison)))
