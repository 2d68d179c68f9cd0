"""For a paper: the headline table and the claims as LaTeX (booktabs), and every figure as PDF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spectra_eval.artifacts import write_text
from spectra_eval.registry import words_of
from spectra_eval.report._content import Cell, Column, Row, claim_lines, headline
from spectra_eval.report._figures import figures
from spectra_eval.report._material import Material, entry_of, gather, methods
from spectra_eval.tables import PreferenceTable

__all__ = ["write_paper"]

_ARROWS = {"lower": r" $\downarrow$", "higher": r" $\uparrow$"}
_SPECIAL = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "−": "$-$",
        "–": "--",
        "\n": " ",
        "\r": " ",
    }
)
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_PATTERN = re.compile("|".join(re.escape(sign) for sign in _SPECIAL))


def write_paper(
    folder: str | Path,
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> tuple[Path, ...]:
    r"""Write what a paper includes: ``systems.tex``, ``results.tex``, ``claims.tex`` and a PDF a figure.

    Parameters
    ----------
    folder : str or Path
        Where to; it is made where it is missing.
    tables : PreferenceTable or sequence of PreferenceTable
        As for `write_report`.
    evaluation : mapping or sequence of mapping
        As for `write_report`.
    certificate : mapping, optional
        As for `write_report`.
    title : str
        The beginning of the caption of the tables.
    names : sequence of str, optional
        One a table, for the systems of the further ones; the names of their models where not given.

    Returns
    -------
    tuple of Path
        The files, in the order in which they were written. The same input gives the same bytes.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has not the shape of its kind.
    BackendUnavailable
        Matplotlib is not installed.

    Notes
    -----
    The tables need ``\usepackage{booktabs,longtable}``; their labels are ``tab:systems``, ``tab:results`` and
    ``tab:claims``.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_paper(folder, tables=table, evaluation={"results": [row]})]
    ['systems.tex', 'results.tex', 'js-divergence-bars.pdf']
    """
    from spectra_eval.report.plots import to_pdf

    material = gather(tables=tables, evaluation=evaluation, certificate=certificate, title=title, names=names)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    texts = {"systems.tex": _systems(material), "results.tex": _results(material)}
    if material.certificate is not None:
        texts["claims.tex"] = _claims(material)
    written = []
    for name, text in texts.items():
        write_text(text, place / name)
        written.append(place / name)
    for figure in figures(material):
        to_pdf(figure, place / f"{figure.name}.pdf")
        written.append(place / f"{figure.name}.pdf")
    return tuple(written)


def latex(text: str) -> str:
    """Escape a text for LaTeX."""
    return _PATTERN.sub(lambda found: _SPECIAL[found[0]], text)


def _systems(material: Material) -> str:
    columns, rows = headline(material)
    level = next((r.level for r in material.results if r.level is not None), None)
    shown = [r for r in material.results if r.stratum == "all" and r.metric in {column.metric for column in columns}]
    what = f"Mean over {material.counted}" + ("" if level is None else f" with {level:.0%} intervals{methods(shown)}")
    head = " & ".join(["System", *(_head(column) for column in columns)])
    body = "\n".join(line for at, row in enumerate(rows) for line in _system(row, rows[at - 1] if at else None))
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\small\\setlength{\\tabcolsep}{3pt}\n"
        f"\\caption{{{latex(material.title)}. {latex(what)}; the best of a column is bold.}}\n\\label{{tab:systems}}\n"
        f"\\begin{{tabular}}{{l{'r' * len(columns)}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}\n\\bottomrule\n"
        "\\end{tabular}\n\\end{table}\n"
    )


def _head(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    entry = entry_of(column.metric)
    label = words_of(column.metric) if entry is None else entry.heading + column.metric.removeprefix(entry.name)
    return latex(label + unit) + _ARROWS.get(column.better or "", "")


def _system(row: Row, before: Row | None) -> list[str]:
    lines = [r"\addlinespace"] if before is not None and row.reference and not before.reference else []
    lines.append(" & ".join([latex(row.system), *(_number(cell) for cell in row.cells)]) + r" \\")
    if any(cell.interval for cell in row.cells):
        lines.append(" & ".join(["", *(rf"{{\scriptsize {latex(cell.interval)}}}" for cell in row.cells)]) + r" \\")
    return lines


def _number(cell: Cell) -> str:
    text = latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text


def _results(material: Material) -> str:
    lines = []
    for r in material.results:
        value = "undefined" if r.value is None else f"{r.value:.4f}"
        bounds = ("--", "--") if r.low is None or r.high is None else (f"{r.low:.4f}", f"{r.high:.4f}")
        words = [r.metric, r.unit, r.system, r.stratum]
        numbers = [value, *bounds, str(r.n_users)]
        cells = [latex(word) for word in words] + [
            text.replace("-", "$-$") if text != "--" else text for text in numbers
        ]
        lines.append(" & ".join(cells) + r" \\")
    head = rf"Metric & Unit & System & Stratum & Value & Low & High & {material.counted.capitalize()} \\"
    return (
        "% needs \\usepackage{booktabs,longtable}\n{\\scriptsize\\setlength{\\tabcolsep}{3pt}\n"
        "\\begin{longtable}{llllrrrr}\n"
        f"\\caption{{{latex(material.title)}. All results.}}\\label{{tab:results}}\\\\\n"
        f"\\toprule\n{head}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n"
        + "\n".join(lines)
        + "\n\\end{longtable}}\n"
    )


def _claims(material: Material) -> str:
    lines = []
    for line in claim_lines(material):
        cells = [line.name, line.verdict, line.standing, _MINUS.sub("−", line.statement)]
        lines.append(" & ".join(map(latex, cells)) + r" \\")
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\small\n"
        f"\\caption{{{latex(material.title)}. What can be claimed.}}\n\\label{{tab:claims}}\n"
        "\\begin{tabular}{lllp{0.55\\linewidth}}\n\\toprule\nClaim & Verdict & Standing & Statement \\\\\n\\midrule\n"
        + "\n\\addlinespace\n".join(lines)
        + "\n\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )
