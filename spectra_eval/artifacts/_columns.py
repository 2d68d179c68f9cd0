"""Which column of a file is which, and what the columns of any format have to pass to become a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.arrays import ATOL, row_sums, sum_tolerance
from spectra_eval.artifacts._names import wrong_name
from spectra_eval.errors import InputError, SchemaError, ShapeError, SimplexError
from spectra_eval.tables import UNKNOWN, PreferenceTable

__all__ = [
    "ABSENT",
    "MATRICES",
    "TRUTHS",
    "How",
    "Raw",
    "TargetScan",
    "assemble",
    "match_columns",
    "options",
    "whole_numbers",
]

NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "users"),
    "category": ("category",),
    "categories": ("categories",),
    "target": ("target",),
    "counts": ("counts", "count"),
    "theta_star": ("theta_star", "share", "shares"),
    "theta_s": ("theta_s", "prediction"),
    "dg": ("dg",),
    "dg_rank": ("dg_rank",),
    "n_window": ("n_window",),
    "context_window": ("context_window",),
    "horizon": ("horizon",),
    "history": ("history",),
    "history_counts": ("history_counts",),
    "history_details": ("history_details",),
    "scores": ("scores",),
    "answer_mass": ("answer_mass",),
    "support": ("support",),
}
"""Column of a table by name, and what files call it."""
TRUTHS = ("counts", "theta_star", "target")
_LARGEST = 1e300
MATRICES = (*TRUTHS, "theta_s", "scores", "answer_mass", "history_counts")
ABSENT = ("zero", "not-offered")
"""What a cell that is not in the file can mean."""


@dataclass(frozen=True, kw_only=True)
class How:
    """How a file is to be read: what the caller said, and what was understood.

    `columns` gives the column of the file by the name of the table's column, `ignored` those not understood.
    """

    path: Path
    format: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    renormalise: bool = False
    empty_windows: str = "refuse"
    absent: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    n_rows: int = 0
    kind: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        said = self.mapping if isinstance(self.mapping, Mapping) else {0: 0}
        if not all(isinstance(name, str) for pair in said.items() for name in pair):
            raise InputError(f"mapping: {str(self.mapping)[:60]} maps no names to columns; write {{'target': 'y'}}")
        if self.empty_windows not in ("refuse", "keep"):
            raise InputError(f"empty_windows: {self.empty_windows!r}; choose 'refuse' or 'keep'")
        if self.absent not in (None, *ABSENT):
            raise InputError(f"absent: {self.absent!r}; choose 'zero' or 'not-offered'")

    @property
    def text(self) -> bool:
        """Whether the numbers of the file are decimal digits."""
        return self.format not in ("parquet", "npz", "arrow")

    def fail(self, message: str, error: type[InputError] = InputError) -> InputError:
        """Make an error that names the file."""
        return error(f"{self.path}: {message}")

    def at(self, row: int, user: object, column: str) -> str:
        """Name a place by the words of the file; `row` counts from 0."""
        return f"row {row + 1} (user {str(user)!r}), column {self.columns.get(column, column)}"

    def understood(self, available: Iterable[str], allowed: Iterable[str]) -> How:
        """Match the columns of the file."""
        names = list(available)
        columns = match_columns(self.path, names, self.mapping, allowed)
        return replace(self, columns=columns, ignored=tuple(n for n in names if n not in columns.values()))


@dataclass(kw_only=True)
class Raw:
    """The columns of some rows as a file gave them; a truth that is missing is a row of zeros.

    `matrices` holds (N, K) float arrays by name, `atol` how far from one their type lets a row sum, `others` the
    columns that `PreferenceTable` takes as they are.
    """

    users: Sequence[str]
    categories: tuple[str, ...]
    matrices: dict[str, np.ndarray]
    n_window: np.ndarray | None = None
    others: dict[str, Any] = field(default_factory=dict)
    atol: Mapping[str, float] = field(default_factory=dict)
    first_row: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


def match_columns(
    path: Path, available: Sequence[str], mapping: Mapping[str, str], allowed: Iterable[str]
) -> dict[str, str]:
    """Find the column of the file for each column of a table; refuse what is missing or said twice."""
    allowed = tuple(allowed)
    found: dict[str, str] = {}
    canonical = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    for asked, column in mapping.items():
        name = canonical.get(asked, "")
        if name not in allowed:
            raise InputError(
                f"{path}: --map {asked}={column}: this format has no {asked!r}; choose from {_list(allowed)}"
            )
        if column not in available:
            raise SchemaError(f"{path}: --map {asked}={column}: no column {column!r}; there are {_list(available)}")
        if name in found:
            raise InputError(f"{path}: --map names the column {name} twice; keep one of the two")
        found[name] = column
    said = any(name in found for name in TRUTHS)
    for name in allowed:
        there = [alias for alias in NAMES[name] if alias in available]
        if name in found or not there or (said and name in TRUTHS):
            continue
        if len(there) > 1:
            raise SchemaError(f"{path}: columns {_list(there)} mean the same; say which with --map {name}=COLUMN")
        found[name] = there[0]
    if "target" in found and ("counts" in found or "theta_star" in found):
        raise SchemaError(f"{path}: target stands beside counts or shares; say which is meant with --map target=COLUMN")
    if not any(name in found for name in TRUTHS):
        raise SchemaError(
            f"{path}: no column target, counts or theta_star; there are {_list(available)}; "
            "name the truth with --map target=COLUMN"
        )
    return found


def _list(names: Iterable[str]) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") if shown else "none"


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """(N,) bool: finite numbers without a fraction that int64 can hold."""
    if values.dtype.kind in "iu":
        return values <= np.iinfo(np.int64).max
    with np.errstate(invalid="ignore"):
        good: np.ndarray = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    return good


def options(present: np.ndarray, how: How, *, predicted: bool) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return from the cells (N, K) of a text the options of each record, and what to note of them.

    Where there is a prediction its author has written the options down, so an absent cell is none; without one the
    file may hold the outcomes alone, and options derived from outcomes would give the truth away.
    """
    if present.all():
        return None, {}
    absent = how.absent or ("not-offered" if predicted else "zero")
    return (present if absent == "not-offered" else None), {"absent": absent}


@dataclass
class TargetScan:
    """Tells counts from shares in a column named `target`; blocks may be shown one after the other.

    Shares, when every row with a window sums to one within 1e-9; else counts, when every number is whole; else,
    with `renormalise`, shares; else an error that names the first row that does not sum to one.
    """

    text: bool = False
    all_one: bool = True
    all_whole: bool = True
    first: tuple[int, str, float] | None = None

    def see(self, target: np.ndarray, users: Sequence[str], first_row: int = 0, atol: float = 0.0) -> None:
        """Take the next rows."""
        with np.errstate(invalid="ignore", over="ignore"):
            sums = target.sum(axis=1)
            far = (sums != 0) & ~(np.abs(sums - 1.0) <= ATOL)
            if far.any():
                far &= ~(np.abs(sums - 1.0) <= np.maximum(atol, sum_tolerance(target, text=self.text)))
        if far.any() and self.all_one:
            row = int(np.flatnonzero(far)[0])
            self.first = (first_row + row, str(users[row]), float(sums[row]))
        self.all_one = self.all_one and not far.any()
        self.all_whole = self.all_whole and bool(whole_numbers(target).all())

    def kind(self, how: How) -> str:
        """Return ``shares`` or ``counts``."""
        if self.all_one:
            return "shares"
        if self.all_whole:
            return "counts"
        if how.renormalise:
            return "shares"
        assert self.first is not None  # set with all_one
        row, user, total = self.first
        if not np.isfinite(total):
            return "counts"  # the number itself is refused when the table is made
        column = how.columns["target"]
        raise how.fail(
            f"{how.at(row, user, 'target')}: sums to {total:.6g}, so the rows are neither shares nor whole counts; "
            f"normalise it or pass --renormalise, or call them weights with --map counts={column}",
            SimplexError,
        )


def assemble(raw: Raw, how: How) -> PreferenceTable:
    """Make a table of the columns of any format; every refusal names the file, the row, the user and the mend."""
    matrices = dict(raw.matrices)
    _check_users(raw, how)
    if len(raw.categories) < 2:
        raise how.fail(f"{len(raw.categories)} categories; a distribution needs at least two", ShapeError)
    for name in (*TRUTHS, "theta_s", "history_counts"):
        if name in matrices:
            if name in TRUTHS:
                matrices[name] = _without_windows(matrices[name], raw)
            _check_weights(matrices[name], name, raw, how)
    kind = how.kind
    if "target" in matrices:
        target = matrices.pop("target")
        if kind is None:
            scan = TargetScan(text=how.text)
            scan.see(target, raw.users, raw.first_row, raw.atol.get("target", 0.0))
            kind = scan.kind(how)
        columns = {**how.columns, {"counts": "counts", "shares": "theta_star"}[kind]: how.columns["target"]}
        how = replace(how, columns=columns)
        matrices["counts" if kind == "counts" else "theta_star"] = target
    kind = "counts" if "counts" in matrices else "shares"
    divided, off = _renormalise(matrices, raw, how)
    n_window = _windows(matrices, raw, how)
    others = dict(raw.others)
    earlier = others.get("metadata", {}).get("read", {})
    others["metadata"] = {
        **others.get("metadata", {}),
        "read": {
            "format": how.format,
            "columns": {name: column for name, column in how.columns.items() if name != "target"},
            "ignored": list(how.ignored),
            "n_rows": how.n_rows,
            "n_categories": len(raw.categories),
            "target": kind,
            "renormalised": bool(how.renormalise or (isinstance(earlier, dict) and earlier.get("renormalised"))),
            "rows_divided": divided,
            **({"deviation": off} if off else {}),
            **how.notes,
            **raw.notes,
            **_sizes(others.get("support")),
        },
    }
    columns_of_table: dict[str, Any] = {"users": raw.users, "categories": raw.categories, "n_window": n_window}
    columns_of_table |= {**matrices, **others}
    try:
        table = PreferenceTable(**columns_of_table)
    except InputError as error:
        raise _located(error, raw, how) from error
    _check_together(table, raw, how)
    if how.empty_windows == "refuse" and not table.observed.all():
        row = int(np.flatnonzero(~table.observed)[0])
        place = how.at(raw.first_row + row, table.users[row], "counts" if kind == "counts" else "theta_star")
        raise how.fail(f"{place}: no interactions in the window; drop the user or pass --empty-windows keep")
    return table


def _sizes(support: np.ndarray | None) -> dict[str, Any]:
    if support is None:
        return {}
    offered = np.count_nonzero(support, axis=1)
    return {"options": {"least": int(offered.min()), "most": int(offered.max())}}


def _check_users(raw: Raw, how: How) -> None:
    if not raw.users:
        raise how.fail("no rows; at least one user is needed", SchemaError)
    if "" in raw.users:
        row = list(raw.users).index("")
        raise how.fail(f"{how.at(raw.first_row + row, '', 'user')}: the user has no name; give every row one")
    for what, names in (("user", raw.users), ("category", raw.categories)):
        if (wrong := wrong_name(names)) is not None:
            raise how.fail(f"{what} {wrong}", SchemaError)


def _without_windows(values: np.ndarray, raw: Raw) -> np.ndarray:
    """Write zeros for the NaN of a row whose window is said to be empty."""
    if raw.n_window is None or (raw.n_window != 0).all():
        return values
    return np.where((np.isnan(values).all(axis=1) & (raw.n_window == 0))[:, None], 0.0, values)


def _check_weights(values: np.ndarray, name: str, raw: Raw, how: How) -> None:
    bad = ~((values >= 0) & (values <= _LARGEST))  # NaN fails both
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        place = how.at(raw.first_row + row, raw.users[row], name)
        what = f"{raw.categories[column]!r} is {values[row, column]:.6g}"
        raise how.fail(f"{place}: {what}; numbers must be finite (up to {_LARGEST:g}) and not negative", SimplexError)


def _renormalise(matrices: dict[str, np.ndarray], raw: Raw, how: How) -> tuple[dict[str, int], dict[str, float]]:
    """Divide rows by their sum: all with `renormalise`, else those that the precision of the file explains.

    Returns
    -------
    The number of rows that were divided, and how far from one the farthest of them summed, by column.
    """
    divided: dict[str, int] = {}
    deviation: dict[str, float] = {}
    for name in ("theta_star", "theta_s"):
        if name not in matrices:
            continue
        values = matrices[name]
        good = (np.isfinite(values) & (values >= 0)).all(axis=1)
        sums = row_sums(np.where(good[:, None], values, 0.0))
        far = good & (sums > 0) & (np.abs(sums - 1.0) > ATOL)
        if far.any() and not how.renormalise:
            far &= np.abs(sums - 1.0) <= _tolerance(values, name, raw, how)
        if far.any():
            deviation[name] = float(np.abs(sums[far] - 1.0).max())
            matrices[name] = np.divide(values, sums[:, None], out=values.copy(), where=far[:, None])
        if far.any() or how.renormalise:
            divided[name] = int(far.sum())
    return divided, deviation


def _tolerance(values: np.ndarray, name: str, raw: Raw, how: How) -> np.ndarray:
    """Return how far from one each row may sum, by the type and the digits of its numbers."""
    atol = raw.atol.get(name, raw.atol.get("target", 0.0) if name == "theta_star" else 0.0)
    tolerance: np.ndarray = np.maximum(atol, sum_tolerance(values, text=how.text))
    return tolerance


def _windows(matrices: dict[str, np.ndarray], raw: Raw, how: How) -> np.ndarray:
    """Return how many interactions each window holds; a truth of zeros is a window that holds none."""
    name = "counts" if "counts" in matrices else "theta_star"
    empty = ~matrices[name].any(axis=1)
    if raw.n_window is None:
        n_window = np.where(empty, 0, UNKNOWN)
    else:
        n_window = np.where(empty & (raw.n_window == UNKNOWN), 0, raw.n_window)
    wrong = (n_window == 0) & ~empty
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        place = how.at(raw.first_row + row, raw.users[row], "n_window")
        raise how.fail(f"{place}: 0 although {how.columns.get(name, name)} holds a window; mend one of the two")
    if "theta_star" in matrices:
        matrices["theta_star"] = np.where((n_window == 0)[:, None], np.nan, matrices["theta_star"])
    return n_window


def _check_together(table: PreferenceTable, raw: Raw, how: How) -> None:
    if not ("counts" in raw.matrices and "theta_star" in raw.matrices) or table.counts is None:
        return
    totals = row_sums(table.counts)
    allowed = np.maximum(ATOL, _tolerance(raw.matrices["theta_star"], "theta_star", raw, how))
    far = np.abs(table.counts / np.where(totals > 0, totals, 1.0)[:, None] - table.theta_star).max(axis=1) > allowed
    if far.any():
        row = int(np.flatnonzero(far)[0])
        place = how.at(raw.first_row + row, table.users[row], "theta_star")
        raise how.fail(f"{place}: not the counts divided by their sum; keep one of the two with --map", SimplexError)


def _located(error: InputError, raw: Raw, how: How) -> InputError:
    """Say a table's refusal by the rows and the column names of the file."""

    def row(match: re.Match[str]) -> str:
        return f"row {int(match[1]) + raw.first_row} "

    def column(match: re.Match[str]) -> str:
        return f"column {how.columns.get(match[1], match[1])}:"

    text = re.sub(r"^row (\d+) ", row, str(error), count=1)
    if how.notes.get("absent") == "not-offered" and ", column support: " in text:
        text += "; or read absent cells as zeros (--absent zero)"
    text = re.sub(r"(?<![^ ])column (\w+):", column, text, count=1)
    return type(error)(f"{how.path}: {text}")
