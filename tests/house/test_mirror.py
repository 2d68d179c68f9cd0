"""tests/unit mirrors the source: a folder for each package, and a file for each public module."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE, UNIT = ROOT / "spectra_eval", ROOT / "tests" / "unit"
ELSEWHERE = {
    "arrays/arrow.py": "unit/arrays/test_convert.py",
    "audit/conformance/divergences.py": "unit/audit/test_conformance.py",
    "audit/conformance/measures.py": "unit/audit/test_conformance.py",
    "audit/conformance/orders.py": "unit/audit/test_conformance.py",
    "audit/conformance/cohorts.py": "unit/audit/test_conformance.py",
    "audit/conformance/rivals.py": "unit/audit/test_conformance.py",
    "baselines/frequency.py": "unit/baselines/test_baselines.py",
    "baselines/markov.py": "unit/baselines/test_baselines.py",
    "baselines/oracle.py": "unit/baselines/test_baselines.py",
    "certification/rival_claims.py": "unit/certification/test_rivals.py",
    "certification/fraction_law.py": "unit/certification/test_certify.py",
    "certification/fraction_window.py": "unit/certification/test_certify.py",
    "certification/mean_js_law.py": "unit/certification/test_certify.py",
    "certification/mean_law.py": "unit/certification/test_certify.py",
    "certification/ranking_window.py": "unit/certification/test_certify.py",
    "certification/regime_printed.py": "unit/certification/test_certify.py",
    "certification/truncation.py": "unit/certification/test_certify.py",
    "errors.py": "house/test_errors_in_docstrings.py",
    "metrics/recall.py": "unit/metrics/test_ranking.py",
    "metrics/top_calibration.py": "unit/metrics/test_calibration.py",
    "probing/backends/hf.py": "integration/test_hf.py",
    "probing/backends/vllm.py": "integration/vllm/test_vllm.py",
    "report/markdown.py": "unit/report/test_paper.py",
    "testing/envelope_checks.py": "unit/testing/test_checks.py",
    "testing/metric_checks.py": "unit/testing/test_checks.py",
    "theory/binary_js.py": "unit/theory/test_js_envelope.py",
    "training/lora.py": "integration/test_training_loop.py",
}
"""Public modules that are tested together with others, and where."""


def _public() -> dict[str, Path]:
    """Return the public modules below packages, and the folder of their tests."""
    return {
        str(path.relative_to(SOURCE)): UNIT / path.relative_to(SOURCE).parent
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.name.startswith("_")
    }


def test_each_package_has_a_folder_of_tests() -> None:
    packages = {path.parent.relative_to(SOURCE) for path in SOURCE.rglob("__init__.py")}
    missing = {str(p) for p in packages if not list((UNIT / p).glob("test_*.py"))}
    assert missing == {"audit/conformance", "probing/templates"}  # tested in the folder above


def test_each_public_module_has_a_test_of_its_name_or_a_place() -> None:
    lacking = {name for name, folder in _public().items() if not (folder / f"test_{Path(name).name}").is_file()}
    assert lacking == set(ELSEWHERE)
    for place in ELSEWHERE.values():
        assert (ROOT / "tests" / place).is_file(), place
