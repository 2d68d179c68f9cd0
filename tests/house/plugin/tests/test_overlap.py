"""The kit of spectra-eval as a parametrisation of somebody else's tests."""

from __future__ import annotations

import numpy as np
import pytest
from spectra_overlap.bound import OVERLAP_LOSS_UPPER_FROM_JS, half_of_it
from spectra_overlap.metric import overlap_loss

from spectra_eval.metrics import METRICS
from spectra_eval.testing import checks
from spectra_eval.testing.refutation import as_bound, refute
from spectra_eval.theory import ENVELOPES


@pytest.mark.parametrize("check", checks.of(METRICS["overlap_loss"]), ids=str)
def test_the_metric(check: checks.Check) -> None:
    check()


@pytest.mark.parametrize("check", checks.of(OVERLAP_LOSS_UPPER_FROM_JS), ids=str)
def test_the_bound(check: checks.Check) -> None:
    check()


def test_both_are_found_through_their_entry_points() -> None:
    assert ENVELOPES["overlap_loss_upper_from_js"] is OVERLAP_LOSS_UPPER_FROM_JS
    assert METRICS["overlap_loss"].stage == "emerging"
    assert overlap_loss(np.array([[1.0, 0.0]]), np.array([[0.25, 0.75]])).tolist() == [0.75]


def test_a_false_claim_is_refuted() -> None:
    assert refute(as_bound(half_of_it, name="half of it"), max_examples=200).found
