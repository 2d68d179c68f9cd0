from __future__ import annotations

import itertools

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError, ShapeError
from spectra_eval.theory.ranking_additive import mrr_is_not_additive, theorem_4, theorem_4_counterexamples

STAR, HELD = (0.5, 0.3, 0.2), (0.49, 0.31, 0.2)


def same(x: np.ndarray) -> np.ndarray:
    return x


def test_every_printed_counterexample_is_one() -> None:
    cases = {case.name: case for case in theorem_4_counterexamples()}
    assert len(cases) == 6
    for case in cases.values():
        assert not getattr(case.found, case.fails) and not case.found.strict
        assert case.found.value_top <= case.found.value_list + 1e-15
    order = cases["order not recovered"].found
    assert order.recovers_set and not order.weak
    assert (order.value_top, order.value_list) == pytest.approx((0.390, 0.425))
    lucky = cases["a right set by luck"].found
    assert (lucky.value_top, lucky.value_list) == pytest.approx((0.5786, 0.6946), abs=5e-5)


def test_strict_where_all_hypotheses_hold() -> None:
    for weights in (None, [1.0, 0.4]):
        found = theorem_4(STAR, HELD, [0, 2], k=2, utility=same, weights=weights)
        assert found.strict and found.separates and found.differs and found.value_top > found.value_list
        assert found.value_top == found.value_best


def test_ties_inside_the_best_are_harmless() -> None:
    found = theorem_4([0.4, 0.4, 0.2], [0.39, 0.41, 0.2], [0, 2], k=2, utility=same, weights=[1.0, 0.5])
    assert found.recovers_order and found.strict and found.value_top > found.value_list


def test_the_same_set_in_another_order() -> None:
    wrong = theorem_4(STAR, HELD, [1, 0], k=2, utility=same, weights=[1.0, 0.5])
    assert wrong.strict and wrong.value_top > wrong.value_list
    right = theorem_4(STAR, HELD, [0, 1], k=2, utility=same, weights=[1.0, 0.5])
    assert right.weak and not right.strict and right.value_top == right.value_list
    assert not theorem_4(STAR, HELD, [1, 0], k=2, utility=same).strict


def test_short_lists_repeats_and_gaps() -> None:
    found = theorem_4(STAR, HELD, [-1, 0], k=2, utility=same, weights=[1.0, 0.5])
    assert found.value_list == 0.25 and found.strict
    assert theorem_4(STAR, HELD, [1, 1], k=2, utility=same).value_list == 0.3
    assert theorem_4(STAR, HELD, [], k=2, utility=same).strict
    with pytest.raises(AssumptionError, match="negative"):
        theorem_4(STAR, HELD, [0], k=2, utility=np.log)
    with np.errstate(divide="ignore"):
        assert theorem_4(STAR, HELD, [0, 2], k=2, utility=np.log).strict


def test_a_bound_on_the_distance_from_elsewhere() -> None:
    assert theorem_4(STAR, HELD, [0, 2], k=2, utility=same, eps=0.049).strict
    assert not theorem_4(STAR, HELD, [0, 2], k=2, utility=same, eps=0.05).weak
    assert not theorem_4(STAR, HELD, [0, 2], k=2, utility=same, eps=0.001).weak  # smaller than the distance: no bound


def test_weak_and_strict_never_lie() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        star = rng.dirichlet(np.ones(4) * 0.7)
        held = star + rng.uniform(-0.02, 0.02, 4)
        held = np.abs(held) / np.abs(held).sum()
        for entries in itertools.permutations(range(4), 2):
            for weights in (None, [1.0, 0.5], [1.0, 1.0], [1.0, 0.0]):
                found = theorem_4(star, held, entries, k=2, utility=np.sqrt, weights=weights)
                assert not found.weak or found.value_top >= found.value_list - 1e-15
                assert not found.strict or found.value_top > found.value_list


def test_refusals() -> None:
    with pytest.raises(AssumptionError, match="non-decreasing"):
        theorem_4(STAR, HELD, [0, 2], k=2, utility=lambda x: -x)
    with pytest.raises(AssumptionError, match="cut the list"):
        theorem_4(STAR, HELD, [0, 1], k=1, utility=same)
    with pytest.raises(InputError, match="no category"):
        theorem_4(STAR, HELD, [7], k=1, utility=same)
    with pytest.raises(ShapeError, match="one user"):
        theorem_4([STAR], [HELD], [0], k=1, utility=same)
    with pytest.raises(ShapeError, match="one number a rank"):
        theorem_4(STAR, HELD, [0], k=1, utility=same, weights=[1.0, 0.5])
    with pytest.raises(ShapeError, match="one list"):
        theorem_4(STAR, HELD, [[0]], k=1, utility=same)
    with pytest.raises(AssumptionError, match="no category"):
        theorem_4(STAR, HELD, [0, 1, 2], k=3, utility=same)


def test_reciprocal_rank() -> None:
    assert mrr_is_not_additive() == (0.0, 0.5)
