"""The numbers of other people's software on the same data: SciPy, scikit-learn, statsmodels and ir_measures."""

from __future__ import annotations

from collections.abc import Callable

import ir_measures
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, recall_score
from statsmodels.stats.multitest import multipletests

from spectra_eval import metrics
from spectra_eval.metrics.smooth import smooth_ece
from spectra_eval.stats import holm, signed_rank

N, K = 40, 9
RNG = np.random.default_rng(20)
TRUTH = RNG.multinomial(25, RNG.dirichlet(np.full(K, 0.5), size=N)) / 25
HELD = RNG.dirichlet(np.ones(K), size=N)
PLACES = np.arange(K)


def _brier(p: np.ndarray, q: np.ndarray) -> float:
    return sum(
        p[y] * brier_score_loss(PLACES == y, q) * K if p[y] else 0.0
        for y in range(K)  # scikit-learn means over the pairs
    )


OF_A_USER: dict[str, tuple[Callable[..., object], Callable[[np.ndarray, np.ndarray], float]]] = {
    "js_divergence": (lambda p, q: metrics.js_divergence(p, q).bits, lambda p, q: jensenshannon(p, q, base=2) ** 2),
    "kl_divergence": (lambda p, q: metrics.kl_divergence(p, q).nats, lambda p, q: float(stats.entropy(p, q))),
    "chi_squared": (metrics.chi_squared, lambda p, q: float(stats.chisquare(p, q).statistic)),
    "wasserstein_ordinal": (
        metrics.wasserstein_ordinal,
        lambda p, q: float(stats.wasserstein_distance(PLACES, PLACES, p, q)),
    ),
    "log_score": (
        lambda p, q: metrics.log_score(p, q).nats,
        lambda p, q: log_loss(PLACES, np.tile(q, (K, 1)), sample_weight=p, labels=PLACES),
    ),
    "brier": (metrics.brier, _brier),
    "category_ndcg": (lambda p, q: metrics.category_ndcg(p, q, k=5), lambda p, q: ndcg_score([p], [q], k=5)),
}


@pytest.mark.parametrize("name", OF_A_USER)
def test_users_one_by_one(name: str) -> None:
    mine, theirs = OF_A_USER[name]
    found = np.asarray(mine(TRUTH, HELD))
    assert found == pytest.approx([theirs(p, q) for p, q in zip(TRUTH, HELD, strict=True)], rel=1e-9)


def test_ndcg_with_ties_of_the_scores_is_scikit_learns() -> None:
    tied = np.round(HELD * 6) + 0.5
    tied /= tied.sum(axis=1, keepdims=True)
    found = metrics.category_ndcg(TRUTH, tied, k=4)
    assert np.asarray(found) == pytest.approx([ndcg_score([p], [q], k=4) for p, q in zip(TRUTH, tied, strict=True)])


def test_ndcg_with_binary_gain_is_that_of_ir_measures() -> None:
    """A truth that is even over its categories has binary gains, up to a factor that NDCG does not see."""
    rng = np.random.default_rng(1)
    relevant = rng.random((N, K)) < 0.4
    relevant[:, 0] = True
    truth = relevant / relevant.sum(axis=1, keepdims=True)
    measure = ir_measures.nDCG @ 5
    judged = {str(u): {str(c): int(relevant[u, c]) for c in range(K)} for u in range(N)}
    run = {str(u): {str(c): float(HELD[u, c]) for c in range(K)} for u in range(N)}
    theirs = {found.query_id: found.value for found in ir_measures.iter_calc([measure], judged, run)}
    found = metrics.category_ndcg(truth, HELD, k=5)
    assert np.asarray(found) == pytest.approx([theirs[str(u)] for u in range(N)], rel=1e-9)


def test_recall_is_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    truth = rng.dirichlet(np.ones(K), size=N)  # no ties, nothing at zero
    wanted = np.argsort(-truth, axis=1)[:, :3]
    lists = metrics.top_list(HELD, k=3)
    theirs = [recall_score(np.isin(PLACES, w), np.isin(PLACES, row)) for w, row in zip(wanted, lists, strict=True)]
    assert np.asarray(metrics.top_recall(truth, lists, k=3)) == pytest.approx(theirs)


def test_reliability_bins_of_hard_labels_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    held = rng.dirichlet(np.ones(2), size=800)
    truth = np.eye(2)[(rng.random(800) < held[:, 1] ** 2).astype(int)]
    bins = metrics.reliability_bins(truth, held, bins=10)
    fraction, mean = calibration_curve(truth.ravel(), held.ravel(), n_bins=10)
    assert bins.theta_star == pytest.approx(fraction)
    assert bins.theta_s == pytest.approx(mean)


@pytest.mark.parametrize("power", [1.0, 1.6])
def test_calibration_errors_are_near_what_isotonic_regression_finds(power: float) -> None:
    """Where the truth is a rising function of the held share, isotonic regression finds it, and so the error."""
    rng = np.random.default_rng(4)
    held = rng.dirichlet(np.ones(2), size=20_000)
    rises = held[:, 1] ** power / (held[:, 1] ** power + held[:, 0] ** power)
    truth = np.eye(2)[(rng.random(20_000) < rises).astype(int)]
    fitted = IsotonicRegression(out_of_bounds="clip").fit(held.ravel(), truth.ravel()).predict(held.ravel())
    isotonic = float(np.abs(fitted - held.ravel()).mean())
    exact = float(np.abs(np.c_[1 - rises, rises] - held).mean())
    assert isotonic == pytest.approx(exact, abs=0.012)
    assert metrics.soft_ece(truth, held) == pytest.approx(isotonic, abs=0.012)
    assert smooth_ece(truth, held) == pytest.approx(isotonic, abs=0.02)


def test_exposure_is_scipys_entropy_of_the_counts() -> None:
    places = np.bincount(metrics.top_list(HELD, k=3).ravel(), minlength=K)
    assert metrics.exposure_entropy(HELD, k=3).bits == pytest.approx(stats.entropy(places, base=2))


@pytest.mark.parametrize("n", [12, 300])
def test_the_signed_rank_test_is_scipys(n: int) -> None:
    differences = np.random.default_rng(5).normal(0.2, 1.0, size=n)
    mine = signed_rank(differences)
    theirs = stats.wilcoxon(differences, method="exact" if n <= 50 else "approx", correction=False)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert min(mine.w_plus, mine.w_minus) == theirs.statistic
    tied = np.round(differences, 1)
    every = stats.PermutationMethod(n_resamples=2**13) if n <= 50 else "approx"
    theirs = stats.wilcoxon(tied[tied != 0], method=every, correction=False)
    assert signed_rank(tied).p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_holm_is_statsmodels() -> None:
    p = np.random.default_rng(6).random(25) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
