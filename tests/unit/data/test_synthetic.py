"""Synthetic data: its settings and true distributions, and certificates compared with these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectra_eval.certification import certify
from spectra_eval.data import DATASETS, prepare, synthetic
from spectra_eval.data.synthetic import SyntheticSettings, finish, predicted, read, true_distributions
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.metrics import js_divergence
from spectra_eval.tables import Interactions


def made(**options: Any) -> Interactions:
    return read(**{"users": 60, "categories": 9, "groups": 3, "items": 90, "seed": 4, **options})


def test_the_same_seed_gives_the_same_data_and_another_one_does_not() -> None:
    one, again, other = made(), made(), made(seed=5)
    for name in ("user", "item", "category", "time"):
        assert getattr(one, name).tolist() == getattr(again, name).tolist()
    assert one.category.tolist() != other.category.tolist()
    laws = [true_distributions(prepare(events), events) for events in (one, again)]
    assert (laws[0] == laws[1]).all()
    assert made(users="60", skew="1").time.tolist() == one.time.tolist()


def test_sessions_are_half_a_day_apart_and_no_second_is_shared() -> None:
    events = made(sessions=20, days=80)
    for user in set(events.user.tolist()):
        pauses = np.diff(events.time[events.user == user])
        assert pauses.min() >= 10
        assert not ((pauses > 180) & (pauses < 8 * 3600)).any()
    sessions = [1 + (np.diff(events.time[events.user == u]) > 180).sum() for u in dict.fromkeys(events.user.tolist())]
    assert np.mean(sessions) == pytest.approx(20, abs=1.5)
    assert len(events.user) / sum(sessions) == pytest.approx(6, abs=0.3)


def test_windows_are_draws_from_the_law() -> None:
    events = made(users=1500, sessions=6, drift=0.8, niche=0.5)
    table = prepare(events, split=0.5, horizons=["short", "long"])
    law = true_distributions(table, events)
    assert np.allclose(law.sum(axis=1), 1.0) and law.min() >= 0
    n = table.n_window[:, None]
    # Pearson's statistic with the mean law: a mixture of laws within a window only lowers the variance.
    assert table.counts is not None
    z = (table.counts - n * law).sum(axis=0) / np.sqrt((n * law * (1 - law)).sum(axis=0))
    assert np.abs(z).max() < 4
    early = true_distributions(prepare(events, split=0.01, window_end=0.2, min_interactions=30), events)
    drifted = np.abs(early - true_distributions(prepare(events, min_interactions=30), events)).sum(axis=1).mean()
    still = made(users=1500, sessions=6, drift=0.0, niche=0.5)
    first, last = (
        true_distributions(prepare(still, **how), still)
        for how in ({"split": 0.01, "window_end": 0.2, "min_interactions": 30}, {"split": 0.9, "min_interactions": 30})
    )
    assert drifted > 0.2 and first.shape == last.shape and np.abs(first - last).max() < 1e-12


def test_popularity_is_skewed_and_niche_users_like_the_tail() -> None:
    settings = SyntheticSettings(users=3000, categories=12, groups=4, niche=0.25, skew=1.2, seed=2)
    first, second, niche = settings.distributions()
    assert niche.mean() == pytest.approx(0.25, abs=0.03)
    expected = np.arange(1, 13.0) ** -1.2
    for laws in (first, second):
        assert laws[~niche].mean(axis=0) == pytest.approx(expected / expected.sum(), abs=0.02)
        assert laws[niche][:, 8:].sum(axis=1).mean() > 0.85
    wide, narrow = (SyntheticSettings(users=500, concentration=c).distributions()[0] for c in (200.0, 0.5))
    assert wide.std(axis=0).max() < narrow.std(axis=0).max()
    assert np.isfinite(SyntheticSettings(users=500, concentration=1e-3).distributions()[0]).all()


def test_two_levels_agree() -> None:
    fine, coarse = made(), made(level="coarse")
    assert fine.parents is not None and coarse.parents is None
    assert [fine.parents[c] for c in fine.category] == [coarse.categories[c] for c in coarse.category]
    assert fine.item.tolist() == coarse.item.tolist()
    below = np.array([[parent == top for top in coarse.categories] for parent in fine.parents], dtype=float)
    laws = [true_distributions(prepare(events), events) for events in (fine, coarse)]
    assert laws[0] @ below == pytest.approx(laws[1], abs=1e-12)
    assert all(
        fine.titles[i].startswith(fine.categories[c] + " ") for i, c in zip(fine.item, fine.category, strict=True)
    )


def test_the_law_stands_beside_the_sample() -> None:
    events = made(noise=0.3, list_length=4)
    table, law = finish(prepare(events, context_windows=[1, 3], horizons=["long", "short"]), events)
    assert law.users.tolist() == table.users.tolist() and law.n_window.tolist() == table.n_window.tolist()
    assert law.counts is None and law.metadata["target"] == "law"
    assert (law.theta_star == true_distributions(table, events)).all()
    assert table.theta_s is not None and (law.theta_s == table.theta_s).all()
    assert table.dg is not None and table.dg.shape == (table.n_users, 4)
    plain, _ = finish(prepare(made()), made())
    assert plain.theta_s is None and plain.dg is None
    rng = np.random.default_rng(0)
    exact = predicted(law.theta_star, noise=0.0, rng=rng)
    assert exact == pytest.approx(law.theta_star, abs=1e-15)
    errors = [np.abs(predicted(law.theta_star, noise=s, rng=rng) - law.theta_star).sum() for s in (0.1, 0.5, 2.0)]
    assert errors == sorted(errors)


def test_the_error_of_a_readout_against_the_law_is_below_that_against_windows() -> None:
    events = made(users=300, noise=0.2)
    table, law = finish(prepare(events), events)
    against = [js_divergence(held.theta_star, held.theta_s).nats.mean() for held in (law, table)]
    assert 0 < against[0] < against[1]


def test_certificates_hold_against_the_law_as_often_as_they_say() -> None:
    data_sets, level, good = 20, 0.8, {"mean.law": 0, "truncation": 0}
    for seed in range(data_sets):
        events = made(users=150, seed=seed, noise=0.3, list_length=2, sessions=6, session_length=3)
        table, law = finish(prepare(events, min_interactions=10), events)
        claims = {claim.claim: claim for claim in certify(table, k=2, level=level).claims}
        assert law.theta_s is not None and law.dg is not None
        missed = 1 - np.take_along_axis(law.theta_star, law.dg.astype(np.int64), axis=1).sum(axis=1)
        far = np.abs(law.theta_star - law.theta_s).sum(axis=1) / 2
        bound = claims["mean.law"].bound
        assert bound is not None
        good["mean.law"] += bool(bound <= (missed - far).mean() + 1e-12)
        good["truncation"] += bool(claims["mean.law"].status == "ok")
    assert good["mean.law"] >= level * data_sets
    assert good["truncation"] == data_sets


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"users": 0}, "users: 0"),
        ({"categories": 1}, "categories: 1"),
        ({"groups": 10}, "groups: 10 for 9"),
        ({"items": 8}, "items: 8 for 9"),
        ({"sessions": 0.5}, "sessions: 0.5"),
        ({"session_length": 50}, "session_length: 50"),
        ({"days": 17}, "days: 17; give at least 1.5 days a session"),
        ({"niche": 1.5}, "niche: 1.5"),
        ({"drift": -0.1}, "drift: -0.1"),
        ({"skew": -1.0}, "skew: -1.0"),
        ({"noise": float("nan")}, "noise: nan"),
        ({"concentration": 0.0}, "concentration: 0.0"),
        ({"level": "both"}, "fine or coarse"),
        ({"users": "many"}, "users: 'many' is no whole number"),
        ({"skew": "1,5"}, "skew: '1,5' is no number"),
        ({"colour": 1}, "no option 'colour'"),
        ({"source": "here"}, "has no files"),
    ],
)
def test_knobs_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**options)


def test_a_list_longer_than_the_taxonomy_and_a_real_log_are_refused() -> None:
    events = made(list_length=10)
    with pytest.raises(InputError, match="list_length: 10 of 9"):
        finish(prepare(events), events)
    real = Interactions(**{**vars(events), "metadata": {}})
    with pytest.raises(SchemaError, match="not synthetic"):
        true_distributions(prepare(real), real)
    assert not DATASETS["synthetic"].needs_source


def test_users_and_items_are_numbered_from_one() -> None:
    events = made(users=60)
    assert sorted(set(events.user.tolist()), key=lambda name: int(name[1:])) == [f"u{i + 1}" for i in range(60)]
    assert {name[0] for name in events.item.tolist()} == {"i"} and "i0" not in set(events.item.tolist())


def test_earlier_names_are_found_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="World is now SyntheticSettings"):
        assert synthetic.World is SyntheticSettings
    with pytest.warns(DeprecationWarning, match="law_of is now true_distributions"):
        assert synthetic.law_of is true_distributions
    settings = SyntheticSettings(users=3)
    with pytest.warns(DeprecationWarning, match="laws is now distributions"):
        assert (settings.laws()[0] == settings.distributions()[0]).all()


def test_a_seed_gives_the_same_items_in_every_version() -> None:
    events = made(users=3, categories=4, groups=2, items=12, sessions=2, days=4)
    items = "2 1 1 1 7 2 4 2 5 3 2 8 2 1 5 6 2 1 5 1 7 1 4 3 2 7 6 4 12 7 4 12 7 4 12 10 11 10 12 10 10"
    assert [item.removeprefix("i") for item in events.item.tolist()] == items.split()
