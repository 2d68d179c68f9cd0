"""Logits within a tolerance move a softmax by no more than the bound, and may move it by as much."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import softmax

from spectra_eval.errors import InputError
from spectra_eval.simplex import tv
from spectra_eval.theory import tv_upper_from_logits


@pytest.mark.parametrize("k", [2, 5, 40])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_no_move_is_larger(k: int, temperature: float) -> None:
    rng = np.random.default_rng(k)
    logits = rng.normal(0, 3, (2000, k))
    for tolerance in (0.01, 0.5, 3.0):
        moved = logits + tolerance * rng.choice([-1.0, 1.0], logits.shape)
        apart = tv(softmax(logits / temperature, axis=1), softmax(moved / temperature, axis=1))
        assert apart.max() <= tv_upper_from_logits(tolerance, temperature=temperature) + 1e-12


def test_two_categories_attain_it() -> None:
    apart = tv(softmax([[0.4, -0.4]], axis=1), softmax([[-0.4, 0.4]], axis=1))[0]
    assert apart == pytest.approx(tv_upper_from_logits(0.8), rel=1e-12) == pytest.approx(math.tanh(0.4), rel=1e-12)


def test_bad_input_is_refused() -> None:
    for bad in ({"tolerance": -0.1}, {"tolerance": math.inf}, {"tolerance": 0.1, "temperature": 0.0}):
        with pytest.raises(InputError):
            tv_upper_from_logits(**bad)
