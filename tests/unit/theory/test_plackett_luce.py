from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.theory import plackett_luce as race

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def by_orders(weights: Any, category: int, k: int) -> float:
    """Sum over all orders in which k categories can be drawn."""
    total = 0.0
    for order in itertools.permutations(range(len(weights)), k):
        if category in order:
            left, chance = sum(weights), 1.0
            for c in order:
                chance *= weights[c] / left
                left -= weights[c]
            total += chance
    return total


@pytest.mark.parametrize("case", GOLDEN["plackett_luce"])
def test_golden(case: dict[str, Any]) -> None:
    weights = [float(w) for w in case["weights"]]
    asked = {"category": case["c"], "k": case["k"]}
    for method in ("auto", "subsets", "race"):
        found = race.inclusion_probability(weights, **asked, method=method)
        assert found == pytest.approx(float(case["inclusion_exact"]), rel=1e-10, abs=0)
    bounds = race.inclusion_bounds(weights, **asked)
    assert bounds.step == pytest.approx(float(case["step_bound"]), rel=1e-10, abs=0)
    assert bounds.heads == pytest.approx(float(case["heads_exact"]), rel=1e-10, abs=0)
    assert bounds.product == pytest.approx(float(case["product_bound"]), rel=1e-10, abs=0)
    assert bounds.harmonic == pytest.approx(float(case["harmonic_bound"]), rel=1e-10, abs=0)
    printed = race.printed_union_bound(weights, **asked)
    assert printed == pytest.approx(float(case["paper_union"]), rel=1e-10, abs=0)
    assert (printed >= found) is case["paper_valid"]
    assert found <= bounds.best * (1 + 1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_both_methods_against_a_sum_over_orders(k: int) -> None:
    weights = [0.5, 1e-3, 2.0, 0.5, 7.0]
    for category in range(5):
        true = by_orders(weights, category, k)
        for method in ("subsets", "race"):
            found = race.inclusion_probability(weights, category=category, k=k, method=method)
            assert found == pytest.approx(true, rel=1e-12, abs=0)


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_the_race_against_the_recursion_far_apart(k: int) -> None:
    weights = np.logspace(-9, 6, 13)
    for category in (0, 4, 12):
        one = race.inclusion_probability(weights, category=category, k=k, method="subsets")
        other = race.inclusion_probability(weights, category=category, k=k, method="race")
        assert one == pytest.approx(other, rel=1e-12, abs=0)


def test_the_case_that_quadrature_in_u_misses() -> None:
    found = race.inclusion_probability([1e6, 1e6, 1.0, 0.01], category=3, k=2, method="race")
    assert found == pytest.approx(1.5e-8, rel=0.01)
    assert found == pytest.approx(race.inclusion_probability([1e6, 1e6, 1.0, 0.01], category=3, k=2), rel=1e-12, abs=0)


def test_inclusions_add_up_to_k_for_many_categories() -> None:
    weights = np.random.default_rng(0).gamma(0.3, size=40) + 1e-6
    for k in (1, 7, 39):
        total = sum(race.inclusion_probability(weights, category=c, k=k) for c in range(40))
        assert total == pytest.approx(k, rel=1e-11, abs=0)
    assert race.inclusion_probability(weights, category=3, k=40) == 1.0
    with pytest.raises(InputError, match="at most 20"):
        race.inclusion_probability(weights, category=0, k=3, method="subsets")


def test_the_printed_bound_is_no_bound() -> None:
    weights, category, k = race.printed_union_counterexample()
    true = race.inclusion_probability(weights, category=category, k=k)
    assert true == pytest.approx(0.50010, abs=1e-5)
    assert race.printed_union_bound(weights, category=category, k=k) == pytest.approx(0.0204, abs=1e-4)
    with pytest.raises(AssumptionError, match="no other"):
        race.printed_union_bound([1.0, 0.0], category=0, k=1)


def test_order_of_the_forms_and_where_they_are_tight() -> None:
    found = race.inclusion_bounds([1.0, 1.0, 1.0, 0.2], category=3, k=3)
    true = race.inclusion_probability([1.0, 1.0, 1.0, 0.2], category=3, k=3)
    assert found.heads == pytest.approx(true) and found.product == pytest.approx(true)
    assert found.product < found.harmonic < found.linear == pytest.approx(0.6)
    many = race.inclusion_bounds(np.arange(1, 31), category=0, k=25)
    assert race.inclusion_probability(np.arange(1, 31), category=0, k=25) < many.heads < many.product


@pytest.mark.parametrize("k", [1, 4, 12])
def test_heads_is_the_alternating_sum_over_subsets(k: int) -> None:
    weights = np.random.default_rng(k).gamma(1.0, size=15)
    largest = np.sort(weights[1:])[::-1][:k]
    total = 0.0
    for size in range(1, k + 1):
        for chosen in itertools.combinations(largest, size):
            total += (-1) ** (size + 1) * weights[0] / (weights[0] + sum(chosen))
    assert race.inclusion_bounds(weights, category=0, k=k).heads == pytest.approx(total, rel=1e-10, abs=0)


def test_frequencies() -> None:
    # Weights f^lambda e^z with z = (0, -1000, 0): B = 0 on the most probable other one, not on the most frequent.
    assert race.head_ratio([1.0, 100.0, 2.0], category=0, k=1, exponent=1.0, spread=0.0) == pytest.approx(0.01)
    weights = np.array([1.0, 0.0, 2.0])
    assert race.inclusion_probability(weights, category=0, k=1) > 0.01
    ratio = race.head_ratio([100.0, 50.0, 2.0], category=2, k=2, exponent=0.5, spread=1.0)
    assert ratio == pytest.approx(np.e * 25**-0.5) and race.excluded_surely(ratio)
    assert not race.excluded_surely(1.0)
    with pytest.raises(InputError, match="at least 0"):
        race.head_ratio([1.0, 2.0], category=0, k=1, exponent=-1.0, spread=0.0)
    with pytest.raises(AssumptionError, match="every category"):
        race.head_ratio([1.0, 2.0], category=0, k=2, exponent=1.0, spread=0.0)


def test_refusals() -> None:
    for wrong in ([1.0, -1.0], [[1.0, 2.0]], [np.inf, 1.0]):
        with pytest.raises(InputError, match="finite"):
            race.inclusion_probability(wrong, category=0, k=1)
    with pytest.raises(InputError, match="none of 0"):
        race.inclusion_probability([1.0, 1.0], category=2, k=1)
    with pytest.raises(InputError, match="weight 0"):
        race.inclusion_probability([1.0, 0.0], category=1, k=1)
    with pytest.raises(InputError, match="method"):
        race.inclusion_probability([1.0, 1.0], category=1, k=1, method="gauss")
    with pytest.raises(AssumptionError, match="every category"):
        race.inclusion_bounds([1.0, 1.0], category=0, k=2)
    with pytest.raises(AssumptionError, match="fewer than k"):
        race.inclusion_bounds([1.0, 1.0, 0.0], category=0, k=2)
    with pytest.raises(InputError, match="form"):
        race.inclusion_from_ratio(0.1, k=2, form="sum")
    with pytest.raises(InputError, match="negative"):
        race.inclusion_from_ratio(-0.1, k=2)
