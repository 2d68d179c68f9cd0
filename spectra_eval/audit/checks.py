"""Consistency checks of published numbers; each uses printed numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from spectra_eval.arrays import check_cutoff, check_level
from spectra_eval.audit._base import Finding, Printed, agrees, at_most, exact
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
    (printed, least)

    Raises
    ------
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

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> in_range(printed(".70"), 0.0, 0.6931471805599453).status
    'fail'
    """
    return _between("range", value, exact(low), exact(high), says="{value} should lie in {range}")


def entropy_in_range(value: Printed, *, k: int, n_categories: int, unit: str = "bit") -> Finding:
    """Check that the exposure entropy of full lists of k is between log k and log K.

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


def zero_sum(biases: Sequence[Printed], sizes: Sequence[int]) -> Finding:
    """Check that signed mean biases over all categories sum to zero, with strata weighted by size.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> zero_sum([printed("-.040"), printed(".020")], [1, 2]).status
    'pass'
    """
    if len(biases) != len(sizes):
        raise ShapeError(f"biases, sizes: {len(biases)} and {len(sizes)}; give one size a stratum")
    total = Printed(0.0)
    for bias, size in zip(biases, sizes, strict=True):
        total = total + bias.scaled(float(size))
    return agrees("zero sum", exact(0), total, says="signed biases should sum to {claimed}; they sum to {computed}")


def count_product(pairs: int, *, users: int, n_categories: int) -> Finding:
    """Check that the pairs of users and categories are as many as the product.

    Examples
    --------
    >>> count_product(379_962, users=19_998, n_categories=19).status
    'pass'
    """
    computed = exact(users * n_categories)
    return agrees(
        "count of pairs", exact(pairs), computed, says="{claimed} pairs are printed, {computed} is the product"
    )


def groups_sum_to(total: Printed, groups: Sequence[Printed]) -> Finding:
    """Check that the sizes of the groups of a partition sum to the total.

    Examples
    --------
    >>> groups_sum_to(exact(19), [exact(6), exact(6), exact(7)]).status
    'pass'
    """
    found = Printed(0.0)
    for group in groups:
        found = found + group
    return agrees(
        "sum of groups", total, found, says="{claimed} in all are printed, {computed} is the sum of the groups"
    )


def difference(claimed: Printed, left: Printed, right: Printed) -> Finding:
    """Check that a printed difference is that of its two terms.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> difference(printed(".033"), printed(".036"), printed(".002")).status
    'pass'
    """
    return agrees("difference", claimed, left - right, says="{claimed} is printed, {computed} is the difference")


def ratio(claimed: Printed, top: Printed, bottom: Printed) -> Finding:
    """Check that a printed ratio is within the range that the rounding of its two terms allows.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> ratio(printed("8.2"), printed(".197"), printed(".024")).status
    'pass'
    """
    return agrees("ratio", claimed, _ratio(top, bottom), says="{claimed} is printed, {computed} is the ratio")


def relative_change(claimed: Printed, new: Printed, old: Printed) -> Finding:
    """Check that a printed relative change is within the range that the rounding of its two terms allows.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> relative_change(printed("-38 %"), printed(".316"), printed(".510")).status
    'pass'
    """
    computed = _ratio(new, old) - exact(1)
    return agrees("relative change", claimed, computed, says="{claimed} is printed, {computed} is the change")


def list_ndcg_does_not_rise(later: Printed, earlier: Printed, *, length: int, cutoff: int) -> Finding:
    """Check that the NDCG of a list does not rise beyond its length: the ideal grows with the cut-off, the list cannot.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> list_ndcg_does_not_rise(printed(".613"), printed(".530"), length=5, cutoff=10).status
    'fail'
    """
    if cutoff < length:
        raise InputError(f"cutoff: {cutoff} is below the length {length} of the list; there it may rise")
    says = f"NDCG@{cutoff} {{left}} of a list of {length} should not exceed its NDCG@{length} {{right}}"
    return at_most("NDCG of a list", later, earlier, says=says)


def envelope_covers(value: Printed, js: Printed) -> Finding:
    """Check that a value used as a bound on the total variation is at least phi* of the JS in bits.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> envelope_covers(printed(".287"), printed(".062")).status
    'fail'
    """
    nominal, least = phi_star(js.value), phi_star(max(0.0, js.low))
    says = "the largest total variation at this JS, {left}, should not exceed the bound {right}"
    return at_most("envelope", Printed(nominal, nominal - least), value, says=says)


def _ratio(top: Printed, bottom: Printed) -> Printed:
    """Return a ratio with the larger of its two deviations; NaN if the denominator may be zero."""
    if bottom.low <= 0 <= bottom.high:
        return Printed(math.nan)
    value = top.value / bottom.value
    corners = [t / b for t in (top.low, top.high) for b in (bottom.low, bottom.high)]
    middle, half = (max(corners) + min(corners)) / 2, (max(corners) - min(corners)) / 2
    return Printed(value, half + abs(middle - value))


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
