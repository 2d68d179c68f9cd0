from __future__ import annotations

import math

import pytest

from spectra_eval.audit import Printed, agrees, at_most, exact, printed
from spectra_eval.errors import InputError


@pytest.mark.parametrize(
    ("text", "value", "half"),
    [
        (".316", 0.316, 5e-4),
        ("-.28", -0.28, 5e-3),
        ("0.5523", 0.5523, 5e-5),
        ("38 %", 0.38, 5e-3),
        ("-43.8%", -0.438, 5e-4),
        ("9,755", 9755.0, 0.5),
        ("7.62e-56", 7.62e-56, 5e-59),
        ("3.", 3.0, 0.5),
        ("+2.10", 2.1, 5e-3),
    ],
)
def test_the_rounding_is_read_off_the_digits(text: str, value: float, half: float) -> None:
    assert printed(text) == Printed(value, half)


@pytest.mark.parametrize("text", ["", ".", "n/a", "1.2.3", "%"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no printed number"):
        printed(text)


def test_arithmetic_keeps_the_rounding() -> None:
    total = printed(".5") + printed(".25")
    assert (total.value, total.half) == pytest.approx((0.75, 0.055))
    rest = exact(1) - printed(".25")
    assert (rest.low, rest.high) == pytest.approx((0.745, 0.755))
    assert printed(".5").scaled(-2.0) == Printed(-1.0, 0.1)


def test_an_order_has_three_outcomes() -> None:
    says = "{left} should not exceed {right}"
    assert at_most("c", printed(".31"), printed(".32"), says=says).status == "pass"
    assert at_most("c", printed(".33"), printed(".32"), says=says).status == "undetermined"
    found = at_most("c", printed(".34"), printed(".32"), says=says)
    assert found.status == "fail" and found.reason == "0.34 should not exceed 0.32, but it does, whatever the rounding."


def test_an_equality_has_three_outcomes() -> None:
    says = "{claimed} and {computed}"
    assert agrees("c", printed(".3"), printed(".34"), says=says).status == "pass"
    assert agrees("c", printed(".30"), printed(".34"), says=says).status == "fail"
    assert agrees("c", printed(".30"), exact(math.nan), says=says).status == "undetermined"
