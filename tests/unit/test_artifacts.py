"""The same content from any file: formats, orders, blocks, bytes and digests."""

from __future__ import annotations

import gzip
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import TableDigest, iter_table, read_table, write_table
from spectra_eval.certification import certify, verify
from spectra_eval.errors import InputError, SchemaError, SimplexError
from spectra_eval.tables import PAD, UNKNOWN, PreferenceTable

CATEGORIES = ("Western", "Drama", "Noir", "Anime", "Été")


def make_table(n: int = 40, seed: int = 0, **changes: Any) -> PreferenceTable:
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 5, (n, 5)) / np.array([1, 2, 3, 3, 7])  # fractional: sums depend on the order
    held = rng.dirichlet(np.ones(5), n)
    lists = np.array([rng.permutation(5)[:3] for _ in range(n)])
    lists[0] = [-1, 2, PAD]
    lists[1] = [4, PAD, PAD]
    values: dict[str, Any] = {
        "users": [f"user, {i}" for i in range(n)],
        "categories": CATEGORIES,
        "counts": weights,
        "n_window": rng.integers(1, 30, n),
        "theta_s": held,
        "dg": lists,
    }
    return PreferenceTable(**{**values, **changes})


def digest(table: PreferenceTable) -> str:
    running = TableDigest()
    running.update(table)
    return running.hexdigest()


def names_of(table: PreferenceTable, row: int) -> list[str | None]:
    entries = table.dg[row][table.dg[row] != PAD]
    return [None if e < 0 else table.categories[e] for e in entries]


def as_records(table: PreferenceTable, truth: str = "counts") -> list[dict[str, Any]]:
    records = []
    for row in range(table.n_users):
        target = dict(zip(table.categories, getattr(table, truth)[row].tolist(), strict=True))
        held = dict(zip(table.categories, table.theta_s[row].tolist(), strict=True))
        record = {"user": table.users[row], truth: target, "prediction": held, "dg": names_of(table, row)}
        if table.n_window[row] != UNKNOWN:
            record["n_window"] = int(table.n_window[row])
        records.append(record)
    return records


def write_lines(table: PreferenceTable, path: Path, truth: str = "counts") -> Path:
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in as_records(table, truth))
    path.write_text(text, encoding="utf-8")
    return path


def write_long(table: PreferenceTable, path: Path, truth: str = "counts", mark: str = ",") -> Path:
    lines = [mark.join(["user", "category", truth, "prediction", "dg_rank", "n_window"])]
    rng = np.random.default_rng(1)
    for row in range(table.n_users):
        ranks = {name: place + 1 for place, name in enumerate(names_of(table, row)) if name is not None}
        for place in rng.permutation(table.n_categories):  # texts give no order of categories
            name = table.categories[place]
            known = "" if table.n_window[row] == UNKNOWN else str(table.n_window[row])
            weight, held = getattr(table, truth)[row, place].item(), table.theta_s[row, place].item()
            cells = [f'"{table.users[row]}"', name, repr(weight), repr(held), str(ranks.get(name, "")), known]
            lines.append(mark.join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_npz(table: PreferenceTable, path: Path, truth: str = "counts") -> Path:
    arrays = {
        "users": table.users.astype(str),
        "categories": np.array(table.categories),
        truth: getattr(table, truth),
        "theta_s": table.theta_s,
        "dg": table.dg,
        "n_window": np.where(table.n_window == UNKNOWN, np.nan, table.n_window),
    }
    np.savez(path, **arrays)
    return path


def write_foreign(table: PreferenceTable, path: Path, truth: str = "counts") -> Path:
    columns = {
        "users": pa.array(table.users.tolist()).dictionary_encode(),
        truth: pa.array(getattr(table, truth).tolist()),
        "prediction": pa.array(table.theta_s.tolist(), pa.list_(pa.float64(), 5)),
        "dg": pa.array([names_of(table, row) for row in range(table.n_users)]),
        "n_window": pa.array([None if n == UNKNOWN else float(n) for n in table.n_window.tolist()]),
    }
    schema = pa.table(columns).schema.with_metadata({"categories": json.dumps(table.categories)})
    pq.write_table(pa.table(columns, schema=schema), path, row_group_size=7)
    return path


def aligned(values: np.ndarray, table: PreferenceTable) -> np.ndarray:
    return values[:, np.argsort(table.categories)]


def assert_same(one: PreferenceTable, other: PreferenceTable) -> None:
    assert one.users.tolist() == other.users.tolist()
    assert sorted(one.categories) == sorted(other.categories)
    assert one.n_window.tolist() == other.n_window.tolist()
    for name in ("counts", "theta_star", "theta_s"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(aligned(a, one), aligned(b, other), err_msg=name)
    assert (one.dg is None) == (other.dg is None)
    if one.dg is not None:
        assert [names_of(one, i) for i in range(one.n_users)] == [names_of(other, i) for i in range(one.n_users)]
    assert digest(one) == digest(other)


WRITERS = {
    "results.parquet": write_table,
    "foreign.parquet": write_foreign,
    "results.npz": write_npz,
    "results.csv": write_long,
    "results.jsonl": write_lines,
}


@pytest.mark.parametrize("truth", ["counts", "theta_star"])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table_and_digest(tmp_path: Path, name: str, truth: str) -> None:
    table = make_table()
    if truth == "theta_star":
        table = make_table(counts=None, theta_star=table.theta_star, n_window=np.full(40, UNKNOWN))
    path = tmp_path / name
    if name == "results.parquet":
        write_table(table, path)
    else:
        WRITERS[name](table, path, truth)
    read = read_table(path)
    assert_same(read, table)
    understood = read.metadata["read"]
    assert understood["target"] == ("counts" if truth == "counts" else "shares")
    assert (understood["n_rows"], understood["n_categories"]) == (40, 5)
    assert understood["renormalised"] is False
    assert understood["format"] in ("parquet", "npz", "csv", "jsonl")


@pytest.mark.parametrize(("name", "packed"), [("r.csv.gz", False), ("r.json", True), ("r.tsv", False)])
def test_packed_text_lists_of_objects_and_tabs(tmp_path: Path, name: str, packed: bool) -> None:
    table = make_table(n=6)
    path = tmp_path / name
    if packed:
        path.write_text(json.dumps(as_records(table)))
    elif name.endswith(".tsv"):
        write_long(table, path, mark="\t")
    else:
        path.write_bytes(gzip.compress(write_long(table, tmp_path / "r.csv").read_bytes()))
    assert_same(read_table(path), table)


def test_a_round_trip_keeps_every_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table = make_table(
        n=4,
        users=["ann", "ann", "bob", "bob"],
        context_window=[10, 20, 10, 20],
        horizon=["long", "long", "short", "short"],
        history=[("Alien", "Heat"), (), ("a", "b", "c"), ("é",)],
        history_counts=rng.integers(0, 4, (4, 5)),
        scores=rng.normal(size=(4, 5)),
        answer_mass=rng.uniform(size=(4, 5)),
        n_window=[3, UNKNOWN, 7, 1],
        parents=("x", "y", "x", "y", "y"),
        metadata={"split": "chronological", "seed": 7},
    )
    write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert_same(read, table)
    for name in ("context_window", "horizon", "history", "history_counts", "scores", "answer_mass"):
        assert getattr(read, name).tolist() == getattr(table, name).tolist(), name
    assert (read.categories, read.parents) == (table.categories, table.parents)
    assert {"split": "chronological", "seed": 7}.items() <= read.metadata.items()


def test_the_file_has_the_columns_of_the_specification(tmp_path: Path) -> None:
    write_table(make_table(horizon=["long"] * 40, context_window=[20] * 40), tmp_path / "t.parquet")
    schema = pq.read_schema(tmp_path / "t.parquet")
    weights = pa.list_(pa.float64(), 5)
    kinds = {name: schema.field(name).type for name in schema.names}
    assert kinds["user"] == pa.string() and kinds["context_window"] == pa.int32() and kinds["n_window"] == pa.int64()
    assert kinds["counts"] == weights and kinds["theta_s"] == weights and kinds["dg"] == pa.list_(pa.int32())
    said = json.loads(schema.metadata[b"spectra_eval"])
    assert (said["schema"], said["version"]) == ("spectra-eval/preference-table", 1)
    assert tuple(said["categories"]) == CATEGORIES and "package_version" in said


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = make_table(n=500)
    write_table(table, tmp_path / "a.parquet")
    write_table(make_table(n=500), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    write_table(read_table(tmp_path / "a.parquet"), tmp_path / "c.parquet")
    write_table(read_table(tmp_path / "c.parquet"), tmp_path / "d.parquet")
    assert (tmp_path / "c.parquet").read_bytes() == (tmp_path / "d.parquet").read_bytes()


@pytest.mark.parametrize("name", WRITERS)
def test_blocks_have_the_size_asked_for_and_add_up(tmp_path: Path, name: str) -> None:
    table = make_table(n=23)
    WRITERS[name](table, tmp_path / name)
    running, sizes = TableDigest(), []
    for part in iter_table(tmp_path / name, block=10):
        running.update(part)
        sizes.append(part.n_users)
        assert part.dg is not None and part.metadata["read"]["n_rows"] == 23
    assert sizes == [10, 10, 3]
    assert running.hexdigest() == digest(table)
    widths = {part.dg.shape[1] for part in iter_table(tmp_path / name, block=1)}
    assert widths == {3}


@pytest.mark.parametrize("name", WRITERS)
def test_columns_not_asked_for_are_left_out(tmp_path: Path, name: str) -> None:
    table = make_table(n=5)
    WRITERS[name](table, tmp_path / name)
    (part,) = iter_table(tmp_path / name, columns=("user", "theta_s"))
    assert part.dg is None and part.theta_s is not None and part.counts is not None
    with pytest.raises(InputError, match="no column 'theta_x'"):
        next(iter_table(tmp_path / name, columns=("theta_x",)))


def test_the_digest_sees_every_column_it_names() -> None:
    table = make_table(n=6, context_window=[5] * 6, horizon=["long"] * 6)
    same = digest(table)
    other_counts, other_theta, other_dg = table.counts.copy(), table.theta_s.copy(), table.dg.copy()
    other_counts[2, 1] += 1e-12
    other_theta[2, [0, 1]] = other_theta[2, [1, 0]]
    other_dg[1, 0] = 3
    changes = [
        {"users": ["x", *table.users[1:]]},
        {"categories": ("Western", "Drama", "Noir", "Anime", "Summer")},
        {"counts": other_counts, "theta_star": None},
        {"counts": None, "n_window": table.n_window},
        {"theta_s": other_theta},
        {"theta_s": None},
        {"dg": other_dg},
        {"dg": None},
        {"n_window": table.n_window + 1},
        {"context_window": [6] * 6},
        {"horizon": ["short"] * 6},
        {"horizon": None},
        {"theta_star": other_theta},
    ]
    found = [digest(table.replace(**change)) for change in changes]
    assert len({same, *found}) == len(changes) + 1
    assert digest(table.select(slice(None, None, -1))) != same


def test_the_digest_does_not_see_padding_order_of_categories_or_metadata() -> None:
    table = make_table(n=50)
    order = np.array([3, 0, 4, 1, 2])
    place = np.argsort(order)
    turned = PreferenceTable(
        users=table.users,
        categories=tuple(table.categories[i] for i in order),
        counts=table.counts[:, order],
        n_window=table.n_window,
        theta_s=table.theta_s[:, order],
        dg=np.hstack([np.where(table.dg >= 0, place[table.dg], table.dg), np.full((50, 2), PAD)]),
        metadata={"seed": 1},
    )
    assert digest(turned) == digest(table)
    np.testing.assert_array_equal(turned.theta_star, table.theta_star[:, order])


def test_names_cannot_be_cut_otherwise() -> None:
    truth = np.eye(2)
    one = PreferenceTable(users=["ab", "c"], categories=("x", "y"), counts=truth)
    other = PreferenceTable(users=["a", "bc"], categories=("x", "y"), counts=truth)
    assert digest(one) != digest(other)


def test_a_digest_wants_rows_and_blocks_that_are_alike() -> None:
    running = TableDigest()
    with pytest.raises(InputError, match="no rows"):
        running.hexdigest()
    running.update(make_table(n=3))
    with pytest.raises(InputError, match="other columns"):
        running.update(make_table(n=3, dg=None))


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
    with pytest.raises(InputError, match=r"row 300 \(user 'u4'\), column user: this record stands in the table twice"):
        list(iter_table(tmp_path / "t.parquet", block=7))
    with pytest.raises(InputError, match=r"row 300 \(user 'u4'\)"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("place", [3, 39, 40, 41])
def test_a_record_that_comes_twice_is_found_after_a_long_ascent(tmp_path: Path, place: int) -> None:
    users = [f"u{i:03}" for i in range(50)]
    users.insert(place, "u001")
    pq.write_table(pa.table({"user": users, "counts": [[1.0, 2.0]] * 51}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=rf"row {place + 1} \(user 'u001'\), column user: this record stands in the"):
        list(iter_table(tmp_path / "t.parquet", block=3))


def test_no_hash_is_kept_while_the_records_ascend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(make_table(n=30).replace(users=[f"u{i:02}" for i in range(30)]), tmp_path / "t.parquet")

    def refused(key: object) -> int:
        raise AssertionError("hashed")

    monkeypatch.setitem(inspect.unwrap(iter_table).__globals__, "hash", refused)
    assert sum(part.n_users for part in iter_table(tmp_path / "t.parquet", block=4)) == 30


def test_hashes_that_agree_by_chance_refuse_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(make_table(n=30).select(slice(None, None, -1)), tmp_path / "t.parquet")
    monkeypatch.setitem(inspect.unwrap(iter_table).__globals__, "hash", lambda key: 7)
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


def test_neither_pyarrow_nor_pandas_is_loaded_by_a_text(tmp_path: Path) -> None:
    path = write_long(make_table(n=3), tmp_path / "a.csv")
    code = f"import sys; from spectra_eval.artifacts import read_table; read_table({str(path)!r}); "
    code += "print(sorted({'pyarrow', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
