from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.theory.bounded_mean import betting_lower, prpl_eb_lower
from spectra_eval.theory.concentration import hoeffding_lower

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["bounded_mean"])
def test_golden(case: dict[str, Any]) -> None:
    x, error = [float(v) for v in case["x"]], float(case["alpha"])
    assert np.mean(x) == pytest.approx(float(case["mean"]))
    for function, key in (
        (hoeffding_lower, "hoeffding_lcb"),
        (prpl_eb_lower, "prpl_eb_lcb"),
        (betting_lower, "betting_lcb"),
    ):
        assert function(x, error=error) == pytest.approx(float(case[key]), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("case", GOLDEN["mean_certificate"])
def test_mean_certificate(case: dict[str, Any]) -> None:
    u, error = [float(v) for v in case["u"]], float(case["alpha"])
    margins = np.array([float(m) - float(t) for m, t in zip(case["m_hat"], case["tv_hat"], strict=True)])
    assert margins.mean() == pytest.approx(float(case["mean_w"]))
    assert hoeffding_lower(margins, error=error, low=-1.0) == pytest.approx(float(case["hoeffding_lcb"]))
    assert 2 * betting_lower(u, error=error) - 1 == pytest.approx(float(case["betting_lcb_w"]), rel=1e-9)
    assert 2 * prpl_eb_lower(u, error=error) - 1 == pytest.approx(float(case["prpl_eb_lcb_w"]), rel=1e-9)


def test_not_for_numbers_with_unequal_means() -> None:
    """On 100 ones and then 100 zeros the bound exceeds the mean: the order must not follow the outcome."""
    assert betting_lower([1.0] * 100 + [0.0] * 100, error=0.05) == pytest.approx(0.567, abs=1e-3)


@pytest.mark.parametrize("bound", [betting_lower, prpl_eb_lower])
@pytest.mark.parametrize("mean", [0.05, 0.5, 0.9])
def test_coverage(bound: Any, mean: float) -> None:
    rng = np.random.default_rng(11)
    error, trials = 0.1, 600
    beta = rng.beta(2 * mean, 2 * (1 - mean), size=(trials, 60))
    missed = np.mean([bound(row, error=error) > mean for row in beta])
    assert missed <= error + 3 * np.sqrt(error * (1 - error) / trials)


@pytest.mark.parametrize("bound", [betting_lower, prpl_eb_lower])
def test_refuses(bound: Any) -> None:
    with pytest.raises(InputError, match="at least one"):
        bound([], error=0.05)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        bound([1.5], error=0.05)


def test_ends() -> None:
    assert betting_lower([0.0] * 5, error=0.05) == 0.0
    assert betting_lower([1.0] * 20, error=0.999999) == 1.0 or betting_lower([1.0] * 20, error=0.999999) > 0.9
