"""A small simulated table, and documents in the shapes that evaluate and certify write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spectra_eval.report import plots
from spectra_eval.report._figure import Figure
from spectra_eval.tables import PreferenceTable

CATEGORIES = ("Drama", "Comedy", "Action", "Thriller", "Romance", "Horror", "War", "Western", "Film-Noir")
SYSTEMS = ("theta_s", "dg", "uniform", "popularity", "history")
METRICS = {
    "js_divergence": "bit",
    "total_variation": "1",
    "category_ndcg@5": "1",
    "soft_ece": "1",
    "kl_divergence": "nat",
}
STRATA = ("all", *(f"tail_preference=Q{q}" for q in (1, 2, 3, 4)))


def simulated(*, n: int = 60, categories: tuple[str, ...] = CATEGORIES, **fields: Any) -> PreferenceTable:
    """Draw users whose tastes have a long tail, a readout that shrinks them, and lists that follow popularity."""
    rng = np.random.default_rng(11)
    k = len(categories)
    base = 1.0 / np.arange(1, k + 1)
    law = rng.dirichlet(4 * base / base.sum(), size=n)
    counts = np.array([rng.multinomial(30, row) for row in law], dtype=float)
    held = 0.5 * law + 0.5 / k
    lists = np.argsort(-(base + rng.normal(0, 0.2, (n, k))), axis=1)[:, :4]
    lists[3] = -2
    given = {
        "users": np.array([f"u{i:03}" for i in range(n)]),
        "counts": counts,
        "n_window": np.full(n, 30),
        "theta_s": held,
        "dg": lists,
        "metadata": {"model": "a-small-model", "readout": "likelihood", "seed": 3},
    }
    return PreferenceTable(categories=categories, **{**given, **fields})


_DRAWN: dict[str, str] = {}


@pytest.fixture(autouse=True)
def draw_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same figure of a page once for all tests; that two drawings are alike is held in test_plots."""
    draw = plots.to_svg

    def remembered(figure: Figure) -> str:
        key = repr(figure)
        if key not in _DRAWN:
            _DRAWN[key] = draw(figure)
        return _DRAWN[key]

    monkeypatch.setattr(plots, "to_svg", remembered)


@pytest.fixture
def simulate() -> Callable[..., PreferenceTable]:
    return simulated


@pytest.fixture
def table() -> PreferenceTable:
    return simulated()


@pytest.fixture
def evaluation() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    results = []
    for metric, unit in METRICS.items():
        for system in SYSTEMS:
            for stratum in STRATA:
                value = float(rng.uniform(0.1, 0.9))
                undefined = metric == "kl_divergence" and system == "dg"
                results.append(
                    {
                        "metric": metric,
                        "unit": unit,
                        "system": system,
                        "stratum": stratum,
                        "value": None if undefined else value,
                        "interval": None
                        if undefined
                        else {"low": value - 0.01, "high": value + 0.01, "level": 0.95, "method": "percentile"},
                        "n_users": 60,
                        "status": "undefined" if undefined else "ok",
                        "reason": "the list gives some window no mass" if undefined else None,
                    }
                )
    return {
        "schema": "spectra-eval/evaluation/1",
        "input": "sha256:0123",
        "seed": 3,
        "results": results,
        "warnings": ["flat readout: theta_s is within 3 % of uniform for 12 of 60 users"],
        "facts": {"n_users": 60},
    }


def claim(name: str, **fields: Any) -> dict[str, Any]:
    """Give one claim in the shape of the certificate."""
    return {
        "claim": name,
        "status": "ok",
        "standing": "proven",
        "statement": f"The claim {name} says something of 60 users.",
        "target": "window",
        "scope": "cohort",
        "inputs": {"share": 0.8, "cells": [{"reading": "mean", "valid": True}, {"reading": "median", "valid": False}]},
        "bound": 0.7,
        "threshold": 0.5,
        "margin": 0.2,
        "holds": True,
        "licenses": "a statement about windows",
        "assumptions": [
            {"name": "no-peek", "text": "theta_s depends on the history only", "checked": False},
            {"name": "simplex", "text": "every row sums to one", "checked": True},
        ],
        "reference": "Hoeffding (1963)",
        "n_users": 60,
        "method": "hoeffding",
        "reason": None,
        **fields,
    }


@pytest.fixture
def certificate() -> dict[str, Any]:
    return {
        "schema": "spectra-eval/certificate/1",
        "package_version": "0.1.0",
        "input_digest": "sha256:4567",
        "options": {"k": 3, "level": 0.95, "scope": "cohort", "bound": "hoeffding", "declared": 1, "require": {}},
        "facts": {"n_users": 60},
        "claims": [
            claim("regime.printed", standing="printed", bound=None, threshold=None, holds=False),
            claim("fraction.window"),
            claim("mean.law", bound=-0.02, threshold=0.0, margin=-0.02, holds=False),
            claim(
                "fraction.law", status="undefined", bound=None, margin=None, holds=None, threshold=None,
                statement="Nothing can be said: the windows are too short.", reason="the windows are too short",
            ),
        ],
        "digest": "sha256:89ab",
    }  # fmt: skip
