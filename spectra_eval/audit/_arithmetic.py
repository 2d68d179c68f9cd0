"""Checks of sums, differences and ratios of printed numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spectra_eval.audit._base import Finding, Printed, agrees, exact
from spectra_eval.errors import ShapeError

__all__ = [
    "count_product",
    "difference",
    "groups_sum_to",
    "ratio",
    "relative_change",
    "zero_sum",
]


def zero_sum(biases: Sequence[Printed], sizes: Sequence[int]) -> Finding:
    """Check that signed mean biases over all categories sum to zero, with strata weighted by size.

    Parameters
    ----------
    biases : sequence of Printed
        The mean bias of each stratum of categories.
    sizes : sequence of int
        The number of categories in each.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    ShapeError
        The numbers of biases and sizes differ.

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

    Parameters
    ----------
    pairs : int
        The number of pairs.
    users, n_categories : int
        N and K.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

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

    Parameters
    ----------
    total : Printed
        The size of the whole.
    groups : sequence of Printed
        The sizes of the groups.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

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

    Parameters
    ----------
    claimed : Printed
        The difference.
    left, right : Printed
        Its terms: left minus right.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> difference(printed(".033"), printed(".036"), printed(".002")).status
    'pass'
    """
    return agrees("difference", claimed, left - right, says="{claimed} is printed, {computed} is the difference")


def ratio(claimed: Printed, top: Printed, bottom: Printed) -> Finding:
    """Check that a printed ratio is within the range that the rounding of its two terms allows.

    Parameters
    ----------
    claimed : Printed
        The ratio.
    top, bottom : Printed
        Its terms: top over bottom.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> ratio(printed("8.2"), printed(".197"), printed(".024")).status
    'pass'
    """
    return agrees("ratio", claimed, _ratio(top, bottom), says="{claimed} is printed, {computed} is the ratio")


def relative_change(claimed: Printed, new: Printed, old: Printed) -> Finding:
    """Check that a printed relative change is within the range that the rounding of its two terms allows.

    Parameters
    ----------
    claimed : Printed
        The change, as a proportion of `old`.
    new, old : Printed
        Its terms.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> relative_change(printed("-38 %"), printed(".316"), printed(".510")).status
    'pass'
    """
    computed = _ratio(new, old) - exact(1)
    return agrees("relative change", claimed, computed, says="{claimed} is printed, {computed} is the change")


def _ratio(top: Printed, bottom: Printed) -> Printed:
    """Return a ratio with the larger of its two deviations; NaN if the denominator may be zero."""
    if bottom.low <= 0 <= bottom.high:
        return Printed(math.nan)
    value = top.value / bottom.value
    corners = [t / b for t in (top.low, top.high) for b in (bottom.low, bottom.high)]
    middle, half = (max(corners) + min(corners)) / 2, (max(corners) - min(corners)) / 2
    return Printed(value, half + abs(middle - value))
