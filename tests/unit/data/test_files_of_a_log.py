"""Logs in several files: items in a file of their own, parts of one set, and logs without a header or without times."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectra_eval.data import complete_journey, csv, prepare, prepare_file, recbole
from spectra_eval.data._log import EventLog
from spectra_eval.data._taxonomy import Labelled
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions

LOGS = Path(__file__).parents[2] / "logs"
REAL = Path(__file__).parents[3] / "examples/data/complete-journey-500"
KUAIREC = {"user": "user_id", "item": "video_id", "time": "timestamp", "categories": "feat"}
STEAM = {"item": "product_id", "item_key": "id"}


def rows(log: Interactions) -> list[tuple[str, str, int, str]]:
    names = [log.categories[category] for category in log.category]
    return sorted(zip(log.user.tolist(), log.item.tolist(), log.time.tolist(), names, strict=True))


def test_items_in_a_file_of_their_own() -> None:
    made = csv.read(LOGS / "kuairec/big_matrix.csv", items=LOGS / "kuairec/item_categories.csv", **KUAIREC)
    events = pd.read_csv(LOGS / "kuairec/big_matrix.csv")
    sets = pd.read_csv(LOGS / "kuairec/item_categories.csv")["feat"].str.findall(r"\d+").tolist()
    expected = sorted(
        (str(event.user_id), str(event.video_id), int(event.timestamp), label)
        for event in events.itertuples()
        for label in sets[event.video_id - 1]
    )
    assert rows(made) == expected
    assert set(made.metadata["files"]) == {"big_matrix.csv", "item_categories.csv"}


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "jsonl", "jsonl.gz"])
def test_the_same_items_in_every_format(tmp_path: Path, form: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item,time,title\na,1,1,my review\na,2,2,\nb,3,3,\n")
    frame = pd.DataFrame({"id": [1, 2, 3], "categories": ["['A', 'B']", "B", ""], "title": ["One", None, "Three"]})
    path = tmp_path / f"items.{form}"
    if form == "parquet":
        frame.assign(categories=[["A", "B"], ["B"], None]).to_parquet(path)
    elif form.startswith("jsonl"):
        text = (
            '{"id": 1, "categories": ["A", "B"], "title": "One"}\n{"id": 2.0, "categories": "B", "title": null}\n'
            '{"id": "3", "categories": null, "title": "Three", "more": {"x": [1]}}\n'
        )
        path.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())
    else:
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    made = csv.read(log, items=path, item_key="id")
    assert rows(made) == [("a", "1", 1, "A"), ("a", "1", 1, "B"), ("a", "2", 2, "B")]
    assert dict(made.titles) == {"1": "One", "2": "2", "3": "Three"}
    assert made.metadata["events_without_category"] == 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"items": "none.csv"}, SchemaError, r"none\.csv: no such file.*\(items='FILE'\)"),
        ({"item_key": "id"}, InputError, r"item_key: .*\(items='FILE'\)"),
        ({"unknown_items": "x"}, InputError, "unknown_items: 'x' is unknown"),
        ({"order": "x"}, InputError, "order: 'x' is unknown; choose time or file"),
        ({"header": "user,user,time"}, InputError, "header: 'user' occurs twice"),
        ({"header": "user,item,time,categories,x"}, SchemaError, "entry 1: 4 cells under 5 columns"),
        ({"delimiter": "tabs"}, InputError, "delimiter: 'tabs' is not one character; write it, or one of tab, comma"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, Any], error: type[Exception], said: str) -> None:
    (tmp_path / "log.csv").write_text("user,item,time,categories\na,x,1,A\n")
    with pytest.raises(error, match=said):
        csv.read(tmp_path / "log.csv", **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty; write one JSON object a line"),
        ("[1]\n", "line 1: no JSON object"),
        ('{"user": "a"}\n', "no column 'item' for item"),
        (
            '{"user": "a", "item": "x", "time": true, "categories": "A"}\n',
            "line 1, time: True; write a text or a number",
        ),
        ('{"user": "a", "item": "x", "time": 1, "categories": [["A"]]}\n', r"line 1, categories: \['A'\]; write"),
        ('{"user": "a", "item": "x", "time": 1, "categories": "A"}\n{"user": "b"}', "line 2, item: missing; write"),
        ('{"user": null, "item": "x", "time": 1, "categories": "A"}\n', "line 1, user: missing; write"),
        ('{"user": "a", "item": "x", "time": 1e999, "categories": "A"}\n', "line 1, time: inf; write"),
        ("{" * 10, "line 1: not JSON"),
    ],
)
def test_json_lines_that_are_no_log(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(SchemaError, match=said) as error:
        csv.read(tmp_path / "log.jsonl")
    assert "\n" not in str(error.value)


def test_an_item_without_a_row_is_refused_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\na,x,1\na,y,2\n")
    (tmp_path / "items.csv").write_text("item,categories\nx,A\n")
    with pytest.raises(SchemaError, match=r"item 'y' is not in items\.csv.*unknown_items='drop'"):
        csv.read(tmp_path / "log.csv", items=tmp_path / "items.csv")
    made = csv.read(tmp_path / "log.csv", items=tmp_path / "items.csv", unknown_items="drop")
    assert (rows(made), made.metadata["items_unknown"]) == ([("a", "x", 1, "A")], 1)
    (tmp_path / "items.csv").write_text("item,categories\nx,A\nx,B\n")
    with pytest.raises(SchemaError, match="item 'x' occurs twice"):
        csv.read(tmp_path / "log.csv", items=tmp_path / "items.csv")


def test_a_file_without_a_header() -> None:
    path = LOGS / "taobao/UserBehavior.csv"
    made = csv.read(path, header="user,item,categories,,time")
    frame = pd.read_csv(path, header=None, dtype=str)
    assert rows(made) == sorted(zip(frame[0], frame[1], frame[4].astype(int), frame[2], strict=True))
    with pytest.raises(SchemaError, match=r"all where the first line is no header \(header='user,item,\.\.\.'\)"):
        csv.read(path)


@pytest.mark.parametrize(
    ("name", "mark"), [("tab", "\t"), ("\\t", "\t"), ("comma", ","), ("semicolon", ";"), ("pipe", "|"), ("space", " ")]
)
def test_delimiters_have_names(tmp_path: Path, name: str, mark: str) -> None:
    path = tmp_path / "log.txt"
    path.write_text(mark.join(("user", "item", "time", "categories")) + "\n" + mark.join(("a", "x", "1", "A+B")) + "\n")
    assert csv.read(path, delimiter=name, separator="+").categories == ("A", "B")


def test_the_parts_of_a_set_are_one_set(tmp_path: Path) -> None:
    made = recbole.read(LOGS / "recbole-split")
    lines = [(LOGS / f"recbole-split/x.{part}.inter").read_text().splitlines() for part in ("train", "test")]
    (tmp_path / "x.inter").write_text("\n".join([*lines[0], *lines[1][1:]]) + "\n")
    (tmp_path / "x.item").write_bytes((LOGS / "recbole-split/x.item").read_bytes())
    whole = recbole.read(tmp_path)
    assert rows(made) == rows(whole) and len(np.unique(made.user)) == 3
    assert made.metadata["parts"] == ["x.train.inter", "x.test.inter"]
    assert len(np.unique(recbole.read(LOGS / "recbole-split/x.train.inter").user)) == 2
    (tmp_path / "x.test.inter").write_text("\n".join(lines[1]))
    with pytest.raises(SchemaError, match=r"holds x\.inter and parts of it, such as x\.test\.inter; name the one"):
        recbole.read(tmp_path)
    (tmp_path / "x.inter").rename(tmp_path / "x.train.inter")
    (tmp_path / "x.test.inter").write_text("user_id:token\titem_id:token\nu9\ti1\n")
    with pytest.raises(SchemaError, match=r"x\.train\.inter and this part do not both have 'timestamp'"):
        recbole.read(tmp_path)


def test_the_item_has_another_name_in_the_file_of_items() -> None:
    made = recbole.read(LOGS / "recbole-steam", title="app_name", **STEAM)
    assert made.categories == ("Action", "g27", "g5", "g8", "g9")
    assert made.titles["i1"] == "App i1"
    with pytest.raises(SchemaError, match=r"no column 'product_id' for item_key; .*\(item_key='COLUMN'\)"):
        recbole.read(LOGS / "recbole-steam", item="product_id")


@pytest.fixture
def timeless(tmp_path: Path) -> Path:
    lines = [f"{user}\t{item}\t1\n" for item in "zyxwvu" for user in "ab"]
    (tmp_path / "d.inter").write_text("user_id:token\titem_id:token\tweight:float\n" + "".join(lines))
    (tmp_path / "d.item").write_text(
        "item_id:token\tclass:token\n" + "".join(f"{item}\t{'AB'[item > 'w']}\n" for item in "uvwxyz")
    )
    return tmp_path


def test_a_set_without_times_is_in_the_order_of_its_file(timeless: Path) -> None:
    log = recbole.read(timeless)
    table = prepare(log, split=0.5)
    assert table.history is not None and table.history.tolist() == [("z", "y", "x")] * 2
    assert table.metadata["order"] == "file" and table.metadata["leakage_checked"]["cut_inside_a_second"] == 0
    for rule in (
        {"split_date": "2020-01-01"}, {"ties": "session"}, {"context_windows": [1]}, {"min_sessions": 2},
        {"horizons": ["short"]}, {"details": True}, {"history_span": "1d"},
        {"window_span": "1d"}, {"min_active_days": 2},
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"^[a-z_]+: it needs"):
            prepare(log, **rule)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="it needs times"):
            prepare_file(recbole.load(timeless), timeless / "t.parquet", **rule)  # type: ignore[arg-type]
    assert prepare(log, split=0.5, horizons=["short"], short=2).n_window.tolist() == [2, 2]


def test_a_column_that_may_be_a_time_is_not_passed_over(timeless: Path) -> None:
    text = (timeless / "d.inter").read_text()
    (timeless / "d.inter").write_text(text.replace("weight:float", "event_date:token"))
    with pytest.raises(SchemaError, match=r"name the right one \(time='event_date'\), or .* \(order='file'\)"):
        recbole.read(timeless)
    assert recbole.read(timeless, order="file").metadata["order"] == "file"
    (timeless / "log.csv").write_text("user,item,categories\na,x,A\n")
    with pytest.raises(SchemaError, match=r"no column 'time' for time; .*\(time='COLUMN'\), or .* \(order='file'\)"):
        csv.read(timeless / "log.csv")
    assert csv.read(timeless / "log.csv", order="file").time.tolist() == [0]


@pytest.mark.parametrize("number", ["int64", "float64"])
def test_complete_journey_from_parquet(tmp_path: Path, number: str) -> None:
    events = pd.read_csv(REAL / "transactions.csv.gz", nrows=3000, parse_dates=["transaction_timestamp"])
    products = pd.read_csv(REAL / "products.csv")
    for frame, name in ((events, "transactions"), (products, "products")):
        (tmp_path / "csv").mkdir(exist_ok=True)
        frame.to_csv(tmp_path / f"csv/{name}.csv", index=False)
        (tmp_path / "parquet").mkdir(exist_ok=True)
        frame.astype({"quantity": number} if name == "transactions" else {}).to_parquet(
            tmp_path / f"parquet/{name}.parquet"
        )
    made, expected = (complete_journey.read(tmp_path / form, counted="quantity") for form in ("parquet", "csv"))
    assert rows(made) == rows(expected) and made.categories == expected.categories and made.titles == expected.titles
    assert made.weight.tolist() == expected.weight.tolist()
    (tmp_path / "parquet/products.csv").write_text("")
    with pytest.raises(SchemaError, match=r"holds products\.csv and products\.parquet; keep one of the two"):
        complete_journey.read(tmp_path / "parquet")
    (tmp_path / "csv/products.csv").rename(tmp_path / "csv/products.feather")
    with pytest.raises(SchemaError, match=r"products\.feather: not read in this format; save it as products\.parquet"):
        complete_journey.read(tmp_path / "csv")


def test_a_window_that_begins_at_a_date_does_not_end_at_a_proportion() -> None:
    log = csv.read(LOGS / "ms.csv", time_unit="ms")
    with pytest.raises(InputError, match=r"window_end: 0\.9 is a proportion .* \(split=0\.8\)"):
        prepare(log, split_date="2020-09-15", window_end=0.9)


@pytest.mark.parametrize("what", ["user", "item", "title", "category"])
def test_a_name_with_a_nul_character_is_refused(what: str) -> None:
    names = {"user": "ann", "item": "x", "title": "Laura", "category": "Noir", what: "a\x00"}
    log = EventLog(Path("log.csv"))
    user, item = (np.array([names[column]], dtype=object) for column in ("user", "item"))
    log.add(user=user, item=item, time=np.array([3]), bundle=np.array([0]))
    labels = Labelled(
        owner=np.array([0]), category=np.array([0]), categories=(names["category"],), parents=None, left_out={}
    )
    with pytest.raises(SchemaError, match=rf"log\.csv: {what} 'a\\x00' holds a NUL character"):
        log.finish(labels, titles={names["item"]: names["title"]}, metadata={}, n_bundles=1)
