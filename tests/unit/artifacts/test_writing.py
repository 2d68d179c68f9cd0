"""Strict JSON, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import json_digest, read_json, write_json, write_table, write_text
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import PreferenceTable


@pytest.fixture
def table() -> PreferenceTable:
    return PreferenceTable(users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]])


def test_json_keeps_its_order_and_ends_with_a_line_end(tmp_path: Path) -> None:
    document = {"b": [1, 2.5, None, True], "a": {"é": "ü"}, "n": np.int64(3), "x": np.array([1.0, 2.0])}
    write_json(document, tmp_path / "d.json")
    text = (tmp_path / "d.json").read_text(encoding="utf-8")
    assert text.endswith("}\n") and '"é": "ü"' in text
    read = read_json(tmp_path / "d.json")
    assert list(read) == ["b", "a", "n", "x"] and read["n"] == 3 and read["x"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"results": [{"value": 1.0}, {"value": float("nan")}]}, r"results\[1\].value is nan"),
        ([float("inf")], r"\[0\] is inf"),
        ({"a": np.float64("-inf")}, "a is -inf"),
        ({"a": np.array([1.0, np.nan])}, r"a\[1\] is nan"),
        ({"a": {1, 2}}, "a is of type set"),
        ({"a": Path("x")}, "a is of type"),
    ],
)
def test_json_has_no_word_for_some_values(tmp_path: Path, document: Any, place: str) -> None:
    with pytest.raises(InputError, match=place) as caught:
        write_json(document, tmp_path / "d.json")
    assert str(caught.value).startswith(str(tmp_path / "d.json")) and "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []
    with pytest.raises(InputError, match=place):
        json_digest(document)


def test_a_document_that_holds_itself_is_refused(tmp_path: Path) -> None:
    document: dict[str, Any] = {}
    document["self"] = document
    with pytest.raises(InputError, match="Circular"):
        write_json(document, tmp_path / "d.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"[1e999]", "beyond the largest number"),
        (b'{"a": 1, "a": 2}', "'a' is named twice"),
        (b'{"a": 1,\n "b": }', "line 2, column 7: not JSON"),
        (b'"text"', "holds a text"),
        (b"3", "holds a number"),
        (b"null", "holds null"),
        (b"true", "holds true or false"),
        (b"\xff{}", "line 1 is not UTF-8"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "not JSON that can be read"),
        (b"{\x00}", "NUL"),
    ],
)
def test_what_is_not_strict_json_is_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "d.json"
    path.write_bytes(data)
    with pytest.raises(SchemaError, match=message) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_json_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match="this is a folder"):
        read_json(tmp_path)


def test_the_digest_of_a_document_is_that_of_its_content(tmp_path: Path) -> None:
    document = {"b": (1, 0.1, 1e-300), "a": "é"}
    write_json(document, tmp_path / "d.json")
    assert json_digest(read_json(tmp_path / "d.json")) == json_digest(document)
    assert json_digest({"a": "é", "b": [1, 0.1, 1e-300]}) == json_digest(document)
    assert json_digest({"a": "e", "b": [1, 0.1, 1e-300]}) != json_digest(document)
    assert json_digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # sha256 of {}


def test_text_is_written_as_it_stands_with_the_rights_of_the_umask(tmp_path: Path) -> None:
    write_text("a\r\né\n", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_bytes() == "a\r\né\n".encode()
    (tmp_path / "ordinary").write_text("x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("t.txt", "ordinary")]
    assert modes[0] == modes[1]
    with pytest.raises(InputError, match="no UTF-8 form"):
        write_text("\ud800", tmp_path / "u.txt")
    assert sorted(os.listdir(tmp_path)) == ["ordinary", "t.txt"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_text("new", tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"


def test_what_is_no_regular_file_is_written_in_place() -> None:
    write_text("gone", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("target", ["folder", "none/t.out", "file/t.out"])
@pytest.mark.parametrize("write", [write_text, write_json, write_table])
def test_a_place_that_cannot_be_written(tmp_path: Path, table: PreferenceTable, write: Any, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    content = {write_text: "x", write_json: {}, write_table: table}[write]
    with pytest.raises(InputError, match=r"this is a folder|does not exist") as caught:
        write(content, tmp_path / target)
    assert str(tmp_path / target) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
@pytest.mark.parametrize("write", [write_text, write_json, write_table])
def test_when_writing_fails_the_old_file_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: PreferenceTable, write: Any, number: int, message: str
) -> None:
    content = {write_text: "x", write_json: {}, write_table: table}[write]
    (tmp_path / "t.out").write_text("old")

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match=message):
        write(content, tmp_path / "t.out")
    assert os.listdir(tmp_path) == ["t.out"] and (tmp_path / "t.out").read_text() == "old"


def test_a_disk_that_fills_up_while_parquet_is_written(tmp_path: Path, table: PreferenceTable) -> None:
    with pytest.raises(InputError, match="the disk is full"):
        write_table(table, "/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_stop_from_the_keyboard_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_text("x", tmp_path / "t.txt")
    assert os.listdir(tmp_path) == []


def test_a_table_that_does_not_fit_its_file_is_refused(tmp_path: Path, table: PreferenceTable) -> None:
    with pytest.raises(InputError, match=r"metadata.seed is nan"):
        write_table(table.replace(metadata={"seed": float("nan")}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="does not fit its columns"):
        write_table(table.replace(context_window=[2**40, 1]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="does not fit its columns"):
        write_table(table.replace(users=["\ud800", "b"]), tmp_path / "t.parquet")
    assert os.listdir(tmp_path) == []


def test_json_of_other_programs_reads_the_same(tmp_path: Path) -> None:
    write_json({"a": [0.1, 1e-17]}, tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_bytes()) == {"a": [0.1, 1e-17]}


@pytest.mark.parametrize("nameless", [True, False])
def test_a_kill_while_writing_leaves_the_old_file_and_no_name(tmp_path: Path, nameless: bool) -> None:
    (tmp_path / "t.txt").write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from spectra_eval.artifacts import _writing\n"
        f"_writing._DESCRIPTORS = _writing._DESCRIPTORS if {nameless} else 'nowhere'\n"
        "with _writing.written_whole(Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'new' * 10**6); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
    done = subprocess.run([sys.executable, "-c", path + code, str(tmp_path / "t.txt")], check=False)
    assert done.returncode == -signal.SIGKILL and (tmp_path / "t.txt").read_text() == "old"
    left = sorted(place.name for place in tmp_path.iterdir())
    assert left[-1] == "t.txt" and all(name.startswith(".t.txt.") for name in left[:-1])
    assert not left[:-1] or not nameless or not hasattr(os, "O_TMPFILE")
    write_text("new", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == "new"
