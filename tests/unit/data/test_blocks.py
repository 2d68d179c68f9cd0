"""Some users at a time: the same bytes as all at once, whatever the size of a block."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.data import DATASETS, check_leakage, prepare, prepare_file
from spectra_eval.data._blocks import Log
from spectra_eval.errors import InputError, SchemaError

REAL = Path(__file__).parents[3] / "examples/data"


def drawn(folder: Path, dataset: str) -> Path:
    """A log of 60 users in no order, some of them too idle, some of their items without a category."""
    rng = np.random.default_rng(5)
    users = rng.integers(0, 60, 700) ** 2 // 60
    items, times = rng.integers(0, 40, 700), rng.integers(0, 10**6, 700)
    labels = ["", "A", "A, B", "B, C, D", "D"]
    if dataset == "yelp":
        places = [{"business_id": f"b{i}", "name": f"P{i}", "categories": labels[i % 5]} for i in range(40)]
        (folder / "business.json").write_text("\n".join(map(json.dumps, places)))
        dates = [str(t).replace("T", " ") for t in np.datetime_as_string(times.astype("datetime64[s]"))]
        reviews = [
            {"user_id": f"u{u}", "business_id": f"b{i}", "date": d, "stars": float(1 + i % 5)}
            for u, i, d in zip(users, items, dates, strict=True)
        ]
        (folder / "review.json").write_text("\n".join(map(json.dumps, reviews)))
        return folder
    rows = [f"u{u},i{i},{t},{labels[i % 5].replace(', ', '|')}" for u, i, t in zip(users, items, times, strict=True)]
    (folder / "log.csv").write_text("\n".join(["user,item,time,categories", *rows]))
    return folder / "log.csv"


@pytest.mark.parametrize("dataset", ["yelp", "csv"])
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"context_windows": [1, 3], "horizons": ["long", "short"], "details": True},
        {"split_date": "1970-01-07", "ties": "together", "weighting": "count"},
        {"limit": 11, "min_interactions": 8},
    ],
)
def test_blocks_give_the_bytes_of_the_whole(tmp_path: Path, dataset: str, rules: dict[str, Any]) -> None:
    entry, source = DATASETS[dataset], drawn(tmp_path, dataset)
    assert entry.load is not None
    whole = prepare(entry.read(source), **rules)
    write_table(whole, tmp_path / "whole.parquet")
    for events in (1, 37, 10**6):
        done = prepare_file(entry.load(source), tmp_path / "blocks.parquet", events=events, **rules)
        assert (tmp_path / "blocks.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
        assert (done.n_users, done.n_records) == (len(set(whole.users.tolist())), whole.n_users)
    again = read_table(tmp_path / "blocks.parquet", empty_windows="keep")
    assert check_leakage(again, entry.read(source)) == dict(whole.metadata["leakage_checked"])


def test_the_real_receipts_in_blocks(tmp_path: Path) -> None:
    entry = DATASETS["complete_journey"]
    assert entry.load is not None
    log = entry.load(REAL / "complete-journey-500", level="coarse")
    write_table(prepare(log.interactions(), ties="together"), tmp_path / "whole.parquet")
    prepare_file(log, tmp_path / "blocks.parquet", events=20_000, ties="together")
    assert (tmp_path / "blocks.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_blocks_hold_whole_users_and_no_more_than_they_may(tmp_path: Path) -> None:
    entry = DATASETS["csv"]
    assert entry.load is not None
    log = entry.load(drawn(tmp_path, "csv"))
    whole = log.interactions()
    for users, events in ((7, 10**6), (10**6, 50), (1, 1)):
        parts = list(log.parts(users=users, events=events))
        names = [list(dict.fromkeys(part.user.tolist())) for part in parts]
        assert [name for held in names for name in held] == list(dict.fromkeys(whole.user.tolist()))
        assert max(map(len, names)) <= users
        for part, held in zip(parts, names, strict=True):
            assert len(held) == 1 or len(set(zip(part.user, part.item, part.time, strict=True))) <= events
        assert sum(len(part.user) for part in parts) == len(whole.user)


def test_what_prepare_refuses_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    entry, made = DATASETS["csv"], tmp_path / "t.parquet"
    assert entry.load is not None
    log = entry.load(drawn(tmp_path, "csv"))
    with pytest.raises(SchemaError, match=r"no user is left of \d\d: \d\d have fewer than 999"):
        prepare_file(log, made, min_interactions=999)
    with pytest.raises(InputError, match="limit: 0"):
        prepare_file(log, made, limit=0)
    bare = Log(**{**vars_of(log), "bundle": np.full(len(log.user), -1)})
    with pytest.raises(SchemaError, match="no interaction has a category"):
        prepare_file(bare, made)
    (tmp_path / "blank.csv").write_text("user,item,time,categories\nann,x,1,\nann,y,2, \n")
    with pytest.raises(SchemaError, match=r"blank\.csv: no interaction has a category of the set"):
        prepare_file(entry.load(tmp_path / "blank.csv"), made)
    assert not made.exists() and not list(tmp_path.glob(".*"))


def vars_of(log: Log) -> dict[str, Any]:
    return {name: getattr(log, name) for name in Log.__dataclass_fields__}
