"""Claims against rivals: the numbers against plain NumPy, the levels at the null, and the edges."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import iter_table, write_table
from spectra_eval.baselines import with_baseline
from spectra_eval.certification import RIVAL_CLAIMS, Certificate, certify, verdict, verify
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import PreferenceTable

K = 4


def table(n: int = 60, seed: int = 0, *, k: int = K, **more: Any) -> PreferenceTable:
    """A cohort whose readout is its histories, drawn towards the truth."""
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.ones(k), size=n)
    counts = np.array([rng.multinomial(12, row) for row in law])
    history = np.array([rng.multinomial(20, row) for row in law])
    theta_s = (law + 0.5 / k) / 1.5
    columns = {"counts": counts, "n_window": counts.sum(axis=1), "history_counts": history, "theta_s": theta_s}
    columns["dg"] = np.argsort(-theta_s, axis=1)[:, :2]
    users = [f"u{number:03}" for number in range(n)]
    return PreferenceTable(users=users, categories=tuple("abcdefgh"[:k]), **(columns | more))


def bounds(certificate: Certificate) -> dict[str, float | None]:
    return {claim.claim: claim.bound for claim in certificate.claims}


def hoeffding(gain: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Each user has a range of its own; no mean is below that of the lower ends."""
    radius = math.sqrt(math.log(20) / 2 * ((high - low) ** 2).sum()) / len(gain)
    return float(max(low.mean(), gain.mean() - radius))


def test_the_numbers_of_each_claim_by_their_definitions() -> None:
    given = table()
    assert given.history_counts is not None
    q = given.history_counts / given.history_counts.sum(axis=1, keepdims=True)
    q = 0.98 * q + 0.02 / K
    other = given.replace(theta_s=q)
    found = bounds(certify(given, k=2, bound="hoeffding", against={"other": other}))
    p, truth = given.theta_s, given.theta_star
    assert p is not None
    a = 2 * (p - q) + (q**2).sum(axis=1)[:, None] - (p**2).sum(axis=1)[:, None]
    assert found["rival.brier.law:other"] == pytest.approx(
        hoeffding((truth * a).sum(axis=1), a.min(axis=1), a.max(axis=1)), abs=1e-12
    )
    a = np.log(p) - np.log(q)
    assert found["rival.log.law:other"] == pytest.approx(
        hoeffding((truth * a).sum(axis=1), a.min(axis=1), a.max(axis=1)), abs=1e-12
    )
    gain = (np.abs(truth - q) - np.abs(truth - p)).sum(axis=1) / 2
    assert found["rival.tv.window:other"] == pytest.approx(
        hoeffding(gain, -np.abs(p - q).sum(axis=1) / 2, np.abs(p - q).sum(axis=1) / 2), abs=1e-12
    )
    nearer = np.abs(truth - p).sum(axis=1) < np.abs(truth - q).sum(axis=1) - 1e-9
    assert found["rival.fraction.window:other"] == pytest.approx(
        max(0.0, nearer.mean() - math.sqrt(math.log(20) / 2 / len(nearer))), abs=1e-12
    )
    # JS: the extremes over all windows, by trying a fine grid of them
    rng = np.random.default_rng(1)
    windows = np.concatenate([np.eye(K), rng.dirichlet(np.full(K, 0.3), size=4000)])
    trials = np.array([js(windows, q[row]) - js(windows, p[row]) for row in range(len(p))])
    gain = np.array(
        [js(truth[row : row + 1], q[row])[0] - js(truth[row : row + 1], p[row])[0] for row in range(len(p))]
    )
    loose = hoeffding(gain, trials.min(axis=1), trials.max(axis=1))
    assert found["rival.js.window:other"] == pytest.approx(loose, abs=2e-3)
    assert found["rival.js.window:other"] <= loose + 1e-12  # the true range holds every trial


def js(windows: np.ndarray, p: np.ndarray) -> np.ndarray:
    middle = (windows + p) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(windows > 0, windows * np.log2(windows / middle), 0) + np.where(
            p > 0, p * np.log2(p / middle), 0
        )
    return np.asarray(parts.sum(axis=1) / 2)


def test_every_rival_has_the_least_of_the_bounds() -> None:
    certificate = certify(table(), k=2, bound="adaptive", against=["uniform", "history", "popularity", "dg"])
    found = bounds(certificate)
    for name in RIVAL_CLAIMS.names():
        each = [found[f"{name}:{rival}"] for rival in ("uniform", "history", "popularity", "dg")]
        if None in each:
            assert found[name] is None
        else:
            assert found[name] == min(each)  # type: ignore[type-var]


@pytest.mark.parametrize("bound", ["hoeffding", "adaptive", "empirical-bernstein"])
def test_users_who_agree_cost_nothing(bound: str) -> None:
    given = table(30)
    same = certify(given, k=2, bound=bound, against={"same": given}, claims=["rival.brier.law", "rival.js.window"])
    assert {round(claim.bound, 15) for claim in same.claims if claim.bound is not None} == {0.0}
    assert all(claim.holds is False for claim in same.claims)


@pytest.mark.parametrize("bound", ["hoeffding", "adaptive"])
@pytest.mark.parametrize("rival", ["history", "mixture"])
def test_false_certificates_at_the_null(rival: str, bound: str) -> None:
    """The readout is as far from the law as the rival on average, or farther: each gain that is shown is false."""
    runs, false = 40, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        given = table(40, seed, k=3)
        q = with_baseline(given, rival).theta_s
        assert q is not None
        law = np.random.default_rng(seed).dirichlet(np.ones(3), size=40)
        turned = np.roll(q, 1, axis=0)  # the prediction of another user: no better on average
        given = given.replace(theta_s=turned if rng.random() < 0.5 else q)
        truth_gain = ((q - law) ** 2).sum(axis=1) - ((given.theta_s - law) ** 2).sum(axis=1)
        found = certify(given, k=1, bound=bound, level=0.9, against={"rival": given.replace(theta_s=q)})
        false += found["rival.brier.law:rival"].bound > truth_gain.mean() + 1e-12  # type: ignore[operator]
    assert false / runs <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / runs)


def test_heavy_items_break_hoeffding_with_interactions() -> None:
    """Where an item has many categories, a window is no mean of interactions: the claim is refused, and it must be."""
    rng = np.random.default_rng(0)
    n, size, false, runs = 25, 25, 0, 200
    p, q = np.tile([0.3, 0.7], (n, 1)), np.tile([0.7, 0.3], (n, 1))
    a = 2 * (p - q)[0]
    exact = None
    for _ in range(runs + 1):
        heavy = rng.random((n, size)) < 0.04
        # A heavy item weighs 100 and is of the first category; the others are of either one.
        weight = np.where(heavy, 100.0, 1.0)
        first = np.where(heavy, True, rng.random((n, size)) < 0.2)
        share = (weight * first).sum(axis=1) / weight.sum(axis=1)
        gain = share * a[0] + (1 - share) * a[1]
        if exact is None:
            many = rng.random((40000, size)) < 0.04
            w = np.where(many, 100.0, 1.0)
            f = np.where(many, True, rng.random((40000, size)) < 0.2)
            s = (w * f).sum(axis=1) / w.sum(axis=1)
            exact = float((s * a[0] + (1 - s) * a[1]).mean())
            continue
        radius = math.sqrt(math.log(20) / 2 * n * (a.max() - a.min()) ** 2 / size) / n
        false += gain.mean() - radius > exact
    assert false / runs > 0.2  # the printed bound fails far more often than one time in twenty
    given = table(20)
    weights = np.asarray(given.counts) * np.array([3.0, 1.0, 1.0, 1.0])
    heavier = given.replace(counts=weights, theta_star=None, n_window=given.n_window)
    claim = certify(heavier, k=2, bound="hoeffding", against=["uniform"], assume=["iid-interactions"])[
        "rival.brier.law:uniform"
    ]
    assert claim.status == "undefined"
    assert "do not add up" in str(claim.reason)


def test_interactions_sharpen_hoeffding() -> None:
    given = table()
    plain = certify(given, k=2, bound="hoeffding", against=["uniform"])["rival.brier.law:uniform"].bound
    sharper = certify(given, k=2, bound="hoeffding", against=["uniform"], assume=["iid-interactions"])
    claim = sharper["rival.brier.law:uniform"]
    assert plain is not None
    assert claim.bound is not None
    gap = claim.inputs["mean_gain"] - claim.bound
    assert gap == pytest.approx((claim.inputs["mean_gain"] - plain) / math.sqrt(12), rel=1e-9)
    assert "iid-interactions" in [assumption.name for assumption in claim.assumptions]


def test_zeros_leave_the_logarithm_undefined_unless_a_floor_is_declared() -> None:
    given = table()
    rows = np.array(given.theta_s)
    rows[:3] = [1.0, 0.0, 0.0, 0.0]
    other = given.replace(theta_s=rows)
    claim = certify(given, k=2, against={"other": other})["rival.log.law:other"]
    assert claim.status == "undefined"
    assert "3 records" in str(claim.reason)
    floored = certify(given, k=2, against={"other": other}, floor=0.01)["rival.log.law:other"]
    assert floored.status == "ok"
    p, q = (0.99 * np.asarray(one.theta_s) + 0.01 / K for one in (given, other))
    gain = (given.theta_star * np.log(p / q)).sum(axis=1).mean()
    assert floored.inputs["mean_gain"] == pytest.approx(gain, rel=1e-12)


def test_records_without_a_prediction_are_left_out_and_counted() -> None:
    given = table(30)
    part = given.select(slice(5, 25))
    claim = certify(given, k=2, against={"part": part})["rival.tv.window:part"]
    assert claim.n_users == 20
    assert claim.inputs["n_records_without"] == 10
    assert "10 records without its prediction are left out" in claim.statement
    none = certify(given, k=2, against={"none": part.replace(users=[f"v{i}" for i in range(20)])})
    assert none["rival.tv.window:none"].status == "undefined"


def test_a_rival_is_found_in_any_order(tmp_path: Path) -> None:
    given = table(50)
    other = given.replace(theta_s=np.roll(np.asarray(given.theta_s), 1, axis=0))
    backwards = other.select(np.arange(50)[::-1])
    turned = PreferenceTable(
        users=other.users,
        categories=given.categories[::-1],
        counts=np.asarray(given.counts)[:, ::-1],
        theta_s=np.asarray(other.theta_s)[:, ::-1],
    )
    expected = bounds(certify(given, k=2, against={"other": other}))
    assert bounds(certify(given, k=2, against={"other": backwards})) == expected
    assert bounds(certify(given, k=2, against={"other": turned})) == pytest.approx(expected, abs=1e-12)
    write_table(other, tmp_path / "other.parquet")
    write_table(given, tmp_path / "given.parquet")
    for block in (7, 50):
        read = iter_table(tmp_path / "other.parquet", block=block)
        assert (
            bounds(certify(iter_table(tmp_path / "given.parquet", block=13), k=2, against={"other": read})) == expected
        )


def test_a_fitted_rival_never_saw_the_user_or_later_ones() -> None:
    """Changing the windows of some users changes no prediction for users before them."""
    given = table(200)
    first = certify(given, k=2, against=["linear"], claims=["rival.brier.law"])
    from spectra_eval.certification._block import order_keys
    from spectra_eval.certification._rivals import rivals_of

    keys = order_keys(given.users, 0)
    late = keys >= np.sort(keys)[60]
    counts = np.array(given.counts)
    counts[late] = counts[late][:, ::-1]
    changed = given.replace(counts=counts, theta_star=None)
    rows = {name: rivals_of(["linear"], one)[0].rows(one) for name, one in (("as is", given), ("changed", changed))}
    np.testing.assert_array_equal(rows["as is"][~late], rows["changed"][~late])
    fitted_on = keys < 2.0**63
    assert (late & fitted_on).any()
    assert not np.array_equal(rows["as is"][late], rows["changed"][late])
    claim = first["rival.brier.law:linear"]
    assert "fitted-before" in [assumption.name for assumption in claim.assumptions]


def test_the_order_of_the_rows_changes_no_claim() -> None:
    given = table(90)
    shuffled = given.select(np.random.default_rng(3).permutation(90))
    against = ["linear", "popularity", "history", "dg"]
    one, other = (bounds(certify(rows, k=2, bound="adaptive", against=against)) for rows in (given, shuffled))
    assert one == pytest.approx(other, abs=1e-9)


def test_verify_recomputes_rivals_and_notices_edits() -> None:
    given = table()
    other = given.replace(theta_s=np.roll(np.asarray(given.theta_s), 1, axis=0))
    document = certify(given, k=2, bound="adaptive", against={"old": other, "history": None, "mixture": None}).to_json()
    assert verify(document, given, against={"old": other}).agrees
    with pytest.raises(InputError, match="the table of its rival is needed"):
        verify(document, given)
    with pytest.raises(InputError, match="has no rival 'older'"):
        verify(document, given, against={"old": other, "older": other})
    edited = given.replace(theta_s=np.roll(np.asarray(given.theta_s), 2, axis=0))
    assert not verify(document, given, against={"old": edited}).agrees
    changed = {**document, "options": {**document["options"], "against": ["history", "old"]}}
    with pytest.raises(SchemaError):
        verify(changed, given, against={"old": other})
    for name in ("bound", "statement", "holds"):
        claims = [dict(claim) for claim in document["claims"]]
        claims[-1][name] = 0.9 if name == "bound" else True if name == "holds" else "better"
        if claims[-1][name] != document["claims"][-1][name]:
            assert not verify({**document, "claims": claims}, given, against={"old": other}).agrees


@pytest.mark.parametrize(
    ("against", "message"),
    [
        (["nobody"], "no baseline is named 'nobody'"),
        (["oracle"], "sees the windows"),
        (["history", "history"], "two rivals are named"),
        (["a:b"], "holds no colon"),
        ("history", "is one text"),
    ],
)
def test_bad_rivals_are_named(against: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        certify(table(), k=2, against=against)


def test_a_baseline_made_from_these_windows_is_no_rival_table() -> None:
    with pytest.raises(InputError, match="name the baseline itself"):
        certify(table(), k=2, against={"fitted": with_baseline(table(), "mixture")})


def test_records_that_can_be_read_once_carry_no_rival_from_histories() -> None:
    given = table()
    with pytest.raises(InputError, match="read once only"):
        certify(iter([given]), k=2, against=["history"])
    assert certify(iter([given]), k=2, against=["uniform"])["rival.tv.window:uniform"].status == "ok"
    bare = given.replace(history_counts=None)
    with pytest.raises(InputError, match="no history_counts"):
        certify(bare, k=2, against=["history"])


def test_auto_takes_what_the_table_can_carry() -> None:
    given = table()
    assert certify(given, k=2, against="auto").options.against == ("uniform", "popularity", "history", "mixture", "dg")
    assert certify(given.replace(history_counts=None, dg=None), k=2, against="auto").options.against == ("uniform",)
    assert "history" not in certify(with_baseline(given, "history"), k=2, against="auto").options.against


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_users(n: int) -> None:
    found = certify(table(n), k=2, bound="adaptive", against=["uniform"])
    for claim in found.claims:
        if claim.claim.startswith("rival.") and claim.status == "ok":
            assert claim.bound is not None
            assert math.isfinite(claim.bound)


def test_margins_are_thresholds() -> None:
    given = table()
    found = certify(given, k=2, bound="adaptive", against=["history"], require={"rival.brier.law:history": -0.5})
    assert found.holds
    with pytest.raises(InputError, match="not among the selected"):
        certify(given, k=2, against=["history"], require={"rival.brier.law:popularity": 0.0})
    with pytest.raises(InputError, match="needs a rival"):
        certify(given, k=2, claims=["rival.brier.law"])


def test_users_with_several_records_are_averaged() -> None:
    given = table(20)
    twice = PreferenceTable(
        users=np.repeat(given.users, 2),
        categories=given.categories,
        counts=np.repeat(np.asarray(given.counts), 2, axis=0),
        theta_s=np.repeat(np.asarray(given.theta_s), 2, axis=0),
        context_window=np.tile([1, 2], 20),
        n_window=np.repeat(given.n_window, 2),
    )
    for bound in ("hoeffding", "adaptive"):
        one, two = (
            certify(rows, k=2, bound=bound, against=["uniform"], claims=["rival.js.window"]) for rows in (given, twice)
        )
        assert bounds(one) == pytest.approx(bounds(two), abs=1e-12)


def test_the_verdict_says_what_is_beaten_and_what_is_not() -> None:
    given = table(300)
    document = certify(given, k=2, bound="adaptive", against=["uniform", "dg"]).to_json()
    assert "nearer to the users' true distributions" in verdict(document)[0]
    flat = given.replace(theta_s=np.full((300, K), 1 / K))
    lines = verdict(certify(flat, k=2, bound="adaptive", against=["uniform", "history"]).to_json())
    assert any("is flat" in line for line in lines)
    assert verdict(certify(given, k=2).to_json()) == []


def test_entries_describe_themselves() -> None:
    for entry in RIVAL_CLAIMS:
        for field in dataclasses.fields(entry):
            if field.name in ("label", "statement", "reading", "pitfalls", "reference", "sentence"):
                assert getattr(entry, field.name)
