"""Any log in CSV or Parquet, beside the same log in pandas."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectra_eval.data import _columns, _columns_arrow
from spectra_eval.data.csv import read
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions

HEAD = "user,item,time,categories\n"


def log(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    sets = ["A|B", "B", "C|A", "", "D"]
    items = rng.integers(0, 40, n)
    return pd.DataFrame(
        {
            "user": [f"u{u}" for u in rng.integers(0, 30, n)],
            "item": [f"i{i}" for i in items],
            "time": 1_500_000_000 + rng.integers(0, 10**7, n),
            "categories": [sets[i % 5] for i in items],
            "title": [f'Item "{i}", the {i}th' for i in items],
        }
    )


def rows(made: Interactions) -> Counter[tuple[str, str, int, str]]:
    names = [made.categories[c] for c in made.category]
    return Counter(zip(made.user.tolist(), made.item.tolist(), made.time.tolist(), names, strict=True))


def recomputed(frame: pd.DataFrame) -> Counter[tuple[str, str, int, str]]:
    long = frame.assign(c=frame["categories"].str.split("|")).explode("c")
    long = long[long["c"] != ""]
    return Counter(zip(long["user"], long["item"], long["time"].tolist(), long["c"], strict=True))


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        lists = frame["categories"].map(lambda cell: [name for name in cell.split("|") if name])
        frame.assign(categories=lists).to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.suffixes else ",")
    return path


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.csv.gz", "log.parquet"])
def test_a_format_against_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for held in (_columns, _columns_arrow):
        monkeypatch.setattr(held, "ROWS", 64)  # several pieces
    frame = log()
    made = read(write(frame, tmp_path / name))
    assert rows(made) == recomputed(frame)
    assert made.titles == dict(zip(frame["item"], frame["title"], strict=True))
    assert made.metadata["events_without_category"] == (frame["categories"] == "").sum()
    assert made.metadata["files"].keys() == {name}


def test_columns_units_and_weights_are_named_by_options(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who;what;at;kind;n\nann;x;1500000000999;A,B;2.5\nbob;y;1500000001000; B ,;0\n")
    made = read(
        path,
        user="who",
        item="what",
        time="at",
        categories="kind",
        weight="n",
        separator=",",
        delimiter=";",
        time_unit="ms",
    )
    assert rows(made) == Counter(
        {
            (u, i, t, c): 1
            for u, i, t, c in [
                ("ann", "x", 1_500_000_000, "A"),
                ("ann", "x", 1_500_000_000, "B"),
                ("bob", "y", 1_500_000_001, "B"),
            ]
        }
    )
    assert made.weight.tolist() == [2.5, 2.5, 0.0]
    assert made.titles == {"x": "x", "y": "y"}


@pytest.mark.parametrize(
    "time", ["2018-07-07 22:09:11", "2018-07-07T22:09:11Z", "2018-07-08T00:09:11.5+02:00", "1531001351", "1531001351.9"]
)
def test_a_moment_is_the_same_second_however_it_is_written(tmp_path: Path, time: str) -> None:
    (tmp_path / "log.csv").write_text(f"{HEAD}ann,x,{time},A\n")
    assert read(tmp_path / "log.csv").time.tolist() == [1_531_001_351]


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_times_and_texts_of_parquet(tmp_path: Path, zone: str | None) -> None:
    time = (
        pd.to_datetime(["2018-07-07 22:09:11.9", "1969-12-31 23:59:59"], format="ISO8601")
        .tz_localize("UTC")
        .tz_convert(zone)
    )
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4], "time": time, "categories": ["A|B", None]})
    frame.to_parquet(tmp_path / "log.parquet")
    made = read(tmp_path / "log.parquet", time_unit="ms")
    assert rows(made) == Counter([("1", "3", 1_531_001_351, "A"), ("1", "3", 1_531_001_351, "B")])
    assert made.metadata["events_without_category"] == 1


def test_latin_letters_and_a_taxonomy(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(f"{HEAD}ann,é,1,Bars|Food\nann,y,2,Tacos\n".encode("latin-1"))
    (tmp_path / "levels.csv").write_text("category,parent\nBars,Food\nBars,Nightlife\nTacos,Food\n")
    how: dict[str, Any] = {"encoding": "latin-1", "taxonomy": tmp_path / "levels.csv", "two_parents": "pair"}
    fine, coarse = (read(tmp_path / "log.csv", level=level, **how) for level in ("fine", "coarse"))
    assert (fine.categories, fine.parents) == (("Food / Bars", "Tacos"), ("Food", "Food"))
    assert coarse.categories == ("Food",)
    assert fine.item.tolist() == ["é", "y"]
    assert set(fine.metadata["files"]) == {"log.csv", "levels.csv"}
    with pytest.raises(SchemaError, match="has the parents"):
        read(tmp_path / "log.csv", **{**how, "two_parents": "refuse"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty; the first line"),
        (HEAD, "holds no interactions"),
        ("user,item,time\nann,x,1\n", "no column 'categories' for categories; it has user, item, time"),
        (HEAD + "ann,x,1,A\n,x,1,A\n", "entry 2, column user: blank"),
        (HEAD + "ann, ,1,A\n", "entry 1, column item: blank"),
        (HEAD + "ann,x,soon,A\n", "entry 1, time: 'soon'"),
        (HEAD + "ann,x,1,A\nann,x,2020-01-01,A\n", "entry 2, time: '2020-01-01'"),
        (HEAD + "ann,x,2020-01-01,A\nann,x,1,A\n", "entry 2, time: '1'"),
        (HEAD + "ann,x,1,A,B\n", "entry 1: 5 cells under 4"),
        (HEAD + "ann,x,1,A\n\nann,x,1,A,B\n", "entry 2: 5 cells"),
        (HEAD + 'ann,x,1,"A\n', "line 2: unexpected end of data"),
        (HEAD + "ann,x,1\n", "entry 1: 3 cells under 4"),
        (HEAD + "ann,x,1,\n", "no interaction has a category"),
    ],
)
def test_a_malformed_log_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read(tmp_path / "log.csv")
    assert "log.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time,categories,user\nann,x,1,A,bob\n")
    with pytest.raises(SchemaError, match="column 'user' occurs twice"):
        read(tmp_path / "log.csv")
    assert read(tmp_path / "log.csv", user="item").user.tolist() == ["x"]


def test_other_defects_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with pytest.raises(SchemaError, match="no such file"):
        read(path)
    path.write_text(HEAD.replace("\n", ",w\n") + "ann,x,1,A,1\nann,x,1,A,-1\n")
    with pytest.raises(SchemaError, match=r"entry 2: weight '-1'"):
        read(path, weight="w")
    with pytest.raises(InputError, match="time_unit: 'h'"):
        read(path, time_unit="h")
    with pytest.raises(InputError, match="separator: empty"):
        read(path, separator="")
    with pytest.raises(InputError, match="one character"):
        read(path, delimiter="::")
    with pytest.raises(InputError, match="encoding: 'klingon' is unknown"):
        read(path, encoding="klingon")
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    with pytest.raises(SchemaError, match="not a readable CSV file"):
        read(tmp_path / "log.csv.gz")
    (tmp_path / "log.parquet").write_bytes(b"PAR1")
    with pytest.raises(SchemaError, match="not a readable Parquet file"):
        read(tmp_path / "log.parquet")
    pd.DataFrame({"user": ["a", None], "item": "x", "time": 1, "categories": "A"}).to_parquet(tmp_path / "log.parquet")
    with pytest.raises(SchemaError, match="entry 2, column user: null"):
        read(tmp_path / "log.parquet")
