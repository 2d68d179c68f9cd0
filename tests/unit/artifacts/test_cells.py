"""Every type that a Parquet file can hold is decoded or refused, alike by `read_table` and by `prepare csv`."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.artifacts._cells import as_lists, plain, texts, times
from spectra_eval.data.csv import read
from spectra_eval.errors import SchemaError

IDS = ["7", "8"]
NAMED = {
    "string": pa.array(IDS),
    "large_string": pa.array(IDS, pa.large_string()),
    "dictionary": pa.array(IDS).dictionary_encode(),
    "binary": pa.array([b"7", b"8"]),
    "large_binary": pa.array([b"7", b"8"], pa.large_binary()),
    "fixed_size_binary": pa.array([b"7", b"8"], pa.binary(1)),
    "dictionary of binary": pa.array([b"7", b"8"]).dictionary_encode(),
    "int8": pa.array([7, 8], pa.int8()),
    "uint64": pa.array([7, 8], pa.uint64()),
    "double": pa.array([7.0, 8.0]),
    "float": pa.array([7.0, 8.0], pa.float32()),
    "halffloat": pa.array(np.array([7.0, 8.0], dtype=np.float16)),
    "decimal": pa.array([Decimal("7.00"), Decimal("8.00")]),
}
try:
    VIEWS = pa.array(IDS, pa.string_view())
    pq.write_table(pa.table({"user": VIEWS}), pa.BufferOutputStream())
    NAMED["string_view"] = VIEWS
except pa.ArrowNotImplementedError:  # the lowest Arrow has views in memory only, so no file of it can hold them
    if os.environ.get("SPECTRA_REQUIRE"):
        raise
REFUSED = {
    "bool": (pa.array([True, False]), "column user: holds bool; write texts or whole numbers"),
    "date": (pa.array([1, 2], pa.date32()), "holds date32"),
    "timestamp": (pa.array([1, 2], pa.timestamp("us")), "holds timestamp"),
    "time": (pa.array([1, 2], pa.time64("us")), "holds time64"),
    "duration": (pa.array([1, 2], pa.duration("s")), "holds duration"),
    "list": (pa.array([["a"], ["b"]]), "holds list<"),
    "struct": (pa.array([{"a": 1}, {"a": 2}]), "holds struct<"),
    "map": (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), "holds map<"),
    "fraction": (pa.array([7.0, 7.5]), "column user: 7.5 is not a valid name"),
    "too large": (pa.array([7.0, 2.0**60]), "is not a valid name"),
    "infinite": (pa.array([7.0, float("inf")]), "inf is not a valid name"),
    "decimal fraction": (pa.array([Decimal("7.00"), Decimal("7.25")]), "7.25 is not a valid name"),
    "latin-1": (pa.array([b"a", b"Caf\xe9"]), r"column user: b'Caf\\xe9' is not UTF-8; write texts"),
    "null": (pa.array([None, None]), "column user: null"),
    "NaN": (pa.array([7.0, float("nan")]), "column user: null"),
}


def as_table(path: Path, users: Any) -> list[str]:
    pq.write_table(pa.table({"user": users, "counts": [[1.0, 2.0]] * len(users)}), path)
    return [str(user) for user in read_table(path).users]


def as_log(path: Path, users: Any) -> list[str]:
    n = len(users)
    pq.write_table(pa.table({"user": users, "item": ["x"] * n, "time": [1] * n, "categories": ["A"] * n}), path)
    return [str(user) for user in read(path).user]


@pytest.mark.parametrize("reader", [as_table, as_log])
@pytest.mark.parametrize("name", NAMED)
def test_a_name_of_any_type_is_its_text(tmp_path: Path, reader: Any, name: str) -> None:
    assert reader(tmp_path / "t.parquet", NAMED[name]) == IDS


@pytest.mark.parametrize("reader", [as_table, as_log])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_name_is_refused_by_its_type(tmp_path: Path, reader: Any, name: str) -> None:
    users, message = REFUSED[name]
    with pytest.raises(SchemaError, match=message):
        reader(tmp_path / "t.parquet", users)


LABELS = [["A", "B"], ["B", "C"]]
LISTS = {
    "list": pa.array(LABELS),
    "large_list": pa.array(LABELS, pa.large_list(pa.string())),
    "fixed_size_list": pa.array(LABELS, pa.list_(pa.string(), 2)),
    "list of dictionary": pa.array(LABELS, pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    "list of binary": pa.array([[b"A", b"B"], [b"B", b"C"]]),
    "text": pa.array(["A|B", "B|C"]),
    "binary": pa.array([b"A|B", b"B|C"]),
}


@pytest.mark.parametrize("name", LISTS)
def test_categories_of_any_list_type(tmp_path: Path, name: str) -> None:
    columns = {"user": ["u", "v"], "item": ["x", "y"], "time": [1, 2], "categories": LISTS[name]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    made = read(tmp_path / "t.parquet")
    assert made.categories == ("A", "B", "C") and made.category.tolist() == [0, 1, 1, 2]


def test_lists_that_hold_no_names_are_refused(tmp_path: Path) -> None:
    columns = {"user": ["u"], "item": ["x"], "time": [1], "categories": [[["A"]]]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=r"column categories: a list holds list<element: string>; write texts"):
        read(tmp_path / "t.parquet")


MOMENTS = {
    "timestamp[s]": pa.array([86400], pa.timestamp("s")),
    "timestamp[ns]": pa.array([86400_000_000_000], pa.timestamp("ns", tz="UTC")),
    "date32": pa.array([1], pa.date32()),
    "date64": pa.array([86400_000], pa.date64()),
    "int32": pa.array([86400], pa.int32()),
    "double": pa.array([86400.7]),
    "decimal": pa.array([Decimal("86400.7")]),
    "text": pa.array(["1970-01-02"]),
    "binary": pa.array([b"1970-01-02"]),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments_of_any_type(tmp_path: Path, name: str) -> None:
    columns = {"user": ["u"], "item": ["x"], "time": MOMENTS[name], "categories": ["A"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").time.tolist() == [86400]


@pytest.mark.parametrize("values", [pa.array([1], pa.time32("s")), pa.array([1], pa.duration("s")), pa.array([[1]])])
def test_what_is_no_moment_is_refused(tmp_path: Path, values: Any) -> None:
    columns = {"user": ["u"], "item": ["x"], "time": values, "categories": ["A"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=r"column time: holds .*, not a time; write a date or a number"):
        read(tmp_path / "t.parquet")


def test_booleans_of_a_byte_are_no_moments() -> None:
    with pytest.raises(ValueError, match=r"holds arrow\.bool8, no moment"):
        times(pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())), lambda _, said: ValueError(said))


def test_types_that_only_memory_holds() -> None:
    uuid = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(range(16)), None], pa.binary(16)))
    assert texts(uuid, ValueError) == ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]
    assert texts(pa.array(["7", None, "8"], pa.string_view()), ValueError) == ["7", None, "8"]
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))
    assert texts(runs, ValueError) == ["a", "a", "b"]
    views = pa.array([["a"], None, ["b", None]], pa.list_view(pa.string()))
    assert as_lists(views, ValueError) == [["a"], None, ["b", None]]
    assert plain(pa.chunked_array([["a"], ["b"]])).to_pylist() == ["a", "b"]
    assert plain(pa.chunked_array([], pa.string())).to_pylist() == []


def test_columns_of_a_table_of_any_type(tmp_path: Path) -> None:
    columns = {
        "user": ["u", "v"],
        "counts": pa.array([[Decimal("1.0"), Decimal("2.0")]] * 2),
        "dg": pa.array([[b"category_1", None], [b"category_0"]]),
        "n_window": pa.array([Decimal("3"), None]),
        "history": pa.array([["Heat"], ["Laura"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.counts.tolist() == [[1, 2], [1, 2]] and table.dg.tolist() == [[1, -1], [0, -2]]
    assert table.n_window.tolist() == [3, -1] and list(table.history) == [("Heat",), ("Laura",)]
    columns["history"] = pa.array([["Heat", None], ["Laura"]])
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=r"row 1 \(user 'u'\), column history: a title is null"):
        read_table(tmp_path / "t.parquet")
