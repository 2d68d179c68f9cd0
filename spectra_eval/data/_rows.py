"""Columns of a file in any of the formats of logs: CSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from spectra_eval.data._columns import as_delimiter, columns_of
from spectra_eval.data._columns_arrow import is_parquet, parquet_columns
from spectra_eval.data._columns_json import is_json_lines, json_columns

__all__ = ["rows_of"]


def rows_of(
    path: Path,
    wanted: Mapping[str, str],
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: Sequence[str] | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the selected columns of a file as texts, in blocks of rows; name and first bytes tell the format.

    Parameters
    ----------
    path : Path
        The file.
    wanted : mapping of str to str
        The column of each role.
    delimiter, encoding : str
        Of a CSV file.
    header : sequence of str, optional
        All columns of a CSV file without a header.
    """
    if is_parquet(path):
        return parquet_columns(path, wanted)
    if is_json_lines(path):
        return json_columns(path, wanted)
    return columns_of(path, wanted, delimiter=as_delimiter(path, delimiter), encoding=encoding, header=header)
