"""Several devices: two processes on the processor give what one session gives, and leave nothing behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._embedded import converted, embedded_gguf
from spectra_eval.probing.readouts import dg, likelihood
from spectra_eval.tables import PreferenceTable, Sampling

pytestmark = pytest.mark.hf

CATEGORIES = ("Noir", "War", "Musical")
HISTORIES = [("Heat (1995)", "Ran (1985)"), ("Brazil (1985)",), (), ("Alien (1979)",), ("Big (1988)", "Jaws (1975)")]
REQUESTS = [likelihood.ask(history, CATEGORIES) for history in HISTORIES]
LISTS = [dg.ask(history, CATEGORIES, list_length=2) for history in HISTORIES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with the tokenizer of the small one."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(converted(embedded_gguf()))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.3, tie_word_embeddings=True, **sizes)
    LlamaForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def alone(folder: Path) -> Iterator[Any]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so many has each of two processes on two cores
    with open_backend("hf", model=str(folder)) as session:
        yield session
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def crew(folder: Path, alone: Any) -> Iterator[Any]:
    with open_backend("hf", model=str(folder), devices="cpu,cpu") as session:
        yield session


def _processes(crew: Any) -> list[Any]:
    return [worker.process for worker in crew._workers]


def test_two_processes_give_the_bytes_of_one_session(crew: Any, alone: Any) -> None:
    assert len({process.pid for process in _processes(crew)} - {os.getpid()}) == 2
    assert crew.description == alone.description and crew.context_limit == alone.context_limit
    for some, more in zip(crew.score(REQUESTS), alone.score(REQUESTS), strict=True):
        assert some.log_probs.tobytes() == more.log_probs.tobytes()
        assert some.n_prompt_tokens.tolist() == more.n_prompt_tokens.tolist()
    for some, more in zip(crew.score_naively(REQUESTS[:2]), alone.score_naively(REQUESTS[:2]), strict=True):
        assert some.log_probs.tobytes() == more.log_probs.tobytes()
    assert crew.score([]) == [] and crew.generate([], max_tokens=3) == []
    assert crew.generate(LISTS, max_tokens=6) == alone.generate(LISTS, max_tokens=6)
    drawn = Sampling(seed=3)
    assert crew.generate(LISTS, max_tokens=6, sampling=drawn) == alone.generate(LISTS, max_tokens=6, sampling=drawn)


def test_requests_that_are_read_together_stay_together(folder: Path, alone: Any) -> None:
    with (
        open_backend("hf", model=str(folder), devices="cpu,cpu", together=2) as crew,
        open_backend("hf", model=str(folder), together=2) as one,
    ):
        assert crew.description == one.description and one.description["together"] == 2
        for some, more, apart in zip(crew.score(REQUESTS), one.score(REQUESTS), alone.score(REQUESTS), strict=True):
            assert some.log_probs.tobytes() == more.log_probs.tobytes()
            np.testing.assert_allclose(more.log_probs, apart.log_probs, rtol=0, atol=1e-4)


def test_facts_about_prompts_come_from_one_of_them(crew: Any, alone: Any) -> None:
    assert crew.count_tokens(REQUESTS[0]) == alone.count_tokens(REQUESTS[0])
    assert crew.labels(5) == alone.labels(5)
    assert crew.view(REQUESTS[1]) == alone.view(REQUESTS[1])
    crew.score(REQUESTS)
    assert 0.5 < crew.cached_share < 1


def test_a_run_over_two_processes_is_the_run_of_one(crew: Any, alone: Any, tmp_path: Path) -> None:
    from spectra_eval.probing import probe

    table = PreferenceTable(
        users=["a", "b", "c", "d", "e"], categories=CATEGORIES, counts=np.ones((5, 3)), history=HISTORIES
    )
    for name, session in (("crew", crew), ("alone", alone)):
        probe(table, session, list_length=2, run=tmp_path / name)
    both = [(tmp_path / name / "table.parquet").read_bytes() for name in ("crew", "alone")]
    assert both[0] == both[1]


def test_an_error_of_a_process_is_the_error_of_the_question(crew: Any) -> None:
    bad = REQUESTS[0].__class__(prefix="Is it", suffixes=(" so?",), answers=("No", "YES"))
    with pytest.raises(ProbeError, match="answer 'YES' is not one token of this model"):
        crew.score([REQUESTS[0], bad, REQUESTS[1], bad])
    with pytest.raises(InputError, match="max_tokens: 0"):
        crew.generate(LISTS, max_tokens=0)
    assert len(crew.score(REQUESTS)) == len(REQUESTS), "and it goes on"


def test_a_process_that_dies_is_named_and_none_is_left(folder: Path, alone: Any) -> None:
    with open_backend("hf", model=str(folder), devices="cpu,cpu") as crew:
        processes = _processes(crew)
        pids = [process.pid for process in processes]
        processes[1].kill()
        with pytest.raises(ProbeError, match=r"the process on device cpu was ended by SIGKILL .* resumes where it was"):
            crew.score(REQUESTS)
        assert not any(_alive(pid) for pid in pids)
        with pytest.raises(ProbeError, match="closed"):
            crew.score(REQUESTS)


def test_what_cannot_be_opened_is_refused_as_by_one_session(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="no such file or folder"):
        with open_backend("hf", model=str(tmp_path / "nowhere"), devices="cpu,cpu"):
            pass
    for devices in ("nonsense", "cpu,", "cpu,meta:x"):
        with pytest.raises(InputError, match="devices: "), open_backend("hf", model=str(folder), devices=devices):
            pass


INTERRUPTED = """
import sys
from spectra_eval.probing.backends import open
from spectra_eval.probing.readouts import likelihood

if __name__ == "__main__":
    with open("hf", model=sys.argv[1], devices="cpu,cpu") as crew:
        print(*(worker.process.pid for worker in crew._workers), flush=True)
        while True:
            crew.score([likelihood.ask(("Heat",), ("Noir", "War"))] * 8)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_program_ends_its_processes(folder: Path, tmp_path: Path, end: signal.Signals) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    program = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert program.stdout is not None
    pids = [int(word) for word in program.stdout.readline().split()]
    assert len(pids) == 2 and all(_alive(pid) for pid in pids)
    ends = [os.pidfd_open(pid) for pid in pids]  # each can be read once its process has ended
    if end is signal.SIGINT:
        os.killpg(program.pid, end)  # as a terminal does: the processes get it too
    else:
        program.kill()
    try:
        _, said = program.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        raise
    for place in ends:
        assert select.select([place], [], [], 60)[0], "a process is left behind"
        os.close(place)
    if end is signal.SIGINT:
        assert said.count("Traceback") == 1, "that of the program alone"


def _alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
