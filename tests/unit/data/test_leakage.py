"""The proof against leaks: honest tables pass, and every way to spoil one is named with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectra_eval.data import check_leakage, prepare
from spectra_eval.errors import InputError, LeakageError
from spectra_eval.probing.prompts import list_request
from spectra_eval.probing.templates import history_texts
from spectra_eval.tables import Interactions, PreferenceTable


def events(titles: list[str], user: list[str] | None = None, time: list[int] | None = None) -> Interactions:
    n = len(titles)
    return Interactions(
        user=np.array(user or ["u"] * n, dtype=object),
        item=np.array(titles, dtype=object),
        category=np.arange(n) % 3,
        time=np.array(time or range(n), dtype=np.int64),
        weight=np.ones(n),
        categories=("A", "B", "C"),
        titles={title: title for title in titles},
    )


TITLES = ["Alien (1979)", "Brazil (1985)", "Crash, The (2004)", "Dune", "Up", "...", "Heat (1995)", "Up", "M", "Ran"]
LOG = events(TITLES)


def test_the_proof_counts_what_it_proved() -> None:
    table = prepare(LOG, split=0.6)
    proof = check_leakage(table, LOG)
    assert proof == {
        "records": 1,
        "users": 1,
        "told": 6,
        "held_back": 4,
        "cut_inside_a_second": 0,
        "texts": 0,
    }
    assert table.metadata["leakage_checked"] == proof


def test_a_cut_inside_a_second_is_counted() -> None:
    log = events(TITLES, time=[0, 0, 1, 1, 2, 2, 2, 2, 3, 3])
    assert check_leakage(prepare(log, split=0.6), log)["cut_inside_a_second"] == 1
    assert check_leakage(prepare(log, split=0.6, ties="together"), log)["cut_inside_a_second"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"history": [(*TITLES[:5], "Heat (1995)")]}, r"row 1 \(user 'u'\), column history: 'Heat \(1995\)' occurs in"),
        ({"history": [(*TITLES[:6], "Heat (1995)")]}, "'Heat"),
        ({"history": [("Not of this log",)]}, "not found one before the other among this user's 10"),
        ({"history": [tuple(reversed(TITLES[:6]))]}, "not found one before"),
        ({"history_counts": [[3.0, 2.0, 2.0]]}, "not found one before"),
        ({"counts": [[0.0, 0.0, 4.0]]}, "not found one before"),
        ({"n_window": [5]}, "not found one before"),
        ({"n_window": [50]}, "not found one before"),
    ],
)
def test_a_spoiled_table_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(LeakageError, match=said) as caught:
        check_leakage(prepare(LOG, split=0.6).replace(**change), LOG)
    assert "\n" not in str(caught.value)


def test_a_window_moved_into_the_history_is_found_in_any_row() -> None:
    rng = np.random.default_rng(3)
    users = [f"u{u}" for u in rng.integers(0, 8, 300)]
    log = events([f"item {i}" for i in range(300)], user=users, time=rng.integers(0, 10**6, 300).tolist())
    table = prepare(log, context_windows=[1, 3], horizons=["long", "short"], session_gap="1d")
    assert table.history is not None
    for row in range(table.n_users):
        history = table.history.copy()
        own = log.item[log.user == table.users[row]][np.argsort(log.time[log.user == table.users[row]])].tolist()
        cut = own.index(history[row][-1]) + 1
        history[row] = (*history[row], own[cut])
        with pytest.raises(LeakageError, match=rf"row {row + 1} \(user '{table.users[row]}'\)"):
            check_leakage(table.replace(history=history), log)


def test_titles_that_fit_at_several_places_are_told_apart_by_their_weights() -> None:
    log = events(["x"] * 12)
    log = Interactions(**{**vars(log), "weight": np.arange(1.0, 13.0)})
    table = prepare(log, split=0.5, window_end=0.75, context_windows=[1], session_gap=1)
    assert table.metadata["leakage_checked"]["told"] == 6
    some = table.replace(history=[("x",) * 2], history_counts=[[0.0, 5.0, 6.0]], counts=[[7.0, 8.0, 9.0]])
    assert check_leakage(some, log)["told"] == 2
    with pytest.raises(LeakageError, match="not found"):
        check_leakage(some.replace(history_counts=[[0.0, 6.0, 5.0]]), log)


def test_what_the_proof_needs_is_asked_for() -> None:
    table = prepare(LOG, split=0.6)
    with pytest.raises(InputError, match="no column history"):
        check_leakage(table.replace(history=None), LOG)
    with pytest.raises(InputError, match="n_window is unknown"):
        check_leakage(table.replace(n_window=[-1]), LOG)
    with pytest.raises(InputError, match=r"user 'other'\): not in the interactions"):
        check_leakage(table.replace(users=["other"]), LOG)
    with pytest.raises(InputError, match="3 categories, the interactions have 4"):
        check_leakage(table, Interactions(**{**vars(LOG), "categories": ("A", "B", "C", "D")}))


def two() -> tuple[PreferenceTable, Interactions]:
    log = events(TITLES + TITLES[::-1], user=["ann"] * 10 + ["bob"] * 10)
    return prepare(log, split=0.6), log


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("She saw Heat (1995).", "Heat (1995)"),
        ("She saw Heat  \n (1995)", "Heat (1995)"),
        ("list: M", "M"),
        ("M", "M"),
        ("Mum ran; Ran1 and aRan", None),
        ("Heat (1996)", None),
        ("Up and up", None),  # was told before
        ("Alien (1979) Dune ...", None),
        ("", None),
    ],
)
def test_a_users_texts_hold_nothing_of_the_users_window(text: str, leaks: str | None) -> None:
    table, log = two()
    texts = {"ann": ["fine", text], "nobody": ["Heat (1995)"]}
    if leaks is None:
        assert check_leakage(table, log, texts=texts)["texts"] == 3
    else:
        with pytest.raises(LeakageError) as caught:
            check_leakage(table, log, texts=texts)
        assert str(caught.value).startswith(f"text 2 of user 'ann': contains {leaks!r}")


def test_a_title_without_a_word_is_found_too() -> None:
    log = events([*TITLES[:5], *TITLES[6:], "..."])
    with pytest.raises(LeakageError, match=r"'\.\.\.'"):
        check_leakage(prepare(log), log, texts={"u": ["Dune", "and then ..."]})


def test_texts_of_nobody_hold_no_title_that_only_windows_hold() -> None:
    table, log = two()
    assert check_leakage(table, log, texts=["Heat (1995)", "Alien (1979)"])["texts"] == 2  # told to the other user
    with pytest.raises(LeakageError, match=r"text 2: contains 'Heat \(1995\)', which occurs in windows"):
        check_leakage(prepare(LOG, split=0.6), LOG, texts=iter(["Dune", "Heat (1995)"]))


def test_the_prompts_of_an_honest_table_pass_and_long_titles_are_known_as_they_are_shown() -> None:
    log = events([f"{'long ' * 60}{name}" for name in "abcdefghij"])
    log.titles["long " * 60 + "j"] = "the last " * 40  # type: ignore[index]
    table = prepare(log, split=0.9)
    assert table.history is not None
    ask = [list_request(told, ("P", "Q"), list_length=1).prefix for told in [table.history[0], ["the last " * 40]]]
    assert check_leakage(table, log, texts={"u": ask[:1]})["texts"] == 1
    with pytest.raises(LeakageError, match="text 2 of user 'u'"):
        check_leakage(table, log, texts={"u": ask})


def test_a_probed_table_shows_the_newest_titles_and_is_proven_all_the_same() -> None:
    table, log = two()
    assert table.history is not None and table.history_counts is not None
    shown = table.replace(history=[titles[-2:] for titles in table.history], metadata={**table.metadata, "titles": 2})
    assert shown.history is not None
    assert check_leakage(shown, log, texts=history_texts(shown)) == {
        "records": 2, "users": 2, "told": 4, "held_back": 8, "cut_inside_a_second": 0, "texts": 2,
    }  # fmt: skip
    with pytest.raises(LeakageError, match="not found one before"):
        check_leakage(shown.replace(metadata={**table.metadata}), log)  # nothing says that titles were left out
    later = [(*titles[:-1], log.titles[log.item[row * 10 + 7]]) for row, titles in enumerate(shown.history)]
    with pytest.raises(LeakageError, match=r"row 1 \(user 'ann'\)"):
        check_leakage(shown.replace(history=later), log)
    with pytest.raises(LeakageError, match="not found one before"):
        check_leakage(shown.replace(history_counts=table.history_counts + 1.0), log)
    assert check_leakage(shown.replace(history=[(), ()]), log)["told"] == 0
    with pytest.raises(InputError, match="no column history"):
        history_texts(table.replace(history=None))


def test_a_title_that_is_part_of_one_told_before_proves_nothing() -> None:
    log = events(["Crash Dive", "Crash, The", "Alien", "Dune", "Crash", "Crash Dive 2"], user=["ann"] * 6)
    table = prepare(log, split=0.67)
    told = [*history_texts(table)["ann"], "the crash", "Crash!", "Dunes"]
    assert check_leakage(table, log, texts={"ann": told})["texts"] == 4
    assert check_leakage(table, log, texts=told)["texts"] == 4
    for texts in ({"ann": ["Crash Dive 2!"]}, ["Crash Dive 2!"]):
        with pytest.raises(LeakageError, match="contains 'Crash Dive 2'"):
            check_leakage(table, log, texts=texts)
