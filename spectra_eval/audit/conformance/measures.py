"""The groups of metrics and of statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.audit.conformance._run import group
from spectra_eval.metrics import METRICS, Comparison, category_buckets, tail_preference_groups
from spectra_eval.stats import holm, implied_spread, percentile_interval, signed_rank
from spectra_eval.tables import OUT_OF_VOCABULARY

_Case = Mapping[str, Any]
_BUCKETS = ("head", "mid", "tail")


def _measured(name: str, star: Any, predicted: Any, *, lists: Any = None, freq: Any = None, **options: Any) -> float:
    """Evaluate a registered metric on rows as they are: the files hold weights that are not scaled to one."""
    star, predicted = (np.atleast_2d(np.asarray(rows, dtype=float)) for rows in (star, predicted))
    buckets = category_buckets(np.ones(star.shape[1]) if freq is None else freq)
    comparison = Comparison(theta_star=star, theta_s=predicted, lists=lists, bucket=buckets)
    entry = METRICS[name]
    statistic = entry.statistic(comparison, **{**entry.options, **options})
    return float(entry.value(statistic.mean(axis=0), **options))


@group("ndcg_scores", "scores", "gains", "k", "ties", "gain", function="metrics.category_ndcg")
def _ndcg_scores(case: _Case) -> _Case:
    options = {"k": int(case["k"]), "ties": case["ties"], "gain": case["gain"]}
    return {"ndcg": _measured("category_ndcg", case["gains"], case["scores"], **options)}


@group("ndcg_list", "list", "gains", "k", "gain", function="metrics.list_ndcg")
def _ndcg_list(case: _Case) -> _Case:
    entries = [OUT_OF_VOCABULARY if entry is None else int(entry) for entry in case["list"]]
    lists = np.array([entries], dtype=int).reshape(1, -1)
    gains = case["gains"]
    return {"ndcg": _measured("list_ndcg", gains, gains, lists=lists, k=int(case["k"]), gain=case["gain"])}


@group("exposure_entropy", "scores", "k", function="metrics.exposure_entropy")
def _exposure_entropy(case: _Case) -> _Case:
    rows = case["scores"]
    return {"entropy_bits": _measured("exposure_entropy", rows, rows, k=int(case["k"]))}


@group("strata", "K", "freq", function="metrics.category_buckets")
def _strata(case: _Case) -> _Case:
    return _members(category_buckets(case["freq"]))


def _members(buckets: np.ndarray) -> dict[str, list[int]]:
    return {name: np.flatnonzero(buckets == place).tolist() for place, name in enumerate(_BUCKETS)}


@group("tail_quartiles", "tail_share", function="metrics.tail_preference_groups")
def _tail_quartiles(case: _Case) -> _Case:
    groups, cuts = tail_preference_groups(case["tail_share"])
    return {"cuts": cuts, "quartile": groups}


@group("calibration", "P", "T", "bins", "freq", function="metrics.soft_ece, soft_ece_head, top1_ece, head_bias, ...")
def _calibration(case: _Case) -> _Case:
    predicted, star = (np.asarray(case[name], dtype=float) for name in ("P", "T"))
    bins = {"bins": int(case["bins"])}
    buckets = category_buckets(case["freq"])
    made: dict[str, Any] = {
        "ece": _measured("soft_ece", star, predicted, **bins),
        "top1_ece": _measured("top1_ece", star, predicted, **bins),
        "n_pairs": predicted.size,
        **_members(buckets),
    }
    for place, name in enumerate(_BUCKETS):
        inside = buckets == place
        made |= {
            f"ece_{name}": _measured(f"soft_ece_{name}", star, predicted, freq=case["freq"], **bins),
            f"n_{name}": int(inside.sum()) * len(predicted),
            f"mass_{name}": float(predicted[:, inside].sum(axis=1).mean()),
            f"true_mass_{name}": float(star[:, inside].sum(axis=1).mean()),
            f"mab_{name}": _measured(f"{name}_bias", star, predicted, freq=case["freq"]),
        }
    return made


@group("wilcoxon", "d", function="stats.signed_rank")
def _wilcoxon(case: _Case) -> _Case:
    found = signed_rank(case["d"])
    return {
        "n": found.n,
        "w_plus": found.w_plus,
        "w_minus": found.w_minus,
        "method": found.method,
        "p": found.p_value,
        "z": found.z,
    }


@group("holm", "p", function="stats.holm")
def _holm(case: _Case) -> _Case:
    return {"adjusted": holm(case["p"])}


@group("ci_width", "mean", "half_width", "n", "z", function="stats.implied_spread")
def _ci_width(case: _Case) -> _Case:
    level = 2 * float(special.ndtr(case["z"])) - 1
    found = implied_spread(case["mean"], case["half_width"], n_users=int(case["n"]), level=level)
    return {"implied_sd": found.implied_sd, "max_sd": found.max_sd, "ratio": found.ratio}


@group("bootstrap", "x", "idx", function="stats.percentile_interval")
def _bootstrap(case: _Case) -> _Case:
    x, drawn = np.asarray(case["x"]), np.asarray(case["idx"], dtype=int)
    means = x[drawn].mean(axis=1)
    interval = percentile_interval(means, n_users=len(x))
    return {"means": means, "lo": interval.low, "hi": interval.high, "median": float(np.median(means))}
