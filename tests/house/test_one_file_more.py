"""A metric is one file: everything that shows metrics takes it from its entry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

FILE = '''"""The squared difference."""

import numpy as np

from spectra_eval.arrays import Theta
from spectra_eval.metrics._base import metric
from spectra_eval.units import Unit

__all__ = ["square_gap"]


@metric(
    statistic=lambda comparison: ((comparison.theta_star - comparison.theta_s) ** 2).sum(axis=1, keepdims=True) / 2,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"symmetric", "zero_on_equal", "bounded", "category_symmetric", "jointly_convex"}),
    reference="a test",
    label="Half the squared gap",
    heading="Gap",
    definition="$\\frac12 \\sum_c (p_c - q_c)^2$.",
    reading="Zero for equal distributions and one for disjoint corners.",
    pitfalls="Insensitive to rare categories.",
    rank=15,
    shown_in=frozenset({"evaluate", "headline", "compare", "figures"}),
)
def square_gap(theta_star: Theta, theta_s: Theta) -> np.ndarray:
    """Return half the squared distance of each user."""
    return ((theta_star - theta_s) ** 2).sum(axis=-1) / 2
'''

SCRIPT = """
import importlib.util, json, sys
import numpy as np
from click.testing import CliRunner
from spectra_eval_cli.main import main
from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable

rng = np.random.default_rng(0)
counts = rng.multinomial(9, [0.5, 0.3, 0.2], size=12)
theta = rng.dirichlet([2.0, 1.0, 1.0], size=12)
table = PreferenceTable(users=[f"u{i}" for i in range(12)], categories=("a", "b", "c"), counts=counts, theta_s=theta,
                        history_counts=counts)
write_table(table, "table.parquet")
open("own_bound.py", "w").write("def square(v):\\n    return v * v\\n")
commands = {
    "list": ["list", "metrics", "square_gap"],
    "evaluate": ["evaluate", "table.parquet", "--bootstrap", "0", "-o", "evaluation.json"],
    "compare": ["compare", "table.parquet", "--baselines", "popularity", "--bootstrap", "0", "--format", "latex"],
    "report": ["report", "table.parquet", "-k", "2", "--bootstrap", "0", "-o", "report.html", "--paper", "paper"],
    "refute": ["refute", "own_bound:square", "--of", "square_gap", "--given", "total_variation", "--examples", "60"],
    "kit": ["check-metric", "square_gap", "--examples", "40"],
}
done = {name: CliRunner().invoke(main, words) for name, words in commands.items()}
page = importlib.util.spec_from_file_location("page", sys.argv[1])
module = importlib.util.module_from_spec(page)
page.loader.exec_module(module)
print(json.dumps({
    "ran": {name: [result.exit_code, result.output] for name, result in done.items()},
    "docs": module.page(module.of_the_house()),
}))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Copy the package, add one file, and ask every place that shows metrics."""
    folder = tmp_path_factory.mktemp("one")
    shutil.copytree(ROOT / "spectra_eval", folder / "spectra_eval", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "spectra_eval" / "metrics" / "square_gap.py").write_text(FILE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT / "cli"))), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(ROOT / "docs" / "metrics.py")],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert [(name, said) for name, (code, said) in found["ran"].items() if code] == []
    for name in ("evaluation.json", "report.html", "paper/systems.tex"):
        found[name] = (folder / name).read_text(encoding="utf-8")
    found["pdf"] = (folder / "paper" / "square-gap-bars.pdf").exists()
    return found


def test_the_listing_shows_what_the_entry_says(shown: dict[str, Any]) -> None:
    listed = shown["ran"]["list"][1]
    for said in ("Half the squared gap", "Insensitive to rare categories.", "Zero for equal distributions"):
        assert said in listed


def test_it_is_evaluated_and_compared_in_its_place(shown: dict[str, Any]) -> None:
    rows = json.loads(shown["evaluation.json"])
    names = list(dict.fromkeys(row["metric"] for row in rows["results"]))
    assert names[:3] == ["js_divergence", "square_gap", "total_variation"]
    assert rows["better"]["square_gap"] == "lower"
    assert r"square\_gap" in shown["ran"]["compare"][1]


def test_the_report_and_the_paper_name_it(shown: dict[str, Any]) -> None:
    assert '<span class="head-name">Half the squared gap</span>' in shown["report.html"]
    assert "Half the squared gap of every system" in shown["report.html"]
    assert r"System & JS (bits) $\downarrow$ & Gap $\downarrow$ & TV $\downarrow$" in shown["paper/systems.tex"]
    assert shown["pdf"]


def test_the_page_of_the_metrics_has_its_section(shown: dict[str, Any]) -> None:
    assert "### square_gap" in shown["docs"]
    assert "- *Pitfalls.* Insensitive to rare categories." in shown["docs"]


def test_the_kit_checks_it(shown: dict[str, Any]) -> None:
    assert "13 checks ran" in shown["ran"]["kit"][1]
    assert "0 failed" in shown["ran"]["kit"][1]
    assert "no pair found that breaks" in shown["ran"]["refute"][1]
