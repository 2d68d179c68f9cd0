"""Records with options of their own: every metric and baseline goes by them, as each row alone would."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spectra_eval import metrics
from spectra_eval.baselines import BASELINES, system, with_baseline
from spectra_eval.errors import InputError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.metrics import METRICS
from spectra_eval.metrics.smooth import smooth_ece
from spectra_eval.tables import PreferenceTable

K = 22


def survey(seed: int = 20250924, *, n: int = 100, predicted: str = "uniform") -> PreferenceTable:
    """Make a survey: n questions with 2 to 22 options each, answers in counts, and a prediction."""
    rng, other = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    sizes = np.concatenate([[2, K], rng.integers(2, K + 1, n - 2)])
    support = np.zeros((n, K), dtype=bool)
    counts, theta, past = np.zeros((3, n, K))
    for row, size in enumerate(sizes):
        options = rng.choice(K, size, replace=False)
        support[row, options] = True
        law = rng.dirichlet(np.full(size, 5.0))
        counts[row, options] = rng.multinomial(60, law)
        past[row, options] = rng.multinomial(30, law) if row % 7 else 0
        theta[row, options] = 1 / size if predicted == "uniform" else other.dirichlet(np.full(size, 0.8))
    if predicted != "uniform":
        theta[3, np.flatnonzero(support[3])[1:]] = 0.0  # options without probability tie with what is none
        theta[3, np.flatnonzero(support[3])[0]] = 1.0
    return PreferenceTable(
        users=[f"q{row:03}" for row in range(n)],
        categories=tuple(f"option {column:02}" for column in range(K)),
        counts=counts,
        history_counts=past,
        n_window=np.full(n, 60),
        theta_s=theta,
        dg=np.array([rng.permutation(K)[:6] for _ in range(n)]),
        support=support,
    )


def alone(table: PreferenceTable, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Give truth and prediction of a record on its own options."""
    own = np.flatnonzero(table.offered[row])
    assert table.theta_s is not None
    return table.theta_star[row, own], table.theta_s[row, own]


def js_bits(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    return sum(0.5 * float((x[x > 0] * np.log2(x[x > 0] / m[x > 0])).sum()) for x in (p, q))


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return math.inf if (q[p > 0] == 0).any() else float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def ndcg(p: np.ndarray, q: np.ndarray, k: int) -> float:
    """Average over the random order of ties by the mean gain of each tie."""
    gains = np.array([p[q == value].mean() for value in q])
    order = np.argsort(-q, kind="stable")[:k]
    weights = 1 / np.log2(np.arange(2, len(order) + 2))
    return float((gains[order] * weights).sum() / (np.sort(p)[::-1][: len(order)] * weights).sum())


def index_first(q: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-q, kind="stable")[:k]


def recall(p: np.ndarray, q: np.ndarray, k: int) -> float:
    best = np.sort(p)[::-1][:k]
    border, wanted = best[-1], int((best > 0).sum())
    taken = p[index_first(q, k)]
    above = int((taken > border).sum())
    level = int((taken == border).sum()) if border > 0 else 0
    return (above + min(level, wanted - int((best > border).sum()))) / wanted


ROWS: dict[str, Any] = {
    "js_divergence": js_bits,
    "kl_divergence": kl,
    "total_variation": lambda p, q: abs(p - q).sum() / 2,
    "hellinger": lambda p, q: math.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
    "chi_squared": lambda p, q: math.inf if (q[p > 0] == 0).any() else ((p - q)[q > 0] ** 2 / q[q > 0]).sum(),
    "linf_error": lambda p, q: abs(p - q).max(),
    "brier": lambda p, q: ((p - q) ** 2).sum() + (p * (1 - p)).sum(),
    "log_score": lambda p, q: kl(p, q) - (p[p > 0] * np.log(p[p > 0])).sum(),
    "wasserstein_ordinal": lambda p, q: abs(np.cumsum(p - q)[:-1]).sum(),
    "category_ndcg@5": lambda p, q: ndcg(p, q, 5),
    "category_ndcg@5:ties=index": lambda p, q: metrics.category_ndcg(p, q, k=5, ties="index"),
    "list_ndcg@5": lambda p, q: metrics.list_ndcg(p, index_first(q, 5), k=5),
    "mass_captured@5": lambda p, q: p[index_first(q, 5)].sum(),
    "top_recall@5": lambda p, q: recall(p, q, 5),
}


@pytest.mark.parametrize("predicted", ["uniform", "sparse"])
@pytest.mark.parametrize("name", list(ROWS))
def test_a_mean_is_that_of_rows_on_their_own_options(name: str, predicted: str) -> None:
    table = survey(predicted=predicted)
    found = evaluate(table, metrics=[name], systems=["theta_s"], bootstrap=0)[name, "theta_s"]
    expected = np.mean([ROWS[name](*alone(table, row)) for row in range(table.n_users)])
    assert (math.inf if found.value is None else found.value) == pytest.approx(expected, abs=1e-12)


def pairs(table: PreferenceTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give truth, prediction and category of every pair of a record and one of its options."""
    row, column = np.nonzero(table.offered)
    assert table.theta_s is not None
    return table.theta_star[row, column], table.theta_s[row, column], column


def binned(p: np.ndarray, q: np.ndarray, bins: int = 20) -> float:
    place = np.minimum((q * bins).astype(int), bins - 1)
    return sum(abs((q - p)[place == b].sum()) for b in range(bins))


@pytest.mark.parametrize("predicted", ["uniform", "sparse"])
def test_calibration_counts_the_pairs_of_records_and_their_options(predicted: str) -> None:
    table = survey(predicted=predicted)
    truth, held, column = pairs(table)
    found = evaluate(
        table, metrics=["soft_ece", "stratified_ece", "soft_ece_tail", "smooth_ece"], systems=["theta_s"], bootstrap=20
    )
    bucket = metrics.category_buckets(table.history_counts.sum(axis=0))[column]
    strata = [binned(truth[bucket == b], held[bucket == b]) for b in range(3)]
    value = {row.metric: row.value for row in found.results}
    assert value["soft_ece"] == pytest.approx(binned(truth, held) / len(truth), abs=1e-12)
    assert value["stratified_ece"] == pytest.approx(sum(strata) / len(truth), abs=1e-12)
    assert value["soft_ece_tail"] == pytest.approx(strata[2] / (bucket == 2).sum(), abs=1e-12)
    if predicted == "uniform":
        return  # shares on the border of two bins: a row divided by its sum again may leave its bin
    # The public functions, from arrays and a mask beside them.
    arrays = {"theta_star": table.theta_star, "theta_s": table.theta_s, "support": table.support}
    assert metrics.soft_ece(**arrays) == pytest.approx(value["soft_ece"], abs=1e-12)
    buckets = metrics.category_buckets(table.history_counts.sum(axis=0))
    assert metrics.stratified_ece(**arrays, buckets=buckets) == pytest.approx(value["stratified_ece"], abs=1e-12)
    assert smooth_ece(**arrays) == pytest.approx(value["smooth_ece"], abs=1e-12)
    assert metrics.reliability_bins(**arrays).counts.sum() == len(truth)
    # One record by itself has no other pairs than those of its options.
    p, q = alone(table, 5)
    one = {name: value[5:6] for name, value in arrays.items()}
    assert smooth_ece(**one) == pytest.approx(smooth_ece(p[None], q[None]), abs=1e-12)


def test_exposure_gives_a_place_to_each_option_of_a_short_record() -> None:
    table = survey(predicted="sparse")
    places = np.zeros(K)
    for row in range(table.n_users):
        own = np.flatnonzero(table.offered[row])
        q = table.theta_s[row, own]
        border = np.sort(q)[::-1][: min(5, len(q))][-1]
        above, level = q > border, q == border
        places[own] += above + level * (min(5, len(q)) - above.sum()) / level.sum()
    share = places / places.sum()
    expected = -(share[share > 0] * np.log2(share[share > 0])).sum()
    found = evaluate(table, metrics=["exposure_entropy@5"], systems=["theta_s"], bootstrap=0)
    assert found["exposure_entropy@5", "theta_s"].value == pytest.approx(expected, abs=1e-12)
    assert metrics.exposure_entropy(table.theta_s, k=5, support=table.support).bits == pytest.approx(expected)


def expected_baselines(table: PreferenceTable) -> dict[str, np.ndarray]:
    """Compute the baselines row by row on the options of each record."""
    n = table.n_users
    past = table.history_counts
    shares = [past[row, table.offered[row]] / max(past[row].sum(), 1) for row in range(n)]
    popular = np.zeros(K)
    for row in range(n):
        popular[table.offered[row]] += shares[row]
    out = {name: np.zeros((n, K)) for name in ("uniform", "popularity", "history", "laplace", "oracle")}
    for row in range(n):
        own = table.offered[row]
        out["uniform"][row, own] = 1 / own.sum()
        out["popularity"][row, own] = popular[own] / popular[own].sum()
        out["history"][row, own] = shares[row] if past[row].any() else popular[own] / popular[own].sum()
        out["laplace"][row, own] = (past[row, own] + 1) / (past[row, own] + 1).sum()
        out["oracle"][row, own] = table.theta_star[row, own]
    return out


def test_baselines_are_those_of_rows_on_their_own_options() -> None:
    table = survey(predicted="sparse")
    for name, expected in expected_baselines(table).items():
        np.testing.assert_allclose(system(table, name).theta, expected, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", sorted(set(BASELINES.names()) - {"markov"}))
def test_no_baseline_holds_what_is_no_option(name: str) -> None:
    table = survey(n=40, predicted="sparse")
    made = with_baseline(table, name)
    assert made.theta_s[~table.support].max() == 0
    np.testing.assert_allclose(made.theta_s.sum(axis=1), 1, atol=1e-12)


def test_where_no_option_was_ever_popular_all_are_alike() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("w", "x", "y", "z"),
        counts=[[1, 1, 0, 0], [0, 0, 1, 1]],
        history_counts=[[1, 3, 0, 0], [0, 9, 0, 0]],  # b chose x before, which is no option now
        support=[[1, 1, 0, 0], [0, 0, 1, 1]],
    )
    assert system(table, "popularity").theta.tolist() == [[0.25, 0.75, 0, 0], [0, 0, 0.5, 0.5]]
    assert system(table, "history").theta.tolist() == [[0.25, 0.75, 0, 0], [0, 0, 0.5, 0.5]]


def test_the_mixture_is_fitted_on_rows_of_their_own_options() -> None:
    table = survey(n=60, predicted="sparse")
    known = expected_baselines(table)
    fitted = system(table, "mixture").theta
    told = table.history_counts.any(axis=1)
    apart = known["history"] - known["popularity"]
    weight = (fitted - known["popularity"]) / np.where(abs(apart) > 1e-6, apart, np.nan)
    told &= ~np.isnan(weight).all(axis=1)
    assert np.nanmax(np.nanmax(weight[told], axis=1) - np.nanmin(weight[told], axis=1)) < 1e-6
    assert 0 <= np.nanmin(weight[told]) <= np.nanmax(weight[told]) <= 1


def test_a_uniform_run_on_own_options_is_uniform_and_is_called_so() -> None:
    table = survey()
    found = evaluate(table, bootstrap=0)
    assert found.facts["options"] == {"least": 2, "most": 22}
    for metric in found.options["metrics"]:
        if metric not in ("list_ndcg@5", "mass_captured@5"):  # an order among equals, the same for both
            assert found[metric, "theta_s"].value == found[metric, "uniform"].value
    assert any("theta_s is flat: it is the uniform distribution on the options" in line for line in found.warnings)
    whole = int((table.n_options <= 5).sum())
    assert any(f"{whole} of 100 records offer 5 options or fewer" in line for line in found.warnings)
    other = survey(predicted="sparse")
    both = compare({"run": table, "other": table.replace(theta_s=other.theta_s)}, baselines=["uniform"], bootstrap=0)
    assert [pair.difference for pair in both.pairs if {pair.first, pair.second} == {"run", "uniform"}] == [0, 0, 0]
    assert [line.partition(":")[0] for line in both.warnings if "flat" in line] == ["run is flat"]


def test_a_uniform_run_on_all_categories_is_called_so_too() -> None:
    table = PreferenceTable(users=["a"], categories=("x", "y"), counts=[[3, 1]], theta_s=[[0.5, 0.5]])
    assert any("it is the uniform distribution on the options" in line for line in evaluate(table).warnings)


def padded(table: PreferenceTable, columns: np.ndarray) -> PreferenceTable:
    """Put categories that are never offered between the others."""
    width = table.n_categories + len(columns)
    kept = np.setdiff1d(np.arange(width), columns)

    def wide(values: Any) -> Any:
        if values is None:
            return None
        out = np.zeros((table.n_users, width), dtype=values.dtype)
        out[:, kept] = values
        return out

    names = np.array([f"never {place}" for place in range(width)], dtype=object)
    names[kept] = table.categories
    dg = table.dg
    return PreferenceTable(
        users=table.users,
        categories=tuple(names.tolist()),
        counts=wide(table.counts),
        history_counts=wide(table.history_counts),
        n_window=table.n_window,
        theta_s=wide(table.theta_s),
        dg=None if dg is None else np.where(dg >= 0, kept[np.maximum(dg, 0)], dg),
        support=wide(table.offered),
    )


EVERY_METRIC = [f"{name}@3" if METRICS[name].takes_cutoff else name for name in METRICS.names()]


@given(seed=st.integers(0, 10**6), more=st.integers(1, 9), own=st.booleans(), where=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_categories_that_are_never_offered_change_nothing(seed: int, more: int, own: bool, where: int) -> None:
    table = survey(seed, n=25, predicted="sparse")
    if not own:
        table = PreferenceTable(
            users=table.users[:8],
            categories=table.categories[:5],
            counts=table.counts[:8, :5] + 1,
            history_counts=table.history_counts[:8, :5] + 1,
            n_window=(table.counts[:8, :5] + 1).sum(axis=1),
            theta_s=np.random.default_rng(seed).dirichlet(np.ones(5), 8),
            dg=np.random.default_rng(seed).permuted(np.tile(np.arange(5), (8, 1)), axis=1)[:, :4],
        )
    width = table.n_categories + more
    wide = padded(table, np.random.default_rng(where).choice(width, more, replace=False))
    asked: dict[str, Any] = {
        "metrics": EVERY_METRIC,
        "systems": ["theta_s", "dg", "dg_best", "uniform", "history", "mixture"],
        "strata": ["tail_preference"],
        "bootstrap": 8,
    }
    one, other = evaluate(table, **asked), evaluate(wide, **asked)
    for row, same in zip(one.results, other.results, strict=True):
        assert (row.metric, row.system, row.stratum, row.n_users) == (
            same.metric,
            same.system,
            same.stratum,
            same.n_users,
        )
        assert (row.value is None) == (same.value is None), (row, same)
        if row.value is not None:
            assert row.value == pytest.approx(same.value, rel=1e-9, abs=1e-9), (row, same)
        if row.interval is not None:
            assert row.interval.low == pytest.approx(same.interval.low, rel=1e-5, abs=1e-5)
    assert one.warnings == other.warnings
    assert [row.metric for row in evaluate(table, bootstrap=0).results] == [
        row.metric for row in evaluate(wide, bootstrap=0).results
    ]


def test_the_regression_is_over_what_is_offered() -> None:
    table = survey(n=15, predicted="sparse")
    wide = padded(table, np.array([3, 11]))
    kept = np.setdiff1d(np.arange(K + 2), [3, 11])
    np.testing.assert_allclose(system(wide, "linear").theta[:, kept], system(table, "linear").theta, atol=2e-3)


@pytest.mark.parametrize("name", ["uniform", "popularity", "history", "laplace", "mixture", "markov", "oracle"])
def test_categories_that_are_never_offered_change_no_baseline(name: str) -> None:
    table = survey(n=30, predicted="sparse")
    titles = {f"about {category}": [category] for category in table.categories}
    history = [tuple(f"about {table.categories[c]}" for c in np.flatnonzero(row)) for row in table.history_counts]
    table = table.replace(history=history, metadata={"title_categories": titles})
    never = np.array([0, 7, 24])
    wide = padded(table, never).replace(history=history, metadata={"title_categories": titles})
    kept = np.setdiff1d(np.arange(K + 3), never)
    made = system(wide, name).theta
    np.testing.assert_allclose(made[:, kept], system(table, name).theta, rtol=0, atol=1e-9)
    assert made[:, never].max() == 0
    assert made[~wide.support].max() == 0


def test_lists_of_the_best_end_with_the_options() -> None:
    table = survey(predicted="sparse")
    lists = metrics.top_list(table.theta_s, k=5, support=table.support)
    for row, own in enumerate(table.support):
        options = np.flatnonzero(own)
        best = options[index_first(table.theta_s[row, own], 5)]
        assert lists[row].tolist() == [*best.tolist(), *[-1] * (5 - len(best))]
    with pytest.raises(InputError, match=r"theta_s: entry .* outside the support"):
        metrics.top_list(np.array([[0.5, 0.5]]), k=1, support=[[True, False]])


def test_histories_that_lie_outside_the_options_are_no_histories() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("w", "x", "y", "z"),
        counts=[[1, 1, 0, 0], [2, 1, 0, 0]],
        history_counts=[[0, 0, 3, 0], [0, 0, 0, 4]],
        theta_s=[[0.5, 0.5, 0, 0], [0.9, 0.1, 0, 0]],
        support=[[1, 1, 0, 0], [1, 1, 0, 0]],
    )
    assert evaluate(table, bootstrap=0).options["systems"] == ["theta_s", "uniform"]
