from __future__ import annotations

import json
import tracemalloc
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import betaincinv

from spectra_eval.certification import certify
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory import _route_bounds, routes

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["routes"], ids=lambda c: c["name"])
def test_golden(case: dict[str, Any]) -> None:
    counts, theta = [case["counts"]], [[float(x) for x in case["theta_s"]]]
    lists, first, second = [case["L"]], float(case["beta_tv"]), float(case["beta_m"])
    options = {"predicate_error": first + second, "split": first / (first + second)}
    found = {
        "u_tv_hoeffding": routes.tv_upper_hoeffding(counts, theta, error=first)[0],
        "u_tv_knapsack": routes.tv_upper_exact(counts, theta, error=first)[0],
        "m_lower": routes.missed_mass_lower(counts, lists, error=second)[0],
        "u_js_bits": routes.js_upper(counts, theta, error=first, rate=float(case["lambda_js"])).bits[0],
        "u_kl_nats": routes.kl_upper(counts, theta, error=first, rate=float(case["lambda_kl"])).nats[0],
        "u_tv_via_js": routes.route_j(counts, theta, lists, **options).upper[0],
        "u_tv_via_kl": routes.route_k(counts, theta, lists, **options).upper[0],
    }
    for key, value in found.items():
        assert value == pytest.approx(float(case[key]), rel=1e-9), key
    result = routes.route_t(counts, theta, lists, **options)
    assert result.certified.tolist() == [case["certified_knapsack"]]
    assert routes.route_t_certifies(counts, theta, lists, **options).tolist() == [case["certified_knapsack"]]
    assert (found["u_tv_hoeffding"] < found["m_lower"]) == case["certified_hoeffding"]


def test_the_knapsack_against_every_set() -> None:
    rng = np.random.default_rng(3)
    counts = rng.multinomial(14, rng.dirichlet(np.ones(6), size=9)).astype(float)
    counts[0] = 0
    theta = rng.dirichlet(np.ones(6), size=9)
    found = routes.tv_upper_exact(counts, theta, error=0.02)
    for row, held, value in zip(counts, theta, found, strict=True):
        n = row.sum()
        best = 1.0 if n == 0 else -1.0
        for size in range(7):
            for chosen in combinations(range(6), size):
                x = row[list(chosen)].sum()
                floor = betaincinv(x, n - x + 1, 0.02) if x > 0 else 0.0
                best = max(best, held[list(chosen)].sum() - floor)
        assert value == pytest.approx(best, rel=1e-12)


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(4.0, size=(60, 5)).astype(float)
    theta = rng.dirichlet(np.ones(5), size=60)
    whole = routes.tv_upper_exact(counts, theta, error=0.01)
    monkeypatch.setattr(_route_bounds, "_CELLS", 50)
    assert (routes.tv_upper_exact(counts, theta, error=0.01) == whole).all()
    assert routes.tv_upper_exact(counts.reshape(6, 10, 5), theta.reshape(6, 10, 5), error=0.01).shape == (6, 10)


def test_the_quick_verdict_is_the_verdict() -> None:
    rng = np.random.default_rng(8)
    law = rng.dirichlet(np.full(8, 0.4), size=400)
    counts = np.array([rng.multinomial(int(n), p) for n, p in zip(rng.integers(0, 300, 400), law, strict=True)])
    theta = 0.9 * law + 0.1 / 8
    lists = np.argsort(-law, axis=1)[:, :1]
    slow = routes.route_t(counts, theta, lists, predicate_error=0.05)
    quick = routes.route_t_certifies(counts, theta, lists, predicate_error=0.05)
    assert 0 < quick.sum() < 400 and (slow.certified == quick).all()
    assert (slow.upper <= routes.tv_upper_hoeffding(counts, theta, error=0.025) + 1e-12).all()


def test_several_categories_an_interaction_take_the_forms_that_allow_it() -> None:
    counts = np.full((1, 4), 15.5)
    theta = np.full((1, 4), 0.25)
    result = routes.route_t(counts, theta, [[0]], predicate_error=0.02)
    n = counts.sum()
    radius = np.sqrt(np.log(100) / (2 * n))
    assert result.upper == pytest.approx([radius]) and result.lower_mass == pytest.approx([0.75 - radius])
    with pytest.raises(InputError, match="whole"):
        routes.tv_upper_exact(counts, theta, error=0.01)
    # Whole by chance is not whole by rule.
    forced = routes.route_t(np.full((1, 4), 16.0), theta, [[0]], predicate_error=0.02, whole=False)
    assert forced.upper > routes.route_t(np.full((1, 4), 16.0), theta, [[0]], predicate_error=0.02).upper
    with pytest.raises(InputError, match="one category"):
        routes.missed_mass_lower(counts, [[0]], error=0.1, whole=True)


def test_radii_of_the_table_that_do_not_depend_on_k() -> None:
    for n, expected in ((10, 0.515), (50, 0.230), (100, 0.163), (500, 0.073)):
        for size in (2, 1000):
            counts = np.full((1, size), n / size)
            upper = routes.tv_upper_hoeffding(counts, np.full((1, size), 1 / size), error=0.005)[0]
            assert upper == pytest.approx(expected, abs=5e-4)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="theta_s"):
        routes.tv_upper_hoeffding([[1, 2]], [[0.2, 0.3, 0.5]], error=0.1)
    with pytest.raises(ShapeError, match="lists"):
        routes.missed_mass_lower([[1, 2]], [0], error=0.1)


@pytest.mark.parametrize("n", [1 << 18, (1 << 18) + 1, 10**9, 10**15, 4 * 10**18])
def test_a_window_of_any_length_is_bounded_in_little_memory(n: int) -> None:
    counts = np.array([[n // 2, n // 4, n - n // 2 - n // 4], [3, 4, 5]], dtype=float)
    theta = np.array([[0.49, 0.26, 0.25], [0.3, 0.3, 0.4]])
    tracemalloc.start()
    upper = routes.tv_upper_exact(counts, theta, error=0.0025)
    certified = routes.route_t_certifies(counts, theta, [[0], [1]], predicate_error=0.005)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
    loose = routes.tv_upper_hoeffding(counts, theta, error=0.0025)
    assert upper[0] == loose[0] if n > 1 << 18 else loose[0] - 0.0034 <= upper[0] < loose[0]
    assert upper[1] == routes.tv_upper_exact(counts[1:], theta[1:], error=0.0025)[0] < loose[1]
    assert certified.tolist() == [True, False]


def test_one_user_with_very_many_interactions_is_certified() -> None:
    n = 10**9
    table = PreferenceTable(
        users=["a", "b"],
        categories=("x", "y", "z"),
        counts=[[n / 2, n / 4, n / 4], [3, 4, 5]],
        n_window=[n, 12],
        theta_s=[[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]],
        dg=[[0], [1]],
    )
    claim = certify(table, k=1, routes=("T", "J", "K"))["fraction.law"]
    assert claim.inputs["certified_share"] == {"T": 0.5, "J": 0.5, "K": 0.5} and claim.inputs["form"] == "exact"
