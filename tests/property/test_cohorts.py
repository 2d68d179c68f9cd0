"""What cohort statements promise: dominance, enumeration of windows and errors, coverage (items 8, 12-15)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.certification import certify
from spectra_eval.tables import PreferenceTable
from spectra_eval.testing.strategies import thetas
from spectra_eval.theory import bounded_mean, concentration, dominance, routes
from spectra_eval.theory.binomial import clopper_pearson_lower
from spectra_eval.theory.truncation import missed_mass
from spectra_eval.units import LN2, Information


def drawn_cohort(data: Any, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Users, their readouts, a list each, and some distribution on it."""
    star, held = data.draw(thetas(users=n, categories=k)), data.draw(thetas(users=n, categories=k))
    close = data.draw(st.floats(0, 1))
    held = close * star + (1 - close) * held
    length = data.draw(st.integers(1, k - 1))
    listed = np.argsort(data.draw(thetas(users=n, categories=k)), axis=1, kind="stable")[:, :length]
    on = np.zeros(star.shape)
    np.put_along_axis(on, listed, 1.0, axis=1)
    weights = on * (data.draw(thetas(users=n, categories=k)) + 1e-12)
    return star, held, listed, weights / weights.sum(axis=1, keepdims=True)


@given(st.data(), st.integers(1, 5), st.integers(2, 6))
def test_premises_imply_conclusions(data: Any, n: int, k: int) -> None:
    star, held, listed, dg = drawn_cohort(data, n, k)
    m = np.clip(missed_mass(star, listed), 0.0, 1.0)
    js = np.minimum(simplex.js_nats(star, held) / LN2, 1.0)
    t, b = simplex.tv(star, held), simplex.tv(star, dg)
    js_list = simplex.js_nats(star, dg) / LN2
    slack = 1e-12
    for u in range(n):
        if dominance.certify_user(m[u], Information.from_bits(js[u])).margin > slack:  # type: ignore[operator]
            assert t[u] < b[u]
        if dominance.certify_user(m[u], Information.from_bits(js[u]), divergence="js").margin > slack:  # type: ignore[operator]
            assert js[u] < js_list[u]
    mean_m, mean_js = float(m.mean()), Information.from_bits(float(js.mean()))
    if dominance.certify_mean(mean_m, mean_js).margin > slack:  # type: ignore[operator]
        assert t.mean() < b.mean()
    if dominance.certify_mean(mean_m, mean_js, divergence="js").margin > slack:  # type: ignore[operator]
        assert js.mean() < js_list.mean()
    assert np.mean(t < b + 1e-13) >= dominance.fraction_from_means(mean_m, mean_js) - slack
    q_m, q_js = float(np.median(m)), float(np.median(js))
    share_m, share_js = float(np.mean(m >= q_m)), float(np.mean(js <= q_js))
    if 0 < share_m < 1 and 0 < share_js < 1:
        promised = dominance.certify_quantile(q_m, share_m, Information.from_bits(q_js), share_js)
        assert np.mean(t < b + 1e-13) >= promised.bound - slack  # type: ignore[operator]


def compositions(n: int, k: int) -> np.ndarray:
    """Give all count vectors of n interactions over k categories."""
    rows = [np.diff([-1, *bars, n + k - 1]) - 1 for bars in itertools.combinations(range(n + k - 1), k - 1)]
    return np.array(rows)


def probabilities(counts: np.ndarray, law: np.ndarray) -> np.ndarray:
    """Give the multinomial probability of each count vector."""
    out = []
    for row in counts:
        ways = math.factorial(int(row.sum())) // math.prod(math.factorial(int(x)) for x in row)
        out.append(ways * math.prod(float(p) ** int(x) for p, x in zip(law, row, strict=True)))
    return np.array(out)


@given(st.data(), st.integers(2, 3), st.integers(1, 12), st.sampled_from([0.3, 0.1, 0.02]))
def test_the_error_of_each_route_by_full_enumeration(data: Any, k: int, n: int, error: float) -> None:
    law, held = (data.draw(thetas(users=1, categories=k))[0] for _ in range(2))
    listed = np.array([data.draw(st.integers(0, k - 1))])
    windows = compositions(n, k)
    chance = probabilities(windows, law)
    theta = np.broadcast_to(held, windows.shape)
    lists = np.broadcast_to(listed, (len(windows), 1))
    t, m = float(simplex.tv(law, held)), float(1 - law[listed].sum())
    half = error / 2
    exact = routes.tv_upper_exact(windows, theta, error=half)
    loose = routes.tv_upper_hoeffding(windows, theta, error=half)
    assert (exact <= loose + 1e-12).all()
    true_js, true_kl = simplex.js_nats(law, held), simplex.kl_nats(law, held)
    missed = {
        "T(b)": exact < t - 1e-12,
        "T(a)": loose < t - 1e-12,
        "J": routes.js_upper(windows, theta, error=half).nats < true_js * (1 - 1e-12) - 1e-15,
        "K": routes.kl_upper(windows, theta, error=half).nats < true_kl * (1 - 1e-12) - 1e-15,
        "m": routes.missed_mass_lower(windows, lists, error=half) > m + 1e-12,
    }
    for name, wrong in missed.items():
        assert chance[wrong].sum() <= half * (1 + 1e-9), name
    if t >= m:  # nobody who looks like this deserves a certificate
        for route in (routes.route_t, routes.route_j, routes.route_k):
            certified = route(windows, theta, lists, predicate_error=error).certified
            assert chance[certified].sum() <= error * (1 + 1e-9)


@given(st.data(), st.integers(2, 3), st.integers(1, 6))
def test_the_plug_in_margin_never_overstates(data: Any, k: int, n: int) -> None:
    law, held = (data.draw(thetas(users=1, categories=k))[0] for _ in range(2))
    listed = data.draw(st.integers(0, k - 1))
    windows = compositions(n, k)
    chance = probabilities(windows, law)
    shares = windows / n
    margin = 1 - shares[:, listed] - simplex.tv(shares, held)
    expected = float(chance @ margin)
    assert expected <= 1 - law[listed] - simplex.tv(law, held) + 1e-12
    # In JS the mean of the plug-in overstates the divergence, too: an upper bound on it is one on the truth.
    assert float(chance @ simplex.js_nats(shares, held)) >= simplex.js_nats(law, held) - 1e-12


@given(st.integers(1, 25), st.floats(0, 1), st.sampled_from([0.05, 0.2]), st.floats(0.001, 0.3))
def test_a_predicate_with_errors_by_enumeration(n: int, share: float, error: float, eta: float) -> None:
    """Users hold the property with this share; the predicate is true of them, and of others with chance eta."""
    chance = share + eta * (1 - share)
    x = np.arange(n + 1)
    ways = np.array([math.comb(n, int(i)) for i in x], dtype=float)
    pmf = ways * chance**x * (1 - chance) ** (n - x)
    bound = (clopper_pearson_lower(x, n, error=error) - eta) / (1 - eta)
    assert pmf[bound > share + 1e-12].sum() <= error * (1 + 1e-9)
    found = concentration.theorem5(n, n, error=error)
    assert found.printed <= found.rho_once + 1e-15


@given(st.integers(1, 25), st.floats(0, 1), st.floats(0.001, 0.5))
def test_clopper_pearson_covers_exactly(n: int, p: float, error: float) -> None:
    x = np.arange(n + 1)
    pmf = np.array([math.comb(n, int(i)) for i in x], dtype=float) * p**x * (1 - p) ** (n - x)
    bound = np.asarray(clopper_pearson_lower(x, n, error=error))
    # At p equal to a bound the coverage is exact; the bound itself is rounded.
    assert pmf[bound > p * (1 + 1e-12)].sum() <= error * (1 + 1e-9)
    assert (np.diff(bound) > 0).all() and (bound <= x / n).all()
    assert (np.asarray(clopper_pearson_lower(x[1:], n, error=error / 2)) < bound[1:]).all()


def cohort_of(rng: np.random.Generator, law: np.ndarray, held: np.ndarray, lists: np.ndarray) -> PreferenceTable:
    n, k = law.shape
    sizes = rng.integers(1, 12, size=n)
    counts = np.array([rng.multinomial(size, row) for size, row in zip(sizes, law, strict=True)], dtype=float)
    return PreferenceTable(
        users=[f"u{i}" for i in range(n)],
        categories=tuple(f"c{i}" for i in range(k)),
        counts=counts,
        n_window=sizes,
        theta_s=held,
        dg=lists,
    )


@pytest.mark.parametrize("bound", ["hoeffding", "betting", "clopper-pearson"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_claims_hold_at_their_level(bound: str, level: float) -> None:
    """Simulated cohorts whose truth is known: each bound fails no more often than it says, Monte Carlo included."""
    rng = np.random.default_rng(77)
    trials, n, k = 150, 30, 4
    law = rng.dirichlet(np.full(k, 0.7), size=n)
    held = 0.9 * law + 0.1 * rng.dirichlet(np.ones(k), size=n)
    lists = np.argsort(-law, axis=1)[:, :1]
    margin = np.mean(1 - np.take_along_axis(law, lists, axis=1)[:, 0] - simplex.tv(law, held))
    missed = np.mean(1 - np.take_along_axis(law, lists, axis=1)[:, 0])
    scope = "cohort" if bound == "hoeffding" else "population"
    truths = {"mean.law": margin, "truncation": missed}
    failures = dict.fromkeys(truths, 0)
    shares, lows = [], []
    for _ in range(trials):
        # In population scope the users are drawn afresh from these n, so that the truth is the same mean.
        rows = np.arange(n) if scope == "cohort" else rng.integers(0, n, size=n)
        table = cohort_of(rng, law[rows], held[rows], lists[rows])
        found = certify(
            table, k=1, level=level, scope=scope, bound=bound, claims=["fraction.window", "mean.law", "truncation"]
        )
        for name, truth in truths.items():
            claim = found[name]
            if claim.bound is not None:
                failures[name] += claim.bound > truth + 1e-12
        shares.append(found["fraction.window"].inputs["share"])
        lows.append(found["fraction.window"].bound)
    error = 1 - level
    allowed = error + 3 * np.sqrt(error * level / trials)
    assert all(count / trials <= allowed for count in failures.values())
    truth = np.mean(shares)  # its own standard error is far below the width of the bounds
    assert np.mean(np.array(lows) > truth + 3 * np.std(shares) / np.sqrt(trials)) <= allowed


@pytest.mark.parametrize("error", [0.05, 0.2])
@pytest.mark.parametrize("bound", [bounded_mean.betting_lower, bounded_mean.prpl_eb_lower])
def test_bounded_means_cover_over_a_grid(bound: Any, error: float) -> None:
    rng = np.random.default_rng(2)
    trials, n = 300, 40
    for mean in (0.02, 0.3, 0.8):
        draws = rng.random((trials, n)) < mean
        missed = np.mean([bound(row.astype(float), error=error) > mean for row in draws])
        assert missed <= error + 3 * np.sqrt(error * (1 - error) / trials)
