"""A temperature, cross-fitted on other users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.readouts._base import softmax
from spectra_eval.stats.folds import FOLDS, user_folds

__all__ = ["HIGHEST", "LOWEST", "Scaled", "cross_scaled", "fit_temperature"]

LOWEST, HIGHEST = 1e-3, 1e3
"""Bounds of the temperature; at the upper bound theta is uniform to within a thousandth of the scores."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaled:
    """`theta_s` (N, K) at temperatures that each user had no part in: `temperature` (folds,), `fold` (N,) int."""

    theta_s: np.ndarray
    temperature: np.ndarray
    fold: np.ndarray


def fit_temperature(scores: Any, theta_star: Any) -> float:
    r"""Return the temperature that minimises the cross-entropy of the softmax to the observed interactions.

    .. math:: \min_\tau\ -\frac{1}{N} \sum_u \sum_j \theta^*_{uj} \ln \mathrm{softmax}(S_u / \tau)_j

    The objective is convex in 1/tau, so the root of its derivative is the answer.

    Parameters
    ----------
    scores : (N, K) float array
        Raw scores, nats.
    theta_star : (N, K) float array
        Observed interactions of the same users; rows on the simplex.

    Returns
    -------
    float
        Between `LOWEST` and `HIGHEST`; at the upper bound the scores are unrelated or opposite to the targets.

    Raises
    ------
    ShapeError
        The shapes differ, or there is nobody.
    ProbeError
        A score is not finite.

    References
    ----------
    .. [1] Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599.

    Examples
    --------
    >>> theta = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    >>> round(fit_temperature(2.5 * np.log(theta), theta), 9)
    2.5
    """
    scores, theta_star = as_array("scores", scores), as_array("theta_star", theta_star)
    if scores.shape != theta_star.shape or scores.ndim != 2 or len(scores) == 0:
        raise ShapeError(f"scores: shape {scores.shape} for theta_star {theta_star.shape}; give one row a user to each")
    if not np.isfinite(scores).all():
        raise ProbeError("scores: one is not finite, so no temperature can be fitted; fix one instead")
    centred = scores - scores.max(axis=1, keepdims=True)
    wanted = float((theta_star * centred).sum())

    def slope(log_temperature: float) -> float:
        """Return the derivative by 1/tau, which grows with 1/tau."""
        return float((softmax(centred, float(np.exp(log_temperature))) * centred).sum()) - wanted

    low, high = float(np.log(LOWEST)), float(np.log(HIGHEST))
    if slope(low) <= 0:
        return LOWEST
    if slope(high) >= 0:
        return HIGHEST
    from scipy.optimize import brentq

    return float(np.exp(brentq(slope, low, high, xtol=1e-14, rtol=1e-14)))


def cross_scaled(
    scores: np.ndarray, theta_star: np.ndarray, users: Iterable[str], *, observed: np.ndarray, folds: int = FOLDS
) -> Scaled:
    """Scale every user's scores by a temperature that was fitted on users of the other folds.

    Parameters
    ----------
    scores : (N, K) float array
        Raw scores, nats.
    theta_star : (N, K) float array
        Observed interactions of the users.
    users : iterable of N str
        Who; see `user_folds`.
    observed : (N,) bool array
        The records that may be fitted on: those with something in their window.
    folds : int
        How many.

    Returns
    -------
    Scaled

    Raises
    ------
    InputError
        Some fold is left without other users to fit on.

    Examples
    --------
    >>> theta = np.array([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
    >>> scaled = cross_scaled(3 * np.log(theta), theta, ["ann", "bob", "eve"], observed=np.ones(3, bool))
    >>> scaled.theta_s.round(6).tolist()
    [[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]]
    """
    fold = user_folds(users, folds=folds)
    temperature = np.full(folds, np.nan)
    for place in np.unique(fold):
        others = (fold != place) & observed
        if not others.any():
            raise InputError(
                "temperature: no other user is left to fit it on; give more users, or a number instead of 'fitted'"
            )
        temperature[place] = fit_temperature(scores[others], theta_star[others])
    theta = np.empty_like(scores)
    for place in np.unique(fold):
        theta[fold == place] = softmax(scores[fold == place], float(temperature[place]))
    return Scaled(theta_s=theta, temperature=temperature, fold=fold)
