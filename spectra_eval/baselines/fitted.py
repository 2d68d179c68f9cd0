"""Predictors with a few parameters fitted on other users, which a model should outperform.

No parameter is fitted on the user it is used for: users are divided into folds, and each fold is predicted with
parameters fitted on the other folds (`_crossfit`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize

from spectra_eval import simplex
from spectra_eval.arrays import row_blocks
from spectra_eval.baselines._base import (
    BASELINES,
    Baseline,
    Prediction,
    Predictor,
    RowPrediction,
    has_history,
    popular_rows,
    popularity_of,
    shares_or_popularity,
)
from spectra_eval.baselines._crossfit import FOLDS, cross_fit
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable

__all__ = ["MOST_CATEGORIES", "PENALTIES", "linear", "mixture"]

PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Strengths of the ridge penalty; `linear` selects one on a fifth of the users that it is fitted on."""

MOST_CATEGORIES = 300
"""The maximum number of categories of `linear`, whose coordinates need memory in its cube: 2.4 GiB for 300."""

_STEPS = 500
_FOLDS = f"cross-fitted: each of {FOLDS} groups of users by the others"


def mixture(table: PreferenceTable) -> Prediction:
    """Predict the window by each user's history distribution mixed with popularity.

    The weight minimises the mean JS divergence on the users of the other folds. The mean is convex in the
    weight, so a search over one number finds its minimum.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` holds the histories.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K); `fitted` holds the weight of each fold.

    Raises
    ------
    InputError
        The table has no histories, or too few users to fit on.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.integers(1, 9, size=(60, 3))
    >>> users = [f"u{number}" for number in range(60)]
    >>> table = PreferenceTable(users=users, categories=("a", "b", "c"), counts=counts, history_counts=counts)
    >>> mixture(table).theta.shape
    (60, 3)
    """
    return _mixture_rows(table).whole(table)


def _mixture_rows(table: PreferenceTable) -> RowPrediction:
    popularity, known = popularity_of(table), has_history(table)
    make, found = cross_fit(table, known, "mixture", lambda train: _fit_mixture(train, popularity))
    return RowPrediction(
        make=make,
        counted={"users_without_history": int((~known).sum())},
        fitted={"history_weight": [round(weight, 4) for weight in found], "fitting": _FOLDS},
    )


def linear(table: PreferenceTable) -> Prediction:
    """Predict the window by a softmax regression on the user's history distribution and its square roots.

    Each fold is fitted by penalised maximum likelihood with the observed frequencies as soft labels. Inputs have mean
    0 and deviation 1 among the users that are fitted on; the penalty is the best one of `PENALTIES`
    on a fifth of these users after a fit on the others.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` holds the histories.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K); `fitted` holds the penalty of each fold.

    Raises
    ------
    InputError
        The table has no histories, or too few users to fit on.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.integers(1, 9, size=(60, 3))
    >>> users = [f"u{number}" for number in range(60)]
    >>> table = PreferenceTable(users=users, categories=("a", "b", "c"), counts=counts, history_counts=counts)
    >>> linear(table).theta.shape
    (60, 3)
    """
    return _linear_rows(table).whole(table)


def _linear_rows(table: PreferenceTable) -> RowPrediction:
    if table.n_categories > MOST_CATEGORIES:
        raise InputError(
            f"baseline 'linear': {table.n_categories:,} categories; it is fitted for {MOST_CATEGORIES} at most, as its "
            f"memory grows with their cube; choose 'mixture', or merge categories (`merge --to {MOST_CATEGORIES}`)"
        )
    popularity, known = popularity_of(table), has_history(table)
    make, found = cross_fit(table, known, "linear", lambda train: _fit_linear(train, popularity))
    return RowPrediction(
        make=make,
        counted={"users_without_history": int((~known).sum())},
        fitted={"penalty": found, "fitting": _FOLDS},
    )


def _fit_mixture(train: PreferenceTable, popularity: np.ndarray) -> tuple[Predictor, float]:
    """Return the mixture with the best weight for some records, as a function of other records, and the weight."""
    own, truth = shares_or_popularity(train, popularity), train.theta_star
    popular_share = popular_rows(train, popularity)

    def loss(weight: float) -> float:
        divergences = [
            simplex.js_nats(truth[rows], weight * own[rows] + (1.0 - weight) * popular_share[rows])
            for rows in row_blocks(*own.shape)
        ]
        return float(np.concatenate(divergences).mean())

    found = optimize.minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-4})
    weight = min((0.0, 1.0, float(found.x)), key=loss)

    def predict(block: PreferenceTable) -> np.ndarray:
        return weight * shares_or_popularity(block, popularity) + (1.0 - weight) * popular_rows(block, popularity)

    return predict, weight


def _fit_linear(train: PreferenceTable, popularity: np.ndarray) -> tuple[Predictor, float]:
    """Return the regression of some records, as a function of other records, and its penalty."""

    def inputs(block: PreferenceTable) -> np.ndarray:
        shares = shares_or_popularity(block, popularity)
        return np.hstack([shares, np.sqrt(shares)])

    given, truth = inputs(train), train.theta_star
    design = _design(given)
    x = design(given)
    penalty = _choose_penalty(x, truth, train.support)
    weights = _regress(x, truth, penalty, train.support)
    return lambda block: _softmax(design(inputs(block)) @ weights, block.support), penalty


def _design(given: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that standardises inputs by the given ones and prepends a constant one."""
    centre, scale = given.mean(axis=0), given.std(axis=0)
    scale[scale == 0] = 1.0
    return lambda values: np.hstack([np.ones((len(values), 1)), (values - centre) / scale])


def _select(offered: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if offered is None else offered[rows]


def _choose_penalty(x: np.ndarray, truth: np.ndarray, offered: np.ndarray | None) -> float:
    held_out = np.arange(len(x)) % FOLDS == FOLDS - 1  # rows are in the order of a hash
    if not held_out.any():
        return PENALTIES[-1]  # too few users to select: use the strongest penalty
    losses = []
    start = None
    for penalty in reversed(PENALTIES):
        start = _regress(x[~held_out], truth[~held_out], penalty, _select(offered, ~held_out), start)
        predicted = _softmax(x[held_out] @ start, _select(offered, held_out))
        losses.append(float(simplex.js_nats(truth[held_out], predicted).mean()))
    return PENALTIES[len(PENALTIES) - 1 - int(np.argmin(losses))]


def _regress(
    x: np.ndarray,
    truth: np.ndarray,
    penalty: float,
    offered: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return the (inputs, K) weights of least penalised cross-entropy; the first input, a one, is not penalised.

    Each row's probabilities are over its options (all categories where `offered` is None).

    The search uses coordinates in which the curvature at the mean of the target is the identity, since correlated
    inputs make it slow otherwise.
    """
    shape = (x.shape[1], truth.shape[1])
    penalties = np.full((shape[0], 1), penalty)
    penalties[0] = 0.0
    turned, back = _coordinates(x, truth, penalties)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.einsum("kij,jk->ik", back, flat.reshape(shape))
        scores = x @ weights
        if offered is None:
            scores -= scores.max(axis=1, keepdims=True)
            powers = np.exp(scores)
        else:
            scores -= scores.max(axis=1, keepdims=True, where=offered, initial=-np.inf)
            powers = np.exp(scores, where=offered, out=np.zeros_like(scores))
        total = powers.sum(axis=1, keepdims=True)
        value = float((truth * (np.log(total) - scores)).sum() + (penalties * weights**2).sum() / 2)
        slope = x.T @ (powers / total - truth) + penalties * weights
        return value, np.einsum("kij,ik->jk", back, slope).ravel()

    begin = np.zeros(shape) if start is None else np.einsum("kij,jk->ik", turned, start)
    found = optimize.minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.einsum("kij,jk->ik", back, found.x.reshape(shape))


def _coordinates(x: np.ndarray, truth: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each category the map into coordinates of unit curvature and its inverse, (K, inputs, inputs)."""
    mean = truth.mean(axis=0)
    rate = np.maximum(mean * (1.0 - mean), 1e-6)[:, None, None]
    # A floor as small as rounding keeps the factors where an input is the same for everybody.
    floor = 1e-9 * len(x) * np.eye(x.shape[1])
    root = np.linalg.cholesky(rate * (x.T @ x + floor) + np.diag(penalties[:, 0]))
    turned = root.transpose(0, 2, 1)
    return turned, np.linalg.inv(turned)


def _softmax(scores: np.ndarray, offered: np.ndarray | None = None) -> np.ndarray:
    if offered is not None:
        scores = np.where(offered, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


BASELINES.add(
    Baseline(
        name="mixture",
        predict=mixture,
        summary="History shares mixed with popularity, the weight fitted on other users.",
        reference="Jelinek and Mercer (1980); Zhai and Lafferty (2004), doi:10.1145/984321.984322",
        gloss="history and popularity mixed",
        needs=("history_counts",),
        rows=_mixture_rows,
        fit=_fit_mixture,
    )
)
BASELINES.add(
    Baseline(
        name="linear",
        predict=linear,
        summary="Softmax regression from history shares to the window, fitted on other users.",
        reference="Cox (1966), multinomial logistic regression; Stone (1974), doi:10.1111/j.2517-6161.1974.tb00994.x",
        gloss="a linear model of the history",
        needs=("history_counts",),
        fit=_fit_linear,
    )
)
