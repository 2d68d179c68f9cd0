"""What a training may see: nothing of it stands in an evaluation window, and that is proven from the interactions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.data import check_leakage, prepare
from spectra_eval.errors import InputError, LeakageError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import earlier_tables, finetune, past_of, split_users, stacked, texts, with_offset
from spectra_eval.training._earlier import proof_of

K = 4


def log(seed: int = 0, users: int = 12) -> Interactions:
    """Give users of different lengths, with items of one or two categories, events of one second, and repeats."""
    rng = np.random.default_rng(seed)
    of_item = [sorted(rng.choice(K, size=1 + item % 2, replace=False).tolist()) for item in range(40)]
    rows: list[tuple[str, str, int, int]] = []
    for user in range(users):
        for _ in range(int(rng.integers(8, 30))):
            item, time = int(rng.integers(40)), int(rng.integers(0, 50))
            rows += [(f"u{user}", f"m{item}", category, time) for category in of_item[item]]
    return Interactions(
        user=np.array([row[0] for row in rows], dtype=object),
        item=np.array([row[1] for row in rows], dtype=object),
        category=np.array([row[2] for row in rows]),
        time=np.array([row[3] for row in rows]),
        weight=np.ones(len(rows)),
        categories=tuple("ABCD"),
        titles={f"m{item}": f"Film number {item} of the list" for item in range(40)},
    )


def by_hand(interactions: Interactions, user: str) -> list[tuple[int, int, str]]:
    """Give (time, place in the file, title) of one user's events, in order."""
    found, before = [], None
    for place, (who, item, category, time) in enumerate(
        zip(interactions.user, interactions.item, interactions.category, interactions.time, strict=True)
    ):
        fresh = before is None or before[:3] != (who, item, time) or category <= before[3]
        if fresh and who == user:
            found.append((int(time), place, interactions.titles[item]))
        before = (who, item, time, category)
    return sorted(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", [{}, {"split": 0.6}, {"split_date": 35}, {"ties": "together"}])
def test_histories_and_targets_end_where_the_window_begins(seed: int, how: dict[str, Any]) -> None:
    events = log(seed)
    table = prepare(events, weighting="count", **how)
    earlier = earlier_tables(table, events, cuts=[0.5, 0.8], min_interactions=2)
    assert table.history is not None and len(earlier) == 2
    for one in earlier:
        assert one.history is not None
        for row, user in enumerate(one.users.tolist()):
            (place,) = np.flatnonzero(table.users == user)
            told = table.history[place]
            assert one.history[row] == told[: len(one.history[row])], "a history is the beginning of the later one"
            assert len(one.history[row]) + one.n_window[row] == len(told), "the target ends where the window begins"
            assert list(told) == [title for *_, title in by_hand(events, user)][: len(told)]
            both = np.asarray(one.history_counts)[row] + np.asarray(one.counts)[row]
            np.testing.assert_allclose(both, np.asarray(table.history_counts)[place])
    proof = proof_of(table, events, earlier, 20)
    assert proof["records"] == table.n_users and proof["texts"] == sum(one.n_users for one in earlier)


def test_texts_hold_no_title_that_only_the_window_holds() -> None:
    events = log(7)
    table = prepare(events)
    told = texts(past_of(table, events))
    by_user: dict[str, list[str]] = {}
    for text in told:
        by_user.setdefault(text.user or "", []).append(text.text)
    items = by_user.pop("")
    assert check_leakage(table, events, texts=by_user)["texts"] == len(told) - len(items)
    assert check_leakage(table, events, texts=items)["texts"] == len(items)
    everything: dict[str, list[str]] = {}
    for text in texts(events):  # with the windows: the check must bite, or it proves nothing
        if text.user:
            everything.setdefault(text.user, []).append(text.text)
    with pytest.raises(LeakageError, match="of this user's window"):
        check_leakage(table, events, texts=everything)


def test_a_target_that_reaches_into_the_window_is_found() -> None:
    events = log(1)
    table = prepare(events, split=0.8)
    late = prepare(events, split=0.5)  # its window ends where the life of the user ends
    with pytest.raises(LeakageError, match="reaches into the window of the evaluation"):
        proof_of(table, events, [late], 20)


def test_users_outside_the_table_are_not_trained_on() -> None:
    events = log(2)
    table = prepare(events)
    trained, kept = split_users(table, 0.4, seed=3)
    past = past_of(trained, events)
    assert set(past.user) == set(trained.users) and not set(past.user) & set(kept.users)
    again, _ = split_users(table.select(slice(None, None, -1)), 0.4, seed=3)
    assert set(again.users) == set(trained.users), "the side of a user does not depend on the order"
    assert set(split_users(table, 0.4, seed=4)[0].users) != set(trained.users)
    for share in (0.0, 1.0, 1e-9):
        with pytest.raises(InputError, match="share"):
            split_users(table, share)


def test_the_earliest_of_several_windows_counts() -> None:
    events = log(3)
    table = prepare(events, context_windows=[1, 3], horizons=["long", "short"])
    plain = prepare(events)
    np.testing.assert_array_equal(past_of(table, events).time, past_of(plain, events).time)


def test_other_interactions_are_refused() -> None:
    events = log(4)
    table = prepare(events)
    with pytest.raises(InputError):
        past_of(table, log(5))
    with pytest.raises(InputError, match="cuts: none"):
        earlier_tables(table, events, cuts=[])
    with pytest.raises(SchemaError, match="no user is left"):
        earlier_tables(table, events, min_interactions=1000)


def test_an_offset_is_the_logarithm_of_the_baseline() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("X", "Y"),
        counts=[[1, 0], [0, 1]],
        history_counts=[[3, 1], [0, 2]],
        scores=[[0.0, 2 * np.log(3)], [0.0, 0.0]],
    )
    made = with_offset(table, "history", temperature=2.0)
    np.testing.assert_allclose(made.theta_s, [[0.5, 0.5], [1e-3 / 1.001, 1 / 1.001]])
    assert made.metadata["offset"] == "history" and made.metadata["temperature"] == 2.0
    with pytest.raises(InputError, match="column scores"):
        with_offset(table.replace(scores=None), "history")


def test_cuts_are_stacked_and_an_offset_is_fitted_on_other_users_at_all_of_them() -> None:
    from spectra_eval.baselines import system

    events = log(6, users=30)
    table = prepare(events, weighting="count")
    earlier = earlier_tables(table, events, cuts=[0.5, 0.8], min_interactions=2)
    pooled = stacked(earlier)
    assert pooled.n_users == sum(one.n_users for one in earlier) and pooled.context_window is not None
    for number, one in enumerate(earlier, 1):
        rows = pooled.context_window == number
        assert pooled.users[rows].tolist() == one.users.tolist()
        np.testing.assert_array_equal(np.asarray(pooled.history_counts)[rows], one.history_counts)
        np.testing.assert_array_equal(np.asarray(pooled.counts)[rows], one.counts)
    before = system(pooled, "mixture").theta
    own = pooled.users == pooled.users[0]
    counts = np.array(pooled.counts)
    counts[own] = counts[own][:, ::-1]  # what this user did at any cut is of no matter to the user's own rows
    after = system(pooled.replace(counts=counts, theta_star=None, n_window=None), "mixture").theta
    np.testing.assert_array_equal(after[own], before[own])
    assert not np.array_equal(after, before)
    other = PreferenceTable(users=["a"], categories=("X", "Y"), counts=[[1, 0]], history_counts=[[1, 0]])
    for tables in ([], [*earlier, other]):
        with pytest.raises(InputError, match="cut one table again"):
            stacked(tables)


def test_what_is_told_beside_titles_is_proven_too() -> None:
    events = log(3)
    table = prepare(events)
    earlier = earlier_tables(table, events, cuts=[0.5])
    assert table.history is not None and earlier[0].history is not None
    mild = [earlier[0].replace(history=[(*told, "all in all: A 40%") for told in earlier[0].history])]
    assert proof_of(table, events, earlier, 20, mild)["texts"] == earlier[0].n_users
    for user in earlier[0].users.tolist():
        (row,) = np.flatnonzero(table.users == user)
        life = [title for *_, title in by_hand(events, user)]
        fresh = sorted(set(life[len(table.history[row]) :]) - set(table.history[row]))
        if fresh:
            break
    (place,) = np.flatnonzero(earlier[0].users == user)
    histories = [(*told, fresh[0]) if at == place else told for at, told in enumerate(earlier[0].history)]
    with pytest.raises(LeakageError, match="of this user's window"):
        proof_of(table, events, earlier, 20, [earlier[0].replace(history=histories)])


def test_every_column_of_the_log_is_cut_alike() -> None:
    events = log(2)
    rated = dataclasses.replace(events, rating=np.arange(len(events.user), dtype=float))
    past = past_of(prepare(rated), rated)
    plain = past_of(prepare(events), events)
    np.testing.assert_array_equal(past.time, plain.time)
    assert past.rating is not None
    assert past.user.tolist() == [events.user[int(place)] for place in past.rating]
    assert [one.n_users for one in earlier_tables(prepare(rated), rated)] == [
        one.n_users for one in earlier_tables(prepare(events), events)
    ]


def test_the_earlier_name_of_an_argument_of_finetune_warns(tmp_path: Path) -> None:
    events = log()
    with (
        pytest.warns(DeprecationWarning, match="tell is now with_histories"),
        pytest.raises(InputError, match="stage: 'rl'"),
    ):
        finetune(prepare(events, min_interactions=2), events, tmp_path, stage="rl", tell=lambda table: table)
