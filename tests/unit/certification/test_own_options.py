"""Claims about records with options of their own: each row alone on its options, then the mean over users."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spectra_eval.artifacts import read_table
from spectra_eval.certification import certify, verify
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory.rank_radius import rank_radii
from spectra_eval.theory.routes import route_j, route_k, route_t
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval_cli.main import main

K = 22


def survey(seed: int = 11, *, n: int = 100, uniform: bool = True, window: int = 60) -> PreferenceTable:
    """Make a survey: n questions with 2 to 22 options each, and a run that answers uniformly, or close to the law."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([[2, 3, 5, 6, K], rng.integers(2, K + 1, n - 5)])
    support = np.zeros((n, K), dtype=bool)
    counts, theta = np.zeros((2, n, K))
    for row, size in enumerate(sizes):
        options = rng.choice(K, size, replace=False)
        support[row, options] = True
        law = rng.dirichlet(np.full(size, 0.5 if row % 2 else 4.0))
        counts[row, options] = rng.multinomial(window, law)
        theta[row, options] = 1 / size if uniform else (law + 0.01) / (1 + 0.01 * size)
    return PreferenceTable(
        users=[f"q{row:03}" for row in range(n)],
        categories=tuple(f"option {column:02}" for column in range(K)),
        counts=counts,
        n_window=np.full(n, window),
        theta_s=theta,
        dg=np.array([rng.permutation(np.flatnonzero(support[row]))[:2].tolist() for row in range(n)]),
        support=support,
    )


def rows_of(table: PreferenceTable) -> list[dict[str, np.ndarray]]:
    """Give each record on its own options, its list as places among them."""
    made = []
    for row in range(table.n_users):
        own = np.flatnonzero(table.offered[row])
        listed = [int(np.flatnonzero(own == entry)[0]) for entry in table.dg[row] if entry >= 0]
        p, q = table.theta_star[row, own], table.theta_s[row, own]
        made.append({"counts": table.counts[row, own], "p": p, "q": q, "listed": np.array(listed)})
    return made


def js_bits(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    return sum(0.5 * float((x[x > 0] * np.log2(x[x > 0] / m[x > 0])).sum()) for x in (p, q))


def test_each_claim_is_that_of_rows_on_their_own_options() -> None:
    table, k = survey(uniform=False), 2
    found = certify(table, k=k, routes=("T", "J", "K"))
    tv, js, missed, tv_list, recovered, theorem, radius = ([] for _ in range(7))
    certified: dict[str, list[bool]] = {"T": [], "J": [], "K": []}
    for row in rows_of(table):
        p, q, listed = row["p"], row["q"], row["listed"]
        uniform = np.bincount(listed, minlength=len(p)) / len(listed)
        tv.append(abs(p - q).sum() / 2)
        js.append(js_bits(p, q))
        missed.append(1 - p[listed].sum())
        tv_list.append(abs(p - uniform).sum() / 2)
        for name, route in {"T": route_t, "J": route_j, "K": route_k}.items():
            made = route(row["counts"][None], q[None], listed[None], predicate_error=0.01, whole=True)
            certified[name].append(bool(made.certified[0]))
        if len(p) <= k:
            continue
        order_p, order_q = np.argsort(-p), np.argsort(-q)
        strict = p[order_p[k - 1]] > p[order_p[k]] + 1e-12 and q[order_q[k - 1]] > q[order_q[k]] + 1e-12
        recovered.append(strict and set(order_p[:k]) == set(order_q[:k]))
        gap = p[order_p[k - 1]] - p[order_p[k]]
        theorem.append(gap > 2 * abs(p - q).max() + 1e-12)
        radius.append(js[-1] < rank_radii(p, k=k).js.bits - 1e-12)
    inputs = {claim.claim: claim.inputs for claim in found.claims}
    near = dict(abs=1e-12)
    assert inputs["mean.law"]["mean_tv"] == pytest.approx(np.mean(tv), **near)
    assert inputs["mean.law"]["mean_missed_mass"] == pytest.approx(np.mean(missed), **near)
    assert inputs["mean-js.law"]["mean_js_bits"] == pytest.approx(np.mean(js), **near)
    assert inputs["truncation"]["mean_tv_list"] == pytest.approx(np.mean(tv_list), **near)
    floors = [truncated_js_lower(max(0.0, x)).bits for x in missed]
    assert inputs["truncation"]["mean_js_floor_bits"] == pytest.approx(np.mean(floors), **near)
    assert inputs["fraction.window"]["share"] == pytest.approx(np.mean(np.array(tv) < np.array(tv_list) - 1e-12))
    assert inputs["regime.printed"]["js_bits"]["mean"] == pytest.approx(np.mean(js), **near)
    assert inputs["fraction.law"]["certified_share"] == {name: np.mean(some) for name, some in certified.items()}
    assert np.mean(certified["K"]) > 0  # a zero outside the options is no reason against Route K
    ranking = inputs["ranking.window"]
    assert ranking["share"] == pytest.approx(np.mean(recovered), **near)
    assert ranking["share_by"]["theorem_1"] == pytest.approx(np.mean(theorem), **near)
    assert ranking["share_by"]["js_radius"] == pytest.approx(np.mean(radius), **near)
    n_small = int((table.n_options <= k).sum())
    assert (ranking["n_users_top_is_everything"], found["ranking.window"].n_users) == (n_small, 100 - n_small)
    assert f"{n_small} further users are left out" in found["ranking.window"].statement


def padded(table: PreferenceTable, columns: np.ndarray) -> PreferenceTable:
    """Put categories that are never offered between the others."""
    width = table.n_categories + len(columns)
    kept = np.setdiff1d(np.arange(width), columns)

    def wide(values: Any) -> Any:
        out = np.zeros((table.n_users, width), dtype=values.dtype)
        out[:, kept] = values
        return out

    names = np.array([f"never {place}" for place in range(width)], dtype=object)
    names[kept] = table.categories
    return table.replace(
        categories=tuple(names.tolist()),
        counts=wide(table.counts),
        theta_star=None,
        theta_s=wide(table.theta_s),
        dg=np.where(table.dg >= 0, kept[np.maximum(table.dg, 0)], table.dg),
        support=wide(table.offered),
    )


@given(seed=st.integers(0, 10**6), more=st.integers(1, 9), own=st.booleans(), k=st.integers(1, 4))
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_categories_that_are_never_offered_change_no_claim(seed: int, more: int, own: bool, k: int) -> None:
    table = survey(seed, n=30, uniform=False)
    if not own:
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 9, (12, 5)).astype(float)
        table = PreferenceTable(
            users=table.users[:12],
            categories=tuple("abcde"),
            counts=counts,
            n_window=counts.sum(axis=1),
            theta_s=rng.dirichlet(np.ones(5), 12),
            dg=rng.permuted(np.tile(np.arange(5), (12, 1)), axis=1)[:, :4],
        )
    width = table.n_categories + more
    wide = padded(table, np.random.default_rng(seed + 1).choice(width, more, replace=False))
    one, other = (certify(some, k=k, routes=("T", "J", "K")) for some in (table, wide))
    for claim, same in zip(one.claims, other.claims, strict=True):
        assert (claim.claim, claim.status, claim.holds, claim.n_users) == (
            same.claim,
            same.status,
            same.holds,
            same.n_users,
        )
        assert claim.statement == same.statement
        assert claim.bound == pytest.approx(same.bound, abs=1e-12)
    assert one.facts == pytest.approx(other.facts) if "flat" not in one.facts else "flat" in other.facts


def test_a_list_of_all_that_anybody_is_offered_is_refused() -> None:
    table = survey(n=6).select(slice(0, 3))  # 2, 3 and 5 options
    with pytest.raises(InputError, match="k: 5 leaves no category off the list of 5; choose k < 5"):
        certify(table, k=5)
    assert certify(table, k=4)["ranking.window"].n_users == 1


def written(table: PreferenceTable, path: Path) -> Path:
    """Write a long CSV with a line for each option."""
    with path.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["user", "category", "target", "prediction"])
        for row, column in np.argwhere(table.offered).tolist():
            lines.writerow(
                [table.users[row], table.categories[column], int(table.counts[row, column]), table.theta_s[row, column]]
            )
    return path


def test_the_survey_in_a_long_text_from_file_to_claims(tmp_path: Path) -> None:
    table = survey()
    path = written(table, tmp_path / "survey.csv")
    assert read_table(path).offered.tolist() == table.offered.tolist()
    out = tmp_path / "evaluation.json"
    said = CliRunner().invoke(main, ["evaluate", str(path), "--bootstrap", "0", "-o", str(out)])
    assert said.exit_code == 0, said.stderr
    value = {(r["metric"], r["system"]): r["value"] for r in json.loads(out.read_text())["results"]}
    assert value["js_divergence", "theta_s"] == value["js_divergence", "uniform"]
    expected = np.mean([js_bits(row["p"], row["q"]) for row in rows_of(table)])
    assert value["js_divergence", "uniform"] == pytest.approx(expected, abs=1e-12)
    assert "theta_s is flat: it is the uniform distribution on the options of each record" in said.stderr
    assert "to uniform 0.0000" in said.stderr

    seal = tmp_path / "certificate.json"
    said = CliRunner().invoke(main, ["certify", str(path), "-o", str(seal)])
    assert said.exit_code == 0, said.stderr
    assert "theta_s is flat: it is the uniform distribution on the options of each record" in said.stderr
    document = json.loads(seal.read_text())
    assert document["facts"]["flat"]["verdict"] == "uniform"
    claims = {claim["claim"]: claim for claim in document["claims"]}
    ranking = claims["ranking.window"]
    assert ranking["holds"] is not True
    n_small = int((table.n_options <= 5).sum())
    assert (ranking["inputs"]["n_users_top_is_everything"], ranking["n_users"]) == (n_small, 100 - n_small)
    assert CliRunner().invoke(main, ["verify", str(seal), str(path)]).exit_code == 0
    # Read as zeros over all 22 options, the same run looks like a triumph: that is what options are for.
    zeros = CliRunner().invoke(main, ["evaluate", str(path), "--bootstrap", "0", "--absent", "zero", "-o", str(out)])
    assert zeros.exit_code == 0, zeros.stderr
    value = {(r["metric"], r["system"]): r["value"] for r in json.loads(out.read_text())["results"]}
    assert value["js_divergence", "uniform"] > 2 * value["js_divergence", "theta_s"]


def test_a_run_of_several_records_leaves_out_the_users_who_have_none_that_counts() -> None:
    table = PreferenceTable(
        users=["a", "a", "b", "c"],
        categories=("w", "x", "y", "z"),
        counts=[[3, 1, 0, 0], [3, 2, 1, 0], [2, 1, 0, 0], [5, 0, 3, 1]],
        n_window=[4, 6, 3, 9],
        theta_s=[[0.6, 0.4, 0, 0], [0.5, 0.3, 0.2, 0], [0.9, 0.1, 0, 0], [0.5, 0.0, 0.3, 0.2]],
        context_window=[1, 2, 1, 1],
        support=[[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1]],
    )
    claim = certify(table, k=2)["ranking.window"]
    assert (claim.n_users, claim.inputs["n_users_top_is_everything"], claim.inputs["share"]) == (2, 1, 1.0)
    parts = [table.select(slice(0, 1)), table.select(slice(1, 4))]
    assert certify(parts, k=2).to_json()["claims"] == certify(table, k=2).to_json()["claims"]
    assert verify(certify(table, k=2), iter(parts)).agrees


def test_a_top_k_of_all_options_claims_nothing() -> None:
    table = PreferenceTable(
        users=["b", "without a window"],
        categories=("w", "x", "y"),
        counts=[[2, 1, 0], [0, 0, 0]],
        n_window=[3, 0],
        theta_s=[[0.9, 0.1, 0], [0.5, 0.3, 0.2]],
        support=[[1, 1, 0], [1, 1, 1]],
    )
    claim = certify(table, k=2)["ranking.window"]
    assert (claim.status, claim.n_users) == ("undefined", 0)
    assert claim.reason == "no record offers more than 2 options, so a top 2 is everything"


def test_a_certificate_made_before_flatness_was_recorded_is_verified() -> None:
    from spectra_eval.artifacts import json_digest

    table = survey(n=20)
    document = certify(table, k=2).to_json()
    assert verify(document, table).agrees
    for name in ("together", "digest"):
        del document[name]
    for name in ("seed", "claims"):
        del document["options"][name]
    del document["facts"]["flat"]
    document["digest"] = json_digest(document)
    assert verify(document, table).agrees
