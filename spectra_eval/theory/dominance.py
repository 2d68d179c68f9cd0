r"""From divergences to "the readout is closer than the list": for one user, for means, for proportions of users.

Writes d for JS(theta_star, theta_s), m for the mass of theta_star off the list, T and B for the total
variations of theta_s and of a distribution on the list. What each input licenses, and what it does not, is
part of every answer.
"""

from __future__ import annotations

import math
from typing import Literal

from spectra_eval.arrays import check_level
from spectra_eval.theory._dominance import _NO_PEEK, _QUANTILE, _USERS, Dominance, _compare, _pair
from spectra_eval.theory._js_curve import phi_star
from spectra_eval.units import Information

__all__ = [
    "Dominance",
    "certify_aggregate",
    "certify_fraction",
    "certify_mean",
    "certify_quantile",
    "certify_user",
    "fraction_from_means",
]


def certify_user(
    missed: float,
    js: Information,
    *,
    divergence: str = "tv",
    target: Literal["window", "law"] = "window",
) -> Dominance:
    """Compare one user's readout with every distribution on the user's list.

    Parameters
    ----------
    missed : float
        m, the mass of theta_star off the list.
    js : Information
        d, *this user's* JS.
    divergence : {"tv", "js"}
        What the conclusion is about. In TV the premise is m > phi*(d); in JS it is d < g(m), which needs a d
        of only about m/2 instead of 0.72 m².
    target : {"window", "law"}
        Which theta_star the two numbers are of.

    Returns
    -------
    Dominance
        Its margin is m - phi*(d) in TV, and g(m) - d bits in JS.

    Raises
    ------
    InputError
        `js` is not an `Information` of at most 1 bit, `missed` is outside [0, 1], or the divergence is
        unknown.
    AssumptionError
        `js` is an array: one user at a time.

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 3, with the exact envelope; Lemma 1-JS of docs/theory.md.

    Examples
    --------
    >>> certify_user(0.626, Information.from_bits(0.2)).holds
    True
    >>> certify_user(0.626, Information.from_bits(0.316)).holds
    False
    >>> certify_user(0.626, Information.from_bits(0.316), divergence="js").holds
    True
    """
    m, d = _pair(missed, js)
    bound, margin, reached = _compare(m, d, divergence)
    return Dominance(
        statement=f"{reached} below that of every distribution on the list" if margin > 0 else "nothing follows",
        target=target,
        inputs={"missed": m, "js_bits": d},
        bound=bound,
        margin=margin,
        holds=margin > 0,
        licenses=f"a comparison in {divergence} for this user" if margin > 0 else "nothing",
        assumptions=(_NO_PEEK,),
    )


def certify_mean(
    mean_missed: float,
    mean_js: Information,
    *,
    divergence: str = "tv",
    target: Literal["window", "law"] = "window",
) -> Dominance:
    """Compare the mean of the readouts with the mean of every distribution on the lists.

    By Jensen's inequality: phi* is concave and g convex.

    Parameters
    ----------
    mean_missed : float
        Mean over users of the mass off the list.
    mean_js : Information
        *Mean over the same users* of the JS: not a median, and not the JS of two averages.
    divergence : {"tv", "js"}
        The divergence of the conclusion, as in `certify_user`.
    target : {"window", "law"}
        Whether theta_star is the window's distribution or the user's true distribution.

    Returns
    -------
    Dominance
        Its margin is m - phi*(d) in TV, and g(m) - d bits in JS, for the means m and d.

    Raises
    ------
    InputError
        `mean_js` is not an `Information` of at most 1 bit, `mean_missed` is outside [0, 1], or the divergence
        is unknown.
    AssumptionError
        `mean_js` is an array: give one number.

    Examples
    --------
    >>> round(certify_mean(0.626, Information.from_bits(0.316)).margin, 4)
    -0.0104
    """
    m, d = _pair(mean_missed, mean_js)
    bound, margin, reached = _compare(m, d, divergence)
    return Dominance(
        statement=f"on average {reached} below that of every distribution on the lists"
        if margin > 0
        else "nothing follows",
        target=target,
        inputs={"mean_missed": m, "mean_js_bits": d},
        bound=bound,
        margin=margin,
        holds=margin > 0,
        licenses=f"a comparison of means in {divergence}" if margin > 0 else "nothing",
        assumptions=(_NO_PEEK, _USERS),
    )


def fraction_from_means(mean_missed: float, mean_js: Information) -> float:
    """Return the largest proportion of users that two means guarantee to be closer in TV: a lower bound on Pr[T < B].

    The smallest f in [0, 1] with f + (1-f) phi*(min(1, d/(1-f))) >= m, and 0 where phi*(d) >= m. Users with
    T >= B have m <= phi*(d), the others m <= 1, and Jensen on the former gives the inequality; its left side does
    not decrease in f. Attained for K >= 3, so that no larger share follows from the two numbers.

    Parameters
    ----------
    mean_missed : float
        Mean over users of the mass off the list.
    mean_js : Information
        Mean over the same users of the JS.

    Returns
    -------
    float
        In [0, 1], rounded down.

    Raises
    ------
    InputError
        `mean_js` is not an `Information` of at most 1 bit, or `mean_missed` is outside [0, 1].
    AssumptionError
        `mean_js` is an array: give one number.

    Examples
    --------
    >>> round(fraction_from_means(0.864, Information.from_bits(0.298)), 4)
    0.3952
    """
    from scipy.optimize import brentq

    m, d = _pair(mean_missed, mean_js)

    def shortfall(f: float) -> float:
        rest = 1.0 - f
        return f + rest * (phi_star(min(1.0, d / rest)) if rest > 0 else 1.0) - m

    if shortfall(0.0) >= 0:
        return 0.0
    if d == 0 or m == 1:
        return m - d  # on the far side of 1 - d the left side is one
    root = float(brentq(shortfall, 0.0, 1.0 - d, xtol=1e-15))
    # The solver may stop on either side; the promise is rounded down.
    while root > 0 and shortfall(root) > 0 and shortfall(math.nextafter(root, 0.0)) >= 0:
        root = math.nextafter(root, 0.0)
    return root


def certify_fraction(
    mean_missed: float, mean_js: Information, *, target: Literal["window", "law"] = "window"
) -> Dominance:
    """Bound the proportion of users whose readout is closer in TV than the list, from two means.

    Parameters
    ----------
    mean_missed : float in [0, 1]
        Mean over users of the mass of theta_star off the list.
    mean_js : Information
        Mean over the same users of the JS: not a median, and not the JS of two averages.
    target : {"window", "law"}
        Whether theta_star is the window's distribution or the user's true distribution.

    Returns
    -------
    Dominance
        Its bound and its margin are the proportion, in [0, 1].

    Raises
    ------
    InputError
        `mean_js` is not an `Information` of at most 1 bit, or `mean_missed` is outside [0, 1].
    AssumptionError
        `mean_js` is an array: give one number.

    Examples
    --------
    >>> statement = certify_fraction(0.864, Information.from_bits(0.298))
    >>> statement.statement
    'theta_s is closer in TV than every distribution on the list for at least 39.5% of the users'
    """
    m, d = _pair(mean_missed, mean_js)
    share = fraction_from_means(m, Information.from_bits(d))
    return Dominance(
        statement=f"theta_s is closer in TV than every distribution on the list for at least {share:.1%} of the users"
        if share > 0
        else "nothing follows",
        target=target,
        inputs={"mean_missed": m, "mean_js_bits": d, "simple_form": max(0.0, m - phi_star(d))},
        bound=share,
        margin=share,
        holds=share > 0,
        licenses="a share of users" if share > 0 else "nothing",
        assumptions=(_NO_PEEK, _USERS),
    )


def certify_quantile(
    missed: float,
    missed_share: float,
    js: Information,
    js_share: float,
    *,
    target: Literal["window", "law"] = "window",
) -> Dominance:
    """Bound the proportion of users whose readout is closer in TV than the list, from two quantiles.

    If `js_share` of the users have d <= js, `missed_share` have m >= missed, and missed > phi*(js), then at
    least js_share + missed_share - 1 of the users are closer. Two medians give zero.

    Parameters
    ----------
    missed : float in [0, 1]
        The quantile of the mass off the list.
    missed_share : float in (0, 1)
        Proportion of the users whose mass off the list is at least `missed`.
    js : Information
        The quantile of the JS.
    js_share : float in (0, 1)
        Proportion of the same users whose JS is at most `js`.
    target : {"window", "law"}
        Whether theta_star is the window's distribution or the user's true distribution.

    Returns
    -------
    Dominance
        Its bound is the proportion, in [0, 1]; its margin is missed - phi*(js).

    Raises
    ------
    InputError
        `js` is not an `Information` of at most 1 bit, `missed` is outside [0, 1], or a proportion is not
        strictly between 0 and 1.
    AssumptionError
        `js` is an array: give one number.

    Examples
    --------
    >>> certify_quantile(0.6, 0.9, Information.from_bits(0.2), 0.8).bound.__round__(3)
    0.7
    >>> certify_quantile(0.6, 0.5, Information.from_bits(0.2), 0.5).licenses
    'nothing'
    """
    m, d = _pair(missed, js)
    check_level("missed_share", missed_share)
    check_level("js_share", js_share)
    margin = m - phi_star(d, round_up=True)
    share = max(0.0, missed_share + js_share - 1) if margin > 0 else 0.0
    return Dominance(
        statement=f"theta_s is closer in TV than every distribution on the list for at least {share:.1%} of the users"
        if share > 0
        else "nothing follows",
        target=target,
        inputs={"missed": m, "missed_share": missed_share, "js_bits": d, "js_share": js_share},
        bound=share,
        margin=margin,
        holds=share > 0,
        licenses="a share of users" if share > 0 else "nothing",
        assumptions=(_NO_PEEK, _QUANTILE),
    )


def certify_aggregate(missed: float, aggregate_js: Information) -> Dominance:
    """Return the statement that the JS of two averages allows no conclusion about users.

    Two equally likely users, theta_star = (.9, 0, .1) and (0, .9, .1), theta_s swapped, lists {1} and {2}: the
    averages agree exactly and m = .1 > phi*(0), yet T = .9 > B = .1 for both.

    Parameters
    ----------
    missed : float in [0, 1]
        Mass of the average theta_star off the list.
    aggregate_js : Information
        JS of the average theta_star and the average theta_s.

    Returns
    -------
    Dominance
        It never holds; its bound and its margin are None.

    Raises
    ------
    InputError
        `aggregate_js` is not an `Information` of at most 1 bit, or `missed` is outside [0, 1].
    AssumptionError
        `aggregate_js` is an array: give one number.

    Examples
    --------
    >>> certify_aggregate(0.626, Information.from_bits(0.062)).licenses
    'nothing'
    """
    m, d = _pair(missed, aggregate_js)
    return Dominance(
        statement="nothing follows: the JS of two averages bounds no user, no mean and no share",
        target="window",
        inputs={"missed": m, "aggregate_js_bits": d},
        bound=None,
        margin=None,
        holds=False,
        licenses="nothing",
        assumptions=(),
    )
