"""`spectra-eval probe`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._backends import backend_option, open_named
from spectra_eval_cli._group import common_options, detail, log, table_options
from spectra_eval_cli._printing import say
from spectra_eval_cli._progress import progress
from spectra_eval_cli._sweeps import sweep_table

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
    help="hf, vllm: an adapter folder written by `finetune`; merged when the model is loaded.",
)
@click.option("--download", is_flag=True, help="Let the model library fetch a hub name over the network.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@backend_option
@click.option("--readout", default="likelihood", show_default=True, help="See `list readouts`.")
@click.option(
    "--set", "choices", multiple=True, metavar="NAME=VALUE", help="An option of the readout, for example orders=6."
)
@click.option(
    "--temperature",
    default="1.0",
    show_default=True,
    help="Temperature of the softmax: a number, or 'fitted' (cross-fitted on other users).",
)
@click.option("--debias", is_flag=True, help="Subtract the scores of a content-free prompt (contextual calibration).")
@click.option("--dg/--no-dg", default=True, show_default=True, help="Also decode a list from the same model.")
@click.option("--list-length", type=int, default=5, show_default=True, help="Entries of the decoded list.")
@click.option(
    "--decoding",
    type=click.Choice(["greedy", "sampled"]),
    default="greedy",
    show_default=True,
    help="Greedy decoding, or sampling with --seed.",
)
@click.option(
    "--list-temperature", type=float, default=1.0, show_default=True, help="Sampling temperature of the list."
)
@click.option("--constrained", is_flag=True, help="Constrain the list to category names.")
@click.option("--titles", type=int, default=20, show_default=True, help="Number of history titles shown in the prompt.")
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="NAME|FILE",
    help="Prompt template: plain, terse, … or a YAML file; with --sweep prompts, additional templates.",
)
@click.option(
    "--sweep",
    type=click.Choice(["prompts", "verbalisers", "windows", "taxonomy"]),
    help="Run every variant: one run folder per variant in the output folder, and a table that compares them.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all sampling; recorded."
)
@click.option("--limit", type=int, help="Use only the first N users.")
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The run folder.")
@table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
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
    decoding: str,
    list_temperature: float,
    constrained: bool,
    titles: int,
    templates: tuple[str, ...],
    sweep: str | None,
    seed: int,
    limit: int | None,
    output: Path,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Run a model on every user's prompts.

    The users are those of TABLE; the results are stored in a run folder. The same command resumes an interrupted run.
    """
    from spectra_eval.errors import InputError
    from spectra_eval.probing import FileSource, probe_file, records_kept
    from spectra_eval.probing.backends._base import CachedSession
    from spectra_eval.probing.templates import read_template

    asked = {
        "readout": readout,
        "options": parse_choices(choices),
        "temperature": parse_number(temperature, "--temperature"),
        "debias": debias,
        "dg": dg,
        "list_length": list_length,
        "decoding": decoding,
        "list_temperature": list_temperature,
        "constrained": constrained,
        "titles": titles,
    }
    open_session = functools.partial(
        open_named,
        backend,
        model=model,
        dtype=dtype,
        download=download,
        settings=settings,
        adapter=adapter,
        seed=seed,
    )
    worded = [read_template(name) for name in templates]
    if sweep is not None:
        sweep_table(
            table,
            open_session,
            kind=sweep,
            run=output,
            reading=reading,
            templates=worded,
            limit=limit,
            quiet=quiet,
            seed=seed,
            **asked,
        )
        return
    if len(worded) > 1:
        raise click.UsageError("--template: name one, or ask in all of them with --sweep prompts")
    if worded:
        asked["template"] = worded[0]
    source = FileSource(table, limit=limit, reading=reading)  # what cannot be read is refused before a model is loaded
    detail(f"table: {source.n_records} records x {source.head.n_categories} categories")
    try:
        with open_session() as session:
            detail(f"model: {dict(session.description)}")
            cached = (lambda: session.cached_share) if isinstance(session, CachedSession) else None
            show = None if quiet else progress("probing", "users", cached=cached)
            probed = probe_file(source, session, run=output, seed=seed, progress=show, **asked)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            say(err=True)
        try:
            kept = f"{records_kept(output)} of {source.n_records} users are kept in {output}"
            say(f"stopped: {kept}; the same command goes on from there", err=True)
        except InputError as error:
            say(f"stopped: {error}", err=True)
        ctx.exit(130)
    log(f"run: {output}, {probed.n_users} users probed{_lists(probed.metadata)}", quiet=quiet)


def _lists(metadata: Mapping[str, Any]) -> str:
    """Say what became of the lists."""
    if not metadata["dg"]:
        return ""
    named, bad = metadata["dg_entries"], metadata["dg_out_of_vocabulary"]
    empty = f", {metadata['dg_empty']} lists empty" if metadata["dg_empty"] else ""
    return f"; {bad} of {named} entries of the lists are out of vocabulary{empty}"


def parse_choices(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; what reads as a whole number is one."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"--set {pair!r}: write it as NAME=VALUE, for instance orders=6")
        found[name] = int(value) if value.lstrip("-").isdecimal() else value
    return found


def parse_number(text: str, option: str) -> Any:
    """Read a number, or the word ``fitted``."""
    if text == "fitted":
        return text
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{option} {text!r}: give a number or the word 'fitted'") from None
