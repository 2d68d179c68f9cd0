from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.simplex import linf, tv
from spectra_eval.theory import ranking
from spectra_eval.theory.rank_radius import js_ceiling
from spectra_eval.theory.truncation import missed_mass

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["ranking"])
def test_golden(case: dict[str, Any]) -> None:
    star = np.array([[float(x) for x in case["theta_star"]]])
    held = np.array([[float(x) for x in case["theta_s"]]])
    k = case["k"]

    def near(key: str) -> Any:
        return pytest.approx(float(case[key]), rel=float(case["rtol"]), abs=float(case["atol"]))

    found = ranking.theorem_1(star, held, [case["L"]], k=k)
    assert found.gap[0] == near("gap") and found.eps[0] == near("linf") and tv(star, held)[0] == near("tv")
    assert bool(found.recovers[0]) is case["hyp_i_ii"] and bool(found.differs[0]) is case["hyp_iii"]
    assert found.mass_top[0] == near("mass_LS") and found.mass_list[0] == near("mass_L")
    assert found.mass_best[0] == near("mass_best")
    assert ranking.top_k(held, k=k)[0].tolist() == case["L_S"]
    assert ranking.regret(star, held, k=k)[0] == near("regret_LS")
    assert found.mass_best[0] - found.mass_list[0] == near("regret_L")
    bound = ranking.regret_bound(k=k, n_categories=star.shape[1], tv=tv(star, held), linf=linf(star, held))
    assert bound[0] == near("regret_bound") and ranking.regret(star, held, k=k)[0] <= bound[0] + 1e-15
    assert missed_mass(star, [case["L"]])[0] == near("m_tau")
    if found.holds[0]:
        assert found.mass_top[0] > found.mass_list[0]


@pytest.mark.parametrize("case", GOLDEN["expectation_form"])
def test_expectation_form(case: dict[str, Any]) -> None:
    found = ranking.expectation_form(
        probability=float(case["p_fav"]), gain=float(case["gain"]), largest_loss=float(case["fmax"])
    )
    assert found.lower == pytest.approx(float(case["rhs"]), rel=1e-13, abs=0)
    assert found.threshold == pytest.approx(float(case["p_threshold"]), rel=1e-13, abs=0)
    assert (found.lower > 0) is (float(case["p_fav"]) > found.threshold)


def test_a_bound_on_the_distance_from_elsewhere() -> None:
    star, held = [[0.5, 0.3, 0.2]], [[0.46, 0.34, 0.2]]
    assert ranking.theorem_1(star, held, [[1]], k=1, eps=0.09).holds.tolist() == [True]
    assert ranking.theorem_1(star, held, [[1]], k=1, eps=0.1).holds.tolist() == [False]  # the gap is no longer twice it
    assert ranking.theorem_1(star, held, [[1]], k=1, eps=0.03).recovers.tolist() == [False]  # it is no bound


def test_a_permuted_list_is_the_same_set() -> None:
    found = ranking.theorem_1([[0.6, 0.3, 0.1]], [[0.6, 0.3, 0.1]], [[1, 0]], k=2)
    assert not found.differs[0] and found.mass_top[0] == found.mass_list[0]


def test_shorter_and_longer_lists() -> None:
    found = ranking.theorem_1([[0.6, 0.3, 0.1]], [[0.6, 0.3, 0.1]], [[0, -1, 0]], k=2)
    assert found.holds[0] and found.mass_top[0] > found.mass_list[0]
    with pytest.raises(AssumptionError, match="more than k"):
        ranking.theorem_1([[0.6, 0.3, 0.1]], [[0.6, 0.3, 0.1]], [[0, 1]], k=1)
    with pytest.raises(AssumptionError, match="no category"):
        ranking.top_k_gap([0.5, 0.5], k=2)


def test_the_form_for_deployment() -> None:
    rng = np.random.default_rng(1)
    held = rng.dirichlet(np.ones(5), 400)
    star = np.abs(held + rng.uniform(-0.03, 0.03, held.shape))
    star /= star.sum(axis=1, keepdims=True)
    sure = ranking.theorem_1_symmetric(held, k=2, eps=linf(star, held))
    same = (np.sort(ranking.top_k(held, k=2)) == np.sort(ranking.top_k(star, k=2))).all(axis=1)
    assert sure.any() and same[sure].all()
    assert ranking.theorem_1_symmetric([0.7, 0.2, 0.1], k=1, eps=0.2) is True


def test_regret_bounds() -> None:
    assert ranking.regret_bound(k=3, n_categories=3, linf=0.5) == 0.0
    assert ranking.regret_bound(k=1, n_categories=9, tv=0.2) == 0.4
    star, held = np.array([0.5 + 1e-9, 0.5 - 1e-9]), np.array([0.5 - 1e-9, 0.5 + 1e-9])
    bound = ranking.regret_bound(k=1, n_categories=2, linf=linf(star, held))
    assert ranking.regret(star, held, k=1) <= bound < 1e-8
    with pytest.raises(InputError, match="neither"):
        ranking.regret_bound(k=1, n_categories=3)


def test_order_regret() -> None:
    rng = np.random.default_rng(2)
    star, held = rng.dirichlet(np.ones(6), 300), rng.dirichlet(np.ones(6), 300)
    weights = 1 / np.log(np.arange(2, 6))
    order = np.argsort(-held, axis=1)[:, :4]
    lost = (np.sort(star, axis=1)[:, ::-1][:, :4] - np.take_along_axis(star, order, 1)) @ weights
    assert (lost <= ranking.order_regret_bound(weights, linf=linf(star, held)) + 1e-12).all()
    squares = (np.sort(star, axis=1)[:, ::-1][:, :4] ** 2 - np.take_along_axis(star, order, 1) ** 2) @ weights
    assert (squares <= ranking.order_regret_bound(weights, linf=linf(star, held), lipschitz=2.0) + 1e-12).all()
    for wrong in ([0.5, 1.0], [1.0, -0.1]):
        with pytest.raises(AssumptionError, match="non-increasing"):
            ranking.order_regret_bound(wrong, linf=0.1)
    with pytest.raises(InputError, match="one number"):
        ranking.order_regret_bound([], linf=0.1)
    with pytest.raises(InputError, match="lipschitz"):
        ranking.order_regret_bound([1.0], linf=0.1, lipschitz=-1.0)


def test_ceilings() -> None:
    found = [ranking.js_ceiling_through_phi(k).bits for k in (1, 2, 3, 5, 10)]
    assert found == pytest.approx([0.18872, 0.04557, 0.02013, 0.00723, 0.00180], abs=6e-6)
    assert all(ranking.js_ceiling_through_phi(k) < js_ceiling(k) for k in range(1, 20))


def test_the_expectation_form_refuses_what_is_no_gain() -> None:
    with pytest.raises(InputError, match="positive"):
        ranking.expectation_form(probability=0.5, gain=0.0)
    with pytest.raises(InputError, match="outside"):
        ranking.expectation_form(probability=1.5, gain=0.1)
