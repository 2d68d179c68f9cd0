"""The definition of a baseline: a simple predictor to compare every model with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    "RowSystem",
    "any_history",
    "history_shares",
    "history_within",
    "popular_rows",
    "popularity_of",
    "predict",
    "row_system",
    "system",
    "with_baseline",
    "with_prediction",
]

_OF_THE_MODEL: tuple[str, ...] = ("model", "model_id", "model_digest", "predictor", "method", "baseline", "backend")
_OF_THE_MODEL += ("readout", "adapter", "adapter_digest", "prompt_digest", "temperature")
"""The metadata keys of the readout that a baseline replaces."""


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
        for callers that do not need all rows at once.
    from_popularity, fit : callable, optional
        From the popularity of the categories, (K,), to the prediction for some records, in which others have no part;
        and, for a baseline with parameters, from records and popularity to that prediction and the fitted values.

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
    made = _entry(table, method).predict(table)
    if table.support is not None and made.theta.shape == table.support.shape:
        made = dataclasses.replace(made, theta=simplex.restricted(made.theta, table.support))
    if made.theta.shape != (table.n_users, table.n_categories):
        shape = (table.n_users, table.n_categories)
        raise ShapeError(f"baseline {method!r}: gives shape {made.theta.shape}, but the table has {shape}")
    good = (made.theta >= 0).all(axis=1) & (np.abs(made.theta.sum(axis=1) - 1.0) <= 1e-9)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise SimplexError(f"baseline {method!r}: row {row + 1} sums to {made.theta[row].sum():.6g}")
    return made


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


def with_baseline(table: PreferenceTable, method: str) -> PreferenceTable:
    """Return the table with a baseline in place of `theta_s`.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    method : str
        The name of the baseline.

    Returns
    -------
    PreferenceTable
        With the baseline as `theta_s`, and without the model's `scores` and `answer_mass`. The decoded lists `dg`
        stay those of the model, so that a certificate compares the baseline with them. The metadata name the
        baseline; the metadata of the model's readout are under ``replaced``.

    Raises
    ------
    UnknownNameError
        No baseline has this name.
    InputError
        The table lacks a column that it is computed from.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]], history_counts=[[3, 1]]
    ... )
    >>> made = with_baseline(table, "history")
    >>> made.theta_s.tolist(), made.metadata["baseline"]["name"]
    ([[0.75, 0.25]], 'history')
    """
    made = predict(table, method)
    about = {"name": method, "sees_window": BASELINES[method].sees_window, **made.counted, **made.fitted}
    return with_prediction(table, made.theta, about)


def with_prediction(table: PreferenceTable, theta: np.ndarray, about: Mapping[str, Any]) -> PreferenceTable:
    """Return the table with a prediction in place of `theta_s`, and what is known of it in place of the model's.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    theta : (N, K) float array
        Rows on the simplex.
    about : mapping
        At least ``name`` and ``sees_window``; as JSON values.

    Returns
    -------
    PreferenceTable
        As `with_baseline` returns it.

    Examples
    --------
    >>> table = PreferenceTable(users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]])
    >>> made = with_prediction(table, np.array([[0.5, 0.5]]), {"name": "coin", "sees_window": False})
    >>> made.theta_s.tolist(), made.metadata["baseline"]["name"]
    ([[0.5, 0.5]], 'coin')
    """
    replaced = {name: table.metadata[name] for name in _OF_THE_MODEL if name in table.metadata}
    metadata = {name: value for name, value in table.metadata.items() if name not in replaced}
    metadata["baseline"] = dict(about)
    if replaced:
        metadata["replaced"] = replaced
    return table.replace(theta_s=theta, scores=None, answer_mass=None, metadata=metadata)


def history_within(table: PreferenceTable, rows: slice = slice(None)) -> np.ndarray:
    """Return the weights of the histories, (N, K), zero for categories that are not options of the record."""
    table = table if rows == slice(None) else table.select(rows)
    weights = table.history_counts
    assert weights is not None  # checked by `predict`
    return weights if table.support is None else np.where(table.support, weights, 0.0)


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
    """Return popularity on the options of each record, (n, K); equal probabilities where no option has any."""
    if table.support is not None:
        return simplex.restricted(popular, table.support[rows])
    n = len(range(*rows.indices(table.n_users))) if isinstance(rows, slice) else len(rows)
    return np.broadcast_to(popular, (n, len(popular)))


def shares_or_popularity(table: PreferenceTable, popular: np.ndarray) -> np.ndarray:
    """Return the history distributions, (N, K), and popularity on the options where there is no history."""
    shares, has_history = history_shares(table)
    shares[~has_history] = popular_rows(table, popular)[~has_history]
    return shares
