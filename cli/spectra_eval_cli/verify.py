"""`spectra-eval verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log
from spectra_eval_cli._printing import say

__all__ = ["command"]


@click.command("verify")
@click.argument("certificate", type=opt.PATH)
@opt.table_argument
@opt.comma_option("--against", "The tables of rivals that were files: FILE or NAME=FILE, with commas.", default="")
@opt.table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    certificate: Path,
    table: Path,
    against: tuple[str, ...],
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Recompute every number of CERTIFICATE from TABLE.

    Exit code 0: all agree; claims that the certificate omits are named. Exit code 1: some differ; each is named.
    """
    from spectra_eval._version import __version__
    from spectra_eval.artifacts import iter_table, read_json
    from spectra_eval.certification import unbundle, verify
    from spectra_eval.errors import InputError
    from spectra_eval_cli.certify import COLUMNS

    document = read_json(certificate)
    if not isinstance(document, dict):
        raise InputError(f"{certificate}: holds no certificate; write one with `spectra-eval certify … -o FILE`")
    with saying(certificate):
        parts = unbundle(document)
        columns = (*COLUMNS, "history_counts")
        found = [
            verify(part, iter_table(table, **reading, columns=columns), against=opt.rivals(against)) for part in parts
        ]
    for part, one in zip(parts, found, strict=True):
        at = f"k = {part['options']['k']}: " if len(parts) > 1 else ""
        for line in one.differences:
            say(f"differs: {at}{line}")
        if one.left_out:
            say(f"{at}{one.coverage}")
        if one.made_by != __version__:
            say(f"{at}made by spectra-eval {one.made_by}, recomputed by {__version__}")
    if all(one.agrees for one in found):
        whole = "" if any(one.left_out for one in found) else f", {found[0].coverage}"
        log(f"verified: {sum(one.n_compared for one in found)} values agree{whole}", quiet=quiet)
    else:
        ctx.exit(1)


@contextlib.contextmanager
def saying(path: Path) -> Iterator[None]:
    """Prefix an error with the file."""
    from spectra_eval.errors import SchemaError

    try:
        yield
    except SchemaError as error:
        if not str(error).startswith("certificate"):
            raise
        raise SchemaError(f"{path}: {error}") from error
