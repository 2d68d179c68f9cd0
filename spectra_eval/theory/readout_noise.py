"""How far a readout can move if its logits are known up to a tolerance."""

from __future__ import annotations

import math

from spectra_eval.arrays import check_number
from spectra_eval.errors import InputError

__all__ = ["tv_upper_from_logits"]


def tv_upper_from_logits(tolerance: float, *, temperature: float = 1.0) -> float:
    r"""Bound the total variation between two softmaxes whose logits differ by at most a tolerance each.

    .. math:: TV(p, p') \le \tanh\frac{\epsilon}{2 \tau}

    TV is attained by a set S of categories, and the log odds of S differ by at most :math:`2 \epsilon / \tau`; the
    largest difference of two probabilities whose log odds differ by that is the right side. Two categories with
    log odds of the same size and opposite sign attain it.

    Parameters
    ----------
    tolerance : float
        Largest absolute difference of a logit, in nats.
    temperature : float
        By which the logits are divided; positive.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        The tolerance is negative or not finite, or the temperature is not positive.

    Examples
    --------
    >>> round(tv_upper_from_logits(0.02), 6)
    0.01
    """
    check_number("tolerance", tolerance, low=0.0)
    check_number("temperature", temperature, low=0.0)
    if temperature == 0:
        raise InputError("temperature: 0 has no softmax; give a positive number")
    return math.tanh(tolerance / (2.0 * temperature))
