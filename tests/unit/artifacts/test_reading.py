"""What a reader takes a file for, what it refuses and where, and how much of it is held."""

from __future__ import annotations

import gzip
import inspect
import json
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import HashRuns, iter_table, read_table, write_blocks, write_table
from spectra_eval.certification import certify, verify
from spectra_eval.errors import InputError, SchemaError, SimplexError
from spectra_eval.tables import PAD, UNKNOWN, PreferenceTable
from tests.unit.made_tables import WRITERS, assert_same, make_table


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_whole_numbers_are_counts_and_ones_are_shares(tmp_path: Path) -> None:
    head = "user,category,target\n"
    counts = read_table(write(tmp_path / "a.csv", head + "u,a,3\nu,b,1\nv,a,1\nv,b,0\n"))
    assert counts.counts.tolist() == [[3, 1], [1, 0]] and counts.n_window.tolist() == [UNKNOWN, UNKNOWN]
    shares = read_table(write(tmp_path / "b.csv", head + "u,a,0.25\nu,b,0.75\nv,a,1\nv,b,0\n"))
    assert shares.counts is None and shares.theta_star.tolist() == [[0.25, 0.75], [1, 0]]
    one_each = read_table(write(tmp_path / "c.csv", head + "u,a,1\nu,b,0\nv,b,1\nv,a,0\n"))
    assert one_each.metadata["read"]["target"] == "shares"
    named = read_table(write(tmp_path / "d.csv", "user,category,count\nu,a,1\nu,b,0\nv,b,1\nv,a,0\n"))
    assert named.metadata["read"]["target"] == "counts"


def test_a_mixture_is_refused_and_every_mend_in_the_message_works(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "user,category,y\nu,a,0.25\nu,b,0.75\nv,a,0.5\nv,b,0.33\n")
    with pytest.raises(SimplexError, match=r"m.csv: row 2 \(user 'v'\), column y: sums to 0.83, .*--renormalise"):
        read_table(path, mapping={"target": "y"})
    divided = read_table(path, mapping={"target": "y"}, renormalise=True)
    assert divided.theta_star[1] == pytest.approx([0.5 / 0.83, 0.33 / 0.83], rel=1e-15)
    assert divided.metadata["read"]["renormalised"] is True
    assert divided.metadata["read"]["rows_divided"] == {"theta_star": 1}
    weights = read_table(path, mapping={"counts": "y"})
    assert weights.counts.tolist() == [[0.25, 0.75], [0.5, 0.33]]


def test_renormalising_is_remembered_by_the_next_file(tmp_path: Path) -> None:
    path = write(tmp_path / "m.jsonl", '{"user": 7, "share": {"a": 0.2, "b": 0.2}}\n')
    table = read_table(path, renormalise=True)
    assert table.users.tolist() == ["7"] and table.theta_star.tolist() == [[0.5, 0.5]]
    write_table(table, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").metadata["read"]["renormalised"] is True


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv", "jsonl"])
def test_windows_without_interactions_are_refused_or_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    weights = np.array([[1.0, 2.0], [0.0, 0.0]])
    if suffix == "parquet":
        pq.write_table(pa.table({"user": ["u", "v"], "theta_star": [[0.25, 0.75], None]}), path)
    elif suffix == "npz":
        np.savez(path, counts=weights, users=["u", "v"])
    elif suffix == "csv":
        write(path, "user,category,target\nu,a,1\nu,b,2\nv,a,0\n")
    else:
        write(path, '{"user": "u", "target": {"a": 1, "b": 2}}\n{"user": "v"}\n')
    with pytest.raises(InputError, match=r"row 2 \(user 'v'\), column \w+: no interactions .*--empty-windows keep"):
        read_table(path)
    kept = read_table(path, empty_windows="keep")
    assert kept.observed.tolist() == [True, False] and np.isnan(kept.theta_star[1]).all()
    write_table(kept, tmp_path / "again.parquet")
    assert_same(read_table(tmp_path / "again.parquet", empty_windows="keep"), kept)


def test_skipped_ranks_are_out_of_vocabulary_and_lists_may_begin_at_zero(tmp_path: Path) -> None:
    head = "user,category,count,dg_rank\n"
    table = read_table(write(tmp_path / "a.csv", head + "u,a,1,3\nu,b,1,1\nv,a,1,\nv,b,2,\n"))
    assert table.dg.tolist() == [[1, -1, 0], [PAD, PAD, PAD]]
    table = read_table(write(tmp_path / "b.csv", head + "u,a,1,1\nu,b,1,0\nv,a,1,0\nv,b,2,\n"))
    assert table.dg.tolist() == [[1, 0], [0, PAD]] and table.metadata["read"]["first_dg_rank"] == 0
    assert read_table(write(tmp_path / "c.csv", head + "u,a,1,\nu,b,1,\n")).dg is None


def test_records_of_one_user_need_not_stand_together(tmp_path: Path) -> None:
    text = "user,category,count,context_window,horizon\nu,a,1,5,long\nv,b,2,5,long\nu,b,1,5,long\nu,a,4,9,short\n"
    table = read_table(write(tmp_path / "a.csv", text))
    assert table.users.tolist() == ["u", "v", "u"] and table.counts.tolist() == [[1, 1], [0, 2], [4, 0]]
    assert table.context_window.tolist() == [5, 5, 9] and table.horizon.tolist() == ["long", "long", "short"]


def test_a_quoted_line_end_does_not_shift_the_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", 'user,category,count\n"u\nx",a,1\n\nv,a,oops\n')
    with pytest.raises(SchemaError, match=r"line 5 \(user 'v'\), column count: 'oops' is no number"):
        read_table(path)


def test_a_run_folder_is_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest.json"):
        read_table(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match=r"no table.parquet yet"):
        read_table(tmp_path)
    write_table(make_table(), tmp_path / "table.parquet")
    assert_same(read_table(tmp_path), make_table())


def test_names_are_made_where_a_file_has_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", theta_star=np.eye(3), theta_s=np.eye(3))
    table = read_table(tmp_path / "a.npz")
    assert table.categories == ("category_0", "category_1", "category_2")
    pq.write_table(pa.table({"theta_star": np.eye(3).tolist(), "theta_s": np.eye(3).tolist()}), tmp_path / "a.parquet")
    assert_same(read_table(tmp_path / "a.parquet"), table)
    parts = list(iter_table(tmp_path / "a.parquet", block=1))
    assert [part.users[0] for part in parts] == ["user_0", "user_1", "user_2"]


def test_a_target_column_in_parquet_is_judged_whole_before_it_is_cut(tmp_path: Path) -> None:
    rows = [[1.0, 0.0]] * 5 + [[2.0, 1.0]]
    pq.write_table(pa.table({"user": list("abcdef"), "target": rows}), tmp_path / "t.parquet")
    parts = list(iter_table(tmp_path / "t.parquet", block=2))
    assert all(part.counts is not None for part in parts)
    pq.write_table(pa.table({"user": list("abcdef"), "target": [*rows[:5], [0.5, 0.33]]}), tmp_path / "u.parquet")
    with pytest.raises(SimplexError, match=r"row 6 \(user 'f'\), column target: sums to 0.83"):
        next(iter_table(tmp_path / "u.parquet", block=2))


def test_a_record_that_comes_twice_is_found_across_blocks(tmp_path: Path) -> None:
    users = [f"u{i}" for i in range(300)]
    users[299] = "u4"
    pq.write_table(pa.table({"user": users, "counts": [[1.0, 2.0]] * 300}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 300 \(user 'u4'\), column user: this record occurs twice in the table"):
        list(iter_table(tmp_path / "t.parquet", block=7))
    with pytest.raises(InputError, match=r"row 300 \(user 'u4'\)"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("place", [3, 39, 40, 41])
def test_a_record_that_comes_twice_is_found_after_a_long_ascent(tmp_path: Path, place: int) -> None:
    users = [f"u{i:03}" for i in range(50)]
    users.insert(place, "u001")
    pq.write_table(pa.table({"user": users, "counts": [[1.0, 2.0]] * 51}), tmp_path / "t.parquet")
    with pytest.raises(
        InputError, match=rf"row {place + 1} \(user 'u001'\), column user: this record occurs twice in the"
    ):
        list(iter_table(tmp_path / "t.parquet", block=3))


def test_no_hash_is_kept_while_the_records_ascend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(make_table(n=30).replace(users=[f"u{i:02}" for i in range(30)]), tmp_path / "t.parquet")

    def refused(key: object) -> int:
        raise AssertionError("hashed")

    monkeypatch.setitem(inspect.unwrap(HashRuns.add).__globals__, "hash", refused)
    assert sum(part.n_users for part in iter_table(tmp_path / "t.parquet", block=4)) == 30


@pytest.mark.parametrize("users", ["abca", "abcda", "zyxz", "aa"])
def test_blocks_that_are_written_hold_no_record_twice(tmp_path: Path, users: str) -> None:
    table = make_table(n=len(users)).replace(users=[f"u{i}" for i in range(len(users))])
    parts = [table.select(slice(i, i + 1)).replace(users=[name]) for i, name in enumerate(users)]
    with pytest.raises(InputError, match=rf"row {len(users)} \(user '{users[-1]}'\).* twice"):
        write_blocks(lambda: iter(parts), tmp_path / "t.parquet")
    assert not any(tmp_path.iterdir())
    write_blocks(lambda: iter(parts[1:]), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").users.tolist() == list(users[1:])


def test_hashes_that_agree_by_chance_refuse_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(make_table(n=30).select(slice(None, None, -1)), tmp_path / "t.parquet")
    monkeypatch.setitem(inspect.unwrap(HashRuns.add).__globals__, "hash", lambda key: 7)
    assert sum(part.n_users for part in iter_table(tmp_path / "t.parquet", block=4)) == 30


def test_a_refusal_in_a_later_block_names_the_row_of_the_file(tmp_path: Path) -> None:
    held = [[0.5, 0.5]] * 9 + [[0.5, 0.33]]
    columns = {"user": [f"u{i}" for i in range(10)], "counts": [[1.0, 2.0]] * 10, "prediction": held}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(SimplexError, match=r"t.parquet: row 10 \(user 'u9'\), column prediction: sums to 0.83; "):
        list(iter_table(tmp_path / "t.parquet", block=4))


def test_optional_columns_without_any_value_are_absent(tmp_path: Path) -> None:
    columns = {
        "user": ["u", "v"],
        "counts": [[1.0, 2.0], [3.0, 0.0]],
        "theta_s": pa.array([None, None], pa.list_(pa.float64())),
        "dg": pa.array([[], None], pa.list_(pa.int32())),
        "horizon": pa.array([None, None], pa.string()),
        "context_window": pa.array([None, None], pa.int32()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.theta_s is None and table.dg is None and table.horizon is None and table.context_window is None


def test_reading_says_which_columns_it_took(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,category,y,p,colour\nu,a,1,0.5,red\nu,b,0,0.5,blue\n")
    table = read_table(path, mapping={"user": "who", "target": "y", "prediction": "p"})
    understood = table.metadata["read"]
    assert understood["columns"] == {"user": "who", "category": "category", "theta_star": "y", "theta_s": "p"}
    assert understood["ignored"] == ["colour"]


def test_a_number_that_is_none_is_named_before_the_kind_of_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": ["a", "b"], "target": [[0.5, 0.5], [np.nan, 1.5]]}), tmp_path / "t.parquet")
    with pytest.raises(SimplexError, match=r"row 2 \(user 'b'\), column target: 'category_0' is nan"):
        next(iter_table(tmp_path / "t.parquet"))
    with pytest.raises(InputError, match="not a file name"):
        read_table("a\x00b")


@pytest.mark.parametrize("rows_a_group", [3_000, 65_536])
def test_a_stream_holds_a_block_and_not_the_file(tmp_path: Path, rows_a_group: int) -> None:
    n, k, block = 40_000, 26, 1_000
    held = np.random.default_rng(0).dirichlet(np.ones(k), n)
    weights = pa.FixedSizeListArray.from_arrays(pa.array(held.ravel()), k)
    columns = {"user": [f"u{i}" for i in range(n)], "theta_star": weights, "theta_s": weights}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=rows_a_group, use_dictionary=False)
    before = pa.total_allocated_bytes()
    most, rows = 0, 0
    for part in iter_table(tmp_path / "t.parquet", block=block):
        most = max(most, pa.total_allocated_bytes() - before)
        rows += part.n_users
    assert rows == n
    assert most < held.nbytes  # the two columns whole are twice `held`


@pytest.mark.parametrize("name", WRITERS)
def test_a_certificate_is_verified_by_the_same_content_in_any_format(tmp_path: Path, name: str) -> None:
    table = make_table(n=200)
    claims = ["fraction.window", "mean.law", "mean-js.law", "fraction.law", "truncation", "regime.printed"]
    document = certify(table, k=2, claims=claims).to_json()
    WRITERS[name](table, tmp_path / name)
    found = verify(document, iter_table(tmp_path / name, block=64))
    assert found.differences == () and found.n_compared > 50


def test_names_that_look_alike_are_one(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Café")
    path = tmp_path / "t.csv"
    path.write_text(f"user,category,target\nZoé,Café,1\n Zoé , Bar ,3\n{unicodedata.normalize('NFD', 'Zoé')}, Tea,2\n")
    table = read_table(path)
    assert table.users.tolist() == ["Zoé"] and table.categories == ("Bar", "Café", "Tea")
    path.write_text(f"user,category,target\nann,Café,1\nann,{apart},3\n")
    with pytest.raises(InputError, match=r"line 3 .* category 'Café' is named twice for this record"):
        read_table(path)
    lines = tmp_path / "t.jsonl"
    lines.write_text(json.dumps({"user": " ann", "target": {apart: 1, "Bar ": 2}, "dg": ["Café", " Bar"]}))
    table = read_table(lines)
    assert table.users.tolist() == ["ann"] and table.categories == ("Bar", "Café") and table.dg.tolist() == [[1, 0]]
    lines.write_text(json.dumps({"user": "ann", "target": {"Bar": 1, "Bar ": 2}}))
    with pytest.raises(SchemaError, match="'Bar' is named twice, but for blanks"):
        read_table(lines)


@pytest.mark.parametrize(
    "text", ["user,category,target\nann,Bar,1\nann,bar,2\n", '{"user": 1, "target": {"Bar": 1, "bar": 2}}']
)
def test_names_that_differ_by_case_are_warned_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / ("t.jsonl" if text.startswith("{") else "t.csv")
    path.write_text(text)
    with pytest.warns(UserWarning, match="categories 'Bar' and 'bar' differ by case alone"):
        assert read_table(path).n_categories == 2


@pytest.mark.parametrize(
    ("name", "mark", "fix"),
    [("t.csv", ";", "save it with commas"), ("t.csv", "\t", "name it .tsv"), ("t.tsv", ",", "name it .csv")],
)
def test_another_delimiter_is_named(tmp_path: Path, name: str, mark: str, fix: str) -> None:
    (tmp_path / name).write_text(f"user{mark}category{mark}target\nann{mark}Bar{mark}1\n")
    with pytest.raises(SchemaError, match=rf"line 1: columns are divided by .*; {fix}"):
        read_table(tmp_path / name)


def test_a_packed_table_without_a_suffix_is_told_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(gzip.compress(b"user,category,target\nu,a,1\nu,b,2\n"))
    assert read_table(tmp_path / "t").counts.tolist() == [[1, 2]]
    (tmp_path / "u").write_bytes(gzip.compress(b'{"user": "u", "target": {"a": 1, "b": 2}}'))
    assert read_table(tmp_path / "u").counts.tolist() == [[1, 2]]
    (tmp_path / "v").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(SchemaError, match="its format is not known"):
        read_table(tmp_path / "v")


def test_a_table_read_in_blocks_is_the_table_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    counts = (rng.random((90, 40)) < 0.05) * rng.integers(1, 5, (90, 40))
    counts[:, 0] += 1
    table = PreferenceTable(
        users=[f"u{row}" for row in range(90)],
        categories=tuple(f"c{place}" for place in range(40)),
        counts=counts,
        history_counts=counts[::-1],
        theta_s=rng.dirichlet(np.ones(40), 90),
        dg=np.argsort(-counts, axis=1)[:, :3],
    )
    write_table(table, tmp_path / "t.parquet")
    whole = read_table(tmp_path / "t.parquet")
    monkeypatch.setattr("spectra_eval.arrays._blocks.CELLS", 400)
    parts = read_table(tmp_path / "t.parquet")
    assert not isinstance(vars(parts)["counts"], np.ndarray)  # held as its non-zero entries
    assert parts.metadata == whole.metadata
    for name in ("users", "counts", "theta_star", "theta_s", "history_counts", "dg", "n_window"):
        assert np.array_equal(getattr(parts, name), getattr(table, name)), name
        assert np.array_equal(getattr(parts.select([3, 1]), name), getattr(table, name)[[3, 1]]), name
