"""The same content from any file: formats, blocks, bytes and digests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import TableDigest, iter_table, read_table, write_table
from spectra_eval.errors import InputError
from spectra_eval.tables import PAD, UNKNOWN, PreferenceTable
from tests.unit.made_tables import CATEGORIES, WRITERS, as_records, assert_same, digest, make_table, write_long


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
