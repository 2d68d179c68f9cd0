"""The definition of a baseline: a simple predictor to compare every model with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from spectra_eval import simplex
from spectra_eval.arrays import row_blocks
from spectra_eval.errors import InputError, ShapeError, SimplexError
from spectra_eval.registry import Registry
from spectra_eval.tables import PreferenceTable, System

__all__ = [
    "BASELINES",
    "Baseline",
    "Prediction",
    "Predictor",
    "RowPrediction",
    "RowSystem",
    "any_history",
    "has_history",
    "history_shares",
    "history_within",
    "popular_rows",
    "popularity_of",
    "predict",
    "predict_rows",
    "row_system",
    "shares_or_popularity",
    "system",
]

Predictor: TypeAlias = Callable[[PreferenceTable], np.ndarray]
"""A function of some records that returns their predicted distributions, (n, K)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The predicted distributions of a baseline, with counts and fitted values.

    Attributes
    ----------
    theta : (N, K) float array
        Rows on the simplex.
    counted : mapping of str to int
        Numbers of users with a special treatment, for instance without a history.
    fitted : mapping
        Fitted values by name, as JSON values.

    Examples
    --------
    >>> Prediction(theta=np.full((1, 2), 0.5), counted={"users_without_history": 1}).counted
    {'users_without_history': 1}
    """

    theta: np.ndarray
    counted: Mapping[str, int] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class RowPrediction:
    """A prediction that is computed for requested rows, ``make(rows) -> (n, K)``, with counts and fitted values.

    Examples
    --------
    >>> RowPrediction(make=lambda rows: np.full((2, 2), 0.5)[rows])(slice(0, 1)).tolist()
    [[0.5, 0.5]]
    """

    make: Callable[[slice], np.ndarray]
    counted: Mapping[str, int] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, rows: slice) -> np.ndarray:
        """Return the predicted distributions of some rows."""
        return self.make(rows)

    def whole(self, table: PreferenceTable) -> Prediction:
        """Return the prediction for every row of the table, computed in blocks."""
        theta = np.empty((table.n_users, table.n_categories))
        for rows in row_blocks(*theta.shape):
            theta[rows] = self.make(rows)
        return Prediction(theta=theta, counted=self.counted, fitted=self.fitted)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One entry of the family: ``predict(table) -> Prediction``.

    Attributes
    ----------
    name : str
        The name in the registry.
    predict : callable
        Computes the prediction for every row of a table, from its columns alone.
    summary : str
        One line.
    reference : str
        Where it is defined.
    gloss : str
        A short description for tables.
    needs : tuple of str
        The optional columns of the table that it is computed from.
    sees_window : bool
        Whether it uses the evaluation window of the user: it is then a ceiling, not a competitor.
    rows : callable, optional
        ``rows(table) -> make`` with ``make(rows) -> (n, K)``: exactly the same prediction for some rows,
        for callers that do not need all rows at once; a `RowPrediction` where there are counts or fitted values.
    from_popularity : callable, optional
        From the popularity of the categories, (K,), or None where there is no history, to the prediction for some
        records, in which other records have no part.
    fit : callable, optional
        For a baseline with parameters: from records and the popularity to the prediction for other records and the
        fitted values.

    Examples
    --------
    >>> from spectra_eval.baselines import BASELINES
    >>> BASELINES["oracle"].sees_window, BASELINES["history"].needs
    (True, ('history_counts',))
    """

    name: str
    predict: Callable[[PreferenceTable], Prediction]
    summary: str
    reference: str
    gloss: str = ""
    needs: tuple[str, ...] = ()
    sees_window: bool = False
    rows: Callable[[PreferenceTable], Callable[[slice], np.ndarray]] | None = None
    from_popularity: Callable[[np.ndarray], Predictor] | None = None
    fit: Callable[[PreferenceTable, np.ndarray], tuple[Predictor, Any]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class RowSystem:
    """A baseline as a system that computes its distributions for requested rows and does not store them.

    Attributes
    ----------
    name : str
        The name in results and reports.
    make : callable
        ``make(rows) -> (n, K)``: the predicted distributions of some rows.
    lists : None
        The list is the order of the distribution.

    Examples
    --------
    >>> RowSystem(name="uniform", make=lambda rows: np.full((2, 2), 0.5)[rows]).held(slice(0, 1)).tolist()
    [[0.5, 0.5]]
    """

    name: str
    make: Callable[[slice], np.ndarray]
    lists: None = None

    def predicted(self, rows: slice) -> np.ndarray:
        """Return the predicted distributions of some users.

        Parameters
        ----------
        rows : slice
            The users.

        Returns
        -------
        (n, K) float array
            Rows on the simplex.
        """
        return self.make(rows)

    held = predicted  # the earlier name, for one release


BASELINES: Registry[Baseline] = Registry("baseline", package="spectra_eval.baselines", group="spectra_eval.baselines")


def predict(table: PreferenceTable, method: str) -> Prediction:
    """Compute a baseline for a table, and check that its rows are on the simplex.

    Where records have options of their own, the rows are conditioned on these options.

    Raises
    ------
    UnknownNameError
        No baseline has this name.
    InputError
        The table lacks a column that it is computed from.
    ShapeError, SimplexError
        The entry, for instance of a plug-in, does not return distributions of the table's shape.
    """
    made = predict_rows(table, method)
    return made.whole(table)


def predict_rows(table: PreferenceTable, method: str) -> RowPrediction:
    """Return the prediction of `predict` as a function of rows, with its counts and fitted values."""
    entry = _entry(table, method)
    shape = (table.n_users, table.n_categories)
    if entry.rows is None:
        made = entry.predict(table)
        if made.theta.shape != shape:
            raise ShapeError(f"baseline {method!r}: gives shape {made.theta.shape}, but the table has {shape}")
        found = RowPrediction(make=made.theta.__getitem__, counted=made.counted, fitted=made.fitted)
    else:
        make = entry.rows(table)
        found = make if isinstance(make, RowPrediction) else RowPrediction(make=make)

    def checked(rows: slice) -> np.ndarray:
        theta = found.make(rows)
        start, stop, _ = rows.indices(table.n_users)
        if theta.shape != (stop - start, table.n_categories):
            raise ShapeError(f"baseline {method!r}: gives shape {theta.shape} for {stop - start} rows of {shape}")
        if table.support is not None:
            theta = simplex.restricted(theta, table.support[rows])
        good = (theta >= 0).all(axis=1) & (np.abs(theta.sum(axis=1) - 1.0) <= 1e-9)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise SimplexError(f"baseline {method!r}: row {start + row + 1} sums to {theta[row].sum():.6g}")
        return theta

    return replace(found, make=checked)


def _entry(table: PreferenceTable, method: str) -> Baseline:
    """Return a baseline after checking that the table has the columns it needs."""
    entry = BASELINES[method]
    for column in entry.needs:
        if not table.has(column):
            raise InputError(
                f"baseline {method!r}: the table has no {column}; make it with `prepare`, or add the column"
            )
    return entry


def row_system(table: PreferenceTable, method: str) -> System | RowSystem:
    """Return a baseline as a system, computed row by row where possible, without an array of the table's size.

    Parameters
    ----------
    table : PreferenceTable
        The table; popularity and history are those of its `history_counts`.
    method : str
        The name of the baseline.

    Returns
    -------
    System or RowSystem
        Named after the baseline; the rows are those of `system`.

    Raises
    ------
    UnknownNameError
        No baseline has this name.
    InputError
        The table lacks a column that the baseline needs.
    ShapeError
        The baseline returned an array of another shape.
    SimplexError
        The baseline returned a row that is not on the simplex.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a", "b"], categories=("Drama", "Noir"), counts=[[1, 0], [0, 1]], history_counts=[[3, 1], [1, 3]]
    ... )
    >>> row_system(table, "history").held(slice(0, 1)).tolist()
    [[0.75, 0.25]]
    """
    entry = _entry(table, method)
    if entry.rows is None:
        return system(table, method)
    make, support = entry.rows(table), table.support
    if support is None:
        return RowSystem(name=method, make=make)
    return RowSystem(name=method, make=lambda rows: simplex.restricted(make(rows), support[rows]))


def system(table: PreferenceTable, method: str) -> System:
    """Return a baseline as a system, to be evaluated together with a model.

    Parameters
    ----------
    table : PreferenceTable
        The table; popularity and history are those of its `history_counts`.
    method : str
        The name of the baseline.

    Returns
    -------
    System
        Named after the baseline; its list is the order of its distribution.

    Raises
    ------
    UnknownNameError
        No baseline has this name.
    InputError
        The table lacks a column that it is computed from.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a", "b"], categories=("Drama", "Noir"), counts=[[1, 0], [0, 1]], history_counts=[[3, 1], [1, 3]]
    ... )
    >>> system(table, "popularity").theta.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return System(name=method, theta=predict(table, method).theta)


def history_within(table: PreferenceTable, rows: slice = slice(None)) -> np.ndarray:
    """Return the weights of the histories, (N, K), zero for categories that are not options of the record."""
    table = table if rows == slice(None) else table.select(rows)
    weights = table.history_counts
    assert weights is not None  # checked by `predict`
    return weights if table.support is None else np.where(table.support, weights, 0.0)


def has_history(table: PreferenceTable) -> np.ndarray:
    """Return which records have a history with weight on one of their options, (N,) bool."""
    blocks = row_blocks(table.n_users, table.n_categories)
    return np.concatenate([history_within(table, rows).any(axis=1) for rows in blocks])


def any_history(table: PreferenceTable) -> bool:
    """Return whether some record has a history with weight on one of its options."""
    if not table.has("history_counts"):
        return False
    return any(history_within(table, rows).any() for rows in row_blocks(table.n_users, table.n_categories))


def history_shares(table: PreferenceTable, rows: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Return the history distributions, (N, K), zero without a history, and who has a history, (N,) bool."""
    weights = history_within(table, rows)
    total = weights.sum(axis=1)
    has_history = total > 0
    return weights / np.where(has_history, total, 1.0)[:, None], has_history


def popularity_of(table: PreferenceTable) -> np.ndarray:
    """Return the mean history distribution, (K,); all users with a history have equal weight."""
    if not any_history(table):
        raise InputError("column history_counts: all zero, so popularity is unknown; give histories")
    if table.support is not None:  # exact sums, so that ties do not depend on other entries
        weights = history_within(table)
        total = weights.sum(axis=1)
        has_history = total > 0
        exact = np.array([math.fsum(column) for column in (weights / np.where(has_history, total, 1.0)[:, None]).T])
        return exact / math.fsum(exact)
    # A matrix product depends on the threads. The sum so far is a row of weight one: blocks change no digit.
    mean = np.zeros(table.n_categories)
    for rows in row_blocks(table.n_users, table.n_categories):
        weights = history_within(table, rows)
        total = weights.sum(axis=1)
        factors = np.concatenate([[1.0], 1.0 / np.where(total > 0, total, 1.0)])
        mean = np.einsum("i,ij->j", factors, np.concatenate([mean[None], weights]))
    return np.asarray(mean / mean.sum())


def popular_rows(table: PreferenceTable, popular: np.ndarray, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
    """Return popularity on the options of each record, (n, K), as a broadcast view where there is no support.

    Where no option has any popularity, the options of the record get equal probability.
    """
    if table.support is not None:
        return simplex.restricted(popular, table.support[rows])
    n = len(range(*rows.indices(table.n_users))) if isinstance(rows, slice) else len(rows)
    return np.broadcast_to(popular, (n, len(popular)))


def shares_or_popularity(table: PreferenceTable, popular: np.ndarray) -> np.ndarray:
    """Return the history distributions, (N, K), and popularity on the options where there is no history."""
    shares, has_history = history_shares(table)
    shares[~has_history] = popular_rows(table, popular)[~has_history]
    return shares
