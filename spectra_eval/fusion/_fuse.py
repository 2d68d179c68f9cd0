"""The fused score, its weight, and its ranking metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spectra_eval._ties import TIE
from spectra_eval.arrays import check_cutoff, check_number, row_blocks
from spectra_eval.errors import InputError
from spectra_eval.fusion._files import ItemScores
from spectra_eval.simplex import uniform_on
from spectra_eval.stats.bootstrap import bootstrap as resampled
from spectra_eval.stats.folds import user_folds
from spectra_eval.tables import Interval, MetricResult, PreferenceTable

__all__ = ["WEIGHTS", "Fusion", "fuse", "ranked"]

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""The candidates for the weight; 0 leaves the scores unchanged."""
SMOOTHING = 1e-3
"""Weight of the uniform distribution in the mixture, so that no category has probability zero."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fusion:
    """Combined scores.

    Attributes
    ----------
    fused, standardised, log_prior : (M,) float arrays
        The fused score and its two terms; `log_prior` in nats.
    weight : (M,) float array
        The weight of each row.
    fold_weights : tuple of float
        Of each fold of users, where the weight was fitted; else the one weight.
    results : tuple of MetricResult
        ``item_ndcg@k`` and ``item_recall@k`` of the systems ``scores``, ``prior``, ``fused`` and of ``fused - scores``;
        empty without a truth.
    n_left_out : int
        Users without a relevant item, who are left out.

    Examples
    --------
    >>> z, zero = np.array([0.5, -0.5]), np.zeros(2)
    >>> Fusion(fused=z, standardised=z, log_prior=zero, weight=zero, fold_weights=(0.0,)).results
    ()
    """

    fused: np.ndarray
    standardised: np.ndarray
    log_prior: np.ndarray
    weight: np.ndarray
    fold_weights: tuple[float, ...]
    results: tuple[MetricResult, ...] = ()
    n_left_out: int = 0


def fuse(
    table: PreferenceTable,
    scores: ItemScores,
    *,
    weight: float | Literal["fitted"] = "fitted",
    k: int = 10,
    smoothing: float = SMOOTHING,
    bootstrap: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Fusion:
    r"""Combine item scores with the predicted category distribution as a prior.

    .. math:: \mathrm{fused}_{ui} = \frac{s_{ui} - \bar s_u}{\mathrm{sd}(s_u)} + w \ln p_{ui}, \qquad
        p_{ui} = \sum_c a_{ic}\, [(1 - \varepsilon)\, \theta_{uc} + \varepsilon / K]

    Parameters
    ----------
    table : PreferenceTable
        With `theta_s`, one record a user.
    scores : ItemScores
        Of users of the table.
    weight : float or "fitted"
        w, 0 or more. ``fitted``: of each fold of users (five, by the hash of their names), that of `WEIGHTS` with the
        best mean NDCG of the users of the other folds; the smaller one for ties. It needs a truth.
    k : int
        The cut-off of both metrics.
    smoothing : float
        epsilon, above 0 and at most 1.
    bootstrap : int
        Resamples of users; 0 leaves the intervals out.
    level : float
        Of the intervals.
    rng : numpy.random.Generator, optional
        Of the resamples; seed 0 when it is not given.

    Returns
    -------
    Fusion
        The fused scores in the order of `scores`, and the metrics where there is a truth.

    Raises
    ------
    InputError
        The table has no readout or several records of a user, a user is missing, an option is out of range, or a
        weight is to be fitted without a truth.

    Notes
    -----
    Ties in a score count as every order of them on average, as in `category_ndcg`. NDCG has a linear gain; recall is
    the proportion of the relevant items among the first k. Both are means over users with a relevant item.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann"], categories=("Noir", "War"), counts=[[1, 1]], theta_s=[[0.8, 0.2]])
    >>> scores = ItemScores(
    ...     users=np.array(["ann"] * 3), items=np.array(["x", "y", "z"]), scores=np.array([2.0, 2.0, 1.0]),
    ...     shares=np.array([[1.0, 0.0], [0.0, 1.0]]), item_row=np.array([1, 0, 0]), categories=("Noir", "War"),
    ... )
    >>> fuse(table, scores, weight=1.0).fused.argsort()[::-1].tolist()
    [1, 0, 2]
    """
    _check(table, scores, weight, k, smoothing)
    record = {user: row for row, user in enumerate(table.users.tolist())}
    names, user = np.unique(scores.users.astype(str), return_inverse=True)
    prior = _prior(table, np.array([record[name] for name in names])[user], scores, smoothing)
    if not prior.all():
        place = int(np.flatnonzero(prior == 0)[0])
        where = f"item {str(scores.items[place])!r} of user {str(names[user[place]])!r}"
        raise InputError(f"{where}: none of its categories is an option of this user; leave its score out")
    log_prior = np.log(prior)
    standardised = _standardised(scores.scores, user)

    def performance(fused: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert scores.truth is not None
        return ranked(user, fused, scores.truth, n_users=len(names), k=k)

    if weight == "fitted":
        folds = user_folds(names)
        per_weight = np.array([performance(standardised + w * log_prior)[0] for w in WEIGHTS])
        fold_weights = _cross_fitted(per_weight, folds)
        used = np.array(fold_weights)[folds][user]
    else:
        fold_weights = (float(weight),)
        used = np.full(len(user), float(weight))
    fused = standardised + used * log_prior
    results: tuple[MetricResult, ...] = ()
    left_out = 0
    if scores.truth is not None:
        systems = {"scores": performance(standardised), "prior": performance(log_prior), "fused": performance(fused)}
        known = np.isfinite(systems["fused"][0])
        left_out = int((~known).sum())
        if not known.any():
            raise InputError("column truth: no user has a relevant item; there is nothing to compare the ranking with")
        systems["fused - scores"] = tuple(a - b for a, b in zip(systems["fused"], systems["scores"], strict=True))
        rng = np.random.default_rng(0) if rng is None else rng
        results = tuple(
            _result(f"{metric}@{k}", system, values[place][known], bootstrap, level, rng)
            for place, metric in enumerate(("item_ndcg", "item_recall"))
            for system, values in systems.items()
        )
    return Fusion(
        fused=fused,
        standardised=standardised,
        log_prior=log_prior,
        weight=used,
        fold_weights=fold_weights,
        results=results,
        n_left_out=left_out,
    )


def _prior(table: PreferenceTable, record: np.ndarray, scores: ItemScores, smoothing: float) -> np.ndarray:
    """Return the smoothed probability of the categories of each scored item, (M,), given the record of each row."""
    assert table.theta_s is not None  # checked by `_check`
    prior = np.empty(len(record))
    for rows in row_blocks(len(record), table.n_categories):
        own = record[rows]
        base = 1.0 / table.n_categories if table.support is None else uniform_on(table.support[own])
        theta = (1 - smoothing) * table.theta_s[own] + smoothing * base
        prior[rows] = np.einsum("mk,mk->m", theta, scores.shares[scores.item_row[rows]])
    return prior


def ranked(
    user: np.ndarray, scores: np.ndarray, truth: np.ndarray, *, n_users: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return NDCG@k and recall@k of each user's items ranked by score, averaged over the order of ties.

    Parameters
    ----------
    user : (M,) int array
        Below `n_users`.
    scores, truth : (M,) float arrays
        Scores, higher is better; gains, 0 or more.
    n_users, k : int
        N and the cut-off.

    Returns
    -------
    (N,) float array, (N,) float array
        NaN for a user without a relevant item.

    Examples
    --------
    >>> ndcg, recall = ranked(np.array([0, 0, 0]), np.array([3.0, 2.0, 1.0]), np.array([0, 1, 0]), n_users=1, k=2)
    >>> ndcg.round(4).tolist(), recall.tolist()
    ([0.6309], [1.0])
    """
    gains, place = _expected(user, scores, truth, n_users)
    hits, _ = _expected(user, scores, truth > 0, n_users)
    ideal, _ = _expected(user, truth, truth, n_users)
    shown = place < k
    discount = np.where(shown, 1.0 / np.log(place + 2.0), 0.0)
    ordered = np.sort(user, kind="stable")

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(ordered, weights=values, minlength=n_users)

    best, relevant = total(ideal * discount), np.bincount(user, weights=truth > 0, minlength=n_users)
    with np.errstate(divide="ignore", invalid="ignore"):
        ndcg, recall = total(gains * discount) / best, total(hits * shown) / relevant
    return np.where(relevant > 0, ndcg, np.nan), np.where(relevant > 0, recall, np.nan)


def _expected(user: np.ndarray, scores: np.ndarray, gains: np.ndarray, n_users: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort by user and score; return the expected gain at each rank, averaged over ties, and the ranks from 0."""
    order = np.lexsort((-scores, user))
    who, values, sorted_gains = user[order], scores[order], gains[order].astype(np.float64)
    first = np.ones(len(who), dtype=bool)
    largest = np.zeros(n_users)
    np.maximum.at(largest, who, np.abs(values))
    first[1:] = (who[1:] != who[:-1]) | ~(values[:-1] - values[1:] <= TIE * largest[who[1:]])
    group = np.cumsum(first) - 1
    mean = np.bincount(group, weights=sorted_gains) / np.bincount(group)
    starts = np.concatenate(([0], np.cumsum(np.bincount(user, minlength=n_users))))[:-1]
    return mean[group], np.arange(len(who)) - starts[who]


def _standardised(scores: np.ndarray, user: np.ndarray) -> np.ndarray:
    """Return each user's scores with mean 0 and standard deviation 1; constant scores become 0."""
    count = np.bincount(user)
    centred = scores - (np.bincount(user, weights=scores) / count)[user]
    spread = np.sqrt(np.bincount(user, weights=centred**2) / count)
    largest = np.zeros(len(count))
    np.maximum.at(largest, user, np.abs(scores))
    flat = spread <= 1e-12 * largest
    return np.where(flat[user], 0.0, centred / np.where(flat, 1.0, spread)[user])


def _cross_fitted(per_weight: np.ndarray, folds: np.ndarray) -> tuple[float, ...]:
    """Return for each fold the weight with the best mean value on the other folds, given (W, N) values."""
    known = np.isfinite(per_weight[0])
    chosen = []
    for fold in range(int(folds.max()) + 1):
        others = known & (folds != fold)
        if not others.any():
            raise InputError(
                "weight: no other user has a relevant item to fit it on; give a number instead of 'fitted'"
            )
        means = per_weight[:, others].mean(axis=1)
        chosen.append(WEIGHTS[int(np.flatnonzero(means >= means.max() - 1e-12)[0])])
    return tuple(chosen)


def _only(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def _result(
    metric: str, system: str, values: np.ndarray, n_resamples: int, level: float, rng: np.random.Generator
) -> MetricResult:
    interval: Interval | None = None
    if n_resamples:
        interval = resampled(values[:, None], value=_only, rng=rng, n_resamples=n_resamples, level=level)
    return MetricResult(
        metric=metric,
        unit="1",
        system=system,
        stratum="all",
        value=float(values.mean()),
        interval=interval,
        n_users=len(values),
    )


def _check(table: PreferenceTable, scores: ItemScores, weight: float | str, k: int, smoothing: float) -> None:
    if table.theta_s is None:
        raise InputError("column theta_s: missing; use a table from `probe` or `baseline`")
    known = set(table.users.tolist())
    if len(known) < table.n_users:
        raise InputError("column user: some have several records; fuse a table with one context window and horizon")
    unknown = [user for user in scores.users.tolist() if user not in known]
    if unknown:
        raise InputError(f"scores: user {unknown[0]!r} is not in the table; leave the rows out, or probe that user")
    if scores.categories != table.categories:
        raise InputError(
            "categories: the scores and the table have different categories; read the scores with those of the table"
        )
    check_cutoff(k)
    if not 0 < check_number("smoothing", smoothing) <= 1:
        raise InputError(f"smoothing: {smoothing} is not above 0 and at most 1")
    if weight == "fitted":
        if scores.truth is None:
            raise InputError("weight: cannot be fitted without a column truth; give a number")
    elif isinstance(weight, str) or check_number("weight", weight) < 0:
        raise InputError(f"weight: {weight!r} is neither a number of at least 0 nor the word 'fitted'")
