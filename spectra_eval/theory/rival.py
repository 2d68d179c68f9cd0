"""Gains of one prediction over another on the windows of users, the range of each gain, and bounds on their mean."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from spectra_eval.arrays import as_array, as_simplex, check_level
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.theory import _gains

__all__ = ["Gain", "brier_gain", "gain_lower", "gain_radius", "js_gain", "log_gain", "tv_gain"]


class Gain(NamedTuple):
    """The gain of each user, and the least and the largest gain that any window could show.

    Attributes
    ----------
    value : (N,) float array
        Positive where the prediction is better than the rival on the window.
    low, high : (N,) float array
        Ends of the range, which the two predictions fix before the window is observed.

    Examples
    --------
    >>> gain = brier_gain([[1.0, 0.0]], [[0.75, 0.25]], [[0.5, 0.5]])
    >>> gain.value.tolist(), (gain.high - gain.low).tolist()
    ([0.375], [1.0])
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def brier_gain(theta_star: Any, theta_s: Any, rival: Any) -> Gain:
    r"""Return how much smaller the Brier score of a prediction is than that of a rival, per user.

    .. math:: g_u = \sum_c \hat\theta_u(c) a_u(c), \quad a_u(c) = 2 (p_u(c) - q_u(c)) + |q_u|^2 - |p_u|^2

    Its expectation over windows is :math:`|q_u - \theta_u|^2 - |p_u - \theta_u|^2` with the true distribution
    :math:`\theta_u`, whatever the length of the window.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each window; rows on the simplex.
    theta_s, rival : (N, K) float array
        The two predictions; rows on the simplex.

    Returns
    -------
    Gain
        Three arrays (N,), without unit.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one.
    ShapeError
        The shapes differ.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, J. Am. Stat. Assoc. 102 (2007) 359-378. doi:10.1198/016214506000001437

    Examples
    --------
    >>> brier_gain([[1.0, 0.0], [0.5, 0.5]], [[0.75, 0.25]] * 2, [[0.5, 0.5]] * 2).value.tolist()
    [0.375, -0.125]
    """
    return Gain(*_gains.brier(*_three(theta_star, theta_s, rival)))


def log_gain(theta_star: Any, theta_s: Any, rival: Any) -> Gain:
    r"""Return how much smaller the logarithmic score of a prediction is than that of a rival, per user, in nats.

    .. math:: g_u = \sum_c \hat\theta_u(c) \ln \frac{p_u(c)}{q_u(c)}

    Its expectation over windows is :math:`KL(\theta_u \| q_u) - KL(\theta_u \| p_u)` with the true distribution.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each window; rows on the simplex.
    theta_s, rival : (N, K) float array
        The two predictions; rows on the simplex, without zeros.

    Returns
    -------
    Gain
        Three arrays (N,), in nats.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one.
    ShapeError
        The shapes differ.
    InputError
        A prediction has a zero, so that the gain of a window has no bound; the message counts the users.

    References
    ----------
    .. [1] I. J. Good, J. R. Statist. Soc. B 14 (1952) 107-114. doi:10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    >>> gain = log_gain([[1.0, 0.0]], [[0.75, 0.25]], [[0.5, 0.5]])
    >>> gain.value.round(4).tolist(), gain.low.round(4).tolist()
    ([0.4055], [-0.6931])
    """
    truth, p, q = _three(theta_star, theta_s, rival)
    zeros = int(np.count_nonzero(((p == 0) | (q == 0)).any(axis=1)))
    if zeros:
        raise InputError(f"log gain: a prediction of {zeros} users has a zero; mix both with the uniform distribution")
    return Gain(*_gains.log(truth, p, q))


def tv_gain(theta_star: Any, theta_s: Any, rival: Any) -> Gain:
    r"""Return how much nearer a prediction is to the window than a rival, in total variation, per user.

    By the triangle inequality the gain is between :math:`-TV(p_u, q_u)` and :math:`TV(p_u, q_u)`.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each window; rows on the simplex.
    theta_s, rival : (N, K) float array
        The two predictions; rows on the simplex.

    Returns
    -------
    Gain
        Three arrays (N,), without unit.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one.
    ShapeError
        The shapes differ.

    Examples
    --------
    >>> gain = tv_gain([[1.0, 0.0]], [[0.75, 0.25]], [[0.5, 0.5]])
    >>> gain.value.tolist(), gain.low.tolist(), gain.high.tolist()
    ([0.25], [-0.25], [0.25])
    """
    return Gain(*_gains.total_variation(*_three(theta_star, theta_s, rival)))


def js_gain(theta_star: Any, theta_s: Any, rival: Any) -> Gain:
    r"""Return how much nearer a prediction is to the window than a rival, in Jensen-Shannon divergence, per user.

    The gain :math:`JS(\theta, q) - JS(\theta, p)` is a sum over categories, concave and increasing in
    :math:`\theta_c` where :math:`p_c > q_c`, convex and decreasing elsewhere. Its maximum is therefore on the first
    categories alone, with one multiplier :math:`\nu`: :math:`\theta_c = \max(0, (p_c - q_c e^{2\nu})/(e^{2\nu} - 1))`.
    By weak duality the value of the dual at *any* multiplier is an upper end; the lower end exchanges p and q. The
    best multiplier is found by Newton's method.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each window; rows on the simplex.
    theta_s, rival : (N, K) float array
        The two predictions; rows on the simplex.

    Returns
    -------
    Gain
        Three arrays (N,), in bits; the ends are attained to about twelve digits.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one.
    ShapeError
        The shapes differ.

    Examples
    --------
    >>> gain = js_gain([[1.0, 0.0]], [[0.75, 0.25]], [[0.5, 0.5]])
    >>> gain.value.round(4).tolist(), gain.low.round(4).tolist(), gain.high.round(4).tolist()
    ([0.1734], [-0.2375], [0.1734])
    """
    return Gain(*_gains.js(*_three(theta_star, theta_s, rival)))


def gain_radius(gain: Any, *, error: float, n: Any = None) -> float:
    r"""Return how far the mean gain of independent users can be above its expectation, each with its own range.

    .. math:: \frac1N \sqrt{\frac{\ln(1/\alpha)}{2} \sum_u \frac{r_u^2}{n_u}}

    Parameters
    ----------
    gain : Gain
        The gains, with their ranges of length r.
    error : float in (0, 1)
        Probability with which the bound may fail.
    n : (N,) array, optional
        Number of interactions in each window, where those are independent too and the gain is a mean over them
        (`brier_gain`, `log_gain`). Left out, the window counts as one observation.

    Returns
    -------
    float
        In the unit of the gain.

    Raises
    ------
    InputError
        There is no user, a number of interactions is below one, or the error is not strictly between 0 and 1.
    ShapeError
        `n` has another length than the gains.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30, theorem 2.

    Examples
    --------
    >>> import numpy as np
    >>> gain = Gain(np.full(100, 0.2), np.full(100, -0.5), np.full(100, 0.5))
    >>> round(gain_radius(gain, error=0.05), 4), round(gain_radius(gain, error=0.05, n=np.full(100, 25)), 4)
    (0.1224, 0.0245)
    """
    check_level("error", error)
    if not isinstance(gain, Gain):
        raise InputError(
            f"gain: {type(gain).__name__} is no Gain; take one from brier_gain, log_gain, tv_gain or js_gain"
        )
    users = len(gain.value)
    if users == 0:
        raise InputError("gain: no users; a mean needs at least one")
    squares = (gain.high - gain.low) ** 2
    if n is not None:
        number = as_array("n", n)
        if number.shape != squares.shape:
            raise ShapeError(f"n: shape {number.shape} for {users} users; give one number for each")
        if not (number >= 1).all():
            raise InputError("n: a window of less than one interaction; leave its user out")
        squares = squares / number
    return math.sqrt(-math.log(error) / 2 * math.fsum(squares)) / users


def gain_lower(gain: Any, *, error: float, n: Any = None) -> float:
    """Bound the mean expected gain of independent users from below, each with a range of its own.

    Parameters
    ----------
    gain : Gain
        The gains, with their ranges.
    error : float in (0, 1)
        Probability with which the bound may fail.
    n : (N,) array, optional
        Number of interactions in each window; see `gain_radius`.

    Returns
    -------
    float
        The mean less `gain_radius`, and at least the mean of the lower ends; in the unit of the gain.

    Raises
    ------
    InputError
        There is no user, a number of interactions is below one, or the error is not strictly between 0 and 1.
    ShapeError
        `n` has another length than the gains.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30, theorem 2.

    Examples
    --------
    >>> import numpy as np
    >>> gain = Gain(np.full(100, 0.2), np.full(100, -0.5), np.full(100, 0.5))
    >>> round(gain_lower(gain, error=0.05), 4)
    0.0776
    """
    radius = gain_radius(gain, error=error, n=n)
    return max(math.fsum(gain.low), math.fsum(gain.value) - len(gain.value) * radius) / len(gain.value)


def _three(theta_star: Any, theta_s: Any, rival: Any) -> tuple[np.ndarray, ...]:
    rows = tuple(np.atleast_2d(row) for row in as_simplex(theta_star=theta_star, theta_s=theta_s, rival=rival))
    if len({row.shape for row in rows}) > 1:
        raise ShapeError(f"theta_star, theta_s, rival: shapes {', '.join(str(row.shape) for row in rows)} differ")
    return rows
