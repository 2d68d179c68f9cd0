"""A log whose times have another unit: the table is that of seconds, or the unit is asked for by its option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectra_eval.data import csv, prepare, recbole
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

MS = Path(__file__).parents[2] / "logs/ms.csv"
RULES: dict[str, Any] = {"details": True, "context_windows": (1, 2), "horizons": ("long", "short")}
SIZES = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def made(log: Interactions) -> PreferenceTable:
    return prepare(log, **RULES)


def columns(table: PreferenceTable) -> list[Any]:
    assert table.history is not None and table.history_details is not None
    arrays = (table.counts, table.history_counts, table.n_window, table.users)
    return [
        table.history.tolist(),
        table.history_details.tolist(),
        *(array.tolist() for array in arrays if array is not None),
    ]


@pytest.fixture
def seconds(tmp_path: Path) -> Path:
    frame = pd.read_csv(MS)
    frame.assign(time=frame["time"] // 1000).to_csv(tmp_path / "s.csv", index=False)
    return tmp_path / "s.csv"


@pytest.mark.parametrize("unit", SIZES)
@pytest.mark.parametrize("form", ["csv", "float", "exponent", "parquet", "recbole"])
def test_the_right_unit_gives_the_table_of_seconds(tmp_path: Path, seconds: Path, unit: str, form: str) -> None:
    frame = pd.read_csv(seconds)
    times = frame["time"] * SIZES[unit]
    path = tmp_path / f"log.{form}"
    if form == "parquet":
        frame.assign(time=times).to_parquet(path)
    elif form == "recbole":
        path.mkdir()
        frame.assign(t=times.astype(str) + ".0").to_csv(
            path / "x.inter", sep="\t", index=False, columns=["user", "item", "t"],
            header=["user_id:token", "item_id:token", "timestamp:float"],
        )  # fmt: skip
        frame.drop_duplicates("item").to_csv(
            path / "x.item",
            sep="\t",
            index=False,
            columns=["item", "categories"],
            header=["item_id:token", "class:token"],
        )
    else:
        shown = (
            times.astype(str) + ".75"
            if form == "float"
            else times.map(lambda time: f"{time:.9e}" if form == "exponent" else time)
        )
        frame.assign(time=shown).to_csv(path, index=False)
    read = recbole.read if form == "recbole" else csv.read
    assert columns(made(read(path, time_unit=unit))) == columns(made(csv.read(seconds)))
    for other in SIZES.keys() - {unit}:
        with pytest.raises(SchemaError, match=rf"\(time_unit='{unit}'\)"):
            read(path, time_unit=other)


@pytest.mark.parametrize("time", ["-1600000000000", "4102444800", "-2208988801", "1e300", "-1e18"])
def test_a_time_outside_of_1900_to_2099_is_refused(tmp_path: Path, time: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"user,item,time,categories\na,x,{time},A\n")
    with pytest.raises(SchemaError, match=r"entry 1, time: .* not in the years 1900 to 2099; .*time_unit="):
        csv.read(path)


def test_interactions_of_the_caller_are_checked_too(seconds: Path) -> None:
    log = csv.read(seconds)
    late = Interactions(
        **{**{name: getattr(log, name) for name in log.__dataclass_fields__}, "time": np.asarray(log.time) * 1000}
    )
    with pytest.raises(SchemaError, match=r"interactions: entry 1, time: 1600000000000 seconds since 1970 are not in"):
        prepare(late)
    with pytest.raises(InputError, match="split_date: 1600000000000 seconds"):
        prepare(log, split_date=1_600_000_000_000)
