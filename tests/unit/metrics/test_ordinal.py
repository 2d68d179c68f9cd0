"""The Wasserstein distance over ordered categories."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectra_eval.metrics import wasserstein_ordinal


def test_as_in_scipy() -> None:
    truth, held = np.random.default_rng(0).dirichlet(np.full(7, 0.5), (2, 40))
    places = np.arange(7)
    theirs = [stats.wasserstein_distance(places, places, t, h) for t, h in zip(truth, held, strict=True)]
    np.testing.assert_allclose(wasserstein_ordinal(truth, held), theirs, rtol=1e-12)


def test_the_order_matters_and_the_far_end_is_k_minus_one_steps_away() -> None:
    ends = np.eye(5)
    assert wasserstein_ordinal(ends[0], ends[4]) == 4.0
    assert wasserstein_ordinal(ends[0], ends[1]) == 1.0
    assert wasserstein_ordinal(np.array([1.0]), np.array([1.0])) == 0.0
    assert wasserstein_ordinal(ends[:1], ends[2:3]).tolist() == [2.0]
    assert wasserstein_ordinal(ends[1:2][:, [0, 2, 1, 3, 4]], ends[2:3][:, [0, 2, 1, 3, 4]]) == pytest.approx(1.0)
