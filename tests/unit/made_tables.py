"""A table with every column, and the same content in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spectra_eval.artifacts import TableDigest, write_table
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
