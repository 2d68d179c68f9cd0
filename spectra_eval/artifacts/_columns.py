"""Matching of the columns of a file with those of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._foreign import advice
from spectra_eval.artifacts._names import tidy
from spectra_eval.errors import InputError, SchemaError

__all__ = [
    "ABSENT",
    "MATRICES",
    "NAMES",
    "TRUTHS",
    "RawColumns",
    "ReadSpec",
    "listed",
    "match_columns",
    "options",
    "present",
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
MATRICES = (*TRUTHS, "theta_s", "scores", "answer_mass", "history_counts")
ABSENT = ("zero", "not-offered")
"""The possible meanings of a cell that is not in the file."""


@dataclass(frozen=True, kw_only=True)
class ReadSpec:
    """How a file is read: the options of the caller and the matched columns.

    `columns` maps each column of the table to one of the file; `ignored` lists the columns without a match. `members`
    has the columns of a quantity that is spread over several, by category. `spot` returns the place of a row; `own`
    says that a file has the schema of this package, so its names are taken as they are.
    """

    path: Path
    format: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    renormalise: bool = False
    empty_windows: str = "refuse"
    empty_predictions: str = "refuse"
    absent: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    n_rows: int = 0
    kind: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    spot: Callable[[int], str] | None = None
    own: bool = False

    def __post_init__(self) -> None:
        pairs = self.mapping if isinstance(self.mapping, Mapping) else {0: 0}
        if not all(isinstance(name, str) for pair in pairs.items() for name in pair):
            raise InputError(f"mapping: {str(self.mapping)[:60]} maps no names to columns; write {{'target': 'y'}}")
        for name, other in (("empty_windows", "keep"), ("empty_predictions", "drop")):
            if (value := getattr(self, name)) not in ("refuse", other):
                raise InputError(f"{name}: {value!r}; choose 'refuse' or {other!r}")
        if self.absent not in (None, *ABSENT):
            raise InputError(f"absent: {self.absent!r}; choose 'zero' or 'not-offered'")

    @property
    def text(self) -> bool:
        """Return whether the file stores numbers as decimal text."""
        return self.format not in ("parquet", "npz", "arrow")

    def fail(self, message: str, error: type[InputError] = InputError) -> InputError:
        """Return an error that names the file."""
        return error(f"{self.path}: {message}")

    def place(self, row: int) -> str:
        """Return the place of a row of the file, which counts from 0."""
        return f"row {row + 1}" if self.spot is None else self.spot(row)

    def label(self, name: str) -> str:
        """Return a name as it is compared: tidied, unless the file is one of this package."""
        return name if self.own else tidy(name)

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
    available = list(available)
    canonical = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    for key, column in mapping.items():
        name = canonical.get(key, "")
        if name not in allowed:
            raise InputError(f"{path}: --map {key}={column}: this format has no {key!r}; choose from {listed(allowed)}")
        if column not in available:
            raise SchemaError(f"{path}: --map {key}={column}: no column {column!r}; there are {listed(available)}")
        if name in found:
            raise InputError(f"{path}: --map names the column {name} twice; keep one of the two")
        found[name] = column
    mapped = any(name in found for name in TRUTHS)
    for name in allowed:
        columns = [column for column in present(name, available) if column not in found.values()]
        if name in found or not columns or (mapped and name in TRUTHS):
            continue
        if len(columns) > 1:
            raise SchemaError(f"{path}: columns {listed(columns)} mean the same; choose one with --map {name}=COLUMN")
        found[name] = columns[0]
    if "target" in found and ("counts" in found or "theta_star" in found):
        raise SchemaError(f"{path}: target occurs together with counts or shares; choose one with --map target=COLUMN")
    if not any(name in found for name in TRUTHS):
        raise SchemaError(
            f"{path}: no column target, counts or theta_star; there are {listed(available)}; "
            + advice(available, "name the truth with --map target=COLUMN")
        )
    return found


def present(name: str, available: Iterable[str]) -> list[str]:
    """Return the columns of a file that may be a column of a table; upper and lower case are the same."""
    return [column for column in available if column.strip().casefold() in NAMES[name]]


def listed(names: Iterable[str]) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") if shown else "none"


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """Return which numbers are integers in the range of int64, (N,) bool."""
    if values.dtype.kind in "iu":
        return values <= np.iinfo(np.int64).max
    with np.errstate(invalid="ignore"):
        good: np.ndarray = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    return good


def options(given: np.ndarray, spec: ReadSpec, *, predicted: bool) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return the options of each record, given the cells (N, K) of the file, and notes for the metadata.

    With a prediction, an absent cell is not an option. Without one, the file may list the outcomes only, and options
    derived from outcomes would reveal the target.
    """
    if given.all():
        return None, {}
    absent = spec.absent or ("not-offered" if predicted else "zero")
    return (given if absent == "not-offered" else None), {"absent": absent}
