"""Properties of ranking statements: recovery of sets, exact radii, regret, Theorem 4, MRR (items 9, 10)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.testing.strategies import lists, thetas
from spectra_eval.theory import rank_radius, ranking
from spectra_eval.theory.ranking_additive import mrr_is_not_additive, theorem_4, theorem_4_counterexamples
from spectra_eval.units import LN2


def near(data: Any, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows, and others at a drawn closeness to them: premises that ask for nearness hold now and then."""
    star, held = data.draw(thetas(users=n, categories=k)), data.draw(thetas(users=n, categories=k))
    far = 2.0 ** -data.draw(st.integers(0, 12))
    held = (1 - far) * star + far * held
    return star, held / held.sum(axis=1, keepdims=True)


def same_set(one: np.ndarray, other: np.ndarray) -> bool:
    return set(one.tolist()) == set(other.tolist())


@given(st.data(), st.integers(2, 6))
def test_theorem_1_recovers_the_set_and_wins(data: Any, k_all: int) -> None:
    star, held = near(data, 3, k_all)
    k = data.draw(st.integers(1, k_all - 1))
    listed = data.draw(lists(users=3, categories=k_all, length=k))
    found = ranking.theorem_1(star, held, listed, k=k)
    for u in range(3):
        if found.recovers[u]:
            assert same_set(ranking.top_k(held, k=k)[u], ranking.top_k(star, k=k)[u])
        if found.holds[u]:
            assert found.mass_top[u] > found.mass_list[u] - 1e-15
        if found.holds[u] and found.gap[u] > 1e-12:  # a smaller gap is lost in the rounding of a sum
            assert found.mass_top[u] > found.mass_list[u]


@given(st.data(), st.integers(2, 6))
def test_the_gap_of_the_readout_serves_as_well(data: Any, k_all: int) -> None:
    star, held = near(data, 3, k_all)
    k = data.draw(st.integers(1, k_all - 1))
    sure = ranking.theorem_1_symmetric(held, k=k, eps=simplex.linf(star, held))
    for u in np.flatnonzero(sure):
        assert same_set(ranking.top_k(held, k=k)[u], ranking.top_k(star, k=k)[u])


@given(st.data(), st.integers(2, 6))
def test_below_each_exact_radius_the_set_is_recovered(data: Any, k_all: int) -> None:
    star, held = near(data, 3, k_all)
    k = data.draw(st.integers(1, k_all - 1))
    radii = rank_radius.rank_radii(star, k=k)
    slack = 1 - 1e-12
    inside = (
        (simplex.tv(star, held) < radii.tv * slack)
        | (simplex.linf(star, held) < radii.linf * slack)
        | (simplex.kl_nats(star, held) < radii.kl.nats * slack)
        | (simplex.js_nats(star, held) < radii.js.nats * slack)
    )
    for u in np.flatnonzero(inside):
        assert same_set(ranking.top_k(held, k=k)[u], ranking.top_k(star, k=k)[u])


@given(st.data(), st.integers(2, 6))
def test_just_above_the_js_radius_some_distribution_loses_the_set(data: Any, k_all: int) -> None:
    star = data.draw(thetas(users=1, categories=k_all))
    k = data.draw(st.integers(1, k_all - 1))
    gap = ranking.top_k_gap(star, k=k)[0]
    assume(gap > 1e-4)
    past = 1e-9
    flipped = rank_radius.rank_flip(star[0], k=k, past=past)
    radius = rank_radius.rank_radii(star, k=k).js.bits[0]
    found = simplex.js_nats(star[0], flipped) / LN2
    assert radius * (1 - 1e-9) <= found <= radius + 1e-4 * radius + 1e-7
    assert not same_set(ranking.top_k(flipped, k=k), ranking.top_k(star[0], k=k))


@given(st.data(), st.integers(2, 6))
def test_regret_never_exceeds_its_bound(data: Any, k_all: int) -> None:
    star, held = near(data, 4, k_all)
    k = data.draw(st.integers(1, k_all))
    v, e = np.minimum(simplex.tv(star, held), 1.0), simplex.linf(star, held)
    assert (
        ranking.regret(star, held, k=k) <= ranking.regret_bound(k=k, n_categories=k_all, tv=v, linf=e) + 1e-12
    ).all()
    weights = np.sort(data.draw(st.lists(st.floats(0, 1), min_size=k, max_size=k)))[::-1]
    gained = np.take_along_axis(star, ranking.top_k(held, k=k), axis=1) @ weights
    ideal = np.take_along_axis(star, ranking.top_k(star, k=k), axis=1) @ weights
    assert (ideal - gained <= ranking.order_regret_bound(weights, linf=e) + 1e-12).all()


@given(st.data(), st.integers(2, 5), st.sampled_from(["same", "root", "square", "step"]), st.booleans())
def test_theorem_4_never_promises_too_much(data: Any, k_all: int, shape: str, ordered: bool) -> None:
    star, held = near(data, 1, k_all)
    k = data.draw(st.integers(1, k_all - 1))
    utility = {
        "same": lambda x: x,
        "root": np.sqrt,
        "square": np.square,
        "step": lambda x: (x > 0.2).astype(float),
    }[shape]
    weights = np.sort(data.draw(st.lists(st.integers(0, 3), min_size=k, max_size=k)))[::-1] / 2.0
    entries = data.draw(st.permutations(range(k_all)))[: data.draw(st.integers(0, k))]
    found = theorem_4(star[0], held[0], entries, k=k, utility=utility, weights=weights if ordered else None)
    if found.weak:
        assert found.value_top >= found.value_list - 1e-12
        assert found.value_top >= found.value_best - 1e-12
    if found.strict and ranking.top_k_gap(star[0], k=k) > 1e-6:
        assert found.value_top > found.value_list - 1e-15


def test_each_counterexample_to_the_printed_theorem_4_is_one() -> None:
    for case in theorem_4_counterexamples():
        assert not case.found.strict and case.found.value_top <= case.found.value_list + 1e-15


def test_mrr_has_no_additive_form() -> None:
    needed = mrr_is_not_additive()
    assert needed[0] != needed[1]
    relevant = (True, False)
    values = {
        pair: max((1 / (i + 1) for i, hit in enumerate(pair) if hit), default=0.0)
        for pair in itertools.product(relevant, repeat=2)
    }
    # w1 f + w2 f: the mixed difference of an additive utility vanishes.
    assert values[True, True] - values[True, False] - values[False, True] + values[False, False] == -0.5


@given(st.floats(0, 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_the_expectation_form_is_attained(share: float, gain: float, loss: float) -> None:
    found = ranking.expectation_form(probability=share, gain=gain, largest_loss=loss)
    assert abs(found.lower - (share * gain - (1 - share) * loss)) <= 1e-15
    if abs(share - found.threshold) > 1e-12:
        assert (found.lower > 0) == (share > found.threshold)
