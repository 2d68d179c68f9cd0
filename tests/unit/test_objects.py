"""Results fit the functions that take them, and print in a line."""

from pathlib import Path

import numpy as np
import pytest

from spectra_eval import PreferenceTable, certify, evaluate, verify
from spectra_eval.report.html import write_report

RNG = np.random.default_rng(3)
TABLE = PreferenceTable(
    users=[f"u{i}" for i in range(60)],
    categories=("a", "b", "c"),
    counts=RNG.integers(1, 9, (60, 3)),
    theta_s=RNG.dirichlet(np.ones(3), 60),
    dg=np.tile([0, 2], (60, 1)),
)


def test_results_fit_the_functions_that_take_them(tmp_path: Path) -> None:
    evaluation, certificate = evaluate(TABLE, bootstrap=0), certify(TABLE, k=1)
    assert verify(certificate, TABLE).agrees
    pytest.importorskip("matplotlib")
    write_report(tmp_path / "a.html", tables=TABLE, evaluation=evaluation, certificate=certificate)
    documents = {"evaluation": evaluation.to_json(), "certificate": certificate.to_json()}
    write_report(tmp_path / "b.html", tables=TABLE, **documents)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_metric_alone_is_that_of_the_readout_and_objects_print_short() -> None:
    evaluation = evaluate(TABLE, bootstrap=0)
    assert evaluation["js_divergence"] == evaluation["js_divergence", "theta_s"]
    for value in (TABLE, evaluation, certify(TABLE, k=1)):
        assert len(repr(value)) < 200 and len(value) > 0
