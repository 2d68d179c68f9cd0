"""Frequency baselines: uniform, popularity, and the user's own history."""

from __future__ import annotations

import numpy as np

from spectra_eval.baselines._base import (
    BASELINES,
    Baseline,
    Prediction,
    RowPrediction,
    has_history,
    history_within,
    popular_rows,
    popularity_of,
    shares_or_popularity,
)
from spectra_eval.simplex import uniform_on
from spectra_eval.tables import PreferenceTable

__all__ = ["LAPLACE", "history", "laplace", "popularity", "uniform"]

LAPLACE = 1.0
"""The weight that `laplace` adds to each category."""


def uniform(table: PreferenceTable) -> Prediction:
    """Predict the same probability for every category that a record offers.

    Parameters
    ----------
    table : PreferenceTable
        The table; only its categories and its `support` matter.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Examples
    --------
    >>> uniform(PreferenceTable(users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]])).theta.tolist()
    [[0.5, 0.5]]
    """
    return _uniform_rows(table).whole(table)


def _uniform_rows(table: PreferenceTable) -> RowPrediction:
    return RowPrediction(make=lambda rows: _alike(table.select(rows)))


def _alike(table: PreferenceTable) -> np.ndarray:
    if table.support is not None:
        return uniform_on(table.support)
    return popular_rows(table, np.full(table.n_categories, 1.0 / table.n_categories))


def popularity(table: PreferenceTable) -> Prediction:
    """Predict the mean of all users' history distributions, on the options of each record.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` holds the histories.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Raises
    ------
    InputError
        No user has a history.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a", "b"], categories=("Drama", "Noir"), counts=[[1, 0], [0, 1]], history_counts=[[3, 1], [1, 3]]
    ... )
    >>> popularity(table).theta.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return _popularity_rows(table).whole(table)


def _popularity_rows(table: PreferenceTable) -> RowPrediction:
    popular = popularity_of(table)
    return RowPrediction(make=lambda rows: popular_rows(table, popular, rows))


def history(table: PreferenceTable) -> Prediction:
    """Predict each user's own history distribution; users without a history get popularity, and are counted.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` holds the histories.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Raises
    ------
    InputError
        No user has a history.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a", "b"], categories=("Drama", "Noir"), counts=[[1, 0], [0, 1]], history_counts=[[3, 1], [0, 0]]
    ... )
    >>> history(table).theta.tolist(), dict(history(table).counted)
    ([[0.75, 0.25], [0.75, 0.25]], {'users_without_history': 1})
    """
    return _history_rows(table).whole(table)


def _history_rows(table: PreferenceTable) -> RowPrediction:
    popular = popularity_of(table)
    return RowPrediction(
        make=lambda rows: shares_or_popularity(table.select(rows), popular), counted=_count_without_history(table)
    )


def laplace(table: PreferenceTable) -> Prediction:
    """Predict each user's history distribution, smoothed: `LAPLACE` is added to the weight of each category.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` holds the histories.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Examples
    --------
    >>> table = PreferenceTable(users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]], history_counts=[[0, 0]])
    >>> laplace(table).theta.tolist()
    [[0.5, 0.5]]
    """
    return _laplace_rows(table).whole(table)


def _laplace_rows(table: PreferenceTable) -> RowPrediction:
    return RowPrediction(make=lambda rows: _smoothed(table.select(rows)), counted=_count_without_history(table))


def _smoothed(table: PreferenceTable) -> np.ndarray:
    weights = history_within(table) + LAPLACE
    if table.support is not None:
        weights *= table.support
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _count_without_history(table: PreferenceTable) -> dict[str, int]:
    return {"users_without_history": int((~has_history(table)).sum())}


_STECK = "Steck (2018), section 3, doi:10.1145/3240323.3240372"
_ZHAI = "Zhai and Lafferty (2004), doi:10.1145/984321.984322"

for _entry in (
    Baseline(
        name="uniform",
        predict=uniform,
        summary="Every category alike: what a readout without any signal holds.",
        reference="the reference of no knowledge",
        gloss="every category alike",
        rows=_uniform_rows,
        from_popularity=lambda popular: _alike,
    ),
    Baseline(
        name="popularity",
        predict=popularity,
        summary="The mean of all users' history shares, the same for everybody.",
        reference="Cremonesi, Koren and Turrin (2010), doi:10.1145/1864708.1864721",
        gloss="everybody's average",
        needs=("history_counts",),
        rows=_popularity_rows,
        from_popularity=lambda popular: lambda table: popular_rows(table, popular),
    ),
    Baseline(
        name="history",
        predict=history,
        summary="The user's own history shares; popularity where there is no history.",
        reference=_STECK,
        gloss="the user's own history",
        needs=("history_counts",),
        rows=_history_rows,
        from_popularity=lambda popular: lambda table: shares_or_popularity(table, popular),
    ),
    Baseline(
        name="laplace",
        predict=laplace,
        summary=f"The user's own history with {LAPLACE:g} added to each category.",
        reference=_ZHAI,
        gloss="the history, smoothed",
        needs=("history_counts",),
        rows=_laplace_rows,
        from_popularity=lambda popular: _smoothed,
    ),
):
    BASELINES.add(_entry)
