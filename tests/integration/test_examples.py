"""The examples run, and show what they say they show."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import ndcg_score

from spectra_eval.artifacts import read_table
from spectra_eval.data import DATASETS
from spectra_eval_cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_survey(capsys: pytest.CaptureFixture[str]) -> None:
    survey = loaded("survey")
    found = survey.main()
    assert set(found) == {"hedging", "shifted"}
    steps = {
        (name, group): one["wasserstein_ordinal", "theta_s", f"group={group}"].value
        for name, one in found.items()
        for group in survey.GROUPS
    }
    # The shifted model is off by nearly one option for the oldest group, and for nobody else.
    assert 0.6 < steps["shifted", "60+"] < 1.0
    assert max(steps["shifted", "18-34"], steps["shifted", "35-59"]) < 0.15
    assert found["shifted"].facts["n_users"] == 120 and found["shifted"].facts["n_records"] == 360
    said = capsys.readouterr().out
    assert "shifted  group=60+" in said and "wasserstein_ordinal  hedging - shifted" in said


def test_the_short_video_protocol_from_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = (EXAMPLES / "short-video.yaml").read_text()
    assert "users=120," in config
    Path("p.yaml").write_text(config.replace("users=120,", "users=50,"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(main, list(words))
        assert result.exit_code == 0, result.output
        return result.output

    run("prepare", "--config", "p.yaml")
    loaded("short_video_scores").main("p.yaml")
    for command in ("baseline", "evaluate", "compare", "certify", "report"):
        run(command, "--config", "p.yaml")
    table, ranker = read_table("table.parquet"), read_table("ranker.parquet")
    assert table.n_categories == 78 and 10 < table.n_users < 50
    options = {"users": 50, "categories": 78, "groups": 13, "items": 800, "days": 60, "sessions": 40, "seed": 1}
    events = DATASETS["synthetic"].read(None, **options, session_length=3, skew=1.2, noise=0.5, list_length=5)
    start = 1_581_638_400  # 2020-02-14
    for row, user in enumerate(table.users.tolist()):
        own = events.user == user
        times, categories = events.time[own], events.category[own]
        window = categories[(times >= start) & (times < start + 14 * 86_400)]
        past = (times >= start - 30 * 86_400) & (times < start)
        assert table.counts[row].tolist() == np.bincount(window, minlength=78).tolist()
        assert table.history_counts[row].tolist() == np.bincount(categories[past], minlength=78).tolist()
        assert len(np.unique(times[past] // 86_400)) >= 21
    rows = json.loads(Path("evaluation.json").read_text())["results"]
    found = {(row["metric"], row["system"]): row for row in rows if row["stratum"] == "all"}
    tail = np.argsort(-table.history_counts.sum(axis=0), kind="stable")[-20:]
    have = table.theta_star[:, tail].sum(axis=1) > 0
    expected = [
        ndcg_score([truth], [scores], k=10)
        for truth, scores in zip(table.theta_star[have][:, tail], table.theta_s[have][:, tail], strict=True)
    ]
    row = found["category_ndcg_tail@10", "theta_s"]
    assert row["n_users"] == have.sum() < table.n_users
    assert row["value"] == pytest.approx(np.mean(expected), rel=1e-9)
    assert ranker.metadata["baseline"]["level"] == "item"
    assert ranker.counts.tolist() == table.counts.tolist()
    run("verify", "certificate.json", "table.parquet")
    assert "it licenses no statement about users" in Path("report.html").read_text()
