"""Rendering: the content of a page, collected once, and the templates that format it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from spectra_eval import redaction
from spectra_eval._version import __version__
from spectra_eval.evaluation._latex import escaped
from spectra_eval.report._content import ClaimLine, Column, Row, claim_lines, headline
from spectra_eval.report._material import UNITS, Material, methods
from spectra_eval.report._provenance import commands, provenance
from spectra_eval.report._verdict import glance, sentences, tally

__all__ = ["content", "render"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#])")
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_TEX: dict[str, Any] = {
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "block_start_string": "<%",
    "block_end_string": "%>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}
"""Template delimiters for LaTeX, where braces are text."""


def content(material: Material) -> dict[str, Any]:
    """Return the variables of the templates."""
    columns, rows = headline(material)
    claims = claim_lines(material)
    level = next((r.level for r in material.results if r.level is not None), None)
    shown = [r for r in material.results if r.stratum == "all" and r.metric in {column.metric for column in columns}]
    return {
        "title": material.title,
        "version": __version__,
        "glance": glance(material),
        "sentences": sentences(material),
        "claims": claims,
        "assumptions": _assumptions(claims),
        "tally": tally(material),
        "counted": material.counted,
        "warnings": material.warnings,
        "columns": columns,
        "rows": rows,
        "results": material.results,
        "level": None if level is None else f"{level:.0%}",
        "methods": methods(shown),
        "undefined_notes": _undefined_notes(columns, rows),
        "provenance": provenance(material, version=__version__),
        "commands": commands(material),
    }


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render the content with a template of this folder; only HTML is escaped automatically."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spectra_eval", "report"),
        autoescape=template.endswith(".html.j2"),
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **(_TEX if template.endswith(".tex.j2") else {}),
    )
    environment.filters.update(
        shown=_shown,
        exact=_exact,
        unit=lambda unit: UNITS.get(unit, unit) or "1",
        plain=_plain,
        latex=escaped,
        true_minus=lambda text: _MINUS.sub("−", text),
    )
    return environment.get_template(template).render(context).rstrip() + "\n"


def _plain(text: str) -> str:
    """Return a text escaped for Markdown, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(redaction.escaped(text).split()))


def _printable(value: Any) -> Any:
    """Return a text without control characters and direction marks; markup and other values are unchanged."""
    return redaction.escaped(value) if type(value) is str else value


def _assumptions(claims: Sequence[ClaimLine]) -> list[tuple[str, str, str, list[str]]]:
    """Return each assumption once, with the claims that depend on it."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for claim in claims:
        for assumption in claim.assumptions:
            used.setdefault(assumption, []).append(claim.name)
    return [(*assumption, names) for assumption, names in used.items()]


def _undefined_notes(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the reasons for missing numbers, each once."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            if cell.reason:
                reasons.setdefault(cell.reason, []).append(f"{column.label} of {row.system}")
    return [f"Undefined, {reason}: {', '.join(where)}." for reason, where in reasons.items()]


def _shown(value: Any) -> str:
    """Return the text of an entry of a figure's data table."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _exact(value: float) -> str:
    """Return the text of a number in the full table, aligned at the decimal point unless it is small."""
    digits = ".4f" if value == 0 or 0.001 <= abs(value) < 1000 else ".4g"
    return format(value, digits).replace("-", "−")
