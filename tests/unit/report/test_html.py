from __future__ import annotations

import base64
import copy
import hashlib
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError, SchemaError
from spectra_eval.report import render_report, write_report
from spectra_eval.tables import PreferenceTable
from tests.unit.report.pages import Page

HOSTILE = "<script>alert('x')</script>\"'&--!><img src=x onerror=alert(1)>$\\frac{1}{2}$"


def hostile(document: Any) -> Any:
    """Put the hostile text into every free text of a document."""
    made = copy.deepcopy(document)
    for row in made.get("results", []):
        if row["system"] == "history":
            row["system"] = HOSTILE
        if row["reason"]:
            row["reason"] = HOSTILE
        row["stratum"] = row["stratum"].replace("Q4", HOSTILE)
    for line in made.get("claims", []):
        for name in ("statement", "licenses", "reference"):
            line[name] = HOSTILE
        line["inputs"] = {HOSTILE: HOSTILE, "grid": [{HOSTILE: HOSTILE}]}
        line["assumptions"] = [{"name": HOSTILE, "text": HOSTILE, "checked": False}]
    made["warnings"] = [HOSTILE]
    made["facts"] = {HOSTILE: [HOSTILE]}
    return made


def test_the_page_is_whole(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    page = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate, title="Sixty users"))
    assert page.open == []
    assert page.comments == []
    assert "Sixty users" in page.text
    headings = [page.text.index(name) for name in
                ("Of 3 proven claims", "The systems side by side", "When it says 30%", "Every metric of every system",
                 "The certificate in full", "Where the numbers come from", "How to make them again")]  # fmt: skip
    assert headings == sorted(headings), "the verdict comes first, provenance last"


def test_every_system_metric_and_figure_is_there(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    page = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate))
    for row in evaluation["results"]:
        assert row["system"] in page.text
        assert row["metric"] in page.text
        assert row["stratum"] in page.text
    figures = {attributes["id"] for attributes in page.all("figure")}
    assert figures == {
        "js-divergence-bars", "category-ndcg-bars", "js-histogram", "margin-curve", "category-bias", "exposure",
        "frequency", "reliability", "js-divergence-by-tail-preference",
    }  # fmt: skip


def test_every_figure_can_be_read_without_seeing_it(table: PreferenceTable, evaluation: Any) -> None:
    page = Page(render_report(tables=table, evaluation=evaluation))
    drawn = page.all("svg")
    assert len(drawn) == len(page.all("figure")) == len(page.all("figcaption"))
    names = {attributes.get("id") for _, attributes in page.elements}
    for attributes in drawn:
        assert attributes["role"] == "img"
        assert attributes["aria-labelledby"] in names
    assert len(page.all("details")) >= len(drawn)


def test_the_claims_say_whether_they_hold(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    page = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate))
    for line in certificate["claims"]:
        assert line["statement"] in page.text
    assert "✓ Holds fraction.window" in page.text
    assert "✗ Does not hold mean.law" in page.text
    assert "– Cannot be determined fraction.law" in page.text
    assert "· Shown, not claimed regime.printed" in page.text, "a printed bound never certifies"
    assert "Of 3 proven claims, each at level 0.95, 1 holds, 1 does not hold and 1 cannot be made" in page.text
    assert "about these users only" in page.text
    assert "no-peek theta_s depends on the history only not checked" in page.text
    assert "simplex every row sums to one checked" in page.text


def test_a_population_scope_is_printed_with_its_assertion(
    table: PreferenceTable, evaluation: Any, certificate: Any
) -> None:
    certificate["options"]["scope"] = "population"
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "about users like these, because the caller asserts that they were drawn at random" in text
    assert "DKW lower band" in text
    certificate["options"]["scope"] = "cohort"
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "DKW" not in text, "the band is proven for independent draws from one population only"


def test_warnings_stand_in_the_verdict(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert text.index(evaluation["warnings"][0]) < text.index("The systems side by side")


@pytest.mark.parametrize(
    ("theta_s", "said"),
    [
        (0.30, "closer to the observed interactions than the list that the model writes, but farther from it than "
               "history (the user's own history)."),
        (0.20, "closer to the observed interactions than the list that the model writes and than every reference "
               "predictor, of which history is the best."),
        (0.60, "farther from the observed interactions than the list that the model writes and than history (the "),
        (0.44, "It is close to uniform, which has no information about users."),
        (0.25, "the list that the model writes, but as close to it as history (the user's own history)."),
    ],
)  # fmt: skip
def test_the_verdict_comes_first(table: PreferenceTable, evaluation: Any, theta_s: float, said: str) -> None:
    values = {"theta_s": theta_s, "dg": 0.50, "uniform": 0.45, "popularity": 0.35, "history": 0.25}
    for row in evaluation["results"]:
        if row["metric"] == "js_divergence" and row["stratum"] == "all":
            row["value"], row["interval"] = values[row["system"]], None
    ceiling = {**evaluation["results"][0], "system": "dg_best", "value": 0.01, "interval": None}
    evaluation["results"].append(ceiling)
    page = render_report(tables=table, evaluation=evaluation)
    lede = re.search(r'<p class="lede">(.*?)</p>', page, flags=re.S)
    assert lede is not None and said in html.unescape(lede[1])
    text = Page(page).text
    assert f"{theta_s:.3f} for the readout" in text and "0.250 for history and 0.450 for uniform" in text
    assert "There is no certificate" in text


@pytest.mark.parametrize(
    ("constants", "marked"),
    [
        ({"uniform": 0.0, "popularity": 0.01}, []),  # nobody is the best calibrated beside a better constant
        ({"uniform": 0.4, "popularity": 0.15}, []),
        ({"uniform": 0.4, "popularity": 0.35}, ["0.200"]),
    ],
)
@pytest.mark.parametrize("best", ["theta_s", "history"])
def test_neither_a_constant_nor_a_ceiling_nor_who_is_worse_than_a_constant_is_called_best(
    table: PreferenceTable, evaluation: Any, constants: dict[str, float], marked: list[str], best: str
) -> None:
    rows = [row for row in evaluation["results"] if row["stratum"] == "all" and row["metric"] == "soft_ece"]
    values = {"theta_s": 0.3, "dg": 0.5, "history": 0.3, **constants, best: 0.2}
    evaluation["results"] = [{**row, "value": values[row["system"]]} for row in rows]
    evaluation["results"].append({**rows[0], "system": "dg_best", "value": 0.1})
    page = render_report(tables=table, evaluation=evaluation)
    assert re.findall(r'<span class="flag">best</span> <b>([\d.]+)</b>', page) == marked


def test_a_claim_about_the_lists_is_not_counted_among_those_about_the_readout(
    table: PreferenceTable, evaluation: Any, certificate: Any
) -> None:
    certificate["claims"].append({**certificate["claims"][1], "claim": "truncation"})
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "Of 3 proven claims about the readout, each at level 0.95, 1 holds, 1 does not hold and 1 cannot" in text
    assert "In addition, truncation holds and is about the decoded lists only." in text
    assert "1 holds 1 does not hold 1 cannot be determined" in text
    assert "Holds, of the lists truncation" in text and "Holds fraction.window" in text
    certificate["claims"] = certificate["claims"][-1:]
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "The certificate makes no proven claim about the readout. In addition," in text


def test_the_page_names_the_methods_of_its_intervals(table: PreferenceTable, evaluation: Any) -> None:
    for row in evaluation["results"]:
        if row["interval"] is not None:
            row["interval"]["method"] = "Student's t over users" if row["unit"] == "bit" else "percentiles of users"
    text = Page(render_report(tables=table, evaluation=evaluation)).text
    assert "its 95% interval (Student's t over users; percentiles of users)." in text
    assert "Whiskers are 95% intervals (Student's t over users)." in text
    assert "[95% interval, Student's t over users]" in text


def test_the_best_of_a_column_is_marked_in_words(table: PreferenceTable, evaluation: Any) -> None:
    values = {"theta_s": 0.30, "dg": 0.50, "uniform": 0.45, "popularity": 0.35, "history": 0.25}
    evaluation["results"] = [
        {**row, "value": values[row["system"]], "interval": None}
        for row in evaluation["results"]
        if row["stratum"] == "all" and row["metric"] in ("js_divergence", "category_ndcg@5")
    ]
    evaluation["better"] = {"js_divergence": "lower", "category_ndcg@5": "higher"}
    page = render_report(tables=table, evaluation=evaluation)
    marked = re.findall(r'<tr[^>]*>\s*<th scope="row">(\w+).*?</tr>', page, flags=re.S)
    assert marked[:5] == ["theta_s", "dg", "uniform", "popularity", "history"]
    best = re.findall(r'<span class="flag">best</span> <b>([\d.]+)</b>', page)
    assert sorted(best) == ["0.250", "0.500"]


def test_hostile_text_stays_text(simulate: Callable[..., PreferenceTable], evaluation: Any, certificate: Any) -> None:
    names = (HOSTILE, f"a {HOSTILE}", "</svg></style><script>1", "$x^2$", "Ünïcode 映画", "f", "g", "h", "i")
    metadata = {HOSTILE: HOSTILE, "model": HOSTILE, "readout": HOSTILE, "nested": {"terms": HOSTILE}}
    table = simulate(categories=names, metadata=metadata)
    text = render_report(tables=table, evaluation=hostile(evaluation), certificate=hostile(certificate), title=HOSTILE)
    page = Page(text)
    assert page.open == []
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert page.comments == []
    assert HOSTILE in page.text
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_nothing_is_loaded(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    text = render_report(tables=table, evaluation=evaluation, certificate=certificate)
    page = Page(text)
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not {"link", "iframe", "object", "embed", "img"} & {name for name, _ in page.elements}
    for _, attributes in page.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_the_policy_forbids_the_network_and_admits_our_script_alone(table: PreferenceTable, evaluation: Any) -> None:
    text = render_report(tables=table, evaluation=evaluation)
    policy = next(a["content"] for a in Page(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    script = re.findall(r"<script>(.*?)</script>", text, flags=re.S)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert policy is not None
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"\bon\w+=", re.sub(r"<script>.*?</script>", "", text, flags=re.S))


def test_the_same_input_gives_the_same_bytes(
    table: PreferenceTable, evaluation: Any, certificate: Any, tmp_path: Path
) -> None:
    for name in ("one.html", "two.html"):
        write_report(tmp_path / name, tables=table, evaluation=evaluation, certificate=certificate)
    first = (tmp_path / "one.html").read_bytes()
    assert first == (tmp_path / "two.html").read_bytes()
    assert first.decode() == render_report(tables=table, evaluation=evaluation, certificate=certificate)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]


def test_an_undefined_value_is_told_in_words(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    for row in evaluation["results"]:
        if row["metric"] == "js_divergence" and row["system"] == "popularity":
            row["value"] = float("nan")
        if row["metric"] == "total_variation" and row["system"] == "uniform":
            row.update(value=None, interval=None, status="undefined", reason="nobody is left")
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "undefined: the list gives some window no mass" in text
    assert "undefined: no finite value" in text
    assert "Undefined, nobody is left: Total variation of uniform." in text
    assert not re.search(r"\b(nan|inf|None|NaN)\b", text)


def test_records_without_a_window_are_left_out_and_counted(
    simulate: Callable[..., PreferenceTable], evaluation: Any
) -> None:
    whole = simulate()
    counts, windows = np.array(whole.counts), np.array(whole.n_window)
    counts[[2, 5]], windows[[2, 5]] = 0, 0
    text = Page(render_report(tables=simulate(counts=counts, n_window=windows), evaluation=evaluation)).text
    assert "2 records without a window are left out" in text
    assert not re.search(r"\bnan\b", text, flags=re.I)


def test_a_table_without_a_readout_still_has_a_page(table: PreferenceTable, evaluation: Any) -> None:
    evaluation["results"] = [row for row in evaluation["results"] if row["system"] != "theta_s"]
    page = Page(render_report(tables=table.replace(theta_s=None), evaluation=evaluation))
    assert "The table holds no readout" in page.text
    assert "js-divergence-bars" in {attributes["id"] for attributes in page.all("figure")}


def test_an_evaluation_without_results_says_so(table: PreferenceTable) -> None:
    page = Page(render_report(tables=table.replace(theta_s=None, dg=None), evaluation={"results": []}))
    assert page.open == []
    assert page.all("form") == [], "there are no rows to filter"
    assert page.text.count("The evaluation holds no results.") == 2
    assert "There is nothing to draw: a figure needs a readout in the table" in page.text
    assert "Evaluation Page made by" not in page.text, "a heading without entries is left out"
    assert "verify recomputes" not in page.text, "there is no certificate to verify"


def test_the_tally_counts_in_good_english(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "1 holds 1 does not hold 1 cannot be determined" in text
    certificate["claims"].append(certificate["claims"][1])
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "2 hold 1 does not hold 1 cannot be determined" in text


def test_a_page_without_intervals(table: PreferenceTable, evaluation: Any) -> None:
    for row in evaluation["results"]:
        row["interval"] = None
    text = Page(render_report(tables=table, evaluation=evaluation)).text
    assert "interval" not in text.split("Figures")[1].split("All results")[0].replace("with intervals", "")
    assert "--bootstrap 0" in text


def test_further_tables_stand_beside_the_first(table: PreferenceTable, evaluation: Any) -> None:
    other = table.replace(metadata={"model": "another-model"})
    text = Page(render_report(tables=[table, other], evaluation=[evaluation, evaluation])).text
    assert "another-model: theta_s" in text
    assert "another-model: uniform" not in text, "the references are the same for both"
    assert "Another table is shown next to it." in text


def test_context_windows_are_drawn_as_lines(table: PreferenceTable, evaluation: Any) -> None:
    for row in evaluation["results"]:
        row["stratum"] = row["stratum"].replace("tail_preference=Q", "context_window=")
    page = Page(render_report(tables=table, evaluation=evaluation))
    figures = {attributes["id"] for attributes in page.all("figure")}
    assert {"js-divergence-by-context-window", "category-ndcg-by-context-window"} <= figures


def test_a_large_page_stays_small(simulate: Callable[..., PreferenceTable], evaluation: Any, certificate: Any) -> None:
    table = simulate(n=400, categories=tuple(f"category number {i}" for i in range(300)))
    rows = evaluation["results"]
    evaluation["results"] = [{**row, "stratum": f"{row['stratum']}/{i}" if i else row["stratum"]}
                             for i in range(100) for row in rows]  # fmt: skip
    text = render_report(tables=table, evaluation=evaluation, certificate=certificate)
    assert len(text.encode()) < 1_000_000
    assert "further rows stand in the evaluation file only" in Page(text).text
    assert "The 30 largest of 300 categories are shown." in Page(text).text


def test_the_commands_repeat_the_options(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    certificate["options"].update(k=7, require={"fraction.window": 0.9}, declared=2)
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    assert "spectra-eval evaluate TABLE --strata tail_preference --level 0.95 --seed 3 -o evaluation.json" in text
    assert (
        "spectra-eval certify TABLE -k 7 --level 0.95 --scope cohort --bound hoeffding --declared 2 "
        "--against none --require fraction.window=0.9 -o certificate.json"
    ) in text
    assert "spectra-eval verify certificate.json TABLE" in text


def test_digests_and_terms_are_shown(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    table = table.replace(metadata={**table.metadata, "terms": "For research only; cite the source."})
    text = Page(render_report(tables=table, evaluation=evaluation, certificate=certificate)).text
    for said in ("sha256:0123", "sha256:4567", "sha256:89ab", "For research only; cite the source.", "seed 3"):
        assert said in text


def test_refuses_what_is_no_report(table: PreferenceTable, evaluation: Any) -> None:
    with pytest.raises(InputError, match="tables: none given"):
        render_report(tables=[], evaluation=evaluation)
    with pytest.raises(InputError, match="2 documents for 1 tables"):
        render_report(tables=table, evaluation=[evaluation, evaluation])
    with pytest.raises(SchemaError, match="'results' is no list"):
        render_report(tables=table, evaluation={"rows": []})
    with pytest.raises(SchemaError, match="'claims' is no list"):
        render_report(tables=table, evaluation=evaluation, certificate={})


def test_takes_what_evaluate_and_certify_make(table: PreferenceTable) -> None:
    from spectra_eval.certification import certify
    from spectra_eval.evaluation import evaluate

    result = evaluate(table, strata=["tail_preference"], bootstrap=20, level=0.95, rng=np.random.default_rng(0))
    sealed = certify(table, k=3)
    document = result.to_json()
    page = Page(render_report(tables=table, evaluation=document, certificate=sealed.to_json()))
    for line in sealed.claims:
        assert " ".join(line.statement.split()) in page.text
    for system in {row["system"] for row in document["results"]}:
        assert system in page.text
    assert "js-divergence-by-tail-preference" in {attributes["id"] for attributes in page.all("figure")}
