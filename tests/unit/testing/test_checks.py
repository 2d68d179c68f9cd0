"""The checks: every entry of the house keeps them, and whatever is broken on purpose is caught."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.metrics import METRICS, total_variation
from spectra_eval.metrics._base import Metric
from spectra_eval.testing import checks
from spectra_eval.testing._base import Check, Finding, run_all
from spectra_eval.testing.envelope_checks import units_of
from spectra_eval.testing.metric_checks import PROPERTIES
from spectra_eval.theory import ENVELOPES, Envelope
from spectra_eval.units import Information

METRIC_NAMES = METRICS.names()
EXAMPLES = 120
"""The same number everywhere, so that the pairs are drawn once for all metrics."""
PAIR_ENVELOPES = [e.name for e in ENVELOPES if e.given_unit in units_of(e.given) and e.of_unit in units_of(e.of)]


def failed(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings if finding.outcome == "failed"}


def breaks(code: str) -> bool:
    """Run a counterexample: it must end in an assertion that does not hold."""
    with np.errstate(all="ignore"):
        try:
            exec(code, {})
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_every_metric_keeps_what_it_declares_and_the_rest_is_refuted(name: str) -> None:
    findings = run_all(checks.of(METRICS[name]), max_examples=EXAMPLES, shrink=False)
    assert failed(findings) == {}
    assert {finding.check for finding in findings} > set(PROPERTIES)
    for finding in findings:
        if finding.outcome == "refuted":
            assert finding.counterexample is not None
            assert breaks(finding.counterexample), finding.counterexample


@pytest.mark.parametrize("name", PAIR_ENVELOPES)
def test_every_bound_keeps_what_it_declares(name: str) -> None:
    findings = run_all(checks.of(ENVELOPES[name]), max_examples=60, shrink=False)
    assert failed(findings) == {}
    assert len(findings) >= 2
    for finding in findings:
        if finding.outcome == "refuted":
            assert breaks(str(finding.counterexample))


def signed(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    return theta_s[:, 0] - theta_star[:, 0]


def writes(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    theta_star[:] = 0.0
    return theta_s[:, 0]


def looks_round(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    return theta_s[:, 0] - theta_s[:, 0].mean()


def in_bits(theta_star: np.ndarray, theta_s: np.ndarray) -> Information:
    return Information.from_bits(np.abs(theta_star - theta_s).sum(axis=1))


def one_number(theta_star: np.ndarray, theta_s: np.ndarray) -> float:
    return float(np.abs(theta_star - theta_s).mean())


def raises(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    if (theta_s == 0).any():
        raise ZeroDivisionError("a zero")
    return theta_s[:, 0] / theta_s[:, 1]


def test_a_function_declares_nothing_and_must_keep_the_laws_alone() -> None:
    findings = {finding.check: finding for finding in run_all(checks.of(signed), max_examples=EXAMPLES, shrink=False)}
    assert not failed(list(findings.values()))
    assert findings["symmetric"].outcome == "refuted"
    assert not findings["symmetric"].declared
    assert findings["zero_on_equal"].outcome == "held"


def test_the_counterexample_is_the_smallest_and_runs() -> None:
    found = next(f for f in run_all(checks.of(signed), max_examples=200) if f.check == "symmetric")
    assert found.counterexample is not None
    held: dict[str, Any] = {"signed": signed}
    code = found.counterexample.replace(f"from {signed.__module__} import signed as subject", "subject = signed")
    with pytest.raises(AssertionError):
        exec(code, held)
    assert held["theta_star"].shape == (1, 2)


def test_what_breaks_a_law_is_caught() -> None:
    assert "inputs are not changed" in failed(run_all(checks.of(writes), max_examples=EXAMPLES, shrink=False))
    assert "each user alone (shards sum)" in failed(
        run_all(checks.of(looks_round), max_examples=EXAMPLES, shrink=False)
    )
    assert not failed(run_all(checks.of(in_bits), max_examples=EXAMPLES, shrink=False))
    said = failed(run_all(checks.of(one_number), max_examples=EXAMPLES, shrink=False))["one row a user"]
    assert "one_number: gave shape ()" in said.message
    said = failed(run_all(checks.of(raises), max_examples=EXAMPLES, shrink=False))["one row a user"]
    assert said.message == "raised ZeroDivisionError: a zero"
    assert said.counterexample is not None and "0.0" in said.counterexample


def changed(name: str, **fields: Any) -> Metric:
    return dataclasses.replace(METRICS[name], **fields)


def test_a_property_that_is_wrongly_declared_or_left_out_is_caught() -> None:
    more = changed("kl_divergence", properties=METRICS["kl_divergence"].properties | {"symmetric"})
    assert set(failed(run_all(checks.of(more), max_examples=EXAMPLES, shrink=False))) == {"symmetric"}
    fewer = changed("total_variation", properties=METRICS["total_variation"].properties - {"jointly_convex"})
    found = failed(run_all(checks.of(fewer), max_examples=EXAMPLES, shrink=False))
    assert set(found) == {"jointly_convex"}
    assert "declare the property" in found["jointly_convex"].message
    tight = changed("total_variation", limits=(0.0, 0.5))
    assert set(failed(run_all(checks.of(tight), max_examples=EXAMPLES, shrink=False))) == {"within its limits"}
    with pytest.raises(InputError, match="declares 'symetric'; properties are: symmetric"):
        checks.of(changed("total_variation", properties=frozenset({"symetric"})))


def test_a_registered_function_stands_for_its_entry_and_a_namesake_does_not() -> None:
    assert all(check.expected != "either" for check in checks.of(total_variation))

    def brier(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
        return np.abs(theta_star - theta_s).sum(axis=1)

    assert any(check.expected == "either" for check in checks.of(brier))


def bound(**fields: Any) -> Envelope:
    given = {"name": "a bound", "given": "js_divergence", "of": "total_variation", "given_unit": "bit", "of_unit": "1"}
    return Envelope(**{**given, "statement": "", "reference": "", **fields})


def test_a_false_bound_is_caught() -> None:
    names = failed(run_all(checks.of(bound(upper=np.sqrt)), max_examples=100, shrink=False))
    assert set(names) == {"never violated"}
    assert breaks(str(names["never violated"].counterexample).replace("subject = ...", _ROOT))
    crossing = bound(upper=np.sqrt, lower=lambda j: 2.0 * j)
    assert {"lower <= upper", "never violated"} <= set(
        failed(run_all(checks.of(crossing), max_examples=100, shrink=False))
    )
    falling = bound(upper=lambda j: 2.0 - np.asarray(j))
    assert set(failed(run_all(checks.of(falling), max_examples=100, shrink=False))) == {"the upper curve rises"}
    loose = bound(upper=lambda j: 1.0 + 0.0 * np.asarray(j), witness=ENVELOPES["tv_upper_from_js"].witness)
    assert set(failed(run_all(checks.of(loose), max_examples=100, shrink=False))) == {"the witness attains it"}
    slander = bound(upper=lambda j: 1.0 + 0.0 * np.asarray(j), valid=None, counterexample=lambda: ([1, 0], [0, 1]))
    names = failed(run_all(checks.of(slander), max_examples=100, shrink=False))
    assert set(names) == {"never violated at all", "its own counterexample violates it"}


_ROOT = "from spectra_eval.testing.refutation import as_bound; subject = as_bound(lambda bits: bits**0.5, name='root')"


def test_a_check_is_a_test() -> None:
    good, bad = checks.of(METRICS["total_variation"])[0], checks.of(bound(upper=np.sqrt))[0]
    assert isinstance(good, Check)
    assert str(good) == "total_variation: one row a user"
    good()
    with pytest.raises(AssertionError, match=r"a bound: never violated: a counterexample was found\nimport numpy"):
        bad()


def test_other_objects_are_refused() -> None:
    with pytest.raises(InputError, match="no checks for an object of type int"):
        checks.of(3)
    with pytest.raises(InputError, match="function of two arrays"):
        checks.of(lambda theta: theta)
    elsewhere = bound(given="something_else")
    assert checks.of(elsewhere) == []
