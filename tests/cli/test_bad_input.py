"""Bad input: one line on stderr, exit code 3, nothing written."""

from __future__ import annotations

import functools
import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from spectra_eval_cli.main import main
from tests.cli.bad_files import (
    GOOD,
    HEAD,
    Make,
    bare_folder,
    changed,
    flipped,
    lines,
    missing,
    npz,
    parquet,
    parquet_with,
    spoiled,
    text,
    unfinished_run,
    without_footer,
    zip_of_text,
)

NOISE = bytes(range(128, 256)) * 8
ROW_1, ROW_2 = r"row 1 \(user 'u1'\)", r"row 2 \(user 'u2'\)"

CASES: dict[str, tuple[Make, str]] = {
    # the file itself
    "missing file": (missing, "no such file"),
    "a folder that is no run": (bare_folder, "not a run folder"),
    "a run without its table": (unfinished_run, "no table.parquet yet"),
    "empty csv": (text("r.csv", b""), "empty"),
    "empty parquet": (text("r.parquet", b""), "empty"),
    "unknown suffix": (text("r.xlsx", NOISE), "format is not known"),
    "a picture": (text("r.png", b"\x89PNG\r\n\x1a\n" + NOISE), "format is not known"),
    "noise called parquet": (text("r.parquet", NOISE), "not a Parquet file"),
    "noise called npz": (text("r.npz", NOISE), "not a NPZ file"),
    "noise called csv": (text("r.csv", NOISE), "line 1 is not UTF-8"),
    "noise called jsonl": (text("r.jsonl", NOISE), "line 1 is not UTF-8"),
    "text called parquet": (text("r.parquet", GOOD), "not a Parquet file"),
    "csv not in UTF-8": (text("r.csv", GOOD.replace("u2,b", "ü2,b").encode("latin-1")), "line 6 is not UTF-8"),
    "csv in UTF-16": (text("r.csv", GOOD.encode("utf-16")), "line 1 is not UTF-8"),
    "csv with NUL": (changed("u2,b,2", "u2,b,\x00"), "line 6 contains a NUL"),
    "broken gzip": (text("r.csv.gz", gzip.compress(GOOD.encode())[:-20]), "gzip"),
    "noise as gzip": (text("r.csv.gz", b"\x1f\x8b" + NOISE), "gzip"),
    # Parquet
    "truncated parquet": (spoiled(lambda data: bytes(data[: len(data) // 2])), "truncated or corrupted"),
    "parquet of four bytes": (text("r.parquet", b"PAR1"), "truncated or corrupted"),
    "parquet with a flipped byte": (spoiled(flipped), "truncated or corrupted"),
    "parquet without its footer": (spoiled(without_footer), "truncated or corrupted"),
    "parquet without rows": (parquet(user=pa.array([], pa.string()), counts=[], theta_s=None, dg=None), "no rows"),
    "parquet without truth": (parquet(counts=None), "no column target, counts or theta_star"),
    "parquet without readout": (parquet(theta_s=None), "theta_s"),
    "K = 0": (parquet(counts=pa.array([[], []], pa.list_(pa.float64())), theta_s=None, dg=None), "0 categories"),
    "K = 1": (parquet(counts=[[1.0], [2.0]], theta_s=[[1.0], [1.0]], dg=None), "1 categories"),
    "lists of unequal length": (parquet(counts=[[3.0, 1.0, 0.0], [2.0, 2.0]]), f"{ROW_2}, column counts: 2 numbers"),
    "readout of other length": (parquet(theta_s=[[0.5, 0.5], [0.5, 0.5]]), f"{ROW_1}, column theta_s: 2 numbers"),
    "null readout": (parquet(theta_s=[[0.5, 0.3, 0.2], None]), f"{ROW_2}, column theta_s: no prediction"),
    "null in a readout": (parquet(theta_s=[[0.5, 0.3, 0.2], [1.0, None, 0.0]]), f"{ROW_2}, column theta_s: .* null"),
    "NaN": (parquet(theta_s=[[0.5, 0.3, 0.2], [np.nan, 0.1, 0.9]]), f"{ROW_2}, column theta_s: 'category_0' is nan"),
    "NaN in counts": (parquet(counts=[[np.nan, 1.0, 0.0], [1.0, 1.0, 1.0]]), f"{ROW_1}, column counts: .* nan"),
    "infinite": (parquet(counts=[[3.0, 1.0, 0.0], [np.inf, 1.0, 1.0]]), f"{ROW_2}, column counts: .* inf"),
    "negative": (parquet(counts=[[3.0, -1.0, 0.0], [1.0, 1.0, 1.0]]), f"{ROW_1}, column counts: .* -1"),
    "negative readout": (parquet(theta_s=[[0.5, 0.3, 0.2], [-0.1, 0.3, 0.8]]), f"{ROW_2}, column theta_s: .*negative"),
    "not summing to one": (
        parquet(theta_s=[[0.5, 0.3, 0.2], [0.5, 0.3, 0.03]]),
        f"{ROW_2}, column theta_s: sums to 0.83; normalise it or pass --renormalise",
    ),
    "shares not summing to one": (
        parquet(counts=None, theta_star=[[0.5, 0.3, 0.03], [0.5, 0.3, 0.2]]),
        f"{ROW_1}, column theta_star: sums to 0.83; .*--renormalise",
    ),
    "counts and shares that disagree": (
        parquet(theta_star=[[0.75, 0.25, 0.0], [0.0, 0.4, 0.6]]),
        f"{ROW_2}, column theta_star: not the counts",
    ),
    "duplicate record": (parquet(user=["u1", "u1"]), r"row 2 \(user 'u1'\), column user: .* twice"),
    "user without a name": (parquet(user=["u1", ""]), "row 2 .*no name"),
    "null user": (parquet(user=["u1", None]), "row 2, column user: null"),
    "users of the wrong type": (parquet(user=[1.5, 2.5]), r"row 1, column user: 1.5 is not a valid name"),
    "counts of the wrong type": (parquet(counts=["3 1 0", "0 2 2"]), "no column category; .*or write lists"),
    "lists of the wrong type": (parquet(counts=[["3"], ["0"]]), "column counts: lists of string"),
    "dg with repeats": (parquet(dg=[[0, 1], [2, 2]]), f"{ROW_2}, column dg: 'category_2' occurs twice in the list"),
    "dg out of range": (parquet(dg=[[0], [3]]), f"{ROW_2}, column dg: entry 3 is no category of 0..2"),
    "dg far out of range": (parquet(dg=[[2**32], [0]]), f"{ROW_1}, column dg: entry 4294967296 is no category"),
    "dg below -2": (parquet(dg=[[-3], [0]]), f"{ROW_1}, column dg: entry -3 is no category"),
    "dg of unknown names": (parquet(dg=[["category_0"], ["Jazz"]]), f"{ROW_2}, column dg: 'Jazz' is no category"),
    "dg of the wrong type": (parquet(dg=[[0.5], [1.5]]), f"{ROW_1}, column dg: 0.5 is not an index"),
    "dg that goes on after its end": (parquet(dg=[[0, -2, 1], [1]]), f"{ROW_1}, column dg: entries follow the end"),
    "dg of absurd length": (parquet(dg=[[-1] * 5000, [0]]), f"{ROW_1}, column dg: 5000 entries"),
    "window without interactions": (
        parquet(counts=[[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
        f"{ROW_2}, column counts: no interactions in the window; .*--empty-windows keep",
    ),
    "user without a window": (parquet(counts=[[3.0, 1.0, 0.0], None]), f"{ROW_2}, column counts: no interactions"),
    "n_window says there is one": (
        parquet(counts=[[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]], n_window=[4, 4]),
        f"{ROW_2}, column counts: all zero, but n_window is 4",
    ),
    "n_window says there is none": (parquet(n_window=[4, 0]), f"{ROW_2}, column n_window: 0, but counts is"),
    "n_window negative": (parquet(n_window=[4, -3]), f"{ROW_2}, column n_window: -3 is not a whole number"),
    "n_window with a fraction": (parquet(n_window=[4.5, 3.0]), f"{ROW_1}, column n_window: 4.5 is not a whole number"),
    "n_window of the wrong type": (parquet(n_window=["4", "3"]), "column n_window: holds string"),
    "metadata that is no JSON": (parquet_with({"categories": "a, b"}), "schema metadata is not JSON"),
    "a schema of tomorrow": (parquet_with({"spectra_eval": '{"schema": "other", "categories": []}'}), "its schema is"),
    "categories for another K": (parquet_with({"categories": '["a", "b"]'}), "3 numbers for 2 categories"),
    "blank category in metadata": (parquet_with({"categories": '["a", " ", "c"]'}), "' ' is not a name"),
    "category twice in metadata": (parquet_with({"categories": '["a", "b", "a"]'}), "'a' is named twice"),
    # NPZ
    "pickled objects": (npz(users=np.array([{"a": 1}, "b"], dtype=object)), "column users: holds Python objects"),
    "npz without truth": (npz(counts=None), "no column target, counts or theta_star"),
    "zip of something else": (zip_of_text, "no column target, counts or theta_star"),
    "truncated npz": (
        lambda folder: text("r.npz", npz()(folder).read_bytes()[:-100])(folder),
        "not a readable NPZ file",
    ),
    "npz of other shape": (npz(theta_s=np.ones((3, 3)) / 3), r"column theta_s: shape \(3, 3\)"),
    "npz with one axis": (npz(counts=np.ones(3)), "no column category; .*or write lists"),
    "npz of texts": (npz(theta_s=np.full((2, 3), "x")), "column theta_s: holds <U1"),
    "npz of complex numbers": (npz(theta_s=np.full((2, 3), 1j)), "column theta_s: holds complex128"),
    "npz with too few users": (npz(users=np.array(["u1"])), r"column users: shape \(1,\)"),
    "npz with a fraction in dg": (npz(dg=np.array([[0.5], [1.0]])), f"{ROW_1}, column dg: 0.5 is not an index"),
    # CSV
    "header only": (text("r.csv", HEAD), "a header and no rows"),
    "blank lines only": (text("r.csv", "\n\n"), "no header line"),
    "no column user": (text("r.csv", "who,category,target\nu,a,1\n"), "no column user; .*--map user=COLUMN"),
    "no column target": (text("r.csv", "user,category,y\nu,a,1\n"), "no column target.*--map target=COLUMN"),
    "column twice": (text("r.csv", "user,category,target,target\nu,a,1,1\n"), "column 'target' occurs twice"),
    "two names of one column": (text("r.csv", "user,category,target,theta_s,prediction\n"), "mean the same"),
    "too many fields": (changed("u2,b,2,0.1,", "u2,b,2,0.1,,7"), "line 6: 6 fields, but the header names 5"),
    "too few fields": (changed("u2,b,2,0.1,", "u2,b,2"), "line 6: 3 fields"),
    "quote without end": (changed("u2,b,2,0.1,", 'u2,"b,2,0.1,'), "line 7: "),
    "text for a number": (changed("u2,b,2", "u2,b,two"), r"line 6 \(user 'u2'\), column target: 'two' is no number"),
    "empty number": (changed("u2,b,2", "u2,b,"), r"line 6 \(user 'u2'\), column target: empty"),
    "number with an underscore": (changed("u2,b,2", "u2,b,2_0"), r"line 6 .*'2_0' is no number"),
    "NaN in csv": (changed("u2,b,2", "u2,b,nan"), f"{ROW_2}, column target: 'b' is nan"),
    "infinite in csv": (changed("u2,b,2", "u2,b,inf"), f"{ROW_2}, column target: 'b' is inf"),
    "beyond all numbers": (changed("u2,b,2", "u2,b,1e999"), f"{ROW_2}, column target: 'b' is inf"),
    "largest numbers": (text("r.csv", HEAD + "u,a,1e308,1,\nu,b,1e308,0,\n"), r"row 1 \(user 'u'\), column target"),
    "negative in csv": (changed("u2,b,2", "u2,b,-2"), f"{ROW_2}, column target: 'b' is -2"),
    "readout not summing to one": (changed("0.8,1", "0.63,1"), f"{ROW_2}, column prediction: sums to 0.83"),
    "neither shares nor counts": (changed("u2,b,2", "u2,b,2.5"), "sums to 4, so rows are neither"),
    "blank category": (changed("u2,b,2", "u2, ,2"), "line 6, column category: blank"),
    "category twice in one user": (changed("u2,b,2", "u2,a,2"), r"line 6 \(user 'u2'\), column category: category 'a'"),
    "csv user without a name": (changed("u1,c", ",c"), "column user: the user has no name"),
    "rank that is no number": (changed("0.8,1", "0.8,first"), r"line 7 \(user 'u2'\), column dg_rank: 'first'"),
    "rank with a fraction": (changed("0.8,1", "0.8,1.5"), r"line 7 \(user 'u2'\), column dg_rank: '1.5' is not a rank"),
    "rank below zero": (changed("0.8,1", "0.8,-1"), r"line 7 \(user 'u2'\), column dg_rank: '-1' is not a rank"),
    "rank out of range": (changed("0.8,1", "0.8,5000"), r"line 7 .*rank 5000 is out of range"),
    "rank twice": (changed("u2,b,2,0.1,", "u2,b,2,0.1,1"), r"line 7 .*column dg_rank: rank 1 occurs twice"),
    "ranks from 0 and from 1": (changed("0.5,1", "0.5,0"), r"line 7 .*no rank 0, though another has"),
    "n_window changes": (
        text("r.csv", "user,category,count,prediction,n_window\nu,a,1,0.5,4\nu,b,1,0.5,5\n"),
        r"line 3 \(user 'u'\), column n_window: differs .*\(4\)",
    ),
    "n_window in letters": (
        text("r.csv", "user,category,count,prediction,n_window\nu,a,1,0.5,4\nu,b,1,0.5,x\n"),
        r"line 3 \(user 'u'\), column n_window: 'x' is no number",
    ),
    "context window in letters": (
        text("r.csv", "user,category,count,prediction,context_window\nu,a,1,0.5,x\nu,b,1,0.5,x\n"),
        r"row 1 \(user 'u'\), column context_window: 'x'",
    ),
    # JSON lines
    "broken line": (lines({}, {"user": "u2"}, '{"user": '), "line 3, column 10: not JSON"),
    "broken list": (text("r.json", '[{"user": "u"},\n {"user": ]'), "line 2, column 11: not JSON"),
    "list of texts": (text("r.json", '["u1"]'), "row 1: a list, but a JSON object is expected"),
    "JSON with NaN": (lines({}, '{"user": "u2", "target": {"a": NaN}}'), "line 2: NaN is no JSON"),
    "JSON line that is no object": (lines({}, "[1, 2]"), "line 2: a list, but a JSON object is expected"),
    "JSON line that is a number": (lines({}, "17"), "line 2: 17, but a JSON object is expected"),
    "no lines": (text("r.jsonl", "\n\n"), "no records"),
    "category named twice in one user": (lines('{"target": {"a": 1, "a": 2}}'), "line 1: 'a' is named twice"),
    "unknown category in dg": (lines({}, {"user": "u2", "dg": ["Jazz"]}), r"line 2 \(user 'u2'\), column dg: 'Jazz'"),
    "place instead of name in dg": (lines({"dg": [0]}), r"line 1 \(user 'u1'\), column dg: 0 is no category"),
    "dg that is no list": (lines({"dg": "a"}), r"line 1 \(user 'u1'\), column dg: 'a' is no list"),
    "dg twice": (lines({"dg": ["a", "b", "a"]}), f"{ROW_1}, column dg: 'a' occurs twice in the list"),
    "target that is no object": (lines({"target": [3, 1]}), "line 1, column target: lists without names"),
    "weight that is no number": (lines({"target": {"a": "3"}}), "line 1 .*column target: 'a': '3' is no number"),
    "weight that is true": (lines({"target": {"a": True}}), "line 1 .*column target: 'a': True is no number"),
    "weight of a thousand digits": (lines({"target": {"a": 10**999}}), "line 1 .*column target: 'a': beyond"),
    "blank category in JSON": (lines({"target": {"": 3}}), "line 1 .*column target: '' is a blank category"),
    "record without user": (lines({}, {"user": None}), "line 2, column user: null"),
    "record without prediction": (lines({}, {"user": "u2", "prediction": None}), f"{ROW_2}, .*: no prediction"),
    "JSON user twice": (lines({}, {}), r"row 2 \(user 'u1'\), column user: this record occurs twice in the table"),
    "JSON n_window negative": (lines({"n_window": -1}), r"line 1 \(user 'u1'\), column n_window: -1 is not a whole"),
    "half a character": (lines('{"user": "\\ud800", "target": {"a": 1, "b": 1}}'), "half a character"),
    "JSON nested without end": (text("r.jsonl", '{"a":' * 50_000), "line 1: nested too deeply"),
}  # fmt: skip


def run(path: Path, folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["certify", str(path), "-k", "1", "-o", str(folder / "out.json"), *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


def check(path: Path, folder: Path, message: str, *options: str) -> None:
    before = sorted(os.listdir(folder))
    code, said = run(path, folder, *options)
    assert code == 3, said
    assert said.startswith("error: ") and said.endswith("\n") and said.count("\n") == 1
    assert "Traceback" not in said
    assert re.search(message, said), said
    assert sorted(os.listdir(folder)) == before, "nothing is written"


@pytest.mark.parametrize("name", CASES)
def test_one_line_that_names_the_file_and_the_place(tmp_path: Path, name: str) -> None:
    make, message = CASES[name]
    path = make(tmp_path)
    check(path, tmp_path, message)
    if name != "parquet without readout":  # that is said by certify, which knows a table and no file
        _, said = run(path, tmp_path)
        assert said.startswith(f"error: {path}"), said


@pytest.mark.parametrize("k", ["3", "4", "0", "-1"])
def test_a_cut_off_that_leaves_nothing_off_the_list(tmp_path: Path, k: str) -> None:
    check(parquet()(tmp_path), tmp_path, "^error: -k: ", "-k", k)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("target=y", "no column 'y'; there are 'user', 'category'"),
        ("titel=target", "this format has no 'titel'; choose from"),
        ("history=target", "this format has no 'history'"),
    ],
)
def test_a_mapping_that_leads_nowhere(tmp_path: Path, option: str, message: str) -> None:
    check(text("r.csv", GOOD)(tmp_path), tmp_path, message, "--map", option)


@pytest.mark.parametrize(
    "make", [text("r.csv", GOOD), parquet(), npz(dg=np.array([[0], [2]])), lines({}, {"user": "u2"})]
)
def test_the_files_that_were_spoiled_are_good(tmp_path: Path, make: Make) -> None:
    code, said = run(make(tmp_path), tmp_path)
    assert code == 0, said
    assert json.loads((tmp_path / "out.json").read_text())["facts"]["n_users"] == 2


def test_the_fixes_that_are_offered_work(tmp_path: Path) -> None:
    code, said = run(changed("0.8,1", "0.63,1")(tmp_path), tmp_path, "--renormalise")
    assert code == 0, said
    path = parquet(counts=[[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]])(tmp_path)
    code, said = run(path, tmp_path, "--empty-windows", "keep")
    assert code == 0, said


@pytest.mark.parametrize("words", [["--debug", "certify", "none.csv"], ["certify", "none.csv", "--debug"]])
def test_debug_shows_the_traceback(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 3
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.splitlines()[-1] == "error: none.csv: no such file; check the name"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ZeroDivisionError("by\nzero"),
            "error: a fault in spectra-eval (ZeroDivisionError: by zero); run",
        ),
        (RecursionError("too deep"), "error: a fault in spectra-eval (RecursionError: too deep)"),
        (AssertionError(), "error: a fault in spectra-eval (AssertionError: )"),
        (MemoryError(), "error: not enough memory"),
        (
            type("PanicException", (BaseException,), {})("a panic"),
            "error: a fault in spectra-eval (PanicException: a panic)",
        ),
    ],
)
def test_a_fault_is_one_line_and_never_exit_1(monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("spectra_eval.artifacts.read_json", fail)
    result = CliRunner().invoke(main, ["verify", "certificate.json", "table.csv"])
    assert result.exit_code == 70 and result.stdout == ""
    assert result.stderr.startswith(said) and result.stderr.count("\n") == 1
    result = CliRunner().invoke(main, ["--debug", "verify", "certificate.json", "table.csv"])
    assert result.exit_code == 70 and type(error).__name__ in result.stderr and "Traceback" in result.stderr


@pytest.mark.parametrize("seed", range(12))
def test_bytes_that_were_changed_by_chance_never_end_in_a_traceback(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sources = {
        "r.parquet": functools.partial(spoiled(bytes)),
        "r.npz": npz(),
        "r.csv": text("r.csv", GOOD),
        "r.jsonl": lines({}, {"user": "u2"}),
    }
    for name, make in sources.items():
        good = make(tmp_path).read_bytes()
        for _ in range(6):
            data = bytearray(good)
            for place in rng.integers(0, len(data), rng.integers(1, 6)):
                data[place] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(data)
            code, said = run(tmp_path / name, tmp_path)  # raises what is no refusal
            assert code in (0, 3)
            assert code == 0 or (said.startswith("error: ") and said.count("\n") == 1)
            (tmp_path / "out.json").unlink(missing_ok=True)


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_below_one_user_is_refused(tmp_path: Path, limit: str) -> None:
    result = CliRunner().invoke(main, ["evaluate", str(parquet()(tmp_path)), "--limit", limit])
    assert result.exit_code == 3 and result.stderr.splitlines()[-1].startswith("error: --limit: ")
