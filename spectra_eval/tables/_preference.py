"""The preference table: one row per record, with the target and the model's prediction."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spectra_eval._ties import order
from spectra_eval.errors import InputError
from spectra_eval.registry import call
from spectra_eval.tables._checks import (
    UNKNOWN,
    category_names,
    check_categories,
    check_details,
    check_lists,
    check_rows,
    check_shapes,
    check_unique,
    check_weights,
    check_windows,
    detail_array,
    shares,
    text_array,
    tuple_array,
    windows_from,
)
from spectra_eval.tables._given import as_columns, as_rows, in_order
from spectra_eval.tables._html import html_table
from spectra_eval.tables._support import as_support, check_offered, lists_on_support

__all__ = ["PreferenceTable", "check_table"]

_OPTIONAL = ("theta_s", "scores", "answer_mass", "dg", "history", "history_details", "history_counts")
"""Columns on which no other column depends, but that `history_details` needs `history`."""

if TYPE_CHECKING:
    Column: TypeAlias = np.ndarray
    Texts: TypeAlias = tuple[str, ...]
    Described: TypeAlias = Mapping[str, Any]
else:
    # The constructor converts its arguments to arrays and tuples, and raises its own errors.
    Column = Texts = Described = Any


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PreferenceTable:
    """One row per record (a user at one context window and horizon): the target and the model's prediction.

    Two tables are equal only if they are the same object; compare contents by column, or by `artifacts.TableDigest`.

    Parameters
    ----------
    users : (N,) array of str
        Name of the user; unique together with `context_window` and `horizon`.
    categories : tuple of K str
        Names of the categories, K >= 2.
    counts : (N, K) float array, optional
        Category weights in the future window; fractional where items have several categories.
    theta_star : (N, K) float array, optional
        Observed frequencies in the window; derived from `counts` when that is given. A row without
        interactions is NaN, and `observed` is False there.
    n_window : (N,) int array, optional
        Interactions in the window; `UNKNOWN` where the input does not give it.
    theta_s, scores, answer_mass : (N, K) float arrays, optional
        The readout, its raw scores, and the probability of the answer tokens.
    dg : (N, L) int array, optional
        Decoded categories, best first; `OUT_OF_VOCABULARY` and `PAD` are negative.
    history : (N,) array of tuples of str, optional
        Titles shown to the model, oldest first.
    history_details : (N,) array of tuples of Detail, optional
        Details of each of those titles: time, rating, categories.
    history_counts : (N, K) float array, optional
        Category weights of the history, used by the baselines.
    context_window : (N,) int array, optional
        Past sessions shown.
    horizon : (N,) array of str, optional
        ``long`` or ``short``.
    parents : tuple of K str, optional
        The parent of each category in a two-level taxonomy.
    metadata : mapping, optional
        Provenance of the table: JSON values by name. `rows_divided` counts the rows of float32 or lower precision
        whose sum was off by more than `arrays.ATOL` and that were divided by it; `deviation` says by how much at most.
    support : (N, K) bool array, optional
        The options of each record, two at least: true where the category is offered. None, also where an array that is
        true everywhere was given, means that every category is offered to every record. Truth and prediction must be 0
        outside it; an entry of `dg` outside it is kept as `OUT_OF_VOCABULARY`. `history_counts` may be positive
        outside, since earlier choices had other options.

    Raises
    ------
    ShapeError, SimplexError, InputError
        With the row, the user, the column and the fix.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]])
    >>> table.theta_star.tolist(), table.n_window.tolist()
    ([[0.75, 0.25], [0.0, 1.0]], [-1, -1])
    """

    users: Column
    categories: Texts
    counts: Column | None = None
    theta_star: Column = None  # type: ignore[assignment]  # derived from counts when not given
    n_window: Column = None  # type: ignore[assignment]  # UNKNOWN when not given
    theta_s: Column | None = None
    scores: Column | None = None
    answer_mass: Column | None = None
    dg: Column | None = None
    history: Column | None = None
    history_counts: Column | None = None
    context_window: Column | None = None
    horizon: Column | None = None
    parents: Texts | None = None
    metadata: Described = field(default_factory=dict)
    history_details: Column | None = None
    support: Column | None = None

    def __post_init__(self) -> None:
        put = _Setter(self)
        put("categories", category_names("categories", self.categories))
        put("parents", None if self.parents is None else category_names("parents", self.parents))
        check_categories(self.categories, self.parents)
        if not isinstance(self.metadata, Mapping):
            raise InputError(f"metadata: {type(self.metadata).__name__} is no mapping; give JSON values by name")
        users: Any = self.users
        index = tuple(users.index) if hasattr(users, "iloc") else None
        put("users", text_array("users", self.users))
        columns, atol = as_columns(self, index)
        for name, value in columns.items():
            put(name, value)
        put("history", None if self.history is None else tuple_array(in_order(self, "history", index)))
        details = None if self.history_details is None else detail_array(in_order(self, "history_details", index))
        put("history_details", details)
        put("horizon", None if self.horizon is None else text_array("horizon", in_order(self, "horizon", index)))
        check_shapes(self)
        put("support", as_support(self))
        for name in ("counts", "history_counts"):
            check_weights(self, name)
        if self.n_window is None:
            put("n_window", windows_from(self))
        if self.theta_star is None:
            put("theta_star", shares(self.counts))
        check_windows(self)
        divided: dict[str, dict[str, float]] = {"rows_divided": {}, "deviation": {}}
        for name, where in (("theta_star", self.observed), ("theta_s", None)):
            if getattr(self, name) is not None:
                rows, n, off = check_rows(self, name, where, atol.get(name, 0.0))
                put(name, rows)
                if n:
                    divided["rows_divided"][name], divided["deviation"][name] = n, off
        if divided["rows_divided"]:
            merged = {name: {**self.metadata.get(name, {}), **found} for name, found in divided.items()}
            put("metadata", {**self.metadata, **merged})
        check_offered(self)
        check_lists(self)
        check_details(self)
        if self.dg is not None:
            put("dg", np.ascontiguousarray(lists_on_support(self.dg, self.support), dtype=np.int32))
        check_unique(self)
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Restore a pickled or copied table, with read-only arrays."""
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.users)

    def __repr__(self) -> str:
        present = [n for n in ("counts", "theta_s", "dg", "history", "support") if getattr(self, n) is not None]
        return f"<PreferenceTable: {self.n_users} records, {self.n_categories} categories; {', '.join(present)}>"

    def _repr_html_(self) -> str:
        header = ("user", "interactions", "truth", "prediction", "list")
        return html_table(repr(self), header, (self._shown(row) for row in range(len(self))))

    def _shown(self, row: int) -> tuple[object, ...]:
        """Return a record as text: the largest category of the target and of the prediction, and the list."""
        window = int(self.n_window[row])
        largest = [
            None
            if value is None or not np.isfinite(value[row]).all()
            else f"{self.categories[int(order(value[row])[0])]} {value[row].max():.3g}"
            for value in (self.theta_star, self.theta_s)
        ]
        listed = () if self.dg is None else (self.categories[place] for place in self.dg[row] if place >= 0)
        return str(self.users[row]), None if window == UNKNOWN else window, *largest, ", ".join(listed)

    @property
    def n_users(self) -> int:
        """Return the number of records, N."""
        return len(self.users)

    @property
    def n_categories(self) -> int:
        """Return the number of categories, K."""
        return len(self.categories)

    @property
    def observed(self) -> np.ndarray:
        """Return which windows have at least one interaction, (N,) bool."""
        return self.n_window != 0

    @property
    def offered(self) -> np.ndarray:
        """Return the support, (N, K) bool; all true where every category is offered to every record."""
        return np.ones((self.n_users, self.n_categories), dtype=np.bool_) if self.support is None else self.support

    @property
    def n_options(self) -> np.ndarray:
        """Return the number of options of each record, (N,) int."""
        if self.support is None:
            return np.full(self.n_users, self.n_categories)
        return np.count_nonzero(self.support, axis=1)

    @classmethod
    def from_pandas(cls, frame: Any, **options: Any) -> PreferenceTable:
        """Return a table from a pandas DataFrame, long or wide; see `spectra_eval.from_pandas` for the options."""
        made: PreferenceTable = call("spectra_eval.artifacts:from_pandas", frame, **options)
        return made

    @classmethod
    def from_frame(cls, frame: Any, **options: Any) -> PreferenceTable:
        """Return a table from a frame of polars, PyArrow or another Arrow library; see `spectra_eval.from_frame`."""
        made: PreferenceTable = call("spectra_eval.artifacts:from_frame", frame, **options)
        return made

    def to_pandas(self, layout: str = "long") -> Any:
        """Return the table as a pandas DataFrame, ``long`` or ``wide``: `spectra_eval.to_pandas` describes them."""
        return call("spectra_eval.artifacts:to_pandas", self, layout)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table as Parquet, whole or not at all; `read_table` reads it."""
        call("spectra_eval.artifacts:write_table", self, path)

    def select(self, rows: Any) -> PreferenceTable:
        """Return some of the records, by a slice, a Boolean mask or indices; nothing is checked again."""
        rows = rows if isinstance(rows, slice) else as_rows(self, rows)
        made = object.__new__(PreferenceTable)
        for item in dataclasses.fields(self):
            value = vars(self)[item.name]
            if isinstance(value, np.ndarray):
                value = value[rows]
                value.flags.writeable = False
            elif hasattr(value, "toarray"):
                value = value[rows]
            object.__setattr__(made, item.name, value)
        return made

    def has(self, name: str) -> bool:
        """Return whether the table has an optional column."""
        return vars(self)[name] is not None

    def without(self, *names: str) -> PreferenceTable:
        """Return the table without some optional columns; nothing is checked again."""
        made = self.select(slice(None))
        for name in names:
            if name not in _OPTIONAL:
                raise InputError(f"no optional column {name!r} in a table; choose from {', '.join(_OPTIONAL)}")
            object.__setattr__(made, name, None)
        return made

    def replace(self, **changes: Any) -> PreferenceTable:
        """Return a table with some columns replaced; all columns are checked again."""
        known = [field.name for field in dataclasses.fields(self)]
        if unknown := [name for name in changes if name not in known]:
            raise InputError(f"no column {unknown[0]!r} in a table; choose from {', '.join(known)}")
        return dataclasses.replace(self, **changes)


class _Column:
    """A column that `stacked` may hold in another form; it is an array whenever it is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, table: PreferenceTable | None, owner: type) -> Any:
        value: Any = None if table is None else vars(table)[self._name]
        if isinstance(value, str):  # the observed frequencies that follow from the counts
            value = shares(vars(table)[value])
        elif hasattr(value, "toarray"):
            value = value.toarray()
        else:
            return value
        value.flags.writeable = False
        return value

    def __set__(self, table: PreferenceTable, value: Any) -> None:
        vars(table)[self._name] = value


for _name in ("counts", "theta_star", "history_counts"):
    setattr(PreferenceTable, _name, _Column(_name))


def check_table(value: Any) -> None:
    """Check that a value is a `PreferenceTable`.

    Parameters
    ----------
    value : any
        The value.

    Raises
    ------
    InputError
        It is a frame, a path or something else.

    Examples
    --------
    >>> check_table("table.parquet")
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: table: str is no PreferenceTable; use from_pandas, from_frame or read_table
    """
    if not isinstance(value, PreferenceTable):
        what = f"table: {type(value).__name__} is no PreferenceTable"
        raise InputError(f"{what}; use from_pandas, from_frame or read_table")


class _Setter:
    """Set fields of a frozen dataclass during construction."""

    def __init__(self, target: object) -> None:
        self.target = target

    def __call__(self, name: str, value: Any) -> None:
        object.__setattr__(self.target, name, value)
