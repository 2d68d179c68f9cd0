"""`spectra-eval audit-paper`."""

from __future__ import annotations

from pathlib import Path

import click

from spectra_eval_cli._group import common_options, emit, format_option, log

__all__ = ["command"]


@click.command("audit-paper")
@click.option(
    "--status",
    type=click.Choice(["pass", "fail", "undetermined"]),
    help="Show only the checks that came out like this.",
)
@format_option
@common_options
def command(status: str | None, style: str, output: Path | None, quiet: bool) -> None:
    """Hold the printed numbers of arXiv:2509.24189v4 against each other, each with its rounding.

    Recomputes every printed number that needs no data. ``fail``: no numbers that round to those printed stand together;
    ``undetermined``: only others than those printed do.
    """
    from spectra_eval.audit import audit_paper

    findings = audit_paper()
    rows = [
        {"status": found.status, "where": found.where, "check": found.check, "reason": found.reason}
        for found in findings
        if status in (None, found.status)
    ]
    emit(rows, style=style, output=output)
    counts = {name: sum(found.status == name for found in findings) for name in ("pass", "fail", "undetermined")}
    log(f"{len(findings)} checks: " + ", ".join(f"{count} {name}" for name, count in counts.items()), quiet=quiet)
