"""`evaluate` held against a second computation by NumPy alone: every metric, system and stratum, with the intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.data import movielens, prepare
from spectra_eval.evaluation import Evaluation, evaluate
from spectra_eval.metrics import METRICS
from spectra_eval.tables import PreferenceTable
from tests.agreement.recompute_evaluation import (
    Expected,
    Given,
    differences,
    index_stream,
    quarters,
    recompute,
    rivals,
    thirds,
)

B = 25


def prepared() -> PreferenceTable:
    """Real windows and histories of MovieLens users, a made readout that leans on the history, and short lists."""
    source = Path(__file__).parents[2] / "examples/data/ml-latest-small"
    table = prepare(movielens.read(source), weighting="count", limit=90)
    rng = np.random.default_rng(1)
    shares = table.history_counts / np.asarray(table.history_counts).sum(axis=1, keepdims=True)
    held = 0.6 * shares + 0.4 * rng.dirichlet(np.ones(table.n_categories), size=table.n_users)
    lists = np.argsort(-held * rng.uniform(0.5, 2.0, size=held.shape), axis=1)[:, :6]
    lists[::7, 2], lists[::5, 5] = -1, -2
    return table.replace(theta_s=held, dg=lists)


def simulated() -> PreferenceTable:
    """Two records a user whose law is known and is what the readout holds for every other user; some are untold."""
    n, k = 60, 7
    rng = np.random.default_rng(2)
    law = rng.dirichlet(np.linspace(2.0, 0.3, k), size=n)
    held = np.where(np.arange(n)[:, None] % 2 == 0, law, 0.5 * law + 0.5 * law[::-1])
    history = rng.multinomial(20, law).astype(float)
    history[::9] = 0.0
    twice = np.tile(np.arange(n), 2)
    return PreferenceTable(
        users=[f"u{i}" for i in twice],
        categories=tuple("abcdefg"),
        theta_star=law[twice],
        theta_s=held[twice],
        dg=np.argsort(-held, axis=1)[twice, :3],
        history_counts=history[twice],
        context_window=np.repeat([3, 8], n),
    )


ELSEWHERE = ("category_ndcg_head", "category_ndcg_tail", "js_of_means")
"""Recomputed with scikit-learn and SciPy beside their unit tests."""


def evaluated(table: PreferenceTable, k: int, **options: Any) -> Evaluation:
    every = [m.name + (f"@{k}" if m.takes_cutoff else "") for m in METRICS if m.name not in ELSEWHERE]
    systems = ["theta_s", "dg", "dg_best", "uniform", "popularity", "history", "laplace", "oracle"]
    return evaluate(table, metrics=every, systems=systems, bootstrap=B, rng=np.random.default_rng(5), **options)


def hold(found: Evaluation, expected: dict[tuple[str, str], Expected], stratum: str = "all") -> int:
    """Hold every row of a stratum against what was recomputed; give how many there were."""
    rows = [row for row in found.to_json()["results"] if row["stratum"] == stratum]
    assert {(row["metric"], row["system"]) for row in rows} == set(expected)
    assert differences(rows, expected) == []
    return len(rows)


def given(table: PreferenceTable) -> tuple[np.ndarray, Given, np.ndarray]:
    truth, history = table.theta_star, np.asarray(table.history_counts)
    systems = rivals(truth, np.asarray(table.theta_s), np.asarray(table.dg), history)
    return truth, systems, thirds(history.sum(axis=0))


def test_real_users() -> None:
    table = prepared()
    truth, systems, bucket = given(table)
    n = table.n_users
    found = evaluated(table, 5, strata=["tail_preference", "activity"])
    drawn = index_stream(5, n, B)
    assert hold(found, recompute(truth, systems, np.arange(n), bucket, drawn, 5)) == 28 * 8
    history = np.asarray(table.history_counts)
    tail = history[:, bucket == 2].sum(axis=1) / history.sum(axis=1)
    told = np.array([len(titles) for titles in np.asarray(table.history)], dtype=float)
    for name, group in (("tail_preference", quarters(tail)), ("activity", quarters(told))):
        assert list(found.facts["strata"][name]["sizes"].values()) == np.bincount(group, minlength=5)[1:].tolist()
        members = np.flatnonzero(group == 4)
        some = {
            system: (held[members], None if lists is None else lists[members])
            for system, (held, lists) in systems.items()
        }
        times = [np.bincount(users, minlength=n)[members] for users in drawn]
        inside = np.array([np.repeat(np.arange(len(members)), count) for count in times], dtype=object)
        expected = recompute(truth[members], some, np.arange(len(members)), bucket, inside, 5)
        assert hold(found, expected, f"{name}=Q4") == 28 * 8


def test_a_known_truth_and_several_records_a_user() -> None:
    table = simulated()
    truth, systems, bucket = given(table)
    found = evaluated(table, 3, strata=["context_window"])
    drawn = index_stream(5, 60, B)
    expected = recompute(truth, systems, np.tile(np.arange(60), 2), bucket, drawn, 3)
    assert hold(found, expected) == 28 * 8
    half = {system: (held[:60], None if lists is None else lists[:60]) for system, (held, lists) in systems.items()}
    expected = recompute(truth[:60], half, np.arange(60), bucket, drawn, 3)
    for window in (3, 8):
        assert hold(found, expected, f"context_window={window}") == 28 * 8
    # What is known beforehand: the readout holds the law of half of the users, and the oracle all of them.
    law, mixed = truth[1:60:2], 0.5 * truth[1:60:2] + 0.5 * truth[58::-2]
    assert found["total_variation", "theta_s"].value == pytest.approx(np.abs(law - mixed).sum() / 4 / 30, rel=1e-12)
    for metric in ("js_divergence", "soft_ece", "category_bias", "wasserstein_ordinal"):
        assert found[metric, "oracle"].value == 0.0


@pytest.mark.parametrize("users", [1, 4])
def test_two_categories_ties_and_what_is_missing(users: int) -> None:
    """One user alone; and beside them one without a window, one without a list, and readouts that tie or miss."""
    table = PreferenceTable(
        users=["a", "b", "c", "d"],
        categories=("x", "y"),
        counts=[[1, 0], [0, 0], [2, 2], [0, 5]],
        history_counts=[[1, 1], [2, 0], [0, 0], [0, 3]],
        theta_s=[[0.5, 0.5], [0.1, 0.9], [1.0, 0.0], [0.5, 0.5]],
        dg=[[1, -1], [0, 1], [-2, -1], [0, 1]],
    ).select(slice(0, users))
    seen = np.array([0, 2, 3])[: 1 if users == 1 else 3]
    history = np.asarray(table.history_counts)
    shares = history / np.where(history.sum(axis=1) > 0, history.sum(axis=1), 1.0)[:, None]
    # Popularity and the strata come from the histories of those who have a window.
    popular = shares[seen][history[seen].sum(axis=1) > 0].mean(axis=0)
    shares[history.sum(axis=1) == 0] = popular
    even = np.array([[0.0, 1.0], [0.5, 0.5], [np.nan, np.nan], [0.5, 0.5]])
    lists = np.asarray(table.dg)[seen]
    systems: Given = {
        "theta_s": (np.asarray(table.theta_s)[seen], None),
        "dg": (even[seen], lists),
        "uniform": (np.full((len(seen), 2), 0.5), None),
        "popularity": (np.tile(popular, (len(seen), 1)), None),
        "history": (shares[seen], None),
    }
    every = [m.name + ("@1" if m.takes_cutoff else "") for m in METRICS if m.name not in ELSEWHERE]
    found = evaluate(table, metrics=every, bootstrap=B, rng=np.random.default_rng(5))
    drawn = index_stream(5, len(seen), B)
    bucket = thirds(history.sum(axis=0))
    expected = recompute(table.theta_star[seen], systems, np.arange(len(seen)), bucket, drawn, 1)
    assert hold(found, expected) == 28 * 5
