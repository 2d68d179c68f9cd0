"""An upper bound on the mean NDCG of lists, given their captured mass and the concentration of users."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from spectra_eval.arrays import check_cutoff
from spectra_eval.audit._base import Finding, Printed, at_most
from spectra_eval.errors import InputError

__all__ = ["list_ndcg_does_not_rise", "list_ndcg_from_captured", "most_list_ndcg"]

_CELLS = 48
"""Intervals of the ideal gain; more give a bound that is a little lower."""


def most_list_ndcg(*, captured: float, top: float, k: int, n_categories: int) -> float:
    """Return an upper bound on the mean NDCG@k (linear gain) of lists of k distinct categories.

    The users' ideal gain is cut into intervals :math:`[s, t]`. Inside one, NDCG is at most 1 and at most the gain of
    the list over s, which is linear in the user's distribution, and the ideal gain is a maximum of linear forms, at
    most t. So what the users of an interval add up to satisfies linear constraints, and the whole is a linear
    programme, whose optimum is an upper bound for every partition. A list is taken in its best order, and the
    categories off it are taken alike: both can only raise the NDCG.

    Parameters
    ----------
    captured : float
        The mean mass on the lists is at most this.
    top : float
        The mean of the users' largest proportions is at least this.
    k : int
        The length of the lists, and the cut-off.
    n_categories : int
        K, more than k + 1.

    Returns
    -------
    float
        The bound, between 0 and 1.

    Raises
    ------
    InputError
        k is not between 1 and K, or no cohort has such a mean of largest proportions.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen, ACM TOIS 20 (2002) 422-446. doi:10.1145/582415.582418

    Examples
    --------
    >>> 0.8 < most_list_ndcg(captured=0.5, top=0.3, k=2, n_categories=6) <= 1.0
    True
    """
    from scipy.optimize import linprog
    from scipy.sparse import block_diag, csr_matrix, vstack

    check_cutoff(k, n_categories)
    weights = np.log(2.0) / np.log(np.arange(2, k + 2))
    edges = np.geomspace(weights.sum() / n_categories, 1.0, _CELLS + 1)
    cells = [
        _cell(weights, n_categories, float(low), float(high), outside=outside)
        for low, high in itertools.pairwise(edges)
        for outside in (False, True)
    ]
    below, even = (block_diag([cell[place] for cell in cells]) for place in (0, 1))

    def over_all(*of_kind: np.ndarray) -> csr_matrix:
        """Return the flags of the two kinds of users repeated over all intervals."""
        return csr_matrix(np.tile(np.concatenate(of_kind), _CELLS))

    people, listed, gain = (_marks(k, places) for places in ([0], range(1, k + 1), [k + 3]))
    largest = over_all(_marks(k, [1]), _marks(k, [k + 1]))
    found = linprog(  # type: ignore[call-overload]  # the stubs know no sparse matrix
        -over_all(gain, gain).toarray()[0],
        A_ub=vstack([below, -largest, over_all(listed, listed)]),
        b_ub=np.concatenate([np.zeros(below.shape[0]), [-top, captured]]),
        A_eq=vstack([even, over_all(people, people)]),
        b_eq=np.concatenate([np.zeros(even.shape[0]), [1.0]]),
        method="highs",
    )
    if found.status != 0:
        raise InputError(f"lists of {k}: no cohort has a largest proportion of {top:.4g} on average ({found.message})")
    return -float(found.fun)


def _marks(k: int, places: Iterable[int]) -> np.ndarray:
    row = np.zeros(k + 4)
    row[list(places)] = 1.0
    return row


def _cell(
    weights: np.ndarray, n_categories: int, low: float, high: float, *, outside: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the constraints of users whose ideal gain is in an interval: rows at most zero, and rows that are zero.

    Their largest proportion is on the list, or `outside` of it. The unknowns are the proportion of these users, the
    masses on the k places, that of the largest category outside, that of each further one, and the sum of the NDCG;
    where no category outside is singled out, its mass is zero.
    """
    k = len(weights)
    order = [*range(1, k + 1)]
    single, rest, gain = k + 1, k + 2, k + 3
    first = single if outside else 1
    rows = [_marks(k, [b]) - _marks(k, [a]) for a, b in itertools.pairwise(order)]
    rows.append(_marks(k, [rest]) - _marks(k, [first]))
    rows.append(_marks(k, [1]) - _marks(k, [first]))
    for pattern in itertools.product((False, True), repeat=k - outside):
        row, places = -high * _marks(k, [0]), iter(order)
        row[single] += weights[0] if outside else 0.0
        for weight, on_list in zip(weights[int(outside) :], pattern, strict=True):
            row[next(places) if on_list else rest] += weight
        rows.append(row)
    rows.append(_marks(k, [gain]) - _marks(k, [0]))
    of_list = _marks(k, [gain])
    of_list[order] -= weights / low
    rows.append(of_list)
    total = _marks(k, [*order, single]) + (n_categories - k - outside) * _marks(k, [rest]) - _marks(k, [0])
    return np.array(rows), np.array([total] if outside else [total, _marks(k, [single])])


def list_ndcg_from_captured(ndcg: Printed, captured: Printed, top: Printed, *, k: int, n_categories: int) -> Finding:
    """Check that the mean NDCG@k of lists of k can be as high as printed, given the mass on them.

    Parameters
    ----------
    ndcg : Printed
        The mean NDCG@k with linear gain.
    captured : Printed
        The mean mass on the same lists.
    top : Printed
        A lower bound on the mean of the users' largest proportions, such as the mean proportion of one category.
    k, n_categories : int
        The length of the lists, and how many categories there are.

    Returns
    -------
    Finding
        Whether some cohort can have that NDCG.

    Raises
    ------
    InputError
        k is not between 1 and K, or no cohort has such a mean of largest proportions.

    Examples
    --------
    >>> from spectra_eval.audit import printed
    >>> list_ndcg_from_captured(printed(".9"), printed(".1"), printed(".7"), k=2, n_categories=6).status
    'fail'
    """
    nominal = most_list_ndcg(captured=captured.value, top=top.value, k=k, n_categories=n_categories)
    most = most_list_ndcg(captured=captured.high, top=top.low, k=k, n_categories=n_categories)
    says = f"NDCG@{k} {{left}} should not exceed {{right}}, the most that lists with so much mass can have"
    return at_most("NDCG of lists by their mass", ndcg, Printed(nominal, most - nominal), says=says)


def list_ndcg_does_not_rise(later: Printed, earlier: Printed, *, length: int, cutoff: int) -> Finding:
    """Check that the NDCG of a list does not rise beyond its length: the ideal grows with the cut-off, the list cannot.

    Parameters
    ----------
    later : Printed
        NDCG at `cutoff`.
    earlier : Printed
        NDCG at `length`.
    length : int
        The length of the list.
    cutoff : int
        A cut-off of at least the length.

    Returns
    -------
    Finding
        ``pass``, ``fail``, or ``undetermined`` where the rounding decides.

    Raises
    ------
    InputError
        The cut-off is below the length.

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
