"""Confidence radii of means and distribution functions, and the paper's Theorem 5 with a corrected version."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import Number, Whole, as_array, check_level, check_number, check_whole, short_repr
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.theory.binomial import clopper_pearson_lower

__all__ = [
    "DkwCurve",
    "Theorem5",
    "dkw_lower",
    "dkw_radius",
    "hoeffding_lower",
    "hoeffding_radius",
    "hoeffding_upper",
    "printed_theorem5_lower",
    "theorem5",
]


def hoeffding_radius(n_users: Whole, *, error: Number, width: Number = 1.0) -> float:
    """Return the one-sided radius of a mean of independent numbers in an interval of some width.

    The numbers need not be identically distributed, so it applies to both scopes.

    Parameters
    ----------
    n_users : int
        The number of values.
    error : float
        Probability with which the bound may fail; halve it for a two-sided one.
    width : float
        Length of the interval.

    Returns
    -------
    float
        width · sqrt(ln(1/error) / (2n)).

    Raises
    ------
    InputError
        `n_users` is not a whole number of at least 1, the error is not strictly between 0 and 1, or the width
        is negative.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30.

    Examples
    --------
    >>> round(hoeffding_radius(19293, error=0.05, width=2.0), 4)
    0.0176
    """
    check_level("error", error)
    check_whole("n_users", n_users, least=1, most=2**63, why="a mean needs at least one user")
    check_number("width", width, low=0.0)
    return width * math.sqrt(-math.log(error) / (2 * n_users))


def hoeffding_lower(values: Any, *, error: float, low: float = 0.0, high: float = 1.0) -> float:
    """Bound the mean expectation of independent numbers in [low, high] from below.

    Parameters
    ----------
    values : (n,) float array
        Independent numbers in [low, high]; they need not be identically distributed.
    error : float in (0, 1)
        Probability with which the bound may fail.
    low, high : float
        Ends of the interval, fixed in advance.

    Returns
    -------
    float
        At least `low`.

    Raises
    ------
    InputError
        There is no value, a value is outside [low, high], or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30.

    Examples
    --------
    >>> round(hoeffding_lower([1.0] * 20, error=0.05), 4)
    0.7263
    """
    array = _in_range(values, low, high)
    return max(low, float(array.mean()) - hoeffding_radius(len(array), error=error, width=high - low))


def hoeffding_upper(values: Any, *, error: float, low: float = 0.0, high: float = 1.0) -> float:
    """Bound the mean expectation of independent numbers in [low, high] from above.

    Parameters
    ----------
    values : (n,) float array
        Independent numbers in [low, high]; they need not be identically distributed.
    error : float in (0, 1)
        Probability with which the bound may fail.
    low, high : float
        Ends of the interval, fixed in advance.

    Returns
    -------
    float
        At most `high`.

    Raises
    ------
    InputError
        There is no value, a value is outside [low, high], or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30.

    Examples
    --------
    >>> round(hoeffding_upper([0.0] * 20, error=0.05), 4)
    0.2737
    """
    array = _in_range(values, low, high)
    return min(high, float(array.mean()) + hoeffding_radius(len(array), error=error, width=high - low))


def dkw_radius(n_users: Whole, *, error: Number) -> float:
    """Return the one-sided radius that holds for a whole distribution function at once (i.i.d. users).

    Parameters
    ----------
    n_users : int
        Number of users, at least 1.
    error : float in (0, 1/2]
        Probability with which the bound may fail.

    Returns
    -------
    float
        sqrt(ln(1/error) / (2n)).

    Raises
    ------
    AssumptionError
        The error exceeds one half, where the one-sided constant is not proven.
    InputError
        The error is not strictly between 0 and 1, or `n_users` is not a whole number of at least 1.

    References
    ----------
    .. [1] P. Massart, Ann. Probab. 18 (1990) 1269-1283.

    Examples
    --------
    >>> round(dkw_radius(16500, error=0.05), 5)
    0.00953
    """
    if check_level("error", error) > 0.5:
        raise AssumptionError(f"error: {error:g} exceeds 1/2, where the one-sided DKW bound is not proven; lower it")
    return hoeffding_radius(n_users, error=error)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DkwCurve:
    """Simultaneous lower bounds on Pr[margin > threshold] for all thresholds, with the stated error.

    Attributes
    ----------
    thresholds : (T,) float array
        Thresholds at which the curve is evaluated.
    share : (T,) float array
        Observed proportion of users with a margin above each threshold.
    lower : (T,) float array
        Lower bound on Pr[margin > threshold]: the proportion minus the radius, at least 0.
    radius : float
        The radius of `dkw_radius`.

    Examples
    --------
    >>> from spectra_eval.theory import dkw_lower
    >>> curve = dkw_lower([0.1] * 50 + [0.3] * 50, error=0.05, thresholds=[0.2])
    >>> curve.share.tolist(), round(curve.radius, 3)
    ([0.5], 0.122)
    """

    __repr__ = short_repr

    thresholds: np.ndarray
    share: np.ndarray
    lower: np.ndarray
    radius: float


def dkw_lower(margins: Any, *, error: float, thresholds: Any = None) -> DkwCurve:
    """Bound the whole margin curve from below: one error for all thresholds together (i.i.d. users).

    Parameters
    ----------
    margins : (N,) float array
        One margin per user.
    error : float
        Probability that any point of the curve is too high.
    thresholds : (T,) float array, optional
        Where to read the curve; by default at each margin.

    Returns
    -------
    DkwCurve
        Arrays of shape (T,).

    Raises
    ------
    AssumptionError
        The error exceeds one half.
    InputError
        A margin is NaN, there is no margin, or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] P. Massart, Ann. Probab. 18 (1990) 1269-1283.

    Examples
    --------
    >>> curve = dkw_lower([0.1] * 50 + [0.3] * 50, error=0.05, thresholds=[0.0, 0.2])
    >>> curve.lower.round(3).tolist()
    [0.878, 0.378]
    """
    ordered = np.sort(as_array("margins", margins).ravel())
    if np.isnan(ordered).any():
        raise InputError("margins: a margin is NaN; leave out users without one, and count them")
    at = np.unique(ordered) if thresholds is None else as_array("thresholds", thresholds)
    share = 1.0 - np.searchsorted(ordered, at, side="right") / max(1, len(ordered))
    radius = dkw_radius(len(ordered), error=error)
    return DkwCurve(thresholds=at, share=share, lower=np.maximum(0.0, share - radius), radius=radius)


def printed_theorem5_lower(fraction: Number, n_users: Whole, *, error: Number, n_routes: Whole = 1) -> float:
    """Return eq. (11) of the paper: F - 2 M beta - 2 rho.

    Valid given its predicate, and loose.

    Parameters
    ----------
    fraction : float in [0, 1]
        F, the proportion of users whose predicate is true.
    n_users : int
        Number of users, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.
    n_routes : int
        M, the number of routes declared in advance.

    Returns
    -------
    float
        May be negative.

    Raises
    ------
    InputError
        The fraction is outside [0, 1], a count is not a whole number of at least 1, or the error is not
        strictly between 0 and 1.

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 5, eq. (11).

    Examples
    --------
    >>> round(printed_theorem5_lower(1.0, 16500, error=0.05), 5)
    0.97695
    """
    check_number("fraction", fraction, low=0.0, high=1.0)
    check_whole("n_routes", n_routes, least=1)
    rho = hoeffding_radius(n_users, error=check_level("error", error) / 4)
    beta = error / (4 * n_users * n_routes)
    return fraction - 2 * n_routes * beta - 2 * rho


@dataclass(frozen=True, kw_only=True)
class Theorem5:
    """Lower bounds on a proportion of users, from a predicate that some of them pass.

    Only `mixture` uses the predicate's error of one user; the other bounds of the same count assume a
    predicate without error, or a union over the users.

    Attributes
    ----------
    beta : float
        Error of each user and route: error / (4 N M).
    rho : float
        Hoeffding's radius at a quarter of the error.
    printed : float
        Eq. (11) of the paper.
    rho_once : float
        What the steps of its proof give: rho subtracted once.
    union_hoeffding, union_clopper_pearson : float
        Its second step at half the error, by Hoeffding's bound and by Clopper and Pearson's.
    hoeffding, dkw, clopper_pearson : float
        Without a union over users, at the whole error.
    mixture : float
        (clopper_pearson - eta)/(1 - eta), eta the error of the predicate for one user.

    Examples
    --------
    >>> from spectra_eval.theory import theorem5
    >>> round(theorem5(90, 100, error=0.05).clopper_pearson, 4)
    0.8363
    """

    beta: float
    rho: float
    printed: float
    rho_once: float
    union_hoeffding: float
    union_clopper_pearson: float
    hoeffding: float
    dkw: float
    clopper_pearson: float
    mixture: float


def theorem5(
    successes: Whole, n_users: Whole, *, error: Number, n_routes: Whole = 1, predicate_error: Number = 0.01
) -> Theorem5:
    """Compare the paper's cohort bound with the valid bounds for the same count.

    Parameters
    ----------
    successes : int
        Users whose predicate is true.
    n_users : int
        All users.
    error : float
        Probability with which a bound may fail.
    n_routes : int
        Routes declared in advance (M).
    predicate_error : float
        For `mixture`: probability, per user, that the predicate is true although the property is false.

    Returns
    -------
    Theorem5
        `mixture` is (CPL - eta)/(1 - eta), the recommended one for i.i.d. users.

    Raises
    ------
    InputError
        A count is not whole or `successes` exceeds `n_users`, or an error is not strictly between 0 and 1.

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 5.

    Examples
    --------
    >>> bounds = theorem5(16500, 16500, error=0.05)
    >>> round(bounds.printed, 5), round(bounds.mixture, 5)
    (0.97695, 0.99982)
    """
    check_whole("n_users", n_users, least=1, most=2**63)
    check_whole("successes", successes, most=n_users)
    check_whole("n_routes", n_routes, least=1)
    check_level("error", error)
    check_level("predicate_error", predicate_error)
    share = successes / n_users
    rho = hoeffding_radius(n_users, error=error / 4)
    exact = clopper_pearson_lower(successes, n_users, error=error)
    one_sided = hoeffding_radius(n_users, error=error)
    return Theorem5(
        beta=error / (4 * n_users * n_routes),
        rho=rho,
        printed=printed_theorem5_lower(share, n_users, error=error, n_routes=n_routes),
        rho_once=share - rho,
        union_hoeffding=share - hoeffding_radius(n_users, error=error / 2),
        union_clopper_pearson=clopper_pearson_lower(successes, n_users, error=error / 2),
        hoeffding=share - one_sided,
        dkw=share - one_sided,
        clopper_pearson=exact,
        mixture=max(0.0, (exact - predicate_error) / (1 - predicate_error)),
    )


def _in_range(values: Any, low: float, high: float) -> np.ndarray:
    array = as_array("values", values).ravel()
    if not array.size or not ((array >= low) & (array <= high)).all():
        what = f"all must lie in [{low:g}, {high:g}]" if array.size else "none given; a bound needs at least one"
        raise InputError(f"values: {what}")
    return array
