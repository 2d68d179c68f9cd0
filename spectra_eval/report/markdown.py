"""The verdict, the systems and the claims as Markdown: for a pull request or a log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from spectra_eval.report._content import Column, claim_lines, headline
from spectra_eval.report._material import gather
from spectra_eval.report._verdict import sentences
from spectra_eval.tables import PreferenceTable

__all__ = ["to_markdown"]

_ARROWS = {"lower": " ↓", "higher": " ↑"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def to_markdown(
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
) -> str:
    """Give the head of the report as Markdown: verdict, warnings, systems side by side, claims.

    Parameters
    ----------
    tables, evaluation, certificate, title
        As for `write_report`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has not the shape of its kind.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> print(to_markdown(tables=table, evaluation={"results": [row]}, title="Two users").splitlines()[0])
    # Two users
    """
    material = gather(tables=tables, evaluation=evaluation, certificate=certificate, title=title)
    parts = [f"# {plain(material.title)}", *(plain(line) for line in sentences(material))]
    if material.warnings:
        parts.append("\n".join(f"- **Before you rely on this:** {plain(line)}" for line in material.warnings))
    columns, rows = headline(material)
    if columns:
        body = [
            [
                plain(row.system),
                *(
                    f"{'**' if c.best else ''}{c.text}{'**' if c.best else ''} {plain(c.interval)}".strip()
                    for c in row.cells
                ),
            ]
            for row in rows
        ]
        parts.append(_table(["System", *(_head(column) for column in columns)], body))
    claims = claim_lines(material)
    if claims:
        body = [[f"{c.mark} {c.verdict}", f"`{c.name}`", plain(c.statement)] for c in claims]
        parts.append(_table(["Verdict", "Claim", "Statement"], body))
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Escape what Markdown would take for its own, and keep it on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _head(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return plain(f"{column.label}{unit}") + _ARROWS.get(column.better or "", "")


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])] if len(head) != 3 else ["---"] * 3, *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
