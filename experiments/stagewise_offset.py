"""What one model is trained on top of: a regression that sees what the prompt tells, fitted on earlier windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectra_eval.baselines.fitted import _design, _regress
from spectra_eval.probing.readouts._base import softmax
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import CUTS, earlier_tables

ROOT = Path(__file__).resolve().parents[1]
SPLIT_SEED = 20
FOLDS = 5
RECENT = 20
"""Items that the second tally of a prompt counts."""
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
    for number in range(FOLDS + 1):  # the last one fits on all of them, and predicts those of `test`
        kept = [part.select(own != number) for part, own in zip(parts, folds[1:], strict=True)]
        x = np.vstack([features(part, "all late") for part in kept])
        design = _design(x)
        weights = _regress(design(x), np.vstack([part.theta_star for part in kept]), PENALTY)
        for part, own, held in zip(everything, folds, theta, strict=True):
            wanted = own == number
            if wanted.any():
                held[wanted] = softmax(design(features(part.select(wanted), "all late")) @ weights, 1.0)
    logs = [np.log(np.maximum(held, LEAST)) for held in theta]
    rows = zip(CUTS, parts, logs[1:], strict=True)
    earlier = {(u, cut): row for cut, part, log in rows for u, row in zip(part.users.tolist(), log, strict=True)}
    return Known(theta=logs[0], earlier=earlier)


def features(table: PreferenceTable, inputs: str) -> np.ndarray:
    """Give shares and their roots, of all of the history and of its last items, and what the years of these are."""
    assert table.history is not None
    assert table.history_counts is not None
    shares = table.history_counts / table.history_counts.sum(axis=1, keepdims=True)
    columns = [shares, np.sqrt(shares)]
    if "late" in inputs:
        place = {name: number for number, name in enumerate(table.categories)}
        late = np.zeros_like(shares)
        for row, titles in enumerate(table.history):
            for title in titles[-RECENT:]:
                named = [place[name] for name in title.rpartition(": ")[2].split(", ") if name in place]
                late[row, named] += 1.0
        late /= np.maximum(late.sum(axis=1, keepdims=True), 1.0)
        columns += [late, np.sqrt(late)]
    if "years" in inputs:
        columns.append(np.array([years(titles[-RECENT:], len(titles)) for titles in table.history]))
    return np.hstack(columns)


def years(titles: tuple[str, ...], length: int) -> list[float]:
    """Describe the years that some titles bear, and the length of the whole history."""
    found = [float(year.group(1)) for title in titles if (year := re.search(r"\((\d{4})\)", title))] or [1990.0]
    return [
        float(np.mean(found)),
        float(np.std(found)),
        max(found),
        float(np.log(length)),
        sum(y >= 2000 for y in found) / len(found),
    ]
