"""The checks of numbers at the door: every value of the wrong kind is one line that names the argument."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.arrays import check_cutoff, check_level, check_number, check_seed, check_whole
from spectra_eval.errors import InputError

STRANGERS: list[Any] = [None, True, np.True_, "0.5", b"1", [0.5], {}, 1j, float("nan"), float("inf"), -float("inf")]
STRANGERS += [10**400, -(10**400), 10**6000]


def kind(value: Any) -> str:
    return type(value).__name__  # a number of 6000 digits cannot be printed


@pytest.mark.parametrize("value", [*STRANGERS, 0, 1, 0.0, 1.0, -0.5], ids=kind)
def test_a_level_is_a_number_between_0_and_1(value: Any) -> None:
    with pytest.raises(InputError, match=r"^level: .{1,70} is not strictly between 0 and 1$"):
        check_level("level", value)


@pytest.mark.parametrize("value", [*STRANGERS, 1.0, 1.7, 0, np.float64(3)], ids=kind)
def test_a_cutoff_is_a_whole_number(value: Any) -> None:
    with pytest.raises(InputError, match=r"^k: ") as refused:
        check_cutoff(value)
    assert len(str(refused.value)) < 160


@pytest.mark.parametrize("value", [*STRANGERS, 1.0, -1, 2**64], ids=kind)
def test_a_seed_is_a_whole_number_of_64_bits(value: Any) -> None:
    with pytest.raises(InputError, match=r"^seed: "):
        check_seed(value)


@pytest.mark.parametrize("value", [*STRANGERS, 3.5, -0.1], ids=kind)
def test_a_number_is_finite_and_in_its_range(value: Any) -> None:
    with pytest.raises(InputError, match=r"^weight: "):
        check_number("weight", value, low=0.0, high=3.0)


def test_what_is_right_is_given_back_as_a_plain_number() -> None:
    assert check_level("level", np.float32(0.5)) == 0.5 and check_level("level", np.array(0.25)) == 0.25
    assert check_number("weight", Fraction(1, 4)) == 0.25
    assert type(check_cutoff(np.int32(3))) is int and check_seed(2**64 - 1) == 2**64 - 1
    with pytest.raises(InputError, match="choose k <= 4"):
        check_cutoff(5, 4)
    with pytest.raises(InputError, match="above 9"):
        check_whole("bins", 10, most=9)


def test_no_option_of_a_public_function_ends_in_a_foreign_error() -> None:
    """In a process of its own: beside the type checker of these tests, another error would come first."""
    script = Path(__file__).with_name("numeric_options.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 400
