"""The signed-rank test: golden vectors, SciPy, and an enumeration of all signs."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
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


SMALL = [
    [1.0],
    [1.0, 2.0, 3.0],
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    [2.0, 2.0],
    [1.0, 1.0, 1.0, 1.0],
    [1.0, 1.0, 2.0, 2.0, 2.0, 5.0],
    [0.5, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 4.0],
]


@pytest.mark.parametrize("sizes", SMALL, ids=str)
def test_the_exact_distribution_against_all_patterns_of_signs(sizes: list[float]) -> None:
    ranks = stats.rankdata(sizes)
    patterns = list(itertools.product((0.0, 1.0), repeat=len(sizes)))
    sums = np.array([np.dot(ranks, pattern) for pattern in patterns])
    for pattern, plus in zip(patterns, sums, strict=True):
        tail = min((sums <= plus).mean(), (sums >= plus).mean())
        found = signed_rank(np.where(pattern, sizes, np.negative(sizes)))
        assert found.p_value == pytest.approx(min(1.0, 2 * tail), rel=1e-12)
        assert (found.method, found.z) == ("exact", None)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([2.0, 2.0], 0.5),
        ([1.0] * 4, 0.125),
        ([1.0] * 5, 0.0625),
        ([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], 0.125),
    ],
)
def test_equal_differences_are_no_normal_ones(differences: list[float], p: float) -> None:
    assert signed_rank(differences).p_value == p
    assert signed_rank(np.negative(differences)).p_value == p


@pytest.mark.parametrize("n", [12, 50, 51, 400])
def test_scipy_agrees(n: int) -> None:
    rng = np.random.default_rng(n)
    for differences in (rng.normal(0.2, 1.0, n), rng.integers(-3, 5, n).astype(float)):
        found = signed_rank(differences)
        kept = differences[differences != 0]
        assert found.method == ("exact" if len(kept) <= 50 else "normal")
        if found.method == "normal":
            expected = stats.wilcoxon(kept, method="asymptotic", correction=False, zero_method="wilcox")
        elif found.n_tied and len(kept) > 16:
            continue  # SciPy enumerates the patterns of signs where some tie
        else:
            permuted = stats.PermutationMethod(n_resamples=2 ** len(kept) + 1)
            expected = stats.wilcoxon(kept, method=permuted if found.n_tied else "exact")
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
        assert min(found.w_plus, found.w_minus) == pytest.approx(expected.statistic)


@pytest.mark.parametrize("seed", range(20))
def test_many_ties_against_sums_counted_one_by_one(seed: int) -> None:
    """All 2^n patterns of up to 50 tied differences, gathered by their sum in a dictionary of fractions."""
    rng = np.random.default_rng(seed)
    differences = rng.integers(-4, 7, rng.integers(1, 60)).astype(float)[:50]
    kept = differences[differences != 0]
    ranks = [Fraction(rank) for rank in stats.rankdata(np.abs(kept)).tolist()]
    chances = {Fraction(0): Fraction(1)}
    for rank in ranks:
        grown: dict[Fraction, Fraction] = {}
        for total, chance in chances.items():
            for reached in (total, total + rank):
                grown[reached] = grown.get(reached, Fraction(0)) + chance / 2
        chances = grown
    least = min(sum(r for r, d in zip(ranks, kept, strict=True) if (d > 0) == up) for up in (True, False))
    expected = min(1.0, float(2 * sum(chance for total, chance in chances.items() if total <= least)))
    assert signed_rank(differences).p_value == pytest.approx(expected, rel=1e-14)


def test_the_exact_test_keeps_its_level_with_ties() -> None:
    """Under the null no level is exceeded: the chance of p <= a, over all signs, is at most a."""
    sizes = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0])
    found = np.array([signed_rank(sizes * signs).p_value for signs in itertools.product((-1.0, 1.0), repeat=9)])
    for level in np.unique(found):
        assert (found <= level).mean() <= level * (1 + 1e-12)


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
