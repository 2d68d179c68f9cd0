"""The columns of a table as Arrow arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import row_blocks, row_sums
from spectra_eval.artifacts._details import detail_array
from spectra_eval.tables import PAD, UNKNOWN, PreferenceTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_columns", "is_derived", "optional_columns"]


def optional_columns(table: PreferenceTable) -> set[str]:
    """Return the names of the optional columns that a block needs."""
    names = ("context_window", "horizon", "history", "history_counts", "counts", "scores", "theta_s", "answer_mass")
    found = {name for name in (*names, "dg", "support") if table.has(name)}
    return found if is_derived(table) else found | {"theta_star"}


def arrow_columns(table: PreferenceTable, names: set[str]) -> dict[str, pa.Array]:
    """Return the columns of a block; `names` are those of all blocks."""
    import pyarrow as pa

    columns: dict[str, Any] = {"user": pa.array(table.users.tolist(), pa.string())}
    missing = [name for name in names if name not in ("dg", "support", "theta_star") and not table.has(name)]
    if missing:
        raise ValueError(f"column {missing[0]} is missing in some blocks")
    if table.context_window is not None:
        columns["context_window"] = pa.array(table.context_window, pa.int64()).cast(pa.int32())
    if table.horizon is not None:
        columns["horizon"] = pa.array(table.horizon.tolist(), pa.string())
    if table.history is not None:
        columns["history"] = pa.array([list(titles) for titles in table.history], pa.list_(pa.string()))
    if table.history_details is not None:
        columns["history_details"] = detail_array(table.history_details)
    for name in ("history_counts", "counts", "theta_star"):
        if name in names:
            values = getattr(table, name)
            columns[name] = _fixed_lists(
                np.where(table.observed[:, None], values, 0.0) if name == "theta_star" else values
            )
    columns["n_window"] = pa.array(table.n_window, pa.int64(), mask=table.n_window == UNKNOWN)
    for name in ("scores", "theta_s", "answer_mass"):
        if table.has(name):
            columns[name] = _fixed_lists(getattr(table, name))
    if "support" in names:
        columns["support"] = _fixed_lists(table.offered)
    if "dg" in names:
        lists = np.full((table.n_users, 0), PAD) if table.dg is None else table.dg
        filled = lists != PAD
        ends = np.concatenate(([0], np.cumsum(filled.sum(axis=1))))
        columns["dg"] = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(lists[filled], pa.int32()))
    return columns


def is_derived(table: PreferenceTable) -> bool:
    """Return whether the proportions equal those of the counts exactly."""
    if not table.has("counts"):
        return False
    return all(_follows(table.select(rows)) for rows in row_blocks(table.n_users, table.n_categories))


def _follows(table: PreferenceTable) -> bool:
    counts = table.counts
    assert counts is not None  # checked by `is_derived`
    totals = row_sums(counts)[:, None]
    shares = counts / np.where(totals > 0, totals, 1.0)
    return bool(((shares == table.theta_star).all(axis=1) | ~table.observed).all())


def _fixed_lists(values: np.ndarray) -> Any:
    """Return the rows of a matrix as an Arrow array of lists of one length."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])
