"""The signed-rank test: golden vectors, SciPy, and an enumeration of all signs."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.stats.paired import signed_rank

GROUPS = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GROUPS["wilcoxon"])
def test_golden(case: dict[str, Any]) -> None:
    found = signed_rank([float(value) for value in case["d"]])
    rtol = float(case["rtol"])
    assert found.n == case["n"]
    assert found.method == case["method"]
    assert (found.w_plus, found.w_minus) == (float(case["w_plus"]), float(case["w_minus"]))
    if float(case["p"]) > 1e-300:
        assert found.p_value == pytest.approx(float(case["p"]), rel=rtol)
    if "z" in case:
        assert found.z == pytest.approx(float(case["z"]), rel=rtol)
    if "log10_p" in case:
        assert found.log10_p == pytest.approx(float(case["log10_p"]), rel=rtol)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_the_exact_distribution_against_all_patterns_of_signs(n: int) -> None:
    sums = [
        sum(r for r, s in zip(range(1, n + 1), signs, strict=True) if s)
        for signs in itertools.product((0, 1), repeat=n)
    ]
    for signs in itertools.product((-1.0, 1.0), repeat=n):
        differences = np.array(signs) * np.arange(1, n + 1)
        plus = differences[differences > 0].sum()
        tail = min(sum(s <= plus for s in sums), sum(s >= plus for s in sums))
        assert signed_rank(differences).p_value == pytest.approx(min(1.0, 2 * tail / 2**n), rel=1e-12)


@pytest.mark.parametrize("n", [12, 50, 51, 400])
def test_scipy_agrees(n: int) -> None:
    rng = np.random.default_rng(n)
    for differences in (rng.normal(0.2, 1.0, n), rng.integers(-3, 5, n).astype(float)):
        found = signed_rank(differences)
        kept = differences[differences != 0]
        method = "exact" if found.method == "exact" else "asymptotic"
        expected = stats.wilcoxon(kept, method=method, correction=False, zero_method="wilcox")
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
        assert min(found.w_plus, found.w_minus) == pytest.approx(expected.statistic)
        assert found.method == ("exact" if n <= 50 and len(np.unique(np.abs(kept))) == len(kept) else "normal")


def test_a_p_value_too_small_for_a_double_keeps_its_logarithm() -> None:
    found = signed_rank(np.arange(1.0, 20_001.0))
    assert found.p_value == 0.0
    mean, variance = 20_000 * 20_001 / 4, 20_000 * 20_001 * 40_001 / 24
    expected = (math.log(2) + stats.norm.logcdf(-mean / math.sqrt(variance))) / math.log(10)
    assert found.log10_p == pytest.approx(expected, rel=1e-9)
    assert found.rank_biserial == 1.0


def test_zeros_are_counted_and_stay_in_the_median() -> None:
    found = signed_rank([0.0, 0.0, 0.0, -2.0, -1.0])
    assert (found.n, found.n_zero, found.median, found.rank_biserial) == (2, 3, 0.0, -1.0)
    nothing = signed_rank([0.0])
    assert (nothing.p_value, nothing.log10_p, nothing.method, nothing.rank_biserial) == (1.0, 0.0, "none", 0.0)


def test_bad_differences_are_refused() -> None:
    with pytest.raises(InputError, match="row 1 is nan"):
        signed_rank([1.0, np.nan])
    for shape in (np.zeros((2, 2)), np.zeros(0)):
        with pytest.raises(ShapeError, match="one a user"):
            signed_rank(shape)


def test_ties_and_zeros_are_counted() -> None:
    found = signed_rank([0.0, 1.0, -1.0, 2.0, 0.0, 2.0, 2.0, 5.0])
    assert (found.n, found.n_zero, found.n_tied) == (6, 2, 5)
    assert signed_rank([0.0, 0.0]).n_tied == 0 and signed_rank([1.0, 2.0]).n_tied == 0
