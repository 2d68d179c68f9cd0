"""Where a claim says "closer" or "recovered", a tie is neither."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.certification import certify
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory import certify_quantile, phi_star, regret_bound
from spectra_eval.units import Information


def _table(theta_s: np.ndarray, n: int = 200) -> PreferenceTable:
    counts = np.random.default_rng(0).multinomial(30, [0.4, 0.3, 0.15, 0.1, 0.05], size=n).astype(float)
    return PreferenceTable(
        users=[f"u{i}" for i in range(n)],
        categories=("a", "b", "c", "d", "e"),
        counts=counts,
        theta_s=np.tile(theta_s, (n, 1)),
        dg=np.tile([0, 1], (n, 1)),
    )


def test_a_readout_equal_to_the_uniform_list_is_closer_for_nobody() -> None:
    claim = certify(_table(np.array([0.5, 0.5, 0, 0, 0])), k=2)["fraction.window"]
    assert claim.inputs["share"] == claim.inputs["share_any_distribution"] == 0.0
    assert claim.bound == 0.0 and claim.holds is False


def test_a_readout_a_little_better_than_the_list_is_closer_for_those_with_mass_there() -> None:
    table = _table(np.array([0.5, 0.499, 0.001, 0, 0]))
    claim = certify(table, k=2)["fraction.window"]
    better = 0.5 * np.abs(table.theta_star - table.theta_s).sum(1) < 0.5 * np.abs(
        table.theta_star - [0.5, 0.5, 0, 0, 0]
    ).sum(1)
    assert 0.5 < better.mean() < 1.0
    assert claim.inputs["share"] == pytest.approx(better.mean())


@pytest.mark.parametrize(
    "theta_s", [[0.2] * 5, [0.5, 0.125, 0.125, 0.125, 0.125], [0.3, 0.3, 0.4 / 3, 0.4 / 3, 0.4 / 3]]
)
@pytest.mark.parametrize("k", [1, 2])
def test_a_readout_tied_at_rank_k_recovers_nobody(theta_s: list[float], k: int) -> None:
    claim = certify(_table(np.array(theta_s)), k=k)["ranking.window"]
    ordered = sorted(theta_s, reverse=True)
    if ordered[k - 1] == ordered[k]:
        assert claim.inputs["share"] == 0.0
        assert claim.inputs["share_with_more_mass_than_the_list"] in (0.0, None)
    else:
        assert claim.inputs["share"] > 0.5


def test_regret_counts_the_categories_in_which_two_sets_can_differ() -> None:
    # Of the top 3 of 4, one category at most is another: a bound by k Linf would be three times as large.
    assert regret_bound(k=3, n_categories=4, linf=0.1) == pytest.approx(0.2)
    assert regret_bound(k=1, n_categories=4, linf=0.1) == pytest.approx(0.2)
    assert regret_bound(k=4, n_categories=4, linf=0.1) == 0.0
    rng = np.random.default_rng(1)
    for _ in range(300):
        star, held = rng.dirichlet(np.ones(4), 2)
        regret = np.sort(star)[1:].sum() - star[np.argsort(held)[1:]].sum()
        assert regret <= regret_bound(k=3, n_categories=4, linf=np.abs(star - held).max()) + 1e-12


def test_a_quantile_is_certified_only_beyond_the_rounded_envelope() -> None:
    found = 0
    for bits in np.linspace(0.01, 0.99, 99):
        js = Information.from_bits(float(bits))
        nearest, above = float(phi_star(js.bits)), float(phi_star(js.bits, round_up=True))
        assert above >= nearest
        if above > np.nextafter(nearest, 2):
            found += 1
            between = float(np.nextafter(nearest, 2))
            assert certify_quantile(between, 0.9, js, 0.9).bound == 0.0
        assert certify_quantile(above + 1e-9, 0.9, js, 0.9).bound == pytest.approx(0.8)
    assert found > 20


def test_the_regret_form_counts_one_category_where_the_list_leaves_one_out() -> None:
    rng = np.random.default_rng(2)
    star = rng.dirichlet(np.full(4, 2.0), 400)
    theta_s = 0.7 * star + 0.3 * rng.dirichlet(np.full(4, 2.0), 400)
    lists = np.array([rng.permutation(4)[:3] for _ in range(400)])
    table = PreferenceTable(
        users=[f"u{i}" for i in range(400)], categories=tuple("abcd"), theta_star=star, theta_s=theta_s, dg=lists
    )
    linf, tv = np.abs(star - theta_s).max(axis=1), 0.5 * np.abs(star - theta_s).sum(axis=1)
    better = np.sort(star)[:, 1:].sum(axis=1) - np.take_along_axis(star, lists, axis=1).sum(axis=1)
    by_hand = better > 2 * np.minimum(tv, linf)
    assert by_hand.mean() > (better > 2 * np.minimum(tv, 3 * linf)).mean() + 0.02
    assert certify(table, k=3)["ranking.window"].inputs["share_by"]["regret"] == pytest.approx(by_hand.mean())
