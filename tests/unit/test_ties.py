"""The rule for ties: an equivalence, cheap, and the same wherever categories are ordered or compared."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import metrics, theory
from spectra_eval._ties import TIE, magnitude, order, settled, unsettled
from spectra_eval.evaluation import merge_rarest
from spectra_eval.evaluation._compare import _without_rounding
from spectra_eval.fusion._fuse import ranked
from spectra_eval.probing.readouts.hierarchical import explored_branches
from spectra_eval.stats import signed_rank
from spectra_eval.tables import PreferenceTable
from spectra_eval.testing._base import run
from spectra_eval.testing.metric_checks import metric_checks

SUM = 0.1 + 0.2
"""0.3 as a sum: larger than the number 0.3 by its last bit."""


def test_a_chain_of_near_ties_is_one_tie() -> None:
    chain = np.array([0.25 + 1.8e-12, 0.5, 0.25, 0.25 + 0.9e-12, 0.1])
    assert settled(chain).tolist() == [0.25, 0.5, 0.25, 0.25, 0.1]
    assert order(chain).tolist() == [1, 0, 2, 3, 4]


def test_apart_is_apart_and_the_array_is_the_same_object() -> None:
    rows = np.array([[0.25, 0.25 + 1e-11, 0.5], [0.4, 0.4, 0.2]])
    assert settled(rows) is rows


def test_numbers_without_a_scale_are_compared_in_their_size() -> None:
    counts = np.array([1e9, 1e9 + 1e-4, 5.0])
    assert order(counts).tolist() == [1, 0, 2]
    assert order(counts, scale=magnitude(counts)).tolist() == [0, 1, 2]
    assert order(np.array([-np.inf, 3.0, np.nan, 4.0])).tolist() == [3, 1, 0, 2]


rows = st.lists(
    st.sampled_from([0.0, 1e-13, 0.2, 0.2 + 1e-13, 0.2 + 9e-13, 0.2 + 1.7e-12, 0.7, np.nan]), min_size=1, max_size=9
)


@given(st.lists(rows, min_size=1, max_size=1), st.randoms(use_true_random=False))
def test_settled_is_single_linkage_and_independent_of_the_order(drawn: list[list[float]], rng: Any) -> None:
    row = np.array(drawn[0])
    got = settled(row)
    mixed = list(range(len(row)))
    rng.shuffle(mixed)
    assert np.array_equal(settled(row[mixed]), got[mixed], equal_nan=True)
    assert np.array_equal(settled(got), got, equal_nan=True)
    assert np.nanmax(np.abs(got - row), initial=0.0) <= len(row) * TIE
    finite = np.sort(row[~np.isnan(row)])
    for a, b in itertools.pairwise(finite):
        tied = b - a <= TIE
        assert (got[row == a][0] == got[row == b][0]) == tied
    descending = np.sort(row)[::-1][None]
    assert bool(unsettled(descending)[0]) is not np.array_equal(got, row, equal_nan=True)


def test_ndcg_and_exposure_share_the_ranks_of_a_near_tie() -> None:
    star, near, exact = np.array([[0.6, 0.3, 0.1]]), np.array([[0.3, SUM, 0.4]]), np.array([[0.3, 0.3, 0.4]])
    for options in ({"k": 2}, {"k": 3}, {"k": 2, "gain": "exp2"}, {"k": 2, "ties": "index"}):
        got = metrics.category_ndcg(star, near, **options)
        assert got == pytest.approx(metrics.category_ndcg(star, exact, **options), rel=1e-12)
    assert metrics.exposure_entropy(near, k=2).bits == pytest.approx(1.5, rel=1e-12)
    assert metrics.top_list(near, k=2).tolist() == [[2, 0]]


def test_top_recall_counts_a_near_tie_at_the_border() -> None:
    """SUM is the second largest by its last bit only, so the third may stand for it."""
    star = np.array([[0.3, SUM, 0.4, 0.0]])
    star /= star.sum()
    for second in (0, 1):
        assert metrics.top_recall(star, np.array([[2, second]]), k=2)[0] == 1.0
    dust = np.array([[1.0, 1e-13, 0.0]])
    assert metrics.top_recall(dust, np.array([[0, 2]]), k=2)[0] == 1.0


def test_calibration_puts_a_probability_at_an_edge_into_one_bin() -> None:
    truth, held = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    below = held + np.array([[-1e-13, 1e-13]])
    for bins in (4, 20):
        one, other = (metrics.reliability_bins(truth, p, bins=bins).counts for p in (held, below))
        assert one.tolist() == other.tolist()
    first = metrics.top1_ece(np.array([[1.0, 0.0, 0.0]]), np.array([[0.4, 0.4 + 1e-13, 0.2]]))
    assert first == pytest.approx(0.6, rel=1e-9)


def test_strata_do_not_hang_on_the_last_bit() -> None:
    assert metrics.category_buckets([0.3, SUM, SUM]).tolist() == [0, 1, 2]
    groups, _ = metrics.tail_preference_groups([0.3, SUM, 0.3, SUM])
    assert groups.tolist() == [1, 1, 1, 1]
    assert metrics.tail_categories([0.3, SUM, 0.3], share=0.3).tolist() == [False, False, True]


def test_merging_keeps_the_first_of_equally_frequent_categories() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("x", "y", "z"),
        counts=[[1, 1, 1], [1, 1, 1]],
        history_counts=[[0.3, 0.1, 0], [0.0, 0.2, 0]],
    )
    assert merge_rarest(table, 2).categories == ("x", "Other")


def test_theory_orders_by_the_same_rule_and_promises_nothing_at_a_tie() -> None:
    near = np.array([0.3, SUM, 1.0 - 0.3 - SUM])
    assert theory.top_k(near, k=2).tolist() == [2, 0]
    found = theory.theorem_1(near[None], near[None], [[1]], k=2, eps=0.0)
    assert not found.recovers[0]
    assert not theory.theorem_1_symmetric(near[None], k=2, eps=0.0)[0]
    assert theory.regret(near, np.array([SUM, 0.3, 1.0 - 0.3 - SUM]), k=2) == pytest.approx(0.0, abs=TIE)


def test_item_scores_within_rounding_share_their_ranks() -> None:
    user, truth = np.zeros(3, dtype=int), np.array([1, 0, 0])
    ndcg, recall = ranked(user, np.array([0.3, SUM, 0.1]), truth, n_users=1, k=1)
    assert (ndcg[0], recall[0]) == (0.5, 0.5)


def test_branches_that_hold_the_same_mass_are_explored_in_order() -> None:
    parent = np.array([0, 0, 1, 1, 2, 2])
    assert explored_branches(np.array([0.3, SUM, 0.1]), parent, budget=2).tolist() == [True, False, False]


def test_a_difference_of_rounding_is_no_difference_where_systems_are_compared() -> None:
    noise = np.where(np.arange(60) % 2, 1e-16, 3e-17)
    assert signed_rank(_without_rounding(noise, 0.5)).n_zero == 60
    real = np.arange(1, 61) * 0.01
    got, exact = (signed_rank(_without_rounding(np.concatenate([real, rest]), 1.0)) for rest in (noise, np.zeros(60)))
    assert (got.p_value, got.w_plus, got.n_zero) == (exact.p_value, exact.w_plus, 60)
    assert signed_rank(_without_rounding(np.array([SUM, -0.3, 0.5]), 1.0)).n_tied == 2
    assert signed_rank(noise).n_zero == 0  # the test itself knows no scale


def test_the_kit_finds_a_metric_that_rounding_noise_decides() -> None:
    """Gains by a strict order: a near tie at the cut-off hangs on the last bit."""

    def strict(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
        return np.array([star[np.argsort(-held)[:1]].sum() for star, held in zip(theta_star, theta_s, strict=True)])

    (check,) = (one for one in metric_checks(strict) if one.name == "rounding noise decides nothing")
    found = run(check, max_examples=60)
    assert (check.expected, found.outcome, found.declared) == ("either", "refuted", False)
    assert found.counterexample is not None and "TIE_LAWS" in found.counterexample
