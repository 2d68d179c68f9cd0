"""Cross-fitting: parameters for a user are fitted without that user's window."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.baselines._base import Predictor
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable

__all__ = ["FOLDS", "MOST", "Fold", "cross_fit", "folds_of"]

FOLDS = 5
"""The number of groups of users; each is predicted with parameters fitted on the others."""

MOST = 20_000
"""The maximum number of records in a fit; users come in the order of their hashes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The `predicted` rows and the `fitted_on` rows, which are of other users with a history and a window."""

    predicted: np.ndarray
    fitted_on: np.ndarray


def folds_of(users: np.ndarray, usable: np.ndarray, method: str) -> list[Fold]:
    """Divide the rows into folds: users are assigned in turn, in the order of a hash of their names.

    A user's rows are in one fold, and neither the order of the rows nor the columns matter.

    Raises
    ------
    InputError
        Fewer than two users can be fitted on.
    """
    names = sorted(set(users.tolist()), key=lambda name: hashlib.blake2b(str(name).encode(), digest_size=8).digest())
    rank_of = {name: rank for rank, name in enumerate(names)}
    rank = np.fromiter((rank_of[name] for name in users.tolist()), dtype=np.int64, count=len(users))
    if len(np.unique(rank[usable])) < 2:
        raise InputError(
            f"baseline {method!r}: it is fitted on other users, and fewer than two have a history and a window; "
            "give more users"
        )
    # Users that can be fitted on are assigned first, so that at least two folds have one.
    last = np.ones(len(names), dtype=bool)
    last[rank[usable]] = False
    place = np.empty(len(names), dtype=np.int64)
    place[np.lexsort((np.arange(len(names)), last))] = np.arange(len(names))
    group = place[rank] % FOLDS
    made = []
    for number in range(FOLDS):
        rows = np.flatnonzero(group == number)
        others = np.flatnonzero((group != number) & usable)
        others = others[np.argsort(place[rank[others]], kind="stable")][:MOST]
        if len(rows):
            made.append(Fold(predicted=rows, fitted_on=others))
    return made


def cross_fit(
    table: PreferenceTable,
    usable: np.ndarray,
    method: str,
    fit: Callable[[PreferenceTable], tuple[Predictor, Any]],
) -> tuple[Callable[[slice], np.ndarray], list[Any]]:
    """Fit each fold on other users; return a function that predicts some rows, and the fitted values of each fold.

    ``fit(records)`` returns a function of other records, and the fitted values. `usable` says which records have a
    history.
    """
    fold_of = np.empty(table.n_users, dtype=np.int64)
    predictors, reported = [], []
    for number, fold in enumerate(folds_of(table.users, table.observed & usable, method)):
        predictor, details = fit(table.select(fold.fitted_on))
        fold_of[fold.predicted] = number
        predictors.append(predictor)
        reported.append(details)

    def make(rows: slice) -> np.ndarray:
        block, folds = table.select(rows), fold_of[rows]
        theta = np.empty((block.n_users, block.n_categories))
        for number in np.unique(folds).tolist():
            mine = np.flatnonzero(folds == number)
            theta[mine] = predictors[number](block.select(mine))
        return theta

    return make, reported
