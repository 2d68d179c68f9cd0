"""What happens at the edges of a process: a closed pipe, a second interrupt, Python without docstrings."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli")))}


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "spectra_eval_cli", "list", "envelopes", "--format", "json"]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_library_and_the_commands_run_without_docstrings_and_asserts(tmp_path: Path) -> None:
    table, certificate = tmp_path / "w.parquet", tmp_path / "c.json"
    made = [
        "prepare",
        "synthetic",
        "-o",
        str(table),
        "-O",
        "users=30",
        "-O",
        "categories=8",
        "-O",
        "list-length=3",
        "-O",
        "noise=0.3",
    ]
    for words in (
        made,
        ["certify", str(table), "-k", "3", "-o", str(certificate)],
        ["verify", str(certificate), str(table)],
        ["evaluate", str(table), "--bootstrap", "20"],
        ["list", "metrics"],
        ["certify", "--help"],
    ):
        command = [sys.executable, "-OO", "-m", "spectra_eval_cli", *words]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("again", [False, True])
def test_an_interrupt_and_a_second_one_exit_130(again: bool) -> None:
    code = (
        "import atexit, os, signal\n"
        "from spectra_eval_cli.main import main\n"
        "import spectra_eval.artifacts as artifacts\n"
        "def interrupted(*_): os.kill(os.getpid(), signal.SIGINT)\n"
        "artifacts.read_json = interrupted\n"
        + ("atexit.register(interrupted)\n" if again else "")
        + "main(['verify', 'certificate.json', 'table.csv'])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("stopped: ")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipes") / "w.parquet"
    made = ["prepare", "synthetic", "-o", str(path), "-O", "users=30", "-O", "noise=0.3", "-O", "list-length=3"]
    subprocess.run([sys.executable, "-m", "spectra_eval_cli", *made], env=ENVIRONMENT, check=True, timeout=120)
    return path


def _ran(*words: str, given: bytes = b"", pass_fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "spectra_eval_cli", *words]
    return subprocess.run(
        command, env=ENVIRONMENT, input=given, capture_output=True, timeout=120, check=False, pass_fds=pass_fds
    )


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_table_and_a_certificate_come_from_stdin(table: Path, name: str) -> None:
    from_file = _ran("certify", str(table), "-k", "3", "--format", "json")
    from_pipe = _ran("certify", name, "-k", "3", "--format", "json", given=table.read_bytes())
    assert from_pipe.returncode == 0, from_pipe.stderr
    assert from_pipe.stdout == from_file.stdout
    verified = _ran("verify", name, str(table), given=from_file.stdout)
    assert (verified.returncode, verified.stdout) == (0, b""), verified.stderr


def test_a_process_substitution_is_a_file(table: Path) -> None:
    reader, writer = os.pipe()
    data = table.read_bytes()
    assert len(data) < 60_000  # what a pipe holds without a reader
    os.write(writer, data)
    os.close(writer)
    done = _ran("certify", f"/dev/fd/{reader}", "-k", "3", "--format", "json", pass_fds=(reader,))
    os.close(reader)
    assert done.returncode == 0, done.stderr
    assert done.stdout == _ran("certify", str(table), "-k", "3", "--format", "json").stdout


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_document_goes_to_stdout_and_the_text_for_people_to_stderr(table: Path, name: str) -> None:
    done = _ran("certify", str(table), "-k", "3", "-o", name)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "spectra-eval/certificate/1"
    assert b"Certificate over 30 users" in done.stderr
    done = _ran("baseline", str(table), "--method", "uniform", "-o", name)
    assert done.stdout.startswith(b"PAR1") and done.stdout.endswith(b"PAR1")


def test_stdout_that_is_a_file_keeps_what_was_written(table: Path, tmp_path: Path) -> None:
    target = tmp_path / "c.json"
    command = [sys.executable, "-m", "spectra_eval_cli", "certify", str(table), "-k", "3", "-o", "/dev/stdout"]
    with target.open("wb") as stream:
        done = subprocess.run(command, env=ENVIRONMENT, stdout=stream, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(target.read_bytes())["claims"]


def _side_files(table: Path) -> dict[str, tuple[list[str], str]]:
    """Return commands on a file that is no table, each with what the file holds."""
    times = [(f"u{n}", f"i{m}", 86_400 * 20 * (m + 1), f"K{m % 4}") for n in range(6) for m in range(24)]
    scores = [(f"u{n + 1}", f"i{m}", m / 7, f"Kind {m + 1}") for n in range(30) for m in range(3)]

    def lines(*rows: tuple[object, ...]) -> str:
        return "".join(",".join(map(str, row)) + "\n" for row in rows)

    groups = lines(("category", "parent"), *((f"Kind {n + 1}", f"P{n % 3}") for n in range(24)))
    return {
        "groups": (["merge", str(table), "-o", "m.parquet", "--groups"], groups),
        "scores": (
            ["fuse", str(table), "--weight", "1", "--bootstrap", "0", "--scores"],
            lines(("user", "item", "score", "category"), *scores),
        ),
        "columns": (
            ["evaluate", str(table), "--bootstrap", "0", "--strata", "age", "--columns"],
            lines(("user", "age"), *((f"u{n + 1}", n % 2) for n in range(30))),
        ),
        "log": (["prepare", "csv", "-o", "t.parquet"], lines(("user", "item", "time", "categories"), *times)),
        "config": (["certify", str(table), "--config"], "k: 3\n"),
    }


@pytest.mark.parametrize("what", ["groups", "scores", "columns", "log", "config"])
@pytest.mark.parametrize("how", ["-", "pipe"])
def test_files_beside_a_table_come_from_stdin_and_pipes(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words, text = _side_files(table)[what]
    if how == "-":
        done = _ran(*words, "-", given=text.encode())
    else:
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        os.close(writer)
        done = _ran(*words, f"/dev/fd/{reader}", pass_fds=(reader,))
        os.close(reader)
    assert done.returncode == 0, done.stderr


def test_a_command_that_reads_its_table_twice_takes_it_from_stdin(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = _ran("probe", "-", "--backend", "mocked", "-o", str(run), given=table.read_bytes())
    assert done.returncode == 0, done.stderr
    assert (run / "table.parquet").is_file()


def test_a_refusal_names_the_standard_input_as_it_was_typed() -> None:
    done = _ran("evaluate", "-")
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr == b"error: -: the file is empty; write a table into it\n"


def test_a_closed_stdout_is_no_fault(table: Path, tmp_path: Path) -> None:
    certificate = tmp_path / "c.json"
    words = shlex.join([sys.executable, "-m", "spectra_eval_cli", "certify", str(table), "-o", str(certificate)])
    done = subprocess.run(["sh", "-c", f"{words} >&-"], env=ENVIRONMENT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert certificate.is_file()


@pytest.mark.parametrize("name", ["config", "debug"])
def test_what_must_be_typed_is_refused_in_a_file_of_options(table: Path, name: str) -> None:
    done = _ran("certify", str(table), "--config", "-", given=f"{name}: true\n".encode())
    assert (done.returncode, done.stdout) == (3, b"")
    assert f"no option '{name}'".encode() in done.stderr


def typed(words: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in an empty folder, with `spectra-eval` as it is started from a checkout."""
    line = words.replace("spectra-eval", f"{sys.executable} -m spectra_eval_cli")
    return subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["--help", "--version", "certify --help", "list claims"])
def test_output_that_cannot_be_written_is_one_line_and_never_exit_1(tmp_path: Path, words: str) -> None:
    done = typed(f"spectra-eval {words} >/dev/full", tmp_path)
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "the disk is full" in done.stderr
    assert typed("spectra-eval certify none.csv 2>/dev/full", tmp_path).returncode == 3


def test_a_closed_standard_input_is_refused(tmp_path: Path) -> None:
    done = typed("spectra-eval certify - <&-", tmp_path)
    assert done.returncode == 3 and done.stderr == "error: -: the standard input is closed; name a file\n"


def test_what_goes_to_stdout_leaves_no_file_beside_it(tmp_path: Path) -> None:
    done = typed("spectra-eval prepare synthetic -O users=9 -o - | wc -c", tmp_path)
    assert done.returncode == 0 and int(done.stdout) > 1000 and "written beside a file only" in done.stderr
    done = typed("spectra-eval probe t.csv --backend mocked -o - | cat; exit ${PIPESTATUS[0]}", tmp_path)
    assert done.returncode == 2 and "a folder is written here" in done.stderr
    assert not list(tmp_path.iterdir())
