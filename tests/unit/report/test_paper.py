from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spectra_eval.evaluation._latex import escaped as latex
from spectra_eval.report import render_report, to_markdown, write_paper
from spectra_eval.tables import PreferenceTable


def test_a_paper_gets_tables_and_figures(
    table: PreferenceTable, evaluation: Any, certificate: Any, tmp_path: Path
) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    written = [
        write_paper(folder, tables=table, evaluation=evaluation, certificate=certificate, title="50 % of A & B")
        for folder in folders
    ]
    names = [path.name for path in written[0]]
    assert names[:3] == ["systems.tex", "results.tex", "claims.tex"]
    assert {"margin-curve.pdf", "reliability.pdf"} <= set(names)
    for one, two in zip(*written, strict=True):
        assert one.read_bytes() == two.read_bytes()
    text = (folders[0] / "systems.tex").read_text(encoding="utf-8")
    assert r"50 \% of A \& B" in text
    assert r"\toprule" in text
    assert r"theta\_s" in text
    assert r"$\downarrow$" in text
    assert text.count(r"\textbf{") >= 3
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in rows}) == 1, "every row has every column"
    results = (folders[0] / "results.tex").read_text(encoding="utf-8")
    assert results.count("js\\_divergence") == 25
    assert "nan" not in results
    assert "fraction.window & holds & proven" in (folders[0] / "claims.tex").read_text(encoding="utf-8")


def test_latex_escapes_what_is_special() -> None:
    assert latex(r"a_b & 5% {x} \ ~^ #$ <−>") == (
        r"a\_b \& 5\% \{x\} \textbackslash{} \textasciitilde{}\textasciicircum{} \#\$ \textless{}$-$\textgreater{}"
    )


def test_markdown_says_the_same(table: PreferenceTable, evaluation: Any, certificate: Any) -> None:
    certificate["claims"][1]["statement"] = "A statement with a | pipe\nand <b>two</b> lines."
    text = to_markdown(tables=table, evaluation=evaluation, certificate=certificate, title="*Title*")
    assert text.startswith("# \\*Title\\*\n")
    assert r"A statement with a \| pipe and \<b\>two\</b\> lines." in text
    assert "| ✗ does not hold | `mean.law` |" in text
    assert "**Before you rely on this:** flat readout" in text
    for system in ("theta\\_s", "dg", "uniform", "popularity", "history"):
        assert f"| {system} |" in text
    assert "nan" not in text
    lines = text.splitlines()
    for head, rule in itertools.pairwise(lines):
        if rule.startswith("| ---"):
            assert head.count("|") == rule.count("|")


def test_control_characters_and_direction_marks_reach_no_document(
    simulate: Callable[..., PreferenceTable], evaluation: Any, certificate: Any, tmp_path: Path
) -> None:
    marks = "\x1b[31m\u202eeman\u2066\ufeff\x85"
    table = simulate(categories=tuple(f"{place}{marks}" for place in "abcdefghi"), metadata={"model": marks})
    for row in evaluation["results"]:
        row["system"] += marks if row["system"] == "history" else ""
    certificate["claims"][1]["statement"] = marks
    given: Any = {"tables": table, "evaluation": evaluation, "certificate": certificate, "title": marks}
    written = write_paper(tmp_path, **given)
    assert "js-divergence-bars.pdf" in {path.name for path in written}
    texts = [path.read_text(encoding="utf-8") for path in written if path.suffix == ".tex"]
    for text in (*texts, to_markdown(**given), render_report(**given)):
        assert not set(marks) & set(text) - set("[31meman")
    assert r"\textbackslash{}x1b[31m\textbackslash{}u202eeman" in texts[0]
