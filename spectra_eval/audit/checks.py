"""Consistency checks of published numbers; each uses printed numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from spectra_eval.arrays import check_cutoff, check_level
from spectra_eval.audit._arithmetic import (
    count_product,
    difference,
    groups_sum_to,
    ratio,
    relative_change,
    zero_sum,
)
from spectra_eval.audit._base import Finding, Printed, at_most, exact
from spectra_eval.audit._list_ndcg import list_ndcg_does_not_rise
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.simplex import js_nats
from spectra_eval.theory import phi_star, truncated_js_lower
from spectra_eval.units import LN2

__all__ = [
    "aggregate_at_most_mean",
    "coarse_floor",
    "coarse_js_floor",
    "count_product",
    "difference",
    "entropy_in_range",
    "envelope_covers",
    "groups_sum_to",
    "half_width_is_possible",
    "in_range",
    "list_ndcg_does_not_rise",
    "mean_between_strata",
    "ratio",
    "relative_change",
    "truncation_floor",
    "zero_sum",
]


def aggregate_at_most_mean(aggregate: Printed, mean: Printed) -> Finding:
    """Check that the divergence of two averages does not exceed the average divergence (joint convexity).

    Parameters
    ----------
    aggregate : Printed
        The divergence between the mean distributions.
    mean : Printed
        The mean of the users' divergences, in the same unit.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> aggregate_at_most_mean(printed(".399"), printed(".298")).status
    'fail'
    """
    return at_most(
        "aggregate at most mean", aggregate, mean, says="the aggregate {left} should not exceed the mean {right}"
    )


def coarse_js_floor(truth: Sequence[Printed], model: Sequence[Printed]) -> tuple[float, float]:
    """Return the JS in bits of merged cells as printed, and the smallest over all cells that round to them.

    Merging raises no divergence, so that either is a floor under the JS of the averages, and under the mean JS.

    Parameters
    ----------
    truth, model : sequence of Printed
        Proportions of the same merged cells, which sum to one within their rounding.

    Returns
    -------
    printed : float
        The JS of the cells as printed, in bits.
    least : float
        The smallest JS over all cells that round to them, in bits.

    Raises
    ------
    ShapeError
        The two have different numbers of cells, or fewer than two.
    InputError
        The cells cannot sum to one.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> floors = coarse_js_floor([printed(".9"), printed(".1")], [printed(".5"), printed(".5")])
    >>> [round(x, 3) for x in floors]
    [0.147, 0.08]
    """
    from scipy.optimize import LinearConstraint, minimize

    if len(truth) != len(model) or len(truth) < 2:
        raise ShapeError(f"truth, model: {len(truth)} and {len(model)} cells; give the same two or more")
    for name, side in (("truth", truth), ("model", model)):
        if sum(c.low for c in side) > 1 + 1e-9 or sum(c.high for c in side) < 1 - 1e-9:
            raise InputError(f"{name}: the cells cannot sum to one, whatever the rounding")
    count = len(truth)

    def bits(x: np.ndarray) -> float:
        p, q = np.maximum(x[:count], 0.0), np.maximum(x[count:], 0.0)
        return float(js_nats(p / p.sum(), q / q.sum())) / LN2

    nominal = np.array([c.value for c in [*truth, *model]])
    sums = np.kron(np.eye(2), np.ones(count))
    found = minimize(  # the JS is jointly convex: a local minimum over the box is the minimum
        bits,
        nominal,
        bounds=[(max(0.0, c.low), min(1.0, c.high)) for c in [*truth, *model]],
        constraints=LinearConstraint(sums, 1.0, 1.0),
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return bits(nominal), min(float(found.fun), bits(nominal))


def coarse_floor(value: Printed, truth: Sequence[Printed], model: Sequence[Printed]) -> Finding:
    """Check that a JS of averages, or a mean JS, is at least the JS of merged cells of the averages.

    Parameters
    ----------
    value : Printed
        The JS of averages, or a mean JS, in bits.
    truth, model : sequence of Printed
        Proportions of the same merged cells, which sum to one within their rounding.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    ShapeError
        The two have different numbers of cells, or fewer than two.
    InputError
        The cells cannot sum to one.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> cells = [printed(".9"), printed(".1")], [printed(".5"), printed(".5")]
    >>> coarse_floor(printed(".05"), *cells).status
    'fail'
    """
    nominal, least = coarse_js_floor(truth, model)
    says = "the JS of merged cells, {left} bit, should not exceed that of all, {right}"
    return at_most("coarse lower bound", Printed(nominal, nominal - least), value, says=says)


def truncation_floor(js_dg: Printed, missed: Printed) -> Finding:
    """Check that a mean JS of distributions on lists is at least g of the mean missed mass (Lemma 1-JS, g convex).

    Parameters
    ----------
    js_dg : Printed
        Mean JS in bits.
    missed : Printed
        Mean mass off the same lists, for the same users.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        The missed mass is outside [0, 1].

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> truncation_floor(printed(".530"), printed(".864")).status
    'fail'
    """
    nominal = float(truncated_js_lower(missed.value).bits)
    least = float(truncated_js_lower(max(0.0, missed.low)).bits)
    says = "the floor under every list that misses so much, {left} bit, should not exceed the JS {right}"
    return at_most("truncation floor", Printed(nominal, nominal - least), js_dg, says=says)


def mean_between_strata(overall: Printed, strata: Sequence[Printed]) -> Finding:
    """Check that an overall mean is between the means of strata that partition the same users.

    Parameters
    ----------
    overall : Printed
        The mean over all users.
    strata : sequence of Printed
        The means of the strata.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        There are no strata.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> mean_between_strata(printed("-.194"), [printed("-.373"), printed("-.325")]).status
    'fail'
    """
    if not strata:
        raise InputError("strata: none given; a partition has at least one")
    smallest = Printed(min(s.value for s in strata), min(s.value for s in strata) - min(s.low for s in strata))
    largest = Printed(max(s.value for s in strata), max(s.high for s in strata) - max(s.value for s in strata))
    return _between("mean of strata", overall, smallest, largest, says="the overall mean {value} should lie in {range}")


def in_range(value: Printed, low: float, high: float) -> Finding:
    """Check that a number is in the range of its quantity.

    Parameters
    ----------
    value : Printed
        The number.
    low, high : float
        The range, in the unit of `value`.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> in_range(printed(".70"), 0.0, 0.6931471805599453).status
    'fail'
    """
    return _between("range", value, exact(low), exact(high), says="{value} should lie in {range}")


def entropy_in_range(value: Printed, *, k: int, n_categories: int, unit: str = "bit") -> Finding:
    """Check that the exposure entropy of full lists of k is between log k and log K.

    Parameters
    ----------
    value : Printed
        The entropy.
    k : int
        The length of the lists.
    n_categories : int
        K.
    unit : {"bit", "nat"}
        The unit of `value`.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        The cut-off or the unit is not valid.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> [entropy_in_range(printed("3.01"), k=3, n_categories=19, unit=u).status for u in ("bit", "nat")]
    ['pass', 'fail']
    """
    check_cutoff(k, n_categories)
    scale = {"bit": LN2, "nat": 1.0}.get(unit)
    if scale is None:
        raise InputError(f"unit: {unit!r} is none of bit, nat")
    low, high = math.log(k) / scale, math.log(n_categories) / scale
    return _between(
        "entropy range", value, exact(low), exact(high), says=f"the entropy {{value}} {unit} should lie in {{range}}"
    )


def half_width_is_possible(mean: Printed, half_width: Printed, *, n: int, level: float = 0.95) -> Finding:
    """Check that an interval is no wider than that of a mean of numbers that are all 0 or 1.

    Numbers in [0, 1] have a standard deviation of at most sqrt(mean (1 - mean)) (Bhatia, Davis 2000), so that the
    half-width is at most z sqrt(mean (1 - mean) / n), up to the noise of a bootstrap.

    Parameters
    ----------
    mean : Printed
        The mean, between 0 and 1.
    half_width : Printed
        Half the width of its interval.
    n : int
        The number of users.
    level : float
        The level of the interval.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        The level is not between 0 and 1.

    References
    ----------
    .. [1] R. Bhatia and C. Davis, Amer. Math. Monthly 107 (2000) 353-357. doi:10.2307/2589180

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> half_width_is_possible(printed(".863"), printed(".005"), n=19293).status
    'undetermined'
    """
    check_level("level", level)
    z = float(special.ndtri((1 + level) / 2))
    spread = math.sqrt(mean.value * (1 - mean.value))
    nearest = min(max(0.5, mean.low), mean.high)
    most = z * math.sqrt(nearest * (1 - nearest) / n)
    nominal = z * spread / math.sqrt(n)
    says = "the half-width {left} should not exceed {right}, that of numbers that are all 0 or 1"
    return at_most("half-width", half_width, Printed(nominal, most - nominal), says=says)


def envelope_covers(value: Printed, js: Printed) -> Finding:
    """Check that a value used as a bound on the total variation is at least phi* of the JS in bits.

    Parameters
    ----------
    value : Printed
        The bound on the total variation.
    js : Printed
        The JS in bits.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        The JS is outside [0, 1] bit.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> envelope_covers(printed(".287"), printed(".062")).status
    'fail'
    """
    nominal, least = phi_star(js.value), phi_star(max(0.0, js.low))
    says = "the largest total variation at this JS, {left}, should not exceed the bound {right}"
    return at_most("envelope", Printed(nominal, nominal - least), value, says=says)


def _between(check: str, value: Printed, low: Printed, high: Printed, *, says: str) -> Finding:
    named = says.format(value=f"{value.value:.5g}", range=f"[{low.value:.5g}, {high.value:.5g}]")
    above = at_most(check, low, value, says=named)
    below = at_most(check, value, high, says=named)
    statuses = {above.status, below.status}
    if "fail" in statuses:
        return Finding(check=check, status="fail", reason=f"{named}, but does not, whatever the rounding.")
    if "undetermined" in statuses:
        return Finding(
            check=check, status="undetermined", reason=f"{named}: as printed it does not, within rounding it can."
        )
    return Finding(check=check, status="pass", reason=f"{named}, and it does.")
