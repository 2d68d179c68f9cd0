"""A text that is stored once and stands in many lists is held once, measured before it is expanded, and refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.data.csv import read
from spectra_eval.errors import SchemaError

MIB = 1 << 20
ROWS, EACH = 300, 10


def lists(text: str, *, pairs: bool = False) -> Any:
    """Return a column of lists whose entries are all one text, stored once."""
    places = np.zeros(ROWS * EACH, dtype=np.int32)
    texts = pa.DictionaryArray.from_arrays(pa.array(places), pa.array([text]))
    stops = pa.array(np.arange(ROWS + 1, dtype=np.int32) * EACH)
    if not pairs:
        return pa.ListArray.from_arrays(stops, texts)
    return pa.MapArray.from_arrays(stops, texts, pa.array(places))


def details(text: str) -> Any:
    times, ratings = pa.array(np.zeros(ROWS, dtype=np.int64)), pa.array(np.ones(ROWS))
    entries = pa.StructArray.from_arrays([times, ratings, lists(text)], ["time", "rating", "categories"])
    return pa.ListArray.from_arrays(pa.array(np.arange(ROWS + 1, dtype=np.int32)), entries)


def table_of(path: Path, **columns: Any) -> Path:
    truth = {"user": [f"u{i}" for i in range(ROWS)], "counts": [[1.0, 2.0]] * ROWS, "history": [["Heat"]] * ROWS}
    pq.write_table(pa.table({**truth, **columns}), path, row_group_size=ROWS // 2)
    return path


BOMBS = {
    "history": ("history", lists, "row 1, column history: a name of 1,048,576 bytes, and the limit is 10,000"),
    "history_details": ("history_details", details, "column history_details: a category: a name of 1,048,576 bytes"),
    "dg": ("dg", lists, "column dg: lists, one of which a name of 1,048,576 bytes"),
    "map": ("history", lambda text: lists(text, pairs=True), "column history: holds map<string, int32"),
    "lists of lists": (
        "history",
        lambda text: pa.ListArray.from_arrays(pa.array(np.arange(ROWS + 1, dtype=np.int32)), lists(text)),
        "column history: a list holds list<",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_text_that_comes_often_in_lists_is_held_once(tmp_path: Path, name: str) -> None:
    """Three thousand times a megabyte: some kilobytes of file, three gigabytes where each entry has its own."""
    column, make, message = BOMBS[name]
    path = table_of(tmp_path / "t.parquet", **{column: make("x" * MIB)})
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    old = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        with pytest.raises(SchemaError, match=message):
            read_table(path)
        peak = tracemalloc.get_traced_memory()[1] + (pool.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(old)
    assert path.stat().st_size < MIB and peak < 60 * MIB


@pytest.mark.parametrize(("column", "make"), [("history", lists), ("history_details", details)])
def test_short_texts_are_held_against_what_they_take_together(
    tmp_path: Path, column: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table_of(tmp_path / "t.parquet", **{column: make("x" * 9000)})
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "20M")
    monkeypatch.setattr("spectra_eval.artifacts._limits._RATIO", 1)
    message = rf"column {column}: the texts of 300 rows takes 25.7 MiB, and the limit for this file is 20.0 MiB"
    with pytest.raises(SchemaError, match=message):
        read_table(path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "30M")
    assert read_table(path).n_users == ROWS


def test_shared_texts_in_lists_are_read_as_they_are(tmp_path: Path) -> None:
    kept = [[{"time": None, "rating": 2.0, "categories": ["b", "b"]}, {"time": 3, "rating": None, "categories": []}]]
    kind = pa.struct([("time", pa.int64()), ("rating", pa.float64()), ("categories", pa.list_(pa.string()))])
    shown = pa.array([None, [], *kept], pa.list_(kind))
    titles: list[list[str]] = [[], [], ["Heat", "Heat"]]
    table = {"user": ["u", "v", "w"], "counts": [[1.0, 2.0]] * 3, "history": titles, "history_details": shown}
    pq.write_table(pa.table(table), tmp_path / "t.parquet", row_group_size=2)
    made = read_table(tmp_path / "t.parquet")
    assert list(made.history) == [(), (), ("Heat", "Heat")]
    assert made.history_details is not None
    assert [tuple(map(tuple, row)) for row in made.history_details] == [
        (),
        (),
        ((0, 2.0, ("b", "b")), (3, None, ())),
    ]


def test_lists_of_labels_of_a_log_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = ROWS
    columns = {"user": ["u"] * n, "item": ["x"] * n, "time": list(range(n)), "categories": lists("x" * 9000)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "1M")  # each for itself would take 26
    assert read(tmp_path / "t.parquet").categories == ("x" * 9000,)
    labels = pa.array([["x" * 9000] * (1 + row % 20) for row in range(n)], pa.list_(pa.string()))
    pq.write_table(pa.table({**columns, "categories": labels}), tmp_path / "t.parquet")
    monkeypatch.setattr("spectra_eval.artifacts._limits._RATIO", 1)
    with pytest.raises(SchemaError, match=r"the lists of its categories takes 1.0 MiB, and the limit for this file"):
        read(tmp_path / "t.parquet")


def test_one_wide_value_in_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = pa.array([b"x" * 9000] * ROWS, pa.binary(9000))
    columns = {"user": ["u"] * ROWS, "item": wide, "time": list(range(ROWS)), "categories": ["A"] * ROWS}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "1M")
    monkeypatch.setattr("spectra_eval.artifacts._limits._RATIO", 1)
    with pytest.raises(SchemaError, match=r"column item: a row group of 300 values in 300 rows takes 2.6 MiB"):
        read(tmp_path / "t.parquet")
