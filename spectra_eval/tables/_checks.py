"""Checks of the columns of a `PreferenceTable`; an error names the row, the user and the fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import ATOL, by_rows, deviation, row_blocks, row_sums, sum_tolerance
from spectra_eval.errors import InputError, ShapeError, SimplexError

if TYPE_CHECKING:
    from spectra_eval.tables import PreferenceTable
else:
    PreferenceTable = Any  # the class that uses these functions; importing it would be circular

OUT_OF_VOCABULARY = -1
"""In `PreferenceTable.dg`: an entry that is not a category."""
PAD = -2
"""In `PreferenceTable.dg`: padding after the end of a list."""
UNKNOWN = -1
"""In `PreferenceTable.n_window`: the number of interactions is unknown."""

MATRICES = ("counts", "theta_star", "theta_s", "scores", "answer_mass", "history_counts")


def place(table: PreferenceTable, row: int, column: str) -> str:
    return f"row {row + 1} (user {str(table.users[row])!r}), column {column}"


def check_categories(categories: Sequence[str], parents: Sequence[str] | None) -> None:
    if len(categories) < 2:
        raise ShapeError(f"categories: {len(categories)} given; a distribution needs at least two")
    seen: set[str] = set()
    for name in categories:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"categories: {name!r} is not a name; every category needs a text that is not blank")
        if name in seen:
            raise InputError(f"categories: {name!r} is named twice; merge the two or rename one")
        seen.add(name)
    if parents is not None and len(parents) != len(categories):
        raise ShapeError(f"parents: {len(parents)} given for {len(categories)} categories; name one for each")


def check_shapes(table: PreferenceTable) -> None:
    n, k = table.n_users, table.n_categories
    if n == 0:
        raise ShapeError("table: no rows; at least one user is needed")
    if table.counts is None and table.theta_star is None:
        raise InputError("table: no truth; give counts or theta_star")
    for name in MATRICES:
        value = getattr(table, name)
        if value is not None and value.shape != (n, k):
            raise ShapeError(f"column {name}: shape {value.shape}, but there are {n} rows and {k} categories")
    for name in ("n_window", "context_window", "horizon", "history", "history_details"):
        value = getattr(table, name)
        if value is not None and value.shape != (n,):
            raise ShapeError(f"column {name}: {len(value)} entries for {n} rows; give one a row")
    if table.dg is not None and (table.dg.ndim != 2 or len(table.dg) != n):
        raise ShapeError(f"column dg: shape {table.dg.shape}, but there are {n} rows; give one list a row")


def check_weights(table: PreferenceTable, name: str) -> None:
    value = getattr(table, name)
    if value is None:
        return
    bad = ~_are_weights(value)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        column = int(np.flatnonzero(~(np.isfinite(value[row]) & (value[row] >= 0)))[0])
        what = f"{table.categories[column]!r} is {value[row, column]}"
        raise InputError(f"{place(table, row, name)}: {what}; weights must be finite and not negative")


@by_rows
def _are_weights(value: np.ndarray) -> np.ndarray:
    return np.asarray((np.isfinite(value) & (value >= 0)).all(axis=1))


def windows_from(table: PreferenceTable) -> np.ndarray:
    windows = np.full(table.n_users, UNKNOWN, dtype=np.int64)
    if table.counts is not None:
        windows[table.counts.sum(axis=1) == 0] = 0
    return windows


def shares(counts: Any) -> np.ndarray:
    assert counts is not None  # ensured by check_shapes
    made = np.empty(counts.shape)
    for rows in row_blocks(*counts.shape):
        part = counts[rows].toarray() if hasattr(counts, "toarray") else counts[rows]
        totals = row_sums(part)[:, None]
        with np.errstate(invalid="ignore"):
            made[rows] = np.where(totals > 0, part / np.where(totals > 0, totals, 1.0), np.nan)
    return made


def check_windows(table: PreferenceTable) -> None:
    below = table.n_window < UNKNOWN
    if below.any():
        row = int(np.flatnonzero(below)[0])
        raise InputError(f"{place(table, row, 'n_window')}: {table.n_window[row]} interactions; it cannot be negative")
    if table.counts is None:
        return
    empty = table.counts.sum(axis=1) == 0
    wrong = empty & table.observed
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        claim = "a window" if table.n_window[row] == UNKNOWN else f"{table.n_window[row]} interactions"
        raise InputError(f"{place(table, row, 'counts')}: all zero, but n_window is {claim}; correct one of the two")
    wrong = ~empty & ~table.observed
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{place(table, row, 'n_window')}: 0, but counts is not all zero; correct one of the two")


def check_rows(
    table: PreferenceTable, name: str, where: np.ndarray | None, atol: float
) -> tuple[np.ndarray, int, float]:
    """Check that the rows selected by `where` are on the simplex; return them normalised.

    `atol` is the tolerance of the type of the input. The numbers count the rows that were off by more than
    `ATOL`, and give the largest deviation.
    """
    value: np.ndarray = getattr(table, name)
    sums = value.sum(axis=1)
    good = (value.min(axis=1) >= 0) & (np.abs(sums - 1.0) <= ATOL)
    if where is not None:
        good |= ~where
    loose = np.zeros(len(value), dtype=np.bool_)
    if not good.all():
        near = np.abs(sums - 1.0) <= np.maximum(atol, sum_tolerance(value))
        loose = ~good & (value.min(axis=1) >= 0) & near
        good |= loose
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise SimplexError(f"{place(table, row, name)}: {_row_defect(table, value[row])}")
    # Rows that sum to one up to rounding are not divided, so that writing and reading a table changes no bit.
    selected = np.ones(len(value), dtype=bool) if where is None else where
    rounding = value.shape[1] * 2.0**-52
    if (np.abs(sums[selected] - 1.0) <= rounding / 2).all():
        return value, 0, 0.0
    off = float(np.abs(sums[loose] - 1.0).max(initial=0.0))
    sums = row_sums(np.where(selected[:, None], value, 0.0))
    far = selected & (np.abs(sums - 1.0) > rounding)
    return np.divide(value, sums[:, None], out=value.copy(), where=far[:, None]), int(loose.sum()), off


def _row_defect(table: PreferenceTable, row: np.ndarray) -> str:
    broken = ~np.isfinite(row)
    if broken.any():
        column = int(np.flatnonzero(broken)[0])
        return f"{table.categories[column]!r} is {row[column]}; every proportion must be finite"
    if (row < 0).any():
        column = int(np.flatnonzero(row < 0)[0])
        return f"{table.categories[column]!r} is negative ({row[column]:.6g}); proportions must be at least 0"
    if not row.any():
        return "every number is 0, which is no distribution; correct the row, or leave the record out"
    return f"{deviation(row.sum())}; normalise it or pass --renormalise"


def check_lists(table: PreferenceTable) -> None:
    if table.dg is None:
        return
    known = ((table.dg >= PAD) & (table.dg < table.n_categories)).all(axis=1)
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        entry = next(int(e) for e in table.dg[row] if not PAD <= e < table.n_categories)
        raise InputError(
            f"{place(table, row, 'dg')}: entry {entry} is no category of 0..{table.n_categories - 1}; "
            "write -1 for an out-of-vocabulary entry"
        )
    ordered = np.sort(table.dg, axis=1)
    repeats = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeats.any():
        row = int(np.flatnonzero(repeats)[0])
        entries, times = np.unique(table.dg[row][table.dg[row] >= 0], return_counts=True)
        name = table.categories[int(entries[times > 1][0])]
        raise InputError(f"{place(table, row, 'dg')}: {name!r} occurs twice in the list; keep the first")


def check_unique(table: PreferenceTable) -> None:
    columns: list[Any] = [table.users.tolist()]
    for value in (table.context_window, table.horizon):
        if value is not None:
            columns.append(value.tolist())
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    if len(set(keys)) == len(keys):
        return
    seen: set[Any] = set()
    for row, key in enumerate(keys):
        if key in seen:
            raise InputError(f"{place(table, row, 'user')}: this record occurs twice in the table; keep one of the two")
        seen.add(key)


def text_array(name: str, values: Any) -> np.ndarray:
    """Return one text per entry; entries that are missing or not names are refused."""
    return _filled([_text(name, row, value) for row, value in enumerate(_entries(f"column {name}", values))])


def category_names(name: str, values: Any) -> tuple[Any, ...]:
    """Return the entries of a list of names."""
    return tuple(value.as_py() if hasattr(value, "as_py") else value for value in _entries(name, values))


def _entries(where: str, values: Any) -> Any:
    """Return an ordered sequence of entries; a text, a set or an object without length is refused."""
    if hasattr(values, "as_py"):
        values = values.as_py()
    if isinstance(values, str | bytes | set | frozenset | Mapping) or not (
        hasattr(values, "__len__") and hasattr(values, "__iter__")
    ):
        raise InputError(f"{where}: {type(values).__name__} is no list of texts; give a list or an array")
    return values


def _text(name: str, row: int, value: Any) -> str:
    if type(value) is str:
        return value
    value = value.as_py() if hasattr(value, "as_py") else value
    value = value.item() if getattr(value, "ndim", 1) == 0 else value  # scalars of NumPy and torch
    where = f"row {row + 1}, column {name}"
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        raise InputError(f"{where}: null; give every row one")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{where}: {value!r:.40} is not UTF-8; give texts") from error
    if isinstance(value, float):
        if not value.is_integer() or abs(value) > 2**53:
            raise InputError(f"{where}: {value} is not a valid name; give texts or whole numbers")
        return str(int(value))
    if isinstance(value, list | dict | set | np.ndarray):
        raise InputError(f"{where}: {type(value).__name__} is not a name; give one text per row")
    return str(value)


def _filled(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return array


def check_details(table: PreferenceTable) -> None:
    if table.history_details is None:
        return
    if table.history is None:
        raise InputError("column history_details: present without history; give the titles as well")
    for row, (titles, details) in enumerate(zip(table.history, table.history_details, strict=True)):
        if len(titles) != len(details):
            where = place(table, row, "history_details")
            raise ShapeError(f"{where}: {len(details)} entries for {len(titles)} titles; give one a title")


def detail_array(values: Any) -> np.ndarray:
    name = "column history_details"
    return _filled([tuple(_entries(f"row {i + 1}, {name}", row)) for i, row in enumerate(_entries(name, values))])


def tuple_array(values: Any) -> np.ndarray:
    name, made = "column history", []
    for row, titles in enumerate(_entries("column history", values)):
        made.append(tuple(_title(row, title) for title in _entries(f"row {row + 1}, {name}", titles)))
    return _filled(made)


def _title(row: int, title: Any) -> str:
    title = title.as_py() if hasattr(title, "as_py") else title
    if title is None or title != title:
        raise InputError(f"row {row + 1}, column history: a title is null; write it, or leave it out")
    return str(title)
