"""Predictors made of frequencies: nobody's, everybody's, and the user's own."""

from __future__ import annotations

import numpy as np

from spectra_eval.baselines._base import BASELINES, Baseline, Prediction, history_shares, popularity_of
from spectra_eval.tables import PreferenceTable

__all__ = ["LAPLACE", "history", "laplace", "popularity", "uniform"]

LAPLACE = 1.0
"""What `laplace` adds to the weight of each category."""


def uniform(table: PreferenceTable) -> Prediction:
    """Hold every category alike for everybody."""
    row = np.full(table.n_categories, 1.0 / table.n_categories)
    return Prediction(theta=np.broadcast_to(row, (table.n_users, table.n_categories)))


def popularity(table: PreferenceTable) -> Prediction:
    """Hold for everybody the mean of all users' history shares."""
    return Prediction(theta=np.broadcast_to(popularity_of(table), (table.n_users, table.n_categories)))


def history(table: PreferenceTable) -> Prediction:
    """Hold for each user the shares of their own history; those without one get popularity, and are counted."""
    shares, told = history_shares(table)
    shares[~told] = popularity_of(table)
    return Prediction(theta=shares, counted=_untold(told))


def laplace(table: PreferenceTable) -> Prediction:
    """Add `LAPLACE` to each category's weight in the user's history before taking shares."""
    assert table.history_counts is not None  # `predict` has seen to it
    weights = table.history_counts + LAPLACE
    _, told = history_shares(table)
    return Prediction(theta=weights / weights.sum(axis=1, keepdims=True), counted=_untold(told))


def _untold(told: np.ndarray) -> dict[str, int]:
    return {"users_without_history": int((~told).sum())}


_STECK = "Steck (2018), section 3, doi:10.1145/3240323.3240372"
_ZHAI = "Zhai and Lafferty (2004), doi:10.1145/984321.984322"

for _entry in (
    Baseline(
        name="uniform",
        predict=uniform,
        summary="Every category alike: what a readout without any signal holds.",
        reference="the reference of no knowledge",
    ),
    Baseline(
        name="popularity",
        predict=popularity,
        summary="The mean of all users' history shares, the same for everybody.",
        reference="Cremonesi, Koren and Turrin (2010), doi:10.1145/1864708.1864721",
        needs=("history_counts",),
    ),
    Baseline(
        name="history",
        predict=history,
        summary="The user's own history shares; popularity where there is no history.",
        reference=_STECK,
        needs=("history_counts",),
    ),
    Baseline(
        name="laplace",
        predict=laplace,
        summary=f"The user's own history with {LAPLACE:g} added to each category.",
        reference=_ZHAI,
        needs=("history_counts",),
    ),
):
    BASELINES.add(_entry)
