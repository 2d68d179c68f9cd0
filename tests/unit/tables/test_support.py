"""Records with options of their own: what a table holds of them, and how each format carries them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import TableDigest, iter_table, read_table, write_blocks, write_table
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.evaluation import align, merge_categories
from spectra_eval.tables import OUT_OF_VOCABULARY, PreferenceTable, joined_support
from spectra_eval_cli.main import main

SUPPORT = np.array([[True, False, True], [True, True, False], [True, True, True]])
COLUMNS: dict[str, Any] = {
    "users": ["ann", "bob", "cy"],
    "categories": ("x", "y", "z"),
    "counts": [[1, 0, 3], [2, 2, 0], [0, 1, 1]],
    "theta_s": [[0.5, 0.0, 0.5], [0.25, 0.75, 0.0], [0.2, 0.3, 0.5]],
}


def made(**changes: Any) -> PreferenceTable:
    return PreferenceTable(**{**COLUMNS, "support": SUPPORT, **changes})


def digest(*parts: PreferenceTable) -> str:
    running = TableDigest()
    for part in parts:
        running.update(part)
    return running.hexdigest()


def same(one: PreferenceTable, other: PreferenceTable) -> None:
    assert one.categories == other.categories
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.theta_s, other.theta_s)
    np.testing.assert_array_equal(one.offered, other.offered)
    assert digest(one) == digest(other)


def test_a_support_that_offers_everything_is_none() -> None:
    assert made(support=np.ones((3, 3), dtype=bool)).support is None
    assert made().n_options.tolist() == [2, 2, 3]
    assert made(support=None).n_options.tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"support": [[1, 0, 0], [1, 1, 0], [1, 1, 1]]},
            r"row 1 \(user 'ann'\), column support: offers 1 of the categories \('x'\)",
        ),
        ({"support": [[1, 0, 1], [1, 1, 0], [0, 0, 0]]}, r"row 3 \(user 'cy'\), column support: offers 0 of"),
        ({"counts": [[1, 2, 3], [2, 2, 0], [0, 1, 1]]}, r"row 1 \(user 'ann'\), column counts: 'y' has 2"),
        ({"theta_s": [[0.5, 0, 0.5], [0.5, 0.25, 0.25], [0, 0, 1]]}, r"row 2 \(user 'bob'\), column theta_s: 'z' has"),
        ({"support": SUPPORT * 2}, "column support: has values other than true and false"),
    ],
)
def test_a_support_that_does_not_fit_is_refused_with_row_and_category(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**changes)


def test_a_labelled_support_is_aligned() -> None:
    frame = pd.DataFrame(SUPPORT, index=COLUMNS["users"], columns=COLUMNS["categories"])
    assert made(support=frame.iloc[::-1, ::-1]).support.tolist() == SUPPORT.tolist()


def test_a_masked_support_is_refused() -> None:
    with pytest.raises(InputError, match=r"column support: .* masked"):
        made(support=np.ma.masked_array(SUPPORT, mask=~SUPPORT))


def test_a_support_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match="column support"):
        made(support=SUPPORT[:, :2])


def test_an_entry_of_a_list_that_is_not_offered_is_out_of_vocabulary() -> None:
    assert made(dg=[[1, 0], [0, 2], [2, 1]]).dg.tolist() == [[OUT_OF_VOCABULARY, 0], [0, OUT_OF_VOCABULARY], [2, 1]]


def test_select_replace_and_join_carry_the_support() -> None:
    table = made()
    assert table.select(slice(1, 3)).support.tolist() == SUPPORT[1:].tolist()
    assert table.replace(dg=[[0]] * 3).support.tolist() == SUPPORT.tolist()
    whole = made(support=None)
    assert joined_support([whole, whole]) is None
    assert joined_support([whole, table]).tolist() == [*np.ones((3, 3)).tolist(), *SUPPORT.tolist()]


def test_a_merged_category_is_offered_where_a_part_is() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("w", "x", "y", "z"),
        counts=[[1, 0, 0, 1], [1, 0, 1, 0]],
        support=[[1, 1, 0, 1], [1, 0, 1, 0]],
    )
    assert merge_categories(table, {"x": "xy", "y": "xy"}).offered.tolist() == [[True, True, True], [True, True, False]]


def test_aligned_tables_need_the_same_options() -> None:
    turned = PreferenceTable(
        users=["cy", "bob", "ann"],
        categories=("z", "y", "x"),
        counts=np.array(COLUMNS["counts"])[::-1, ::-1],
        theta_s=np.array(COLUMNS["theta_s"])[::-1, ::-1],
        support=SUPPORT[::-1, ::-1],
    )
    assert align({"one": made(), "two": turned})["two"].support.tolist() == SUPPORT.tolist()
    with pytest.raises(InputError, match="two: user 'ann' has other options than in one"):
        align({"one": made(), "two": made(support=None)})


def test_the_digest_depends_on_the_options_and_not_on_the_blocks() -> None:
    table = made()
    assert digest(table) != digest(made(support=None))
    assert digest(table) == digest(*(table.select(slice(i, i + 1)) for i in range(3)))
    # A block that a reader makes has no support where all of its rows offer everything.
    last = made(**{name: np.array(COLUMNS[name])[2:] for name in ("users", "counts", "theta_s")}, support=None)
    assert digest(table.select(slice(0, 2)), last) == digest(table)
    turned = table.select([2, 0, 1])
    assert digest(last, turned.select([1, 2])) == digest(turned)


def test_parquet_keeps_the_support_whole_and_in_blocks(tmp_path: Path) -> None:
    table, path = made(), tmp_path / "t.parquet"
    write_table(table, path)
    same(read_table(path), table)
    for row, block in enumerate(iter_table(path, block=1)):
        assert block.offered.tolist() == SUPPORT[row : row + 1].tolist()
    write_blocks(lambda: iter_table(path, block=1), tmp_path / "again.parquet", metadata=table.metadata)
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()
    whole = pq.read_schema(_written(made(support=None), tmp_path / "whole.parquet"))
    assert "support" not in whole.names
    # A release that knows no support refuses the file, instead of reading other numbers from it.
    versions = [json.loads(schema.metadata[b"spectra_eval"])["version"] for schema in (whole, pq.read_schema(path))]
    assert versions == [1, 2]


def _written(table: PreferenceTable, path: Path) -> Path:
    write_table(table, path)
    return path


def test_a_null_number_of_the_prediction_in_parquet_is_not_offered(tmp_path: Path) -> None:
    predicted = [[0.5, None, 0.5], [0.25, 0.75, None], [0.2, 0.3, 0.5]]
    columns = {"user": COLUMNS["users"], "counts": COLUMNS["counts"], "theta_s": predicted}
    table = pa.table(columns).replace_schema_metadata({"categories": '["x", "y", "z"]'})
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet")
    same(found, made())
    assert (found.metadata["read"]["absent"], found.metadata["read"]["options"]) == (
        "not-offered",
        {"least": 2, "most": 3},
    )
    assert digest(*iter_table(tmp_path / "t.parquet", block=1)) == digest(made())
    assert read_table(tmp_path / "t.parquet", absent="zero").support is None


def test_a_null_number_of_the_truth_alone_needs_a_word(tmp_path: Path) -> None:
    counts = [[1, None, 3], [2, 2, None], [0, 1, 1]]
    table = pa.table({"user": COLUMNS["users"], "counts": counts})
    pq.write_table(table.replace_schema_metadata({"categories": '["x", "y", "z"]'}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 1 \(user 'ann'\), column counts: a number is null; .*--absent"):
        read_table(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", absent="zero").support is None
    assert read_table(tmp_path / "t.parquet", absent="not-offered").offered.tolist() == SUPPORT.tolist()


def test_npz_has_an_array_of_the_name(tmp_path: Path) -> None:
    arrays = {"users": np.array(COLUMNS["users"]), "categories": np.array(COLUMNS["categories"])}
    shape = {name: np.array(COLUMNS[name]) for name in ("counts", "theta_s")}
    np.savez(tmp_path / "t.npz", **arrays, **shape, support=SUPPORT)
    same(read_table(tmp_path / "t.npz"), made())
    np.savez(tmp_path / "t.npz", **arrays, **shape, support=SUPPORT * 0.5)
    with pytest.raises(InputError, match="column support"):
        read_table(tmp_path / "t.npz")


def lines(*, prediction: bool, mark: str = ",") -> str:
    rows = [["user", "category", "target", *(["prediction"] if prediction else [])]]
    for row, user in enumerate(COLUMNS["users"]):
        for place in np.flatnonzero(SUPPORT[row]).tolist():
            cell = [user, COLUMNS["categories"][place], str(COLUMNS["counts"][row][place])]
            rows.append([*cell, *([str(COLUMNS["theta_s"][row][place])] if prediction else [])])
    return "\n".join(mark.join(row) for row in rows) + "\n"


@pytest.mark.parametrize(("name", "mark"), [("t.csv", ","), ("t.tsv", "\t")])
def test_the_lines_of_a_long_text_with_a_prediction_are_the_options(tmp_path: Path, name: str, mark: str) -> None:
    path = tmp_path / name
    path.write_text(lines(prediction=True, mark=mark))
    same(read_table(path), made())
    assert read_table(path).metadata["read"]["absent"] == "not-offered"
    zeros = read_table(path, absent="zero")
    assert (zeros.support, zeros.metadata["read"]["absent"]) == (None, "zero")


def test_without_a_prediction_an_absent_line_is_a_zero(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(lines(prediction=False))
    assert (read_table(path).support, read_table(path).metadata["read"]["absent"]) == (None, "zero")
    assert read_table(path, absent="not-offered").offered.tolist() == SUPPORT.tolist()


def test_a_text_with_every_cell_says_nothing_of_absent_ones(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("user,category,target,prediction\na,x,1,0.5\na,y,0,0.5\n")
    found = read_table(tmp_path / "t.csv")
    assert found.support is None
    assert "absent" not in found.metadata["read"]


def test_the_keys_of_json_lines_are_the_options(tmp_path: Path) -> None:
    records = []
    for row, user in enumerate(COLUMNS["users"]):
        places = np.flatnonzero(SUPPORT[row]).tolist()
        target, predicted = (
            {COLUMNS["categories"][i]: COLUMNS[name][row][i] for i in places} for name in ("counts", "theta_s")
        )
        records.append({"user": user, "target": {k: v for k, v in target.items() if v}, "prediction": predicted})
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    same(read_table(tmp_path / "t.jsonl"), made())
    assert read_table(tmp_path / "t.jsonl", absent="zero").support is None


def test_a_record_of_one_line_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("user,category,target,prediction\na,x,1,1\nb,x,1,0.5\nb,y,0,0.5\n")
    with pytest.raises(InputError, match=r"t\.csv: row 1 \(user 'a'\), column support: offers 1 of .*--absent zero"):
        read_table(tmp_path / "t.csv")


def test_absent_is_one_of_two_words(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(lines(prediction=True))
    with pytest.raises(InputError, match="absent"):
        read_table(tmp_path / "t.csv", absent="no")


def test_the_command_line_says_what_absent_cells_were_taken_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(lines(prediction=True))
    options = ["evaluate", str(path), "--bootstrap", "0"]
    said = CliRunner().invoke(main, options).stderr
    assert "records offer 2 to 3 of the categories; a cell that is absent is not offered (--absent zero" in said
    said = CliRunner().invoke(main, [*options, "--absent", "zero"]).stderr
    assert "a cell that is absent is a zero (--absent not-offered" in said
