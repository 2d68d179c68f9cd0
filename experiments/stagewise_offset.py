"""What one model is trained on top of: a regression that sees what the prompt tells, fitted on earlier windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from stagewise_regressions import FOLDS, design, features

from spectra_eval.baselines.fitted import _regress
from spectra_eval.finetuning import CUTS, earlier_tables
from spectra_eval.readouts._base import softmax
from spectra_eval.tables import Interactions, PreferenceTable

OFFSET = "linear+late"
"""How the page calls it: `linear`, which also sees the shares of the last items, fitted on what a model may see."""
PENALTY = 30.0
"""The best of four on the users outside the test group (`stagewise_regressions.py`)."""
LEAST = 1e-3


@dataclass(frozen=True, kw_only=True)
class Known:
    """The logarithm of the regression: for every user of the table, (N, K), and for each earlier cut of the others."""

    theta: np.ndarray
    earlier: dict[tuple[str, float], np.ndarray]

    def of(self, part: PreferenceTable, cut: float) -> np.ndarray:
        """Give the rows of one earlier table."""
        return np.array([self.earlier[user, cut] for user in part.users.tolist()])


def known_before(table: PreferenceTable, interactions: Interactions, groups: dict[str, np.ndarray]) -> Known:
    """Predict every user by a regression that was fitted on no evaluation window and on no user of `test`.

    It is fitted on the earlier windows of all users outside `test`; each of these users is predicted by what was
    fitted on four fifths of them, in which he is not.
    """
    others = np.setdiff1d(np.arange(table.n_users), groups["test"])
    parts = earlier_tables(table.select(others), interactions, cuts=CUTS)
    dealt = np.random.default_rng(0).integers(0, FOLDS, len(others)).tolist()
    fold = dict(zip(table.users[others].tolist(), dealt, strict=True))
    everything = [table, *parts]
    folds = [np.array([fold.get(user, FOLDS) for user in part.users.tolist()]) for part in everything]
    theta = [np.empty((part.n_users, part.n_categories)) for part in everything]
    for number in (*range(FOLDS), FOLDS):  # the last one fits on all of them, and predicts those of `test`
        kept = [part.select(own != number) for part, own in zip(parts, folds[1:], strict=True)]
        x, inputs = design(np.vstack([features(part, "all late") for part in kept]))
        weights = _regress(x, np.vstack([part.theta_star for part in kept]), PENALTY)
        for part, own, held in zip(everything, folds, theta, strict=True):
            wanted = own == number
            if wanted.any():
                held[wanted] = softmax(inputs(features(part.select(wanted), "all late")) @ weights, 1.0)
    logs = [np.log(np.maximum(held, LEAST)) for held in theta]
    rows = zip(CUTS, parts, logs[1:], strict=True)
    earlier = {(u, cut): row for cut, part, log in rows for u, row in zip(part.users.tolist(), log, strict=True)}
    return Known(theta=logs[0], earlier=earlier)
