"""The most that the mean NDCG of lists can be: no cohort exceeds it, and one comes close."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.audit import audit_paper, list_ndcg_from_captured, most_list_ndcg, printed
from spectra_eval.errors import InputError
from spectra_eval.metrics import list_ndcg

K, L = 26, 5


def measured(theta: np.ndarray, lists: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Return what a cohort of weighted users has: mean NDCG@5, mass on the lists, and largest share."""
    ndcg = np.asarray(list_ndcg(theta, lists, k=L))
    captured = np.take_along_axis(theta, lists, axis=1).sum(axis=1)
    return float(weights @ ndcg), float(weights @ captured), float(weights @ theta.max(axis=1))


@pytest.mark.parametrize("seed", range(6))
def test_no_cohort_exceeds_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.full(K, 10.0 ** rng.uniform(-2, 1)), size=30)
    lists = np.argsort(-theta * rng.uniform(0.0, 1.0, theta.shape) ** rng.uniform(0, 3), axis=1)[:, :L]
    ndcg, captured, top = measured(theta, lists, np.full(30, 1 / 30))
    assert ndcg <= most_list_ndcg(captured=captured, top=top, k=L, n_categories=K) + 1e-9


def test_a_cohort_of_three_kinds_comes_close() -> None:
    """Users of one category who are missed, users of one who are found, and users who like all alike."""
    corner, flat = np.eye(K)[0], np.full(K, 1 / K)
    theta, lists = np.array([corner, corner, flat]), np.array([range(1, 6), range(5), range(5)])
    even = 0.361 / (1 - 1 / K)
    found = 0.136 - even * L / K
    ndcg, captured, top = measured(theta, lists, np.array([1 - even - found, found, even]))
    assert (captured, top) == pytest.approx((0.136, 0.639))
    assert ndcg == pytest.approx(0.4392, abs=1e-4)
    most = most_list_ndcg(captured=captured, top=top, k=L, n_categories=K)
    assert ndcg < most < ndcg + 0.015


def test_lists_that_may_hold_everything_may_be_ideal() -> None:
    assert most_list_ndcg(captured=1.0, top=0.3, k=2, n_categories=6) == pytest.approx(1.0)


def test_what_no_cohort_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"no cohort has a largest proportion of 1\.2"):
        most_list_ndcg(captured=0.5, top=1.2, k=2, n_categories=6)


def test_the_ndcg_that_the_paper_prints_for_yelp_is_impossible() -> None:
    """.512 with a missed mass of .864 and a mean share of .639 for one category; .45 would not be refuted."""
    [finding] = [f for f in audit_paper() if f.check == "Yelp: NDCG@5 of dg by its missed mass"]
    assert finding.status == "fail" and "0.512 should not exceed 0.45" in finding.reason
    lower = list_ndcg_from_captured(printed(".45"), printed(".136"), printed(".639"), k=L, n_categories=K)
    assert lower.status == "pass"
