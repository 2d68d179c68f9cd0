"""The distance of predictions from the uniform distribution on each record's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval import simplex
from spectra_eval.arrays import row_blocks
from spectra_eval.tables import PreferenceTable

__all__ = ["EXACT", "FLAT", "NEARLY", "Flatness", "flatness", "in_words"]

EXACT = 1e-9
"""A prediction whose mean total variation to uniform is at most this is uniform up to rounding."""
FLAT = 0.02
"""A prediction whose mean total variation to uniform is below this is flat."""
NEARLY = 0.1
"""A prediction is close to uniform if its distance is below this proportion of the distance of the target."""

_GROUP = 65_536
"""Records whose distances are summed first; another value may change the last digits of the mean."""


class Flatness:
    """The mean total variation to uniform of a prediction and of the target, block by block."""

    def __init__(self) -> None:
        self.n = 0
        self._of_prediction = 0.0
        self._of_truth = 0.0
        self._group: list[np.ndarray] = []

    def add(self, theta_s: np.ndarray, theta_star: np.ndarray, support: np.ndarray | None) -> None:
        """Add records with a window; `support` is None if all categories are options."""
        n, k = theta_s.shape
        for rows in row_blocks(n, k):
            uniform = np.full(k, 1.0 / k) if support is None else simplex.uniform_on(support[rows])
            self._group.append(np.stack([simplex.tv(theta, uniform) for theta in (theta_s[rows], theta_star[rows])]))
            while sum(part.shape[1] for part in self._group) >= _GROUP:
                distances = np.concatenate(self._group, axis=1)
                self._group = [distances[:, :_GROUP]]
                self.close()
                self._group = [distances[:, _GROUP:]]
        self.n += n

    def close(self) -> None:
        """End a group of records, over which the distances are summed."""
        if self._group:
            of_prediction, of_truth = np.concatenate(self._group, axis=1)
            self._of_prediction += float(of_prediction.sum())
            self._of_truth += float(of_truth.sum())
            self._group.clear()

    @property
    def facts(self) -> dict[str, Any]:
        """Return the verdict of a uniform or almost uniform prediction with its numbers; empty otherwise."""
        if not self.n:
            return {}
        self.close()
        distance, truth = self._of_prediction / self.n, self._of_truth / self.n
        if distance >= FLAT and not (distance < NEARLY and distance < NEARLY * truth):
            return {}
        verdict = "uniform" if distance <= EXACT else "flat" if distance < FLAT else "nearly flat"
        return {"verdict": verdict, "mean_tv_to_uniform": distance, "mean_tv_of_truth_to_uniform": truth}

    def sentence(self, name: str) -> str | None:
        """Return a sentence about a uniform or almost uniform prediction; None otherwise."""
        return in_words(name, self.facts)


def in_words(name: str, facts: Mapping[str, Any]) -> str | None:
    """Return the facts of a flatness as a sentence; None where there are none."""
    if not facts:
        return None
    distance, truth = facts["mean_tv_to_uniform"], facts["mean_tv_of_truth_to_uniform"]
    if facts["verdict"] == "uniform":
        return (
            f"{name} is flat: it is the uniform distribution on the options of each record (mean total variation "
            f"to uniform {distance:.4f}; of the target {truth:.4f}), so it has no information about users"
        )
    if facts["verdict"] == "flat":
        return (
            f"{name} is flat: its mean total variation to the uniform distribution is {distance:.4f}, so it has "
            "almost no information about users"
        )
    return (
        f"{name} is close to uniform: its mean total variation to the uniform distribution is {distance:.4f}, and "
        f"that of the target {truth:.4f}, so it has little information about users"
    )


def flatness(theta_s: np.ndarray, table: PreferenceTable) -> Flatness:
    """Return the flatness of a prediction for all records of a table, each of which has a window."""
    made = Flatness()
    for rows in row_blocks(table.n_users, table.n_categories):
        part = table.select(rows)
        made.add(theta_s[rows], part.theta_star, part.support)
    return made
