"""A uniform prediction on own options has no calibration error by construction, and the evaluation says so."""

from __future__ import annotations

import numpy as np

from spectra_eval.evaluation import evaluate
from spectra_eval.tables import PreferenceTable


def test_a_zero_by_construction_is_no_evidence() -> None:
    rng = np.random.default_rng(0)
    support = np.arange(6) < np.tile([2, 4, 6], 20)[:, None]
    truth = rng.random((60, 6)) ** 3 * support
    table = PreferenceTable(
        users=[f"q{row}" for row in range(60)],
        categories=[f"option {place}" for place in range(6)],
        theta_star=truth / truth.sum(axis=1, keepdims=True),
        theta_s=support / support.sum(axis=1, keepdims=True),
        support=support,
    )
    found = evaluate(table, metrics=["soft_ece", "total_variation"], bootstrap=0)
    assert found.results[0].value < 1e-12
    note = "soft_ece of a uniform prediction: 0 whatever the target"
    assert any(line.startswith(note) for line in found.warnings)
    assert not any("soft_ece of" in line for line in evaluate(table, metrics=["brier"], bootstrap=0).warnings)
