"""Biases of categories and of the tail."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval import metrics
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.metrics import METRICS, Comparison

TRUTH = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
HELD = np.array([[0.25, 0.25, 0.5], [0.75, 0.25, 0.0]])


def test_category_biases_sum_to_zero_and_halve_to_the_total_variation() -> None:
    biases = metrics.category_biases(TRUTH, HELD)
    assert biases.tolist() == [-0.25, 0.125, 0.125]
    assert metrics.category_bias(TRUTH, HELD) == 0.25
    assert metrics.category_bias(TRUTH, HELD) == metrics.total_variation(TRUTH.mean(axis=0), HELD.mean(axis=0))


def test_blocks_do_not_change_the_mean() -> None:
    rng = np.random.default_rng(0)
    truth, held = rng.dirichlet(np.ones(30), (2, 5000))  # more than one block
    np.testing.assert_allclose(
        metrics.category_biases(truth, held), (held - truth).mean(axis=0), rtol=1e-10, atol=1e-15
    )


def test_bucket_bias_is_the_mean_size_in_each_stratum() -> None:
    assert metrics.bucket_bias(TRUTH, HELD, buckets=[0, 2, 2])[[0, 2]].tolist() == [0.25, 0.125]
    assert np.isnan(metrics.bucket_bias(TRUTH, HELD, buckets=[0, 2, 2])[1])
    comparison = Comparison(theta_star=TRUTH, theta_s=HELD, lists=None, bucket=np.array([0, 2, 2]))
    tail = METRICS["tail_bias"]
    assert tail.value(tail.statistic(comparison).mean(axis=0)) == 0.125
    assert tail.value(np.array([[0.5, -0.5], [0.0, 1.0]])).tolist() == [0.5, 0.5]


def test_tail_mass_stands_beside_the_truth() -> None:
    buckets = [0, 1, 2]
    assert metrics.tail_mass(HELD, buckets=buckets).tolist() == [0.5, 0.0]
    assert metrics.tail_mass(TRUTH, buckets=buckets).tolist() == [0.25, 0.0]
    assert metrics.tail_mass_error(TRUTH, HELD, buckets=buckets) == 0.125
    assert metrics.tail_mass_error(HELD, TRUTH, buckets=buckets) == 0.125
    assert metrics.tail_mass(HELD[0], buckets=buckets) == 0.5
    assert METRICS["tail_mass"].lower_is_better is None  # more tail is not better


def test_the_strata_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"buckets: shape \(2,\), but there are 3 categories"):
        metrics.tail_mass(HELD, buckets=[0, 1])
    with pytest.raises(InputError, match="buckets: category 2 is in 3"):
        metrics.bucket_bias(TRUTH, HELD, buckets=[0, 1, 3])
    with pytest.raises(ShapeError, match="no users"):
        metrics.category_biases(np.empty((0, 3)), np.empty((0, 3)))
