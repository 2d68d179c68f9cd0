"""The oracle, which uses the evaluation window: an upper limit, not a competitor."""

from __future__ import annotations

import numpy as np

from spectra_eval.baselines._base import BASELINES, Baseline, Prediction, RowPrediction
from spectra_eval.simplex import uniform_on
from spectra_eval.tables import PreferenceTable

__all__ = ["oracle"]


def oracle(table: PreferenceTable) -> Prediction:
    """Predict the observed frequencies of the window: a ceiling, not a competitor.

    A row without a window is uniform, and counted; no metric reads it.

    Parameters
    ----------
    table : PreferenceTable
        The table, with the windows.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Examples
    --------
    >>> oracle(PreferenceTable(users=["a"], categories=("Drama", "Noir"), counts=[[3, 1]])).theta.tolist()
    [[0.75, 0.25]]
    """
    return _oracle_rows(table).whole(table)


def _oracle_rows(table: PreferenceTable) -> RowPrediction:
    return RowPrediction(
        make=lambda rows: _observed(table.select(rows)),
        counted={"users_without_window": int((~table.observed).sum())},
    )


def _observed(table: PreferenceTable) -> np.ndarray:
    unseen = 1.0 / table.n_categories if table.support is None else uniform_on(table.support)
    return np.where(table.observed[:, None], table.theta_star, unseen)


BASELINES.add(
    Baseline(
        name="oracle",
        predict=oracle,
        summary="The observed frequencies themselves: sees the window, so it is a ceiling and no rival.",
        reference="what every metric compares with",
        gloss="sees the window: a ceiling",
        sees_window=True,
        rows=_oracle_rows,
    )
)
