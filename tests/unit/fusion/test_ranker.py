"""Scores of a ranker as a system: by hand, against a loop, in every format, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.certification import certify
from spectra_eval.data import prepare
from spectra_eval.data.csv import load
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.fusion import read_item_scores, with_scores
from spectra_eval.tables import PreferenceTable

CATEGORIES = ("A", "B", "C")
LABELS = {"x": "A|B", "y": "B", "z": "C", "w": "A|B|C"}


def table(**more: Any) -> PreferenceTable:
    return PreferenceTable(
        users=["u", "v", "u"],
        categories=CATEGORIES,
        counts=[[1, 1, 0], [0, 1, 1], [1, 0, 0]],
        horizon=["long", "long", "short"],
        **more,
    )


ROWS = [("u", "x", 0.3), ("u", "z", -1.0), ("v", "y", 2.0), ("v", "w", 2.5), ("v", "z", 0.0), ("stranger", "z", 1.0)]


def text(rows: list[tuple[Any, ...]], header: str = "user,item,score,category") -> str:
    full = [(*row, LABELS[row[1]]) if header.endswith("score,category") else row for row in rows]
    return "\n".join([header, *(",".join(map(str, row)) for row in full)]) + "\n"


def written(folder: Path, words: str, name: str = "s.csv") -> Path:
    (folder / name).write_text(words)
    return folder / name


def expected(user: str, *, temperature: float = 1.0, count: bool = False) -> list[float]:
    """Compute the distribution of one user in a loop."""
    own = [(item, score) for name, item, score in ROWS if name == user]
    weights = {item: math.exp(score / temperature) for item, score in own}
    theta = dict.fromkeys(CATEGORIES, 0.0)
    for item, weight in weights.items():
        labels = LABELS[item].split("|")
        for label in labels:
            theta[label] += weight / (1 if count else len(labels))
    return [theta[name] / sum(theta.values()) for name in CATEGORIES]


@pytest.mark.parametrize("temperature", [1.0, 0.1, 30.0])
@pytest.mark.parametrize("weighting", ["fraction", "count"])
def test_items_are_a_softmax_over_the_given_rows(tmp_path: Path, temperature: float, weighting: str) -> None:
    source = table(metadata={"weighting": weighting})
    made = with_scores(source, written(tmp_path, text(ROWS)), temperature=temperature)
    for row, user in enumerate(["u", "v", "u"]):
        wanted = expected(user, temperature=temperature, count=weighting == "count")
        assert made.theta_s[row].tolist() == pytest.approx(wanted, rel=1e-12)
    about = made.metadata["baseline"]
    assert (about["level"], about["distribution"], about["temperature"]) == ("item", "softmax", temperature)
    assert about["users_not_in_the_table"] == 1 and about["digest"].startswith("sha256:")
    again = with_scores(source, written(tmp_path, text(ROWS[::-1])), temperature=temperature)
    assert again.theta_s.tolist() == made.theta_s.tolist()  # to the last bit in any order of lines


def test_far_apart_scores_and_large_ones_do_not_overflow(tmp_path: Path) -> None:
    rows = [("u", "x", 1e308), ("u", "z", -1e308), ("v", "y", 5e300), ("v", "z", 5e300)]
    made = with_scores(table(), written(tmp_path, text(rows)), temperature=1e-6)
    assert made.theta_s.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0]]


def test_scores_of_categories_are_shares_or_a_softmax(tmp_path: Path) -> None:
    path = written(tmp_path, "user,category,score\nu,A,3\nu,C,1\nv,B,2\n")
    assert with_scores(table(), path).theta_s.tolist() == [[0.75, 0.0, 0.25], [0.0, 1.0, 0.0], [0.75, 0.0, 0.25]]
    soft = with_scores(table(), path, distribution="softmax", temperature=2.0)
    high = math.exp(1.5) / (math.exp(1.5) + math.exp(0.5))
    assert soft.theta_s[0].tolist() == pytest.approx([high, 0.0, 1 - high])


def test_shares_of_items(tmp_path: Path) -> None:
    rows = [("u", "x", 3), ("u", "z", 1), ("v", "y", 1e308), ("v", "z", 1e308)]
    made = with_scores(table(), written(tmp_path, text(rows)), distribution="shares")
    assert made.theta_s.tolist() == [[0.375, 0.375, 0.25], [0.0, 0.5, 0.5], [0.375, 0.375, 0.25]]


def frames() -> pd.DataFrame:
    return pd.DataFrame([(*row, LABELS[row[1]]) for row in ROWS], columns=["user", "item", "score", "category"])


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    frame = frames()
    paths = [written(tmp_path, text(ROWS)), tmp_path / "s.parquet", tmp_path / "lists.parquet"]
    frame.to_parquet(paths[1])
    frame.assign(category=frame["category"].str.split("|")).to_parquet(paths[2])
    frame.to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    records = frame.to_dict("records")
    listed = [{**record, "category": record["category"].split("|")} for record in records]
    paths += [
        tmp_path / "s.tsv",
        written(tmp_path, "\n".join(map(json.dumps, records)), "s.jsonl"),
        written(tmp_path, "\n".join(map(json.dumps, listed)), "l.jsonl"),
    ]
    made = [with_scores(table(), path).theta_s.tolist() for path in paths]
    assert all(theta == made[0] for theta in made)
    read = [read_item_scores(path, CATEGORIES) for path in paths]
    assert all(one.shares[one.item_row].tolist() == read[0].shares[read[0].item_row].tolist() for one in read)
    assert all(one.scores.tolist() == read[0].scores.tolist() for one in read)


def test_the_items_come_from_a_file_or_from_the_interactions_of_a_data_set(tmp_path: Path) -> None:
    plain = text(ROWS, "user,item,score")
    items = written(tmp_path, "item,category\n" + "\n".join(f"{i},{c}" for i, c in LABELS.items()), "items.csv")
    pairs = [f"{i},{c}" for i, names in LABELS.items() for c in names.split("|")]
    per_pair = written(tmp_path, "item,category\n" + "\n".join(pairs), "pairs.csv")
    log = [f"{user},{item},{n},{LABELS[item]}" for user in "ab" for n, item in enumerate(LABELS)]
    events = load(written(tmp_path, "\n".join(["user,item,time,categories", *log]), "log.csv")).interactions()
    source = written(tmp_path, plain)
    wanted = with_scores(table(), written(tmp_path, text(ROWS), "whole.csv")).theta_s.tolist()
    for given in (items, per_pair, events):
        assert with_scores(table(), source, items=given).theta_s.tolist() == wanted


def test_items_without_a_category_are_left_out_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "user,item,score,category\nu,x,1,A\nu,q,9,\nv,y,1,B\nv,q,1,\n")
    made = with_scores(table(), path)
    assert made.theta_s[:2].tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert made.metadata["baseline"]["items_without_category"] == 1


def test_users_without_scores_are_refused_or_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, text(ROWS[2:5]))
    with pytest.raises(InputError, match=r"1 of 2 users of the table have no scores, the first is 'u'; .*missing=drop"):
        with_scores(table(), path)
    made = with_scores(table(), path, missing="drop")
    assert made.users.tolist() == ["v"] and made.metadata["baseline"]["users_without_scores"] == 1
    with pytest.raises(InputError, match="no user of the table has a score"):
        with_scores(table(), written(tmp_path, text(ROWS[5:])), missing="drop")


def test_options_of_a_record_condition_the_distribution(tmp_path: Path) -> None:
    support = np.array([[True, True, False], [True, True, True], [True, False, True]])
    made = with_scores(table(support=support), written(tmp_path, text(ROWS)))
    first, third = np.array(expected("u")), np.array(expected("u"))
    assert made.theta_s[0].tolist() == pytest.approx([*(first[:2] / first[:2].sum()), 0.0])
    assert made.theta_s[2].tolist() == pytest.approx(
        [third[0] / third[[0, 2]].sum(), 0.0, third[2] / third[[0, 2]].sum()]
    )


def test_the_metadata_of_a_model_are_replaced(tmp_path: Path) -> None:
    source = table(metadata={"model": "m", "readout": "likelihood"})
    made = with_scores(source, written(tmp_path, text(ROWS)))
    assert made.metadata["replaced"] == {"model": "m", "readout": "likelihood"}
    assert made.metadata["baseline"]["trained_on_windows"] == "not known and not checked"


def test_it_is_a_rival_in_evaluate_compare_and_certify(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"u{u},i{i},{u * 50 + i},{'ABC'[rng.integers(3)]}" for u in range(30) for i in range(12)]
    log = load(written(tmp_path, "\n".join(["user,item,time,categories", *rows]), "log.csv"))
    source = prepare(log.interactions())
    scores = [f"u{u},{c},{score:.3f}" for u in range(30) for c, score in zip("ABC", rng.random(3), strict=True)]
    made = with_scores(source, written(tmp_path, "\n".join(["user,category,score", *scores])))
    write_table(made, tmp_path / "t.parquet")
    made = read_table(tmp_path / "t.parquet")
    found = evaluate(made, metrics=["js_divergence", "js_of_means"], bootstrap=20)
    assert {row.system for row in found.results} == {"theta_s", "uniform", "popularity", "history"}
    both = compare({"ranker": made, "flat": source.replace(theta_s=np.full((30, 3), 1 / 3))}, bootstrap=20)
    assert {both.pairs[0].first, both.pairs[0].second} == {"ranker", "flat"}
    assert certify(made, k=1).facts["n_users"] == 30


@pytest.mark.parametrize(
    ("words", "how", "message"),
    [
        ("user,item,category\nu,x,A\n", {}, "column score: missing"),
        ("user,score\nu,1\n", {}, "neither a column item nor a column category"),
        ("user,item,score\nu,x,1\n", {}, "column category: missing; add it, or name a file of items"),
        ("user,item,score,category\nu,x,nan,A\n", {}, "row 1, column score: 'nan' is no finite number"),
        ("user,item,score,category\nu,x,1e999,A\n", {}, "is no finite number"),
        ("user,item,score,category\nu,x,,A\n", {}, "row 1, column score: '' is no finite number"),
        ("user,item,score,category\nu,x,1,A\nu,x,2,A\n", {}, "row 2 (user 'u', item 'x'): occurs twice; keep one"),
        ("user,category,score\nu,A,1\nu,A,1\n", {}, "row 2 (user 'u', category 'A'): occurs twice"),
        ("user,item,score,category\nu,x,1,Z\n", {}, "'Z' is not a category of the table"),
        ("user,category,score\nu,Z,1\n", {}, "row 1, column category: 'Z' is not a category of the table"),
        ("user,category,score\nu,A,-1\nv,A,1\n", {}, "row 1, column score: -1 is negative"),
        ("user,category,score\nu,A,0\nv,A,1\n", {}, "the scores of user 'u' are all 0"),
        ("user,item,score,category\n,x,1,A\n", {}, "row 1, column user: blank"),
        ("user,item,score,category\nu,,1,A\n", {}, "row 1, column item: blank"),
        ("user,item,score,category\n", {}, "no rows"),
        (text(ROWS), {"temperature": 0.0}, "temperature: 0.0; a finite number above 0"),
        (text(ROWS), {"temperature": float("nan")}, "temperature"),
        (text(ROWS), {"temperature": float("inf")}, "temperature"),
        (text(ROWS), {"distribution": "shares", "temperature": 2.0}, "temperature: it divides the scores"),
        (text(ROWS), {"distribution": "rank"}, "distribution: 'rank' is unknown; choose softmax or shares"),
        (text(ROWS), {"missing": "zero"}, "missing: 'zero' is unknown; choose refuse or drop"),
        (text(ROWS), {"items": "items.csv"}, "column category: also given by the items"),
        ("user,category,score\nu,A,1\n", {"items": "items.csv"}, "leave the file of items out"),
        (text(ROWS), {"mapping": {"rank": "r"}}, "no column 'rank' is read"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: str, how: dict[str, Any], message: str) -> None:
    if "items" in how:
        how = {**how, "items": written(tmp_path, "item,category\nx,A\n", how["items"])}
    with pytest.raises((InputError, SchemaError)) as caught:
        with_scores(table(), written(tmp_path, words), **how)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"user": "u", "item": "x", "score": true, "category": "A"}',
            "line 1, score: 'True' is no text and no number",
        ),
        ('{"user": "u", "item": "x", "category": "A"}', "line 1: no 'score'"),
        ('{"user": 1.5, "item": "x", "score": 1, "category": "A"}', "line 1, user: 1.5 is no name"),
        ('{"user": "u", "item": "x", "score": 1, "category": {"A": 1}}', "line 1, category: \"{'A': 1}\" is no text"),
        ('{"user": "u", "item": "x", "score": [1], "category": "A"}', "line 1, score: '[1]' is no text"),
        ("[1]", "line 1: no object"),
        ("{", "line 1: not JSON"),
    ],
)
def test_bad_json_lines_are_one_line(tmp_path: Path, line: str, message: str) -> None:
    first = line if "no 'score'" not in message else line + '\n{"user": "v", "item": "x", "score": 1, "category": "A"}'
    with pytest.raises((InputError, SchemaError)) as caught:
        with_scores(table(), written(tmp_path, first + "\n", "s.jsonl"))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_names_with_the_separator_stay_whole_in_lists_and_where_they_are_the_whole_cell(tmp_path: Path) -> None:
    source = PreferenceTable(users=["u"], categories=("A|B", "A", "B"), counts=[[1, 1, 1]])
    rows = [
        {"user": "u", "item": "x", "score": 0, "category": ["A|B"]},
        {"user": "u", "item": "y", "score": 0, "category": ["A"]},
    ]
    for path in (
        written(tmp_path, "\n".join(map(json.dumps, rows)), "s.jsonl"),
        written(tmp_path, "user,item,score,category\nu,x,0,A|B\nu,y,0,A\n"),
    ):
        assert with_scores(source, path).theta_s.tolist() == [[0.5, 0.5, 0.0]]
    both = written(tmp_path, "user,item,score,category\nu,x,0,B|A|B\n")
    assert with_scores(source, both).theta_s.tolist() == [[0.5, 0.0, 0.5]]
    pd.DataFrame(rows).to_parquet(tmp_path / "s.parquet")
    assert with_scores(source, tmp_path / "s.parquet").theta_s.tolist() == [[0.5, 0.5, 0.0]]
    whole = written(tmp_path, "user,category,score\nu,A|B,1\nu,B,3\n", "c.csv")
    assert with_scores(source, whole).theta_s.tolist() == [[0.25, 0.0, 0.75]]


def test_a_list_of_categories_without_an_item_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"user": "u", "category": ["A", "B"], "score": 1}), "s.jsonl")
    with pytest.raises(InputError, match="row 1, column category: a list; write one category a row"):
        with_scores(table(), path)


def test_users_and_items_may_be_numbers(tmp_path: Path) -> None:
    source = PreferenceTable(users=["1", "2"], categories=CATEGORIES, counts=[[1, 1, 0], [0, 1, 1]])
    frame = pd.DataFrame(
        {"user": [1, 1, 2], "item": [7, 8, 7], "score": np.float32([1, 1, 0]), "category": ["A", "B", "A"]}
    )
    frame.to_parquet(tmp_path / "s.parquet")
    frame.to_json(tmp_path / "s.jsonl", orient="records", lines=True)
    for name in ("s.parquet", "s.jsonl"):
        assert with_scores(source, tmp_path / name).theta_s.tolist() == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
