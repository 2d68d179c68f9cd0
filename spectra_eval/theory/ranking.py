"""Conditions for the correct ranking by a close distribution, and bounds on the loss otherwise.

G* is the set of the k categories with the largest probabilities in theta_star, M(L) the mass of theta_star on a list L.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import as_array, as_simplex, check_cutoff, check_number, short_repr
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.simplex import linf
from spectra_eval.theory._js_curve import _unit_interval, psi
from spectra_eval.theory._regret import _mass, _top_mask, order_regret_bound, regret, regret_bound
from spectra_eval.theory.truncation import _on_list
from spectra_eval.units import Information

__all__ = [
    "ExpectationForm",
    "Theorem1",
    "expectation_form",
    "js_ceiling_through_phi",
    "order_regret_bound",
    "regret",
    "regret_bound",
    "theorem_1",
    "theorem_1_symmetric",
    "top_k",
    "top_k_gap",
]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Theorem1:
    """The hypotheses of Theorem 1 checked for each user, and the masses that it compares.

    Attributes
    ----------
    eps : (...) float array
        Bound on the largest difference in one category that was used.
    gap : (...) float array
        theta_star at rank k minus theta_star at rank k+1.
    recovers : (...) bool array
        Hypotheses (i) and (ii): Linf <= eps and gap > 2 eps. Then the top k of theta_s is G*, whatever the list.
    differs : (...) bool array
        Hypothesis (iii): the list is not G* as a *set*, and has at most k categories.
    holds : (...) bool array
        All of them: the top k of theta_s then captures strictly more mass than the list.
    mass_top, mass_list, mass_best : (...) float array
        Mass of theta_star on the top k of theta_s, on the list, and on G*.

    Examples
    --------
    >>> from spectra_eval.theory import theorem_1
    >>> found = theorem_1([[0.6, 0.3, 0.1]], [[0.55, 0.33, 0.12]], [[2]], k=1)
    >>> found.holds.tolist(), found.mass_top.round(3).tolist()
    ([True], [0.6])
    """

    __repr__ = short_repr

    eps: Any
    gap: Any
    recovers: Any
    differs: Any
    holds: Any
    mass_top: Any
    mass_list: Any
    mass_best: Any


def top_k(theta: Any, *, k: int) -> np.ndarray:
    """Return the k most probable categories, best first; ties go to the lower index.

    Parameters
    ----------
    theta : (..., K) float array
        Rows on the simplex.
    k : int
        Cut-off: length of the top list, at least 1.

    Returns
    -------
    (..., k) int array
        Indices of categories.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        k is below 1 or exceeds K.

    Examples
    --------
    >>> top_k([0.25, 0.5, 0.25], k=2).tolist()
    [1, 0]
    """
    (rows,) = as_simplex(theta=theta)
    check_cutoff(k, rows.shape[-1])
    return ties.order(rows)[..., :k]


def top_k_gap(theta: Any, *, k: int) -> Any:
    """Return the probability at rank k minus the probability at rank k+1.

    Parameters
    ----------
    theta : (..., K) float array
        Rows on the simplex.
    k : int
        Cut-off: length of the top list, at least 1.

    Returns
    -------
    float or (...) float array
        In [0, 1].

    Raises
    ------
    AssumptionError
        k is not below the number of categories: there is no rank k+1.
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.

    Examples
    --------
    >>> round(top_k_gap([0.25, 0.5, 0.25], k=1), 3)
    0.25
    """
    (rows,) = as_simplex(theta=theta)
    gap = _gap(rows, k)
    return float(gap) if gap.ndim == 0 else gap


def theorem_1(theta_star: Any, theta_s: Any, lists: Any, *, k: int, eps: Any = None) -> Theorem1:
    """Check Theorem 1 for each user, and return the masses it compares.

    If Linf(theta_star, theta_s) <= eps, gap > 2 eps, and L is not G* as a set with |L| <= k, then the top k of theta_s
    is G* and M(G*) > M(L).

    Parameters
    ----------
    theta_star, theta_s : (..., K) float array
        Rows on the simplex.
    lists : (..., L) int array
        Decoded categories; negative entries are no category, and repeats count once.
    k : int
        Cut-off, below K.
    eps : float or (...) array, optional
        An upper bound on Linf from elsewhere, for instance phi* of the user's own JS. By default Linf itself.

    Returns
    -------
    Theorem1
        Arrays of shape (...).

    Raises
    ------
    AssumptionError
        k is not below K, or a list has more than k categories.

    Notes
    -----
    Assumptions: those three, checked user by user. Tight: at gap = 2 eps a tie is possible. The paper writes L != G* of
    lists; it holds for sets only, as a permuted list captures the same mass.

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 1.

    Examples
    --------
    >>> found = theorem_1([[0.5, 0.3, 0.15, 0.05]], [[0.48, 0.31, 0.14, 0.07]], [[0, 2]], k=2)
    >>> bool(found.holds[0]), float(found.mass_top[0]) > float(found.mass_list[0])
    (True, True)
    """
    star, predicted = as_simplex(theta_star=theta_star, theta_s=theta_s)
    gap = _gap(star, k)
    on_list = _on_list(star, lists, None)
    if (on_list.sum(axis=-1) > k).any():
        raise AssumptionError(f"lists: one has more than k = {k} categories; cut it to its first {k} or raise k")
    distance = np.asarray(linf(star, predicted))
    radius = distance if eps is None else as_array("eps", eps)
    best, found = _top_mask(star, k), _top_mask(predicted, k)
    recovers = (distance <= radius) & (gap > np.maximum(2 * radius, ties.TIE))
    differs = np.asarray((on_list != best).any(axis=-1))
    return Theorem1(
        eps=radius,
        gap=gap,
        recovers=recovers,
        differs=differs,
        holds=recovers & differs,
        mass_top=_mass(star, found),
        mass_list=_mass(star, on_list),
        mass_best=_mass(star, best),
    )


def theorem_1_symmetric(theta_s: Any, *, k: int, eps: Any) -> Any:
    """Return whether the gap of theta_s alone shows that its top k is G*: gap of theta_s > 2 eps.

    The form for deployment: only the gap of theta_s is read.

    Parameters
    ----------
    theta_s : (..., K) float array
        Rows on the simplex.
    k : int
        Cut-off, below K.
    eps : float or (...) array
        Upper bound on Linf(theta_star, theta_s) of each user.

    Returns
    -------
    bool or (...) bool array
        gap(theta_s) > 2 eps.

    Raises
    ------
    AssumptionError
        k is not below K.

    Examples
    --------
    >>> theorem_1_symmetric([[0.6, 0.3, 0.1], [0.4, 0.35, 0.25]], k=1, eps=0.1).tolist()
    [True, False]
    """
    (predicted,) = as_simplex(theta_s=theta_s)
    out = np.asarray(_gap(predicted, k) > np.maximum(2 * np.asarray(_unit_interval("eps", eps)), ties.TIE))
    return bool(out) if out.ndim == 0 else out


def js_ceiling_through_phi(k: int) -> Information:
    """Return the JS from which on phi* certifies no ranking at cut-off k: psi(1/(2k)).

    theta_star at rank k is at most 1/k, so half a gap is at most 1/(2k). The exact radius reaches further:
    `rank_radius.js_ceiling`.

    Parameters
    ----------
    k : int
        Cut-off: length of the top list, at least 1.

    Returns
    -------
    Information
        Between 0 and 1 bit.

    Raises
    ------
    InputError
        k is not a whole number of at least 1.

    Examples
    --------
    >>> [round(js_ceiling_through_phi(k).bits, 5) for k in (1, 2, 5, 10)]
    [0.18872, 0.04557, 0.00723, 0.0018]
    """
    check_cutoff(k)
    return psi(1.0 / (2 * k))


@dataclass(frozen=True, kw_only=True)
class ExpectationForm:
    """A lower bound on an expected gain, and the probability above which it is positive.

    Attributes
    ----------
    lower : float
        Lower bound on the expected gain.
    threshold : float
        Probability of the favourable event above which the bound is positive.

    Examples
    --------
    >>> from spectra_eval.theory import expectation_form
    >>> round(expectation_form(probability=0.9, gain=0.2).threshold, 4)
    0.8333
    """

    lower: float
    threshold: float


def expectation_form(*, probability: float, gain: float, largest_loss: float = 1.0) -> ExpectationForm:
    """Bound an expected gain from below by eq. (9): E[Gain] >= P g - Fmax (1 - P), positive iff P > Fmax / (Fmax + g).

    Parameters
    ----------
    probability : float
        P, a lower bound on the probability of the favourable event.
    gain : float
        g > 0: the gain is at least this on the event.
    largest_loss : float
        Fmax: the gain is at least -Fmax off the event. It must hold for *all* users; for masses 1 serves.

    Returns
    -------
    ExpectationForm
        In the unit of the gain, and a probability.

    Raises
    ------
    InputError
        P is outside [0, 1], or g or Fmax is not positive.

    Notes
    -----
    Tight: a gain of exactly g and -Fmax. For the radius of the mean gain the range is 2 Fmax
    (`hoeffding_radius(n, error=a / 2, width=2 * Fmax)`); for the *probability* of the event it is 1, half of the
    paper's eq. (10) at Fmax = 1.

    References
    ----------
    .. [1] arXiv:2509.24189, eqs. (9) and (10).

    Examples
    --------
    >>> found = expectation_form(probability=0.9, gain=0.2)
    >>> round(found.lower, 3), round(found.threshold, 4)
    (0.08, 0.8333)
    """
    check_number("gain", gain)
    check_number("largest_loss", largest_loss)
    share = float(_unit_interval("probability", probability))
    if gain <= 0 or largest_loss <= 0:
        raise InputError(f"gain, largest_loss: {gain} and {largest_loss} must both be positive")
    return ExpectationForm(
        lower=share * gain - largest_loss * (1 - share), threshold=largest_loss / (largest_loss + gain)
    )


def _gap(rows: np.ndarray, k: int) -> np.ndarray:
    check_cutoff(k)
    n_categories = rows.shape[-1]
    if k >= n_categories:
        raise AssumptionError(f"k: {k} leaves no category of {n_categories} outside the top; choose k < {n_categories}")
    ordered = np.sort(rows, axis=-1)
    return np.asarray(ordered[..., n_categories - k] - ordered[..., n_categories - k - 1])
