"""The cut in time: small cases by hand, and the real data recomputed with plain Python and SciPy."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import rel_entr
from sklearn.metrics import ndcg_score

from spectra_eval.data import prepare
from spectra_eval.data.movielens import read
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import Interactions, PreferenceTable

SMALL = Path(__file__).parents[3] / "examples/data/ml-latest-small"


def events(rows: list[tuple[str, str, int, list[int]]], **fields: Any) -> Interactions:
    """Make interactions of (user, item, time, categories)."""
    flat = [(user, item, time, c) for user, item, time, categories in rows for c in categories]
    user, item, time, category = zip(*flat, strict=True)
    made: dict[str, Any] = {
        "user": np.array(user, dtype=object),
        "item": np.array(item, dtype=object),
        "time": np.array(time, dtype=np.int64),
        "category": np.array(category, dtype=np.int64),
        "weight": np.ones(len(flat)),
        "categories": ("A", "B", "C"),
        "titles": {name: f"title {name}" for name in set(item)},
    }
    return Interactions(**{**made, **fields})


def timed(*times: int) -> Interactions:
    return events([("u", str(place), time, [place % 3]) for place, time in enumerate(times)])


def told(table: PreferenceTable) -> list[list[str]]:
    return [[title.removeprefix("title ") for title in titles] for titles in table.history]


def test_the_oldest_are_told_whatever_the_order_of_the_file() -> None:
    table = prepare(timed(50, 10, 40, 20, 30))
    assert told(table) == [["1", "3", "4", "2"]]
    assert table.counts.tolist() == [[1.0, 0.0, 0.0]]
    assert table.n_window.tolist() == [1]


def test_the_share_is_of_events_and_not_of_their_categories() -> None:
    rows = [("u", str(i), i, [0, 1, 2] if i == 0 else [1]) for i in range(5)]
    table = prepare(events(rows), weighting="count")
    assert table.history_counts.tolist() == [[1.0, 4.0, 1.0]]
    assert table.counts.tolist() == [[0.0, 1.0, 0.0]]


def test_fractions_of_an_event_sum_to_its_weight() -> None:
    table = prepare(events([("u", str(i), i, [0, 2]) for i in range(5)]), weighting="fraction")
    assert table.history_counts.tolist() == [[2.0, 0.0, 2.0]]
    weighed = events([("u", str(i), i, [0]) for i in range(5)], weight=np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert prepare(weighed).history_counts.tolist() == [[10.0, 0.0, 0.0]]


def test_the_same_item_twice_in_a_second_is_two_events() -> None:
    table = prepare(events([("u", "x", 7, [0, 1])] * 5), weighting="count")
    assert table.n_window.tolist() == [1]
    assert table.history_counts.tolist() == [[4.0, 4.0, 0.0]]


def test_ties_are_cut_in_file_order() -> None:
    assert told(prepare(timed(1, 1, 1, 1, 1))) == [["0", "1", "2", "3"]]
    assert told(prepare(timed(9, 1, 9, 9, 9))) == [["1", "0", "2", "3"]]


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ((1, 2, 3, 4, 5), 4),  # no tie at the cut
        ((1, 2, 3, 4, 4), 3),  # the end would leave no window
        ((1, 1, 1, 1, 2), 4),  # the cut stands at a border
        ((1, 1, 1, 2, 3, 3, 3, 3, 3, 4), 9),  # cut at 8: the end is nearer
        ((1, 1, 1, 2, 3, 4, 5, 6, 6, 7), 7),  # both as near: the beginning
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 2), 9),  # the beginning would leave no history
    ],
)
def test_ties_kept_together_move_the_cut(times: tuple[int, ...], kept: int) -> None:
    table = prepare(timed(*times), ties="together")
    assert len(table.history[0]) == kept
    assert table.n_window.tolist() == [len(times) - kept]


def test_users_without_a_moment_to_cut_at_are_counted() -> None:
    rows = [("one", str(i), 3, [0]) for i in range(5)] + [("two", str(i), i, [1]) for i in range(5)]
    rows += [("few", str(i), i, [1]) for i in range(4)]
    table = prepare(events(rows), ties="together")
    assert table.users.tolist() == ["two"]
    assert (table.metadata["users_read"], table.metadata["users_undivided"]) == (3, 1)
    assert table.metadata["users_with_too_few"] == 1
    with pytest.raises(SchemaError, match="no user is left of 3"):
        prepare(events(rows), min_interactions=6)


def test_users_keep_the_order_of_the_file_though_their_rows_are_mixed() -> None:
    rows = [(user, f"{user}{i}", i, [0]) for i in range(5) for user in ("b", "a")]
    table = prepare(events(rows))
    assert table.users.tolist() == ["b", "a"]
    assert told(table) == [["b0", "b1", "b2", "b3"], ["a0", "a1", "a2", "a3"]]


def test_the_rules_and_a_digest_travel_with_the_table() -> None:
    first, other = prepare(timed(1, 2, 3, 4, 5), split=0.6), prepare(timed(1, 2, 3, 4, 6), split=0.6)
    assert first.metadata["split"]["share"] == 0.6
    assert first.metadata["split"]["ties"] == "file-order"
    assert first.metadata["weighting"] == "fraction"
    assert first.metadata["interactions_digest"] != other.metadata["interactions_digest"]
    assert first.metadata["interactions_digest"] == prepare(timed(1, 2, 3, 4, 5)).metadata["interactions_digest"]
    assert first.n_window.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": 0.0}, "split: 0.0"),
        ({"split": 1.0}, "split: 1.0"),
        ({"min_interactions": 1}, "at least 2"),
        ({"weighting": "square"}, "choose fraction or count"),
        ({"ties": "random"}, "choose file-order or together"),
    ],
)
def test_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        prepare(timed(1, 2, 3, 4, 5), **options)


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"weight": np.ones(3)}, ShapeError, "weight has 3 entries, user has 5"),
        ({"weight": np.array([1.0, 1.0, -1.0, 1.0, 1.0])}, InputError, "entry 3: weight -1.0"),
        ({"category": np.array([0, 1, 2, 3, 0])}, SchemaError, "entry 4: category 3"),
        ({"category": np.array([0, 1, -1, 2, 0])}, SchemaError, "entry 3: category -1"),
        ({"titles": {}}, SchemaError, "item '0' has no title"),
    ],
)
def test_defects_are_named(fields: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        prepare(events([("u", str(i), i, [0]) for i in range(5)], **fields))


@pytest.fixture(scope="module")
def recomputed() -> dict[str, tuple[list[str], list[list[str]], list[list[str]]]]:
    """Give each user's titles told, and the genres of each told and each held-back rating: plain Python."""
    with (SMALL / "movies.csv").open(encoding="utf-8", newline="") as file:
        movies = {row["movieId"]: (row["title"], row["genres"].split("|")) for row in csv.DictReader(file)}
    rated: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with (SMALL / "ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if movies[row["movieId"]][1] != ["(no genres listed)"]:
                rated[row["userId"]].append((int(row["timestamp"]), row["movieId"]))
    out = {}
    for user, ratings in rated.items():
        ordered = [movie for _, movie in sorted(ratings, key=lambda rating: rating[0])]
        cut = len(ordered) * 8 // 10
        genres = [movies[movie][1] for movie in ordered]
        out[user] = ([movies[movie][0] for movie in ordered[:cut]], genres[:cut], genres[cut:])
    return out


def _frequencies(lists: list[list[str]], categories: tuple[str, ...]) -> np.ndarray:
    counts = np.array([sum(name in genres for genres in lists) for name in categories], dtype=float)
    return counts / counts.sum()


def _js_bits(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return float((rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / np.log(2))


def test_real_data_against_plain_python(recomputed: dict[str, Any]) -> None:
    table = prepare(read(SMALL, genre_set="18+imax"), weighting="count")
    assert table.users.tolist() == list(recomputed)
    for row, (titles, past, future) in enumerate(recomputed.values()):
        assert list(table.history[row]) == titles
        assert table.n_window[row] == len(future)
        assert table.history_counts[row].sum() == sum(map(len, past))
        assert table.theta_star[row] == pytest.approx(_frequencies(future, table.categories), abs=1e-15)


def test_reference_predictors_reach_the_measured_numbers(recomputed: dict[str, Any]) -> None:
    categories = read(SMALL, genre_set="18+imax").categories
    past = np.array([_frequencies(past, categories) for _, past, _ in recomputed.values()])
    future = np.array([_frequencies(future, categories) for _, _, future in recomputed.values()])
    popular = np.broadcast_to(past.mean(axis=0), past.shape)
    uniform = np.full(past.shape, 1 / len(categories))
    js = [np.mean([_js_bits(p, q) for p, q in zip(future, held, strict=True)]) for held in (uniform, popular, past)]
    assert js == pytest.approx([0.301, 0.158, 0.143], abs=0.004)
    ndcg = [ndcg_score(future, held, k=10) for held in (popular, past)]
    assert ndcg == pytest.approx([0.845, 0.859], abs=0.004)
