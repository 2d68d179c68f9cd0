from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import js_nats, kl_nats, tv
from spectra_eval.theory import multinomial_radius as radius
from spectra_eval.theory.concentration import hoeffding_radius
from spectra_eval.units import LN2, Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["multinomial_radius"])
def test_golden(case: dict[str, Any]) -> None:
    n, beta = case["n"], float(case["beta"])
    asked = {"n_categories": case["K"], "error": beta}

    def near(key: str, *, most: float = math.inf) -> Any:
        return pytest.approx(min(most, float(case[key])), rel=1e-11, abs=0)

    assert radius.weissman_tv_radius(n, **asked) == near("weissman_tv", most=1.0)
    assert radius.mcdiarmid_tv_radius(n, **asked) == near("mcdiarmid_tv", most=1.0)
    assert radius.agrawal_kl_radius(n, **asked).nats * n == near("agrawal_nats_times_n")
    assert radius.types_kl_radius(n, **asked).nats * n == near("types_nats_times_n")
    assert hoeffding_radius(n, error=beta) == near("oracle_set_tv")
    assert radius.js_bounded_difference(n).bits * n == near("js_bounded_difference_bits_times_n")


def test_the_table_of_radii() -> None:
    via = [radius.js_radius(n, n_categories=k, error=0.005).bits for n in (50, 100, 500) for k in (19, 26)]
    assert via == pytest.approx([0.355, 0.450, 0.178, 0.225, 0.036, 0.045], abs=6e-4)
    assert radius.kl_radius(50, n_categories=78, error=0.005).nats / 2 == pytest.approx(0.878, abs=5e-4)
    assert radius.js_radius(50, n_categories=78, error=0.005).bits == pytest.approx(0.770, abs=5e-4)  # through TV


@pytest.mark.parametrize("theta", [(0.7, 0.2, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.98, 0.01, 0.01)])
@pytest.mark.parametrize("n", [1, 6, 20])
def test_errors_by_full_enumeration(theta: tuple[float, ...], n: int) -> None:
    law, held, error = np.array(theta), np.array([0.2, 0.5, 0.3]), 0.1
    asked = {"n_categories": 3, "error": error}
    counts = np.array([c for c in itertools.product(range(n + 1), repeat=3) if sum(c) == n])
    orders = np.array([math.factorial(n) / math.prod(map(math.factorial, c)) for c in counts.tolist()])
    chance = orders * np.prod(law**counts, axis=1)
    hat = counts / n
    misses = {
        "weissman": tv(hat, law) > radius.weissman_tv_radius(n, **asked) + 1e-12,
        "mcdiarmid": tv(hat, law) > radius.mcdiarmid_tv_radius(n, **asked) + 1e-12,
        "agrawal": kl_nats(hat, law) > radius.agrawal_kl_radius(n, **asked).nats + 1e-12,
        "types": kl_nats(hat, law) > radius.types_kl_radius(n, **asked).nats + 1e-12,
        "js": js_nats(hat, law) > radius.js_radius(n, **asked).nats + 1e-12,
        "js bounded difference": js_nats(law, held)
        > js_nats(hat, held) + radius.js_mcdiarmid_radius(n, error=error).nats + 1e-12,
    }
    for name, missed in misses.items():
        assert chance[missed].sum() <= error + 1e-12, name
    upper = radius.js_upper_by_triangle(Information(js_nats(hat, held)), Information(js_nats(hat, law)))
    assert (js_nats(law, held) <= upper.nats + 1e-12).all()


@pytest.mark.parametrize("n", [1, 3, 40])
def test_one_interaction_changes_the_js_by_no_more(n: int) -> None:
    most = 0.0
    for held in ([1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [1e-9, 1 - 1e-9, 0.0]):
        for k in range(1, n + 1):
            before = np.array([k, n - k, 0]) / n
            after = before + np.array([-1, 0, 1]) / n
            most = max(most, abs(float(js_nats(before, np.array(held)) - js_nats(after, np.array(held)))))
    bound = radius.js_bounded_difference(n).nats
    assert most <= bound * (1 + 1e-12) and most == pytest.approx(bound)


def test_no_interactions_and_one_category() -> None:
    assert radius.tv_radius(0, n_categories=5, error=0.1) == 1.0
    assert radius.tv_radius(0, n_categories=1, error=0.1) == 0.0
    assert radius.kl_radius(0, n_categories=5, error=0.1).nats == math.inf
    assert radius.kl_radius(9, n_categories=1, error=0.1).nats == 0.0
    assert radius.js_radius(0, n_categories=5, error=0.1).bits == 1.0
    assert radius.js_upper_by_triangle(Information(LN2 / 2), Information(LN2)).bits == 1.0
    assert radius.weissman_tv_radius(10**9, n_categories=5000, error=0.1) < 0.01


def test_refusals() -> None:
    with pytest.raises(InputError, match=r"^n: -1 is below 0"):
        radius.tv_radius(-1, n_categories=5, error=0.1)
    with pytest.raises(InputError, match=r"^n_categories: 0 is below 1"):
        radius.tv_radius(5, n_categories=0, error=0.1)
    with pytest.raises(InputError, match="strictly between"):
        radius.kl_radius(5, n_categories=5, error=1.0)
    with pytest.raises(InputError, match="below 1"):
        radius.js_bounded_difference(0)
    with pytest.raises(InputError, match="the maximum"):
        radius.js_bounded_difference(2**63 + 1)
