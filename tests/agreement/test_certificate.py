"""Every number of a certificate against a second computation that knows NumPy and nothing of the library.

`tests/cli/test_flow.py` does the same for a demo run with the real model.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval.certification import certify
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, PreferenceTable
from spectra_eval_cli.main import main

SCRIPT = Path(__file__).with_name("recompute_certificate.py")
DATA = Path(__file__).parents[2] / "examples/data/ml-latest-small"


def recomputed(document: dict[str, Any], table: PreferenceTable, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hand both over as files: the other side has NumPy only."""
    (folder / "certificate.json").write_text(json.dumps(document), encoding="utf-8")
    assert table.dg is not None and table.theta_s is not None
    columns = {"users": table.users.astype(str), "n_window": table.n_window, "theta_s": table.theta_s, "dg": table.dg}
    columns |= {"theta_star": table.theta_star} if table.counts is None else {"counts": table.counts}
    columns |= {} if table.history_counts is None else {"history_counts": table.history_counts}
    whole = table.metadata.get("weighting") != "fraction"
    np.savez(folder / "table.npz", **columns, whole=np.array(whole))
    words = [sys.executable, str(SCRIPT), str(folder / "certificate.json"), str(folder / "table.npz")]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


def drawn(n: int = 40, *, seed: int = 0, records: int = 1, whole: bool = True) -> PreferenceTable:
    """Users of every kind: without a window, without a list, with strangers on it, tied at rank k, certain."""
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.full(6, 0.6), size=n)
    law[:4] = [0.05, 0.05, 0.1, 0.3, 0.3, 0.2]
    n_window = rng.integers(1, 40, size=n)
    counts = np.array([rng.multinomial(m, row) for m, row in zip(n_window, law, strict=True)], dtype=float)
    if not whole:
        moved = np.minimum(counts[:, 0], 0.5)
        counts[:, 0] -= moved
        counts[:, 1] += moved
    held = 0.9 * law + 0.1 * rng.dirichlet(np.ones(6), size=n)
    held[5] = np.eye(6)[3]
    lists = np.argsort(law, axis=1)[:, :3].astype(int)
    lists[rng.random(n) < 0.2, 1] = OUT_OF_VOCABULARY
    lists[7] = PAD
    counts[11], n_window[11] = 0.0, 0
    several: dict[str, Any] = {}
    if records > 1:
        several = {"context_window": np.arange(n) % records}
    return PreferenceTable(
        users=[f"u{i // records:03}" for i in range(n)],
        categories=tuple("abcdef"),
        counts=counts,
        n_window=n_window,
        theta_s=held / held.sum(axis=1, keepdims=True),
        dg=lists,
        **several,
    )


@pytest.mark.parametrize(
    ("scope", "bound"),
    [
        ("cohort", "hoeffding"),
        ("cohort", "printed"),
        ("cohort", "adaptive"),
        ("cohort", "empirical-bernstein"),
        *[("population", bound) for bound in ("hoeffding", "clopper-pearson", "betting", "dkw", "printed")],
    ],
)
def test_all_claims_in_both_scopes_with_every_bound(scope: str, bound: str, tmp_path: Path) -> None:
    table = drawn()
    options: dict[str, Any] = {"scope": scope, "bound": bound, "routes": ("T", "J", "K"), "level": 0.9, "declared": 2}
    document = certify(table, k=2, require={"truncation": 0.2}, predicate_error=0.1, **options).to_json()
    assert len(document["claims"]) == 7
    done = recomputed(document, table, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 100


@pytest.mark.parametrize("bound", ["hoeffding", "adaptive"])
@pytest.mark.parametrize("records", [1, 2])
def test_claims_against_rivals(bound: str, records: int, tmp_path: Path) -> None:
    table = drawn(records=records, seed=3)
    rng = np.random.default_rng(0)
    table = table.replace(history_counts=rng.integers(0, 9, size=(table.n_users, 6)).astype(float))
    against = ["uniform", "popularity", "history", "dg"]
    document = certify(table, k=2, bound=bound, against=against, predicate_error=0.1).to_json()
    done = recomputed(document, table, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 250


@pytest.mark.parametrize("bound", ["hoeffding", "betting", "adaptive"])
def test_several_records_a_user_and_several_categories_an_interaction(bound: str, tmp_path: Path) -> None:
    for table in (drawn(records=2, seed=1), drawn(whole=False, seed=2)):
        scope = "population" if bound == "betting" else "cohort"
        document = certify(table, k=2, scope=scope, bound=bound, predicate_error=0.1).to_json()
        done = recomputed(document, table, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_number_that_was_touched_is_named(tmp_path: Path) -> None:
    document = json.loads(json.dumps(certify(drawn(), k=2, bound="hoeffding").to_json()))
    claim = next(claim for claim in document["claims"] if claim["claim"] == "ranking.window")
    claim["inputs"]["share_by"]["js_radius"] += 1e-4
    done = recomputed(document, drawn(), tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("ranking.window.inputs.share_by.js_radius: certificate ")


def test_the_other_side_knows_numpy_only() -> None:
    imported = set()
    for script in (SCRIPT, SCRIPT.with_name("certificate_bounds.py"), SCRIPT.with_name("certificate_rivals.py")):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    imported -= {"certificate_bounds", "certificate_rivals"}
    assert imported == {"__future__", "collections", "functools", "hashlib", "json", "math", "numpy", "sys", "typing"}


def made(folder: Path, *words: object) -> None:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("weighting", ["fraction", "count"])
def test_real_users_asked_by_the_mocked_backend(weighting: str, tmp_path: Path) -> None:
    made(tmp_path, "prepare", "movielens", DATA, "--weighting", weighting, "-o", tmp_path / "table.parquet")
    made(tmp_path, "probe", tmp_path / "table.parquet", "--backend", "mocked", "--limit", 40, "-o", tmp_path / "run")
    made(tmp_path, "certify", tmp_path / "run", "-o", tmp_path / "certificate.json")
    made(tmp_path, "verify", tmp_path / "certificate.json", tmp_path / "run")
    document = json.loads((tmp_path / "certificate.json").read_text(encoding="utf-8"))
    done = recomputed(document, read_table(tmp_path / "run"), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
