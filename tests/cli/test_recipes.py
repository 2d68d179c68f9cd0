"""The recipes of the page on data, run on small files in the shape of each release."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

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
