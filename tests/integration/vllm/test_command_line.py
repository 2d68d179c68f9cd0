"""The backends `vllm` and `server` from the command line: real users, a run folder, a run that was stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval.errors import ProbeError
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[3]
USERS = 9
"""One more part than one."""


def _run(*words: object) -> None:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr or done.exception


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tables") / "table.parquet"
    _run("prepare", "movielens", ROOT / "examples" / "data" / "ml-latest-small", "-o", place, "--limit", USERS)
    return place


@pytest.fixture(scope="module", autouse=True)
def _running(engine: Any, hf: Any) -> Iterator[None]:
    """Let `probe` have the engines that run already: what it opens them with is held in tests/cli."""
    sessions = {"vllm": engine, "hf": hf}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("spectra_eval_cli.probe.open_named", lambda name, **_: nullcontext(sessions[name]))
        yield


def _probe(backend: str, table: Path, run: Path, *options: object) -> tuple[int, str]:
    words = ["probe", table, "--backend", backend, "--titles", 6, "-o", run, *options]
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stderr


def _agree(one: PreferenceTable, other: PreferenceTable, *, atol: float) -> None:
    for name in ("scores", "theta_s", "answer_mass"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=atol)


@pytest.fixture(scope="module")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> PreferenceTable:
    """A run that was not stopped."""
    run = tmp_path_factory.mktemp("runs") / "vllm"
    assert _probe("vllm", table, run, "--no-dg")[0] == 0
    return read_table(run)


def test_real_users_get_the_same_table_from_both_engines(table: Path, whole: PreferenceTable, tmp_path: Path) -> None:
    assert _probe("hf", table, tmp_path / "hf", "--no-dg")[0] == 0
    other = read_table(tmp_path / "hf")
    assert other.theta_s is not None and other.theta_s.shape == (USERS, 19)
    assert np.ptp(other.scores, axis=1).min() > 0.1, "a model that says the same everywhere proves nothing"
    _agree(whole, other, atol=1e-3)
    assert [one.metadata["backend"] for one in (whole, other)] == ["vllm", "hf"]
    assert whole.metadata["model_digest"] == other.metadata["model_digest"]


def test_several_questions_and_a_written_list_agree_too(table: Path, tmp_path: Path) -> None:
    found = []
    for backend in ("vllm", "hf"):
        assert _probe(backend, table, tmp_path / backend, "--readout", "generative", "--limit", 2)[0] == 0
        found.append(read_table(tmp_path / backend))
    _agree(*found, atol=1e-3)
    assert found[0].dg is not None and found[0].dg.tolist() == found[1].dg.tolist()


def test_a_run_that_was_stopped_goes_on(
    table: Path, whole: PreferenceTable, tmp_path: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    score, calls = engine.score, []

    def fails_at_the_second_part(requests: Any) -> Any:
        calls.append(len(requests))
        if len(calls) == 2:
            raise ProbeError("the engine is gone")
        return score(requests)

    with monkeypatch.context() as broken:
        broken.setattr(engine, "score", fails_at_the_second_part)
        code, said = _probe("vllm", table, tmp_path / "stopped", "--no-dg")
    assert (code, said.splitlines()[-1]) == (4, "error: the engine is gone") and calls == [8, 1]
    assert len(list((tmp_path / "stopped" / "parts").glob("part-*.parquet"))) == 1
    assert not (tmp_path / "stopped" / "table.parquet").exists()
    assert _probe("vllm", table, tmp_path / "stopped", "--no-dg")[0] == 0
    _agree(read_table(tmp_path / "stopped"), whole, atol=1e-4)


def test_doctor_holds_the_two_engines_against_each_other() -> None:
    """As a user types it: the engine starts in the command's own process."""
    words = ["doctor", "--backend", "vllm", "--backend-set", "kv_cache_gib=1", "--compare", "hf", "--users", "2"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "spectra_eval_cli", *words, "--format", "json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = {row["looked at"]: row for row in json.loads(done.stdout)["findings"]}
    assert found["the two backends"]["status"] == "ok", found["the two backends"]
    assert found["noise"]["status"] == "ok", found["noise"]
    assert "Traceback" not in done.stderr
