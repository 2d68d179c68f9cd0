"""Divided rows are counted, and records without a prediction are refused or left out, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import spectra_eval as se
from spectra_eval.artifacts import iter_table, read_table, write_table
from spectra_eval.certification import certify, verify
from spectra_eval.errors import InputError, SimplexError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.tables import PreferenceTable

COUNTS = np.array([[3, 1], [0, 2], [1, 1], [2, 2], [4, 0]], dtype=float)
OFF = np.array([[0.5, 0.5], [0.5, 0.4], [0.2, 0.2], [0.75, 0.25], [1.0, 0.5]])
EMPTY = np.array([[0.5, 0.5], [0, 0], [0.2, 0.8], [0.75, 0.25], [0, 0]])
USERS = [f"u{i}" for i in range(5)]
FORMATS = ["parquet", "npz", "csv", "jsonl"]


def written(path: Path, held: np.ndarray, truth: np.ndarray = COUNTS, name: str = "counts") -> Path:
    """Write a table of five users in the format of the suffix."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"user": USERS, name: truth.tolist(), "theta_s": held.tolist()}), path)
    elif path.suffix == ".npz":
        np.savez(path, users=np.array(USERS), theta_s=held, **{name: truth})
    elif path.suffix == ".csv":
        frame(held, truth, name).to_csv(path, index=False)
    else:
        rows = zip(USERS, truth.tolist(), held.tolist(), strict=True)
        path.write_text("".join(json.dumps(record(u, t, p, name)) + "\n" for u, t, p in rows))
    return path


def record(user: str, truth: list[float], held: list[float], name: str) -> dict[str, Any]:
    return {"user": user, name: dict(zip("ab", truth, strict=True)), "theta_s": dict(zip("ab", held, strict=True))}


def frame(held: np.ndarray, truth: np.ndarray = COUNTS, name: str = "counts") -> pd.DataFrame:
    cells = {"user": np.repeat(USERS, 2), "category": ["a", "b"] * 5, name: truth.ravel(), "theta_s": held.ravel()}
    return pd.DataFrame(cells)


@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_that_are_divided_are_counted_with_the_largest_deviation(tmp_path: Path, suffix: str) -> None:
    truth = np.where(COUNTS.sum(axis=1, keepdims=True) > 3, 0.4, 0.5) * [[1, 1]]
    path = written(tmp_path / f"t.{suffix}", OFF, truth, "theta_star")
    with pytest.raises(SimplexError, match="--renormalise"):
        read_table(path)
    blocks = iter_table(path, block=2, renormalise=True)
    assert sum(part.n_users for part in blocks) == 5
    for read in (
        read_table(path, renormalise=True).metadata["read"],
        blocks.metadata["read"],
        se.from_pandas(frame(OFF, truth, "theta_star"), renormalise=True).metadata["read"],
    ):
        assert read["rows_divided"] == {"theta_star": 3, "theta_s": 3}
        assert read["deviation"] == pytest.approx({"theta_star": 0.2, "theta_s": 0.6})


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("renormalise", [False, True])
def test_predictions_without_mass_are_counted_and_refused(tmp_path: Path, suffix: str, renormalise: bool) -> None:
    path = written(tmp_path / f"t.{suffix}", EMPTY)
    expected = r"row 2 \(user 'u1'\), column theta_s: no prediction, .* 2 of 5 records; .* --empty-predictions drop$"
    for read in (read_table, lambda path, **how: list(iter_table(path, block=2, **how))):
        with pytest.raises(SimplexError, match=expected) as caught:
            read(path, renormalise=renormalise)
        assert "--renormalise" not in str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("block", [1, 2, 10])
def test_predictions_without_mass_are_left_out_and_the_artefacts_say_so(
    tmp_path: Path, suffix: str, block: int
) -> None:
    path = written(tmp_path / f"t.{suffix}", EMPTY)
    table = read_table(path, empty_predictions="drop")
    assert table.users.tolist() == ["u0", "u2", "u3"] and table.theta_s.tolist() == EMPTY[[0, 2, 3]].tolist()
    counts = {"empty_predictions": 2, "records": 5}
    assert table.metadata["read"]["left_out"] == counts
    certificate = certify(iter_table(path, block=block, empty_predictions="drop"), k=1)
    assert certificate.facts["left_out"] == counts and certificate.facts["n_records"] == 3
    again = verify(certificate.to_json(), iter_table(path, block=3, empty_predictions="drop"))
    assert again.differences == ()
    evaluation = evaluate(table, bootstrap=0)
    assert evaluation.to_json()["facts"]["left_out"] == counts
    sentence = "2 of 5 records have no prediction and were left out"
    assert any(line.startswith(sentence) for line in evaluation.to_json()["warnings"])
    compared = compare({"one": table, "two": table}, metrics=["total_variation"], bootstrap=0)
    assert compared.facts["left_out"] == {"one": counts, "two": counts}
    assert any(sentence in line for line in compared.warnings)


def test_a_later_file_remembers_what_was_left_out(tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "t.csv", EMPTY), empty_predictions="drop")
    write_table(table, tmp_path / "again.parquet")
    blocks = iter_table(tmp_path / "again.parquet", block=1)
    assert certify(blocks, k=1).facts["left_out"] == {"empty_predictions": 2, "records": 5}
    table.replace(metadata={"read": {"left_out": "much"}}).save(tmp_path / "odd.parquet")
    assert "left_out" not in read_table(tmp_path / "odd.parquet").metadata["read"]


def test_a_prediction_that_is_null_or_not_a_number_is_empty(tmp_path: Path) -> None:
    held = pa.array([[0.5, 0.5], None, [0.2, 0.8], [0.75, 0.25], [np.nan, np.nan]], pa.list_(pa.float64()))
    pq.write_table(pa.table({"user": USERS, "counts": COUNTS.tolist(), "theta_s": held}), tmp_path / "t.parquet")
    lines = [json.dumps(record(u, t, [0.5, 0.5], "counts")) for u, t in zip(USERS, COUNTS.tolist(), strict=True)]
    lines[1] = '{"user": "u1", "counts": {"a": 1}}'
    lines[4] = '{"user": "u4", "counts": {"a": 1}, "theta_s": null}'
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    for name in ("t.parquet", "t.jsonl"):
        with pytest.raises(SimplexError, match=r"row 2 \(user 'u1'\).* 2 of 5 records"):
            read_table(tmp_path / name)
        assert read_table(tmp_path / name, empty_predictions="drop").users.tolist() == ["u0", "u2", "u3"]


def test_nothing_is_left_where_no_record_has_a_prediction(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet", np.zeros((5, 2)))
    for read in (read_table, lambda path, **how: list(iter_table(path, block=2, **how))):
        with pytest.raises(SimplexError, match="no record has a prediction, so none is left"):
            read(path, empty_predictions="drop")
    with pytest.raises(InputError, match="empty_predictions: 'keep'; choose 'refuse' or 'drop'"):
        read_table(path, empty_predictions="keep")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_target_without_mass_is_an_empty_window(tmp_path: Path, suffix: str) -> None:
    truth = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    truth[2] = 0
    path = written(tmp_path / f"t.{suffix}", OFF, truth, "theta_star")
    expected = r"row 3 \(user 'u2'\), column theta_star: no interactions in the window; .*--empty-windows keep"
    with pytest.raises(InputError, match=expected):
        read_table(path, renormalise=True)


def test_a_target_without_mass_contradicts_a_window(tmp_path: Path) -> None:
    columns = {"user": ["u", "v"], "theta_star": [[0.5, 0.5], [0.0, 0.0]], "n_window": [3, 4]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(
        SimplexError, match=r"row 2 \(user 'v'\), column theta_star: all zero, but n_window is 4"
    ) as one:
        read_table(tmp_path / "t.parquet", renormalise=True)
    with pytest.raises(SimplexError, match="every number is 0, which is no distribution") as two:
        PreferenceTable(users=["u"], categories=("a", "b"), counts=[[1, 2]], theta_s=[[0, 0]])
    assert "--renormalise" not in f"{one.value}{two.value}"
