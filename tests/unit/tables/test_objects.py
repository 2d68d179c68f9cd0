"""Results fit the functions that take them, and print in a line."""

import copy
import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval import Information, PreferenceTable, certify, compare, evaluate, metrics, read_table, theory, verify
from spectra_eval.artifacts import TableDigest, read_json
from spectra_eval.evaluation import Evaluation
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.report.html import write_report

RNG = np.random.default_rng(3)
TABLE = PreferenceTable(
    users=[f"u{i}" for i in range(60)],
    categories=("a", "b", "c"),
    counts=RNG.integers(1, 9, (60, 3)),
    theta_s=RNG.dirichlet(np.ones(3), 60),
    dg=np.tile([0, 2], (60, 1)),
)


def test_results_fit_the_functions_that_take_them(tmp_path: Path) -> None:
    evaluation, certificate = evaluate(TABLE, bootstrap=0), certify(TABLE, k=1)
    assert verify(certificate, TABLE).agrees
    pytest.importorskip("matplotlib")
    write_report(tmp_path / "a.html", tables=TABLE, evaluation=evaluation, certificate=certificate)
    documents = {"evaluation": evaluation.to_json(), "certificate": certificate.to_json()}
    write_report(tmp_path / "b.html", tables=TABLE, **documents)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_metric_alone_is_that_of_the_readout_and_objects_print_short() -> None:
    evaluation = evaluate(TABLE, bootstrap=0)
    assert evaluation["js_divergence"] == evaluation["js_divergence", "theta_s"]
    for value in (TABLE, evaluation, certify(TABLE, k=1)):
        assert len(repr(value)) < 200 and len(value) > 0


MARKED = TABLE.replace(users=["<script>alert(1)</script>", *TABLE.users[1:]], categories=("<b>", "b", "c"))


def _results(table: PreferenceTable) -> dict[str, Any]:
    return {
        "evaluation": evaluate(table, bootstrap=20),
        "comparison": compare({"<one>": table, "two": table}, metrics=["js_divergence"], bootstrap=20),
        "certificate": certify(table, k=1),
    }


RESULTS = _results(MARKED)


@pytest.mark.parametrize("name", ["table", *RESULTS])
def test_a_notebook_shows_a_short_table_with_every_text_escaped(name: str) -> None:
    value = MARKED if name == "table" else RESULTS[name]
    shown = value._repr_html_()
    assert shown.startswith("<table><caption>&lt;") and shown.endswith("</table>")
    assert len(shown) < 6000 and 2 <= shown.count("<tr>") <= 22
    assert "<script>" not in shown and "<b>" not in shown and "<one>" not in shown
    if name in ("table", "comparison"):
        assert "&lt;" in shown.split("</caption>")[1]


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_saved_and_become_frames(name: str, tmp_path: Path) -> None:
    value = RESULTS[name]
    value.save(tmp_path / "r.json")
    assert read_json(tmp_path / "r.json") == read_json_text(value.to_json(), tmp_path)
    frame = value.to_pandas()
    assert len(frame) == len(value) > 0
    if name == "evaluation":
        row = value["js_divergence", "uniform"]
        found = frame[(frame.metric == "js_divergence") & (frame.system == "uniform")].iloc[0]
        assert (found.value, found.low, found.high) == (row.value, row.interval.low, row.interval.high)
    if name == "certificate":
        assert frame.claim.tolist() == [claim.claim for claim in value.claims]
        assert verify(read_json(tmp_path / "r.json"), MARKED).agrees
    if name == "comparison":
        assert {"first", "second", "difference", "low", "high", "adjusted_p_value"} <= set(frame.columns)


def read_json_text(document: Any, folder: Path) -> Any:
    from spectra_eval.artifacts import write_json

    write_json(document, folder / "again.json")
    return read_json(folder / "again.json")


def test_a_table_is_saved_as_parquet(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t.parquet")
    again = read_table(tmp_path / "t.parquet")
    assert np.array_equal(again.counts, TABLE.counts) and np.array_equal(again.theta_s, TABLE.theta_s)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_without_rows_is_still_true(name: str) -> None:
    field = {"evaluation": "results", "comparison": "pairs", "certificate": "claims"}[name]
    empty = dataclasses.replace(RESULTS[name], **{field: ()})
    assert len(empty) == 0 and bool(empty)
    assert len(empty.to_pandas()) == 0 and empty._repr_html_().count("<tr>") == 1


def test_large_arrays_print_in_a_line() -> None:
    rows = RNG.dirichlet(np.ones(19), 200)
    values = [
        Information(rows),
        Information.from_bits(rows[0]),
        Comparison(theta_star=rows, theta_s=rows, lists=None, bucket=np.zeros(19, dtype=int)),
        RESULTS["comparison"],
        theory.rank_radii(rows, k=3),
        metrics.js_divergence(rows, rows[::-1]),
    ]
    for value in values:
        assert len(repr(value)) < 250 and "\n" not in repr(value), repr(value)
    assert repr(Information(np.array([0.5, 0.25]))) == "Information(array([0.5 , 0.25]))"
    assert repr(values[0]) == f"<Information: shape (200, 19), mean {rows.mean():.4g} nat>"


_WRONG = """
import pandas as pd
import spectra_eval as se
from spectra_eval.errors import SpectraError
frame = pd.DataFrame({"user": ["u"], "target": [1.0]})
table = se.PreferenceTable(users=["u"], categories=("a", "b"), counts=[[1, 2]])
calls = [
    lambda: se.evaluate(frame), lambda: se.evaluate(None), lambda: se.certify(frame), lambda: se.certify("t.parquet"),
    lambda: se.certify([frame]), lambda: se.certify(None), lambda: se.verify("c.json", table),
    lambda: se.verify(None, table), lambda: se.verify(table, table),
    lambda: se.evaluate(table, metrics=["total_variation"], bootstrap=0)[0],
]
for call in calls:
    try:
        call()
    except SpectraError as error:
        print(str(error).partition(";")[0])
"""


def test_what_is_no_table_and_no_certificate_is_refused_in_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", _WRONG], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 10 and not done.stderr
    assert [re.split(" is not? (?:a )?", line)[1].split(",")[0] for line in lines] == [
        *["PreferenceTable"] * 6,
        *["certificate"] * 3,
        "metric",
    ]


def test_an_evaluation_is_a_row_of_results() -> None:
    table = PreferenceTable(users=["u"], categories=("a", "b"), counts=[[1, 2]], theta_s=[[0.5, 0.5]])
    found = evaluate(table, metrics=["total_variation"], bootstrap=0)
    assert list(found) == list(found.results) and len(found) == len(list(found))
    assert "total_variation" in found and "brier" not in found and found.results[0] in found


def test_equality_is_identity_and_contents_have_a_digest() -> None:
    def digest(table: PreferenceTable) -> str:
        found = TableDigest()
        found.update(table)
        return found.hexdigest()

    copied = copy.deepcopy(TABLE)
    assert copied != TABLE and len({copied, TABLE}) == 2
    assert digest(copied) == digest(TABLE) != digest(TABLE.select([0]))
    assert "same object" in (PreferenceTable.__doc__ or "") and "same object" in (Evaluation.__doc__ or "")
    one, two = evaluate(TABLE, bootstrap=0), evaluate(copied, bootstrap=0)
    assert one != two and one.results == two.results
