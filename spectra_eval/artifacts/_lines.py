"""JSON lines: one object per record; a JSON list of such objects is read as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from spectra_eval.artifacts._columns import TRUTHS, RawColumns, ReadSpec, options
from spectra_eval.artifacts._files import filled_lines, read_text
from spectra_eval.artifacts._foreign import advice
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import check_objects, check_size, check_table, first_twice
from spectra_eval.artifacts._names import tidy, warn_of_case, wrong_name
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, UNKNOWN

__all__ = ["pad_lists", "read_lines"]

_WEIGHTS = (*TRUTHS, "theta_s", "scores", "answer_mass", "history_counts")
_ALLOWED = ("user", *_WEIGHTS, "dg", "n_window", "context_window", "horizon", "history")

_RECORD, _OFTEN = 512, 1 << 16
"""Bytes that the smallest record takes at least, and after how many records that is counted."""


class _Record:
    """One object of the file, with its place for messages."""

    def __init__(self, values: dict[str, Any], place: str, spec: ReadSpec) -> None:
        self.values, self.place, self.spec = values, place, spec
        self.user = self.get("user")

    def get(self, name: str) -> Any:
        """Return the value of a column in the object; None where it is missing or null."""
        return self.values.get(self.spec.columns.get(name, ""))

    def fail(self, name: str, message: str) -> InputError:
        who = "" if self.user is None else f" (user {str(self.user)!r})"
        return self.spec.fail(f"{self.place}{who}, column {self.spec.columns.get(name, name)}: {message}", SchemaError)


def read_lines(spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read the objects; the categories are all names that occur, sorted."""
    found = list(_objects(spec))
    available = list(dict.fromkeys(key for _, values in found for key in values))
    if not found:
        raise spec.fail("no records; write one JSON object per line", SchemaError)
    spec = replace(spec.understood(available, _ALLOWED), n_rows=len(found))
    if "user" not in spec.columns:
        columns = ", ".join(map(repr, available[:12]))
        fix = advice(available, "name it with --map user=COLUMN")
        raise spec.fail(f"no column user; there are {columns}; {fix}", SchemaError)
    records = [_Record(values, place, spec) for place, values in found]
    users = [_user(record) for record in records]
    weights = {name: [_weights(record, name) for record in records] for name in _WEIGHTS if name in spec.columns}
    categories = tuple(sorted({name for column in weights.values() for row in column for name in row or ()}))
    check_table(spec.path, len(records), len(categories))
    warn_of_case(categories)
    index = {name: place for place, name in enumerate(categories)}
    matrices = {}
    for name, column in weights.items():
        if name in TRUTHS or any(row is not None for row in column):
            matrices[name] = _matrix(name, column, index, records)
    present = np.zeros((len(records), len(index)), dtype=bool)
    for name in (*TRUTHS, "theta_s"):
        for row, cells in enumerate(weights.get(name, ())):
            present[row, [index[category] for category in cells or ()]] = True
    support, notes = options(present, spec, predicted="theta_s" in matrices)
    spec = replace(spec, notes=notes)
    others: dict[str, Any] = {"support": support}
    if "dg" in spec.columns:
        drawn = [_list(record, index) for record in records]
        check_size(spec.path, 4 * len(drawn) * max(map(len, drawn)), "its longest list in every row")
        if (lists := pad_lists(drawn)) is not None:
            others["dg"] = lists
    if "context_window" in spec.columns:
        others["context_window"] = _whole_column("context_window", records)
    if "horizon" in spec.columns:
        others["horizon"] = _text_column("horizon", records)
    if "history" in spec.columns:
        others["history"] = [_history(record) for record in records]
    n_window = None
    if "n_window" in spec.columns:
        n_window = np.array([_whole(record, "n_window", UNKNOWN) for record in records], dtype=np.int64)
    others = {name: value for name, value in others.items() if value is not None}
    return RawColumns(users=users, categories=categories, matrices=matrices, n_window=n_window, others=others), spec


def _objects(spec: ReadSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    text = read_text(spec.path)
    check_objects(spec.path, text)
    if text.lstrip().startswith("["):
        parts = _whole_list(text, spec)
    else:
        parts = ((f"line {number}", line) for number, line in filled_lines(text))
    for number, (place, part) in enumerate(parts):
        if number % _OFTEN == 0:  # small objects take many times their text
            check_size(spec.path, _RECORD * number, f"holding {number:,} records")
        value = _parsed(part, place, spec) if isinstance(part, str) else part
        if not isinstance(value, dict):
            kind = "a list" if isinstance(value, list) else repr(value)[:40]
            raise spec.fail(f"{place}: {kind}, but a JSON object is expected; write one object a line", SchemaError)
        yield place, value


def _whole_list(text: str, spec: ReadSpec) -> Iterator[tuple[str, Any]]:
    first_line = text.lstrip().split("\n", 1)[0]
    value = _parsed(text, "", spec)
    if not isinstance(value, list):
        raise spec.fail(f"holds {first_line[:40]!r}, but JSON objects are expected", SchemaError)
    return ((f"row {n}", item if not isinstance(item, str) else [item]) for n, item in enumerate(value, 1))


def _parsed(text: str, place: str, spec: ReadSpec) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        where = f"{place}, column {error.colno}" if place else f"line {error.lineno}, column {error.colno}"
        raise spec.fail(f"{where}: not JSON ({error.msg}); write one object a line", SchemaError) from error
    except SchemaError as error:
        raise spec.fail(f"{place}: {error}" if place else str(error), SchemaError) from error


def _user(record: _Record) -> str:
    user = record.user
    if isinstance(user, bool) or not isinstance(user, str | int):
        what = "missing" if user is None else f"{user!r:.40} is no name"
        raise record.fail("user", f"{what}; write a text or a whole number")
    return tidy(str(user))


def _weights(record: _Record, name: str) -> dict[str, Any] | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise record.fail(name, f'{value!r:.40} is no object; write {{"category": number, …}}')
    for category, weight in value.items():
        if not category.strip():
            raise record.fail(name, f"{category!r} is a blank category; name it")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise record.fail(name, f"{category!r} is {weight!r:.40}, no number; write it as 0.25")
        if abs(weight) > 1e300:
            raise record.fail(name, f"{category!r} is beyond 1e300; write a number of ordinary size")
    if (duplicate := first_twice(map(tidy, value))) is not None:
        raise record.fail(name, f"{duplicate!r} is named twice, but for blanks or the form of letters; merge the two")
    return {tidy(category): weight for category, weight in value.items()}


def _matrix(
    name: str, column: list[dict[str, Any] | None], index: dict[str, int], records: list[_Record]
) -> np.ndarray:
    matrix = np.zeros((len(column), len(index)))
    for row, weights in enumerate(column):
        if weights is None and name == "theta_s":
            matrix[row] = np.nan
        elif weights is None and name not in TRUTHS:
            raise records[row].fail(name, "missing, though other records have it; add it or drop the record")
        for category, weight in (weights or {}).items():
            matrix[row, index[category]] = weight
    return matrix


def _list(record: _Record, index: dict[str, int]) -> list[int]:
    value = record.get("dg")
    if value is None:
        return []
    if not isinstance(value, list):
        raise record.fail("dg", f"{value!r:.40} is no list; write the categories' names, best first")
    if len(value) > (most := max(1000, 2 * len(index))):
        raise record.fail(
            "dg", f"{len(value):,} entries for {len(index)} categories; a list ends at {most} at the latest"
        )
    places = []
    for name in (tidy(name) if isinstance(name, str) else name for name in value):
        if name is not None and (not isinstance(name, str) or name not in index):
            fix = "write its name as in target, or null for an entry out of vocabulary"
            raise record.fail("dg", f"{name!r:.40} is no category of this file; {fix}")
        places.append(OUT_OF_VOCABULARY if name is None else index[name])
    return places


def pad_lists(lists: list[list[int]]) -> np.ndarray | None:
    """Return lists of different lengths as one padded array; None where all are empty."""
    width = max(map(len, lists), default=0)
    if width == 0:
        return None
    array = np.full((len(lists), width), PAD, dtype=np.int32)
    for row, entries in enumerate(lists):
        array[row, : len(entries)] = entries
    return array


def _whole(record: _Record, name: str, missing: int | None) -> int:
    value = record.get(name)
    if value is None and missing is not None:
        return missing
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        what = "missing, though other records have it" if value is None else f"{value!r:.40} is no such number"
        raise record.fail(name, f"{what}; write a whole number of at least 0")
    return value


def _whole_column(name: str, records: list[_Record]) -> list[int] | None:
    if all(record.get(name) is None for record in records):
        return None
    return [_whole(record, name, None) for record in records]


def _text_column(name: str, records: list[_Record]) -> list[str] | None:
    values = [record.get(name) for record in records]
    if all(value is None for value in values):
        return None
    for record, value in zip(records, values, strict=True):
        if not isinstance(value, str) or not value:
            raise record.fail(name, f"{value!r:.40} is no text; write one for every record")
    return values


def _history(record: _Record) -> list[str]:
    value = record.get("history")
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(title, str) for title in value):
        raise record.fail("history", f"{value!r:.40} is no list of titles; write texts, oldest first")
    if (wrong := wrong_name(value)) is not None:
        raise record.fail("history", wrong)
    return value
