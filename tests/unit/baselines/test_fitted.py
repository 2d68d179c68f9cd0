"""The baselines that are fitted: on other users only, to a known answer, and refused where they cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import LogisticRegression

from spectra_eval import simplex
from spectra_eval.baselines import system, with_baseline, with_title_categories
from spectra_eval.baselines._crossfit import FOLDS, folds_of
from spectra_eval.baselines.fitted import MOST_CATEGORIES, _regress, _softmax
from spectra_eval.baselines.markov import PSEUDO, STEPS
from spectra_eval.errors import InputError
from spectra_eval.tables import Interactions, PreferenceTable

K = 4


def made(n: int = 60, **columns: Any) -> PreferenceTable:
    rng = np.random.default_rng(2)
    law = rng.dirichlet(np.full(K, 0.8), size=n)
    values: dict[str, Any] = {
        "users": [f"u{i}" for i in range(n)],
        "categories": tuple("wxyz"),
        "counts": rng.multinomial(20, law),
        "history_counts": rng.multinomial(15, law),
    }
    return PreferenceTable(**{**values, **columns})


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    return made()


def test_folds_hold_each_user_once_and_never_fit_on_who_is_predicted() -> None:
    users = np.array([f"u{i % 23}" for i in range(50)], dtype=object)
    usable = np.arange(50) % 3 > 0
    folds = folds_of(users, usable, "linear")
    assert sorted(np.concatenate([fold.predicted for fold in folds]).tolist()) == list(range(50))
    for fold in folds:
        assert not set(users[fold.predicted]) & set(users[fold.fitted_on])
        assert usable[fold.fitted_on].all() and len(fold.fitted_on)
    turned = folds_of(users[::-1], usable[::-1], "linear")
    assert [set(users[fold.predicted]) for fold in folds] == [set(users[::-1][fold.predicted]) for fold in turned]


@pytest.mark.parametrize("method", ["mixture", "linear"])
def test_a_users_own_window_changes_nothing_for_them(table: PreferenceTable, method: str) -> None:
    before = system(table, method).theta
    folds = folds_of(table.users, table.observed, method)
    mine = folds[0].predicted
    counts = np.asarray(table.counts).copy()
    counts[mine] = counts[mine][:, ::-1] + 1
    after = system(table.replace(counts=counts, theta_star=None, n_window=None), method).theta
    assert np.array_equal(before[mine], after[mine])
    assert not np.array_equal(before, after)  # others learn from these windows


def test_the_weight_of_the_mixture_is_the_best_for_the_others(table: PreferenceTable) -> None:
    theta = system(table, "mixture").theta
    weights = with_baseline(table, "mixture").metadata["baseline"]["history_weight"]
    shares = np.asarray(table.history_counts) / 15
    popular = shares.mean(axis=0)
    for fold, weight in zip(folds_of(table.users, table.observed, "mixture"), weights, strict=True):
        others = fold.fitted_on
        losses = [
            simplex.js_nats(table.theta_star[others], w * shares[others] + (1 - w) * popular).mean()
            for w in np.linspace(0, 1, 1001)
        ]
        assert weight == pytest.approx(np.argmin(losses) / 1000, abs=1.5e-3)
        expected = weight * shares[fold.predicted] + (1 - weight) * popular
        assert theta[fold.predicted] == pytest.approx(expected, abs=1e-4)


def test_the_regression_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    label = (x @ rng.normal(size=(3, K)) + rng.gumbel(size=(300, K))).argmax(axis=1)
    weights = _regress(np.hstack([np.ones((300, 1)), x]), np.eye(K)[label], 1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(x, label)
    assert _softmax(np.hstack([np.ones((300, 1)), x]) @ weights) == pytest.approx(theirs.predict_proba(x), abs=1e-3)


def test_the_gradient_of_the_regression_ends_at_zero() -> None:
    rng = np.random.default_rng(3)
    x = np.hstack([np.ones((40, 1)), rng.normal(size=(40, 2))])
    truth = rng.dirichlet(np.ones(3), size=40)
    weights = _regress(x, truth, 2.0)

    def loss(flat: np.ndarray) -> float:
        w = flat.reshape(3, 3)
        return float(-(truth * np.log(_softmax(x @ w))).sum() + (w[1:] ** 2).sum())

    assert np.abs(optimize.approx_fprime(weights.ravel(), loss, 1e-6)).max() < 0.02


def test_linear_learns_what_history_cannot_say() -> None:
    """Windows are the histories with two categories exchanged: shares mislead, and a fit sees it."""
    rng = np.random.default_rng(4)
    law = rng.dirichlet(np.full(K, 0.5), size=400)
    table = made(400, counts=rng.multinomial(50, law[:, [1, 0, 2, 3]]), history_counts=rng.multinomial(50, law))
    js = {name: simplex.js_nats(table.theta_star, system(table, name).theta).mean() for name in ("linear", "history")}
    assert js["linear"] < js["history"] / 3


def test_users_without_window_or_history_are_predicted_and_not_fitted_on() -> None:
    base = made()
    counts, history = np.asarray(base.counts).copy(), np.asarray(base.history_counts).copy()
    counts[:5], history[5:9] = 0, 0
    table = made(counts=counts, history_counts=history)
    popular = system(table, "popularity").theta[0]
    for method in ("mixture", "linear"):
        facts = with_baseline(table, method).metadata["baseline"]
        assert facts["users_without_history"] == 4 and str(FOLDS) in facts["fitting"]
        assert np.isfinite(system(table, method).theta).all()
    assert system(table, "mixture").theta[5] == pytest.approx(popular)
    few = counts.copy()
    few[1:] = 0
    with pytest.raises(InputError, match="fewer than two have a history and a window"):
        system(made(counts=few, history_counts=history + 1), "linear")


def test_two_users_are_enough() -> None:
    table = made(2)
    for method in ("mixture", "linear"):
        assert system(table, method).theta.sum(axis=1) == pytest.approx(1.0)


EVENTS = Interactions(
    user=np.array(["a"] * 4 + ["b"] * 2),
    item=np.array(["1", "2", "2", "3", "3", "1"]),
    category=np.array([0, 0, 1, 2, 2, 0]),
    time=np.arange(6),
    weight=np.ones(6),
    categories=("x", "y", "z"),
    titles={"1": "one", "2": "two", "3": "three"},
)


def chained(**columns: Any) -> PreferenceTable:
    values: dict[str, Any] = {
        "users": ["a", "b", "c"],
        "categories": ("x", "y", "z"),
        "counts": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "history": [("one", "two", "three"), ("three", "one"), ()],
        "history_counts": [[1.5, 0.5, 1], [1, 0, 1], [0, 0, 0]],
    }
    return PreferenceTable(**{**values, **columns})


def test_markov_by_hand() -> None:
    table = with_title_categories(chained(), EVENTS)
    assert table.metadata["title_categories"] == {"one": ["x"], "two": ["x", "y"], "three": ["z"]}
    popular = np.array([(0.5 + 0.5) / 2, (1 / 6) / 2, (1 / 3 + 0.5) / 2])
    moves = np.array([[0.5, 0.5, 0.5], [0.0, 0.0, 0.5], [1.0, 0.0, 0.0]]) + PSEUDO * popular
    chain = moves / moves.sum(axis=1, keepdims=True)
    found = with_baseline(table, "markov")
    for row, start in enumerate(([0, 0, 1], [1, 0, 0], popular)):
        expected = np.mean([np.array(start) @ np.linalg.matrix_power(chain, h) for h in range(1, STEPS + 1)], axis=0)
        assert np.asarray(found.theta_s)[row] == pytest.approx(expected)
    assert found.metadata["baseline"]["users_without_history"] == 1


def test_markov_takes_a_users_longest_history_once() -> None:
    whole = chained()
    assert whole.history is not None
    several = chained(
        users=[*whole.users, *whole.users],
        context_window=[1, 1, 1, 5, 5, 5],
        history=[*(titles[-1:] for titles in whole.history), *whole.history],
        history_counts=np.tile(np.asarray(whole.history_counts), (2, 1)),
        counts=np.tile(np.asarray(whole.counts), (2, 1)),
    )
    found, expected = (system(with_title_categories(table, EVENTS), "markov").theta for table in (several, whole))
    assert found[3:] == pytest.approx(expected, abs=1e-12)


def test_markov_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="the metadata have no title_categories"):
        system(chained(), "markov")
    with pytest.raises(InputError, match="has no history;"):
        system(chained(history=None), "markov")
    with pytest.raises(InputError, match=r"row 2 \(user 'b'\), column history: 'three' has no category"):
        system(chained(history=[("one",), ("three",), ()], metadata={"title_categories": {"one": ["x"]}}), "markov")
    with pytest.raises(InputError, match="'w', which is not in the table"):
        system(chained(history=[("one",), (), ()], metadata={"title_categories": {"one": ["w"]}}), "markov")
    with pytest.raises(InputError, match="no column history"):
        with_title_categories(chained(history=None), EVENTS)


def test_linear_refuses_more_categories_than_fit_in_memory() -> None:
    k = MOST_CATEGORIES + 1
    counts = np.ones((3, k))
    names = tuple(f"c{place}" for place in range(k))
    wide = PreferenceTable(users=["a", "b", "c"], categories=names, counts=counts, history_counts=counts)
    with pytest.raises(InputError, match=r"'linear': 301 categories.*choose 'mixture', or merge.*--to 300"):
        with_baseline(wide, "linear")
