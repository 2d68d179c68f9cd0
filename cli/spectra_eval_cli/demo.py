"""`spectra-eval demo`."""

from __future__ import annotations

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
@click.option("--users", type=int, default=80, show_default=True, help="How many users to probe.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with ml-latest-small; by default that of the repository.",
)
@common_options
@click.pass_context
def command(ctx: click.Context, out: Path, users: int, data: Path | None, quiet: bool) -> None:
    """Run the whole job on real data with a small real model: about five minutes on two cores.

    Each step is a command that you can type yourself; it is shown before it runs.
    """
    source = data or _find_data()
    table, run, report = out / "table.parquet", out / "run", out / "report.html"
    out.mkdir(parents=True, exist_ok=True)
    minutes = max(1, round(users * _SECONDS_A_USER / 60))
    steps = [
        ("Real ratings become histories and windows.", ["prepare", "movielens", source, "-o", table]),
        (
            f"A small language model is asked about {users} users: about {minutes} min on two cores.",
            ["probe", table, "--backend", "hf", "--model", "embedded", "--limit", users, "-o", run],
        ),
        ("The readout is held against what the users did next.", ["evaluate", run, "-o", out / "evaluation.json"]),
        ("The same on one page, with figures.", ["report", run, "-o", report]),
        ("What can be claimed, and on what grounds.", ["certify", run, "-o", out / "certificate.json"]),
        ("Anyone can recompute it.", ["verify", out / "certificate.json", run]),
    ]
    started = time.monotonic()
    for number, (why, words) in enumerate(steps, start=1):
        arguments = [str(word) for word in words]
        if not quiet:
            say(f"\n[{number}/{len(steps)}] {why}", bold=True)
            say(f"$ spectra-eval {shlex.join(arguments)}", fg="cyan")
        _run(ctx, arguments)
    say(f"\nDone in {time.monotonic() - started:.0f} s. Open {report} in a browser.")


def _run(ctx: click.Context, arguments: list[str]) -> None:
    """Run one command in this process, with the same checks as if it had been typed."""
    group = ctx.parent.command if ctx.parent else None
    assert isinstance(group, click.Group)
    found = group.get_command(ctx, arguments[0])
    assert found is not None
    with found.make_context(arguments[0], arguments[1:], parent=ctx.parent) as inner:
        found.invoke(inner)


def _find_data() -> Path:
    """Find the data of the repository from here or from the source tree."""
    from spectra_eval.errors import InputError

    here = Path(__file__).resolve()
    for base in (Path.cwd(), *here.parents):
        if (base / _DATA / "ratings.csv").is_file():
            found = base / _DATA
            return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found
    raise InputError(f"{_DATA}: not found from here; run the demo in the repository, or name the folder with --data")
