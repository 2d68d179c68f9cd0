"""Tables from frames of other libraries, and frames from tables and results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.artifacts._arrow_columns import is_derived
from spectra_eval.artifacts._assemble import assemble_whole
from spectra_eval.artifacts._columns import MATRICES, NAMES, ReadSpec
from spectra_eval.artifacts._limits import first_twice
from spectra_eval.artifacts._wide import arrow_table, mapped, read_whole
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import UNKNOWN, PreferenceTable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["from_frame", "from_pandas", "rows_frame", "to_pandas"]


def from_frame(
    frame: Any,
    *,
    mapping: Mapping[str, str] | None = None,
    renormalise: bool = False,
    empty_windows: str = "refuse",
    empty_predictions: str = "refuse",
    absent: str | None = None,
) -> PreferenceTable:
    """Return a table from a frame of any library that exports Arrow: polars, PyArrow, pandas, DuckDB.

    Parameters
    ----------
    frame : object with ``__arrow_c_stream__``
        Long, one row per user and category, with the columns of a long CSV file; or one row per record, with the
        columns of a Parquet file. See `read_table`, whose rules hold here too.
    mapping : mapping of str to str, optional
        As in `read_table`.
    renormalise : bool
        As in `read_table`.
    empty_windows : {"refuse", "keep"}
        As in `read_table`.
    empty_predictions : {"refuse", "drop"}
        As in `read_table`.
    absent : str, optional
        As in `read_table`.

    Returns
    -------
    PreferenceTable
        One record for each user, context window and horizon.

    Raises
    ------
    InputError, SchemaError, ShapeError, SimplexError
        One line that names the row, the user, the column and the fix.

    Examples
    --------
    >>> import pyarrow as pa
    >>> frame = pa.table({"user": ["ann", "ann"], "category": ["Noir", "Drama"], "target": [1, 3]})
    >>> from_frame(frame).counts.tolist()
    [[3.0, 1.0]]
    """
    reading = {"renormalise": renormalise, "empty_windows": empty_windows, "empty_predictions": empty_predictions}
    spec = _read_spec(frame, mapping, absent=absent, **reading)
    return assemble_whole(*read_whole(arrow_table(_arrow(frame, spec)), spec))


def from_pandas(
    frame: pd.DataFrame,
    *,
    mapping: Mapping[str, str] | None = None,
    renormalise: bool = False,
    empty_windows: str = "refuse",
    empty_predictions: str = "refuse",
    absent: str | None = None,
) -> PreferenceTable:
    """Return a table from a pandas DataFrame, long or wide; columns are found by their names, never by their position.

    Parameters
    ----------
    frame : pandas.DataFrame
        Long: one row per user and category, with the columns of a long CSV file, ``user``, ``category``, ``target`` and
        perhaps ``prediction``, ``dg_rank``, ``n_window``, ``context_window``, ``horizon``. Wide: one row a record, with
        columns of two levels, the quantity and the category, ``frame["counts", "Drama"]``; or with lists in its cells,
        as Parquet files have them. The users may be a column or the
        index.
    mapping : mapping of str to str, optional
        As in `read_table`.
    renormalise : bool
        As in `read_table`.
    empty_windows : {"refuse", "keep"}
        As in `read_table`.
    empty_predictions : {"refuse", "drop"}
        As in `read_table`.
    absent : str, optional
        As in `read_table`; NaN in a wide frame is an absent cell.

    Returns
    -------
    PreferenceTable
        One record for each user, context window and horizon.

    Raises
    ------
    InputError, SchemaError, ShapeError, SimplexError
        One line that names the row, the user, the column and the fix.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"user": ["ann", "ann"], "category": ["Noir", "Drama"], "target": [1, 3]})
    >>> from_pandas(frame).counts.tolist()
    [[3.0, 1.0]]
    """
    reading = {"renormalise": renormalise, "empty_windows": empty_windows, "empty_predictions": empty_predictions}
    spec = _read_spec(frame, mapping, absent=absent, **reading)
    if not (hasattr(frame, "columns") and hasattr(frame, "reset_index")):
        raise spec.fail("no pandas DataFrame; give one, or use from_frame")
    titles = {str(title) for title in frame.columns.get_level_values(0)}
    unnamed = frame.index.nlevels == 1 and frame.index.name is None
    if unnamed and not titles & {"user", "users"} and "user" not in spec.mapping:
        if list(frame.index) != list(range(len(frame))):  # labels chosen by the caller
            frame = frame.rename_axis(index="user")
    if frame.columns.nlevels == 2:
        return assemble_whole(*read_whole(arrow_table(_from_levels(frame, spec)), spec))
    if frame.columns.nlevels > 2:
        raise spec.fail(f"columns of {frame.columns.nlevels} levels; give two, the quantity and the category")
    if any(name is not None for name in frame.index.names):
        if duplicate := [name for name in frame.index.names if name in frame.columns]:
            raise spec.fail(f"column {duplicate[0]!r} is the index too; rename one, or drop the index", SchemaError)
        frame = frame.reset_index()
    return assemble_whole(*read_whole(arrow_table(_arrow(frame, spec)), spec))


def to_pandas(table: PreferenceTable, layout: str = "long") -> pd.DataFrame:
    """Return a table as a pandas DataFrame that `from_pandas` reads.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    layout : {"long", "wide"}
        ``long`` has one row a record and category that it offers: ``user``, ``context_window``, ``horizon``,
        ``category``, ``counts`` (``theta_star`` where the table has no counts), ``theta_s``, ``dg_rank`` (from 1) and
        ``n_window``. ``wide`` has one row a record, indexed by user, and columns of two levels, such as
        ``frame["theta_s", "Drama"]``; it keeps every matrix and the order of the categories. Titles and metadata are in
        neither.

    Returns
    -------
    pandas.DataFrame
        One row for each record and category, or for each record.

    Raises
    ------
    InputError
        The layout is unknown.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann"], categories=("Drama", "Noir"), counts=[[3, 1]])
    >>> to_pandas(table)["counts"].tolist(), to_pandas(table, "wide")["counts", "Noir"].tolist()
    ([3.0, 1.0], [1.0])
    """
    if layout not in ("long", "wide"):
        raise InputError(f"layout: {layout!r}; choose 'long' or 'wide'")
    return _long(table) if layout == "long" else _wide(table)


def rows_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return results as a frame with one row each; an interval becomes `low`, `high`, `level` and `method`.

    Parameters
    ----------
    rows : iterable of mapping
        The results, all with the same fields.

    Returns
    -------
    pandas.DataFrame
        One row for each result.

    Examples
    --------
    >>> rows_frame([{"metric": "brier", "value": 0.5}]).columns.tolist()
    ['metric', 'value']
    """
    import pandas as pd

    flat = []
    for row in rows:
        plain = {name: value for name, value in row.items() if name != "interval"}
        flat.append({**plain, **{key: value for key, value in (row.get("interval") or {}).items()}})
    return pd.DataFrame(flat)


def _read_spec(frame: Any, mapping: Mapping[str, str] | None, **options: Any) -> ReadSpec:
    return ReadSpec(
        path=Path(type(frame).__name__), format="arrow", mapping={} if mapping is None else mapping, **options
    )


def _arrow(frame: Any, spec: ReadSpec) -> pa.Table:
    import pyarrow as pa

    if not (hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "reset_index")):
        fix = "call .collect() first" if hasattr(frame, "collect") else "give a frame of pandas, polars or PyArrow"
        raise spec.fail(f"exports no Arrow table (__arrow_c_stream__); {fix}")
    with mapped(spec):
        if hasattr(frame, "reset_index"):
            frame = frame.to_frame() if frame.ndim == 1 else frame
            if (duplicate := first_twice(map(str, frame.columns))) is not None:
                raise spec.fail(f"column {duplicate!r} occurs twice; rename one", SchemaError)
            return pa.Table.from_pandas(frame, preserve_index=False)
        return pa.table(frame)


def _from_levels(frame: pd.DataFrame, spec: ReadSpec) -> pa.Table:
    """Return a frame whose columns are (quantity, category) as an Arrow table with one struct a quantity."""
    import pyarrow as pa

    if (duplicate := first_twice(frame.columns)) is not None:
        raise spec.fail(f"column {duplicate!r} occurs twice; rename one", SchemaError)
    canonical = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    canonical |= {column: canonical.get(name, name) for name, column in spec.mapping.items()}
    columns: dict[str, Any] = {}
    level = frame.columns.get_level_values(0)
    with mapped(spec):
        for quantity in dict.fromkeys(level):
            part = frame.loc[:, level == quantity].droplevel(0, axis=1)
            arrays = [pa.array(part.iloc[:, place], from_pandas=True) for place in range(part.shape[1])]
            title = str(quantity)
            if canonical.get(quantity) in (*MATRICES, "support", "dg"):
                columns[title] = pa.StructArray.from_arrays(arrays, names=[str(label) for label in part.columns])
            elif len(arrays) > 1:
                raise spec.fail(f"column {title!r} has {len(arrays)} columns below it; give it one", SchemaError)
            else:
                columns[title] = arrays[0]
        index = frame.index.to_frame(index=False)
        for place, named in enumerate(frame.index.names):
            if named is not None:
                columns[str(named)] = pa.array(index.iloc[:, place], from_pandas=True)
        return pa.table(columns)


def _long(table: PreferenceTable) -> pd.DataFrame:
    import pandas as pd

    record, category = np.nonzero(table.offered)
    columns: dict[str, Any] = {"user": table.users[record]}
    for name in ("context_window", "horizon"):
        if (value := getattr(table, name)) is not None:
            columns[name] = value[record]
    columns["category"] = np.array(table.categories, dtype=object)[category]
    for name in ("counts", "theta_star", "theta_s"):
        if (value := _given(table, name)) is not None:
            columns[name] = value[record, category]
    if table.dg is not None:
        ranks = np.zeros((table.n_users, table.n_categories), dtype=np.int64)
        rows, places = np.nonzero(table.dg >= 0)
        ranks[rows, table.dg[rows, places]] = places + 1
        columns["dg_rank"] = pd.array(np.where(ranks, ranks, -1)[record, category], dtype="Int64")
        columns["dg_rank"][columns["dg_rank"] == -1] = pd.NA
    columns["n_window"] = pd.array(table.n_window[record], dtype="Int64")
    columns["n_window"][columns["n_window"] == UNKNOWN] = pd.NA
    return pd.DataFrame(columns)


def _given(table: PreferenceTable, name: str) -> np.ndarray | None:
    """Return a matrix of a table; None where it is missing, or where proportions follow from the counts."""
    value: np.ndarray | None = getattr(table, name)
    if name != "theta_star" or value is None:
        return value
    return None if is_derived(table) else np.where(table.observed[:, None], value, 0.0)


def _wide(table: PreferenceTable) -> pd.DataFrame:
    import pandas as pd

    columns: dict[tuple[str, Any], Any] = {}
    for name in ("context_window", "horizon"):
        if (value := getattr(table, name)) is not None:
            columns[name, ""] = value
    n_window = pd.array(table.n_window, dtype="Int64")
    n_window[table.n_window == UNKNOWN] = pd.NA
    columns["n_window", ""] = n_window
    for name in ("counts", "theta_star", "theta_s", "scores", "answer_mass", "history_counts", "support"):
        if (value := _given(table, name)) is not None:
            columns |= {(name, category): value[:, k] for k, category in enumerate(table.categories)}
    if table.dg is not None:
        columns |= {("dg", rank + 1): table.dg[:, rank] for rank in range(table.dg.shape[1])}
    return pd.DataFrame(columns, index=pd.Index(table.users, name="user"))
