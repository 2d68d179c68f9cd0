"""Contextual calibration: subtract the scores of a content-free prompt from those of a user."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import ProbeError, ShapeError
from spectra_eval.probing.readouts._base import Reading, check_temperature, softmax

__all__ = ["CONTENT_FREE", "debiased"]

CONTENT_FREE: tuple[str, ...] = ("N/A",)
"""The content-free history of Zhao et al. (2021)."""


def debiased(reading: Reading, content_free: Any, *, temperature: float = 1.0) -> Reading:
    r"""Subtract the scores of a content-free prompt from the scores of a user.

    .. math:: S'_j = S_j - S_j(\varnothing), \quad \theta_j = \frac{\exp(S'_j / \tau)}{\sum_i \exp(S'_i / \tau)}

    Parameters
    ----------
    reading : Reading
        Of one user, of a readout whose `theta_s` is a softmax of its scores.
    content_free : (K,) float array
        Raw scores of the same questions about `CONTENT_FREE`, nats.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` debiased; the answer mass is that of the user's own questions.

    Raises
    ------
    ShapeError
        The two do not hold the same number of categories.
    ProbeError
        A score is not finite.
    InputError
        The temperature is not a positive finite number.

    References
    ----------
    .. [1] Zhao et al. (2021), Calibrate before use, arXiv:2102.09690.

    Examples
    --------
    >>> one = Reading(scores=np.log([0.6, 0.3]), theta_s=np.array([2 / 3, 1 / 3]), answer_mass=np.ones(2))
    >>> debiased(one, np.log([0.2, 0.1])).theta_s.round(12).tolist()
    [0.5, 0.5]
    """
    check_temperature(temperature)
    empty = as_array("content_free", content_free)
    if empty.shape != reading.scores.shape:
        raise ShapeError(f"content_free: shape {empty.shape} for scores of shape {reading.scores.shape}")
    if not (np.isfinite(empty).all() and np.isfinite(reading.scores).all()):
        raise ProbeError("content_free: a score is not finite, so nothing can be subtracted; probe without debiasing")
    scores = reading.scores - empty
    return dataclasses.replace(reading, scores=scores, theta_s=softmax(scores, temperature))
