"""`spectra-eval audit-paper`."""

from __future__ import annotations

from pathlib import Path

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log

__all__ = ["command"]


@click.command("audit-paper")
@click.option(
    "--status",
    type=click.Choice(["pass", "fail", "undetermined"]),
    help="Show only the checks with this status.",
)
@opt.output_option("Write to this file instead of stdout.")
@opt.format_option(show_default=True)
@common_options
def command(status: str | None, style: str, output: Path | None, quiet: bool) -> None:
    """Check the printed numbers of the paper.

    Recomputes every number of arXiv:2509.24189v4 that needs no data and checks its consistency within rounding.
    ``fail``: no values that round to the printed numbers are consistent. ``undetermined``: only values other than the
    printed numbers are consistent.
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
