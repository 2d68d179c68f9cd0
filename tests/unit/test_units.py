"""Amounts of information: exact in the unit in which they were given, and never bare numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import UnitError
from spectra_eval.units import LN2, Information, Unit, check_information

BITS = Information.from_bits(np.array([0.1, 0.2, 0.7]))


def test_each_unit_is_exact_and_the_other_differs_by_ln_2() -> None:
    assert LN2 == np.log(2.0)
    assert Information.from_bits(0.1).bits == 0.1 and Information(0.1).nats == 0.1
    assert Information.from_bits(3.0).nats == 3.0 * LN2 and Information(3.0).bits == 3.0 / LN2
    assert BITS.shape == (3,) and len(BITS) == 3 and Information(1.0).shape == ()


def test_arithmetic_and_order_convert_to_the_unit_of_the_left_side() -> None:
    one_bit = Information(LN2)
    assert (BITS + one_bit).bits == pytest.approx([1.1, 1.2, 1.7], rel=1e-15)
    assert (one_bit - BITS).nats == pytest.approx(LN2 * np.array([0.9, 0.8, 0.3]), rel=1e-15)
    assert (2.0 * BITS).bits.tolist() == [0.2, 0.4, 1.4] and (BITS * 2.0).bits.tolist() == [0.2, 0.4, 1.4]
    assert BITS[2].bits == 0.7 and BITS[:2].mean().bits == pytest.approx(0.15)
    assert (BITS < one_bit).all() and (BITS <= one_bit).all()
    assert (one_bit > BITS).all() and (one_bit >= BITS).all()
    assert (BITS == BITS).all() and (BITS == 0.1) is False


@pytest.mark.parametrize(
    "use",
    [float, np.asarray, lambda x: x + 1.0, lambda x: x < 0.5, Information, lambda x: x - 1.0],
)
def test_a_bare_number_is_never_made_of_it(use: Callable[[Any], Any]) -> None:
    with pytest.raises(UnitError):
        use(Information(0.5))


def test_a_bare_number_is_refused_by_the_name_of_the_parameter() -> None:
    check_information(js=BITS)
    with pytest.raises(UnitError, match="epsilon: float carries no unit"):
        check_information(js=BITS, epsilon=0.5)


def test_it_prints_as_it_is_typed_and_long_arrays_in_a_line() -> None:
    assert repr(Information.from_bits(0.5)) == "Information.from_bits(0.5)"
    assert repr(Information(np.zeros(7))) == f"<Information: shape (7,), mean 0 {Unit.NAT}>"
