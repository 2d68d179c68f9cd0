"""The backend `server` on a real `vllm serve` at the loopback address, held against the backend `hf`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.errors import ModelLoadError
from spectra_eval.probing import probe
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts import likelihood
from spectra_eval.tables import PreferenceTable, ProbeRequest
from spectra_eval_cli.main import main

pytestmark = pytest.mark.vllm

REQUESTS = [likelihood.ask(titles, ("Noir", "War", "Musical")) for titles in (("Heat (1995)", "Ran (1985)"), ("Babe",))]
PATIENCE = 600.0
"""Seconds; on two idle cores it takes under a tenth of it."""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class _Server:
    """A server process, and what it has said so far."""

    def __init__(self, command: list[str]) -> None:
        quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **quiet},
            text=True,
            start_new_session=True,
        )
        self.said: deque[str] = deque(maxlen=40)
        self.up = False
        self._settled = threading.Event()
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if "Application startup complete" in line:
                self.up = True
                self._settled.set()
        self._settled.set()

    def wait(self) -> None:
        if not self._settled.wait(PATIENCE) or not self.up:
            pytest.fail(f"the server did not come up: {''.join(self.said)}")

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(ProcessLookupError):  # its workers outlive it where it had to be killed, and hold the pipe
            os.killpg(self.process.pid, signal.SIGKILL)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    port = _free_port()
    settings = (
        "--dtype float32 --block-size 32 --enforce-eager --max-model-len 1024 --max-num-seqs 64 "
        f"--kv-cache-memory-bytes {2**30} --served-model-name small --host 127.0.0.1 --port {port}"
    )
    # What `vllm serve` runs; the command itself fails in the CPU build, which is not called "vllm" as a package.
    module = "vllm.entrypoints.openai.api_server"
    server = _Server([sys.executable, "-m", module, "--model", str(folder), *settings.split()])
    try:
        server.wait()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.end()


@pytest.mark.parametrize("route", ["auto", "echo"])
def test_a_real_server_agrees_with_hf(route: str, url: str, hf: Any) -> None:
    with open_backend("server", url=url, route=route) as session:
        for got, expected in zip(session.score(REQUESTS), hf.score(REQUESTS), strict=True):
            assert got.n_prompt_tokens.tolist() == expected.n_prompt_tokens.tolist()
            np.testing.assert_allclose(got.log_probs, expected.log_probs, rtol=0, atol=1e-3)
        said = session.description
    assert (said["model"], said["route"]) == ("small", "ids" if route == "auto" else "echo")
    assert said["versions"]["server"] != "unknown"


def test_a_real_server_writes_what_hf_writes(url: str, hf: Any) -> None:
    asked = [ProbeRequest(prefix="What is the capital of", suffixes=(" France?", " Japan?"))]
    with open_backend("server", url=url, model="small") as session:
        assert session.context_limit == 1024
        for size in (5, 40):
            assert session.generate(asked, max_tokens=size) == hf.generate(asked, max_tokens=size)


def test_a_real_server_without_the_model_is_refused(url: str) -> None:
    with pytest.raises(ModelLoadError, match="it has: small"), open_backend("server", url=url, model="large"):
        pass


def test_users_are_probed_through_a_server_from_the_command_line(url: str, hf: Any, tmp_path: Path) -> None:
    made = PreferenceTable(
        users=["a", "b"],
        categories=("Noir", "War", "Musical"),
        counts=[[1, 2, 3], [3, 1, 1]],
        history=[("Heat (1995)", "Ran (1985)"), ("Babe",)],
    )
    write_table(made, tmp_path / "table.parquet")
    words = ["probe", str(tmp_path / "table.parquet"), "--backend", "server", "--backend-set", f"url={url}"]
    done = CliRunner().invoke(main, [*words, "--list-length", "2", "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.stderr
    probe(made, hf, list_length=2, run=tmp_path / "hf")
    got, expected = read_table(tmp_path / "run"), read_table(tmp_path / "hf")
    np.testing.assert_allclose(got.scores, expected.scores, rtol=0, atol=1e-3)
    assert got.metadata["backend"] == "server" and got.metadata["model"] == "small"
    assert got.dg is not None and expected.dg is not None and got.dg.tolist() == expected.dg.tolist()
