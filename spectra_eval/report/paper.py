"""For a paper: the headline table and the claims as LaTeX (booktabs), and every figure as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import write_text
from spectra_eval.report._figures import figures
from spectra_eval.report._material import gather
from spectra_eval.report._page import content, render
from spectra_eval.tables import PreferenceTable

__all__ = ["write_paper"]


def write_paper(
    folder: str | Path,
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> tuple[Path, ...]:
    r"""Write the files for a paper: ``systems.tex``, ``results.tex``, ``claims.tex`` and one PDF per figure.

    Parameters
    ----------
    folder : str or Path
        The folder; it is created if it is missing.
    tables : PreferenceTable or sequence of PreferenceTable
        As for `write_report`.
    evaluation : mapping or sequence of mapping
        As for `write_report`.
    certificate : mapping, optional
        As for `write_report`.
    title : str
        The beginning of the caption of the tables.
    names : sequence of str, optional
        One per table, for the systems of the further tables; the names of their models by default.

    Returns
    -------
    tuple of Path
        The files, in the order in which they were written. The same input gives the same bytes.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has an invalid structure.
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
    material_content = content(material)
    written = []
    for name in ("systems", "results") if material.certificate is None else ("systems", "results", "claims"):
        written.append(place / f"{name}.tex")
        write_text(render(f"{name}.tex.j2", material_content), written[-1])
    for figure in figures(material):
        to_pdf(figure, place / f"{figure.name}.pdf")
        written.append(place / f"{figure.name}.pdf")
    return tuple(written)
