"""NDCG within the tail and the head of the categories: by hand, against scikit-learn, and by enumeration of ties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.metrics import BoundMetric, Comparison, category_ndcg
from spectra_eval.metrics.ranking_in_strata import (
    category_ndcg_head,
    category_ndcg_tail,
    head_categories,
    tail_categories,
)
from spectra_eval.tables import PreferenceTable


def drawn(seed: int, n: int = 40, k: int = 78) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(k, 0.1), n)
    return truth, rng.dirichlet(np.full(k, 0.3), n), rng.integers(0, 50, k).astype(float)


def chosen(frequency: np.ndarray, share: float, *, rarest: bool) -> list[int]:
    """Take a proportion of the categories off one end of a sorted list."""
    order = sorted(range(len(frequency)), key=lambda c: (-frequency[c], c))
    size = math.ceil(round(share * len(frequency), 9))
    return sorted(order[-size:] if rarest else order[:size])


@pytest.mark.parametrize(("size", "n"), [(78, 20), (4, 1), (5, 2), (1, 1), (80, 20), (3, 1)])
def test_a_quarter_is_rounded_up_and_the_two_ends_mirror(size: int, n: int) -> None:
    frequency = np.arange(size, dtype=float)
    assert np.flatnonzero(tail_categories(frequency)).tolist() == list(range(n))
    assert np.flatnonzero(head_categories(frequency)).tolist() == list(range(size - n, size))
    assert tail_categories(frequency, share=1).all() and head_categories(frequency, share=1).all()


def test_equal_frequencies_the_higher_index_is_the_rarer() -> None:
    assert tail_categories(np.ones(8)).tolist() == [False] * 6 + [True] * 2
    assert head_categories(np.ones(8)).tolist() == [True] * 2 + [False] * 6
    assert int(tail_categories(np.ones(10), share=0.3).sum()) == 3  # 0.3 * 10 is above 3 in binary by less than 1e-9


def test_by_hand() -> None:
    truth = np.array([[0.5, 0.1, 0.3, 0.1], [1.0, 0.0, 0.0, 0.0]])
    predicted = np.array([[0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.25, 0.25]])
    found = category_ndcg_tail(truth, predicted, k=2, frequency=[9, 7, 2, 1], share=0.5)
    # The tail is the last two: predicted second first, so .1 + .3 / log2(3) against .3 + .1 / log2(3).
    expected = (0.1 + 0.3 / math.log2(3)) / (0.3 + 0.1 / math.log2(3))
    assert found[0] == pytest.approx(expected, rel=1e-14)
    assert np.isnan(found[1])
    head = category_ndcg_head(truth, predicted, k=1, frequency=[9, 7, 2, 1], share=0.5)
    assert head.tolist() == pytest.approx([0.2, 0.5], rel=1e-14)  # the tie of the second user: (1 + 0) / 2


@pytest.mark.parametrize("k", [10, 20, 40])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_against_scikit_learn(k: int, share: float) -> None:
    truth, predicted, frequency = drawn(1)
    predicted = np.round(predicted, 2) + 1e-9
    predicted /= predicted.sum(axis=1, keepdims=True)  # with ties
    for function, rarest in ((category_ndcg_tail, True), (category_ndcg_head, False)):
        columns = chosen(frequency, share, rarest=rarest)
        gains, scores = truth[:, columns], predicted[:, columns]
        expected = [ndcg_score(gains[i : i + 1], scores[i : i + 1], k=k) for i in range(len(truth))]
        found = function(truth, predicted, k=k, frequency=frequency, share=share)
        assert found == pytest.approx(np.array(expected), rel=1e-9)


def test_ties_are_the_mean_over_their_orders_and_exp2_gains_are_of_the_whole_distribution() -> None:
    truth, predicted = np.array([[0.3, 0.05, 0.25, 0.4]]), np.array([[0.2, 0.2, 0.2, 0.4]])
    frequency = [1.0, 1.0, 1.0, 9.0]
    orders = list(itertools.permutations([0, 1, 2]))
    gain = {c: 2 ** truth[0, c] - 1 for c in range(3)}
    dcg = np.mean([gain[order[0]] + gain[order[1]] / math.log2(3) for order in orders])
    ideal = gain[0] + gain[2] / math.log2(3)
    found = category_ndcg_tail(truth, predicted, k=2, frequency=frequency, share=0.75, gain="exp2")
    assert found.tolist() == pytest.approx([dcg / ideal], rel=1e-12)
    by_index = category_ndcg_tail(truth, predicted, k=1, frequency=frequency, share=0.75, ties="index")
    assert by_index.tolist() == [1.0]


def test_the_whole_set_is_category_ndcg() -> None:
    truth, predicted, frequency = drawn(2)
    for function in (category_ndcg_tail, category_ndcg_head):
        whole = function(truth, predicted, k=7, frequency=frequency, share=1.0)
        assert whole.tolist() == category_ndcg(truth, predicted, k=7).tolist()


def test_order_of_the_categories_does_not_matter() -> None:
    truth, predicted, _ = drawn(3)
    frequency = np.random.default_rng(0).permutation(78).astype(float)
    order = np.random.default_rng(1).permutation(78)
    found = category_ndcg_tail(truth, predicted, k=10, frequency=frequency)
    turned = category_ndcg_tail(truth[:, order], predicted[:, order], k=10, frequency=frequency[order])
    assert found == pytest.approx(turned, rel=1e-12)


def table(seed: int) -> PreferenceTable:
    truth, predicted, _ = drawn(seed)
    truth = np.where(truth < 0.01, 0.0, truth)
    truth /= truth.sum(axis=1, keepdims=True)
    history = np.random.default_rng(seed + 1).gamma(0.3, 1.0, (len(truth), 78)) / np.arange(1, 79)
    return PreferenceTable(
        users=[f"u{i}" for i in range(len(truth))],
        categories=tuple(f"c{i}" for i in range(78)),
        theta_star=truth,
        theta_s=predicted,
        history_counts=history,
    )


def test_evaluate_takes_the_frequencies_of_the_histories_and_leaves_out_users_without_a_tail() -> None:
    one = table(4)
    frequency = one.history_counts.sum(axis=0)
    names = [
        "category_ndcg_tail@10",
        "category_ndcg_tail@20",
        "category_ndcg_head@10",
        "category_ndcg_tail@10:share=0.5",
    ]
    found = evaluate(one, metrics=names, bootstrap=50, systems=["theta_s", "popularity"])
    rows = {row.metric: row for row in found.results if row.system == "theta_s"}
    for name, function, k, share in (
        ("category_ndcg_tail@10", category_ndcg_tail, 10, 0.25),
        ("category_ndcg_tail@20", category_ndcg_tail, 20, 0.25),
        ("category_ndcg_head@10", category_ndcg_head, 10, 0.25),
        ("category_ndcg_tail@10:share=0.5", category_ndcg_tail, 10, 0.5),
    ):
        values = function(one.theta_star, one.theta_s, k=k, frequency=frequency, share=share)
        seen = values[~np.isnan(values)]
        assert rows[name].n_users == len(seen) and rows[name].value == pytest.approx(seen.mean(), rel=1e-12)
        assert rows[name].interval is not None
    assert any("have no value in some metric" in line for line in found.warnings) == bool(
        np.isnan(category_ndcg_tail(one.theta_star, one.theta_s, k=10, frequency=frequency)).any()
    )


def test_compare_tests_the_users_that_have_a_tail() -> None:
    one, other = table(4), table(4)
    other = other.replace(theta_s=one.theta_star)
    found = compare({"a": one, "b": other}, metrics=["category_ndcg_tail@10"], bootstrap=20)
    assert found.pairs[0].better == "b" and found.pairs[0].p_value is not None
    assert found.values["category_ndcg_tail@10"]["b"] == pytest.approx(1.0)


def test_without_a_window_in_any_tail_the_metric_is_undefined_with_its_reason() -> None:
    one = table(4)
    tail = tail_categories(one.history_counts.sum(axis=0))
    truth = np.where(tail, 0.0, one.theta_star)
    truth /= truth.sum(axis=1, keepdims=True)
    row = evaluate(one.replace(theta_star=truth), metrics=["category_ndcg_tail@5"], systems=["theta_s"]).results[0]
    assert (row.status, row.value, row.reason) == ("undefined", None, "40 records, none of which has a value")


def test_a_category_that_nobody_is_offered_is_in_no_end() -> None:
    rank = np.array([0, -1, 1, 2, -1, 3])
    rows = np.array([[0.1, 0.0, 0.2, 0.3, 0.0, 0.4]])
    support = rows > 0
    comparison = Comparison(
        theta_star=rows, theta_s=rows, lists=None, bucket=np.array([0, 3, 1, 2, 3, 2]), support=support,
        rank_by_frequency=rank,
    )  # fmt: skip
    bound = BoundMetric.parse("category_ndcg_tail@1:share=0.5")
    assert bound.statistic(comparison).tolist() == [[1.0]]
    strata_alone = Comparison(
        theta_star=rows, theta_s=rows[:, ::-1], lists=None, bucket=np.array([0, 3, 1, 2, 3, 2]), support=None
    )
    # Of four categories that are options, the rarest by strata are the last two: columns 3 and 5, predicted .2 and .1.
    assert bound.statistic(strata_alone).tolist() == [[pytest.approx(0.75)]]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan"), float("inf")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    truth, predicted, frequency = drawn(5)
    with pytest.raises(InputError, match="share"):
        category_ndcg_tail(truth, predicted, k=2, frequency=frequency, share=share)
    with pytest.raises(InputError, match="share"):
        evaluate(table(4), metrics=[f"category_ndcg_head@2:share={share}"])


def test_one_frequency_a_category() -> None:
    truth, predicted, frequency = drawn(5)
    with pytest.raises(ShapeError, match="frequency: 77 numbers for 78 categories"):
        category_ndcg_tail(truth, predicted, k=2, frequency=frequency[1:])
    with pytest.raises(ShapeError, match="frequency"):
        category_ndcg_head(truth, predicted, k=2, frequency=truth)
