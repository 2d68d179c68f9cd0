from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from spectra_eval.audit import Finding, audit_paper, paper


@pytest.fixture(scope="module")
def found() -> dict[str, Finding]:
    findings = audit_paper()
    named = {finding.check: finding for finding in findings}
    assert len(named) == len(findings)  # every check has a name of its own
    return named


@pytest.mark.parametrize(
    "check",
    [
        "Yelp: aggregate JS",
        "Yelp: three cells, mean JS",
        "Yelp: four cells, mean JS",
        "Yelp: JS of dg",
        "MovieLens: mean difference, by activity",
        "MovieLens: by activity, were Table 3 in nats",
        "Yelp: mean difference, by activity",
        "Yelp: by activity, were Table 3 in nats",
        "a JS of .70, were it in nats",
        "MovieLens: NDCG of a list of 5",
        "Yelp: NDCG of a list of 5",
        "Entropy@1",
        "more tail mass is recovery",
        "Yelp: a quarter of the users",
        "a full expansion costs less than the flat probe",
        "saving at a prefix of 300",
        "MovieLens: slack",
        "MovieLens: 2 M beta",
        "six orders of magnitude below the slack",
        "MovieLens: phi_PS is a bound at this JS",
        "Yelp: phi_BH is a bound at this JS",
        "Yelp: phi_TH as its formula says, in bits",
        "MovieLens: per-user mean, exact envelope",
        "Yelp: Theorem 1 through the mean JS, k = 5",
    ],
)
def test_what_does_not_add_up(found: dict[str, Finding], check: str) -> None:
    assert found[check].status == "fail"


@pytest.mark.parametrize(
    "check",
    [
        "MovieLens: aggregate JS",
        "Yelp: three cells, aggregate",
        "MovieLens: JS of dg",
        "Yelp: JS of dg, were Table 3 in nats",
        "Yelp: aggregate JS, were Table 3 in nats",
        "MovieLens: JS 38 % lower",
        "Yelp: NDCG@10 46 % higher",
        "Entropy@3 in its range",
        "p-value of 330 pairs",
        "MovieLens: pairs",
        "Yelp: biases sum to zero",
        "MovieLens: Film-Noir",
        "711 % more NDCG",
        "saving at a prefix of 80",
        "MovieLens: headline margin",
        "MovieLens: phi_TH by sqrt(8 ln2 j)",
        "Yelp: phi_TH by sqrt(2 ln2 j)",
        "MovieLens: phi_BH by sqrt(1 - 4^-j)",
        "JS of the crossover",
        "MovieLens: eq. (11) at a share of 1",
        "Yelp: per-user mean, exact envelope",
        "Yelp: Theorem 1 through the mean JS, k = 1",
    ],
)
def test_what_adds_up(found: dict[str, Finding], check: str) -> None:
    assert found[check].status == "pass"


def test_what_only_rounding_can_save(found: dict[str, Finding]) -> None:
    open_ = {check for check, finding in found.items() if finding.status == "undetermined"}
    assert open_ == {
        ".863 with a half-width of .005, n = 19293",
        ".871 with a half-width of .007, n = 9755",
        "merging 19 categories to 15 raises no JS",
    }


def test_every_finding_says_where_and_why(found: dict[str, Finding]) -> None:
    assert Counter(finding.status for finding in found.values())["pass"] > 50
    for finding in found.values():
        assert finding.where and finding.reason.endswith(".") and finding.reason.count("\n") == 0


def test_the_table_of_the_paper_is_data_that_names_known_kinds_curves_and_formulas() -> None:
    rows = json.loads((Path(paper.__file__).with_name("paper.json")).read_text(encoding="utf-8"))
    assert {row["kind"] for row in rows} <= set(paper._KINDS)
    assert all(row.keys() >= {"where", "check", "kind", "given"} for row in rows)
    text = json.dumps(rows)
    assert all(f'"formula": "{name}"' in text for name in paper._FORMULAS)  # nothing is left that no row uses
    assert all(f'"curve": "{name}"' in text for name in paper._CURVES)


def test_a_form_that_is_no_printed_number_is_refused() -> None:
    with pytest.raises(AssertionError, match="is no printed number"):
        paper._number({"plus": [1, 2]})
