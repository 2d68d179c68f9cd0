"""A sweep is several runs and one table: what varies, what is compared with what, and that it resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.data import DATASETS, prepare
from spectra_eval.errors import InputError, ProbeError
from spectra_eval.evaluation import evaluate, merge_categories
from spectra_eval.probing import SWEEPS, Sweep, sweep, variants
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.templates import PLAIN, Template, known_templates
from spectra_eval.tables import PreferenceTable


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    events = DATASETS["synthetic"].read(users=12, categories=8, groups=3, seed=4)
    return prepare(events, context_windows=[1, 3], horizons=["long", "short"])


@pytest.fixture(scope="module")
def one_window(table: PreferenceTable) -> PreferenceTable:
    return table.select((table.context_window == 3) & (table.horizon == "long"))


def swept(table: PreferenceTable, run: Path, kind: str, **options: Any) -> Sweep:
    with open_backend("mocked", model="random", noise=0.1) as session:
        return sweep(table, session, kind=kind, run=run, bootstrap=50, **{"dg": False, **options})


def cell(made: Sweep, variant: str, metric: str, system: str = "theta_s") -> Any:
    (row,) = [row for row in made.rows if (row["variant"], row["system"]) == (variant, system)]
    (found,) = [found for found in row["metrics"] if found["metric"] == metric]
    return found


def test_prompts_ask_the_same_users_in_other_words(one_window: PreferenceTable, tmp_path: Path) -> None:
    mine = Template(name="mine", heading="Seen:")
    made = swept(one_window, tmp_path, "prompts", templates=[mine])
    plain = [name for name, template in known_templates().items() if not template.shows]
    assert list(dict.fromkeys(row["variant"] for row in made.rows)) == [*plain, "mine"]
    assert [pair["variant"] for pair in made.pairs] == [*plain[1:], "mine"]
    for name in (*plain, "mine"):
        kept = read_table(tmp_path / name)
        assert kept.metadata["template"] == name
        expected = evaluate(kept, metrics=["js_divergence"], bootstrap=0)["js_divergence", "theta_s"].value
        assert cell(made, name, "js_divergence")["value"] == expected
    for pair in made.pairs:
        here, base = (read_table(tmp_path / name) for name in (pair["variant"], "plain"))
        assert here.theta_s is not None and base.theta_s is not None
        assert pair["moved"] == pytest.approx(0.5 * np.abs(here.theta_s - base.theta_s).sum(axis=1).mean(), rel=1e-12)
        gap = [cell(made, name, "js_divergence")["value"] for name in (pair["variant"], "plain")]
        assert pair["js_divergence"]["value"] == pytest.approx(gap[0] - gap[1], abs=1e-12)
        assert pair["js_divergence"]["low"] <= pair["js_divergence"]["value"] <= pair["js_divergence"]["high"]
        assert pair["js_divergence"]["method"].startswith(("Student's t", "percentile bootstrap"))


def test_verbalisers_change_what_is_answered(one_window: PreferenceTable, tmp_path: Path) -> None:
    made = swept(one_window, tmp_path, "verbalisers")
    assert made.rows[0]["variant"] == "paper"
    assert {pair["reference"] for pair in made.pairs} == {"paper"}
    assert read_table(tmp_path / "true-false").metadata["readout_options"] == {"verbaliser": "true-false"}


def test_windows_take_the_records_of_the_table_apart(table: PreferenceTable, tmp_path: Path) -> None:
    made = swept(table, tmp_path, "windows", limit=5)
    names = [f"{size}-sessions-{horizon}" for size in (1, 3) for horizon in ("long", "short")]
    assert list(dict.fromkeys(row["variant"] for row in made.rows)) == names
    assert {row["n_records"] for row in made.rows} == {5}
    assert [(row["context_window"], row["horizon"]) for row in made.rows if row["system"] == "uniform"] == [
        (1, "long"), (1, "short"), (3, "long"), (3, "short"),
    ]  # fmt: skip
    assert made.pairs == () and "moved" not in made.markdown()
    assert {row["system"] for row in made.rows} == {"theta_s", "uniform", "popularity", "history"}


def test_taxonomies_are_asked_for_and_added_up(one_window: PreferenceTable, tmp_path: Path) -> None:
    made = swept(one_window, tmp_path, "taxonomy", limit=7)
    named = list(dict.fromkeys(row["variant"] for row in made.rows))
    assert named == [
        "fine", "coarse", "coarse, added up", "rarest-6", "rarest-6, added up", "rarest-4", "rarest-4, added up"
    ]  # fmt: skip
    assert [row["n_categories"] for row in made.rows if row["system"] == "theta_s"] == [8, 3, 3, 6, 6, 4, 4]
    fine = read_table(tmp_path / "fine")
    added = merge_categories(fine, dict(zip(fine.categories, fine.parents or (), strict=True)))
    expected = evaluate(added, metrics=["js_divergence"], bootstrap=0)["js_divergence", "theta_s"].value
    assert cell(made, "coarse, added up", "js_divergence")["value"] == expected
    assert expected <= cell(made, "fine", "js_divergence")["value"], "adding up cannot increase a divergence"
    assert {found["metric"] for row in made.rows for found in row["metrics"]} >= {"category_ndcg@3"}


def test_a_sweep_goes_on_where_it_was(one_window: PreferenceTable, tmp_path: Path) -> None:
    whole = swept(one_window, tmp_path / "whole", "prompts")
    with (
        open_backend("mocked", model="random", noise=0.1, crash_at=4) as session,
        pytest.raises(ProbeError, match="crash at call 4"),
    ):
        sweep(one_window, session, kind="prompts", run=tmp_path / "part", dg=False, bootstrap=50)
    assert not (tmp_path / "part/sweep.json").exists() and (tmp_path / "part/plain/table.parquet").exists()
    first = (tmp_path / "part/plain/table.parquet").stat().st_mtime_ns
    again = swept(one_window, tmp_path / "part", "prompts")
    assert (tmp_path / "part/plain/table.parquet").stat().st_mtime_ns == first
    assert again.to_json() == whole.to_json()
    for name in ("sweep.json", "sweep.md", "sweep.tex"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_table_in_three_forms(one_window: PreferenceTable, tmp_path: Path) -> None:
    made = swept(one_window, tmp_path, "verbalisers", dg=True, list_length=3)
    document = json.loads((tmp_path / "sweep.json").read_text())
    assert document == json.loads(json.dumps(made.to_json())) and document["title"] == SWEEPS["verbalisers"]
    lines = made.lines()
    assert [line["system"] for line in lines].count("uniform") == 1
    assert len({tuple(line) for line in lines}) == 1 and {"theta_s", "dg"} < {line["system"] for line in lines}
    text = (tmp_path / "sweep.md").read_text()
    assert text.startswith("# Other answers") and text.count("\n| ") == len(lines) + 2
    tex = (tmp_path / "sweep.tex").read_text()
    assert r"theta\_s" in tex and tex.count(r" \\") == len(lines) + 1
    assert all(row.count("&") == len(lines[0]) - 1 for row in tex.splitlines() if row.endswith(r" \\"))


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("words", {}, "sweep: 'words' is unknown; choose prompts"),
        ("windows", {}, "one context window and one horizon; prepare it with --context-windows"),
        ("verbalisers", {"readout": "generative"}, "readout 'generative' has no verbaliser"),
        ("prompts", {"templates": [Template(name="terse", heading="x")]}, "two variants are called 'terse'"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    one_window: PreferenceTable, kind: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        variants(kind, one_window, **options)


def test_limits_and_few_categories_are_refused(one_window: PreferenceTable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="limit: 0 is below 1"):
        swept(one_window, tmp_path, "prompts", limit=0)
    two = PreferenceTable(users=["a"], categories=("x", "y"), counts=[[1, 0]], history=[("t",)])
    with pytest.raises(InputError, match="2 categories without two levels cannot be merged further"):
        variants("taxonomy", two)
    assert [one.name for one in variants("prompts", two, template=Template(name="own", heading="x"))][:2] == [
        "own",
        PLAIN.name,
    ]
