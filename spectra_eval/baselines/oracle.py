"""The oracle, which uses the evaluation window: an upper limit, not a competitor."""

from __future__ import annotations

import numpy as np

from spectra_eval.baselines._base import BASELINES, Baseline, Prediction
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
    observed = table.observed
    unseen = 1.0 / table.n_categories if table.support is None else uniform_on(table.support)
    theta = np.where(observed[:, None], table.theta_star, unseen)
    return Prediction(theta=theta, counted={"users_without_window": int((~observed).sum())})


BASELINES.add(
    Baseline(
        name="oracle",
        predict=oracle,
        summary="The observed frequencies themselves: sees the window, so it is a ceiling and no rival.",
        reference="what every metric compares with",
        gloss="sees the window: a ceiling",
        sees_window=True,
    )
)
