"""The checks that turn the columns of a file into a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spectra_eval.arrays import ATOL, row_sums, sum_tolerance
from spectra_eval.artifacts._columns import TRUTHS, RawColumns, ReadSpec, whole_numbers
from spectra_eval.artifacts._names import wrong_name
from spectra_eval.errors import InputError, SchemaError, ShapeError, SimplexError
from spectra_eval.tables import UNKNOWN, PreferenceTable

__all__ = ["NOTHING_LEFT", "Tally", "TargetScan", "assemble", "assemble_whole"]

_LARGEST = 1e300
NOTHING_LEFT = "no record has a prediction, so none is left; correct theta_s"


@dataclass
class Tally:
    """What was changed in the rows of a file: `divided` and `deviation` by column, and the records left out.

    `before` records were left out when the file was made.
    """

    divided: dict[str, int] = field(default_factory=dict)
    deviation: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    before: int = 0

    def merged(self, read: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``metadata["read"]`` with the counts."""
        found: dict[str, Any] = {**read, "rows_divided": dict(self.divided)}
        if self.deviation:
            found["deviation"] = dict(self.deviation)
        if n := self.left_out + self.before:
            found["left_out"] = {"empty_predictions": n, "records": read["n_rows"] + self.before}
        return found


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


def assemble(
    raw: RawColumns,
    spec: ReadSpec,
    tally: Tally,
    check: Callable[[PreferenceTable], None] | None = None,
    later: Iterable[RawColumns] = (),
) -> PreferenceTable | None:
    """Return a table from the columns of any format; errors name the file, the row, the user and the fix.

    `tally` counts the changes of all blocks, `check` sees the table before records without a prediction are left out,
    and `later` yields the blocks behind this one, whose empty predictions an error counts. None if no record is left.
    """
    matrices = dict(raw.matrices)
    others = dict(raw.others)
    empty = _fill_predictions(matrices, others, raw, spec, later)
    tally.left_out += int(empty.sum())
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
    _renormalise(matrices, raw, spec, tally)
    n_window = _windows(matrices, raw, spec)
    earlier = others.get("metadata", {}).get("read", {})
    if not isinstance(earlier, dict):
        earlier = {}
    before = earlier.get("left_out")
    before = before.get("empty_predictions") if isinstance(before, dict) else None
    tally.before = before if type(before) is int and 0 < before < 2**53 else 0
    others["metadata"] = {
        **others.get("metadata", {}),
        "read": tally.merged(
            {
                "format": spec.format,
                "columns": {name: column for name, column in spec.columns.items() if name != "target"},
                "ignored": list(spec.ignored),
                "n_rows": spec.n_rows,
                "n_categories": len(raw.categories),
                "target": kind,
                "renormalised": bool(spec.renormalise or earlier.get("renormalised")),
                **spec.notes,
                **raw.notes,
                **_sizes(others.get("support"), ~empty),
            }
        ),
    }
    columns_of_table: dict[str, Any] = {"users": raw.users, "categories": raw.categories, "n_window": n_window}
    columns_of_table |= {**matrices, **others}
    try:
        table = PreferenceTable(**columns_of_table)
    except InputError as error:
        raise _located(error, raw, spec) from error
    _check_together(table, raw, spec)
    if check is not None:
        check(table)
    if spec.empty_windows == "refuse" and not (table.observed | empty).all():
        row = int(np.flatnonzero(~(table.observed | empty))[0])
        place = spec.at(raw.first_row + row, table.users[row], "counts" if kind == "counts" else "theta_star")
        raise spec.fail(f"{place}: no interactions in the window; drop the user or pass --empty-windows keep")
    if empty.all():
        return None
    return table.select(~empty) if empty.any() else table


def assemble_whole(raw: RawColumns, spec: ReadSpec, tally: Tally | None = None) -> PreferenceTable:
    """Return a table from the columns of a whole file."""
    table = assemble(raw, spec, Tally() if tally is None else tally)
    if table is None:
        raise spec.fail(NOTHING_LEFT, SimplexError)
    return table


def no_prediction(raw: RawColumns) -> np.ndarray:
    """Return which records have no prediction, (N,) bool: every number of `theta_s` is missing, or every one is 0."""
    if (values := raw.matrices.get("theta_s")) is None:
        return np.zeros(len(raw.users), dtype=bool)
    empty: np.ndarray = ~values.any(axis=1) | np.isnan(values).all(axis=1)
    return empty


def _fill_predictions(
    matrices: dict[str, np.ndarray],
    others: dict[str, Any],
    raw: RawColumns,
    spec: ReadSpec,
    later: Iterable[RawColumns],
) -> np.ndarray:
    """Return which records have no prediction; they get a uniform one until they are left out, or are refused."""
    empty = no_prediction(raw)
    if not empty.any():
        return empty
    if spec.empty_predictions == "refuse":
        row = int(np.flatnonzero(empty)[0])
        n = int(empty.sum()) + sum(int(no_prediction(block).sum()) for block in later)
        first = spec.at(raw.first_row + row, raw.users[row], "theta_s")
        what = f"{first}: no prediction, every number is missing or 0; so have {n:,} of {spec.n_rows:,} records"
        raise spec.fail(f"{what}; correct them, or leave them out with --empty-predictions drop", SimplexError)
    matrices["theta_s"] = np.where(empty[:, None], 1.0 / len(raw.categories), matrices["theta_s"])
    if others.get("support") is not None:
        others["support"] = others["support"] | empty[:, None]
    return empty


def _sizes(support: np.ndarray | None, rows: np.ndarray) -> dict[str, Any]:
    if support is None or not rows.any():
        return {}
    offered = np.count_nonzero(support[rows], axis=1)
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


def _renormalise(matrices: dict[str, np.ndarray], raw: RawColumns, spec: ReadSpec, tally: Tally) -> None:
    """Divide rows by their sum: all with `renormalise`, else those within the precision of the file."""
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
            tally.deviation[name] = max(tally.deviation.get(name, 0.0), float(np.abs(sums[far] - 1.0).max()))
            matrices[name] = np.divide(values, sums[:, None], out=values.copy(), where=far[:, None])
        if far.any() or spec.renormalise:
            tally.divided[name] = tally.divided.get(name, 0) + int(far.sum())


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
    wrong = empty & (n_window > 0)
    if wrong.any() and name == "theta_star":
        row = int(np.flatnonzero(wrong)[0])
        place = spec.at(raw.first_row + row, raw.users[row], name)
        what = f"all zero, but n_window is {n_window[row]}; write the target, or 0 for n_window"
        raise spec.fail(f"{place}: {what}", SimplexError)
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
