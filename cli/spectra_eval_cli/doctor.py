"""`spectra-eval doctor`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._backends import open_named
from spectra_eval_cli._group import common_options, emit, log, read_results

__all__ = ["command"]


@click.command("doctor")
@opt.model_options("As for `probe`.")
@opt.adapter_option("Folder of an adapter, merged into the model, and into that of --compare without --compare-model.")
@click.option(
    "--table", type=click.Path(path_type=Path), help="Use the users of this table, and estimate the run time."
)
@click.option("--compare", help="A second backend; its scores of the same model should agree.")
@click.option("--compare-model", help="Model of the second backend.  [default: the same model]")
@click.option(
    "--compare-set", "compare_settings", multiple=True, metavar="NAME=VALUE", help="An option of the second backend."
)
@click.option("--users", type=int, default=3, show_default=True, help="Number of users.")
@opt.titles_option
@opt.format_option()
@opt.output_option("Write to this file.")
@opt.table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    backend: str,
    opening: dict[str, Any],
    adapter: Path | None,
    table: Path | None,
    compare: str | None,
    compare_model: str | None,
    compare_settings: tuple[str, ...],
    users: int,
    titles: int,
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Check whether probing a model is meaningful.

    The checks: tokens, template, answer mass, noise, parity, bias and speed.

    Exit code 0: it does. Exit code 1: it does not; the failed checks are named. Exit code 4: the model cannot be run.
    """
    from spectra_eval.probing import diagnose

    read = None if table is None else read_results(table, reading, quiet=quiet)
    first = open_named(backend, adapter=adapter, **opening)
    other: AbstractContextManager[Any] = nullcontext(None)
    if compare is not None:
        opening |= {"model": compare_model or opening["model"], "settings": compare_settings}
        other = open_named(compare, adapter=None if compare_model else adapter, second=True, **opening)
    with first as session, other as second:
        diagnosis = diagnose(session, table=read, compare=second, users=users, titles=titles)
    rows = [{"looked at": f.name, "status": f.status, "found": f.found} for f in diagnosis.findings]
    emit(rows, style=style, document={"measures": diagnosis.measures, "findings": rows}, output=output)
    log(diagnosis.verdict, quiet=quiet)
    if not diagnosis.measures:
        ctx.exit(1)
