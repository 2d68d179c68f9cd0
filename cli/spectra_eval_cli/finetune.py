"""`spectra-eval finetune`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log
from spectra_eval_cli._printing import say
from spectra_eval_cli._spelling import dataset_options, entry_options

if TYPE_CHECKING:
    from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["command"]


@click.command("finetune")
@opt.table_argument
@click.argument("source", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--dataset", help="Format of SOURCE: see `list datasets`.  [default: as recorded in TABLE]")
@opt.pairs_option("--option", "-O", "more", form="NAME=VALUE", blank=True, help="An option of the dataset.")
@click.option("--stage", type=click.Choice(["cpt", "sft"]), default="sft", show_default=True)
@click.option("--model", default="embedded", show_default=True, help="A folder, a GGUF file, or 'embedded'.")
@click.option(
    "--start", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The adapter of an earlier stage."
)
@click.option(
    "--objective",
    type=click.Choice(["scores", "names", "both"]),
    default="scores",
    show_default=True,
    help="sft: soft labels over the probe's scores, category names sampled from the observed interactions, or both.",
)
@opt.comma_option(
    "--cuts",
    "sft: further splits of the interactions before each window, as proportions.",
    default="0.5,0.65,0.8",
    read=float,
    example="shares with commas, for instance 0.5,0.8",
)
@click.option(
    "--hold-out",
    type=float,
    default=0.0,
    show_default=True,
    help="Proportion of users that are excluded from training.",
)
@click.option("--how", type=click.Choice(["lora", "full"]), default="lora", show_default=True)
@click.option("--rank", type=int, default=32, show_default=True)
@click.option("--alpha", type=int, default=64, show_default=True)
@click.option("--dropout", type=float, default=0.1, show_default=True)
@click.option("--layers", type=int, help="lora: train only the last N layers; the layers below are frozen.")
@click.option("--learning-rate", type=float, default=8e-5, show_default=True)
@click.option("--epochs", type=float, default=1.0, show_default=True)
@click.option("--steps", type=int, help="Number of batches, instead of epochs.")
@click.option("--batch", type=int, default=8, show_default=True, help="Examples per step.")
@opt.titles_option
@click.option("--length", type=int, default=256, show_default=True, help="cpt: tokens per row of text.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16; the trained weights stay in float32.")
@click.option("--checkpointing", is_flag=True, help="Gradient checkpointing: less memory, a third more time.")
@opt.seed_option()
@click.option("--keep-every", type=int, default=50, show_default=True, help="Steps between two checkpoints.")
@click.option("--accelerate", is_flag=True, help="Under `accelerate launch`: share the work between its processes.")
@click.option(
    "--leaky-same-window",
    is_flag=True,
    help="Train on the evaluation windows, as the paper does; tables are marked as leaky.",
)
@click.option("--merge", type=click.Path(path_type=Path), help="Write the whole model with the adapter merged here.")
@opt.output_option("The adapter.", required=True, kind=opt.FOLDER)
@common_options
def command(
    table: Path,
    source: Path,
    dataset: str | None,
    more: dict[str, str],
    stage: str,
    model: str,
    start: Path | None,
    objective: str,
    cuts: tuple[float, ...],
    hold_out: float,
    titles: int,
    length: int,
    keep_every: int,
    accelerate: bool,
    leaky_same_window: bool,
    merge: Path | None,
    output: Path,
    quiet: bool,
    **recipe: Any,
) -> None:
    """Fine-tune a model on interactions before the windows.

    The users are those of TABLE; their windows are removed from SOURCE. Stage cpt trains on texts about users, items
    and interactions. Stage sft then trains on the prompts of the probe. A leakage check first verifies that no window
    of TABLE is in the training data. With --hold-out, TABLE without the training users is written to
    OUTPUT.held-out.parquet: probe that with --adapter OUTPUT. The same command resumes an interrupted training.
    """
    from spectra_eval.artifacts import read_table, write_table
    from spectra_eval.errors import InputError
    from spectra_eval.training import Recipe, finetune, merge_adapter, split_users

    if merge is not None and recipe["how"] == "full":
        raise click.UsageError(f"--merge: all weights are trained; {output / 'model'} is a whole model already")
    if merge is not None and merge.exists():
        raise InputError(f"{merge}: exists; name a new folder for the merged model")
    leads = not accelerate or os.environ.get("RANK", "0") == "0"  # one of several processes speaks and merges
    quiet = quiet or not leads
    settings = Recipe(**recipe)  # refused before anything is read or written
    read = read_table(table)
    interactions = _interactions(read, source, dataset, more)
    if hold_out != 0:
        read, held_out = split_users(read, hold_out, seed=recipe["seed"])
        held_out_path = output.parent / f"{output.name}.held-out.parquet"
        output.parent.mkdir(parents=True, exist_ok=True)
        write_table(held_out, held_out_path)
        log(f"held out: {held_out_path}, {len(set(held_out.users.tolist()))} users", quiet=quiet)
    manifest = finetune(
        read,
        interactions,
        output,
        stage=stage,
        model=model,
        start=start,
        recipe=settings,
        objective=objective,
        cuts=cuts,
        titles=titles,
        length=length,
        leaky_same_window=leaky_same_window,
        keep_every=keep_every,
        several=accelerate,
        progress=None if quiet else _progress(),
    )
    trained = manifest["configuration"]
    log(
        f"{stage}: {output}, {trained['rows']} rows, {trained['steps']} steps{_shared(trained, accelerate)}",
        quiet=quiet,
    )
    if leaky_same_window:
        log("leaked: the targets are the windows themselves; every table probed with it says so", quiet=quiet)
    if merge is not None and leads:
        merge_adapter(model, output, merge)
        log(f"merged: {merge}", quiet=quiet)


def _shared(trained: Mapping[str, Any], accelerate: bool) -> str:
    """Return the number of processes, so that a single one is noticed."""
    return f", {trained['processes']} process(es)" if accelerate else ""


def _interactions(table: PreferenceTable, source: Path, dataset: str | None, more: dict[str, str]) -> Interactions:
    """Read the interactions that the table was made of, with the options that it names."""
    from spectra_eval.data import DATASETS
    from spectra_eval.errors import InputError
    from spectra_eval.training import with_categories

    name = dataset or table.metadata.get("dataset")
    if name is None:
        raise InputError("table: does not say its dataset; name it with --dataset")
    entry = DATASETS[str(name)]
    options = {option: table.metadata[option] for option in entry.options if option in table.metadata}
    options |= dataset_options(entry.name, entry.options, more)
    with entry_options(entry.options):
        found = entry.read(source, **options)
    return with_categories(found) if "titles_show" in table.metadata else found


def _progress() -> Callable[[int, int, float], None]:
    """Return a callback that shows one line on a terminal and one a minute elsewhere."""
    import sys
    import time

    last_shown = time.monotonic()

    def show(done: int, total: int, loss: float) -> None:
        nonlocal last_shown
        line = f"training: step {done} of {total}, loss {loss:.4f}"
        if sys.stderr.isatty():
            say(line, err=True, nl=done >= total, over=True)
        elif done >= total or time.monotonic() - last_shown >= 60:
            last_shown = time.monotonic()
            say(line, err=True)

    return show
