"""Intervals of means over few users: SciPy's t, several records a user, limits, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.stats import student_interval


@pytest.mark.parametrize("n", [2, 5, 49])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_scipy_agrees(n: int, level: float) -> None:
    values = np.random.default_rng(n).normal(size=n)
    interval = student_interval(values, level=level)
    expected = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-12)
    assert (interval.level, interval.method) == (level, "Student's t over users")


def test_several_records_of_a_user_are_one_draw() -> None:
    """Copies of every record change nothing, and the error is that of the ratio of two sums over users."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=12)
    once, thrice = student_interval(values), student_interval(3 * values, counts=np.full(12, 3))
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high))
    counts = rng.integers(1, 6, size=12)
    totals = rng.normal(size=12) * counts
    interval = student_interval(totals, counts=counts)
    # The influence of each user on the ratio, whose spread is the standard error.
    mean = totals.sum() / counts.sum()
    influence = (totals - mean * counts) / counts.mean()
    half = stats.t.ppf(0.975, 11) * influence.std(ddof=1) / math.sqrt(12)
    assert (interval.low, interval.high) == pytest.approx((mean - half, mean + half))


def test_an_interval_is_cut_at_the_limits_and_says_so() -> None:
    low = student_interval([0.0, 0.1, 0.4], limits=(0.0, 1.0))
    assert (low.low, low.method) == (0.0, "Student's t over users, cut at 0") and low.high < 1.0
    both = student_interval([0.0, 1.0], limits=(0.0, 1.0))
    assert (both.low, both.high, both.method) == (0.0, 1.0, "Student's t over users, cut at 0 and 1")
    # A metric that declares a range and does not keep it gets no interval that misses its own value.
    beyond = student_interval([3.0, 4.0], limits=(0.0, 1.0))
    assert beyond.low == 0.0 and beyond.high > 4.0


def test_equal_values_have_no_width() -> None:
    interval = student_interval([0.3, 0.3, 0.3])
    assert interval.low == interval.high == pytest.approx(0.3)


def test_bad_values_are_refused() -> None:
    with pytest.raises(UndefinedMetricError, match=r"1 users; .* at least two"):
        student_interval([0.5])
    for counts in (np.ones(2), np.ones((3, 1))):
        with pytest.raises(ShapeError, match="one number a user"):
            student_interval([0.1, 0.2, 0.3], counts=counts)
    with pytest.raises(InputError, match="without a value"):
        student_interval([0.1, math.nan])
    with pytest.raises(InputError, match="without records"):
        student_interval([0.1, 0.2], counts=[1, 0])
    with pytest.raises(InputError, match="level"):
        student_interval([0.1, 0.2], level=1.0)
