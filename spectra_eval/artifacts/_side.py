"""Readers of further input files: groups, strata, item scores, texts."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from spectra_eval.artifacts._files import filled_lines, read_text, text_stream
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import check_objects, filled_rows, first_twice
from spectra_eval.errors import SchemaError, one_line

__all__ = ["read_columns", "read_objects"]


def read_columns(
    path: Path, wanted: Collection[str] | None = None, *, delimiter: str | None = None
) -> tuple[dict[str, list[str]], list[int]]:
    r"""Read columns of a CSV file as texts without outer blanks.

    Parameters
    ----------
    path : Path
        UTF-8, gzip-compressed or not, with a header.
    wanted : collection of str, optional
        Columns to keep; without it all are kept.
    delimiter : str, optional
        The delimiter; a tab where the name ends with .tsv, else a comma.

    Returns
    -------
    dict of str to list of str
        The cells of each column.
    list of int
        The line that each row ends on.

    Raises
    ------
    InputError, SchemaError
        In one line, with the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "who.csv").write_text("user,age\nann,31\n")
    ...     read_columns(Path(folder) / "who.csv")
    ({'user': ['ann'], 'age': ['31']}, [2])
    """
    if delimiter is None:
        delimiter = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    reader = csv.reader(text_stream(read_text(path)), delimiter=delimiter, strict=True)
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            raise SchemaError(f"{path}: no header line; name the columns in the first line")
        if (duplicate := first_twice(header)) is not None:
            raise SchemaError(f"{path}: line 1: column {duplicate!r} occurs twice; rename one")
        columns = [(place, name) for place, name in enumerate(header) if wanted is None or name in wanted]
        cells: dict[str, list[str]] = {name: [] for name in header}
        for row in filled_rows(path, reader):
            if len(row) != len(header):
                fix = "correct the line"
                raise SchemaError(
                    f"{path}: line {reader.line_num}: {len(row)} cells under {len(header)} columns; {fix}"
                )
            lines.append(reader.line_num)
            for place, name in columns:
                cells[name].append(row[place].strip())
    except csv.Error as error:
        fix = "quote the whole cell, or save the file again"
        raise SchemaError(f"{path}: line {reader.line_num}: {one_line(error)}; {fix}") from error
    return cells, lines


def read_objects(path: Path, form: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON objects of a file, one a line, with the number of the line; `form` shows spec one is written."""
    text = read_text(path)
    check_objects(path, text)
    for number, line in filled_lines(text):
        try:
            entry = parse_json(line)
        except json.JSONDecodeError as error:
            reason = f"{error.msg}, column {error.colno}"
            raise SchemaError(f"{path}: line {number}: not JSON ({reason}); write {form}") from error
        except SchemaError as error:
            raise SchemaError(f"{path}: line {number}: {error}") from error
        if not isinstance(entry, dict):
            raise SchemaError(f"{path}: line {number}: no object; write {form}")
        yield number, entry
