"""Confidence radii of a window's frequencies around the true distribution, growing with the number of categories.

All need n independent interactions, one category each, from one distribution theta_star. They are kept to compare with
the routes of `routes`, which need no such radius, and for two-sided statements.
The paper defines no "Kamath", no "HJW".
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from spectra_eval.arrays import check_level, check_whole
from spectra_eval.units import LN2, Information, check_information

__all__ = [
    "agrawal_kl_radius",
    "js_bounded_difference",
    "js_mcdiarmid_radius",
    "js_radius",
    "js_upper_by_triangle",
    "kl_radius",
    "mcdiarmid_tv_radius",
    "tv_radius",
    "types_kl_radius",
    "weissman_tv_radius",
]


def weissman_tv_radius(n: int, *, n_categories: int, error: float) -> float:
    """Bound TV(theta_hat, theta_star) with probability 1 - error: sqrt(ln((2^K - 2)/error) / (2n)).

    A union over all sets of categories.

    Parameters
    ----------
    n : int
        Interactions in the window; 0 gives 1.
    n_categories : int
        K.
    error : float
        Probability with which the bound may fail.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InputError
        n is negative, K is below one, or the error is no level.

    References
    ----------
    .. [1] T. Weissman et al., Inequalities for the L1 deviation of the empirical distribution, HPL-2003-97 (2003).

    Examples
    --------
    >>> round(weissman_tv_radius(50, n_categories=19, error=0.005), 3)
    0.43
    """
    if not _some(n, n_categories, error):
        return 0.0 if n_categories == 1 else 1.0
    sets = n_categories * LN2 + math.log1p(-(2.0 ** (1 - n_categories)))
    return min(1.0, math.sqrt((sets - math.log(error)) / (2 * n)))


def mcdiarmid_tv_radius(n: int, *, n_categories: int, error: float) -> float:
    """Bound TV(theta_hat, theta_star) by the method of bounded differences.

    The mean is at most sqrt((K-1)/n)/2, and one interaction changes the TV by at most 1/n: the radius is
    sqrt((K-1)/n)/2 + sqrt(ln(1/error)/(2n)).

    Parameters
    ----------
    n : int
        Number of interactions in the window, at least 0.
    n_categories : int
        Number of categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    float
        In [0, 1]; 1 for n = 0.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] C. McDiarmid, On the method of bounded differences (1989).

    Examples
    --------
    >>> round(mcdiarmid_tv_radius(500, n_categories=1311, error=0.005), 3)
    0.882
    """
    if not _some(n, n_categories, error):
        return 0.0 if n_categories == 1 else 1.0
    return min(1.0, math.sqrt((n_categories - 1) / n) / 2 + math.sqrt(-math.log(error) / (2 * n)))


def tv_radius(n: int, *, n_categories: int, error: float) -> float:
    """Return the smaller of the two TV radii.

    Neither depends on the data, so the choice needs no correction.

    Parameters
    ----------
    n, n_categories : int
        Interactions in the window, at least 0, and categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    float
        In [0, 1]; 1 for n = 0.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    Examples
    --------
    >>> round(tv_radius(100, n_categories=19, error=0.005), 3)
    0.304
    """
    return min(
        weissman_tv_radius(n, n_categories=n_categories, error=error),
        mcdiarmid_tv_radius(n, n_categories=n_categories, error=error),
    )


def agrawal_kl_radius(n: int, *, n_categories: int, error: float) -> Information:
    """Bound KL(theta_hat || theta_star) by the moment generating function of the empirical KL.

    The bound is r/n, with r > K-1 the root of -r + (K-1)(1 + ln(r/(K-1))) = ln(error).

    Parameters
    ----------
    n : int
        Number of interactions in the window, at least 0.
    n_categories : int
        Number of categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    Information
        Infinite for n = 0.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] R. Agrawal, IEEE Trans. Inf. Theory 66 (2020) 6297-6302.

    Examples
    --------
    >>> round(agrawal_kl_radius(1, n_categories=19, error=0.005).nats, 5)
    35.54706
    """
    if not _some(n, n_categories, error):
        return Information(0.0 if n_categories == 1 else math.inf)
    free = n_categories - 1
    level = -math.log(error) / free
    # d - ln(1+d) = level for d = r/(K-1) - 1; from above, the steps fall onto the root of a convex function.
    d = level + math.sqrt(2 * level)
    for _ in range(60):
        step = (d - math.log1p(d) - level) * (1 + d) / d
        d -= step
        if abs(step) <= 1e-16 * d:
            break
    return Information(free * (1 + d) / n)


def types_kl_radius(n: int, *, n_categories: int, error: float) -> Information:
    """Bound KL(theta_hat || theta_star) by the method of types.

    The bound is (ln C(n+K-1, K-1) + ln(1/error)) / n. Smaller than Agrawal's where n is small compared with
    K.

    Parameters
    ----------
    n : int
        Number of interactions in the window, at least 0.
    n_categories : int
        Number of categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    Information
        Infinite for n = 0.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] J. Mardia et al., Concentration inequalities for the empirical distribution, Inf. Inference 9 (2020) 813-850.

    Examples
    --------
    >>> round(types_kl_radius(10, n_categories=19, error=0.005).nats, 5)
    2.16882
    """
    if not _some(n, n_categories, error):
        return Information(0.0 if n_categories == 1 else math.inf)
    types = special.gammaln(n + n_categories) - special.gammaln(n + 1) - special.gammaln(n_categories)
    return Information((float(types) - math.log(error)) / n)


def kl_radius(n: int, *, n_categories: int, error: float) -> Information:
    """Return the smaller of the two KL radii.

    Neither depends on the data, so the choice needs no correction.

    Parameters
    ----------
    n, n_categories : int
        Interactions in the window, at least 0, and categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    Information
        A radius for KL(theta_hat || theta_star); infinite for n = 0.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    Examples
    --------
    >>> round(kl_radius(50, n_categories=19, error=0.005).nats, 3)
    0.711
    """
    return Information(
        min(
            agrawal_kl_radius(n, n_categories=n_categories, error=error).nats,
            types_kl_radius(n, n_categories=n_categories, error=error).nats,
        )
    )


def js_radius(n: int, *, n_categories: int, error: float) -> Information:
    """Bound JS(theta_hat, theta_star): in bits at most the TV radius, and at most half the KL radius in nats.

    Parameters
    ----------
    n, n_categories : int
        Interactions in the window, at least 0, and categories K, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    Information
        Between 0 and 1 bit.

    Raises
    ------
    InputError
        n is negative, there is no category, or the error is not strictly between 0 and 1.

    Examples
    --------
    >>> [round(js_radius(n, n_categories=19, error=0.005).bits, 3) for n in (50, 100, 500)]
    [0.355, 0.178, 0.036]
    """
    through_kl = kl_radius(n, n_categories=n_categories, error=error).nats / 2
    return Information.from_bits(min(tv_radius(n, n_categories=n_categories, error=error), through_kl))


def js_upper_by_triangle(plug_in: Information, radius: Information) -> Information:
    """Bound JS(theta_star, theta_s) by the triangle inequality of the root of the JS, and by one bit.

    Parameters
    ----------
    plug_in : Information
        JS(theta_hat, theta_s), one number or an array.
    radius : Information
        Upper bound on JS(theta_hat, theta_star).

    Returns
    -------
    Information
        (sqrt(plug_in) + sqrt(radius))².

    Raises
    ------
    UnitError
        The divergence is a bare number: it carries no unit.

    References
    ----------
    .. [1] D. M. Endres and J. E. Schindelin, IEEE T-IT 49 (2003) 1858-1860.

    Examples
    --------
    >>> js_upper_by_triangle(Information.from_bits(0.25), Information.from_bits(0.0625)).bits
    0.5625
    """
    check_information(plug_in=plug_in, radius=radius)
    return Information.from_bits(np.minimum(1.0, (np.sqrt(plug_in.bits) + np.sqrt(radius.bits)) ** 2))


def js_bounded_difference(n: int) -> Information:
    """Bound how much one of n interactions can change JS(theta_hat, theta_s), whatever the categories.

    (n ln(1 + 1/n) + ln(n+1)) / (2n) nats: mass 1/n leaves a category that held no more, and that theta_s is sure of.

    Parameters
    ----------
    n : int
        Number of interactions in the window, at least 1.

    Returns
    -------
    Information
        Between 0 and 1 bit.

    Raises
    ------
    InputError
        n is not a whole number of at least 1.

    Examples
    --------
    >>> round(js_bounded_difference(10).bits * 10, 6)
    2.417233
    """
    check_whole("n", n, least=1, most=2**63, why="without an interaction there is nothing to change")
    return Information((n * math.log1p(1 / n) + math.log(n + 1)) / (2 * n))


def js_mcdiarmid_radius(n: int, *, error: float) -> Information:
    """Bound JS(theta_star, theta_s) - JS(theta_hat, theta_s) with probability 1 - error, for any number of categories.

    The JS is convex in theta_hat, so that its mean is at least that at theta_star, and it varies by at most
    `js_bounded_difference` an interaction: that times sqrt(n ln(1/error) / 2).

    Parameters
    ----------
    n : int
        Number of interactions in the window, at least 1.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    Information
        May exceed 1 bit.

    Raises
    ------
    InputError
        n is not a whole number of at least 1, or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] C. McDiarmid, On the method of bounded differences (1989).

    Examples
    --------
    >>> round(js_mcdiarmid_radius(500, error=0.005).bits, 3)
    0.379
    """
    check_level("error", error)
    return js_bounded_difference(n) * math.sqrt(-n * math.log(error) / 2)


def _some(n: int, n_categories: int, error: float) -> bool:
    """Check the arguments; return False if there is nothing to bound: no interaction, or a single category."""
    check_level("error", error)
    n = check_whole("n", n, most=2**63)
    return check_whole("n_categories", n_categories, least=1) > 1 and n > 0
