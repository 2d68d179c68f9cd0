"""Frames of other libraries become tables by the names of their columns, and tables become frames."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import spectra_eval as se
from spectra_eval.artifacts import TableDigest, iter_table, read_table
from spectra_eval.errors import InputError, SpectraError

RNG = np.random.default_rng(4)
LONG = pd.DataFrame(
    {
        "user": ["u", "u", "u", "v", "v", "w"],
        "category": ["b", "a", "c", "c", "a", "b"],
        "target": [3, 1, 0, 2, 2, 1],
        "prediction": [0.5, 0.25, 0.25, 0.5, 0.5, 1.0],
        "dg_rank": [1, 3, None, 1, None, None],
    }
)
FULL = LONG.iloc[:5]


def _digest(table: se.PreferenceTable) -> str:
    digest = TableDigest()
    digest.update(table)
    return digest.hexdigest()


class Stream:
    """Exports Arrow and nothing else, as a frame of an unknown library."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


def _csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def test_a_long_frame_is_read_like_the_long_csv_in_every_dress(tmp_path: Path) -> None:
    expected = read_table(_csv(FULL, tmp_path))
    arrow = pa.Table.from_pandas(FULL, preserve_index=False)
    pq.write_table(arrow, tmp_path / "t.parquet")
    dressed = FULL.astype({"user": "category", "category": "category", "target": "float32", "dg_rank": "Int16"})
    pq.write_table(pa.Table.from_pandas(dressed), tmp_path / "dressed.parquet")
    views = pa.DictionaryArray.from_arrays([0, 0, 0, 1, 1], pa.array(["u", "v"], pa.string_view()))
    tables = {
        "views": se.from_frame(arrow.set_column(0, "user", views)),  # as polars has its categories
        "pandas": se.PreferenceTable.from_pandas(FULL),
        "columns moved": se.from_pandas(FULL[FULL.columns[::-1]]),
        "named index": se.from_pandas(FULL.set_index(["user", "category"])),
        "mapped": se.from_pandas(FULL.rename(columns={"target": "y"}), mapping={"target": "y"}),
        "dressed": se.from_pandas(dressed),
        "Arrow": se.PreferenceTable.from_frame(arrow),
        "stream": se.from_frame(Stream(arrow)),
        "Parquet": read_table(tmp_path / "t.parquet"),
        "dressed Parquet": read_table(tmp_path / "dressed.parquet"),
        "blocks": next(iter_table(tmp_path / "t.parquet", block=10)),
    }
    for name, table in tables.items():
        assert _digest(table) == _digest(expected), name
        assert table.support is not None and np.array_equal(table.support, expected.support), name
    assert expected.dg is not None and expected.dg.tolist() == [[1, -1, 0], [2, -2, -2]]


def test_absent_rows_are_no_zeros_where_there_is_a_prediction(tmp_path: Path) -> None:
    outcomes = FULL[["user", "category", "target"]]
    pq.write_table(pa.Table.from_pandas(outcomes), tmp_path / "t.parquet")
    for absent, supported in ((None, False), ("zero", False), ("not-offered", True)):
        for table in (
            se.from_pandas(outcomes, absent=absent),
            read_table(tmp_path / "t.parquet", absent=absent),
            read_table(_csv(outcomes, tmp_path), absent=absent),
        ):
            assert (table.support is not None) is supported


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": [3, None, 0, 2, 2]}, r"row 2 \(user 'u'\), column target: empty; write 0"),
        ({"category": ["b", None, "c", "c", "a"]}, "row 2, column category: null"),
        ({"category": ["b", "b", "c", "c", "a"]}, r"row 2 \(user 'u'\), column category: category 'b' is named twice"),
        ({"category": ["b", " ", "c", "c", "a"]}, "row 2, column category: blank; name the category"),
        ({"dg_rank": [1, 1, None, 1, None]}, r"row 2 \(user 'u'\), column dg_rank: rank 1 occurs twice"),
        ({"dg_rank": [1, 1.5, None, 1, None]}, r"row 2 \(user 'u'\), column dg_rank: 1.5 is not a rank"),
        ({"target": list("abcde")}, "column target: holds .*string.*; write numbers"),
        ({"prediction": [0.5, 0.5, 0.5, 0.5, 0.5]}, r"row 1 \(user 'u'\), column prediction: sums to 1.5"),
        ({"user": [None] * 5}, "row 1, column user: null"),
        ({"target": [1, "x", 2, 3, 4]}, "DataFrame|target"),
    ],
)
def test_a_bad_cell_is_one_line_with_its_place(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    frame = FULL.assign(**change)
    with pytest.raises(SpectraError, match=message) as caught:
        se.from_pandas(frame)
    assert "\n" not in str(caught.value)
    try:
        pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
    except pa.ArrowException:
        return
    with pytest.raises(SpectraError, match=message):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "frame",
    [
        FULL.drop(columns="target"),
        FULL.drop(columns="user"),
        FULL.iloc[:0],
        pd.concat([FULL, FULL[["target"]]], axis=1),
        pd.DataFrame(),
        3,
        [1, 2],
        np.eye(3),
        pd.Series([1.0]),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(frame: Any) -> None:
    for read in (se.from_pandas, se.from_frame):
        with pytest.raises(InputError) as caught:
            read(frame)
        assert "\n" not in str(caught.value)


def _table(**more: Any) -> se.PreferenceTable:
    support = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
    held = RNG.dirichlet(np.ones(4), 3) * support
    return se.PreferenceTable(
        users=["u", "v", "w"],
        categories=("a", "b", "c", "d"),
        theta_s=held / held.sum(axis=1, keepdims=True),
        support=support,
        dg=[[1, 0, -2], [3, 1, 0], [2, -2, -2]],
        horizon=["long", "long", "short"],
        context_window=[5, 5, 9],
        **more,
    )


TRUTHS = {
    "counts": {"counts": [[1, 0, 2, 0], [0.5, 0.5, 0, 1], [0, 0, 0, 0]]},
    "shares": {"theta_star": [[0.25, 0, 0.75, 0], [0.5, 0.25, 0, 0.25], [0, 0, 0, 0]], "n_window": [4, -1, 0]},
    "both": {
        "counts": [[1, 0, 2, 0], [1, 1, 0, 2], [1, 0, 0, 0]],
        "theta_star": [[1 / 3 + 1e-12, 0, 2 / 3 - 1e-12, 0], [0.25, 0.25, 0, 0.5], [1, 0, 0, 0]],
    },
}


@pytest.mark.parametrize("layout", ["long", "wide"])
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_table_survives_the_way_to_pandas_and_back(truth: str, layout: str) -> None:
    table = _table(**TRUTHS[truth])
    frame = table.to_pandas(layout)
    assert len(frame) == (3 if layout == "wide" else 10)
    again = se.from_pandas(frame, empty_windows="keep")
    assert _digest(again) == _digest(table)
    assert again.categories == table.categories
    if layout == "wide":  # columns in another order are found by their labels
        turned = se.from_pandas(
            frame.iloc[:, np.random.default_rng(1).permutation(frame.shape[1])], empty_windows="keep"
        )
        places = [turned.categories.index(name) for name in table.categories]
        assert turned.theta_s is not None and table.theta_s is not None
        assert np.array_equal(turned.theta_s[:, places], table.theta_s)


def test_a_wide_frame_with_lists_is_read_like_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": ["u", "v"], "counts": [[1, 2], [3, 0]], "theta_s": [[0.5, 0.5], [0.1, 0.9]]})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
    expected = read_table(tmp_path / "t.parquet")
    for table in (se.from_pandas(frame), se.from_frame(pa.Table.from_pandas(frame))):
        assert _digest(table) == _digest(expected)
    labels = frame.assign(category=["x", "y"])  # a column more does not make it long
    pq.write_table(pa.Table.from_pandas(labels), tmp_path / "t.parquet")
    assert _digest(read_table(tmp_path / "t.parquet")) == _digest(expected)


def test_unlike_labels_of_two_quantities_are_refused() -> None:
    frame = _table(**TRUTHS["counts"]).to_pandas("wide").rename(columns={"d": "e"}, level=1)
    frame.columns = pd.MultiIndex.from_tuples([("theta_s", "x") if c == ("theta_s", "a") else c for c in frame.columns])
    with pytest.raises(InputError, match="the labels of its categories differ"):
        se.from_pandas(frame)
    with pytest.raises(InputError, match="layout: 'tall'; choose 'long' or 'wide'"):
        _table(**TRUTHS["counts"]).to_pandas("tall")


def test_the_labels_of_an_unnamed_index_are_the_users() -> None:
    counts = pd.DataFrame([[1, 2], [3, 0]], index=["v", "u"], columns=["a", "b"])
    held = pd.DataFrame([[0.5, 0.5], [0.1, 0.9]], index=["u", "v"], columns=["b", "a"])
    table = se.from_pandas(pd.concat({"counts": counts, "theta_s": held}, axis=1))
    assert table.theta_s is not None
    found = {
        user: dict(zip(table.categories, row, strict=True))
        for user, row in zip(table.users, table.theta_s.tolist(), strict=True)
    }
    assert found == {"u": {"a": 0.5, "b": 0.5}, "v": {"a": 0.9, "b": 0.1}}
    lists = pd.DataFrame({"counts": [[1, 2], [3, 0]]}, index=["v", "u"])
    assert se.from_pandas(lists).users.tolist() == ["v", "u"]


def _with_lists(lists: Any, labels: list[Any]) -> pd.DataFrame:
    wide = pd.DataFrame([[1, 3], [2, 2]], index=["u", "v"], columns=["a", "b"])
    return pd.concat({"counts": wide, "dg": pd.DataFrame(lists, index=["u", "v"], columns=labels)}, axis=1)


def test_lists_of_a_wide_frame_keep_their_ranks() -> None:
    for lists, labels in (
        ([[None, 1, None], [1, 0, None]], [1, 2, 3]),
        ([[1, None, None], [0, None, 1]], ["2", "10", "1"]),
        ([[1, None, None], [0, None, 1]], ["2", 10, 1]),
        ([[None, "b", None], ["b", "a", None]], [1, 2, 3]),
    ):
        table = se.from_pandas(_with_lists(lists, labels))
        assert table.dg is not None and table.dg.tolist() == [[-1, 1], [1, 0]]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_with_lists([[0.5, 1], [1, 0]], [1, 2]), "dg: 0.5 is not a whole number"),
        (_with_lists([[0, 1], [1, 0]], ["first", "second"]), "dg: the labels of its columns are no ranks"),
        (
            _with_lists([[0, 1], [1, 0]], [1, 2]).rename(columns={"dg": "n_window"}),
            "column 'n_window' has 2 columns below it",
        ),
        (FULL.set_index("user", drop=False), "column 'user' is the index too"),
        (FULL.assign(user=pd.period_range("2020", periods=5)), "column user: holds pandas.period"),
    ],
)
def test_a_frame_that_would_be_read_wrongly_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        se.from_pandas(frame)


def test_copies_of_a_table_are_read_only_too() -> None:
    table = se.from_pandas(FULL)
    for made in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert _digest(made) == _digest(table)
        assert made.counts is not None and not made.counts.flags.writeable
