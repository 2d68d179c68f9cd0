"""The main job as a user types it: every arrow of the flow, the real small model included."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.metrics import METRICS
from spectra_eval_cli.main import COMMANDS, main

DATA = Path(__file__).parents[2] / "examples/data/ml-latest-small"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words: object) -> Result:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare real logs and probe a few users with the mocked backend."""
    folder = tmp_path_factory.mktemp("flow")
    done("prepare", "movielens", DATA, "--weighting", "count", "-o", folder / "table.parquet")
    done("probe", folder / "table.parquet", "--backend", "mocked", "--limit", 40, "-o", folder / "run")
    return folder


def test_every_arrow_of_the_flow(flow: Path) -> None:
    evaluation = done("evaluate", flow / "run", "--bootstrap", 200, "--format", "json", "-o", flow / "evaluation.json")
    document = json.loads(evaluation.stdout)
    assert document == json.loads((flow / "evaluation.json").read_text())
    systems = {row["system"] for row in document["results"]}
    assert systems == {"theta_s", "dg", "uniform", "popularity", "history"}
    done("report", flow / "run", "-o", flow / "report.html", "--bootstrap", 100)
    page = (flow / "report.html").read_text()
    assert len(page) < 1_000_000 and "<script src" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    certificate = done("certify", flow / "run", "-o", flow / "certificate.json")
    assert "fraction.window" in certificate.stdout
    assert "agree" in done("verify", flow / "certificate.json", flow / "run").output


def test_the_same_input_and_seed_give_the_same_bytes(flow: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        done("prepare", "movielens", DATA, "--weighting", "count", "-o", tmp_path / f"table{number}.parquet")
        done("probe", tmp_path / "table1.parquet", "--backend", "mocked", "--limit", 9, "-o", tmp_path / f"run{number}")
        done("certify", tmp_path / f"run{number}", "-o", tmp_path / f"certificate{number}.json")
        done("evaluate", tmp_path / f"run{number}", "--bootstrap", 50, "-o", tmp_path / f"evaluation{number}.json")
    for name in ("table{}.parquet", "run{}/table.parquet", "certificate{}.json", "evaluation{}.json"):
        first, second = ((tmp_path / name.format(number)).read_bytes() for number in (1, 2))
        assert first == second, name


def as_csv(table: Any, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "category", "target", "prediction", "dg_rank", "n_window"])
        for u in range(table.n_users):
            ranks = {int(c): place + 1 for place, c in enumerate(table.dg[u]) if c >= 0}
            for c, name in enumerate(table.categories):
                row = [table.users[u], name, repr(float(table.counts[u, c])), repr(float(table.theta_s[u, c]))]
                writer.writerow([*row, ranks.get(c, ""), table.n_window[u]])


def as_jsonl(table: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for u in range(table.n_users):
            line = {
                "user": table.users[u],
                "target": dict(zip(table.categories, table.counts[u].tolist(), strict=True)),
                "prediction": dict(zip(table.categories, table.theta_s[u].tolist(), strict=True)),
                "dg": [table.categories[c] for c in table.dg[u] if c >= 0],
                "n_window": int(table.n_window[u]),
            }
            file.write(json.dumps(line) + "\n")


@pytest.fixture(scope="module")
def formats(flow: Path) -> list[Path]:
    """The same content as Parquet, long CSV and JSON lines."""
    whole = read_table(flow / "run")
    # Lists that name strangers cannot be written as ranks of categories without their places: keep plain lists.
    lists = np.where(whole.dg >= 0, whole.dg, -2)  # type: ignore[operator]
    lists = np.array([sorted(row, key=lambda c: c < 0) for row in lists.tolist()])
    table = whole.replace(dg=lists, metadata={})
    paths = [flow / "same.parquet", flow / "same.csv", flow / "same.jsonl"]
    write_table(table, paths[0])
    as_csv(table, paths[1])
    as_jsonl(table, paths[2])
    return paths


def test_three_formats_give_the_same_certificate(formats: list[Path], tmp_path: Path) -> None:
    documents = []
    for path in formats:
        done("certify", path, "--against", "uniform", "-o", tmp_path / "certificate.json")  # texts hold no history
        documents.append(json.loads((tmp_path / "certificate.json").read_text()))
        for other in formats:
            assert run("verify", tmp_path / "certificate.json", other).exit_code == 0, (path, other)
    assert len({document["input_digest"] for document in documents}) == 1
    for claims in zip(*(document["claims"] for document in documents), strict=True):
        assert len({claim["statement"] for claim in claims}) == 1
        for field in ("bound", "margin"):
            values = [claim[field] for claim in claims]
            if values[0] is None:
                assert values == [None] * 3
            else:
                assert values == pytest.approx([values[0]] * 3, abs=1e-12)


@pytest.mark.parametrize("column", ["theta_s", "counts", "dg"])
def test_one_changed_value_is_found(formats: list[Path], tmp_path: Path, column: str) -> None:
    done("certify", formats[0], "-o", tmp_path / "certificate.json")
    table = read_table(formats[0])
    values = np.array(getattr(table, column))
    if column == "dg":
        absent = next(c for c in range(table.n_categories) if c not in values[3])
        values[3, 0] = absent
    elif column == "counts":
        values[3, int(values[3].argmax())] += 1
    else:
        values[3, :2] += np.array([1e-6, -1e-6]) if values[3, 1] > 1e-6 else np.array([-1e-6, 1e-6])
    changes: dict[str, Any] = {column: values}
    if column == "counts":
        changes |= {"theta_star": None}
    write_table(table.replace(**changes), tmp_path / "changed.parquet")
    result = run("verify", tmp_path / "certificate.json", tmp_path / "changed.parquet")
    assert result.exit_code == 1 and "input_digest" in result.output


def test_a_requirement_that_fails_is_an_exit_code(formats: list[Path]) -> None:
    assert run("certify", formats[0], "--require", "truncation=0.0001").exit_code == 0
    failed = run("certify", formats[0], "--require", "fraction.window=0.9999")
    assert failed.exit_code == 1 and "required and not reached: fraction.window" in failed.stderr


def test_a_certificate_that_was_touched_is_found(formats: list[Path], tmp_path: Path) -> None:
    done("certify", formats[0], "-o", tmp_path / "certificate.json")
    document = json.loads((tmp_path / "certificate.json").read_text())
    document["claims"][0]["inputs"]["n_without_list"] = 99
    (tmp_path / "touched.json").write_text(json.dumps(document))
    result = run("verify", tmp_path / "touched.json", formats[0])
    assert result.exit_code == 1 and "does not match its digest" in result.output


def test_a_baseline_is_evaluated_like_a_model(flow: Path, tmp_path: Path) -> None:
    done("baseline", flow / "table.parquet", "--method", "popularity", "-o", tmp_path / "popularity.parquet")
    shown = done("evaluate", tmp_path / "popularity.parquet", "--metrics", "js_divergence", "--format", "csv")
    rows = {row["system"]: row for row in csv.DictReader(shown.stdout.splitlines())}
    assert rows["theta_s"]["js_divergence [bit]"] == rows["popularity"]["js_divergence [bit]"]
    assert float(rows["popularity"]["js_divergence [bit]"]) == pytest.approx(0.158, abs=0.003)


def test_plan_reads_a_pilot_and_takes_guesses(formats: list[Path]) -> None:
    from_pilot = json.loads(done("plan", formats[0], "--format", "json").stdout)
    assert {need["claim"] for need in from_pilot["needs"]} >= {"fraction.window", "mean.law", "truncation"}
    guess = ("plan", "--mean-margin", 0.05, "--margin-sd", 0.2, "--format", "json")
    guessed = json.loads(done(*guess).stdout)
    assert guessed["power"] == 0.9 and guessed["needs"][0]["n_users"] == 2925
    assert json.loads(done(*guess, "--power", 0.5).stdout)["needs"][0]["n_users"] == 2397
    assert run("plan").exit_code == 3


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help(command: str) -> None:
    assert "Usage:" in done(command, "--help").output


ELSEWHERE = ("category_ndcg_head", "category_ndcg_tail", "js_of_means")
"""Metrics that their unit tests recompute by other libraries."""


@pytest.mark.hf
def test_the_demo_on_a_few_users_with_the_real_model(tmp_path: Path) -> None:
    result = done("demo", tmp_path / "out", "--users", 8, "--data", DATA)
    for name in ("table.parquet", "run/manifest.json", "run/table.parquet", "evaluation.json", "certificate.json"):
        assert (tmp_path / "out" / name).is_file(), name
    assert "<html" in (tmp_path / "out/report.html").read_text()
    assert "$ spectra-eval certify" in result.output and "values agree" in result.output
    table = read_table(tmp_path / "out/run")
    assert table.n_users == 8 and table.dg is not None and table.answer_mass is not None
    assert 0.01 < float(table.answer_mass.mean()) < 1.0
    assert table.metadata["mean_answer_mass"] == pytest.approx(float(table.answer_mass.mean()))
    assert table.metadata["readout"] == "likelihood"
    # Two scripts that know NumPy only find every number of the certificate and of the evaluation again.
    columns = {"users": table.users.astype(str), "counts": table.counts, "n_window": table.n_window}
    columns |= {"owner": np.arange(table.n_users), "truth": table.theta_star, "history": table.history_counts}
    columns["history_counts"] = table.history_counts
    whole = np.array(table.metadata.get("weighting") != "fraction")
    np.savez(tmp_path / "table.npz", **columns, theta_s=table.theta_s, dg=table.dg, whole=whole)
    recomputed("certificate", tmp_path / "out/certificate.json", tmp_path / "table.npz")
    recomputed("evaluation", tmp_path / "out/evaluation.json", tmp_path / "table.npz")
    every = [metric.name + ("@4" if metric.takes_cutoff else "") for metric in METRICS if metric.name not in ELSEWHERE]
    systems = ("theta_s", "dg", "dg_best", "uniform", "popularity", "history", "laplace", "oracle")
    wanted = ["--metrics", ",".join(every), "--systems", ",".join(systems)]
    done("evaluate", tmp_path / "out/run", *wanted, "--bootstrap", 40, "--seed", 3, "-o", tmp_path / "all.json")
    recomputed("evaluation", tmp_path / "all.json", tmp_path / "table.npz")


def recomputed(what: str, made: Path, table: Path) -> None:
    script = Path(__file__).parents[1] / f"agreement/recompute_{what}.py"
    words = [sys.executable, script, made, table]
    again = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stdout + again.stderr
