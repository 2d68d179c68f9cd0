"""`spectra-eval verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._group import common_options, log, table_options

__all__ = ["command"]


@click.command("verify")
@click.argument("certificate", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    certificate: Path,
    table: Path,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Recompute every number of CERTIFICATE from TABLE.

    Exit code 0: all agree. Exit code 1: some differ; each is named.
    """
    from spectra_eval.artifacts import iter_table, read_json
    from spectra_eval.certification import verify
    from spectra_eval.errors import InputError
    from spectra_eval_cli.certify import COLUMNS

    document = read_json(certificate)
    if not isinstance(document, dict):
        raise InputError(f"{certificate}: holds no certificate; write one with `spectra-eval certify … -o FILE`")
    blocks = iter_table(table, **reading, columns=COLUMNS)
    found = verify(document, blocks)
    for line in found.differences:
        click.echo(f"differs: {line}")
    if found.agrees:
        log(f"verified: {found.n_compared} values agree", quiet=quiet)
    else:
        ctx.exit(1)
