"""The strata of an evaluation: named rules that divide records into groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spectra_eval.arrays import convert, order, row_blocks
from spectra_eval.baselines._base import any_history, history_within
from spectra_eval.errors import InputError, ShapeError, UnknownNameError
from spectra_eval.metrics import category_buckets, tail_preference_groups
from spectra_eval.metrics._strata import frequency_ranks
from spectra_eval.tables import UNKNOWN, PreferenceTable

__all__ = ["ALL", "STRATA", "Stratification", "buckets_of", "check_columns", "ranks_of", "stratify"]

ALL = "all"
_TAIL = 2
_NOWHERE = 3
"""The bucket of a category that is not an option of any record."""
_MANY = 10
"""A column with more distinct numbers than this is divided into quarters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stratification:
    """Groups of records: `group` (n,) is an index into `names`, or -1; `facts` describe the rule as JSON values."""

    names: tuple[str, ...]
    group: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)


def buckets_of(table: PreferenceTable) -> tuple[np.ndarray, str]:
    """Divide the categories into head, mid and tail, by the histories if there are any, else by the windows."""
    frequency, source = _frequency(table)
    return _cut(frequency, table.support), source


def ranks_of(table: PreferenceTable) -> np.ndarray:
    """Return the rank of each category by this frequency, (K,) int; -1 where it is not an option of any record."""
    frequency, _ = _frequency(table)
    alive = _alive(frequency, table.support)
    rank = np.full(len(frequency), -1, dtype=np.int64)
    rank[alive] = frequency_ranks(frequency[alive])
    return rank


def _frequency(table: PreferenceTable) -> tuple[np.ndarray, str]:
    has_history = any_history(table)
    total = np.zeros(table.n_categories)
    for rows in row_blocks(table.n_users, table.n_categories):
        part = table.select(rows)
        frequency = history_within(part) if has_history else part.theta_star[part.observed]
        if len(frequency):  # one row after another, as in a sum over all of them
            total = np.concatenate([total[None], frequency]).sum(axis=0)
    return total, "history" if has_history else "window"


def _alive(frequency: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    return np.ones(len(frequency), dtype=bool) if support is None else np.asarray(support.any(axis=0))


def _cut(frequency: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    """Divide the categories that are an option of some record; the others are in no stratum."""
    alive = _alive(frequency, support)
    bucket = np.full(len(frequency), _NOWHERE, dtype=np.int64)
    bucket[alive] = category_buckets(frequency[alive])
    return bucket


def stratify(
    table: PreferenceTable,
    names: Sequence[str],
    bucket: np.ndarray,
    columns: Mapping[str, np.ndarray] | None = None,
) -> list[Stratification]:
    """Return the group of all records, and the strata of each named rule or further column.

    Raises
    ------
    UnknownNameError
        No rule and no column has this name.
    InputError
        The table lacks the column that a rule reads.
    """
    columns = columns or {}
    everybody = Stratification(names=(ALL,), group=np.zeros(table.n_users, dtype=np.int64))
    made = [everybody]
    for name in dict.fromkeys(names):
        if name == ALL:
            continue
        if name in columns:
            made.append(_column(name, columns[name]))
        elif name in STRATA:
            made.append(STRATA[name](table, bucket))
        else:
            known = ", ".join([*STRATA, *columns])
            raise UnknownNameError(f"no stratification named {name!r}; known: {known}; or give it as a further column")
    return made


def check_columns(columns: Mapping[str, Any], table: PreferenceTable) -> dict[str, np.ndarray]:
    """Return further columns as arrays; each needs one value per record and a name that is not a rule."""
    made = {}
    for name, values in columns.items():
        if name == ALL or name in STRATA:
            raise InputError(f"columns: {name!r} is the name of a stratification; rename the column")
        array = _further(f"columns: {name!r}", values, table)
        if array.shape != (table.n_users,):
            raise ShapeError(f"columns: {name!r} has shape {array.shape}; give one value for {table.n_users} records")
        made[name] = array
    return made


def _further(name: str, values: Any, table: PreferenceTable) -> np.ndarray:
    """Return a column of numbers, Booleans or names as an array; a series is aligned by its labels."""
    if hasattr(values, "iloc"):
        labels = list(values.index)
        if labels != list(range(len(labels))) and (texts := [str(label) for label in labels]) != table.users.tolist():
            values = values.iloc[order(name, texts, table.users.tolist(), "the table", "users")]
    if np.ma.isMaskedArray(values) or (
        not isinstance(values, list | tuple | np.ndarray) and not hasattr(values, "to_list")
    ):
        return convert(name, values, boolean=True).values
    plain = np.array(values.to_list(), dtype=object) if hasattr(values, "to_list") else np.asarray(values)
    if plain.dtype == object and all(isinstance(value, int | float) for value in plain.tolist()):
        plain = np.array(plain.tolist())
    return plain if plain.dtype.kind in "OUSM" else convert(name, plain, boolean=True).values


def _column(name: str, values: np.ndarray) -> Stratification:
    """Group by the values of a column, or by its quartiles if it has many numbers; NaN and None are in no group."""
    if values.dtype.kind in "iuf" and len(np.unique(values[np.isfinite(values)])) > _MANY:
        return _quarters(name, values.astype(np.float64), f"quartiles of {name}")
    known = np.array([value is not None and value == value for value in values.tolist()])
    group = np.full(len(values), -1, dtype=np.int64)
    found = np.unique(values[known].astype(str) if values.dtype == object else values[known], return_inverse=True)
    group[known] = found[1]
    names = tuple(f"{name}={value}" for value in found[0].tolist())
    return Stratification(names=names, group=group, facts={name: {"rule": f"values of {name}", **_sizes(names, group)}})


def _sums(table: PreferenceTable, name: str, categories: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Return the sum of a matrix over some categories for each record, (N,)."""
    parts = (table.select(rows) for rows in row_blocks(table.n_users, table.n_categories))
    return np.concatenate([getattr(part, name)[:, categories].sum(axis=1) for part in parts])


def _tail_preference(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    """Group by quartiles of the proportion of tail categories in the history, where there is one."""
    if not table.has("history_counts"):
        return _tail_preference_window(table, bucket, name="tail_preference")
    total = _sums(table, "history_counts")
    with np.errstate(invalid="ignore"):
        share = _sums(table, "history_counts", bucket == _TAIL) / total
    return _quarters("tail_preference", share, "quartiles of the proportion of tail categories in the history")


def _tail_preference_window(
    table: PreferenceTable, bucket: np.ndarray, *, name: str = "tail_preference_window"
) -> Stratification:
    """Group by quartiles of the proportion of tail categories in the window, as in the paper: by the outcome."""
    share = _sums(table, "theta_star", bucket == _TAIL)
    return _quarters(name, share, "quartiles of the proportion of tail categories in the window")


def _activity(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    """Group by quartiles of the length or weight of the history."""
    del bucket
    if table.history is not None:
        return _quarters(
            "activity",
            np.array([float(len(titles)) for titles in table.history]),
            "quartiles of the number of titles in the history",
        )
    if table.has("history_counts"):
        return _quarters("activity", _sums(table, "history_counts"), "quartiles of the weight of the history")
    raise InputError("stratum 'activity': the table has neither history nor history_counts; leave the stratum out")


def _context_window(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    del bucket
    return _values(table, "context_window")


def _horizon(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    del bucket
    return _values(table, "horizon")


def _context_window_by_horizon(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    """Group by both: ``context_window_by_horizon=long/3``."""
    del bucket
    name = "context_window_by_horizon"
    if table.context_window is None or table.horizon is None:
        lacking = "context_window" if table.context_window is None else "horizon"
        raise InputError(f"stratum {name!r}: the table has no column {lacking}; leave the stratum out")
    both = list(zip(table.horizon.tolist(), table.context_window.tolist(), strict=True))
    found = {pair: place for place, pair in enumerate(sorted(set(both)))}
    names = tuple(f"{name}={horizon}/{window}" for horizon, window in found)
    group = np.array([found[pair] for pair in both], dtype=np.int64)
    facts = {name: {"rule": "values of horizon and context_window", **_sizes(names, group)}}
    return Stratification(names=names, group=group, facts=facts)


def _n_window(table: PreferenceTable, bucket: np.ndarray) -> Stratification:
    """Group by quartiles of the number of interactions in the window."""
    del bucket
    if (table.n_window == UNKNOWN).all():
        raise InputError("stratum 'n_window': the table has no number of interactions of the windows; leave it out")
    size = np.where(table.n_window == UNKNOWN, np.nan, table.n_window)
    return _quarters("n_window", size, "quartiles of the interactions in the window")


STRATA: dict[str, Callable[[PreferenceTable, np.ndarray], Stratification]] = {
    "tail_preference": _tail_preference,
    "tail_preference_window": _tail_preference_window,
    "activity": _activity,
    "context_window": _context_window,
    "horizon": _horizon,
    "context_window_by_horizon": _context_window_by_horizon,
    "n_window": _n_window,
}
"""The named rules; the group of all records always comes first."""


def _quarters(name: str, numbers: np.ndarray, rule: str) -> Stratification:
    """Divide records into four groups by a number; equal numbers are in one group, missing ones in none."""
    known = np.isfinite(numbers)
    group = np.full(len(numbers), -1, dtype=np.int64)
    cuts: list[float] = []
    if known.any():
        quarters, found = tail_preference_groups(numbers[known])
        group[known] = quarters - 1
        cuts = found.tolist()
    names = tuple(f"{name}=Q{quarter}" for quarter in (1, 2, 3, 4))
    return Stratification(names=names, group=group, facts={name: {"rule": rule, "cuts": cuts, **_sizes(names, group)}})


def _values(table: PreferenceTable, column: str) -> Stratification:
    """Group records by the values of a column."""
    given = getattr(table, column)
    if given is None:
        raise InputError(f"stratum {column!r}: the table has no column {column}; leave the stratum out")
    values, group = np.unique(given, return_inverse=True)
    names = tuple(f"{column}={value}" for value in values.tolist())
    facts = {column: {"rule": f"values of {column}", **_sizes(names, group)}}
    return Stratification(names=names, group=group.astype(np.int64), facts=facts)


def _sizes(names: Sequence[str], group: np.ndarray) -> dict[str, Any]:
    counts = np.bincount(group[group >= 0], minlength=len(names)).tolist()
    return {"sizes": {name.partition("=")[2]: count for name, count in zip(names, counts, strict=True)}}
