"""Yelp's JSON lines: small files beside pandas, and a file of two gigabytes in bounded memory (slow)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from spectra_eval.data import _columns_json, yelp
from spectra_eval.data.yelp import read
from spectra_eval.errors import InputError, SchemaError

ROOT = Path(__file__).parents[3]
LEVELS = {"Food": ["Mexican", "Bars", "Coffee"], "Nightlife": ["Bars"]}
BUSINESSES: list[dict[str, Any]] = [
    {"business_id": "b1", "name": "Café ☕", "categories": "Food, Coffee", "stars": 4.5, "is_open": 1},
    {"business_id": "b2", "name": "", "categories": "Bars, Nightlife,  Mexican", "attributes": None},
    {"business_id": "b3", "name": "None", "categories": None},
    {"business_id": "b4", "name": "Old", "categories": ["Bars", "Food"]},
]
REVIEWS: list[dict[str, Any]] = [
    {"review_id": str(n), "user_id": u, "business_id": b, "stars": 1.0, "date": d, "text": 'so\n"good" ☕', "cool": 0}
    for n, (u, b, d) in enumerate(
        [
            ("u2", "b1", "2018-07-07 22:09:11"),
            ("u1", "b2", "2005-02-14 00:00:00"),
            ("u2", "b3", "2018-07-08 01:00:00"),
            ("u1", "b4", "2016-02-29"),
            ("u2", "b1", "2018-07-07 22:09:11"),
        ]
    )
]


def write(folder: Path, name: str, entries: list[dict[str, Any]], *, ascii_only: bool = True) -> None:
    lines = "".join(json.dumps(entry, ensure_ascii=ascii_only) + "\n" for entry in entries)
    (folder / f"yelp_academic_dataset_{name}.json").write_text(lines, encoding="utf-8")


@pytest.fixture(params=[True, False])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write(tmp_path, "business", BUSINESSES, ascii_only=request.param)
    write(tmp_path, "review", REVIEWS, ascii_only=request.param)
    (tmp_path / "levels.json").write_text(json.dumps(LEVELS))
    return tmp_path


@pytest.mark.parametrize("rows", [2, 100])
def test_the_files_against_pandas(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(yelp, "_ROWS", rows)
    made = read(folder)
    reviews, businesses = pd.DataFrame(REVIEWS), pd.DataFrame(BUSINESSES)
    lists = businesses["categories"].map(lambda cell: cell if isinstance(cell, list) else (cell or "").split(","))
    businesses["c"] = lists.map(lambda names: [name.strip() for name in names if name.strip()])
    long = reviews.merge(businesses, on="business_id").explode("c").dropna(subset="c")
    seconds = [int(pd.Timestamp(date, tz="UTC").timestamp()) for date in long["date"]]
    names = [made.categories[c] for c in made.category]
    assert Counter(zip(made.user, made.item, made.time, names, strict=True)) == Counter(
        zip(long["user_id"], long["business_id"], seconds, long["c"], strict=True)
    )
    assert made.categories == ("Bars", "Coffee", "Food", "Mexican", "Nightlife")
    assert made.titles == {"b1": "Café ☕", "b2": "b2", "b3": "None", "b4": "Old"}
    assert (made.metadata["events_read"], made.metadata["events_without_category"]) == (5, 1)


def test_two_levels_by_pair(folder: Path) -> None:
    fine = read(folder, taxonomy=folder / "levels.json", two_parents="pair")
    by_item = {
        i: {fine.categories[c] for j, c in zip(fine.item, fine.category, strict=True) if j == i} for i in fine.item
    }
    assert by_item == {"b1": {"Coffee"}, "b2": {"Nightlife / Bars", "Mexican"}, "b4": {"Food / Bars"}}
    coarse = read(folder, taxonomy=folder / "levels.json", two_parents="pair", level="coarse")
    assert coarse.categories == ("Food", "Nightlife")
    with pytest.raises(SchemaError, match="has the parents 'Food' and 'Nightlife'"):
        read(folder, taxonomy=folder / "levels.json")


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("review", '{"user_id": "u", "business_id"', "line 6: not JSON"),
        ("review", "[1]", "line 6: no JSON object"),
        ("review", '{"user_id": "u", "business_id": "b1"}', "line 6: date is None"),
        ("review", '{"user_id": 3, "business_id": "b1", "date": "2018-01-01"}', "line 6: user_id is 3"),
        ("review", '{"user_id": "u", "business_id": "b1", "date": "July"}', "time: 'July'"),
        ("review", '{"user_id": "u", "business_id": "b9", "date": "2018-01-01"}', "business 'b9' is not in"),
        ("business", '{"business_id": "b1"}', "line 5: business 'b1' occurs twice"),
        ("business", '{"business_id": "b5", "name": 7}', "line 5: name or categories are no text"),
    ],
)
def test_malformed_files_are_said_in_one_line(folder: Path, name: str, line: str, said: str) -> None:
    path = folder / f"yelp_academic_dataset_{name}.json"
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(SchemaError, match=said) as caught:
        read(folder)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_reviews_of_unknown_businesses_may_be_dropped(folder: Path) -> None:
    write(folder, "business", BUSINESSES[1:])
    made = read(folder, unknown_items="drop")
    assert (made.metadata["items_unknown"], made.metadata["events_without_category"]) == (1, 3)
    with pytest.raises(InputError, match="refuse or drop"):
        read(folder, unknown_items="keep")


def test_the_names_of_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("review", "business"):
        (folder / f"yelp_academic_dataset_{name}.json").rename(folder / f"{name}.json")
    assert len(read(folder).user) == 9
    write(folder, "review", REVIEWS)
    with pytest.raises(SchemaError, match="keep one of the two"):
        read(folder)
    (folder / "review.json").unlink()
    monkeypatch.setattr(_columns_json, "_LONGEST", 40)
    with pytest.raises(SchemaError, match="line 1: over 40 bytes"):
        read(folder)
    (folder / "business.json").unlink()
    with pytest.raises(SchemaError, match=r"business\.json: no such file"):
        read(folder)


def write_gigabytes(folder: Path, size: int) -> int:
    """Write reviews of about the real length until the file has `size` bytes; give their number."""
    rng = np.random.default_rng(11)
    tops = {f"Top {t}": [f"Kind {t}-{c}" for c in range(50)] for t in range(26)}
    (folder / "levels.json").write_text(json.dumps(tops))
    names = [(top, kind) for top, kinds in tops.items() for kind in kinds]
    n_businesses, n_users = 100_000, 600_000
    with (folder / "business.json").open("w") as file:
        for b, picks in enumerate(rng.integers(0, len(names), (n_businesses, 2)).tolist()):
            labels = ", ".join(dict.fromkeys(label for pick in picks for label in names[pick]))
            file.write(json.dumps({"business_id": f"b{b:021d}", "name": f"Place {b}", "categories": labels}) + "\n")
    text, written = "It was all right, and we may come again. " * 14, 0
    with (folder / "review.json").open("w") as file:
        while file.tell() < size:
            users = (n_users * rng.random(50_000) ** 2).astype(int).tolist()
            places = rng.integers(0, n_businesses, 50_000).tolist()
            dates = np.datetime_as_string(1_100_000_000 + rng.integers(0, 5 * 10**8, 50_000).astype("datetime64[s]"))
            file.write(
                "".join(
                    f'{{"review_id":"r{written + n:021d}","user_id":"u{u:021d}","business_id":"b{b:021d}","stars":4.0,'
                    f'"useful":0,"funny":0,"cool":0,"text":"{text}","date":"{d.replace("T", " ")}"}}\n'
                    for n, (u, b, d) in enumerate(zip(users, places, dates.tolist(), strict=True))
                )
            )
            written += 50_000
    return written


def prepared(folder: Path, output: Path, *words: str, kill_after: float | None = None) -> tuple[float, float]:
    """Run `prepare` in a process of its own; give the seconds and the most bytes that it took."""
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'cli')]!r}; from spectra_eval_cli.main import main; main()"
    )
    words = ("prepare", "yelp", str(folder), "--taxonomy", str(folder / "levels.json"), "-o", str(output), *words)
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.DEVNULL) as process:
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == (0 if kill_after is None else -9)
    return time.monotonic() - began, usage.ru_maxrss * 1024


@pytest.mark.slow
def test_two_gigabytes_are_prepared_in_bounded_memory(tmp_path: Path) -> None:
    reviews = write_gigabytes(tmp_path, 2 * 10**9)
    path, made = tmp_path / "review.json", tmp_path / "made"
    made.mkdir()
    size = path.stat().st_size
    assert size >= 2 * 10**9
    seconds = 0.0
    for level, k in (("coarse", 26), ("fine", 1300)):
        seconds, peak = prepared(tmp_path, made / f"{level}.parquet", "--level", level)
        print(f"{reviews} reviews, {size / 1e9:.2f} GB, {level}: {seconds:.0f} s, {peak / 1e9:.2f} GB at most")
        file = pq.ParquetFile(made / f"{level}.parquet")
        said = json.loads(file.schema_arrow.metadata[b"spectra_eval"])
        assert len(said["categories"]) == k
        assert said["metadata"]["events_read"] == reviews
        assert said["metadata"]["leakage_checked"]["records"] == file.metadata.num_rows > 100_000
        assert peak < 1.2e9, "names, numbers and a block of users are kept, no text and no whole table"
    for share in (0.5, 0.9):  # while it reads, and while it cuts and writes
        prepared(tmp_path, made / "killed.parquet", "--level", "fine", kill_after=share * seconds)
        assert not (made / "killed.parquet").exists()
    prepared(tmp_path, made / "killed.parquet", "--level", "fine")
    path.unlink()
    assert (made / "killed.parquet").read_bytes() == (made / "fine.parquet").read_bytes()


COMMAS = Path(__file__).parents[2] / "logs/yelp-comma"


@pytest.mark.parametrize("taxonomy", [None, COMMAS / "categories.json"])
def test_a_published_name_that_contains_a_comma_is_one_category(taxonomy: Path | None) -> None:
    made = read(COMMAS, taxonomy=taxonomy)
    named = {
        str(made.titles[item]): sorted({made.categories[c] for c in made.category[made.item == item]})
        for item in np.unique(made.item)
    }
    books = ["Books, Mags, Music & Video", "Bookstores"]
    assert named == {
        "Made A": ["Beer, Wine & Spirits"] if taxonomy else ["Beer, Wine & Spirits", "Food"],
        "Made B": books,
        "Made C": ["Bars"] if taxonomy else ["Bars", "Nightlife"],
    }
    assert made.metadata["labels_left_out"] == {}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Food, Wills, Trusts, & Probates,Bars", {"Food", "Wills, Trusts, & Probates", "Bars"}),
        ("Beer, Food", {"Beer", "Food"}),
        ("Beer,  Wine & Spirits", {"Beer, Wine & Spirits"}),
        ("Beer, Wine & Spirits Shops", {"Beer", "Wine & Spirits Shops"}),
        (["Lawyers, Notaries", "Beer"], {"Lawyers, Notaries", "Beer"}),
        ("['Food', 'Beer, Wine & Spirits']", {"Food", "Beer, Wine & Spirits"}),
    ],
)
def test_the_longest_known_name_comes_first(tmp_path: Path, cell: Any, expected: set[str]) -> None:
    write(tmp_path, "business", [{"business_id": "b", "name": "B", "categories": cell}])
    write(tmp_path, "review", [{"user_id": "u", "business_id": "b", "stars": 1.0, "date": "2018-07-07 22:09:11"}])
    assert set(read(tmp_path).categories) == expected
