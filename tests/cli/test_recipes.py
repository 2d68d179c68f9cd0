"""The recipes of the page on data, run on small files in the shape of each release."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval_cli.main import main

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests/logs"
PAGE = (ROOT / "docs/data.md").read_text().partition("**Recipes")[2].partition("**Genre sets")[0]
RECIPES = re.findall(r"^    spectra-eval (prepare .*)$", PAGE, re.MULTILINE)


def events() -> pd.DataFrame:
    """Return the interactions that all of the files have: user, item, time, and the categories of each item."""
    frame = pd.read_csv(LOGS / "taobao/UserBehavior.csv", names=["user", "item", "first", "kind", "time"])
    items = pd.read_csv(LOGS / "kuairec/item_categories.csv")
    sets = dict(zip(items["video_id"], items["feat"].str.findall(r"\d+"), strict=True))
    return frame.assign(labels=frame["item"].map(sets))


def shares(frame: pd.DataFrame, labels: str) -> dict[str, float]:
    """Return the weight of each category in the windows: the last of 5 interactions of each user."""
    ordered = frame.sort_values(["user", "time"], kind="stable")
    place = ordered.groupby("user").cumcount()
    size = ordered.groupby("user")["item"].transform("size")
    window = ordered[place >= (size * 0.8 + 1e-9).astype(int)]
    long = window.assign(label=window[labels]).explode("label")
    weight = 1 / long.groupby(level=0)["label"].transform("size")
    return weight.groupby(long["label"].astype(str)).sum().to_dict()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_gives_the_table_of_the_same_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    monkeypatch.chdir(LOGS)
    words = shlex.split(recipe)
    name = words[-1].partition(".")[0]
    result = CliRunner().invoke(main, [*words[:-1], str(tmp_path / words[-1])])
    assert result.exit_code == 0, result.output
    table = read_table(tmp_path / words[-1])
    frame = events()
    made: Counter[str] = Counter()
    for category, weight in zip(table.categories, table.counts.sum(axis=0).tolist(), strict=True):
        made[re.sub(r".*\D", "", category)] += weight  # the number in the name of a category
    if name == "taobao":
        expected = shares(frame, "first")
    elif name in ("kuairec", "parts"):
        expected = shares(frame, "labels")
    elif name == "mind":
        news = pd.read_csv(LOGS / "mind/news.tsv", sep="\t", header=None)
        expected = shares(frame.assign(sub=frame["item"].map(dict(enumerate(news[2].str[3:], 1)))), "sub")
    else:  # one label more per item, which all of them have
        more = {"amazon": lambda labels: ["", *labels], "steam": lambda labels: ["", labels[0]]}[name]
        expected = shares(frame.assign(more=frame["labels"].map(more)), "more")
    assert {label: weight for label, weight in made.items() if weight} == pytest.approx(expected)
    assert len(np.unique(table.users)) == 3


def test_the_page_has_a_recipe_for_each_log() -> None:
    assert {line.split()[2] if line.split()[1] == "mind" else line.split()[2].split("/")[0] for line in RECIPES} >= {
        "kuairec", "taobao", "amazon2023", "mind", "recbole-split", "recbole-steam",
    }  # fmt: skip


def test_results_of_other_tools_become_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(LOGS)
    section = (ROOT / "docs/data.md").read_text().partition("## Results of other tools")[2].partition("\n## ")[0]
    target = pd.DataFrame(
        [(user, f"cat{n}", n + 1.0) for user in ("u1", "u2", "u3") for n in range(3)],
        columns=["user", "category", "target"],
    )
    names: dict[str, Any] = {"target": target}
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        exec(block, names)
    assert names["opinionqa"].theta_star.tolist() == [[0.2, 0.5, 0.3]] * 4  # A lot, None, Some
    assert names["opinionqa"].theta_s.tolist() == [[0.1, 0.3, 0.6]] * 4
    assert names["trec"].counts[0].tolist() == [1, 2, 3, 0, 3] and names["trec"].dg[0].tolist() == [0, 1, 2, 3, 4]
    weights = np.exp([-1.5, -2.5, -3.5])
    assert names["lmeval"].theta_s[0] == pytest.approx(weights / weights.sum())
    assert names["lmeval"].theta_star[0].tolist() == [1, 0, 0]
    assert names["responses"].theta_s[0] == pytest.approx(np.full(3, 1 / 3))
    assert names["responses"].counts.tolist() == [[1, 2, 3]] * 3


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "lmeval/samples_made.jsonl",
            "these are samples of lm-evaluation-harness; docs/data.md, 'Results of other tools'",
        ),
        ("openai/responses.jsonl", "these are responses of a batch of requests to a server; docs/data.md"),
        ("opinionqa/responses.csv", "these are response distributions of OpinionQA; docs/data.md"),
        ("trec/qrels.txt", "judgements or a run of TREC; docs/data.md"),
        ("trec/run.txt", "judgements or a run of TREC; docs/data.md"),
        ("amazon2023/reviews.jsonl", "reviews of Amazon, a log and no table; `prepare csv` reads it"),
    ],
)
def test_a_file_of_another_tool_is_refused_with_its_way(file: str, said: str) -> None:
    result = CliRunner().invoke(main, ["evaluate", str(LOGS / file)])
    assert result.exit_code == 3 and said in result.stderr and result.stderr.count("\n") == 1, result.output
