"""`spectra-eval list`."""

from __future__ import annotations

import importlib
from typing import Any

import click

from spectra_eval.errors import UnknownNameError
from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit

__all__ = ["command"]

_HOMES = {
    "metrics": "metrics.METRICS",
    "envelopes": "theory.ENVELOPES",
    "readouts": "probing.readouts.READOUTS",
    "backends": "probing.backends.BACKENDS",
    "datasets": "data.DATASETS",
    "baselines": "baselines.BASELINES",
    "claims": "certification.CLAIMS",
    "rival-claims": "certification.RIVAL_CLAIMS",
}
"""Where each family is registered."""
FAMILIES = tuple(_HOMES)
DESCRIPTION = ("label", "definition", "reading", "pitfalls")


@click.command("list")
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("name", required=False)
@opt.format_option()
@common_options
def command(family: str, name: str | None, style: str, quiet: bool) -> None:
    """List the registered entries of FAMILY.

    One per line, with unit, standing and reference. NAME shows all that one entry says of itself.
    """
    entries = {entry.name: entry for entry in _entries(family)}
    if name is not None and name not in entries:
        raise UnknownNameError(f"no entry named {name!r} in {family}; known: {', '.join(sorted(entries))}")
    rows = []
    for entry in entries.values() if name is None else [entries[name]]:
        row = {"name": entry.name}
        for column in ("unit", "standing", "stage"):
            if hasattr(entry, column):
                row[column] = str(getattr(entry, column))
        row |= {"what": entry.summary, "reference": entry.reference}
        if name is not None or style == "json":
            row |= {field: getattr(entry, field) for field in DESCRIPTION if getattr(entry, field, "")}
        rows.append(row)
    if name is not None and style == "table":
        rows = [{"": field, entry.name: value} for field, value in rows[0].items() if field != "name"]
    emit(rows, style=style)


def _entries(family: str) -> list[Any]:
    module, _, registry = _HOMES[family].rpartition(".")
    found = list(getattr(importlib.import_module(f"spectra_eval.{module}"), registry))
    if family == "readouts":
        from spectra_eval.probing.readouts.dg import ENTRY

        found.append(ENTRY)
    return found
