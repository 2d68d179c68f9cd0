"""Holm's adjustment: golden vectors and statsmodels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.stats.multiplicity import holm

GROUPS = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GROUPS["holm"])
def test_golden(case: dict[str, Any]) -> None:
    expected = [float(value) for value in case["adjusted"]]
    assert holm([float(p) for p in case["p"]]) == pytest.approx(expected, rel=float(case["rtol"]))


def test_statsmodels_agrees() -> None:
    p = np.random.default_rng(0).random(40) ** 4
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)


def test_a_missing_test_is_no_test() -> None:
    assert holm([0.01, np.nan, 0.03]) == pytest.approx([0.02, np.nan, 0.03], nan_ok=True)
    assert np.isnan(holm([np.nan])).all()
    assert holm(np.zeros(0)).tolist() == []


def test_bad_p_values_are_refused() -> None:
    with pytest.raises(InputError, match=r"entry 1 is 1\.5"):
        holm([0.5, 1.5])
    with pytest.raises(ShapeError, match="one a test"):
        holm([[0.5]])
