"""A softmax of 200 x 19 in low precision is read from every format, and certified by the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from spectra_eval import read_table
from spectra_eval.artifacts import iter_table
from spectra_eval.errors import SimplexError
from spectra_eval.probing._source import FileSource
from spectra_eval_cli.main import main

RNG = np.random.default_rng(12)
USERS, NAMES = [f"u{i:03d}" for i in range(200)], [f"c{i:02d}" for i in range(19)]
COUNTS = RNG.integers(1, 9, (200, 19))
LOGITS = (3 * RNG.normal(size=(200, 19))).astype(np.float32)
SINGLE = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
HALF = SINGLE.astype(np.float16)


def _parquet(kind: pa.DataType, rows: np.ndarray, name: str = "counts") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        lists = pa.array([list(row) for row in rows], kind)
        table = pa.table({"user": USERS, name: pa.array(COUNTS.tolist()), "theta_s": lists})
        pq.write_table(table, folder / "t.parquet")
        return folder / "t.parquet"

    return write


def _npz(rows: np.ndarray) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "t.npz", users=USERS, counts=COUNTS, theta_s=rows)
        return folder / "t.npz"

    return write


def _long(mark: str, suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with (folder / f"t.{suffix}").open("w", newline="") as stream:
            writer = csv.writer(stream, delimiter=mark)
            writer.writerow(["user", "category", "target", "prediction"])
            for i, user in enumerate(USERS):
                writer.writerows([user, name, COUNTS[i, j], str(SINGLE[i, j])] for j, name in enumerate(NAMES))
        return folder / f"t.{suffix}"

    return write


def _lines(folder: Path) -> Path:
    records = [
        {
            "user": user,
            "target": dict(zip(NAMES, COUNTS[i].tolist(), strict=True)),
            "prediction": dict(zip(NAMES, (float(str(x)) for x in SINGLE[i]), strict=True)),
        }
        for i, user in enumerate(USERS)
    ]
    (folder / "t.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    return folder / "t.jsonl"


FILES: dict[str, Callable[[Path], Path]] = {
    "fixed lists": _parquet(pa.list_(pa.float32(), 19), SINGLE),
    "variable lists": _parquet(pa.list_(pa.float32()), SINGLE),
    "large lists": _parquet(pa.large_list(pa.float32()), SINGLE, "target"),
    "fixed lists of halves": _parquet(pa.list_(pa.float16(), 19), HALF),
    "variable lists of halves": _parquet(pa.list_(pa.float16()), HALF, "target"),
    "NPZ": _npz(SINGLE),
    "NPZ of halves": _npz(HALF),
    "CSV": _long(",", "csv"),
    "TSV": _long("\t", "tsv"),
    "JSON lines": _lines,
}


@pytest.mark.parametrize("kind", FILES)
def test_a_softmax_of_low_precision_is_read_from_every_format_and_certified(kind: str, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    halves = "halves" in kind
    table = read_table(path)
    assert table.theta_s is not None
    assert np.abs(table.theta_s.sum(axis=1) - 1).max() < 1e-15
    rows = SINGLE.astype(np.float64)
    assert np.abs(table.theta_s - rows).max() < (1e-3 if halves else 1e-6)
    read = table.metadata["read"]
    assert read["rows_divided"]["theta_s"] > 100
    assert (1e-4 < read["deviation"]["theta_s"] < 0.03) if halves else (1e-8 < read["deviation"]["theta_s"] < 3e-6)
    assert sum(part.n_users for part in iter_table(path, block=64)) == 200
    certified = CliRunner().invoke(main, ["certify", str(path), "-k", "3", "-o", str(tmp_path / "c.json")])
    assert certified.exit_code in (0, 1), certified.output
    assert json.loads((tmp_path / "c.json").read_text())["claims"]


def test_shares_of_half_precision_are_told_from_counts(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", target=HALF, theta_s=SINGLE)
    table = read_table(tmp_path / "t.npz")
    assert table.metadata["read"]["target"] == "shares"
    assert set(table.metadata["read"]["rows_divided"]) == {"theta_star", "theta_s"}


@pytest.mark.parametrize(("kind", "factor"), [(np.float16, 1.05), (np.float32, 1.001), (np.float64, 1 + 2e-7)])
def test_what_the_precision_does_not_explain_is_refused_with_its_deviation(
    kind: type, factor: float, tmp_path: Path
) -> None:
    rows = SINGLE / SINGLE.sum(axis=1, dtype=np.float64, keepdims=True)
    np.savez(tmp_path / "t.npz", counts=COUNTS, theta_s=(rows * factor).astype(kind))
    with pytest.raises(SimplexError, match=r"row 1 \(user 'user_0'\), column theta_s: sums to 1( \+|\.0)"):
        read_table(tmp_path / "t.npz")


def test_a_file_of_low_precision_is_a_source_of_users(tmp_path: Path) -> None:
    columns = {"user": USERS, "theta_star": pa.array(SINGLE.tolist(), pa.list_(pa.float32())), "history": [["a"]] * 200}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    source = FileSource(tmp_path / "t.parquet", limit=None)
    read = source.head.metadata["read"]
    assert read["rows_divided"]["theta_star"] > 100 and read["deviation"]["theta_star"] < 3e-6
