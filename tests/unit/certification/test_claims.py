"""A claim is one entry: its columns, its bound, its text; everything else is derived from it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.certification import CLAIMS, certify, certify_cutoffs, plan, verify
from spectra_eval.certification._base import ClaimKind, Finding
from spectra_eval.certification._block import UserBlock
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.certification._needs import Plan, need_share
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, NoClaim, Tally, Totals
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main
from tests.unit.certification.test_certify import simulated

_BEST = Column(lambda block: block.theta_star.max(axis=1), lambda block: block.everyone, bounded=True)


def _bound(totals: Totals, options: Options) -> Finding:
    best = totals[_BEST]
    return Finding(of=best, by=lower_bound(best, options), inputs={"mean": best.mean})


KIND = ClaimKind(
    name="largest.window",
    label="Largest share",
    statement="mean of the largest share of a window",
    reading="How concentrated the windows are.",
    pitfalls="Short windows look concentrated.",
    reference="Hoeffding (1963)",
    columns=lambda options: (_BEST,),
    bound=_bound,
    text=lambda found, options: f"The largest share is at least {found.bound:.3f} at level {options.level:g}.",
    licenses="nothing about the readout",
    target="window",
    without_lists=True,
    threshold=0.25,
    plan=Plan(guesses=("share",), need=need_share),
)


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> ClaimKind:
    CLAIMS.names()  # the entries of the house are imported
    monkeypatch.setitem(CLAIMS._entries, KIND.name, KIND)
    return KIND


def test_an_entry_alone_makes_a_claim_that_is_certified_verified_and_listed(kind: ClaimKind) -> None:
    table = simulated(400)
    certificate = certify(table, level=0.9, bound="hoeffding")
    claim = certificate[kind.name]
    mean = float(np.mean(table.theta_star.max(axis=1)))
    bound = mean - math.sqrt(math.log(10) / 800)
    assert claim.bound == pytest.approx(bound, rel=1e-12)
    assert claim.statement == f"The largest share is at least {bound:.3f} at level 0.9."
    assert (claim.threshold, claim.margin) == (0.25, pytest.approx(bound - 0.25, rel=1e-9))
    assert [one.name for one in claim.assumptions] == ["independent-windows", "no-peek"]
    assert verify(certificate.to_json(), table).agrees
    shown = CliRunner().invoke(main, ["list", "claims", "--format", "json"])
    assert shown.exit_code == 0 and kind.statement in shown.output
    with pytest.raises(InputError, match=r"outside \[0, 1\]"):
        certify(table, require={kind.name: -0.5})
    needs = {need.claim: need for need in plan({"share": 0.6}, require={kind.name: 0.3})}
    assert needs[kind.name].threshold == 0.3
    assert needs[kind.name].n_users < needs["fraction.window"].n_users


def test_a_claim_that_is_added_changes_no_other(kind: ClaimKind) -> None:
    table = simulated()
    names = [name for name in CLAIMS.names() if name != kind.name]
    alone = {one.claim: one for one in certify(table, claims=names, scope="population", bound="betting").claims}
    beside = certify(table, scope="population", bound="betting").claims
    assert all(alone[one.claim] == one for one in beside if one.claim != kind.name)


def test_every_entry_describes_itself() -> None:
    labels = [kind.label for kind in CLAIMS]
    assert len(set(labels)) == len(labels)
    for kind in CLAIMS:
        assert kind.label[0].isupper() and not kind.label.endswith(".") and len(kind.label) < 60
        assert kind.reading.endswith(".") and kind.statement and kind.reference and kind.licenses


def test_a_column_that_two_claims_need_is_computed_once_a_block() -> None:
    calls = []

    def of(block: UserBlock) -> np.ndarray:
        calls.append(block)
        return block.tv

    columns = [Column(of), Column(of), Column(of, bounded=True)]
    totals = Totals(columns, seed=0)
    totals.add(UserBlock(simulated(), 3))
    assert len(calls) == 1
    assert totals[columns[0]].mean == totals[columns[2]].mean
    assert len(totals[columns[2]].ordered) == totals[columns[0]].n
    with pytest.raises(AssumptionError, match="bounded"):
        _ = totals[columns[0]].ordered


def test_a_column_that_one_block_cannot_give_is_refused_for_the_whole_table() -> None:
    def of(block: UserBlock) -> np.ndarray:
        if block.table.users[0] == "u00100":
            raise NoClaim("no such column in the second block")
        return block.tv

    column, table = Column(of), simulated()
    totals = Totals([column], seed=None)
    for start in (0, 100, 200):
        totals.add(UserBlock(table.select(slice(start, start + 100)), 3))
    assert totals.refused(column)
    with pytest.raises(NoClaim, match="second block"):
        _ = totals[column]


@pytest.mark.parametrize("size", [1, 37, 300])
def test_sums_over_users_do_not_depend_on_the_blocks(size: int) -> None:
    vector, count = Tally(lambda block: block.theta_star.sum(axis=0)), Tally(lambda block: np.array(block.listed.sum()))
    table = simulated()
    totals = Totals([vector, count], seed=None)
    for start in range(0, 300, size):
        totals.add(UserBlock(table.select(slice(start, start + size)), 3))
    assert totals.sum(vector) == pytest.approx(table.theta_star.sum(axis=0), rel=1e-13)
    assert int(totals.sum(count)) == 299


def test_a_claim_without_a_user_or_a_bound_says_why() -> None:
    table = simulated(dg=np.full((300, 3), -1))
    assert certify(table)["mean.law"].reason == "no user has a decoded list with a known category"
    claim = certify(simulated(), bound="printed")["mean.law"]
    assert (claim.status, claim.n_users) == ("undefined", 299)
    assert claim.reason == "the bound printed speaks of shares of users, not of a mean"


def test_users_without_a_window_stand_alone_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectra_eval.certification._records.BLOCK", 2)
    table = PreferenceTable(
        users=[*"abcdef"],
        categories=("x", "y", "z"),
        counts=[[3, 1, 0], [0, 2, 2], [0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 4]],
        n_window=[4, 4, 0, 0, 3, 4],
        theta_s=[[0.6, 0.2, 0.2]] * 6,
        dg=[[0], [2], [0], [0], [1], [2]],
    )
    (claim,) = certify_cutoffs(table, (1,), claims=["fraction.law"])[0].claims
    assert (claim.n_users, claim.inputs["n_without_window"]) == (6, 2)
