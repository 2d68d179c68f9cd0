"""The groups of gains over a rival, of sequential evidence and of noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval import theory
from spectra_eval.audit.conformance._run import group

_Case = Mapping[str, Any]


@group("rival_bounds", "p", "q", "counts", "n", "level", function="theory.brier_gain, log_gain, tv_gain, gain_radius")
def _rival_bounds(case: _Case) -> _Case:
    p, q, counts = (np.asarray(case[name], dtype=float) for name in ("p", "q", "counts"))
    p, q, window = (rows / rows.sum(axis=1, keepdims=True) for rows in (p, q, counts))
    error, n = 1.0 - case["level"], np.asarray(case["n"], dtype=float)
    found: dict[str, float | None] = {}
    for name, gain_of in (("brier", theory.brier_gain), ("log", theory.log_gain), ("tv", theory.tv_gain)):
        if name == "log" and ((p == 0) | (q == 0)).any():
            found |= {"log_gain": None, "log_lower": None, "log_lower_iid": None}
            continue
        gain = gain_of(window, p, q)
        mean = float(gain.value.mean())
        found[f"{name}_gain"] = mean
        found[f"{name}_lower"] = mean - theory.gain_radius(gain, error=error)
        found[f"{name}_lower_iid"] = mean - theory.gain_radius(gain, error=error, n=n)
    return found


@group("empirical_bernstein", "x", "level", function="theory.empirical_bernstein_lower")
def _empirical_bernstein(case: _Case) -> _Case:
    return {"lower": theory.empirical_bernstein_lower(case["x"], error=1.0 - case["level"])}


@group("eprocess", "x", "m", "N", "c", function="theory.eprocess")
def _eprocess(case: _Case) -> _Case:
    population = None if case["N"] is None else int(case["N"])
    return {"log_e": theory.eprocess(case["x"], mean=case["m"], population=population, cap=case["c"])}


@group("tanh_bound", "eps", "tau", function="theory.tv_upper_from_logits")
def _tanh_bound(case: _Case) -> _Case:
    return {"tv_upper": theory.tv_upper_from_logits(case["eps"], temperature=case["tau"])}


@group("excess_l2", "p", "counts", function="theory.excess_squared_distance")
def _excess(case: _Case) -> _Case:
    p, counts = np.asarray(case["p"], dtype=float), np.asarray(case["counts"], dtype=float)
    n = counts.sum()
    return {"excess_l2": float(theory.excess_squared_distance([counts / n], [p / p.sum()], n=[n])[0])}
