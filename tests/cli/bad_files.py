"""Builders of files for the tests of bad input: good ones, and the same with one thing changed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable

Make = Callable[[Path], Path]
HEAD = "user,category,target,prediction,dg_rank\n"
GOOD = HEAD + "u1,a,3,0.5,1\nu1,b,1,0.3,\nu1,c,0,0.2,\nu2,a,0,0.1,\nu2,b,2,0.1,\nu2,c,2,0.8,1\n"


def text(name: str, content: str | bytes) -> Make:
    def make(folder: Path) -> Path:
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
        return folder / name

    return make


def changed(old: str, new: str, name: str = "r.csv") -> Make:
    assert GOOD.count(old) == 1, old
    return text(name, GOOD.replace(old, new))


def lines(*records: dict[str, Any] | str) -> Make:
    good = {"user": "u1", "target": {"a": 3, "b": 1}, "prediction": {"a": 0.5, "b": 0.5}, "dg": ["a"]}
    rows = [r if isinstance(r, str) else json.dumps({**good, **r}) for r in records]
    return text("r.jsonl", "\n".join(rows) + "\n")


def parquet(**changes: Any) -> Make:
    def make(folder: Path) -> Path:
        columns = {
            "user": ["u1", "u2"],
            "counts": [[3.0, 1.0, 0.0], [0.0, 2.0, 2.0]],
            "theta_s": [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]],
            "dg": [[0], [2]],
        }
        columns = {name: value for name, value in {**columns, **changes}.items() if value is not None}
        pq.write_table(pa.table(columns), folder / "r.parquet")
        return folder / "r.parquet"

    return make


def parquet_with(metadata: dict[str, str]) -> Make:
    def make(folder: Path) -> Path:
        path = parquet()(folder)
        pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), path)
        return path

    return make


def spoiled(change: Callable[[bytearray], bytes]) -> Make:
    def make(folder: Path) -> Path:
        rng = np.random.default_rng(0)
        theta = rng.dirichlet(np.ones(8), 400)
        users, categories = [f"u{i}" for i in range(400)], tuple("abcdefgh")
        table = PreferenceTable(users=users, categories=categories, theta_star=theta, theta_s=theta)
        write_table(table, folder / "r.parquet")
        data = bytearray((folder / "r.parquet").read_bytes())
        (folder / "r.parquet").write_bytes(change(data))
        return folder / "r.parquet"

    return make


def flipped(data: bytearray) -> bytes:
    data[len(data) // 3] ^= 0xFF
    return bytes(data)


def without_footer(data: bytearray) -> bytes:
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[start : start + 52] = bytes(52)
    return bytes(data)


def npz(**changes: Any) -> Make:
    def make(folder: Path) -> Path:
        arrays = {
            "users": np.array(["u1", "u2"]),
            "categories": np.array(["a", "b", "c"]),
            "counts": np.array([[3.0, 1, 0], [0, 2, 2]]),
            "theta_s": np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]),
        }
        arrays = {name: value for name, value in {**arrays, **changes}.items() if value is not None}
        np.savez(folder / "r.npz", **arrays)
        return folder / "r.npz"

    return make


def missing(folder: Path) -> Path:
    return folder / "none.parquet"


def bare_folder(folder: Path) -> Path:
    return folder


def unfinished_run(folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "manifest.json").write_text("{}")
    return folder / "run"


def zip_of_text(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "r.npz", "w") as archive:
        archive.writestr("counts.txt", "1 2 3")
    return folder / "r.npz"
