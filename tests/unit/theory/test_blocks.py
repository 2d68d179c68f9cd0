from __future__ import annotations

import math

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError, ShapeError
from spectra_eval.simplex import tv
from spectra_eval.theory.blocks import block_means, label_vectors, route_t_blocks
from spectra_eval.theory.routes import route_t


def test_single_interactions_give_form_a_of_route_t() -> None:
    vectors = np.eye(3)[[2] * 50 + [1] * 8 + [0] * 2]
    theta = [0.05, 0.1, 0.85]
    one = route_t_blocks(vectors, theta, [0, -1], predicate_error=0.02, split=0.3)
    other = route_t([vectors.sum(axis=0)], [theta], [[0, -1]], predicate_error=0.02, split=0.3, whole=False)
    assert float(one.upper) == pytest.approx(other.upper[0])
    assert float(one.lower_mass) == pytest.approx(other.lower_mass[0])
    assert bool(one.certified) is bool(other.certified[0]) is True


def test_runs_break_the_route_on_interactions_and_not_on_blocks() -> None:
    """Six sessions of twenty equal interactions each: enumerate all outcomes of two categories."""
    sessions, run, share, beta = 6, 20, 0.5, 0.05
    theta = np.array([0.4, 0.6])
    law = np.array([share, 1 - share])
    failed = {"interactions": 0.0, "blocks": 0.0}
    for first in range(sessions + 1):
        chance = math.comb(sessions, first) * share**first * (1 - share) ** (sessions - first)
        vectors = np.repeat(np.eye(2)[[0] * first + [1] * (sessions - first)], run, axis=0)
        means = block_means(vectors, np.repeat(np.arange(sessions), run))
        assert means.shape == (sessions, 2)
        for name, rows in (("interactions", vectors), ("blocks", means)):
            found = route_t_blocks(rows, theta, [0], predicate_error=2 * beta)
            wrong = tv(theta, law) > float(found.upper) or law[1] < float(found.lower_mass)
            failed[name] += chance * wrong
    assert failed["interactions"] > 0.3 and failed["blocks"] <= 2 * beta


def test_betting_gains_with_many_blocks_and_loses_with_few() -> None:
    theta = [0.1, 0.05, 0.85]
    for blocks, better in ((8, False), (300, True)):
        means = np.tile(theta, (blocks, 1))
        plain = route_t_blocks(means, theta, [0], predicate_error=0.02)
        betting = route_t_blocks(means, theta, [0], predicate_error=0.02, mass_bound="betting")
        assert bool(betting.lower_mass > plain.lower_mass) is better
        assert betting.upper == plain.upper and betting.lower_mass < 0.9


def test_several_labels_and_unequal_blocks() -> None:
    vectors = label_vectors([[0], [0, 1, 1], [2]], n_categories=3)
    assert vectors.tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]]
    assert block_means(vectors, [7, 3, 7]).tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0]]


def test_refusals() -> None:
    for wrong in ([[]], [[3]], [[-1]]):
        with pytest.raises(InputError, match="interaction 0"):
            label_vectors(wrong, n_categories=3)
    with pytest.raises(ShapeError, match="one label"):
        block_means([[1.0, 0.0]], [1, 2])
    with pytest.raises(AssumptionError, match="no blocks"):
        route_t_blocks(np.zeros((0, 2)), [0.5, 0.5], [0], predicate_error=0.1)
    with pytest.raises(ShapeError, match="one user"):
        route_t_blocks([[1.0, 0.0]], [[0.5, 0.5]], [0], predicate_error=0.1)
    with pytest.raises(InputError, match="mass_bound"):
        route_t_blocks([[1.0, 0.0]], [0.5, 0.5], [0], predicate_error=0.1, mass_bound="clopper")
