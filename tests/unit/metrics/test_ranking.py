"""NDCG, captured mass and recall: golden numbers, scikit-learn, ir_measures, ties and short lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from spectra_eval import metrics
from spectra_eval._ties import settled
from spectra_eval.errors import InputError, ShapeError, SimplexError
from spectra_eval.metrics import METRICS, Comparison
from spectra_eval.metrics._arguments import check_lists
from spectra_eval.metrics._orders import best_first

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def comparison(theta_star: Any, theta_s: Any, lists: Any = None) -> Comparison:
    star, held = np.atleast_2d(np.array(theta_star, dtype=float)), np.atleast_2d(np.array(theta_s, dtype=float))
    return Comparison(theta_star=star, theta_s=held, lists=lists, bucket=np.zeros(star.shape[1], dtype=int))


def holds(got: float, expected: str) -> bool:
    value = float(expected)
    return bool(np.isnan(got)) if np.isnan(value) else abs(got - value) <= 1e-12 * abs(value) + 1e-300


@pytest.mark.parametrize("case", GOLDEN["ndcg_scores"])
def test_golden_scores(case: dict[str, Any]) -> None:
    options = {"k": case["k"], "ties": case["ties"], "gain": case["gain"]}
    got = METRICS["category_ndcg"].statistic(comparison(case["gains"], case["scores"]), **options)
    assert got.shape == (1, 1)
    assert holds(got[0, 0], case["ndcg"])


@pytest.mark.parametrize("case", GOLDEN["ndcg_list"])
def test_golden_lists(case: dict[str, Any]) -> None:
    lists = np.array([[-1 if entry is None else entry for entry in case["list"]]], dtype=np.int64)
    drawn = comparison(case["gains"], case["gains"], lists)
    got = METRICS["list_ndcg"].statistic(drawn, k=case["k"], gain=case["gain"])
    assert holds(got[0, 0], case["ndcg"])


@pytest.mark.parametrize("k", [1, 3, 7])
def test_ties_are_averaged_as_in_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(7), 80)
    held = rng.multinomial(6, np.full(7, 1 / 7), 80) / 6.0  # many ties, many zeros
    got = metrics.category_ndcg(truth, held, k=k)
    theirs = [ndcg_score(truth[i : i + 1], held[i : i + 1], k=k) for i in range(80)]
    np.testing.assert_allclose(got, theirs, rtol=1e-12)


def test_binary_gains_as_in_ir_measures() -> None:
    rng = np.random.default_rng(1)
    measure = ir_measures.nDCG @ 4
    for _ in range(20):
        relevant = rng.choice(9, size=rng.integers(1, 9), replace=False)
        truth, held = np.zeros(9), rng.dirichlet(np.ones(9))
        truth[relevant] = 1.0 / len(relevant)
        judged = {"q": {str(c): int(truth[c] > 0) for c in range(9)}}
        theirs = ir_measures.calc_aggregate([measure], judged, {"q": {str(c): float(held[c]) for c in range(9)}})
        assert metrics.category_ndcg(truth, held, k=4) == pytest.approx(theirs[measure], rel=1e-9)
        listed = metrics.list_ndcg(truth, metrics.top_list(held, k=4), k=4)
        assert listed == pytest.approx(theirs[measure], rel=1e-9)


def test_a_right_order_scores_one_and_never_more() -> None:
    truth = np.random.default_rng(2).dirichlet(np.full(26, 0.3), 500)
    for gain in ("linear", "exp2"):
        for ties in ("average", "index"):
            got = metrics.category_ndcg(truth, truth, k=10, ties=ties, gain=gain)
            assert np.max(got) <= 1.0
            np.testing.assert_allclose(got, 1.0, rtol=1e-12)


def test_zero_scores_are_credited_by_the_average_and_not_by_a_list() -> None:
    truth = np.array([[0.3, 0.25, 0.2, 0.1, 0.08, 0.07]])
    uniform_on_two = np.array([[0.0, 0.5, 0.5, 0.0, 0.0, 0.0]])
    lists = np.array([[1, 2]])
    assert metrics.category_ndcg(truth, uniform_on_two, k=5) > metrics.list_ndcg(truth, lists, k=5)
    values = [float(metrics.list_ndcg(truth, lists, k=k)[0]) for k in range(2, 9)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == values[-2]  # k is cut to the number of categories


def test_top_list_takes_the_lower_index_first() -> None:
    theta = np.array([[0.2, 0.3, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25]])
    assert metrics.top_list(theta, k=4).tolist() == [[1, 2, 0, 3], [0, 1, 2, 3]]
    assert metrics.top_list(theta[0], k=2).tolist() == [1, 2]
    with pytest.raises(InputError, match="exceeds the 4 categories"):
        metrics.top_list(theta, k=5)


def test_mass_captured_counts_each_category_once() -> None:
    truth = np.array([[0.5, 0.25, 0.25]] * 4)
    lists = np.array([[0, 0, 1], [-1, 2, 2], [-1, -1, -1], [9, 1, 0]])
    assert metrics.mass_captured(truth, lists, k=3).tolist() == [0.75, 0.25, 0.0, 0.75]
    assert metrics.mass_captured(truth, lists, k=1).tolist() == [0.5, 0.0, 0.0, 0.0]
    assert metrics.mass_captured(truth[:1], np.empty((1, 0), dtype=int), k=2).tolist() == [0.0]


def test_without_lists_the_system_lists_its_own_order() -> None:
    rng = np.random.default_rng(3)
    truth, held = rng.dirichlet(np.ones(6), (2, 40))
    lists = metrics.top_list(held, k=3)
    for name in ("list_ndcg", "mass_captured", "top_recall"):
        implied = METRICS[name].statistic(comparison(truth, held), k=3)
        named = METRICS[name].statistic(comparison(truth, held, lists), k=3)
        assert np.array_equal(implied, named)
        # The public function divides each row by its sum first, which may move the last bit.
        np.testing.assert_allclose(getattr(metrics, name)(truth, lists, k=3), implied[:, 0], rtol=1e-14)


def test_top_recall_asks_for_observed_categories_only_and_forgives_ties() -> None:
    truth = np.array([[0.5, 0.5, 0.0, 0.0], [0.4, 0.2, 0.2, 0.2], [0.4, 0.3, 0.2, 0.1]])
    assert metrics.top_recall(truth[0], np.array([0, 2, 3]), k=3) == 0.5  # two to find
    assert metrics.top_recall(truth[0], np.array([2, 1, 0]), k=3) == 1.0
    assert metrics.top_recall(truth[1], np.array([0, 3]), k=2) == 1.0  # 1, 2 and 3 are equally right
    assert metrics.top_recall(truth[1], np.array([2, 3]), k=2) == 0.5  # but only one of them is wanted
    assert metrics.top_recall(truth[2], np.array([2, 3]), k=2) == 0.0
    assert metrics.top_recall(truth[2], np.array([1, 1]), k=2) == 0.5
    assert metrics.top_recall(truth[2], np.array([0]), k=9) == 0.25


@pytest.mark.parametrize("call", [metrics.list_ndcg, metrics.mass_captured, metrics.top_recall])
def test_bad_lists_are_refused(call: Any) -> None:
    truth = np.array([[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(InputError, match="k: 0 is below 1"):
        call(truth, np.zeros((2, 1), dtype=int), k=0)
    with pytest.raises(SimplexError, match="theta_star"):
        call(truth * 2, np.zeros((2, 1), dtype=int), k=1)


def test_lists_must_be_whole_numbers_one_list_a_user() -> None:
    with pytest.raises(ShapeError, match=r"lists: shape \(3, 1\), but .* \(2,\); give one list a user"):
        check_lists(np.zeros((3, 1), dtype=int), (2,))
    with pytest.raises(ShapeError, match="one list a user"):
        check_lists(np.array(1), ())
    with pytest.raises(InputError, match="lists: entries of type float64"):
        check_lists(np.zeros((2, 1)), (2,))
    assert check_lists(np.empty((2, 0)), (2,)).shape == (2, 0)


def test_a_cut_off_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="k: 0 is below 1"):
        metrics.category_ndcg(np.array([[1.0]]), np.array([[1.0]]), k=0)


def test_one_category_scores_one() -> None:
    assert metrics.category_ndcg(np.array([[1.0]]), np.array([[1.0]]), k=10).tolist() == [1.0]


def test_a_list_longer_than_there_are_categories_counts_its_places_up_to_k() -> None:
    """Entries that are no category hold their place: the third entry is discounted as third, not dropped."""
    got = metrics.list_ndcg(np.array([[0.7, 0.3]]), np.array([[1, -1, 0]]), k=3)
    expected = (0.3 + 0.7 / 2) / (0.7 + 0.3 * np.log(2) / np.log(3))
    assert got[0] == pytest.approx(expected, rel=1e-14)
    assert metrics.list_ndcg(np.array([[0.7, 0.3]]), np.array([[1, -1, 0]]), k=2)[0] < got[0]


@pytest.mark.parametrize("k", [1, 2, 26, 64, 65, 200])
def test_the_order_is_that_of_a_stable_sort_whatever_the_scores(k: int) -> None:
    """Keys that give up their last bits must not show: near equals, equals, signs, sizes beyond single precision."""
    rng = np.random.default_rng(k)
    base = rng.normal(size=(60, k))
    near = 0.25 + rng.integers(0, 4, size=(60, k)) * 2.0**-54
    mixed = np.where(rng.random((60, k)) < 0.3, -0.0, 0.0) + np.where(rng.random((60, k)) < 0.1, 1e-310, 0.0)
    for scores in (base, near, np.round(base), mixed, base * 1e300, base * 1e-300):
        places, ordered, same = best_first(scores)
        assert np.array_equal(same, settled(scores))
        expected = np.argsort(-same, axis=1, kind="stable")
        assert np.array_equal(places % k, expected)
        assert np.array_equal(places // k, np.repeat(np.arange(60)[:, None], k, axis=1))
        assert np.array_equal(ordered, np.take_along_axis(same, expected, axis=1))
