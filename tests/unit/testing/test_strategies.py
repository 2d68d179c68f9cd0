"""What the strategies draw: always valid, and all the shapes that break numerical code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from spectra_eval import simplex
from spectra_eval.tables import PreferenceTable
from spectra_eval.testing import strategies
from spectra_eval.testing._base import sample
from spectra_eval.theory import ENVELOPES

PAIRS = (strategies.pairs(), strategies.near_pairs(), strategies.adversarial_pairs())


def valid(theta: np.ndarray) -> bool:
    return bool((theta >= 0).all() and np.allclose(theta.sum(axis=1), 1.0, rtol=0, atol=1e-12))


@pytest.mark.parametrize("strategy", PAIRS, ids=("pairs", "near", "adversarial"))
def test_pairs_are_distributions_of_one_shape(strategy: Any) -> None:
    for star, held in sample(strategy, max_examples=200, seed=0):
        assert star.shape == held.shape
        assert star.shape[1] >= 2
        assert valid(star) and valid(held)


@pytest.mark.parametrize("name", ["tv_upper_from_js", "printed_bh_nats"])
def test_pairs_for_an_inequality_are_distributions(name: str) -> None:
    drawn = sample(strategies.adversarial_pairs(envelope=ENVELOPES[name]), max_examples=200, seed=0)
    assert all(valid(star) and valid(held) for star, held in drawn)


def test_pairs_for_a_tight_inequality_come_close_to_it() -> None:
    envelope = ENVELOPES["tv_upper_from_js"]
    assert envelope.upper is not None
    drawn = sample(strategies.adversarial_pairs(envelope=envelope), max_examples=200, seed=0)
    gaps = [float(envelope.upper(simplex.js_nats(*p) / np.log(2))[0] - simplex.tv(*p)[0]) for p in drawn]
    assert sum(gap < 1e-6 for gap in gaps) > len(gaps) / 4


def test_the_points_that_matter_are_drawn() -> None:
    drawn = sample(strategies.thetas(), max_examples=400, seed=0)
    rows = [row for theta in drawn for row in theta]
    assert any((row == 1.0).any() for row in rows), "corners"
    assert any((row == 0.0).any() and row.max() < 1 for row in rows), "zeros inside"
    assert any(len(np.unique(row[row > 0])) < (row > 0).sum() for row in rows), "ties"
    assert any(((row > 0) & (row < 2.3e-308)).any() for row in rows), "subnormal entries"
    assert {theta.shape[1] for theta in drawn} >= {2, 3, 6}
    near = sample(strategies.near_pairs(), max_examples=100, seed=0)
    assert min(simplex.tv(*pair)[0] for pair in near) < 1e-14


@settings(max_examples=60, deadline=None)
@given(strategies.taxonomised_tables())
def test_taxonomised_tables_hold_a_parent_for_each_category(table: PreferenceTable) -> None:
    assert table.parents is not None
    assert len(table.parents) == table.n_categories >= 2
    assert table.theta_s is not None and table.dg is not None and table.observed.all()


@settings(max_examples=60, deadline=None)
@given(strategies.preference_tables())
def test_tables_are_whole(table: PreferenceTable) -> None:
    assert table.parents is None
    assert table.dg is not None and table.dg.shape[1] < table.n_categories
    assert table.history_counts is not None


def test_answers_leave_room_for_other_tokens() -> None:
    for answers in sample(strategies.answer_scores(answers=3), max_examples=50, seed=0):
        assert answers.log_probs.shape[1] == 3
        assert (np.exp(answers.log_probs).sum(axis=1) <= 1 + 1e-12).all()


def test_the_same_seed_draws_the_same() -> None:
    one, two = (sample(strategies.pairs(), max_examples=40, seed=7) for _ in range(2))
    assert len(one) == len(two)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
