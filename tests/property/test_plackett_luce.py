"""Properties of draws without replacement: the exact inclusion lies below every bound (item 11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval.theory import plackett_luce as race

weights = st.lists(st.one_of(st.floats(1e-6, 1.0), st.sampled_from([1.0, 0.5, 1e-3])), min_size=2, max_size=8)


@given(st.data(), weights)
def test_the_inclusion_lies_below_every_bound(data: Any, drawn: list[float]) -> None:
    k = data.draw(st.integers(1, len(drawn) - 1))
    category = data.draw(st.integers(0, len(drawn) - 1))
    true = race.inclusion_probability(drawn, category=category, k=k)
    bounds = race.inclusion_bounds(drawn, category=category, k=k)
    for bound in (bounds.step, bounds.heads, bounds.product, bounds.harmonic, bounds.linear, bounds.best):
        assert true <= bound * (1 + 1e-11)
    assert bounds.heads <= bounds.product * (1 + 1e-11)
    assert bounds.product <= bounds.harmonic * (1 + 1e-12) and bounds.harmonic <= bounds.linear * (1 + 1e-12)
    if k == len(drawn) - 1:
        assert true == pytest.approx(bounds.heads, rel=1e-11, abs=0)
    if k == 1:
        assert true <= race.printed_union_bound(drawn, category=category, k=1) * (1 + 1e-12)


@given(st.data(), weights)
def test_both_methods_agree_and_inclusions_add_up(data: Any, drawn: list[float]) -> None:
    k = data.draw(st.integers(1, len(drawn)))
    total = 0.0
    for category in range(len(drawn)):
        exact = race.inclusion_probability(drawn, category=category, k=k, method="subsets")
        assert race.inclusion_probability(drawn, category=category, k=k, method="race") == pytest.approx(
            exact, rel=1e-11
        )
        total += exact
    assert total == pytest.approx(k, rel=1e-11, abs=0)


@given(weights, st.floats(0.01, 100.0))
def test_the_scale_is_free_and_longer_lists_include_more(drawn: list[float], scale: float) -> None:
    before = 0.0
    for k in range(1, len(drawn) + 1):
        found = race.inclusion_probability(drawn, category=0, k=k)
        scaled = race.inclusion_probability(np.array(drawn) * scale, category=0, k=k)
        assert scaled == pytest.approx(found, rel=1e-10, abs=0) and found >= before * (1 - 1e-12)
        before = found


@given(st.floats(1e-5, 0.02), st.integers(2, 6))
def test_the_printed_bound_fails_once_a_head_towers_over_equals(tail: float, k: int) -> None:
    """One head and k equal others: they share what k - 1 draws leave, whatever the head weighs."""
    drawn = [1.0, *[tail] * k]
    true = race.inclusion_probability(drawn, category=1, k=k)
    assert true >= (k - 1) / k - 1e-12
    assert race.printed_union_bound(drawn, category=1, k=k) == pytest.approx(k * tail)
    assert true > k * tail


@given(st.data(), st.integers(2, 6), st.floats(0, 2), st.floats(0, 1))
def test_the_ratio_by_frequencies_bounds_the_ratio_of_weights(
    data: Any, n: int, exponent: float, spread: float
) -> None:
    frequencies = np.array(data.draw(st.lists(st.floats(0.01, 100.0), min_size=n, max_size=n)))
    category, k = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n - 1))
    shift = np.array(data.draw(st.lists(st.floats(-0.5, 0.5), min_size=n, max_size=n))) * spread
    drawn = frequencies**exponent * np.exp(shift)
    ratio = race.head_ratio(frequencies, category=category, k=k, exponent=exponent, spread=spread)
    found = race.inclusion_bounds(drawn, category=category, k=k)
    assert found.ratio <= ratio * (1 + 1e-12)
    true = race.inclusion_probability(drawn, category=category, k=k)
    assert true <= race.inclusion_from_ratio(ratio, k=k) * (1 + 1e-11)
    if race.excluded_surely(ratio * (1 + 1e-12)):
        assert category not in np.argsort(-drawn, kind="stable")[:k]
