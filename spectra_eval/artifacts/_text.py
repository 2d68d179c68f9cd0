"""CSV and TSV as Arrow columns of texts; cells that are JSON lists or objects become lists and mappings."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from spectra_eval.artifacts._columns import MATRICES, ReadSpec
from spectra_eval.artifacts._files import read_text, text_stream
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import filled_rows
from spectra_eval.artifacts._lines import json_column
from spectra_eval.artifacts._shape import Loaded, folded
from spectra_eval.errors import InputError, SchemaError, one_line

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["load_text"]

_CHUNK = 1 << 16
_JSON = (*MATRICES, "support", "dg", "history", "categories")


def load_text(spec: ReadSpec) -> tuple[Loaded, ReadSpec]:
    """Read the cells of a text by column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = read_text(spec.path)
    rows = _rows(text, spec)
    header = [name.strip() for name in next(rows, (0, []))[1]]
    if not header:
        raise spec.fail("no header line; begin with user,category,target", SchemaError)
    mark = next((mark for mark in ";\t|," if mark in header[0]), None)
    if len(header) == 1 and mark is not None:
        fix = "name it .csv" if mark == "," else "name it .tsv" if mark == "\t" else "save it with commas"
        raise spec.fail(f"line 1: columns are divided by {mark!r}; {fix}", SchemaError)
    kind = pa.large_string()
    chunks: list[list[pa.Array]] = [[] for _ in header]
    while pairs := list(islice(rows, max(1, 8 * _CHUNK // max(8, len(header))))):
        for line, row in pairs:
            if len(row) != len(header):
                message = f"line {line}: {len(row)} fields, but the header names {len(header)}; correct the line"
                raise spec.fail(message, SchemaError)
        for parts, cells in zip(chunks, zip(*(row for _, row in pairs), strict=True), strict=True):
            parts.append(pa.array(cells, kind))
    columns = {name: pa.chunked_array(parts, kind) for name, parts in zip(header, chunks, strict=True)}

    def spot(row: int) -> str:  # for errors only, so the text is read again
        return f"line {next(islice(_rows(text, spec), row + 1, None))[0]}"

    def take(found: ReadSpec) -> pa.Table:
        parts = [column for group in found.members.values() for column in group.values()]
        made = {column: columns[column] for column in [*found.columns.values(), *parts] if column in columns}
        for name in _JSON:
            if name in found.columns and (column := found.columns[name]) in made and _starts(columns[column]):
                made[column] = _parsed(columns[column], name, found)
        for name in ("n_window", "context_window", "horizon"):
            if (column := found.columns.get(name, "")) in made:
                blank = pc.equal(made[column], "")
                made[column] = pc.if_else(blank, pa.scalar(None, kind), made[column])
        return folded(pa.table(made), found.members)

    loaded = Loaded(names=header, scalar=lambda name: not _starts(columns[name]), take=take)
    return loaded, replace(spec, spot=spot)


def _rows(text: str, spec: ReadSpec) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it ends on."""
    reader = csv.reader(text_stream(text), delimiter="\t" if spec.format == "tsv" else ",", strict=True)
    try:
        for row in filled_rows(spec.path, reader):
            yield reader.line_num, row
    except csv.Error as error:
        fix = "quote the whole cell, or save the file again"
        raise spec.fail(f"line {reader.line_num}: {one_line(error)}; {fix}", SchemaError) from error


def _starts(column: pa.ChunkedArray) -> bool:
    """Return whether the first cell that is not blank begins a JSON list or object."""
    first = next((text for chunk in column.chunks for cell in chunk if (text := cell.as_py().strip())), "")
    return first[:1] in ("[", "{")


def _parsed(column: pa.ChunkedArray, name: str, spec: ReadSpec) -> pa.Array:
    def fail(row: int, message: str) -> InputError:
        return spec.fail(f"{spec.place(row)}, column {spec.columns[name]}: {message}", SchemaError)

    values: list[Any] = []
    for row, cell in enumerate(column.to_pylist()):
        try:
            values.append(parse_json(cell) if cell.strip() else None)
        except (json.JSONDecodeError, SchemaError) as error:
            raise fail(row, f'{cell[:40]!r} is not JSON; write [0.5, 0.5] or {{"Drama": 0.5}}') from error
    return json_column(name, values, fail)
