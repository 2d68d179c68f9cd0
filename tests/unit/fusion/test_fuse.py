from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.fusion import WEIGHTS, ItemScores, fuse
from spectra_eval.fusion._fuse import ranked
from spectra_eval.stats.folds import user_folds
from spectra_eval.tables import PreferenceTable

K, N, I = 4, 60, 40  # noqa: E741
CATEGORIES = ("Noir", "War", "Drama", "Western")


def _world(*, informative: bool, seed: int = 3) -> tuple[PreferenceTable, ItemScores]:
    """Users who choose by category, a recommender that sees noise, and a readout that knows or guesses."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.full(K, 0.4), size=N)
    users = [f"u{i}" for i in range(N)]
    category = rng.integers(0, K, I)
    shares = np.eye(K)[category]
    user = np.repeat(np.arange(N), I)
    item = np.tile(np.arange(I), N)
    truth = (rng.random(N * I) < 0.4 * taste[user, category[item]]).astype(float)
    theta = taste if informative else rng.dirichlet(np.ones(K), size=N)
    table = PreferenceTable(users=users, categories=CATEGORIES, counts=np.ones((N, K)), theta_s=theta)
    scores = ItemScores(
        users=np.array(users, dtype=object)[user],
        items=np.array([f"i{i}" for i in range(I)], dtype=object)[item],
        scores=5 + 3 * rng.normal(size=N * I) + truth,
        shares=shares,
        item_row=item,
        categories=CATEGORIES,
        truth=truth,
    )
    return table, scores


def _value(found: Any, metric: str, system: str) -> Any:
    (result,) = [r for r in found.results if r.metric == metric and r.system == system]
    return result


def test_the_score_is_what_it_says() -> None:
    table, scores = _world(informative=True)
    found = fuse(table, scores, weight=0.7, smoothing=0.01, bootstrap=0)
    theta = 0.99 * np.asarray(table.theta_s) + 0.01 / K
    for u, i in ((0, 3), (17, 20)):
        rows = scores.users == f"u{u}"
        own = scores.scores[rows]
        z = (own[i] - own.mean()) / own.std()
        wanted = z + 0.7 * np.log(theta[u] @ scores.shares[i])
        assert found.fused[rows][i] == pytest.approx(wanted, rel=1e-12)
    assert found.fold_weights == (0.7,) and (found.weight == 0.7).all()


def test_a_prior_that_knows_helps_and_one_that_guesses_is_left_alone() -> None:
    good = fuse(*_world(informative=True), rng=np.random.default_rng(1))
    gained = _value(good, "item_ndcg@10", "fused - scores")
    assert gained.value > 0.05 and gained.interval.low > 0 and min(good.fold_weights) > 0
    assert _value(good, "item_ndcg@10", "fused").value == pytest.approx(
        _value(good, "item_ndcg@10", "scores").value + gained.value
    )
    bad = fuse(*_world(informative=False), rng=np.random.default_rng(1))
    assert abs(_value(bad, "item_ndcg@10", "fused - scores").value) < 0.03
    assert max(bad.fold_weights) < min(good.fold_weights)


def test_the_weight_of_a_fold_does_not_see_its_own_users() -> None:
    table, scores = _world(informative=True)
    before = fuse(table, scores, bootstrap=0)
    names = np.unique(scores.users.astype(str))
    fold = user_folds(names)
    for place in range(5):
        own = np.isin(scores.users.astype(str), names[fold == place])
        turned = np.where(own, 1.0 - scores.truth, scores.truth)  # type: ignore[operator]
        changed = ItemScores(
            users=scores.users,
            items=scores.items,
            scores=scores.scores,
            shares=scores.shares,
            item_row=scores.item_row,
            categories=CATEGORIES,
            truth=turned,
        )
        assert fuse(table, changed, bootstrap=0).fold_weights[place] == before.fold_weights[place]
    assert set(before.fold_weights) <= set(WEIGHTS)


def test_ties_count_as_every_order_on_average() -> None:
    scores, truth = np.array([2.0, 1.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 2.0, 1.0])
    ideal = np.sort(truth)[::-1]
    for k in range(1, 7):
        discount = np.where(np.arange(5) < k, 1 / np.log2(np.arange(5) + 2), 0)
        ndcgs, recalls = [], []
        for order in itertools.permutations((1, 2, 3)):
            seen = truth[[0, *order, 4]]
            ndcgs.append((seen * discount).sum() / (ideal * discount).sum())
            recalls.append((seen[:k] > 0).sum() / 3)
        ndcg, recall = ranked(np.zeros(5, int), scores, truth, n_users=1, k=k)
        assert ndcg[0] == pytest.approx(np.mean(ndcgs)) and recall[0] == pytest.approx(np.mean(recalls))


def test_users_of_any_order_and_without_a_relevant_item() -> None:
    user = np.array([2, 0, 2, 0])
    ndcg, recall = ranked(user, np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, 0, 0, 0]), n_users=3, k=1)
    assert np.isnan(ndcg[:2]).all() and ndcg[2] == 0.0 and recall[2] == 0.0
    table, scores = _world(informative=True)
    silent = scores.users == "u4"
    quiet = ItemScores(**{**vars(scores), "truth": np.where(silent, 0.0, scores.truth)})  # type: ignore[arg-type]
    found = fuse(table, quiet, weight=1.0, bootstrap=0)
    assert found.n_left_out == 1 + sum(
        not scores.truth[scores.users == f"u{i}"].any()  # type: ignore[index]
        for i in range(N)
        if i != 4
    )


def test_scores_that_are_all_alike_leave_the_prior() -> None:
    table, scores = _world(informative=True)
    flat = ItemScores(**{**vars(scores), "scores": np.full(N * I, 0.1)})
    found = fuse(table, flat, weight=1.0, bootstrap=0)
    np.testing.assert_array_equal(found.standardised, 0.0)
    np.testing.assert_array_equal(found.fused, found.log_prior)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "k: 0"),
        ({"weight": -1.0}, "weight"),
        ({"smoothing": 0.0}, "smoothing"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fuse(*_world(informative=True), **options)


def test_tables_and_scores_that_do_not_fit_are_refused() -> None:
    table, scores = _world(informative=True)
    with pytest.raises(InputError, match="theta_s: missing"):
        fuse(table.replace(theta_s=None), scores)
    with pytest.raises(InputError, match="'u5' is not in the table"):
        fuse(table.select(np.flatnonzero(table.users != "u5")), scores)
    windows = PreferenceTable(
        users=["u0", "u0"],
        categories=CATEGORIES,
        counts=np.ones((2, K)),
        theta_s=np.full((2, K), 0.25),
        context_window=[1, 3],
    )
    with pytest.raises(InputError, match="several records"):
        fuse(windows, scores)
    with pytest.raises(InputError, match="cannot be fitted without a column truth"):
        fuse(table, ItemScores(**{**vars(scores), "truth": None}))
    with pytest.raises(InputError, match="no user has a relevant item"):
        fuse(table, ItemScores(**{**vars(scores), "truth": np.zeros(N * I)}), weight=1.0)
    with pytest.raises(InputError, match="different categories"):
        fuse(table, ItemScores(**{**vars(scores), "categories": ("a", "b", "c", "d")}))
