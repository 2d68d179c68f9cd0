"""Files beside a table, spoiled in every way: one line that names the file, exit code 3, nothing written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.data import prepare
from spectra_eval.data.csv import read
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

COMMANDS: dict[str, tuple[str, ...]] = {
    "columns": ("evaluate", "table.parquet", "--columns", "FILE", "--strata", "x"),
    "groups": ("merge", "table.parquet", "--groups", "FILE", "-o", "made"),
    "scores": ("fuse", "table.parquet", "--scores", "FILE", "-o", "made"),
    "items": ("fuse", "table.parquet", "--scores", "scores.csv", "--items", "FILE", "-o", "made"),
    "taxonomy": ("prepare", "csv", "log.csv", "--taxonomy", "FILE", "-o", "made"),
    "log": ("prepare", "csv", "FILE", "-o", "made"),
    "texts": ("prepare", "csv", "log.csv", "--check", "log.parquet", "--texts", "FILE"),
    "vectors": ("conformance", "FILE"),
}
HEADERS = {
    "columns": "user,x",
    "groups": "category,parent",
    "scores": "user,item,score,category",
    "items": "item,category",
    "taxonomy": "category,parent",
    "log": "user,item,time,categories",
    "texts": "text",
    "vectors": "vectors",
}
DEEP = "[" * 100_000 + "]" * 100_000


def spoiled(header: str) -> dict[str, tuple[str, bytes]]:
    """Name the file and give its bytes."""
    width = header.count(",")
    line = header.encode() + b"\n"
    parquet = pa.BufferOutputStream()
    pq.write_table(pa.table({name: [1.5] for name in header.split(",")}), parquet)
    whole = parquet.getvalue().to_pybytes()
    return {
        "empty": ("f.csv", b""),
        "blank": ("f.csv", b"\n\n"),
        "header only": ("f.csv", line),
        "latin-1": ("f.csv", line + b"\xe9," * width + b"a\n"),
        "utf-16": ("f.csv", (header + "\na\n").encode("utf-16")),
        "a NUL": ("f.csv", line + b"\x00," * width + b"a\n"),
        "a column twice": ("f.csv", line.strip() + b"," + line + b"a," * (2 * width + 1) + b"a\n"),
        "a short line": ("f.csv", line + b'""\n' if not width else line + b"a\n"),
        "a long line": ("f.csv", line + b"a," * (width + 3) + b"a\n"),
        "an open quote": ("f.csv", line + b'"a'),
        "a long cell": ("f.csv", line + b"a" * 200_000 + b",b" * width + b"\n"),
        "tabs": ("f.tsv", b"\t\t\n"),
        "cut gzip": ("f.csv.gz", gzip.compress(line * 100)[:-7]),
        "no gzip": ("f.csv.gz", b"\x1f\x8b\x08nonsense"),
        "cut Parquet": ("f.parquet", whole[: len(whole) // 2]),
        "no Parquet": ("f.parquet", b"PAR1PAR1"),
        "numbers as names": ("f.parquet", whole),
        "no archive": ("f.npz", b"PK\x03\x04nonsense"),
        "no xz": ("f.csv.xz", b"\xfd7zXZ\x00nonsense"),
        "no JSON": ("f.json", b"{"),
        "a number": ("f.json", b"3"),
        "deep JSON": ("f.json", DEEP.encode()),
        "deep object": ("f.json", b'{"a":' * 100_000),
        "a key twice": ("f.json", b'{"a": [], "a": []}'),
        "a list as a name": ("f.json", b'[{"alias": [], "title": "A", "parents": [[]]}]'),
        "NaN": ("f.json", b'{"text": NaN}'),
        "half a character": ("f.json", b'{"\\ud800": ["\\ud800"]}'),
        "a huge number": ("f.json", b'{"a": ' + b"9" * 5000 + b"}"),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("side")
    made = PreferenceTable(
        users=["a", "b"], categories=("A", "B"), counts=np.ones((2, 2)), theta_s=np.full((2, 2), 0.5)
    )
    write_table(made, path / "table.parquet")
    (path / "scores.csv").write_text("user,item,score\na,x,1\nb,x,2\n")
    (path / "log.csv").write_text(
        "user,item,time,categories\n" + "".join(f"{user},i{t},{t},A|B\n" for user in "ab" for t in range(6))
    )
    write_table(prepare(read(path / "log.csv")), path / "log.parquet")
    return path


@pytest.mark.parametrize("spoil", list(spoiled("a")))
@pytest.mark.parametrize("kind", list(COMMANDS))
def test_a_spoiled_file_is_one_line(folder: Path, tmp_path: Path, kind: str, spoil: str) -> None:
    name, data = spoiled(HEADERS[kind])[spoil]
    path = tmp_path / name
    path.write_bytes(data)
    words = [str(path) if word == "FILE" else word for word in COMMANDS[kind]]
    words = [str(folder / word) if (folder / word).is_file() else word for word in words]
    words = [str(tmp_path / "made") if word == "made" else word for word in words]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 3, (done.output, done.exception)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and done.stderr.endswith(errors[0] + "\n") and not done.stdout
    assert str(path) in errors[0] and len(errors[0]) < 1000
    assert not (tmp_path / "made").exists()


GOOD = {
    "columns": "user,x\na,1\nb,2\n",
    "groups": "category,parent\nA,All\nB,Rest\n",
    "items": "item,category\nx,A\n",
    "taxonomy": "category,parent\nA,All\nB,All\n",
    "log": "user,item,time,categories\n" + "".join(f"a,i{t},{t},A|B\n" for t in range(6)),
}


@pytest.mark.parametrize("form", ["csv", "csv.gz", "tsv", "with a mark"])
@pytest.mark.parametrize("kind", list(GOOD))
def test_a_good_file_is_read_in_each_form(folder: Path, tmp_path: Path, kind: str, form: str) -> None:
    text = GOOD[kind]
    path = tmp_path / f"f.{'csv' if form == 'with a mark' else form}"
    if form == "csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "tsv":
        path.write_text(text.replace(",", "\t"))
    else:
        path.write_text(text, encoding="utf-8-sig" if form == "with a mark" else "utf-8")
    words = [str(path) if word == "FILE" else word for word in COMMANDS[kind]]
    words = [str(folder / word) if (folder / word).is_file() else word for word in words]
    words = [str(tmp_path / "made") if word == "made" else word for word in words]
    if kind == "items":
        words += ["--weight", "0.5"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
