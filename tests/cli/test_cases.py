"""The files of `tests/cases`: each with its command, the words of its message and its exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import TableDigest, json_digest, read_table, write_json
from spectra_eval_cli.main import main

CASES = Path(__file__).parents[1] / "cases"
CONFIG = "certify w.parquet --config FILE"
VERIFY = "verify FILE w.parquet"
ROWS = [
    ("cfg_date.yaml", CONFIG, 3, "cfg_date.yaml: 'level': '2001-99-99' is not a valid float."),
    ("cfg_int.yaml", CONFIG, 3, "cfg_int.yaml: line 1: a tag"),
    ("cfg_bool.yaml", CONFIG, 3, "cfg_bool.yaml: line 1: 'quiet': a tag"),
    ("cfg_listk.yaml", CONFIG, 3, "cfg_listk.yaml: 'k' is a list, where one value is meant"),
    ("cfg_output.yaml", CONFIG, 3, "cfg_output.yaml: 'output' is a list, where one value is meant"),
    ("deep.yaml", CONFIG, 3, "deep.yaml: line 1: 'heading' is a nested list"),
    ("cfg_bomb5.yaml", CONFIG, 3, "an alias or anchor (& or *); write the value out"),
    (
        "hz.parquet",
        "probe FILE --backend mocked --sweep windows --limit 8 -o deep/er/sw",
        3,
        "'../../../HORIZON-escaped' cannot name a file",
    ),
    ("npz-hdr-0-h_deep_1.npz", "certify FILE", 3, "h_deep_1.npz: not a readable NPZ file (TokenError"),
    ("npz-hdr-4-h_bool_1.npz", "certify FILE", 3, "h_bool_1.npz: not a readable NPZ file (TypeError"),
    ("pq-bomb-0-K8M.parquet", "certify FILE", 3, "8,000,000 categories, and the limit is 100,000; set SPECTRA_EVAL"),
    ("latin.csv", "evaluate w.parquet --columns FILE --strata x", 3, "latin.csv: line 2 is not UTF-8 (byte 16)"),
    ("latin.csv", "merge w.parquet --groups FILE -o m.parquet", 3, "latin.csv: line 2 is not UTF-8 (byte 16)"),
    ("dupkeys.jsonl", "evaluate FILE", 3, "dupkeys.jsonl: line 1: 'c19999' is named twice in one object"),
    ("cert-noclaims.json", VERIFY, 3, "it makes no claim"),
    ("cert-dupclaim.json", VERIFY, 3, "the claim 'fraction.law' is repeated"),
    ("cert-extra_top.json", VERIFY, 3, "note: unknown; a certificate has no such entry"),
    ("cert-opt_k_True.json", VERIFY, 3, "options.k: 'True' is not a whole number"),
    ("cert-opt_require_x.json", VERIFY, 3, "options.require: 'x' is not an object"),
]
ELSEWHERE = {"cert-rm_claim.json", "binary_columns.parquet", "ties_a.csv", "ties_b.csv", "README.md"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "w.parquet"
    options = ("users=120", "noise=0.3", "list-length=5", "groups=4", "categories=12")
    words = ["prepare", "synthetic", "-o", str(path), "--seed", "3"]
    done = CliRunner().invoke(main, words + [word for option in options for word in ("-O", option)])
    assert done.exit_code == 0, done.output
    return path


def run(command: str, name: str | Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(main, [str(CASES / name) if word == "FILE" else word for word in command.split()])


@pytest.mark.parametrize(
    ("name", "command", "code", "words"), ROWS, ids=[f"{row[0]} {row[1].split()[0]}" for row in ROWS]
)
def test_a_file_that_once_failed(
    world: Path, tmp_path: Path, name: str, command: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "a" / "b" / "c"
    here.mkdir(parents=True)
    shutil.copy(world, here)
    done = run(command, name, here, monkeypatch)
    assert done.exit_code == code, (done.output, done.exception)
    last = done.stderr.splitlines()[-1]
    assert words in last and last.lower().startswith("error: ") and "Traceback" not in done.output
    assert not done.stdout
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {"w.parquet"}
    assert not written, "a refused file writes nothing, here or above"


def test_every_file_has_its_row() -> None:
    assert {path.name for path in CASES.iterdir()} == {row[0] for row in ROWS} | ELSEWHERE


def test_a_certificate_with_a_claim_left_out_says_which(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bits of a made world are those of the processor, so the digest is written for this one."""
    shutil.copy(world, tmp_path)
    digest = TableDigest()
    digest.update(read_table(world))
    document = json.loads((CASES / "cert-rm_claim.json").read_text(encoding="utf-8"))
    body = {name: value for name, value in document.items() if name != "digest"} | {"input_digest": digest.hexdigest()}
    write_json({**body, "digest": json_digest(body)}, tmp_path / "cert.json")
    done = run("verify cert.json w.parquet", "", tmp_path, monkeypatch)
    assert done.exit_code == 0 and "6 of 7 claims; left out: fraction.law" in done.output, done.output


def test_columns_of_bytes_are_read_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("prepare csv FILE -o t.parquet", "binary_columns.parquet", tmp_path, monkeypatch)
    assert done.exit_code == 0, done.output
    made = read_table(tmp_path / "t.parquet")
    assert made.categories == ("Comedy", "Drama", "War") and made.users[0] == "007"
