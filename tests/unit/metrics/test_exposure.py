"""Exposure entropy: golden numbers, shared places, named lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval import metrics
from spectra_eval.errors import InputError, SimplexError, UndefinedMetricError
from spectra_eval.metrics import METRICS, Comparison

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]
ENTRY = METRICS["exposure_entropy"]


def shares(scores: Any, *, k: int, lists: Any = None) -> np.ndarray:
    held = np.array(scores, dtype=float)
    bucket = np.zeros(held.shape[1], dtype=int)
    return ENTRY.statistic(Comparison(theta_star=held, theta_s=held, lists=lists, bucket=bucket), k=k)


@pytest.mark.parametrize("case", GOLDEN["exposure_entropy"])
def test_golden(case: dict[str, Any]) -> None:
    got = float(ENTRY.value(shares(case["scores"], k=case["k"]).mean(axis=0), k=case["k"]))
    assert got == pytest.approx(float(case["entropy_bits"]), rel=float(case["rtol"]))


def test_ties_at_the_border_share_the_places_left() -> None:
    assert shares([[0.4, 0.2, 0.2, 0.2]], k=2).tolist() == [[1.0, 1 / 3, 1 / 3, 1 / 3]]
    assert shares([[0.25, 0.25, 0.25, 0.25]], k=3).tolist() == [[0.75] * 4]
    assert shares([[0.4, 0.4, 0.2, 0.0]], k=2).tolist() == [[1.0, 1.0, 0.0, 0.0]]
    assert shares([[0.5, 0.5, 0.0]], k=3).tolist() == [[1.0, 1.0, 1.0]]
    assert shares([[0.5, 0.5, 0.0]], k=7).tolist() == [[1.0, 1.0, 1.0]]


def test_a_mean_below_zero_by_rounding_counts_as_zero() -> None:
    assert ENTRY.value(np.array([[0.5, 0.5, -1e-17], [1.0, 0.0, 0.0]])).tolist() == [1.0, 0.0]
    assert np.isnan(ENTRY.value(np.array([np.nan, 0.5, 0.5])))


def test_a_named_list_takes_the_place_of_the_order() -> None:
    lists = np.array([[2, 2, 1], [-1, 0, 8]])
    got = shares([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]], k=2, lists=lists)
    assert got.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    held = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]])
    assert metrics.exposure_entropy(held, k=2, lists=lists).bits == 1.0


def test_bounds_and_the_face() -> None:
    held = np.random.default_rng(0).dirichlet(np.ones(8), 300)
    bits = metrics.exposure_entropy(held, k=3).bits
    assert np.log(3) / np.log(2) <= bits <= 3.0
    assert metrics.exposure_entropy(held, k=8).bits == pytest.approx(3.0, rel=1e-14)
    assert metrics.exposure_entropy(held[0], k=1).bits == 0.0


def test_no_place_taken_is_undefined() -> None:
    held = np.array([[0.5, 0.5]])
    with pytest.raises(UndefinedMetricError, match="no list has a category"):
        metrics.exposure_entropy(held, k=1, lists=np.array([[-1, -2]]))
    with pytest.raises(UndefinedMetricError, match="no users"):
        metrics.exposure_entropy(np.empty((0, 2)), k=1)
    assert np.isnan(ENTRY.value(np.zeros((2, 3)), k=1)).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="k: 0"):
        metrics.exposure_entropy(np.array([[0.5, 0.5]]), k=0)
    with pytest.raises(SimplexError, match="theta_s: row 0"):
        metrics.exposure_entropy(np.array([[0.5, 0.6]]), k=1)


def test_a_user_of_whom_nothing_is_held_is_left_out() -> None:
    got = shares([[0.6, 0.4, 0.0], [np.nan] * 3], k=1)
    assert got[0].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(got[1]).all()
    assert np.isnan(shares([[np.nan] * 3], k=3)).all()
