"""JSON lines as Arrow columns: one object a record or a cell; a JSON list of such objects is read as well."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.artifacts._columns import MATRICES, ReadSpec
from spectra_eval.artifacts._files import filled_lines, read_text
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import check_objects, check_size
from spectra_eval.artifacts._shape import Loaded, folded
from spectra_eval.errors import InputError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["json_column", "load_lines"]

_NUMBERS = (*MATRICES, "dg_rank", "n_window", "context_window", "support")
_FORM = {name: '[0.5, 0.5] or {"Drama": 0.5}' for name in (*MATRICES, "support")}
_FORM |= {"dg": "the categories' names, best first", "history": "texts, oldest first", "categories": "names"}
"""Columns that may hold lists, and how they are written."""

_RECORD, _OFTEN = 512, 1 << 16
"""Bytes that the smallest record takes at least, and after how many records that is counted."""


def _user(record: Mapping[str, Any], spec: ReadSpec) -> str:
    user = record.get(spec.columns.get("user", ""))
    return "" if user is None else f" (user {str(user)!r})"


def load_lines(spec: ReadSpec) -> tuple[Loaded, ReadSpec]:
    """Read the objects of a file."""
    import pyarrow as pa

    found = list(_objects(spec))
    if not found:
        raise spec.fail("no records; write one JSON object per line", SchemaError)
    names = list(dict.fromkeys(key for _, values in found for key in values))

    def take(spec: ReadSpec) -> pa.Table:
        def place(name: str, row: int, message: str) -> InputError:
            at, record = found[row]
            return spec.fail(f"{at}{_user(record, spec)}, column {name}: {message}", SchemaError)

        columns = {column: name for name, column in spec.columns.items() if column not in spec.members}
        for name, column in spec.columns.items():
            columns |= dict.fromkeys(spec.members.get(column, {}).values(), name)
        made = {}
        for column, name in columns.items():
            values = [record.get(column) for _, record in found]
            flat = column != spec.columns[name]
            made[column] = json_column(name, values, functools.partial(place, column), flat=flat)
        return folded(pa.table(made), spec.members)

    def scalar(name: str) -> bool:
        first = next((value for _, record in found if (value := record.get(name)) is not None), None)
        return not isinstance(first, list | dict | None)

    loaded = Loaded(names=names, scalar=scalar, take=take)
    return loaded, replace(spec, spot=lambda row: found[row][0])


def json_column(
    name: str, values: Sequence[Any], fail: Callable[[int, str], InputError], *, flat: bool = False
) -> pa.Array:
    """Return the values of a column as Arrow: numbers or texts, lists of these, or mappings of texts to numbers.

    A column is `flat` if it is one of several of a quantity.
    """
    import pyarrow as pa

    nested = next((kind for kind in (dict, list) if any(isinstance(value, kind) for value in values)), None)
    if nested is None and (flat or name not in ("dg", "history", "categories")):
        return _plain(name, values, fail)
    form = _FORM.get(name, "one text or number")
    for row, value in enumerate(values):
        if value is not None and (name not in _FORM or not isinstance(value, nested or list)):
            what = f"no {'object' if nested is dict else 'list'}" if name in _FORM else "no text or number"
            raise fail(row, f"{value!r:.40} is {what}; write {form}")
    lengths = [0 if value is None else len(value) for value in values]
    rows = np.repeat(np.arange(len(values)), lengths)
    keys = [key for value in values for key in value or ()] if nested is dict else []

    if (blank := next((entry for entry, key in enumerate(keys) if not key.strip()), None)) is not None:
        raise fail(int(rows[blank]), f"{keys[blank]!r} is a blank category; name it")

    def at(entry: int, message: str) -> InputError:
        return fail(int(rows[entry]), f"{keys[entry]!r}: {message}" if keys else message)

    inside = [entry for value in values for entry in ((value.values() if nested is dict else value) if value else ())]
    parts = _plain(name, inside, at)
    missing = np.array([*(value is None for value in values), False])
    stops = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), mask=missing)
    if nested is list:
        return pa.ListArray.from_arrays(stops, parts)
    return pa.MapArray.from_arrays(stops, _texts(keys, lambda entry, message: fail(int(rows[entry]), message)), parts)


def _plain(name: str, values: Sequence[Any], fail: Callable[[int, str], InputError]) -> pa.Array:
    """Return numbers or texts as Arrow."""
    import pyarrow as pa

    number = name in _NUMBERS
    allowed = {type(None), int, float} if number else {type(None), int, str}
    allowed |= {bool} if name == "support" else set()
    for row, value in enumerate(values):
        if type(value) not in allowed:
            fix = "no number; write it as 0.25" if number else "no name; write a text or a whole number"
            raise fail(row, f"{value!r:.40} is {fix}")
        if number and value is not None and abs(value) > 1e300:
            raise fail(row, "beyond 1e300; write a number of ordinary size")
    if number:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if all(value is None or (isinstance(value, int) and abs(value) < 2**63) for value in values):
        return pa.array(values, pa.int64())
    return _texts([None if value is None else str(value) for value in values], fail)


def _texts(values: list[Any], fail: Callable[[int, str], InputError]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError as error:
        row = next(row for row, value in enumerate(values) if value and re.search("[\ud800-\udfff]", value))
        raise fail(row, f"{values[row][:40]!r} holds half a character; write the name as UTF-8") from error


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
