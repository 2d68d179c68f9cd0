"""Matching of the columns of a file, and the checks that turn them into a table."""

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
    "RawColumns",
    "ReadSpec",
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
"""The names that files may use for each column of a table."""
TRUTHS = ("counts", "theta_star", "target")
_LARGEST = 1e300
MATRICES = (*TRUTHS, "theta_s", "scores", "answer_mass", "history_counts")
ABSENT = ("zero", "not-offered")
"""The possible meanings of a cell that is not in the file."""


@dataclass(frozen=True, kw_only=True)
class ReadSpec:
    """How a file is read: the options of the caller and the matched columns.

    `columns` maps each column of the table to one of the file; `ignored` lists the columns without a match.
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
        pairs = self.mapping if isinstance(self.mapping, Mapping) else {0: 0}
        if not all(isinstance(name, str) for pair in pairs.items() for name in pair):
            raise InputError(f"mapping: {str(self.mapping)[:60]} maps no names to columns; write {{'target': 'y'}}")
        if self.empty_windows not in ("refuse", "keep"):
            raise InputError(f"empty_windows: {self.empty_windows!r}; choose 'refuse' or 'keep'")
        if self.absent not in (None, *ABSENT):
            raise InputError(f"absent: {self.absent!r}; choose 'zero' or 'not-offered'")

    @property
    def text(self) -> bool:
        """Return whether the file stores numbers as decimal text."""
        return self.format not in ("parquet", "npz", "arrow")

    def fail(self, message: str, error: type[InputError] = InputError) -> InputError:
        """Return an error that names the file."""
        return error(f"{self.path}: {message}")

    def at(self, row: int, user: object, column: str) -> str:
        """Return a place in the terms of the file; `row` counts from 0."""
        return f"row {row + 1} (user {str(user)!r}), column {self.columns.get(column, column)}"

    def understood(self, available: Iterable[str], allowed: Iterable[str]) -> ReadSpec:
        """Return the specification with the columns of the file matched."""
        names = list(available)
        columns = match_columns(self.path, names, self.mapping, allowed)
        return replace(self, columns=columns, ignored=tuple(n for n in names if n not in columns.values()))


@dataclass(kw_only=True)
class RawColumns:
    """The columns of some rows as read from a file; a missing target is a row of zeros.

    `matrices` holds (N, K) float arrays by name, `atol` the tolerance of their row sums, `others` the
    columns that are passed to `PreferenceTable` unchanged.
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
    """Return the column of the file for each column of a table; raise if one is missing or ambiguous."""
    allowed = tuple(allowed)
    found: dict[str, str] = {}
    canonical = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    for key, column in mapping.items():
        name = canonical.get(key, "")
        if name not in allowed:
            raise InputError(f"{path}: --map {key}={column}: this format has no {key!r}; choose from {_list(allowed)}")
        if column not in available:
            raise SchemaError(f"{path}: --map {key}={column}: no column {column!r}; there are {_list(available)}")
        if name in found:
            raise InputError(f"{path}: --map names the column {name} twice; keep one of the two")
        found[name] = column
    mapped = any(name in found for name in TRUTHS)
    for name in allowed:
        present = [alias for alias in NAMES[name] if alias in available]
        if name in found or not present or (mapped and name in TRUTHS):
            continue
        if len(present) > 1:
            raise SchemaError(f"{path}: columns {_list(present)} mean the same; choose one with --map {name}=COLUMN")
        found[name] = present[0]
    if "target" in found and ("counts" in found or "theta_star" in found):
        raise SchemaError(f"{path}: target occurs together with counts or shares; choose one with --map target=COLUMN")
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
    """Return which numbers are integers in the range of int64, (N,) bool."""
    if values.dtype.kind in "iu":
        return values <= np.iinfo(np.int64).max
    with np.errstate(invalid="ignore"):
        good: np.ndarray = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    return good


def options(present: np.ndarray, spec: ReadSpec, *, predicted: bool) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return the options of each record, given the cells (N, K) present in a text, and notes for the metadata.

    With a prediction, an absent cell is not an option. Without one, the file may list the outcomes only, and options
    derived from outcomes would reveal the target.
    """
    if present.all():
        return None, {}
    absent = spec.absent or ("not-offered" if predicted else "zero")
    return (present if absent == "not-offered" else None), {"absent": absent}


@dataclass
class TargetScan:
    """Decides whether a column named `target` has counts or proportions, block by block.

    Proportions (``shares``) if every row with a window sums to one within 1e-9; else counts if every number is whole;
    else proportions with `renormalise`; else an error that names the first row that does not sum to one.
    """

    text: bool = False
    all_one: bool = True
    all_whole: bool = True
    first: tuple[int, str, float] | None = None

    def see(self, target: np.ndarray, users: Sequence[str], first_row: int = 0, atol: float = 0.0) -> None:
        """Process the next rows."""
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

    def kind(self, spec: ReadSpec) -> str:
        """Return ``shares`` or ``counts``."""
        if self.all_one:
            return "shares"
        if self.all_whole:
            return "counts"
        if spec.renormalise:
            return "shares"
        assert self.first is not None  # set with all_one
        row, user, total = self.first
        if not np.isfinite(total):
            return "counts"  # the number is refused when the table is constructed
        column = spec.columns["target"]
        raise spec.fail(
            f"{spec.at(row, user, 'target')}: sums to {total:.6g}, so rows are neither proportions nor whole counts; "
            f"normalise it or pass --renormalise, or call them weights with --map counts={column}",
            SimplexError,
        )


def assemble(raw: RawColumns, spec: ReadSpec) -> PreferenceTable:
    """Return a table from the columns of any format; errors name the file, the row, the user and the fix."""
    matrices = dict(raw.matrices)
    _check_users(raw, spec)
    if len(raw.categories) < 2:
        raise spec.fail(f"{len(raw.categories)} categories; a distribution needs at least two", ShapeError)
    for name in (*TRUTHS, "theta_s", "history_counts"):
        if name in matrices:
            if name in TRUTHS:
                matrices[name] = _without_windows(matrices[name], raw)
            _check_weights(matrices[name], name, raw, spec)
    kind = spec.kind
    if "target" in matrices:
        target = matrices.pop("target")
        if kind is None:
            scan = TargetScan(text=spec.text)
            scan.see(target, raw.users, raw.first_row, raw.atol.get("target", 0.0))
            kind = scan.kind(spec)
        columns = {**spec.columns, {"counts": "counts", "shares": "theta_star"}[kind]: spec.columns["target"]}
        spec = replace(spec, columns=columns)
        matrices["counts" if kind == "counts" else "theta_star"] = target
    kind = "counts" if "counts" in matrices else "shares"
    divided, off = _renormalise(matrices, raw, spec)
    n_window = _windows(matrices, raw, spec)
    others = dict(raw.others)
    earlier = others.get("metadata", {}).get("read", {})
    others["metadata"] = {
        **others.get("metadata", {}),
        "read": {
            "format": spec.format,
            "columns": {name: column for name, column in spec.columns.items() if name != "target"},
            "ignored": list(spec.ignored),
            "n_rows": spec.n_rows,
            "n_categories": len(raw.categories),
            "target": kind,
            "renormalised": bool(spec.renormalise or (isinstance(earlier, dict) and earlier.get("renormalised"))),
            "rows_divided": divided,
            **({"deviation": off} if off else {}),
            **spec.notes,
            **raw.notes,
            **_sizes(others.get("support")),
        },
    }
    columns_of_table: dict[str, Any] = {"users": raw.users, "categories": raw.categories, "n_window": n_window}
    columns_of_table |= {**matrices, **others}
    try:
        table = PreferenceTable(**columns_of_table)
    except InputError as error:
        raise _located(error, raw, spec) from error
    _check_together(table, raw, spec)
    if spec.empty_windows == "refuse" and not table.observed.all():
        row = int(np.flatnonzero(~table.observed)[0])
        place = spec.at(raw.first_row + row, table.users[row], "counts" if kind == "counts" else "theta_star")
        raise spec.fail(f"{place}: no interactions in the window; drop the user or pass --empty-windows keep")
    return table


def _sizes(support: np.ndarray | None) -> dict[str, Any]:
    if support is None:
        return {}
    offered = np.count_nonzero(support, axis=1)
    return {"options": {"least": int(offered.min()), "most": int(offered.max())}}


def _check_users(raw: RawColumns, spec: ReadSpec) -> None:
    if not raw.users:
        raise spec.fail("no rows; at least one user is needed", SchemaError)
    if "" in raw.users:
        row = list(raw.users).index("")
        raise spec.fail(f"{spec.at(raw.first_row + row, '', 'user')}: the user has no name; give every row one")
    for what, names in (("user", raw.users), ("category", raw.categories)):
        if (wrong := wrong_name(names)) is not None:
            raise spec.fail(f"{what} {wrong}", SchemaError)


def _without_windows(values: np.ndarray, raw: RawColumns) -> np.ndarray:
    """Write zeros for the NaN of a row whose window is stated to be empty."""
    if raw.n_window is None or (raw.n_window != 0).all():
        return values
    return np.where((np.isnan(values).all(axis=1) & (raw.n_window == 0))[:, None], 0.0, values)


def _check_weights(values: np.ndarray, name: str, raw: RawColumns, spec: ReadSpec) -> None:
    bad = ~((values >= 0) & (values <= _LARGEST))  # also false for NaN
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        place = spec.at(raw.first_row + row, raw.users[row], name)
        what = f"{raw.categories[column]!r} is {values[row, column]:.6g}"
        raise spec.fail(f"{place}: {what}; numbers must be finite (up to {_LARGEST:g}) and not negative", SimplexError)


def _renormalise(
    matrices: dict[str, np.ndarray], raw: RawColumns, spec: ReadSpec
) -> tuple[dict[str, int], dict[str, float]]:
    """Divide rows by their sum: all with `renormalise`, else those within the precision of the file.

    Returns
    -------
    Return by column the number of divided rows and the largest deviation of a sum from one.
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
        if far.any() and not spec.renormalise:
            far &= np.abs(sums - 1.0) <= _tolerance(values, name, raw, spec)
        if far.any():
            deviation[name] = float(np.abs(sums[far] - 1.0).max())
            matrices[name] = np.divide(values, sums[:, None], out=values.copy(), where=far[:, None])
        if far.any() or spec.renormalise:
            divided[name] = int(far.sum())
    return divided, deviation


def _tolerance(values: np.ndarray, name: str, raw: RawColumns, spec: ReadSpec) -> np.ndarray:
    """Return the tolerance of each row sum, from the type and the digits of its numbers."""
    atol = raw.atol.get(name, raw.atol.get("target", 0.0) if name == "theta_star" else 0.0)
    tolerance: np.ndarray = np.maximum(atol, sum_tolerance(values, text=spec.text))
    return tolerance


def _windows(matrices: dict[str, np.ndarray], raw: RawColumns, spec: ReadSpec) -> np.ndarray:
    """Return the number of interactions of each window; a target of zeros is an empty window."""
    name = "counts" if "counts" in matrices else "theta_star"
    empty = ~matrices[name].any(axis=1)
    if raw.n_window is None:
        n_window = np.where(empty, 0, UNKNOWN)
    else:
        n_window = np.where(empty & (raw.n_window == UNKNOWN), 0, raw.n_window)
    wrong = (n_window == 0) & ~empty
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        place = spec.at(raw.first_row + row, raw.users[row], "n_window")
        raise spec.fail(f"{place}: 0, but {spec.columns.get(name, name)} is not all zero; correct one of the two")
    if "theta_star" in matrices:
        matrices["theta_star"] = np.where((n_window == 0)[:, None], np.nan, matrices["theta_star"])
    return n_window


def _check_together(table: PreferenceTable, raw: RawColumns, spec: ReadSpec) -> None:
    if not ("counts" in raw.matrices and "theta_star" in raw.matrices) or table.counts is None:
        return
    totals = row_sums(table.counts)
    allowed = np.maximum(ATOL, _tolerance(raw.matrices["theta_star"], "theta_star", raw, spec))
    far = np.abs(table.counts / np.where(totals > 0, totals, 1.0)[:, None] - table.theta_star).max(axis=1) > allowed
    if far.any():
        row = int(np.flatnonzero(far)[0])
        place = spec.at(raw.first_row + row, table.users[row], "theta_star")
        raise spec.fail(f"{place}: not the counts divided by their sum; keep one of the two with --map", SimplexError)


def _located(error: InputError, raw: RawColumns, spec: ReadSpec) -> InputError:
    """Return an error of the table with the row numbers and column names of the file."""

    def row(match: re.Match[str]) -> str:
        return f"row {int(match[1]) + raw.first_row} "

    def column(match: re.Match[str]) -> str:
        return f"column {spec.columns.get(match[1], match[1])}:"

    text = re.sub(r"^row (\d+) ", row, str(error), count=1)
    if spec.notes.get("absent") == "not-offered" and ", column support: " in text:
        text += "; or read absent cells as zeros (--absent zero)"
    text = re.sub(r"(?<![^ ])column (\w+):", column, text, count=1)
    return type(error)(f"{spec.path}: {text}")
