"""`evaluate` on two tables recomputed by plain loops that share no code with the library.

One table is a made world with a known truth, several records a user; the other is real ratings through the small
mocked backend. The formulas are those of the references, written out once more, user by user.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval_cli.main import main

DATA = Path(__file__).parents[2] / "examples/data/ml-latest-small"
METRICS = (
    "js_divergence,kl_divergence,total_variation,hellinger,chi_squared,linf_error,category_ndcg@5,category_ndcg@10,"
    "list_ndcg@5,mass_captured@5,top_recall@3,exposure_entropy@3,tail_mass,true_tail_mass,tail_mass_error,category_bias,"
    "head_bias,mid_bias,tail_bias,soft_ece,soft_ece_head,soft_ece_mid,soft_ece_tail,stratified_ece,top1_ece,brier,"
    "log_score,wasserstein_ordinal"
)


def run(*words: object) -> Any:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module", params=["made world", "real ratings"])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[Any, Any]]:
    folder = tmp_path_factory.mktemp("recomputed")
    path = folder / "table.parquet"
    if request.param == "made world":
        world = ["-O", "users=40", "-O", "categories=11", "-O", "noise=0.7", "-O", "list_length=4"]
        run("prepare", "synthetic", *world, "--context-windows", "1,3", "-o", path)
    else:
        run("prepare", "movielens", DATA, "--limit", 30, "-o", folder / "plain.parquet")
        run("probe", folder / "plain.parquet", "--backend", "mocked", "--model", "random", "--dg", "-o", folder / "run")
        path = folder / "run"
    systems = "theta_s,dg,dg_best,uniform,popularity,history,laplace,oracle"
    shown = run(
        "evaluate", path, "--metrics", METRICS, "--systems", systems, "--bootstrap", 0, "--format", "json",
        "--strata", "tail_preference",
    )  # fmt: skip
    document = json.loads(shown.stdout)
    rows = {(row["metric"], row["system"], row["stratum"]): row for row in document["results"]}
    return read_table(path), rows


def held_by(table: Any, system: str) -> list[list[float] | None]:
    """Give what a system holds for each record, by the definitions of the documents; None where it has nothing."""
    k, told = len(table.categories), np.asarray(table.history_counts).tolist()
    truth = np.asarray(table.theta_star).tolist()
    shares = [[w / sum(row) for w in row] if sum(row) else None for row in told]
    known = [row for row in shares if row is not None]
    popular = [sum(row[c] for row in known) / len(known) for c in range(k)]
    made: list[list[float] | None] = []
    for u in range(len(truth)):
        listed = [] if table.dg is None else [c for c in np.asarray(table.dg)[u].tolist() if c >= 0]
        if system == "theta_s":
            made.append(np.asarray(table.theta_s)[u].tolist())
        elif system == "uniform":
            made.append([1 / k] * k)
        elif system == "popularity":
            made.append(popular)
        elif system == "history":
            made.append(shares[u] or popular)
        elif system == "laplace":
            weights = np.array(told[u]) + 1.0  # summed as the library does: shares on the border of a bin hang on a bit
            made.append((weights / weights.sum()).tolist())
        elif system == "oracle":
            made.append(truth[u])
        elif not listed:
            made.append(None)
        else:
            inside = sum(truth[u][c] for c in listed)
            even = system == "dg" or not inside
            made.append([(1 / len(listed) if even else truth[u][c] / inside) * (c in listed) for c in range(k)])
    return made


def lists_of(table: Any, system: str, held: list[list[float] | None]) -> list[list[int] | None]:
    if system in ("dg", "dg_best"):
        return [row if held[u] is not None else None for u, row in enumerate(np.asarray(table.dg).tolist())]
    return [None if q is None else sorted(range(len(q)), key=lambda c: (-q[c], c)) for q in held]


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) if b else math.inf for a, b in zip(p, q, strict=True) if a)


def js(p: list[float], q: list[float]) -> float:
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return max(0.0, (kl(p, m) + kl(q, m)) / 2 / math.log(2))


def dcg(gains: list[float], k: int) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:k]))


def ndcg(p: list[float], q: list[float], k: int) -> float:
    """Average the gains over the random order of categories that tie."""
    order = sorted(range(len(q)), key=lambda c: -q[c])
    gains: list[float] = []
    for _, tie in itertools.groupby(order, key=lambda c: q[c]):
        members = list(tie)
        gains += [sum(p[c] for c in members) / len(members)] * len(members)
    return dcg(gains, k) / dcg(sorted(p, reverse=True), k)


def first_named(row: list[int], k: int) -> list[int]:
    seen: set[int] = set()
    made = []
    for c in row[:k]:
        made.append(c if c >= 0 and c not in seen else -1)
        seen.add(c)
    return made


def recall(p: list[float], row: list[int], k: int) -> float:
    """Credit any choice among categories that tie at the border."""
    wanted = sorted([x for x in p if x > 0], reverse=True)[:k]
    found = sorted([p[c] for c in first_named(row, k) if c >= 0 and p[c] > 0], reverse=True)
    border = wanted[-1]
    above = sum(x > border for x in found)
    level = min(sum(x == border for x in found), sum(x == border for x in wanted))
    return (above + level) / len(wanted)


def ece(pairs: list[tuple[float, float]]) -> float:
    sums = [0.0] * 20
    for q, p in pairs:
        sums[min(int(20 * q), 19)] += q - p
    return sum(map(abs, sums)) / len(pairs)


def expected(
    metric: str,
    truth: list[list[float]],
    held: list[list[float]],
    lists: list[list[int]],
    bucket: list[int],
    *,
    own: bool,
) -> float:
    """Give a metric over some records; `own` tells lists that a system named itself."""
    base, _, at = metric.partition("@")
    k, n, cut = len(bucket), len(truth), int(at or 0)
    both = list(zip(truth, held, strict=True))
    mean = lambda values: sum(values) / n  # noqa: E731
    biases = [mean(q[c] - p[c] for p, q in both) for c in range(k)]
    strata = {"head": 0, "mid": 1, "tail": 2}
    pairs = {b: [(q[c], p[c]) for p, q in both for c in range(k) if bucket[c] == b] for b in range(3)}
    tails = [[sum(row[c] for c in range(k) if bucket[c] == 2) for row in side] for side in (truth, held)]
    match base:
        case "js_divergence":
            return mean(js(p, q) for p, q in both)
        case "kl_divergence":
            return mean(kl(p, q) for p, q in both)
        case "total_variation":
            return mean(sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2 for p, q in both)
        case "hellinger":
            return mean(
                math.sqrt(sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(p, q, strict=True)) / 2)
                for p, q in both
            )
        case "chi_squared":
            return mean(
                sum((a - b) ** 2 / b if b else math.inf for a, b in zip(p, q, strict=True) if a or b) for p, q in both
            )
        case "linf_error":
            return mean(max(abs(a - b) for a, b in zip(p, q, strict=True)) for p, q in both)
        case "category_ndcg":
            return mean(ndcg(p, q, cut) for p, q in both)
        case "list_ndcg":
            gains = [[p[c] if c >= 0 else 0.0 for c in first_named(r, cut)] for p, r in zip(truth, lists, strict=True)]
            return mean(dcg(g, cut) / dcg(sorted(p, reverse=True), cut) for g, p in zip(gains, truth, strict=True))
        case "mass_captured":
            return mean(sum(p[c] for c in first_named(r, cut) if c >= 0) for p, r in zip(truth, lists, strict=True))
        case "top_recall":
            return mean(recall(p, r, cut) for p, r in zip(truth, lists, strict=True))
        case "exposure_entropy":
            places = [0.0] * k
            for q, row in zip(held, lists, strict=True):
                if own:
                    for c in first_named(row, cut):
                        places[c] += c >= 0
                    continue
                border = sorted(q, reverse=True)[cut - 1]
                level = [c for c in range(k) if q[c] == border]
                left = cut - sum(x > border for x in q)
                for c in range(k):
                    places[c] += 1.0 if q[c] > border else left / len(level) if c in level else 0.0
            return -sum(e / sum(places) * math.log2(e / sum(places)) for e in places if e)
        case "true_tail_mass":
            return mean(tails[0])
        case "tail_mass":
            return mean(tails[1])
        case "tail_mass_error":
            return abs(mean(tails[1]) - mean(tails[0]))
        case "category_bias":
            return sum(map(abs, biases)) / 2
        case "head_bias" | "mid_bias" | "tail_bias":
            chosen = [abs(biases[c]) for c in range(k) if bucket[c] == strata[base.partition("_")[0]]]
            return sum(chosen) / len(chosen)
        case "soft_ece":
            return ece([pair for part in pairs.values() for pair in part])
        case "soft_ece_head" | "soft_ece_mid" | "soft_ece_tail":
            return ece(pairs[strata[base.rpartition("_")[2]]])
        case "stratified_ece":
            return sum(ece(part) * len(part) for part in pairs.values()) / (n * k)
        case "top1_ece":
            return ece([(max(q), p[q.index(max(q))]) for p, q in both])
        case "brier":
            return mean(sum(p[y] * sum((q[c] - (c == y)) ** 2 for c in range(k)) for y in range(k)) for p, q in both)
        case "log_score":
            return mean(
                sum(-a * math.log(b) if b else math.inf for a, b in zip(p, q, strict=True) if a) for p, q in both
            )
        case "wasserstein_ordinal":
            return mean(sum(abs(sum(q[: c + 1]) - sum(p[: c + 1])) for c in range(k - 1)) for p, q in both)
    raise AssertionError(metric)


def buckets(table: Any) -> list[int]:
    told = np.asarray(table.history_counts).sum(axis=0).tolist()
    k = len(told)
    order = sorted(range(k), key=lambda c: (-told[c], c))
    return [0 if order.index(c) < k // 3 else 1 if order.index(c) < 2 * k // 3 else 2 for c in range(k)]


def quarters(table: Any, bucket: list[int]) -> list[int]:
    """Give each record its quarter by the share of tail categories in its history."""
    told = np.asarray(table.history_counts).tolist()
    share = [sum(w for w, b in zip(row, bucket, strict=True) if b == 2) / sum(row) for row in told]
    ordered = sorted(share)
    cuts = [ordered[math.ceil(q * len(share) / 4) - 1] for q in (1, 2, 3)]
    return [1 + sum(cut < value for cut in cuts) for value in share]


@pytest.mark.parametrize(
    "system", ["theta_s", "dg", "dg_best", "uniform", "popularity", "history", "laplace", "oracle"]
)
def test_every_metric_of_every_system_in_every_quarter(evaluated: tuple[Any, dict[Any, Any]], system: str) -> None:
    table, rows = evaluated
    bucket = buckets(table)
    quarter = quarters(table, bucket)
    held = held_by(table, system)
    lists = lists_of(table, system, held)
    for stratum in ("all", "Q1", "Q2", "Q3", "Q4"):
        inside = [u for u, q in enumerate(quarter) if stratum in ("all", f"Q{q}") and held[u] is not None]
        name = "all" if stratum == "all" else f"tail_preference={stratum}"
        for metric in METRICS.split(","):
            row = rows[metric, system, name]
            found = expected(
                metric,
                [np.asarray(table.theta_star)[u].tolist() for u in inside],
                [q for u in inside if (q := held[u]) is not None],
                [r for u in inside if (r := lists[u]) is not None],
                bucket,
                own=system in ("dg", "dg_best"),
            )  # fmt: skip
            where = (metric, system, stratum)
            if math.isinf(found):
                assert row["status"] == "undefined" and "has probability 0" in row["reason"], where
            else:
                assert row["value"] == pytest.approx(found, rel=1e-9, abs=1e-12), where


def test_formats_say_the_same(evaluated: tuple[Any, dict[Any, Any]], tmp_path: Path) -> None:
    table, rows = evaluated
    from spectra_eval.artifacts import write_table

    write_table(table, tmp_path / "t.parquet")
    shown = run("evaluate", tmp_path / "t.parquet", "--metrics", "js_divergence", "--bootstrap", 0, "--format", "csv")
    for line in csv.DictReader(shown.stdout.splitlines()):
        value = rows["js_divergence", line["system"], "all"]["value"]
        assert float(line["js_divergence [bit]"]) == pytest.approx(value, rel=1e-13)
