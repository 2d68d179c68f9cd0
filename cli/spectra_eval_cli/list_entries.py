"""`spectra-eval list`."""

from __future__ import annotations

import click

from spectra_eval.errors import UnknownNameError
from spectra_eval_cli._group import common_options, emit

__all__ = ["command"]

FAMILIES = ("metrics", "envelopes", "readouts", "backends", "datasets", "baselines", "claims")
DESCRIPTION = ("label", "definition", "reading", "pitfalls")


@click.command("list")
@click.argument("family", type=click.Choice(FAMILIES))
@click.argument("name", required=False)
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown", "csv"]), default="table")
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


def _entries(family: str):  # type: ignore[no-untyped-def]  # five families, five types of entry
    if family == "metrics":
        from spectra_eval.metrics import METRICS

        return METRICS
    if family == "envelopes":
        from spectra_eval.theory import ENVELOPES

        return ENVELOPES
    if family == "readouts":
        from spectra_eval.probing.readouts import READOUTS
        from spectra_eval.probing.readouts.dg import ENTRY

        return [*READOUTS, ENTRY]
    if family == "backends":
        from spectra_eval.probing.backends import BACKENDS

        return BACKENDS
    if family == "datasets":
        from spectra_eval.data import DATASETS

        return DATASETS
    if family == "baselines":
        from spectra_eval.baselines import BASELINES

        return BASELINES
    from spectra_eval.certification import CLAIMS

    return CLAIMS
