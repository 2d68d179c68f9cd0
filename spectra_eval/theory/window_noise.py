"""The part of a squared distance that is the window's own sampling error."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array, as_simplex
from spectra_eval.errors import InputError, ShapeError

__all__ = ["excess_squared_distance"]


def excess_squared_distance(theta_star: Any, theta_s: Any, *, n: Any) -> np.ndarray:
    r"""Estimate the squared distance of a prediction to the user's true distribution, without bias, per user.

    .. math:: |p_u - \hat\theta_u|^2 - \frac{1 - |\hat\theta_u|^2}{n_u - 1}

    The subtracted term is the usual unbiased estimate of :math:`E|\hat\theta_u - \theta_u|^2` for a window of
    independent interactions with one category each. The estimate of a single user may be negative.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed proportions of each window; rows on the simplex.
    theta_s : (N, K) float array
        The prediction; rows on the simplex.
    n : (N,) array
        Interactions in each window.

    Returns
    -------
    (N,) float array
        NaN for a user with less than two interactions, whose sampling error cannot be estimated.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one.
    ShapeError
        The shapes do not fit together.
    InputError
        A number of interactions is not positive.

    Examples
    --------
    >>> excess_squared_distance([[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], n=[4, 4]).round(4).tolist()
    [0.5, -0.1667]
    """
    truth, predicted = (np.atleast_2d(row) for row in as_simplex(theta_star=theta_star, theta_s=theta_s))
    number = np.atleast_1d(as_array("n", n))
    if truth.shape != predicted.shape or number.shape != truth.shape[:1]:
        raise ShapeError(
            f"theta_star, theta_s, n: shapes {truth.shape}, {predicted.shape} and {number.shape} do not fit"
        )
    if not (number > 0).all():
        raise InputError("n: a window without interactions; leave its user out")
    own = np.where(number >= 2, np.sum(truth * (1.0 - truth), axis=1) / np.maximum(number - 1.0, 1.0), np.nan)
    return np.sum((truth - predicted) ** 2, axis=1) - own
