"""Scoring rules: the mean over interactions, and what they reward."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval import metrics, simplex


def test_brier_is_the_mean_over_the_interactions() -> None:
    rng = np.random.default_rng(0)
    held = rng.dirichlet(np.ones(5))
    counts = np.array([3, 0, 2, 1, 0])
    outcomes = np.repeat(np.arange(5), counts)
    by_hand = np.mean([((held - np.eye(5)[c]) ** 2).sum() for c in outcomes])
    assert metrics.brier(counts / counts.sum(), held) == pytest.approx(by_hand, rel=1e-13)


def test_log_score_is_the_mean_surprise() -> None:
    rng = np.random.default_rng(1)
    held = rng.dirichlet(np.ones(5), 4)
    counts = rng.multinomial(9, np.full(5, 0.2), 4)
    by_hand = [np.mean(-np.log(held[u])[np.repeat(np.arange(5), counts[u])]) for u in range(4)]
    np.testing.assert_allclose(metrics.log_score(counts / 9.0, held).nats, by_hand, rtol=1e-12)


def test_the_excess_of_the_log_score_is_the_divergence() -> None:
    truth, held = np.random.default_rng(2).dirichlet(np.ones(6), (2, 50))
    excess = metrics.log_score(truth, held).nats - simplex.entropy_nats(truth)
    np.testing.assert_allclose(excess, metrics.kl_divergence(truth, held).nats, rtol=1e-9)


def test_edges() -> None:
    assert metrics.brier(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 2.0
    assert metrics.brier(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0
    score = metrics.log_score(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert score.nats.tolist() == [np.inf, 0.0]
    assert not np.signbit(score.nats).any()
