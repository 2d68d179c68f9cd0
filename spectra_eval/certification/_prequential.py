"""Rivals with parameters, fitted on the users before: each user's rival had no part in the user's own window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spectra_eval.baselines._base import Predictor
from spectra_eval.certification._block import order_keys
from spectra_eval.tables import PreferenceTable, joined_support

__all__ = ["Prequential"]

MOST = 5_000
"""Records in a fit at the most: the first in the order."""

_CELLS = 1 << 18
"""Numbers in a matrix of those records at the most, so that memory depends neither on N nor on K."""

_FIRST = 16
"""Users in the first stage, about; the rival of the first stage is fitted on none."""

_HASHES = 2.0**64


class Prequential:
    """Users in the order of a hash of their names, in stages that double; a stage's rival is fitted on those before.

    Given what came before, the gain of a user over the rival of its stage has the expectation that the claim is about,
    so the gains less their expectations are a martingale.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._n = 0
        self._most = MOST
        self._last = _HASHES
        """Records with a hash above it are not among the first."""
        self._held: list[PreferenceTable] = []
        self._keys: list[np.ndarray] = []

    def collect(self, table: PreferenceTable, has_history: np.ndarray) -> None:
        """Collect the records of a block that a rival can be fitted on."""
        usable = table.observed & has_history
        keys = order_keys(table.users, self._seed).astype(np.float64)
        self._n += int(np.count_nonzero(usable))
        first = usable & (keys <= self._last)
        if first.any():
            rows = table.select(first)
            self._held.append(_lean(rows))
            self._keys.append(keys[first])
        self._most = max(100, min(MOST, _CELLS // table.n_categories))
        if sum(len(part) for part in self._keys) > 1.25 * self._most:
            self._prune()

    def _prune(self) -> None:
        table, keys = self._records()
        order = np.argsort(keys, kind="stable")[: self._most]
        self._held, self._keys = [table.select(order)], [keys[order]]
        self._last = float(keys[order].max())

    def _records(self) -> tuple[PreferenceTable, np.ndarray]:
        if len(self._held) == 1:
            return self._held[0], self._keys[0]
        names = ("users", "theta_star", "n_window", "history_counts", "context_window", "horizon")
        columns: dict[str, Any] = {
            name: None
            if getattr(self._held[0], name) is None
            else np.concatenate([getattr(table, name) for table in self._held])
            for name in names
        }
        support = joined_support(self._held)
        table = PreferenceTable(categories=self._held[0].categories, support=support, **columns)
        return table, np.concatenate(self._keys)

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the certificate records of the order."""
        return {"stages": len(self._cuts) + 1, "most_records": self._most}

    @property
    def _cuts(self) -> list[float]:
        """Return the hashes at which the stages after the first begin; each stage is as large as all before it."""
        n_cuts = max(0, (self._n // _FIRST).bit_length() - 1)
        return [_HASHES * 2.0**-power for power in range(n_cuts, 0, -1)]

    def stages(
        self, fit: Callable[[PreferenceTable, np.ndarray], tuple[Predictor, Any]], popular: np.ndarray, first: Predictor
    ) -> Predictor:
        """Return the prediction of each user's own stage, for any block of records."""
        cuts = self._cuts
        predictors = [first]
        if self._held and cuts:
            self._prune()
            table, keys = self._records()
            n_before = -1
            for cut in cuts:
                before = np.flatnonzero(keys < cut)
                if len(before) == n_before or len(before) < 2:
                    predictors.append(predictors[-1])
                    continue
                n_before = len(before)
                predictors.append(fit(table.select(before), popular)[0])

        def predict(table: PreferenceTable) -> np.ndarray:
            stage = np.searchsorted(cuts, order_keys(table.users, self._seed).astype(np.float64), side="right")
            theta = np.empty((table.n_users, table.n_categories))
            for number in np.unique(stage).tolist():
                rows = np.flatnonzero(stage == number)
                theta[rows] = predictors[number](table.select(rows))
            return theta

        return predict


def _lean(table: PreferenceTable) -> PreferenceTable:
    """Return the records without what no fit reads."""
    columns = ("users", "theta_star", "n_window", "history_counts", "context_window", "horizon", "support")
    return PreferenceTable(categories=table.categories, **{name: getattr(table, name) for name in columns})
