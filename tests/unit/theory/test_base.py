"""What the entry of a bound says of itself follows from what it computes."""

from __future__ import annotations

import inspect

import pytest

from spectra_eval.errors import InputError
from spectra_eval.theory import ENVELOPES, Envelope, kl_chain, two_level


@pytest.mark.parametrize("envelope", list(ENVELOPES), ids=lambda entry: entry.name)
def test_the_reading_names_the_sides_that_are_bounded(envelope: Envelope) -> None:
    sides = {(True, True): "Lower and upper bound", (True, False): "Lower bound", (False, True): "Upper bound"}
    assert envelope.reading.startswith(sides[envelope.lower is not None, envelope.upper is not None])


def test_a_chain_takes_two_levels_only() -> None:
    levels = two_level([0.5, 0.5], [[0.5, 0.5], [0.25, 0.75]])
    for wrong in ({"theta_star": 3, "theta_s": levels}, {"theta_star": levels, "theta_s": None}):
        with pytest.raises(InputError, match="has no two levels"):
            inspect.unwrap(kl_chain)(**wrong)  # without the checks of types that the tests add
