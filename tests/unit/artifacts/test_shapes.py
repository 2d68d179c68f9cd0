"""The same table in every format and shape gives the same table, digest and certificate."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import spectra_eval as se
from spectra_eval.artifacts import TableDigest, iter_table, read_table
from spectra_eval.certification import certify
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import PAD, UNKNOWN, PreferenceTable

Cell = dict[str, Any]
Write = Callable[[Path, PreferenceTable], Any]


def names_of(table: PreferenceTable, row: int) -> list[str | None]:
    return [None if e < 0 else table.categories[e] for e in table.dg[row] if e != PAD]


def keys_of(table: PreferenceTable, row: int) -> Cell:
    """Return the user, the window and the numbers of a record that every shape has once."""
    found: Cell = {"user": table.users[row]}
    if table.context_window is not None:
        found |= {"context_window": int(table.context_window[row]), "horizon": table.horizon[row]}
    known = int(table.n_window[row])
    return found | {"n_window": None if known == UNKNOWN else known}


def quantities(table: PreferenceTable) -> dict[str, np.ndarray]:
    truth = {"counts": table.counts} if table.counts is not None else {"theta_star": table.theta_star}
    return truth if table.theta_s is None else {**truth, "prediction": table.theta_s}


def cells(table: PreferenceTable) -> list[Cell]:
    """Return one object a user and category that is offered."""
    found = []
    for row in range(table.n_users):
        ranks = {} if table.dg is None else {name: place + 1 for place, name in enumerate(names_of(table, row))}
        for place in np.flatnonzero(table.offered[row]):
            cell = keys_of(table, row) | {"category": table.categories[place]}
            cell |= {name: float(value[row, place]) for name, value in quantities(table).items()}
            if table.dg is not None:
                cell["dg_rank"] = ranks.get(table.categories[place])
            found.append(cell)
    return found


def records(table: PreferenceTable, form: str) -> list[Cell]:
    """Return one object a record, with its numbers as a mapping, as lists of its own options, or as nulls in lists."""
    found = []
    for row in range(table.n_users):
        record = keys_of(table, row)
        offered = table.offered[row]
        names = [name for name, has in zip(table.categories, offered, strict=True) if has]
        for name, value in quantities(table).items():
            numbers = value[row].tolist()
            own = [number for number, has in zip(numbers, offered, strict=True) if has]
            if form == "mapping":
                record[name] = dict(zip(names, own, strict=True))
            elif form == "named":
                record |= {"categories": names, name: own}
            else:
                record[name] = [number if has else None for number, has in zip(numbers, offered, strict=True)]
        if table.dg is not None:
            record["dg"] = names_of(table, row)
        found.append(record)
    return found


def flat(table: PreferenceTable, mark: str) -> list[Cell]:
    """Return one object a record with a column for each quantity and category."""
    found = []
    for row, record in enumerate(records(table, "nulls")):
        for name in quantities(table):
            numbers = record.pop(name)
            record |= {f"{name}{mark}{c}": v for c, v in zip(table.categories, numbers, strict=True)}
        if table.dg is not None:
            del record["dg"]
            entries = names_of(table, row)
            most = table.dg.shape[1]
            record |= {
                f"dg{mark}{place + 1}": entries[place] if place < len(entries) else None for place in range(most)
            }
        found.append(record)
    return found


def csv_of(path: Path, rows: list[Cell], **how: Any) -> None:
    header = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, **how)
        writer.writerow(header)
        writer.writerows(
            [
                json.dumps(cell) if isinstance(cell := row.get(name), list | dict) else "" if cell is None else cell
                for name in header
            ]
            for row in rows
        )


def lines_of(path: Path, rows: list[Cell]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def maps_of(path: Path, table: PreferenceTable) -> None:
    rows = records(table, "mapping")
    columns: dict[str, Any] = {
        name: [row.get(name) for row in rows] for name in {key: 0 for row in rows for key in row}
    }
    for name in quantities(table):
        columns[name] = pa.array([list(row[name].items()) for row in rows], pa.map_(pa.string(), pa.float64()))
    pq.write_table(pa.table(columns), path, row_group_size=2)


def lists_of(path: Path, table: PreferenceTable) -> None:
    made = pa.Table.from_pylist(records(table, "nulls"))
    made = made.replace_schema_metadata({"categories": json.dumps(table.categories)})
    pq.write_table(made, path, row_group_size=2)


def npz_of(path: Path, table: PreferenceTable) -> None:
    arrays: dict[str, Any] = {"users": table.users.astype(str), "categories": np.array(table.categories)}
    arrays |= {**quantities(table), "n_window": np.where(table.n_window == UNKNOWN, np.nan, table.n_window)}
    for name in ("dg", "context_window", "horizon", "support"):
        if (value := getattr(table, name)) is not None:
            arrays[name] = value.astype(str) if name == "horizon" else value
    np.savez(path, **arrays)


def long_npz_of(path: Path, table: PreferenceTable) -> None:
    frame = pd.DataFrame(cells(table)).dropna(axis=1, how="all")
    arrays = {name: frame[name].to_numpy() for name in frame}
    np.savez(path, **{n: v.astype(str) if v.dtype == object or v.dtype.kind in "OT" else v for n, v in arrays.items()})


PARQUET: dict[str, Write] = {
    "long.parquet": lambda path, table: pq.write_table(pa.Table.from_pylist(cells(table)), path),
    "lists.parquet": lists_of,
    "named.parquet": lambda path, table: pq.write_table(pa.Table.from_pylist(records(table, "named")), path),
    "struct.parquet": lambda path, table: pq.write_table(
        pa.Table.from_pylist(records(table, "mapping")), path, row_group_size=2
    ),
    "map.parquet": maps_of,
    "flat.parquet": lambda path, table: pq.write_table(pa.Table.from_pylist(flat(table, "_")), path, row_group_size=2),
}
SHAPES: dict[str, Write] = {
    "long.csv": lambda path, table: csv_of(path, cells(table)),
    "long.tsv": lambda path, table: csv_of(path, cells(table), delimiter="\t"),
    "flat.csv": lambda path, table: csv_of(path, flat(table, ".")),
    "flat_.csv": lambda path, table: csv_of(path, flat(table, "_")),
    "mapping.csv": lambda path, table: csv_of(path, records(table, "mapping")),
    "named.csv": lambda path, table: csv_of(path, records(table, "named")),
    "long.jsonl": lambda path, table: lines_of(path, cells(table)),
    "mapping.jsonl": lambda path, table: lines_of(path, records(table, "mapping")),
    "named.jsonl": lambda path, table: lines_of(path, records(table, "named")),
    "flat.jsonl": lambda path, table: lines_of(path, flat(table, ":")),
    "list.json": lambda path, table: path.write_text(json.dumps(records(table, "mapping"))),
    "wide.npz": npz_of,
    "long.npz": long_npz_of,
    **PARQUET,
}


@st.composite
def tables(draw: Callable[..., Any]) -> PreferenceTable:
    """Draw a table, perhaps with own options, windows, horizons, lists and unknown windows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 5)), draw(st.integers(3, 6))
    names = draw(st.permutations(["Noir", "Été", "a b", "Sci-Fi", "x,y", "10"]))[:k]
    names = draw(st.sampled_from([names, sorted(names)]))
    support = np.ones((n, k), dtype=bool)
    predicted = draw(st.booleans())
    if predicted and draw(st.booleans()):
        support = np.array([rng.permutation(k) < rng.integers(3, k + 1) for _ in range(n)])
        support[:, ~support.any(axis=0)] = True
    counts = rng.integers(0, 4, (n, k)) * support
    counts[np.arange(n), support.argmax(axis=1)] += 1
    held = rng.integers(1, 9, (n, k)) / 8 * support
    held[np.arange(n), support.argmax(axis=1)] += 1
    lists = np.full((n, 2), PAD)
    for row in range(n):
        length = int(rng.integers(0, 3))
        lists[row, :length] = rng.permutation(np.flatnonzero(support[row]))[:length]
    several = draw(st.booleans())
    window = np.where(rng.random(n) < 0.3, UNKNOWN, 30)
    truth = {"counts": counts.astype(float)}
    if draw(st.booleans()):
        truth = {"theta_star": counts / counts.sum(axis=1, keepdims=True)}
    return PreferenceTable(
        users=["ann"] * n if several else [f"user {row}" for row in range(n)],
        categories=names,
        theta_s=held / held.sum(axis=1, keepdims=True) if predicted else None,
        dg=lists if (lists != PAD).any() and draw(st.booleans()) else None,
        support=support,
        n_window=window,
        context_window=np.arange(n) + 3 if several else None,
        horizon=["long"] * n if several else None,
        **truth,
    )


def digest(table: PreferenceTable) -> str:
    running = TableDigest()
    running.update(table)
    return running.hexdigest()


def certificate(source: Any) -> str:
    made = certify(source, k=1).to_json()
    return json.dumps(made, sort_keys=True)


@settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # shrinking takes minutes
@given(table=tables())
def test_every_format_and_shape_is_the_same_table(
    table: PreferenceTable, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shapes")
    expected = digest(table)
    # A sum over categories in another order differs in its last bit.
    compared = table.theta_s is not None and list(table.categories) == sorted(table.categories)
    sealed = certificate(table) if compared else None
    for name, write in SHAPES.items():
        write(folder / name, table)
        assert digest(read_table(folder / name)) == expected, name
        running = TableDigest()
        for part in iter_table(folder / name, block=2):
            running.update(part)
        assert running.hexdigest() == expected, f"{name} in blocks"
        if sealed is not None:
            assert certificate(iter_table(folder / name, block=2)) == sealed, name
    frames = {
        "long": pd.DataFrame(cells(table)),
        "flat": pd.DataFrame(flat(table, ".")),
        "named": pd.DataFrame(records(table, "named")),
        "two levels": table.to_pandas("wide"),
    }
    for name, frame in frames.items():
        assert digest(se.from_pandas(frame)) == expected, f"frame {name}"
        if name != "two levels":
            assert digest(se.from_frame(pa.Table.from_pandas(frame))) == expected, f"Arrow {name}"


REFUSED = {
    "two columns of one name.csv": (
        "user,category,target,Target\nu,a,1,2\nu,b,2,3\n",
        "columns 'target', 'Target' mean the same; choose one with --map target=COLUMN",
    ),
    "one cell twice.csv": (
        "user,category,target\nu,a,1\nu,a,2\n",
        r"line 3 \(user 'u'\), column category: category 'a' is named twice for this record",
    ),
    "one category twice.csv": (
        "user,target.a,target_a,target.b\nu,1,2,3\n",
        "columns 'target.a' and 'target_a' mean the same; drop one",
    ),
    "another category.csv": (
        "user,target.a,target.b,prediction.a,prediction.c\nu,1,2,.5,.5\n",
        "column prediction: the labels of its categories differ from those of target: 'c' is only here, 'b' only there",
    ),
    "no user.csv": ("target.a,target.b\n1,2\n", "no column user; there are 'target.a', 'target.b'; name it with"),
    "a user twice.csv": (
        "user,target.a,target.b\nu,1,2\nu,1,2\n",
        r"row 2 \(user 'u'\), column user: this record",
    ),
    "no number.csv": (
        "user,target.a,target.b\nu,1,x\n",
        r"line 2 \(user 'u'\), column target: 'b': 'x' is no number; write it as 0.25",
    ),
    "no JSON.csv": ("user,target\nu,\"{'a': 1}\"\n", "line 2, column target: .* is not JSON; write"),
    "some predictions.csv": (
        "user,category,target,prediction\nu,a,1,\nu,b,2,.5\n",
        r"line 2 \(user 'u'\), column prediction: empty; write 0 for none",
    ),
    "no category.csv": (
        "user,target\nu,1\n",
        "no column category; .*--map category=COLUMN, or write lists",
    ),
    "a list and a mapping.jsonl": (
        '{"user":"u","target":{"a":1,"b":2}}\n\n{"user":"v","target":[1,2]}\n',
        r"line 3 \(user 'v'\), column target: \[1, 2\] is no object",
    ),
    "a name too few.jsonl": (
        '{"user":"u","categories":["a","b"],"target":[1,2,3]}\n',
        "line 1, column target: 3 numbers for the 2 categories of column categories; give one a category",
    ),
    "a name twice.jsonl": (
        '{"user":"u","categories":["a","b","a"],"target":[1,2,3]}\n',
        r"line 1 \(user 'u'\), column target: 'a' is named twice",
    ),
    "places without an order.jsonl": (
        '{"user":"u","target":{"a":1,"b":2},"dg":[0,1]}\n',
        r"line 1 \(user 'u'\), column dg: 0 is no category of this file, which gives them no order",
    ),
    "a text in a cell.jsonl": (
        '{"user":"u","category":"a","target":1}\n{"user":"u","category":"b","target":"x"}\n',
        r"line 2 \(user 'u'\), column target: 'x' is no number",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_shape_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, message = REFUSED[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_table(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_upper_case_and_other_names_of_columns(tmp_path: Path) -> None:
    (tmp_path / "upper.csv").write_text("User,Category,Target,Prediction,N_Window\nu,a,1,.25,3\nu,b,2,.75,3\n")
    table = read_table(tmp_path / "upper.csv")
    assert table.theta_s.tolist() == [[0.25, 0.75]] and table.n_window.tolist() == [3]
    assert table.metadata["read"]["ignored"] == []
    (tmp_path / "mapped.csv").write_text('user,y,p\nu,"{""a"": 1, ""b"": 3}","{""b"": 1}"\n')
    (tmp_path / "flat.csv").write_text("user,y.a,y.b,p.a,p.b\nu,1,3,0,1\n")
    for name in ("mapped.csv", "flat.csv"):
        table = read_table(tmp_path / name, mapping={"target": "y", "prediction": "p"})
        assert table.counts.tolist() == [[1, 3]] and table.theta_s.tolist() == [[0, 1]]


def test_rows_are_counted_in_every_shape(tmp_path: Path) -> None:
    table = PreferenceTable(
        users=["u", "v", "w"], categories=("a", "b", "c"), counts=np.eye(3) + 1, theta_s=np.full((3, 3), 1 / 3)
    )
    held = np.array([[0.5, 0.5, 0.2], [0.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
    object.__setattr__(table, "theta_s", held)
    for name, write in SHAPES.items():
        write(tmp_path / name, table)
        with pytest.raises(InputError, match=r"\(user 'v'\).* no prediction, .* 1 of 3 records"):
            read_table(tmp_path / name, renormalise=True)
        read = read_table(tmp_path / name, renormalise=True, empty_predictions="drop").metadata["read"]
        assert read["rows_divided"]["theta_s"] == 1 and read["deviation"]["theta_s"] == pytest.approx(0.2), name
        assert read["left_out"] == {"empty_predictions": 1, "records": 3}, name


def test_a_frame_with_a_category_only_in_one_quantity() -> None:
    frame = pd.DataFrame({"user": ["u"], "target.a": [1], "target.b": [2], "prediction.a": [1.0]})
    assert se.from_pandas(frame, absent="zero").theta_s.tolist() == [[1, 0]]
    with pytest.raises(SchemaError, match="no column target, counts or theta_star"):
        se.from_pandas(frame.rename(columns={"target.b": "b"}).drop(columns="target.a"))
