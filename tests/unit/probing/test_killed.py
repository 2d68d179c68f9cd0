"""A run that is killed a hundred times is the run that was not."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.errors import InputError
from spectra_eval.probing import probe_file
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.tables import PreferenceTable

HERE = Path(__file__).parent
N = 100


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(7)
    made = PreferenceTable(
        users=[f"u{i}" for i in range(N)],
        categories=("Noir", "War", "Drama", "Western", "Sci-Fi"),
        counts=rng.integers(1, 9, (N, 5)),
        history=[tuple(f"title {i}-{j}" for j in range(i % 6)) for i in range(N)],
    )
    path = tmp_path_factory.mktemp("killed") / "table.parquet"
    write_table(made, path)
    return path


def _run(table: Path, folder: Path, **options: object) -> None:
    with open_mocked("random", seed=3, noise=0.2) as session:
        options = {"list_length": 3, "decoding": "sampled", "temperature": "fitted", "titles": 3, **options}
        probe_file(table, session, run=folder, **options)


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("kills", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_at_random_moments_leave_no_trace(table: Path, tmp_path: Path, kills: int) -> None:
    _run(table, tmp_path / "whole")
    folders = tmp_path / "killed"
    folders.mkdir()
    # Warnings are errors in the children as they are here; threads of a library would not outlive a fork.
    words = [
        sys.executable,
        "-W",
        "error",
        str(HERE / "killing.py"),
        str(table),
        str(folders),
        str(kills),
        "11",
        "mocked",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False, env=_environment())
    assert done.returncode == 0, done.stderr
    fell = Counter(done.stdout.splitlines())
    assert fell.total() == kills and len(fell) > 1, fell
    wanted = _files(tmp_path / "whole")
    runs = sorted(folders.iterdir())
    assert len(runs) > 1
    for run in runs:
        assert _files(run) == wanted
    users = read_table(runs[0]).users.tolist()
    assert users == [f"u{i}" for i in range(N)]


def test_a_second_process_is_refused_and_a_dead_one_is_no_obstacle(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = (
        "import sys, time; from pathlib import Path; from spectra_eval.probing._folder import open_folder\n"
        "with open_folder(Path(sys.argv[1]), {}, [1]):\n"
        "    print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(run)], stdout=subprocess.PIPE, env=_environment()) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with pytest.raises(InputError, match=f"another process \\(number {other.pid}\\) is working in this run folder"):
            _run(table, run)
        other.kill()
    (run / "manifest.json").unlink()
    _run(table, run)
    assert read_table(run).n_users == N


def test_a_full_disk_keeps_what_is_done(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(table, tmp_path / "whole")
    sync, calls = os.fsync, iter(range(10**6))

    def full(number: int) -> None:
        if next(calls) >= 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    monkeypatch.setattr(os, "fsync", full)
    run = tmp_path / "run"
    with pytest.raises(InputError, match=r"the disk is full; .* 32 of 100 records are in the folder"):
        _run(table, run)
    monkeypatch.undo()
    assert not list(run.rglob("*.part"))
    _run(table, run)
    assert _files(run) == _files(tmp_path / "whole")


def test_a_file_that_cannot_grow_keeps_what_is_done(table: Path, tmp_path: Path) -> None:
    """The last file is larger than a limit of the system allows: the parts stay, and later it is written."""
    _run(table, tmp_path / "whole")
    wanted = _files(tmp_path / "whole")
    limit = len(wanted["table.parquet"]) - 1
    assert all(len(content) < limit for name, content in wanted.items() if name != "table.parquet")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(InputError, match=r"table\.parquet: File too large"):
            _run(table, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list((tmp_path / "run" / "parts").iterdir())) == 13 and not (tmp_path / "run" / "table.parquet").exists()
    _run(table, tmp_path / "run")
    assert _files(tmp_path / "run") == wanted


def test_a_limit_and_a_file_give_what_a_table_gives(table: Path, tmp_path: Path) -> None:
    from spectra_eval.probing import probe

    _run(table, tmp_path / "file", limit=21)
    with open_mocked("random", seed=3, noise=0.2) as session:
        options = {"list_length": 3, "decoding": "sampled", "temperature": "fitted", "titles": 3, "limit": 21}
        probe(read_table(table), session, run=tmp_path / "memory", **options)
        free = probe(read_table(table), session, **options)
    kept, other = read_table(tmp_path / "file"), read_table(tmp_path / "memory")
    assert kept.n_users == 21
    for name in ("scores", "theta_s", "answer_mass", "dg", "users", "history"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(other, name))
        np.testing.assert_array_equal(getattr(kept, name), getattr(free, name))
    assert kept.metadata["input_digest"] == other.metadata["input_digest"] == free.metadata["input_digest"]
    assert kept.metadata["mean_answer_mass"] == other.metadata["mean_answer_mass"] == free.metadata["mean_answer_mass"]


@pytest.mark.hf
@pytest.mark.slow
def test_a_real_model_that_is_killed_leaves_no_trace(table: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.parquet"
    write_table(read_table(table).select(slice(0, 16)), few)
    folders = tmp_path / "killed"
    folders.mkdir()
    words = [sys.executable, str(HERE / "killing.py"), str(few), str(folders), "4", "2", "embedded"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False, env=_environment())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    wanted, *others = (_files(run) for run in sorted(folders.iterdir()))
    assert others and "table.parquet" in wanted
    for files in others:
        assert files == wanted


def _environment() -> dict[str, str]:
    root = HERE.parents[2]
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'cli'}"}
