"""Strata of categories and groups of users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.metrics import category_buckets, tail_preference_groups

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["strata"], ids=lambda case: f"K={case['K']}")
def test_golden_strata(case: dict[str, Any]) -> None:
    bucket = category_buckets(np.array(case["freq"], dtype=float))
    got = [np.flatnonzero(bucket == number).tolist() for number in range(3)]
    assert got == [case["head"], case["mid"], case["tail"]]


@pytest.mark.parametrize("case", GOLDEN["tail_quartiles"])
def test_golden_groups(case: dict[str, Any]) -> None:
    groups, cuts = tail_preference_groups(np.array(case["tail_share"], dtype=float))
    assert groups.tolist() == case["quartile"]
    assert cuts.tolist() == [float(cut) for cut in case["cuts"]]


def test_the_sizes_that_are_in_use() -> None:
    assert np.bincount(category_buckets(np.ones(19))).tolist() == [6, 6, 7]
    assert np.bincount(category_buckets(np.ones(26))).tolist() == [8, 9, 9]


def test_equal_frequencies_go_by_index() -> None:
    assert category_buckets([1, 1, 1]).tolist() == [0, 1, 2]
    assert category_buckets([0, 2, 2, 0, 2, 0]).tolist() == [1, 0, 0, 2, 1, 2]


def test_equal_shares_stay_together() -> None:
    groups, cuts = tail_preference_groups([0.5] * 7 + [0.9])
    assert cuts.tolist() == [0.5, 0.5, 0.5]
    assert np.bincount(groups, minlength=5).tolist() == [0, 7, 0, 0, 1]  # two groups are empty, and show it


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"frequency: entry \(1,\) is -1"):
        category_buckets([1, -1])
    with pytest.raises(ShapeError, match="frequency"):
        category_buckets(np.ones((2, 2)))
    with pytest.raises(InputError, match="tail_share: row 1 is nan"):
        tail_preference_groups([0.1, np.nan])
    with pytest.raises(ShapeError, match="tail_share"):
        tail_preference_groups(np.ones((2, 2)))
    with pytest.raises(UndefinedMetricError, match="no users"):
        tail_preference_groups([])
