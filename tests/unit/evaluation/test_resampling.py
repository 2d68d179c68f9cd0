"""The fast path of resampling: the law of the counts, the precision of the products, and what changes no bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spectra_eval.evaluation import _parallel, compare, evaluate
from spectra_eval.evaluation._measure import measure
from spectra_eval.evaluation._strata import Stratification
from spectra_eval.evaluation._sums import Drawn, sums_of
from spectra_eval.evaluation._systems import Cohort
from spectra_eval.metrics import METRICS, BoundMetric, _comparison
from spectra_eval.stats import _counts
from spectra_eval.stats.bootstrap import PART, Resamples
from spectra_eval.tables import PreferenceTable, System

K = 6
ALL = [metric.name + ("@3" if metric.takes_cutoff else "") for metric in METRICS]


def made(n: int, **columns: Any) -> PreferenceTable:
    rng = np.random.default_rng(n)
    law = rng.dirichlet(np.linspace(2.0, 0.4, K), size=n)
    values: dict[str, Any] = {
        "users": [f"u{i}" for i in range(n)],
        "categories": tuple("abcdef"),
        "counts": rng.multinomial(30, law).astype(float),
        "history_counts": rng.multinomial(60, law) + 0.5,
        "theta_s": 0.8 * law + 0.2 / K,
        "dg": np.argsort(-law, axis=1)[:, :3],
    }
    return PreferenceTable(**{**values, **columns})


def rng_of(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


@pytest.mark.parametrize("spread", [0.0, 2.5])
def test_counts_are_multinomial_whether_topped_up_or_drawn_anew(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_counts, "_SPREAD", spread)  # at 0 every second row is drawn anew
    _counts._table.cache_clear()
    n = 1000
    sizes = rng_of(1).binomial(4 * n, 1 / 4, size=1500)
    counts = _counts.multinomial_counts(rng_of(2), sizes, n)
    _counts._table.cache_clear()
    assert (counts.sum(axis=1, dtype=np.int64) == sizes).all()
    seen = np.bincount(counts.ravel(), minlength=9)[:9]
    law = stats.binom.pmf(np.arange(9), 4 * n, 1 / (4 * n))
    assert stats.chisquare(seen[:8], law[:8] / law[:8].sum() * seen[:8].sum()).pvalue > 1e-4
    # Columns are alike, and two of them hang together as draws from one total do.
    assert stats.chisquare(counts.sum(axis=0, dtype=np.int64)).pvalue > 1e-4
    halves = counts[:, : n // 2].sum(axis=1, dtype=np.int64)
    z = (halves - sizes / 2) / np.sqrt(sizes / 4)
    assert stats.kstest(z, "norm").pvalue > 1e-4


def test_a_seed_gives_the_same_counts_in_every_version() -> None:
    rng = rng_of(7)
    counts = _counts.multinomial_counts(rng, np.full(3, 600), 600)
    assert [np.flatnonzero(row >= 5).tolist() for row in counts] == [[275, 553], [44, 105], [283, 371]]
    assert rng.integers(0, 10**6) == 19075, "no more random numbers are used than before"


def test_rare_counts_have_the_chance_that_16_bits_cannot_tell() -> None:
    counts = np.concatenate([_counts.multinomial_counts(rng_of(s), np.full(500, 4096), 4096) for s in range(20)])
    for least in (7, 8):
        expected = counts.size * stats.binom.sf(least - 1, 4096, 1 / 4096)
        assert abs(int((counts >= least).sum()) - expected) < 5 * np.sqrt(expected)


def test_what_single_precision_loses_is_far_below_the_spread() -> None:
    rng = np.random.default_rng(5)
    columns = np.column_stack([rng.random(PART) + offset for offset in (0.0, 1.0, 1e4)] + [np.full(PART, 0.1)])
    counts = _counts.multinomial_counts(rng_of(3), np.full(400, PART), PART)
    none = np.zeros((PART, 1), dtype=bool)
    made_of = {
        short: sums_of(columns, none, none, Drawn(counts), np.full(4, short)).drawn_total for short in (False, True)
    }
    double, single = made_of[False], made_of[True]
    assert double is not None and single is not None
    assert double == pytest.approx(counts.astype(float) @ columns, rel=1e-12)
    assert (np.abs(single - double).max(axis=0)[:3] < 1e-5 * double.std(axis=0)[:3]).all()
    assert np.array_equal(single[:, 3], double[:, 3])


def test_columns_that_are_alike_are_summed_alike() -> None:
    rng = np.random.default_rng(6)
    base = rng.random((200, 3))
    columns = base[:, [0, 1, 0, 2, 1, 1]]
    none = np.zeros((200, 1), dtype=bool)
    counts = _counts.multinomial_counts(rng_of(4), np.full(30, 200), 200)
    total = sums_of(columns, none, none, Drawn(counts), np.zeros(6, dtype=bool)).drawn_total
    assert total is not None
    assert np.array_equal(total[:, 0], total[:, 2])
    assert total == pytest.approx(counts.astype(float) @ columns, rel=1e-13)


def _document(table: PreferenceTable, **options: Any) -> str:
    found = evaluate(table, metrics=ALL, strata=["activity"], bootstrap=30, **options)
    return json.dumps(found.to_json(), allow_nan=False)


def test_threads_and_block_size_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    table = made(PART + 300)
    expected = _document(table, threads=1)
    for threads, block in ((2, 700), (5, 10**9)):
        monkeypatch.setattr(_comparison, "BLOCK", block)
        assert _document(table, threads=threads) == expected
    pair = {"one": table, "other": table.replace(theta_s=np.full((table.n_users, K), 1 / K))}
    compared = [compare(pair, bootstrap=30, threads=threads).to_json() for threads in (1, 3)]
    assert compared[0] == compared[1]


CODE = """
import json, numpy as np
from spectra_eval.evaluation import evaluate
from spectra_eval.tables import PreferenceTable
rng = np.random.default_rng(0)
law = rng.dirichlet(np.ones(8), size=4500)
table = PreferenceTable(users=np.arange(4500).astype(str), categories=tuple("abcdefgh"), theta_star=law,
                        theta_s=rng.dirichlet(np.ones(8), size=4500))
names = ["js_divergence", "kl_divergence", "category_ndcg@5", "smooth_ece", "stratified_ece", "exposure_entropy@3"]
print(json.dumps(evaluate(table, metrics=names, bootstrap=200).to_json()))
"""


def test_the_threads_of_the_linear_algebra_change_no_bit() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", CODE], env={**os.environ, "OPENBLAS_NUM_THREADS": n}, capture_output=True, check=True
        ).stdout
        for n in ("1", "2")
    ]
    assert said[0] == said[1]


def test_a_part_without_a_stratum_adds_nothing_to_it() -> None:
    """A stratum that only the second part of the users has, and records that are in no stratum."""
    n = PART + 50
    rng = np.random.default_rng(0)
    truth, held = rng.dirichlet(np.ones(K), size=n), rng.dirichlet(np.ones(K), size=n)
    group = np.zeros(n, dtype=np.int64)
    group[PART + 10 :] = 1
    group[:7] = -1
    cohort = Cohort(theta_star=truth, owner=np.arange(n), bucket=np.zeros(K, dtype=np.int64), n_users=n)
    resamples = Resamples.draw(n, 20, rng=np.random.default_rng(1))
    cells = measure(
        cohort,
        [System(name="s", theta=held)],
        [BoundMetric.parse("total_variation")],
        [Stratification(names=("first", "second", "third"), group=group)],
        resamples,
    ).cells
    tv = np.abs(truth - held).sum(axis=1) / 2
    for number, name in enumerate(("first", "second")):
        cell = cells["total_variation", "s", name]
        weights = np.hstack([resamples.weights(0), resamples.weights(1)]) * (group == number)
        assert cell.n_records == (group == number).sum()
        assert cell.value == pytest.approx(tv[group == number].mean(), rel=1e-13)
        assert cell.replicates == pytest.approx(weights @ tv / weights.sum(axis=1), rel=1e-12)
    assert cells["total_variation", "s", "third"].n_records == 0


def test_an_error_in_a_thread_is_the_callers_error() -> None:
    def work(part: int) -> int:
        if part == 3:
            raise ValueError("part 3")
        return part

    seen: list[int] = []
    with pytest.raises(ValueError, match="part 3"):
        seen.extend(_parallel.in_order(work, range(9), 2))
    assert seen == [0, 1, 2]
    with pytest.raises(ValueError, match="threads: 0 is below 1"):
        next(_parallel.in_order(work, range(9), 0))
