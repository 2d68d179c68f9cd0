"""`spectra-eval probe`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._backends import open_named
from spectra_eval_cli._group import common_options, detail, log
from spectra_eval_cli._printing import say
from spectra_eval_cli._progress import progress
from spectra_eval_cli._sweeps import sweep_table

__all__ = ["command"]


@click.command("probe")
@opt.table_argument
@opt.model_options("A folder, a GGUF file, a hub name, or 'embedded'.")
@opt.adapter_option("hf, vllm: an adapter folder written by `finetune`; merged when the model is loaded.")
@click.option("--readout", default="likelihood", show_default=True, help="See `list readouts`.")
@opt.pairs_option(
    "--set", "choices", form="NAME=VALUE, for instance orders=6", help="An option of the readout, for example orders=6."
)
@click.option(
    "--temperature",
    default="1.0",
    show_default=True,
    callback=opt.number_or_fitted,
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
@opt.titles_option
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
@opt.seed_option("Seed of all sampling; recorded.")
@opt.limit_option
@opt.output_option("The run folder.", required=True, kind=opt.FOLDER)
@opt.table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    table: Path,
    backend: str,
    opening: dict[str, Any],
    adapter: Path | None,
    choices: dict[str, str],
    templates: tuple[str, ...],
    sweep: str | None,
    seed: int,
    limit: int | None,
    output: Path,
    reading: dict[str, Any],
    quiet: bool,
    **probe_options: Any,
) -> None:
    """Run a model on every user's prompts.

    The users are those of TABLE; the results are stored in a run folder. The same command resumes an interrupted run.
    """
    from spectra_eval.errors import InputError
    from spectra_eval.probing import FileSource, probe_file, records_kept
    from spectra_eval.probing.backends._base import CachedSession
    from spectra_eval.probing.templates import read_template

    probe_options["options"] = {name: int(v) if v.lstrip("-").isdecimal() else v for name, v in choices.items()}
    open_session = functools.partial(open_named, backend, adapter=adapter, seed=seed, **opening)
    worded = [read_template(name) for name in templates]
    if sweep is not None:
        how: dict[str, Any] = {"reading": reading, "templates": worded, "limit": limit, "seed": seed, **probe_options}
        sweep_table(table, open_session, kind=sweep, run=output, quiet=quiet, **how)
        return
    if len(worded) > 1:
        raise click.UsageError("--template: name one, or ask in all of them with --sweep prompts")
    if worded:
        probe_options["template"] = worded[0]
    source = FileSource(table, limit=limit, reading=reading)  # what cannot be read is refused before a model is loaded
    detail(f"table: {source.n_records} records x {source.head.n_categories} categories")
    try:
        with open_session() as session:
            detail(f"model: {dict(session.description)}")
            cached = (lambda: session.cached_share) if isinstance(session, CachedSession) else None
            show = None if quiet else progress("probing", "users", cached=cached)
            probed = probe_file(source, session, run=output, seed=seed, progress=show, **probe_options)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            say(err=True)
        try:
            count = f"{records_kept(output)} of {source.n_records} users are kept in {output}"
            say(f"stopped: {count}; the same command resumes there", err=True)
        except InputError as error:
            say(f"stopped: {error}", err=True)
        ctx.exit(130)
    log(f"run: {output}, {probed.n_users} users probed{_lists(probed.metadata)}", quiet=quiet)


def _lists(metadata: Mapping[str, Any]) -> str:
    """Return a summary of the decoded lists."""
    if not metadata["dg"]:
        return ""
    named, bad = metadata["dg_entries"], metadata["dg_out_of_vocabulary"]
    empty = f", {metadata['dg_empty']} lists empty" if metadata["dg_empty"] else ""
    return f"; {bad} of {named} entries of the lists are out of vocabulary{empty}"
