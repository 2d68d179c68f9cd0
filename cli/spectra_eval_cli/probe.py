"""`spectra-eval probe`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._backends import backend_option, open_named
from spectra_eval_cli._group import common_options, log, parse_mapping, table_options

__all__ = ["command"]


@click.command("probe")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--backend", default="hf", show_default=True, help="See `list backends`.")
@click.option(
    "--model", default="embedded", show_default=True, help="A folder, a GGUF file, a hub name, or 'embedded'."
)
@click.option(
    "--adapter",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="hf, vllm: a folder of `finetune`; merged into the model when it is loaded.",
)
@click.option("--download", is_flag=True, help="Let the model library fetch a hub name over the network.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@backend_option
@click.option("--readout", default="likelihood", show_default=True, help="See `list readouts`.")
@click.option("--set", "choices", multiple=True, metavar="NAME=VALUE", help="A choice of the readout, say orders=6.")
@click.option("--temperature", default="1.0", show_default=True, help="Divides the scores; 'fitted' on other users.")
@click.option("--debias", is_flag=True, help="Take off the scores of a context that says nothing of anybody.")
@click.option("--dg/--no-dg", default=True, show_default=True, help="Decode a list from the same model too.")
@click.option("--list-length", type=int, default=5, show_default=True, help="Entries of the decoded list.")
@click.option("--titles", type=int, default=20, show_default=True, help="Titles of the history that are shown.")
@click.option("--seed", type=int, default=0, show_default=True, help="Recorded; used by backends that draw.")
@click.option("--limit", type=int, help="Only the first N users, for a quick look.")
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The run folder.")
@table_options
@common_options
def command(
    table: Path,
    backend: str,
    model: str,
    adapter: Path | None,
    download: bool,
    dtype: str,
    settings: tuple[str, ...],
    readout: str,
    choices: tuple[str, ...],
    temperature: str,
    debias: bool,
    dg: bool,
    list_length: int,
    titles: int,
    seed: int,
    limit: int | None,
    output: Path,
    mapping: tuple[str, ...],
    renormalise: bool,
    empty_windows: str,
    quiet: bool,
) -> None:
    """Ask a model about every user of TABLE and keep the answers in a run folder.

    A run that was stopped goes on where it was: give the same command again.
    """
    from spectra_eval.artifacts import read_table
    from spectra_eval.probing import probe

    read = read_table(table, mapping=parse_mapping(mapping), renormalise=renormalise, empty_windows=empty_windows)
    with open_named(
        backend, model=model, dtype=dtype, download=download, settings=settings, adapter=adapter, seed=seed
    ) as session:
        probed = probe(
            read,
            session,
            readout=readout,
            options=parse_choices(choices),
            temperature=parse_temperature(temperature),
            debias=debias,
            dg=dg,
            list_length=list_length,
            titles=titles,
            limit=limit,
            seed=seed,
            run=output,
            progress=None if quiet else progress(),
        )
    log(f"run: {output}, {probed.n_users} users probed", quiet=quiet)


def parse_choices(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; what reads as a whole number is one."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"--set {pair!r}: write it as NAME=VALUE, for instance orders=6")
        found[name] = int(value) if value.lstrip("-").isdecimal() else value
    return found


def parse_temperature(text: str) -> Any:
    """Read a number, or the word ``fitted``."""
    if text == "fitted":
        return text
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"--temperature {text!r}: give a number or the word 'fitted'") from None


def progress() -> Callable[[int, int], None]:
    """Give a callback (done, total) that shows a bar on a terminal and one line a minute elsewhere."""
    import sys
    import time

    started = time.monotonic()
    first, said = None, started

    def show(done: int, total: int) -> None:
        nonlocal first, said
        now = time.monotonic()
        if first is None:
            first = done
        fresh = done - first
        rate = fresh / (now - started) if fresh > 0 else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        line = f"probing: {done} of {total} users" + (f", {rate:.2f} a second{left}" if rate > 0 else "")
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[2K{line}", err=True, nl=done >= total)
        elif done >= total or now - said >= 60:
            said = now
            click.echo(line, err=True)

    return show
