"""`prepare` on every data set: what it writes is what the library gives, and what it refuses it refuses in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.data import DATASETS, prepare
from spectra_eval_cli.main import main

REAL = Path(__file__).parents[2] / "examples/data"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["prepare", *map(str, words)])


def done(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


def log(folder: Path) -> Path:
    lines = [f"{user};{n};{n * 1000};{'AB'[n % 2]}" for user in ("ann", "bob") for n in range(10)]
    (folder / "log.csv").write_text("\n".join(["who;item;time;kind", *lines]) + "\n")
    (folder / "levels.json").write_text(json.dumps({"X": ["A"], "Y": ["B"]}))
    return folder / "log.csv"


def test_context_windows_and_horizons_on_real_data(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    said = done(
        "movielens", REAL / "ml-latest-small", "-o", path, "--context-windows", "1,3,5,8", "--horizons", "long,short",
        "--session-gap", "2h", "--genres", "18+none", "--limit", 40,
    )  # fmt: skip
    table = read_table(path)
    expected = prepare(
        DATASETS["movielens"].read(REAL / "ml-latest-small", genre_set="18+none"),
        context_windows=[1, 3, 5, 8],
        horizons=["long", "short"],
        session_gap="2h",
        limit=40,
    )
    for name in ("users", "counts", "history_counts", "n_window", "context_window", "horizon", "history"):
        assert getattr(table, name).tolist() == getattr(expected, name).tolist()
    assert said.count("terms: ") == 1 and "40 users, 320 records x 19 categories" in said
    assert table.metadata["leakage_checked"]["records"] == 320
    assert table.metadata["windows"]["session_gap_seconds"] == 7200


def test_the_two_level_example(tmp_path: Path) -> None:
    source, path = REAL / "complete-journey-500", tmp_path / "table.parquet"
    done("complete_journey", source, "-o", path, "--split-date", "2017-10-01", "--ties", "together", "--limit", 20)
    table = read_table(path)
    assert (table.n_categories, len(set(table.parents or ()))) == (321, 26)
    assert table.metadata["split"]["date"] == 1_506_816_000


def test_columns_taxonomy_and_other_options(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    words = ["csv", log(tmp_path), "-o", path, "--map", "user=who", "--map", "categories=kind"]
    words += ["-O", "delimiter=;", "-O", "time-unit=ms", "--taxonomy", tmp_path / "levels.json"]
    done(*words, "--level", "coarse", "--split", 0.5, "--window-end", 0.8, "--quiet")
    table = read_table(path)
    assert table.categories == ("X", "Y")
    assert table.users.tolist() == ["ann", "bob"] and table.n_window.tolist() == [3, 3]


def test_a_configuration_file_may_hold_lists(tmp_path: Path) -> None:
    config = tmp_path / "how.yaml"
    config.write_text("context-windows: [1, 2]\nhorizons: [short]\nsession-gap: 1s\n")
    words = ["csv", log(tmp_path), "--map", "user=who", "--map", "categories=kind", "-O", "delimiter=;"]
    done(*words, "-o", tmp_path / "table.parquet", "--config", config)
    table = read_table(tmp_path / "table.parquet")
    assert table.context_window is not None and table.context_window.tolist() == [1, 2, 1, 2]
    assert table.n_window.tolist() == [1, 1, 1, 1]


def test_a_world_writes_its_law_beside_the_table(tmp_path: Path) -> None:
    words = ["synthetic", "--seed", 3, "-O", "users=30", "-O", "noise=0.3", "-O", "list-length=3"]
    for name in ("one", "two"):
        said = done(*words, "-o", tmp_path / f"{name}.parquet")
        assert f"{name}.law.parquet" in said
    table, law = (read_table(tmp_path / f"one{end}.parquet") for end in ("", ".law"))
    assert table.users.tolist() == law.users.tolist()
    assert table.theta_s is not None and law.theta_s is not None and np.array_equal(table.theta_s, law.theta_s)
    assert not np.array_equal(table.theta_star, law.theta_star)
    for end in ("", ".law"):
        assert (tmp_path / f"one{end}.parquet").read_bytes() == (tmp_path / f"two{end}.parquet").read_bytes()


def test_a_kill_leaves_nothing_behind_and_the_next_run_is_whole(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code = (
        f"import sys; sys.path[:0] = {[str(root), str(root / 'cli')]!r}; from spectra_eval_cli.main import main; main()"
    )
    words = ["prepare", "movielens", str(REAL / "ml-latest-small"), "--horizons", "long,short"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for folder in (killed, whole):
        folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code, *words, "-o", str(killed / "table.parquet")], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("terms: ")  # now it reads
        process.kill()
    assert process.returncode != 0 and not list(killed.iterdir())
    for folder in (killed, whole):
        done(*words[1:], "-o", folder / "table.parquet")
    assert (killed / "table.parquet").read_bytes() == (whole / "table.parquet").read_bytes()


def test_a_run_and_training_texts_are_proven_clean_or_named(tmp_path: Path) -> None:
    source, table, probed = REAL / "ml-latest-small", tmp_path / "t.parquet", tmp_path / "run"
    done("movielens", source, "-o", table, "--limit", 5, "--context-windows", "1,3", "--quiet")
    words = ["probe", table, "--backend", "mocked", "--no-dg", "--titles", "4", "-o", probed, "--quiet"]
    assert CliRunner().invoke(main, [*map(str, words)]).exit_code == 0
    told = read_table(probed).history
    assert told is not None
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps({"user": "1", "text": f"saw {told[0][0]}"}) + "\n\n" + json.dumps({"text": "none"}))
    for what in (table, probed):
        result = run("movielens", source, "--check", what, "--texts", texts)
        assert result.exit_code == 0, result.output
        proof = json.loads(result.stdout)
        assert (proof["records"], proof["prompts"], proof["training_texts"]) == (10, 10, 2)
    made = read_table(table)
    assert made.history is not None
    spoiled = made.replace(history=[(*titles[:-1], "Nowhere (2030)") for titles in made.history])
    write_table(spoiled, tmp_path / "spoiled.parquet")
    result = run("movielens", source, "--check", tmp_path / "spoiled.parquet")
    assert result.exit_code == 3 and "row 1 (user '1')" in result.output
    log = DATASETS["movielens"].read(source)
    latest = log.titles[log.item[log.user == "1"][np.argmax(log.time[log.user == "1"])]]
    texts.write_text(json.dumps({"user": "1", "text": f"and then {latest}"}))
    result = run("movielens", source, "--check", table, "--texts", texts)
    assert result.exit_code == 3 and "text 1 of user '1'" in result.output
    for text, said in (("{", "line 1: not JSON"), ("[]", "no object; write"), ('{"text": 3}', "no object with")):
        texts.write_text(text)
        result = run("movielens", source, "--check", table, "--texts", texts)
        assert result.exit_code == 3 and said in result.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["csv", "here", "--check", "there"], 2, "give either --output"),
        (["csv", "here", "--texts", __file__], 2, "compared with the table of --check"),
        (["synthetic", "here"], 2, "has no SOURCE"),
        (["yelp"], 2, "name the SOURCE"),
        (["movielens", "here", "--level", "fine"], 2, "takes no option '--level'; it takes --genres"),
        (["csv", "here", "--genres", "18"], 2, "takes no option '--genres'; it takes --map user,"),
        (["csv", "here", "-O", "colour=red"], 2, "takes no option 'colour'"),
        (["csv", "here", "-O", "delimiter"], 2, "NAME=VALUE"),
        (["csv", "here", "--map", "user"], 2, "NAME=COLUMN"),
        (["csv", "here", "--split", "0.5", "--split-date", "2020-01-01"], 2, "give one of the two"),
        (["csv", "here", "--context-windows", "1,two"], 2, "whole numbers with commas"),
        (["synthetic", "--horizons", "medium"], 3, "error: --horizons: 'medium'"),
        (["synthetic", "-O", "users=none"], 3, "error: -O users: 'none' is no whole number"),
        (["csv", "here"], 3, "error: here: no such file"),
        (["yelp", "here"], 3, "error: here/yelp_academic_dataset_review.json: no such file"),
        (["yelps", "here"], 3, "error: no dataset named 'yelps'; near: yelp"),
    ],
)
def test_what_is_refused(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    result = run(*words, "-o", tmp_path / "table.parquet")
    assert result.exit_code == code and said in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("user;item;time;categories\na;x;1;A\n", [], "name it (-O delimiter=';')"),
        ("user,item,time,categories\n\xe9,x,1,A\n", [], "name its encoding, for instance (-O encoding=latin-1)"),
        ("user,item,time,categories\na,x,1600000000000,A\n", [], "milliseconds (-O time-unit=ms)"),
        ("who,item,time,categories\na,x,1,A\n", [], "name the right one (--map user=COLUMN)"),
        ("user,item,time,categories\na,x,1,A\n", ["-O", "time-unit=h"], "error: -O time-unit: 'h' is unknown"),
        ("user,item,time,categories\na,x,1,A\n", ["--min-interactions", "1"], "error: --min-interactions: 1"),
        ("user,item,time,categories\na,x,1,A\n", ["--level", "coarse"], "error: --level: coarse needs two levels"),
        ("user,item,time,categories\na,x,1,[A]\n", [], "read brackets as part of a name (-O lists=text)"),
        ("user,item,categories\na,x,A\n", [], "(--map time=COLUMN), or take the order of the file (-O order=file)"),
        ("1,2,3\n", [], "the first line is no header (-O header=user,item,...)"),
        (
            "user,item,time,categories\na,x,1,A\n",
            ["--split-date", "2020-01-01", "--window-end", "0.9"],
            "give a proportion for both (--split 0.8), or leave it out",
        ),
        ("user,item,time,categories\na,x,1,A\n", ["--short", "3"], "short horizon; name that too (--horizons short)"),
        ("user,item,time,categories\na,x,1,A\n", ["-O", "item-key=x"], "error: -O item-key: it is a column"),
        ("user,item,categories\na,x,A\n", ["-O", "order=file", "--details"], "error: --details: it needs times"),
        ("user,item,time,categories\na,x,1,A\n", ["--taxonomy", "TAXONOMY"], "split it by pair (--two-parents pair)"),
    ],
)
def test_a_refusal_names_the_option_as_it_is_typed(tmp_path: Path, text: str, words: list[str], said: str) -> None:
    path, taxonomy = tmp_path / "log.csv", tmp_path / "levels.csv"
    path.write_text(text, encoding="latin-1")
    taxonomy.write_text("category,parent\nA,B\nA,C\n")
    words = [str(taxonomy) if word == "TAXONOMY" else word for word in words]
    result = run("csv", path, "-o", tmp_path / "table.parquet", *words)
    assert result.exit_code == 3 and said in result.output and "_" not in said


def test_unknown_items_are_dropped_by_the_option_that_the_refusal_names(tmp_path: Path) -> None:
    lines = "".join(f"ann\t{item}\t{time}\n" for time, item in enumerate((7, 7, 7, 7, 7, 9)))
    (tmp_path / "d.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + lines)
    (tmp_path / "d.item").write_text("item_id:token\tgenre:token_seq\n7\tA B\n8\tC\n")
    result = run("recbole", tmp_path, "-o", tmp_path / "t.parquet")
    assert result.exit_code == 3 and "(-O unknown-items=drop)" in result.output
    result = run("recbole", tmp_path, "-o", tmp_path / "t.parquet", "-O", "unknown-items=drop")
    assert result.exit_code == 0 and "note: 1 of 3 categories are in no interaction" in result.output
    assert read_table(tmp_path / "t.parquet").metadata["categories_unused"] == ["C"]


LOG = ("--map", "user=who", "--map", "item=item", "--map", "categories=kind", "-O", "delimiter=;")
SPANS = ("--history-span", "30d", "--window-span", "14d", "--min-active-days", "2")


def test_spans_on_a_log_and_on_real_and_synthetic_data(tmp_path: Path) -> None:
    source = tmp_path / "log.csv"
    lines = [
        f"{user},x{n},{1_700_000_000 + n * 86_400 * 2},{'AB'[n % 2]}" for user in ("ann", "bob") for n in range(40)
    ]
    source.write_text("\n".join(["user,item,time,categories", *lines]) + "\n")
    done("csv", source, "-o", tmp_path / "csv.parquet", *SPANS)
    table = read_table(tmp_path / "csv.parquet")
    assert [len(shown) for shown in table.history] == [15, 15] and table.n_window.tolist() == [7, 7]
    assert table.metadata["split"]["history_span_seconds"] == 30 * 86_400
    assert table.metadata["split"]["min_active_days"] == 2
    said = done("csv", source, "-o", tmp_path / "dated.parquet", *SPANS, "--split-date", "2024-01-28")
    assert "note: 2 of the windows end after the last interaction of the log" in said
    done("synthetic", "-o", tmp_path / "s.parquet", *SPANS, "-O", "users=20", "-O", "days=60", "--seed", 1)
    law = read_table(tmp_path / "s.law.parquet")
    assert law.users.tolist() == read_table(tmp_path / "s.parquet").users.tolist()
    done("movielens", REAL / "ml-latest-small", "-o", tmp_path / "m.parquet", "--history-span", "52w")
    assert read_table(tmp_path / "m.parquet").metadata["users_without_history_in_span"] > 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--window-span", "14d", "--window-end", "0.9"), 2, "--window-end and --window-span: both end the window"),
        (("--window-span", "fortnight"), 3, "--window-span: 'fortnight' is no length of time; write it as 30m"),
        (("--history-span", "0h"), 3, "--history-span: '0h' is no length of time"),
        (("--min-active-days", "40", "--history-span", "30d"), 3, "--min-active-days: 40, but"),
        (("--min-active-days", "0"), 3, "--min-active-days: 0"),
    ],
)
def test_spans_that_contradict_are_one_line(tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    result = run("csv", log(tmp_path), "-o", tmp_path / "t.parquet", *LOG, *words)
    assert result.exit_code == code and message in result.stderr, result.output
    assert not (tmp_path / "t.parquet").exists()


def test_the_report_says_what_is_left_out_and_how_a_log_was_read(tmp_path: Path) -> None:
    rows = "".join(f"ann,x{n},{'ABCDEFGHIJKLM'[n % 13]}\n" for n in range(26)) + "bob,x1,A\n"
    (tmp_path / "log.csv").write_text("user,item,categories\n" + rows)
    (tmp_path / "levels.csv").write_text("category,parent\nA,X\nB,Y\n")
    words = [
        "csv",
        tmp_path / "log.csv",
        "-O",
        "order=file",
        "--taxonomy",
        tmp_path / "levels.csv",
        "--min-interactions",
        2,
    ]
    said = done(*words, "-o", tmp_path / "t.parquet")
    assert "note: the log has no times; interactions are in the order of the file" in said
    shown = ", ".join(f"'{name}' (2)" for name in "CDEFGHIJKL")
    assert f"note: 11 labels are not among the categories and left out (interactions): {shown}, and 1 more" in said
    assert "note: 1 of 2 users are left out: 1 have too few interactions (--min-interactions)" in said
