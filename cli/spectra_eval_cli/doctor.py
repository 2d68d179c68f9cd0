"""`spectra-eval doctor`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._backends import backend_option, open_named
from spectra_eval_cli._group import common_options, emit, log, table_options

__all__ = ["command"]


@click.command("doctor")
@click.option("--backend", default="hf", show_default=True, help="See `list backends`.")
@click.option("--model", default="embedded", show_default=True, help="As for `probe`.")
@click.option("--download", is_flag=True, help="Let the model library fetch a hub name over the network.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@backend_option
@click.option(
    "--adapter",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an adapter, merged into the model, and into that of --compare without --compare-model.",
)
@click.option(
    "--table", type=click.Path(path_type=Path), help="Use the users of this table, and estimate the run time."
)
@click.option("--compare", help="A second backend; its scores of the same model should agree.")
@click.option("--compare-model", help="Model of the second backend.  [default: the same model]")
@click.option(
    "--compare-set", "compare_settings", multiple=True, metavar="NAME=VALUE", help="An option of the second backend."
)
@click.option("--users", type=int, default=3, show_default=True, help="Number of users.")
@click.option("--titles", type=int, default=20, show_default=True, help="Number of history titles shown in the prompt.")
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown", "csv"]), default="table")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    backend: str,
    model: str,
    download: bool,
    dtype: str,
    settings: tuple[str, ...],
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
    from spectra_eval.artifacts import read_table
    from spectra_eval.probing import diagnose

    read = None
    if table is not None:
        read = read_table(table, **reading)

    first = open_named(backend, model=model, dtype=dtype, download=download, settings=settings, adapter=adapter)
    other: AbstractContextManager[Any] = nullcontext(None)
    if compare is not None:
        what = compare_model or model
        other = open_named(
            compare,
            model=what,
            dtype=dtype,
            download=download,
            settings=compare_settings,
            adapter=None if compare_model else adapter,
            second=True,
        )
    with first as session, other as second:
        diagnosis = diagnose(session, table=read, compare=second, users=users, titles=titles)
    rows = [{"looked at": f.name, "status": f.status, "found": f.found} for f in diagnosis.findings]
    emit(rows, style=style, document={"measures": diagnosis.measures, "findings": rows}, output=output)
    log(diagnosis.verdict, quiet=quiet)
    if not diagnosis.measures:
        ctx.exit(1)
