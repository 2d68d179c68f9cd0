from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spectra_eval.errors import InputError
from spectra_eval.stats.spread import implied_spread

GROUPS = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GROUPS["ci_width"])
def test_golden(case: dict[str, Any]) -> None:
    level = 2 * stats.norm.cdf(float(case["z"])) - 1
    found = implied_spread(float(case["mean"]), float(case["half_width"]), n_users=case["n"], level=level)
    for field in ("implied_sd", "max_sd", "ratio"):
        assert getattr(found, field) == pytest.approx(float(case[field]), rel=1e-10)


def test_zeros_and_ones_reach_the_most() -> None:
    x = np.array([1.0] * 60 + [0.0] * 40)
    half = stats.norm.ppf(0.975) * x.std() / np.sqrt(len(x))
    assert implied_spread(x.mean(), half, n_users=len(x)).ratio == pytest.approx(1.0)
    assert implied_spread(1.0, 0.0, n_users=3).ratio == np.inf


def test_refuses() -> None:
    with pytest.raises(InputError, match="interval"):
        implied_spread(1.2, 0.1, n_users=5)
