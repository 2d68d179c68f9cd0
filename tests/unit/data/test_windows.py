"""Sessions, context windows, horizons and dates: by hand, and real and drawn logs recomputed with pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectra_eval.data import prepare
from spectra_eval.data.complete_journey import read
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

REAL = Path(__file__).parents[3] / "examples/data/complete-journey-500"
HOUR = 3600


def timed(*times: int, user: str = "u") -> Interactions:
    """Make one event a time; its title and its category tell its place."""
    n = len(times)
    return Interactions(
        user=np.array([user] * n, dtype=object),
        item=np.array([str(i) for i in range(n)], dtype=object),
        category=np.arange(n) % 3,
        time=np.array(times, dtype=np.int64),
        weight=np.ones(n),
        categories=("A", "B", "C"),
        titles={str(i): str(i) for i in range(n)},
    )


def drawn(seed: int, n: int = 900, users: int = 25) -> Interactions:
    """Draw events with ties in time, several categories an event and unequal weights."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 4, n)
    user, item = rng.integers(0, users, n), rng.integers(0, 60, n)
    time = rng.integers(0, 300, n) * 900
    category = np.concatenate([np.sort(rng.choice(5, s, replace=False)) for s in size])
    return Interactions(
        user=np.repeat([f"u{u}" for u in user], size).astype(object),
        item=np.repeat([f"i{i}" for i in item], size).astype(object),
        category=category,
        time=np.repeat(time, size),
        weight=np.repeat(rng.integers(0, 4, n) / 2, size),
        categories=("A", "B", "C", "D", "E"),
        titles={f"i{i}": f"title {i}" for i in range(60)},
    )


def recomputed(
    interactions: Interactions, *, gap: int, windows: list[int], short: int | None, date: int | None
) -> dict[tuple[str, int, str], tuple[list[str], list[float], list[float], int]]:
    """Do it again with pandas, a user and a session at a time."""
    k = len(interactions.categories)
    frame = pd.DataFrame({name: getattr(interactions, name) for name in ("user", "item", "category", "time", "weight")})
    step = frame[["user", "item", "time"]].ne(frame[["user", "item", "time"]].shift()).any(axis=1)
    frame["event"] = (step | (frame["category"] <= frame["category"].shift())).cumsum()
    frame["weight"] /= frame.groupby("event")["category"].transform("size")
    out = {}
    for user, own in frame.groupby("user", sort=False):
        events = own.drop_duplicates("event").sort_values("time", kind="stable").reset_index(drop=True)
        n = len(events)
        cut = int((events["time"] < date).sum()) if date is not None else min(max(n * 8 // 10, 1), n - 1)
        if n < 5 or cut in (0, n):
            continue
        events["session"] = (events["time"].diff() > gap).cumsum()
        past, future = events[:cut], events[cut:]
        for window in windows:
            told = past[past["session"] > past["session"].iloc[-1] - window]
            for horizon in ("long", "short"):
                held = future
                if horizon == "short":
                    held = future[:short] if short else future[future["session"] == future["session"].iloc[0]]
                sums = [
                    own[own["event"].isin(side["event"])]
                    .groupby("category")["weight"]
                    .sum()
                    .reindex(range(k))
                    .fillna(0)
                    for side in (told, held)
                ]
                titles = [interactions.titles[item] for item in told["item"]]
                out[str(user), window, horizon] = (titles, sums[0].tolist(), sums[1].tolist(), len(held))
    return out


def held(table: PreferenceTable) -> dict[tuple[str, int, str], tuple[list[str], list[float], list[float], int]]:
    assert table.history is not None and table.history_counts is not None and table.counts is not None
    assert table.context_window is not None and table.horizon is not None
    return {
        (table.users[r], int(table.context_window[r]), table.horizon[r]): (
            list(table.history[r]),
            table.history_counts[r].tolist(),
            table.counts[r].tolist(),
            int(table.n_window[r]),
        )
        for r in range(table.n_users)
    }


def same(got: dict[Any, Any], expected: dict[Any, Any]) -> None:
    assert list(got) == list(expected), "rows of one user stand together, context window before horizon"
    for key, (titles, told, window, n) in expected.items():
        assert got[key][0] == titles and got[key][3] == n
        assert got[key][1] == pytest.approx(told, abs=1e-9)
        assert got[key][2] == pytest.approx(window, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("short", "date"), [("session", None), (2, None), ("session", 200_000)])
def test_drawn_logs_against_pandas(seed: int, short: int | str, date: int | None) -> None:
    interactions = drawn(seed)
    # A window of weight zero is none: give every event some weight here.
    interactions = Interactions(**{**vars(interactions), "weight": interactions.weight + 0.5})
    how: dict[str, Any] = {"context_windows": [1, 3, 5, 8], "horizons": ["long", "short"], "session_gap": "2h"}
    table = prepare(interactions, short=short, split_date=date, **how)
    number = None if short == "session" else int(short)
    same(held(table), recomputed(interactions, gap=2 * HOUR, windows=[1, 3, 5, 8], short=number, date=date))
    assert table.metadata["leakage_checked"]["records"] == table.n_users


def test_real_baskets_against_pandas() -> None:
    interactions = read(REAL, level="coarse")
    first = np.isin(interactions.user, list(dict.fromkeys(interactions.user.tolist()))[:12])
    columns = {name: getattr(interactions, name)[first] for name in ("user", "item", "category", "time", "weight")}
    some = Interactions(**{**vars(interactions), **columns})
    table = prepare(some, context_windows=[1, 5], horizons=["long", "short"])
    same(held(table), recomputed(some, gap=8 * HOUR, windows=[1, 5], short=None, date=None))


def test_a_session_ends_after_a_longer_pause_only() -> None:
    how: dict[str, Any] = {"context_windows": [1, 2], "session_gap": 10}
    table = prepare(timed(0, 10, 21, 31, 99), **how)  # pauses 10, 11, 10: two sessions told
    assert [list(titles) for titles in table.history] == [["2", "3"], ["0", "1", "2", "3"]]
    assert table.horizon is None and table.context_window.tolist() == [1, 2]
    assert table.metadata["windows"]["session_gap_seconds"] == 10


def test_a_cut_inside_a_session_divides_it() -> None:
    how: dict[str, Any] = {"context_windows": [1], "horizons": ["short", "long"], "session_gap": 10, "split": 0.5}
    table = prepare(timed(0, 50, 55, 60, 90, 91), **how)
    assert list(table.history[0]) == ["1", "2"]
    assert table.n_window.tolist() == [1, 3]
    assert table.horizon.tolist() == ["short", "long"]


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ((0, 1, 2, 50, 51, 52, 53, 54, 55, 90), 9),  # cut at 8: the end of the session is nearer
        ((0, 50, 51, 52, 53, 54, 55, 90, 91, 92), 7),  # its beginning is
        ((0, 1, 2, 3, 4, 50, 51, 52, 53, 54), 5),  # its end would leave no window
    ],
)
def test_sessions_kept_together_move_the_cut(times: tuple[int, ...], kept: int) -> None:
    table = prepare(timed(*times), ties="session", session_gap=10)
    assert len(table.history[0]) == kept
    with pytest.raises(SchemaError, match="1 cannot be divided in time"):
        prepare(timed(*range(10)), ties="session", session_gap=10)


def test_a_date_cuts_everybody_at_one_moment() -> None:
    parts = [timed(0, 1, 86_400, 86_401, 86_402, user="both"), timed(*range(5), user="before")]
    parts.append(timed(*range(86_400, 86_405), user="after"))
    columns = {
        n: np.concatenate([getattr(p, n) for p in parts]) for n in ("user", "item", "category", "time", "weight")
    }
    for date in ("1970-01-02", "1970-01-02T09:00:00+09:00", 86_400):
        table = prepare(Interactions(**{**vars(parts[0]), **columns}), split_date=date)
        assert table.users.tolist() == ["both"]
        assert (len(table.history[0]), table.n_window.tolist()) == (2, [3])
        assert table.metadata["users_undivided"] == 2
        assert table.metadata["split"]["date"] == 86_400 and "share" not in table.metadata["split"]


@pytest.mark.parametrize("ties", ["file-order", "together", "session"])
def test_a_table_to_train_on_ends_where_the_evaluation_begins(ties: str) -> None:
    interactions = drawn(5)
    interactions = Interactions(**{**vars(interactions), "weight": np.ones_like(interactions.weight)})
    how: dict[str, Any] = {"ties": ties, "session_gap": "1h"}
    test = prepare(interactions, split=0.8, **how)
    train = prepare(interactions, split=0.5, window_end=0.8, **how)
    rows = {user: row for row, user in enumerate(test.users.tolist())}
    assert train.n_users > 10
    for row, user in enumerate(train.users.tolist()):
        if user in rows:
            told = len(train.history[row]) + train.n_window[row]
            assert told == len(test.history[rows[user]])
            assert test.history[rows[user]][: len(train.history[row])] == train.history[row]


def test_least_sessions_and_a_limit() -> None:
    parts = [timed(0, 1, 2, 3, 99, user="one"), timed(0, 50, 100, 150, 200, user="many")]
    columns = {
        n: np.concatenate([getattr(p, n) for p in parts]) for n in ("user", "item", "category", "time", "weight")
    }
    both = Interactions(**{**vars(parts[0]), **columns})
    table = prepare(both, min_sessions=2, session_gap=10, context_windows=[1, 2])
    assert table.users.tolist() == ["many", "many"]
    assert table.metadata["users_with_too_few_sessions"] == 1
    assert prepare(both, limit=1, context_windows=[1, 2]).users.tolist() == ["one", "one"]


def test_users_with_a_window_of_weight_zero_are_counted() -> None:
    parts = [timed(0, 1, 2, 3, 4, user="idle"), timed(0, 1, 2, 3, 4, user="busy")]
    columns = {
        n: np.concatenate([getattr(p, n) for p in parts]) for n in ("user", "item", "category", "time", "weight")
    }
    columns["weight"][4] = 0.0
    both = Interactions(**{**vars(parts[0]), **columns})
    table = prepare(both, limit=1)
    assert table.users.tolist() == ["busy"]
    assert table.metadata["users_with_weightless_windows"] == 1
    columns["weight"][9] = 0.0
    with pytest.raises(SchemaError, match="2 a window of weight 0"):
        prepare(both)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context_windows": []}, "context_windows: "),
        ({"context_windows": [1, 1]}, "name each once"),
        ({"context_windows": [0]}, "at least one session"),
        ({"horizons": ["medium"]}, "choose long or short"),
        ({"short": 0}, "choose session, or a number"),
        ({"short": "day"}, "choose session, or a number"),
        ({"session_gap": "soon"}, "session_gap: 'soon'"),
        ({"session_gap": "0h"}, "session_gap: '0h'"),
        ({"split_date": "July"}, "split_date: 'July'"),
        ({"window_end": 0.8}, "window_end: 0.8"),
        ({"window_end": 1.1}, "window_end: 1.1"),
        ({"min_sessions": 0}, "min_sessions: 0"),
        ({"limit": 0}, "limit: 0"),
    ],
)
def test_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        prepare(timed(1, 2, 3, 4, 5), **options)


@pytest.mark.parametrize(("split", "n"), [(0.29, 100), (0.57, 100), (0.58, 50), (0.7, 10)])
def test_a_product_just_below_a_whole_number_is_that_number(split: float, n: int) -> None:
    # 0.29 x 100 is 28.999999999999996 in floating point; the history has 29 interactions, not 28.
    table = prepare(timed(*range(n)), split=split)
    assert split * n < round(split * n) or split == 0.7
    assert len(table.history[0]) == round(split * n)
    assert table.n_window[0] == n - round(split * n)
