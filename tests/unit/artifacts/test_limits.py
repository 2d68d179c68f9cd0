"""Files that are small and hold much: refused by a stated limit before memory is taken, and read where it is raised."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import iter_table, read_json, read_table
from spectra_eval.artifacts._side import read_columns, read_objects
from spectra_eval.data.csv import read
from spectra_eval.errors import InputError, SchemaError

MIB = 1 << 20


def packed_text(folder: Path) -> Path:
    path = folder / "z.csv.gz"
    with gzip.open(path, "wb") as stream:
        note = b" " * 100_000
        stream.write(b"user,category,target,note\nu,b,1,\n" + b"".join(b"u%d,a,1,%b\n" % (i, note) for i in range(420)))
    return path


def packed_lines(folder: Path) -> Path:
    path = folder / "z.jsonl.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(b'{"user": "u", "target": {"a": 1, "b": 1}}\n' + b" " * (40 * MIB))
    return path


def packed_arrays(folder: Path) -> Path:
    path = folder / "z.npz"
    np.savez_compressed(path, counts=np.ones((2500, 2000)))
    return path


def small_integers(folder: Path) -> Path:
    path = folder / "i.npz"
    np.savez_compressed(path, counts=np.ones((2500, 2000), dtype=np.int8))
    return path


def repeated_rows(folder: Path) -> Path:
    path = folder / "z.parquet"
    pq.write_table(pa.table({"counts": pa.FixedSizeListArray.from_arrays(np.ones(2500 * 2000), 2000)}), path)
    return path


def sparse_text(folder: Path) -> Path:
    path = folder / "sparse.csv"
    path.write_text("user,category,count\n" + "".join(f"u{i},c{i},1\n" for i in range(2100)))
    return path


def sparse_lines(folder: Path) -> Path:
    path = folder / "sparse.jsonl"
    path.write_text("".join(json.dumps({"user": i, "counts": {f"c{i}": 1}}) + "\n" for i in range(2100)))
    return path


def one_long_list(folder: Path) -> Path:
    path = folder / "list.csv"
    path.write_text(
        "user,category,count,dg_rank\n" + "".join(f"u{i},a,1,\n" for i in range(9000)) + "v,a,1,1\nv,b,1,990\n"
    )
    return path


def repeated_text(folder: Path) -> Path:
    path = folder / "plain.parquet"
    table = pa.table(
        {"user": [f"u{i}" for i in range(4000)], "counts": [[1.0, 2.0]] * 4000, "horizon": ["x" * 9000] * 4000}
    )
    pq.write_table(table, path, use_dictionary=False, compression="zstd")
    return path


def small_objects(folder: Path) -> Path:
    path = folder / "small.jsonl"
    path.write_text('{"user": "u", "target": {"a": 1, "b": 1}}\n' + '{"user": "u"}\n' * 100_000)
    return path


def nested_objects(folder: Path) -> Path:
    path = folder / "objects.jsonl"
    path.write_text('{"user": "u", "target": {"a": 1, "b": 1}, "more": [' + "{}," * 600_000 + "1]}\n")
    return path


BOMBS = [
    (packed_text, "UNPACKED"),
    (packed_lines, "UNPACKED"),
    (packed_arrays, "MATRIX"),
    (small_integers, "MATRIX"),
    (repeated_rows, "MATRIX"),
    (repeated_text, "MATRIX"),
    (sparse_text, "MATRIX"),
    (sparse_lines, "MATRIX"),
    (one_long_list, "MATRIX"),
    (nested_objects, "MATRIX"),
]


@pytest.mark.parametrize(("make", "limit"), BOMBS)
def test_what_is_large_in_memory_is_refused_before_it_is_there(
    tmp_path: Path, make: Callable[[Path], Path], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    monkeypatch.setenv(f"SPECTRA_EVAL_MAX_{limit}", "30M")
    monkeypatch.setattr("spectra_eval.artifacts._limits._RATIO", 1)
    tracemalloc.start()
    with pytest.raises(SchemaError, match=rf"the limit for this file is 30.0 MiB; set SPECTRA_EVAL_MAX_{limit}"):
        read_table(path)
    with pytest.raises(SchemaError, match=rf"{path.name}: "):
        next(iter_table(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30 * MIB
    monkeypatch.setenv(f"SPECTRA_EVAL_MAX_{limit}", "1G")
    assert read_table(path).n_users >= 1


def test_many_small_records_are_refused_before_all_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_objects(tmp_path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "20M")
    monkeypatch.setattr("spectra_eval.artifacts._limits._RATIO", 1)
    with pytest.raises(SchemaError, match=r"small.jsonl: holding 65,536 records takes 32.0 MiB, and the limit"):
        read_table(path)


def test_blank_lines_of_json_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n \n" * 1_000_000 + ' {"user": "u", "target": {"a": 1, "b": 1}}\n\n{"user": 3.5}\n')
    tracemalloc.start()
    with pytest.raises(SchemaError, match=r"t.jsonl: line 2000003 "):
        read_table(path)
    assert tracemalloc.get_traced_memory()[1] < 25 * MIB
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("suffix", "column"),
    [*product(["csv", "jsonl", "npz"], ["user", "category"]), ("jsonl", "title")],
)
def test_a_name_is_as_long_in_every_format(
    tmp_path: Path, suffix: str, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, long = tmp_path / f"t.{suffix}", "\u00e9" * 5001
    user, name, title = (
        ("u", long, "t") if column == "category" else ("u", "a", long) if column == "title" else (long, "a", "t")
    )
    if suffix == "csv":
        path.write_text(f"user,category,count\n{user},{name},1\n{user},b,1\n")
    elif suffix == "jsonl":
        path.write_text(json.dumps({"user": user, "counts": {name: 1, "b": 1}, "history": [title]}))
    else:
        np.savez(path, counts=np.ones((1, 2)), users=[user], categories=[name, "b"])
    with pytest.raises(
        SchemaError, match=r"(has|a name of) 10,002 bytes, and the limit is 10,000; shorten it, or set SPECTRA_EVAL_MAX"
    ):
        read_table(path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_NAME", "20K")
    assert read_table(path).n_users == 1


@pytest.mark.parametrize("column", ["user", "item", "title", "categories"])
def test_a_log_has_the_names_that_a_table_may_have(tmp_path: Path, column: str) -> None:
    row = {"user": "u", "item": "i", "time": "1", "categories": "A", "title": "T"}
    for name, said in (("x" * 10_001, "has 10,001 bytes"), ("x\x00y", "holds a NUL character")):
        (tmp_path / "t.csv").write_text(",".join(row) + "\n" + ",".join({**row, column: name}.values()) + "\n")
        with pytest.raises(SchemaError, match=rf"t.csv: {'category' if column == 'categories' else column} 'x.*{said}"):
            read(tmp_path / "t.csv")


def test_a_file_may_unpack_to_a_hundred_times_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_EVAL_MAX_UNPACKED", "1K")
    text = "user,category,target\n" + "".join(f"{i},a,1\n{i},b,2\n" for i in range(2000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert read_table(tmp_path / "t.csv.gz").n_users == 2000


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "npz", "parquet"])
def test_more_categories_than_the_limit(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, names = tmp_path / f"t.{suffix}", [f"c{i}" for i in range(11)]
    if suffix == "csv":
        path.write_text("user,category,count\n" + "".join(f"u,{name},1\n" for name in names))
    elif suffix == "jsonl":
        path.write_text(json.dumps({"user": "u", "counts": dict.fromkeys(names, 1)}))
    elif suffix == "npz":
        np.savez(path, counts=np.ones((1, 11)))
    else:
        pq.write_table(pa.table({"counts": [[1.0] * 11]}), path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_CATEGORIES", "10")
    with pytest.raises(SchemaError, match=r"11 categories, and the limit is 10; set SPECTRA_EVAL_MAX_CATEGORIES=11"):
        read_table(path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_CATEGORIES", "11")
    assert read_table(path).n_categories == 11


@pytest.mark.parametrize("column", ["user", "horizon"])
def test_a_name_that_comes_often_is_held_once(tmp_path: Path, column: str) -> None:
    """One text of a megabyte in 3,000 rows: some kilobytes of file, three gigabytes where each row has its own."""
    places = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3000, dtype=np.int32)), pa.array(["x" * MIB]))
    names: dict[str, Any] = {"user": [f"u{i}" for i in range(3000)], "counts": [[1.0, 2.0]] * 3000}
    names[column] = places
    pq.write_table(pa.table(names), tmp_path / "t.parquet")
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    with pytest.raises(
        SchemaError, match=rf"row 1, column {column}: a name of 1,048,576 bytes, and the limit is 10,000"
    ):
        read_table(tmp_path / "t.parquet")
    assert tracemalloc.get_traced_memory()[1] < 30 * MIB and pa.total_allocated_bytes() - before < 30 * MIB
    tracemalloc.stop()


def test_a_log_with_a_name_that_comes_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = pa.DictionaryArray.from_arrays(pa.array(np.zeros(300, dtype=np.int32)), pa.array(["x" * MIB]))
    columns = {"user": ["u"] * 300, "item": places, "time": list(range(300)), "categories": ["A"] * 300}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=r"entry 1, column item: a name of 1,048,576 bytes"):
        read(tmp_path / "t.parquet")
    monkeypatch.setenv("SPECTRA_EVAL_MAX_NAME", "2M")
    assert len(read(tmp_path / "t.parquet").user) == 300


def test_categories_that_only_the_footer_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_EVAL_MAX_CATEGORIES", "10")
    said = {b"categories": json.dumps([f"c{i}" for i in range(11)]).encode()}
    table = pa.table({"counts": [[1.0] * 2]}).replace_schema_metadata(said)
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match="11 categories, and the limit is 10"):
        read_table(tmp_path / "t.parquet")


def test_nesting_ends_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.json"
    path.write_text("[" * 100 + r'"[[\"[[\\"' + "]" * 100)
    assert read_json(path)
    path.write_text("[" * 101 + "]" * 101)
    with pytest.raises(SchemaError, match=r"nested too deeply: 101 levels, and the limit is 100; .*SPECTRA_EVAL_MAX"):
        read_json(path)
    monkeypatch.setenv("SPECTRA_EVAL_MAX_DEPTH", "101")
    assert read_json(path)
    path.write_text("[" + ",".join(["[[]]"] * 500) + "]")  # many brackets, and not deep
    assert len(read_json(path)) == 500


@pytest.mark.parametrize("value", ["", "0", "-3", "many", "1.5G", "9" * 40])
def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_EVAL_MAX_CATEGORIES", value)
    np.savez(tmp_path / "t.npz", counts=np.ones((1, 2)))
    with pytest.raises(InputError, match=r"SPECTRA_EVAL_MAX_CATEGORIES: .*write a whole number"):
        read_table(tmp_path / "t.npz")


def test_ten_times_the_keys_take_ten_times_the_steps(tmp_path: Path) -> None:
    """A repeated key or column is found in one walk: 200,000 names would take minutes in a walk for each."""
    names = [f"c{i}" for i in range(200_000)]
    pairs = ",".join(f'"{name}":1' for name in [*names, names[-1]])
    (tmp_path / "t.jsonl").write_text(f'{{"user":"u","target":{{{pairs}}}}}')
    with pytest.raises(SchemaError, match="'c199999' is named twice in one object"):
        read_table(tmp_path / "t.jsonl")
    (tmp_path / "t.csv").write_text(",".join([*names, names[-1]]) + "\n")
    with pytest.raises(SchemaError, match="column 'c199999' occurs twice"):
        read_table(tmp_path / "t.csv")


def test_an_archive_that_holds_a_name_twice(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", counts=np.ones((1, 2)))
    member = zipfile.ZipFile(tmp_path / "a.npz").read("counts.npy")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("counts.npy", member)
        archive.writestr("counts", member)
    with pytest.raises(SchemaError, match="array 'counts' occurs twice"):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize("shape", ["(True, 3)", "(-1, 3)", "(10**12, 0)", "(" * 400, "(1000000000000, 0)"])
def test_a_header_that_lies(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("counts.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(48))
    with pytest.raises(SchemaError, match=r"t.npz: "):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize("read_file", [read, read_table, read_columns], ids=["log", "table", "side file"])
def test_blank_lines_of_csv_have_a_limit(tmp_path: Path, read_file: Callable[[Path], Any]) -> None:
    path = tmp_path / "t.csv.gz"
    start = gzip.compress(b"user,item,time,categories,category,count\nu,i,100000000,a,a,1\n")
    path.write_bytes(start + gzip.compress(b"\n" * 65_536) * 40)
    with pytest.raises(SchemaError, match=r"t\.csv\.gz: more than 1,000,000 blank lines; remove them$"):
        read_file(path)


def test_blank_lines_between_objects_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("{}\n" + "\n" * (4 * MIB) + '{"a": 1}\n')
    tracemalloc.start()
    assert list(read_objects(path, "{}")) == [(1, {}), (4 * MIB + 2, {"a": 1})]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MIB  # a list of the lines alone takes 32


@pytest.mark.parametrize("dtype", ["f8", "i1"])
def test_the_header_of_an_array_says_what_its_table_takes(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRA_EVAL_MAX_MATRIX", "64M")
    np.savez_compressed(tmp_path / "t.npz", counts=np.ones((2500, 2000), dtype=dtype))
    tracemalloc.start()
    with pytest.raises(SchemaError, match=r"t\.npz: its content takes .* MiB, and the limit .* is 64\.0 MiB"):
        read_table(tmp_path / "t.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB
    np.savez_compressed(tmp_path / "t.npz", counts=np.ones((700, 2000), dtype=dtype))
    tracemalloc.start()
    assert read_table(tmp_path / "t.npz").n_users == 700
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MIB
