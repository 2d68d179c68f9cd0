"""`--backend-set`: the choices of a backend, from the command line to the call that opens it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.probing.backends import BACKENDS
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli._backends import open_named
from spectra_eval_cli.main import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    made = PreferenceTable(
        users=["a", "b"],
        categories=("Noir", "War", "Drama"),
        counts=[[1, 2, 3], [3, 1, 1]],
        history=[("Heat (1995)",), ("Ran (1985)",)],
    )
    write_table(made, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def _probe(table: Path, *options: str) -> tuple[int, str, Path]:
    run = table.parent / "run"
    done = CliRunner().invoke(main, ["probe", str(table), "--no-dg", "-o", str(run), *options])
    return done.exit_code, done.stderr, run


def _told(name: str, settings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, **typed: Any) -> dict[str, Any]:
    """Give what a backend is opened with, without opening it."""
    import functools

    got: dict[str, Any] = {}
    backend = BACKENDS[name]

    @functools.wraps(backend.open)
    def remember(**options: Any) -> Any:
        got.update(options)
        return contextmanager(_nothing)()

    monkeypatch.setattr("spectra_eval.probing.backends.BACKENDS", {name: _Entry(remember)})
    known = {"model": "embedded", "dtype": "float32", "download": False, **typed}
    with open_named(name, settings=settings, **known):
        return got


def _nothing() -> Iterator[None]:
    yield


class _Entry:
    def __init__(self, call: Any) -> None:
        self.open = call


def test_choices_reach_the_engine_as_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = (
        "route=classify",
        "tensor_parallel=2",
        "pipeline_parallel=3",
        "data_parallel=1",
        "kv_cache_gib=0.5",
        "serve_adapter=true",
        "engine.max_num_seqs=64",
        "engine.quantization=awq",
        "engine.enable_chunked_prefill=false",
    )
    got = _told("vllm", settings, monkeypatch, dtype="bfloat16", seed=7)
    assert got == {
        "model": "embedded",
        "dtype": "bfloat16",
        "download": False,
        "route": "classify",
        "tensor_parallel": 2,
        "pipeline_parallel": 3,
        "data_parallel": 1,
        "kv_cache_gib": 0.5,
        "serve_adapter": True,
        "engine": {"max_num_seqs": 64, "quantization": "awq", "enable_chunked_prefill": False},
    }


def test_a_second_backend_takes_what_it_knows_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ("url=http://127.0.0.1:9/v1", "batch=4")
    got = _told("server", settings, monkeypatch, dtype="bfloat16", second=True)
    assert got == {"model": "embedded", "download": False, "url": "http://127.0.0.1:9/v1", "batch": 4}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--backend", "mocked", "--backend-set", "noise"), "write it as NAME=VALUE"),
        (
            ("--backend", "mocked", "--backend-set", "route=classify"),
            "not an option of backend mocked; it takes crash_at",
        ),
        (("--backend", "mocked", "--backend-set", "seed=4"), "not an option of backend mocked"),
        (("--backend", "mocked", "--backend-set", "noise.a=4"), "not an option of backend mocked"),
        (("--backend", "mocked", "--backend-set", "noise=loud"), "the value is no float"),
        (("--backend", "vllm", "--backend-set", "tensor_parallel=two"), "the value is no int"),
        (("--backend", "mocked", "--dtype", "bfloat16"), "--dtype: backend mocked has no such option"),
        (("--backend", "server", "--adapter", "."), "--adapter: backend server takes none"),
    ],
)
def test_a_choice_that_is_none_is_a_wrong_use(table: Path, options: tuple[str, ...], said: str) -> None:
    code, stderr, run = _probe(table, *options)
    assert code == 2 and said in " ".join(stderr.split()) and not run.exists()


def test_a_choice_of_the_mock_changes_what_it_says(table: Path) -> None:
    code, stderr, _ = _probe(table, "--backend", "mocked", "--backend-set", "crash_at=1")
    assert code == 4 and "Traceback" not in stderr


def test_without_vllm_the_command_says_one_line(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    code, stderr, run = _probe(table, "--backend", "vllm")
    assert code == 4 and not run.exists()
    assert len(stderr.splitlines()) == 1 and "pip install 'spectra-eval[vllm]'" in stderr


def test_without_a_server_the_command_says_one_line(table: Path, tmp_path: Path) -> None:
    code, stderr, run = _probe(table, "--backend", "server", "--backend-set", "url=ftp://127.0.0.1/v1")
    assert code == 3 and len(stderr.splitlines()) == 1 and "no http or https address" in stderr and not run.exists()
