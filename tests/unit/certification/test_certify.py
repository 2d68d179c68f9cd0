"""Certificates against an independent computation that knows only NumPy."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from spectra_eval.certification import CLAIMS, certify, verify
from spectra_eval.errors import AssumptionError, InputError, SchemaError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, PreferenceTable


def simulated(n: int = 300, categories: int = 7, *, seed: int = 0, **columns: Any) -> PreferenceTable:
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.full(categories, 0.6), size=n)
    n_window = rng.integers(5, 60, size=n)
    counts = np.array([rng.multinomial(m, row) for m, row in zip(n_window, law, strict=True)], dtype=float)
    theta_s = 0.8 * law + 0.2 * rng.dirichlet(np.ones(categories), size=n)
    lists = np.argsort(-law, axis=1)[:, :3].astype(int)
    lists[rng.random(n) < 0.1, 2] = OUT_OF_VOCABULARY
    lists[0] = PAD
    values = {
        "users": [f"u{i:05}" for i in range(n)],
        "categories": tuple(f"c{i}" for i in range(categories)),
        "counts": counts,
        "n_window": n_window,
        "theta_s": theta_s / theta_s.sum(axis=1, keepdims=True),
        "dg": lists,
    }
    return PreferenceTable(**{**values, **columns})


def test_a_certificate_is_shown_by_its_verdicts_and_the_start_of_its_digest() -> None:
    made = certify(simulated())
    n_holding = sum(claim.holds is True for claim in made.claims)
    assert repr(made) == f"<Certificate: {n_holding} of {len(made.claims)} claims hold, digest {made.digest[:12]}>"


def by_hand(table: PreferenceTable, k: int, level: float) -> dict[str, float]:
    """The same numbers again, a user at a time, with nothing of the library."""
    error = 1 - level
    own, anyone, margins, missed_all, js_all, floors, js_lists = [], [], [], [], [], [], []

    def js(p: np.ndarray, q: np.ndarray) -> float:
        m = (p + q) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            a = np.where(p > 0, p * np.log(p / m), 0.0).sum()
            b = np.where(q > 0, q * np.log(q / m), 0.0).sum()
        return float((a + b) / 2 / np.log(2))

    for star, held, entries in zip(table.counts, table.theta_s, table.dg, strict=True):
        p = star / star.sum()
        on = sorted({int(e) for e in entries[:k] if e >= 0})
        if not on:
            continue
        uniform = np.zeros(len(p))
        uniform[on] = 1 / len(on)
        off = 1 - p[on].sum()
        t = np.abs(p - held).sum() / 2
        own.append(t < np.abs(p - uniform).sum() / 2)
        anyone.append(t < off)
        margins.append(off - t)
        missed_all.append(off)
        js_all.append(js(p, held))
        js_lists.append(js(p, uniform))
        best = np.where(np.isin(np.arange(len(p)), on), p, 0.0)
        floors.append(js(p, best / best.sum()) if best.sum() > 0 else 1.0)
    n = len(margins)
    radius = np.sqrt(np.log(1 / error) / (2 * n))
    half = np.sqrt(np.log(2 / error) / (2 * n))
    m = max(0.0, np.mean(missed_all) - half)
    entropy = lambda x: 0.0 if x in (0, 1) else -(x * np.log2(x) + (1 - x) * np.log2(1 - x))  # noqa: E731
    return {
        "n": n,
        "fraction.window": max(0.0, np.mean(own) - radius),
        "any": max(0.0, np.mean(anyone) - radius),
        "mean.law": np.mean(margins) - 2 * radius,
        "truncation": np.mean(missed_all) - radius,
        "floor": np.mean(floors),
        "js_list": np.mean(js_lists),
        "mean-js.law": entropy(m / 2) - entropy(m) / 2 - (np.mean(js_all) + half),
    }


def test_every_number_against_numpy_alone() -> None:
    table = simulated()
    certificate = certify(table, k=3, level=0.9, bound="hoeffding")
    expected = by_hand(table, 3, 0.9)
    for name in ("fraction.window", "mean.law", "truncation", "mean-js.law"):
        claim = certificate[name]
        assert claim.n_users == expected["n"] == 299
        assert claim.bound == pytest.approx(expected[name], rel=1e-10), name
    assert certificate["fraction.window"].inputs["bound_any_distribution"] == pytest.approx(expected["any"], rel=1e-12)
    assert certificate["truncation"].inputs["mean_js_floor_bits"] == pytest.approx(expected["floor"], rel=1e-10)
    assert certificate["truncation"].inputs["mean_js_list_bits"] == pytest.approx(expected["js_list"], rel=1e-10)


def test_top_k_recovery_against_numpy_alone() -> None:
    table = simulated(seed=3)
    claim = certify(table, k=2)["ranking.window"]
    found = 0
    for p, q in zip(table.theta_star, table.theta_s, strict=True):
        order = np.sort(p)[::-1]
        if order[1] > order[2]:
            found += set(np.argsort(-p, kind="stable")[:2]) == set(np.argsort(-q, kind="stable")[:2])
    assert claim.inputs["share"] == pytest.approx(found / table.n_users, rel=1e-12)
    shares = claim.inputs["share_by"]
    assert shares["theorem_1"] <= claim.inputs["share"]
    assert max(shares["js_radius"], shares["tv_radius"], shares["kl_radius"]) <= claim.inputs["share"]
    assert sum(claim.inputs["left_out"].values()) >= table.n_users - found


def test_it_does_not_matter_how_the_table_is_cut_before_it_is_blocked() -> None:
    table = simulated()
    whole = certify(table).to_json()
    again = certify(iter([table])).to_json()
    assert whole == again


def test_all_claims_are_there_and_the_document_is_strict_json() -> None:
    document = certify(simulated()).to_json()
    assert [c["claim"] for c in document["claims"]] == CLAIMS.names()
    assert {"fraction.window", "mean.law", "mean-js.law", "fraction.law", "ranking.window", "truncation"} <= set(
        CLAIMS.names()
    )
    assert json.loads(json.dumps(document, allow_nan=False))["digest"] == document["digest"]


def test_verify_agrees_after_a_round_trip_through_json() -> None:
    table = simulated()
    document = json.loads(json.dumps(certify(table).to_json()))
    found = verify(document, table)
    assert found.agrees and found.n_compared > 50


def test_verify_finds_one_changed_value_of_the_table() -> None:
    table = simulated()
    document = certify(table).to_json()
    held = table.theta_s.copy()
    held[17] = held[17][::-1]
    found = verify(document, table.replace(theta_s=held))
    assert any(line.startswith("input_digest") for line in found.differences)
    assert any("mean.law" in line for line in found.differences)


def test_verify_finds_a_changed_certificate() -> None:
    table = simulated()
    document = certify(table).to_json()
    forged = copy.deepcopy(document)
    next(c for c in forged["claims"] if c["claim"] == "mean.law")["bound"] = 0.99
    found = verify(forged, table)
    assert any("mean.law" in line and "0.99" in line for line in found.differences)
    assert any(line.startswith("digest") for line in found.differences)


def test_verify_refuses_what_is_no_certificate() -> None:
    with pytest.raises(SchemaError, match="schema"):
        verify({"schema": "something else"}, simulated())


@pytest.mark.parametrize("bound", ["clopper-pearson", "betting", "dkw"])
def test_a_bound_for_drawn_users_is_refused_for_a_cohort(bound: str) -> None:
    with pytest.raises(AssumptionError, match="population"):
        certify(simulated(), bound=bound)


def test_bounds_side_by_side_in_the_population_scope() -> None:
    table = simulated(2000)
    values = {
        bound: certify(table, k=3, scope="population", bound=bound, claims=["fraction.window"])["fraction.window"].bound
        for bound in ("hoeffding", "clopper-pearson", "betting", "dkw", "printed")
    }
    assert all(value is not None for value in values.values())
    assert values["clopper-pearson"] > values["hoeffding"] >= values["dkw"] - 1e-12
    assert values["printed"] < values["hoeffding"]


def test_a_mean_is_no_share() -> None:
    claim = certify(simulated(), scope="population", bound="clopper-pearson")["mean.law"]
    assert claim.status == "undefined" and "share" in str(claim.reason)


def test_without_lists_most_claims_are_undefined_and_say_so() -> None:
    certificate = certify(simulated(dg=None))
    assert certificate["mean.law"].status == "undefined"
    assert "no decoded list" in str(certificate["mean.law"].reason)
    assert certificate["ranking.window"].status == "ok"


def test_a_requirement_decides() -> None:
    table = simulated(2000)
    assert certify(table, k=1, require={"truncation": 0.01}).holds
    assert not certify(table, k=1, require={"truncation": 0.999}).holds


def test_requiring_an_unknown_claim_is_refused() -> None:
    with pytest.raises(LookupError, match=r"fraction\.window"):
        certify(simulated(), require={"fraction.windw": 0.9})


def test_k_must_leave_something_off_the_list() -> None:
    with pytest.raises(InputError, match="choose k < 7"):
        certify(simulated(), k=7)


def test_several_records_of_a_user_are_averaged_first() -> None:
    table = simulated(200)
    users = [f"u{i // 2:05}" for i in range(200)]
    several = table.replace(users=users, context_window=np.arange(200) % 2)
    claim = certify(several, k=3)["mean.law"]
    single = certify(table, k=3, claims=["mean.law"])["mean.law"]
    assert claim.n_users == 100
    assert claim.inputs["mean_margin"] != single.inputs["mean_margin"]  # user 0 has one list only
    margins = []
    for i in range(0, 200, 2):
        rows = [r for r in (i, i + 1) if (table.dg[r] >= 0).any()]
        values = []
        for r in rows:
            on = table.dg[r][table.dg[r] >= 0]
            p, q = table.theta_star[r], table.theta_s[r]
            values.append(1 - p[on].sum() - np.abs(p - q).sum() / 2)
        margins.append(np.mean(values))
    assert claim.inputs["mean_margin"] == pytest.approx(np.mean(margins), rel=1e-12)


def test_records_of_a_user_must_stand_together() -> None:
    table = simulated(4)
    mixed = table.replace(users=["a", "b", "a", "b"], context_window=[1, 1, 2, 2])
    with pytest.raises(InputError, match="sort the table by user"):
        certify(mixed, k=3)


def test_a_user_who_comes_back_in_a_later_block_is_named() -> None:
    table = simulated(6).replace(users=["a", "a", "b", "b", "c", "a"], context_window=[1, 2, 1, 2, 1, 3])
    blocks = [table.select(slice(0, 3)), table.select(slice(3, 5)), table.select(slice(5, 6))]
    with pytest.raises(InputError, match="records of 'a' are not together"):
        certify(iter(blocks), k=3)
    kept = [table.select(slice(0, 3)), table.select(slice(3, 5))]
    assert certify(iter(kept), k=3).facts["n_users"] == 3


def test_a_user_who_was_selected_many_times_is_refused() -> None:
    with pytest.raises(InputError, match=r"'u00003'.* twice"):
        certify(simulated(20).select([3] * 60), k=3)
    with pytest.raises(InputError, match=r"'u00003'.* twice"):
        certify(simulated(20).replace(context_window=np.full(20, 2)).select([3] * 60), k=3)


@pytest.mark.parametrize("again", [1, 7])
def test_a_user_who_is_given_many_times_without_a_context_window_is_refused(again: int) -> None:
    table = simulated(20)
    one = table.select(slice(3, 4))
    with pytest.raises(InputError, match="'u00003' occurs twice"):
        certify(iter([one] * 60), k=3)
    with pytest.raises(InputError, match="'u00003' occurs twice"):
        certify(iter([table.select(slice(i, i + again)) for i in range(0, 20, again)] + [one]), k=3)
    assert certify(iter([table.select(slice(i, i + again)) for i in range(0, 20, again)]), k=3).facts["n_users"] == 20


def test_users_without_a_window_are_counted() -> None:
    table = simulated(50)
    counts, windows = table.counts.copy(), table.n_window.copy()
    counts[7], windows[7] = 0, 0
    held = certify(table.replace(counts=counts, n_window=windows, theta_star=None), k=3)
    assert held.facts["n_without_window"] == 1 and held.facts["n_users"] == 49
    assert held["mean.law"].n_users == 48


def test_the_finite_sample_predicate_needs_counts_that_add_up() -> None:
    table = simulated()
    doubled = table.replace(counts=table.counts * 2, theta_star=None)
    claim = certify(doubled)["fraction.law"]
    assert claim.status == "undefined" and "weighting fraction" in str(claim.reason)


def test_a_perfect_readout_on_long_windows_is_certified() -> None:
    truth = np.tile([0.05, 0.05, 0.4, 0.5], (500, 1))
    table = PreferenceTable(
        users=[f"u{i:03}" for i in range(500)],
        categories=("a", "b", "c", "d"),
        counts=truth * 400,
        n_window=np.full(500, 400),
        theta_s=truth,
        dg=np.tile([0], (500, 1)),
    )
    certificate = certify(table, k=1, scope="population", bound="clopper-pearson", routes=("T", "J"))
    claim = certificate["fraction.law"]
    assert claim.bound is not None and claim.bound > 0.98
    assert certificate["regime.printed"].standing == "printed"


def fractional_in_the_second_half() -> PreferenceTable:
    """Users with one category an interaction first, then users whose interactions bear two each."""
    truth = np.tile([0.05, 0.05, 0.4, 0.5], (400, 1))
    counts = truth * 20
    counts[200:] = np.array([1.0, 0.5, 8.5, 10.0])
    return PreferenceTable(
        users=[f"u{i:03}" for i in range(400)],
        categories=("a", "b", "c", "d"),
        counts=counts,
        n_window=np.full(400, 20),
        theta_s=truth,
        dg=np.tile([0], (400, 1)),
    )


def test_one_fractional_count_anywhere_refuses_the_exact_forms_to_all_users() -> None:
    """What an interaction bears is one fact about the table: a block of whole counts is chance."""
    table = fractional_in_the_second_half()
    whole = certify(table, k=1)["fraction.law"]
    blocks = certify(iter([table.select(slice(0, 200)), table.select(slice(200, 400))]), k=1)["fraction.law"]
    assert whole.inputs["form"] == blocks.inputs["form"] == "hoeffding"
    assert whole.bound == blocks.bound and whole.inputs["certified_share"] == blocks.inputs["certified_share"]
    alone = certify(table.select(slice(0, 200)), k=1)["fraction.law"]
    assert alone.inputs["form"] == "exact"


def test_weights_by_labels_refuse_the_exact_forms_even_where_all_counts_are_whole() -> None:
    table = fractional_in_the_second_half().select(slice(0, 200))
    said = table.replace(metadata={"weighting": "fraction"})
    assert certify(said, k=1)["fraction.law"].inputs["form"] == "hoeffding"
