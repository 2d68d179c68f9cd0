"""The report: one HTML file that a browser can open anywhere, without a network and without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from spectra_eval._version import __version__
from spectra_eval.artifacts import write_text
from spectra_eval.report._content import ClaimLine, Column, Row, claim_lines, headline
from spectra_eval.report._figures import figures
from spectra_eval.report._material import UNITS, Material, Result, gather, methods
from spectra_eval.report._provenance import commands, provenance
from spectra_eval.report._verdict import glance, sentences, tally
from spectra_eval.tables import PreferenceTable

__all__ = ["render_report", "write_report"]

LIMIT = 1_000_000
"""A page stays below so many bytes; rows of strata are left out first."""

_ROWS = (2500, 800, 200, 0)


def write_report(
    path: str | Path,
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> None:
    """Write one self-contained HTML page about an evaluation.

    The verdict comes first, then the systems side by side, figures with their numbers, all results, the
    certificate with its assumptions, and where every number comes from.

    Parameters
    ----------
    path : str or Path
        The file; it appears whole or not at all.
    tables : PreferenceTable or sequence of PreferenceTable
        The first is the subject of the page and of its figures; further ones stand beside it in tables and bars.
    evaluation : mapping or sequence of mapping
        What `evaluate` returned for the first table, or its document; or one for each table.
    certificate : mapping, optional
        What `certify` returned for the first table, or its document.
    title : str
        The title of the page; any text.
    names : sequence of str, optional
        One a table, for the systems of the further ones; the names of their models where not given.

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
    The same input gives the same bytes. The page forbids itself every network access, and everything that
    comes from outside is escaped.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     write_report(path, tables=table, evaluation={"results": [row]}, title="Two users")
    ...     "<title>Two users</title>" in path.read_text(encoding="utf-8")
    True
    """
    page = render_report(tables=tables, evaluation=evaluation, certificate=certificate, title=title, names=names)
    write_text(page, Path(path))


def render_report(
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> str:
    """Give the page that `write_report` writes, as text.

    Parameters
    ----------
    tables, evaluation, certificate, title, names
        As for `write_report`.

    Returns
    -------
    str
    """
    material = gather(tables=tables, evaluation=evaluation, certificate=certificate, title=title, names=names)
    context = _context(material)
    for limit in _ROWS:
        page = _rendered(material, context, limit)
        if len(page.encode("utf-8")) < LIMIT:
            break
    return page


def _context(material: Material) -> dict[str, Any]:
    from markupsafe import Markup

    from spectra_eval.report.plots import to_svg

    script = resources.files("spectra_eval.report").joinpath("page.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    columns, rows = headline(material)
    claims = claim_lines(material)
    level = next((r.level for r in material.results if r.level is not None), None)
    shown = [r for r in material.results if r.stratum == "all" and r.metric in {column.metric for column in columns}]
    return {
        "title": material.title,
        "version": __version__,
        # The only two texts that are not escaped: our own script, and drawings whose texts matplotlib escaped.
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
        "figures": [(figure, Markup(to_svg(figure))) for figure in figures(material)],
        "glance": glance(material),
        "sentences": sentences(material),
        "claims": claims,
        "assumptions": _assumptions(claims),
        "tally": tally(material),
        "counted": material.counted,
        "warnings": material.warnings,
        "columns": columns,
        "rows": rows,
        "level": None if level is None else f"{level:.0%}",
        "methods": methods(shown),
        "undefined_notes": _undefined_notes(columns, rows),
        "provenance": provenance(material, version=__version__),
        "commands": commands(material),
    }


def _rendered(material: Material, context: Mapping[str, Any], limit: int) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spectra_eval", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=_shown, exact=_exact, unit=lambda unit: UNITS.get(unit, unit) or "1")
    whole = [r for r in material.results if r.stratum == "all"]
    parts = [r for r in material.results if r.stratum != "all"]
    kept: list[Result] = [*whole, *parts[: max(0, limit - len(whole))]]
    text = environment.get_template("template.html.j2").render(
        context,
        results=kept,
        n_hidden=len(material.results) - len(kept),
        has_strata=any(r.stratum != "all" for r in kept),
    )
    return text.rstrip() + "\n"


def _assumptions(claims: Sequence[ClaimLine]) -> list[tuple[str, str, str, list[str]]]:
    """Give each assumption once, with the claims that rest on it."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for claim in claims:
        for assumption in claim.assumptions:
            used.setdefault(assumption, []).append(claim.name)
    return [(*assumption, names) for assumption, names in used.items()]


def _undefined_notes(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Say why a cell has no number, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            if cell.reason:
                reasons.setdefault(cell.reason, []).append(f"{column.label} of {row.system}")
    return [f"Undefined, {reason}: {', '.join(where)}." for reason, where in reasons.items()]


def _shown(value: Any) -> str:
    """Write one entry of a figure's data table."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _exact(value: float) -> str:
    """Write a number of the full table; only a small one gives up the common column of the point."""
    digits = ".4f" if value == 0 or 0.001 <= abs(value) < 1000 else ".4g"
    return format(value, digits).replace("-", "−")
