"""Lengths of time for histories and windows, and active days: edges by hand, drawn logs recomputed event by event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.data import prepare, prepare_file
from spectra_eval.data.csv import load
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions

DAY = 86400
NOON = 20_000 * DAY + DAY // 2


def timed(*events: tuple[str, int]) -> Interactions:
    """Make one event a (user, time); its title tells its place."""
    n = len(events)
    return Interactions(
        user=np.array([user for user, _ in events], dtype=object),
        item=np.array([str(i) for i in range(n)], dtype=object),
        category=np.arange(n) % 3,
        time=np.array([time for _, time in events], dtype=np.int64),
        weight=np.ones(n),
        categories=("A", "B", "C"),
        titles={str(i): str(i) for i in range(n)},
    )


def own(*times: int) -> Interactions:
    return timed(*[("u", time) for time in times])


def by_date(*times: int, **how: Any) -> tuple[tuple[str, ...], int]:
    rules = {"split_date": NOON, "min_interactions": 2, "history_span": "1d", "window_span": "1d", **how}
    table = prepare(own(*times), **rules)
    return table.history[0], int(table.n_window[0])


def test_calendar_intervals_are_half_open() -> None:
    edges = (NOON - DAY - 1, NOON - DAY, NOON - 1, NOON, NOON + DAY - 1, NOON + DAY)
    assert by_date(*edges) == (("1", "2"), 2)
    assert by_date(*edges, history_span=None) == (("0", "1", "2"), 2)
    assert by_date(*edges, window_span=None) == (("1", "2"), 3)


def test_spans_of_a_user_are_counted_from_the_first_interaction_of_the_window() -> None:
    times = (0, 9, 10, 19, 20, 29, 30, 40)  # half of eight: the window begins at 20
    table = prepare(own(*times), split=0.5, history_span=10, window_span=10)
    assert table.history[0] == ("2", "3")  # [10, 20)
    assert table.n_window.tolist() == [2]  # [20, 30)
    assert table.counts.tolist() == [[0.0, 1.0, 1.0]]


@pytest.mark.parametrize(("ties", "history"), [("file-order", ("1", "2")), ("together", ("1",))])
def test_interactions_of_the_second_of_the_cut_follow_the_rule_for_ties(ties: str, history: tuple[str, ...]) -> None:
    table = prepare(own(0, 10, 20, 20, 20, 25, 30), split=0.45, ties=ties, history_span=10, window_span=10)
    assert table.history[0] == history  # times 10 and 20, or 10
    assert int(table.n_window[0]) == 6 - len(history) - 1  # up to, and without, 30


def test_lengths_of_every_unit() -> None:
    events = own(*range(0, 40 * DAY, DAY // 4))
    for text, seconds in (("2w", 14 * DAY), ("14d", 14 * DAY), ("36h", 36 * 3600), ("90m", 5400), (5400, 5400)):
        table = prepare(events, window_span=text, split=0.5)
        assert table.metadata["split"]["window_span_seconds"] == seconds
        assert int(table.n_window[0]) == -(-seconds // (DAY // 4))


def test_an_active_day_is_a_utc_day_inside_the_span() -> None:
    cut = 10 * DAY
    times = [DAY, 7 * DAY - 1, 7 * DAY, 7 * DAY + 5, 9 * DAY, cut, cut + 1]
    how: dict[str, Any] = {"split_date": cut, "min_interactions": 2}
    assert prepare(own(*times), min_active_days=4, **how).n_users == 1  # days 1, 6, 7, 9
    assert prepare(own(*times), min_active_days=2, history_span="3d", **how).n_users == 1  # days 7, 9
    with pytest.raises(SchemaError, match=r"1 have fewer than 3 active days"):
        prepare(own(*times), min_active_days=3, history_span="3d", **how)


def test_users_left_out_are_counted_by_reason() -> None:
    t = NOON
    events = timed(
        *[("few", t - 5)],
        *[("all before", t - n) for n in range(1, 6)],
        *[("no history in the span", time) for time in (t - 9 * DAY, t - 8 * DAY, t + 1)],
        *[("no window in the span", time) for time in (t - 5, t - 4, t + 9 * DAY)],
        *[("one day", time) for time in (t - 5, t - 4, t + 1)],
        *[("kept", time) for time in (t - DAY, t - 4, t + 1)],
    )
    how: dict[str, Any] = {"split_date": t, "min_interactions": 3, "min_active_days": 2}
    table = prepare(events, history_span="2d", window_span="2d", **how)
    assert table.users.tolist() == ["kept"]
    counted = {name: count for name, count in table.metadata.items() if name.startswith("users_")}
    assert counted == {
        "users_read": 6,
        "users_with_too_few": 1,
        "users_undivided": 1,
        "users_without_history_in_span": 1,
        "users_without_window_in_span": 1,
        "users_with_too_few_sessions": 0,
        "users_with_too_few_active_days": 1,
        "users_with_window_past_the_log": 0,
        "users_with_weightless_windows": 0,
    }
    with pytest.raises(
        SchemaError,
        match=r"no user is left of 6: .*1 have no interaction in the window span.*, lengthen the spans",
    ):
        prepare(events, history_span="2d", window_span="2d", **{**how, "min_active_days": 3})


def test_windows_that_end_after_the_log_are_counted() -> None:
    table = prepare(own(0, 1, 2, 3, 4), split_date=3, window_span=10)
    assert table.metadata["users_with_window_past_the_log"] == 1
    assert prepare(own(0, 1, 2, 3, 4), split_date=3, window_span=2).metadata["users_with_window_past_the_log"] == 0


def drawn(seed: int) -> list[tuple[str, int, int, str]]:
    """Draw (user, item, time, categories) with distinct times for each user."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(12):
        for time in rng.choice(60 * 24, rng.integers(5, 90), replace=False).tolist():
            names = "|".join(sorted(rng.choice(list("ABCDE"), rng.integers(1, 4), replace=False)))
            rows.append((f"u{user}", len(rows), NOON + time * 3600, names))
    return rows


def written(rows: list[tuple[str, int, int, str]], path: Any) -> Any:
    path.write_text("\n".join(["user,item,time,categories", *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize("date", [None, NOON + 35 * DAY])
@pytest.mark.parametrize("seed", [1, 2])
def test_drawn_logs_give_what_a_loop_gives_in_any_order_of_lines(tmp_path: Any, date: int | None, seed: int) -> None:
    rows = drawn(seed)
    how: dict[str, Any] = {"history_span": "20d", "window_span": "5d", "min_active_days": 4, "split_date": date}
    expected = {}
    for user in {row[0] for row in rows}:
        times = sorted(row[2] for row in rows if row[0] == user)
        opened = date if date is not None else times[min(max(len(times) * 8 // 10, 1), len(times) - 1)]
        past = [row for row in rows if row[0] == user and opened - 20 * DAY <= row[2] < opened]
        window = [row for row in rows if row[0] == user and opened <= row[2] < opened + 5 * DAY]
        if past and window and len({row[2] // DAY for row in past}) >= 4:
            expected[user] = (len(past), len(window), sum(1 / len(r[3].split("|")) for r in window if "A" in r[3]))
    assert expected
    for order in (rows, rows[::-1], [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]):
        log = load(written(order, tmp_path / "log.csv"))
        table = prepare(log.interactions(), **how)
        a = table.categories.index("A")
        made = {
            str(table.users[row]): (len(table.history[row]), int(table.n_window[row]), table.counts[row, a])
            for row in range(table.n_users)
        }
        assert made == {user: pytest.approx(values) for user, values in expected.items()}
        prepare_file(log, tmp_path / "t.parquet", events=20, **how)
        again = read_table(tmp_path / "t.parquet")
        assert {**again.metadata, "read": None} == {**table.metadata, "read": None}
        assert again.counts.tolist() == table.counts.tolist()


def test_context_windows_horizons_and_sessions_stay_inside_the_spans() -> None:
    hours = [0, 20, 21, 40, 41, 60, 61, 80, 100]
    table = prepare(
        own(*[hour * 3600 for hour in hours]),
        split_date=50 * 3600,
        history_span="29h",
        window_span="31h",
        context_windows=[1, 9],
        horizons=["long", "short"],
        min_sessions=2,
    )
    assert [len(shown) for shown in table.history] == [2, 2, 3, 3]  # hours 40, 41 and 21, 40, 41
    assert table.n_window.tolist() == [3, 2, 3, 2]  # 60, 61, 80 and 60, 61
    with pytest.raises(SchemaError, match="1 have fewer than 3 sessions"):
        prepare(own(*[hour * 3600 for hour in hours]), split_date=50 * 3600, history_span="29h", min_sessions=3)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"history_span": "0d"}, "history_span: '0d' is no length of time"),
        ({"window_span": "14 days"}, "window_span: '14 days' is no length of time; write it as 30m, 8h, 14d or 2w"),
        ({"window_span": -3}, "window_span: -3 is no length"),
        ({"window_span": "1.5d"}, "window_span: '1.5d' is no length"),
        ({"window_span": "٣d"}, "window_span: '٣d' is no length"),
        ({"window_span": "14d", "window_end": 0.9}, "window_end: 0.9 beside a window span"),
        ({"min_active_days": 0}, "min_active_days: 0"),
        ({"min_active_days": True}, "min_active_days"),
        ({"min_active_days": 32, "history_span": "30d"}, "a history span of 2,592,000 seconds has at most 31 days"),
        ({"min_active_days": 31, "history_span": "30d", "split_date": 90 * DAY}, "has at most 30 days"),
        ({"min_active_days": 32, "history_span": "30d", "split_date": NOON}, "has at most 31 days"),
    ],
)
def test_bad_values_and_contradictions_are_one_line(how: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        prepare(own(*range(10)), **how)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_without_spans_says_nothing_of_them() -> None:
    metadata = prepare(own(*range(10))).metadata
    assert not any("span" in name or "active" in name for name in (*metadata, *metadata["split"]))
