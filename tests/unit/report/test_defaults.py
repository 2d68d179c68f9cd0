from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.evaluation import evaluate
from spectra_eval.report import default_title, evaluation_arguments
from spectra_eval.report._figures import figures
from spectra_eval.report._material import gather
from tests.unit.report.conftest import simulated


def windows(**fields: Any) -> Any:
    """Give three context windows and two horizons of each of ten users."""
    return simulated(
        users=np.repeat([f"u{u}" for u in range(10)], 6),
        context_window=np.tile([1, 3, 10], 20),
        horizon=np.tile(["long"] * 3 + ["short"] * 3, 10),
        **fields,
    )


def test_all_that_the_table_supports_is_evaluated() -> None:
    arguments = evaluation_arguments(windows(history_counts=np.ones((60, 9))))
    assert arguments["systems"] == ["theta_s", "dg", "dg_best", "uniform", "popularity", "history"]
    assert arguments["strata"] == ["tail_preference", "context_window", "horizon", "context_window_by_horizon"]
    assert {"smooth_ece", "true_tail_mass", "top1_ece", "list_ndcg@5", "category_ndcg@9"} <= set(arguments["metrics"])
    plain = evaluation_arguments(simulated(dg=None, horizon=["long"] * 60))
    assert plain["systems"] == ["theta_s", "uniform"] and plain["strata"] == ["tail_preference"]


def test_context_windows_are_drawn_by_horizon_in_the_order_of_numbers() -> None:
    table = windows(history_counts=np.ones((60, 9)))
    found = evaluate(table, **evaluation_arguments(table), bootstrap=0)
    drawn = {
        figure.name: figure
        for figure in figures(gather(tables=table, evaluation=found.to_json(), certificate=None, title="t"))
    }
    by_window = [name for name in drawn if "-by-context-window" in name]
    assert by_window == [
        f"{metric}-by-context-window-{horizon}"
        for metric in ("js-divergence", "category-ndcg")
        for horizon in ("long", "short")
    ]
    figure = drawn["js-divergence-by-context-window-short"]
    assert figure.extra["groups"] == ["1", "3", "10"]
    chosen = (np.asarray(table.horizon) == "short") & (np.asarray(table.context_window) == 10)
    row = next(row for row in figure.rows if row[:2] == ("theta_s", "10"))
    alone = evaluate(table.select(np.flatnonzero(chosen)), metrics=["js_divergence"], bootstrap=0)
    assert row[2] == alone["js_divergence", "theta_s"].value
    assert "Sizes: 10, 10, 10 records." in figure.caption
    tail = drawn["js-divergence-by-tail-preference"]
    assert tail.labels[0] == "proportion of tail categories in the history, by quartile"
    assert "regression" not in tail.caption
    assert "reliability" in drawn and "Calibration error: 0." in drawn["reliability"].caption


def test_groups_that_the_outcome_forms_come_with_a_caution() -> None:
    table = simulated(history_counts=np.ones((60, 9)))
    found = evaluate(table, metrics=["js_divergence"], strata=["tail_preference_window"], bootstrap=0)
    drawn = figures(gather(tables=table, evaluation=found.to_json(), certificate=None, title="t"))
    figure = next(one for one in drawn if one.name == "js-divergence-by-tail-preference-window")
    assert "part of a trend is regression to the mean" in figure.caption


def test_the_title_names_the_model_or_the_folder() -> None:
    table = simulated()
    assert default_title(table, Path("run")) == "What a-small-model knows of 60 users"
    nameless = table.replace(metadata={})
    assert default_title(nameless, Path("demo-out/run")) == "What demo-out shows of 60 users"
    assert default_title(nameless, Path("world.parquet")) == "What world shows of 60 users"
