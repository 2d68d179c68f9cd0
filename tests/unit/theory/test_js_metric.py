from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import distance

from spectra_eval.theory.js_metric import root_js

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["divergences"], ids=lambda c: c["name"])
def test_golden(case: dict[str, Any]) -> None:
    p, q = [float(x) for x in case["p"]], [float(x) for x in case["q"]]
    assert root_js(p, q) == pytest.approx(float(case["sqrt_js_bits"]), rel=1e-12, abs=0)


def test_scipy_gives_the_root_too() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(9), size=(2, 50))
    assert root_js(rows[0], rows[1]) == pytest.approx(
        distance.jensenshannon(rows[0], rows[1], base=2, axis=1), rel=1e-9
    )
