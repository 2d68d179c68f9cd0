"""RecBole's atomic files, beside pandas."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spectra_eval.data import recbole
from spectra_eval.data.recbole import read
from spectra_eval.errors import InputError, SchemaError

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
EVENTS = INTER + "6\t9\t3\t950\n6\t1\t5\t900.7\n2\t3\t4\t901\n2\t12\t1\t902\n6\t1\t5\t903\n"
ITEM = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
ITEMS = (
    ITEM + "1\tToy Story\t1995\tAnimation Children's Comedy\n3\tCité\u2028des enfants\t1995\tSci-Fi\n"
    "9\tOdd\t1990\tDrama\n12\tunknown\t\t\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ml.inter").write_text(EVENTS, encoding="utf-8")
    (tmp_path / "ml.item").write_text(ITEMS, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("rows", [2, 100])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_files_against_pandas(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int, ending: str) -> None:
    monkeypatch.setattr(recbole, "_ROWS", rows)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))
    made = read(folder)
    frames = [
        pd.read_csv(folder / name, sep="\t", dtype=str, keep_default_na=False) for name in ("ml.inter", "ml.item")
    ]
    both = frames[0].merge(frames[1], on="item_id:token", validate="many_to_one")
    long = both.assign(c=both["class:token_seq"].str.split(" ")).explode("c")
    long = long[long["c"] != ""]
    names = [made.categories[c] for c in made.category]
    expected = Counter(
        zip(
            long["user_id:token"],
            long["item_id:token"],
            long["timestamp:float"].astype(float).astype(int),
            long["c"],
            strict=True,
        )
    )
    assert Counter(zip(made.user, made.item, made.time, names, strict=True)) == expected
    assert made.titles["3"] == "Cité\u2028des enfants"
    assert made.metadata["events_without_category"] == 1


def test_the_file_and_the_columns_may_be_named(folder: Path) -> None:
    made = read(folder / "ml.inter", categories="release_year", title="class")
    assert made.categories == ("1990", "1995")
    assert made.titles["12"] == "12"
    made = read(folder, categories="movie_title", separator="o")
    assert made.categories[:3] == ("Cité\u2028des enfants", "Odd", "T")


def test_a_taxonomy_lies_over_the_labels(folder: Path) -> None:
    (folder / "levels.json").write_text('{"Light": ["Animation", "Comedy", "Children\'s"], "Dark": ["Drama"]}')
    made = read(folder, taxonomy=folder / "levels.json", level="coarse")
    assert made.categories == ("Light", "Dark")
    assert made.metadata["labels_left_out"] == {"Sci-Fi": 1}


def test_unknown_items_are_refused_or_counted(folder: Path) -> None:
    (folder / "ml.inter").write_text(EVENTS + "7\t99\t1\t5\n")
    with pytest.raises(SchemaError, match=r"item '99' is not in ml\.item"):
        read(folder)
    made = read(folder, unknown_items="drop")
    assert (made.metadata["items_unknown"], made.metadata["events_without_category"]) == (1, 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ml.inter", "", "header cell ''"),
        ("ml.inter", "user_id\titem_id:token\n", "header cell 'user_id' is not NAME:TYPE"),
        ("ml.inter", "user_id:token\ttoken\n", "header cell 'token' is not NAME:TYPE"),
        ("ml.inter", "user_id:token\titem_id:name\n", "header cell 'item_id:name' is not NAME:TYPE"),
        ("ml.inter", INTER, "holds no interactions"),
        ("ml.inter", INTER.replace("timestamp", "when") + "1\t1\t1\t1\n", "no column 'timestamp' for time"),
        ("ml.inter", EVENTS + "1\t1\t1\n", "entry 6: 3 cells under 4"),
        ("ml.inter", EVENTS + "1\t1\t1\tsoon\n", "entry 6, time: 'soon'"),
        ("ml.inter", EVENTS + "\t1\t1\t5\n", "entry 6, column user_id: blank"),
        ("ml.item", ITEMS + "1\tAgain\t1\tDrama\n", "item '1' occurs twice"),
        ("ml.item", ITEMS.replace("class:", "kind:"), "no column of categories; it has item_id"),
        ("ml.item", ITEMS.replace("release_year:", "genre:"), "'genre' and 'class' may both be"),
    ],
)
def test_malformed_files_are_said_in_one_line(folder: Path, name: str, text: str, said: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read(folder)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"unknown_items": "keep"}, InputError, "refuse or drop"),
        ({"separator": ""}, InputError, "separator: empty"),
        ({"categories": "genre"}, SchemaError, "no column 'genre'; it has item_id"),
    ],
)
def test_options_are_checked(folder: Path, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read(folder, **options)


def test_files_that_do_not_belong_together_are_refused(folder: Path) -> None:
    (folder / "ml.item").write_bytes(ITEMS.encode("latin-1", "replace"))
    with pytest.raises(SchemaError, match=r"not text in utf-8; .*\(encoding='latin-1'\)"):
        read(folder)
    (folder / "ml.item").unlink()
    with pytest.raises(SchemaError, match=r"ml\.item: no such file"):
        read(folder)
    (folder / "other.inter").write_text(EVENTS)
    with pytest.raises(SchemaError, match="holds 2 files"):
        read(folder)
