"""`spectra-eval probe --sweep`: every variant a run, and one table that compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectra_eval_cli._group import emit, log, read_results
from spectra_eval_cli._progress import progress

if TYPE_CHECKING:
    from spectra_eval.probing.templates import Template

__all__ = ["sweep_table"]


def sweep_table(
    table: Path,
    open_session: Callable[[], AbstractContextManager[Any]],
    *,
    kind: str,
    run: Path,
    reading: Mapping[str, Any],
    templates: Sequence[Template],
    limit: int | None,
    quiet: bool,
    **choices: Any,
) -> None:
    """Probe a table once a variant, and print the comparison."""
    from spectra_eval.probing import SWEEPS, sweep, variants

    read = read_results(table, reading, quiet=quiet)
    # Of prompts, templates that are named are further variants; of anything else, the first is the one to use.
    words: dict[str, Any] = {"templates": templates} if kind == "prompts" else {}
    if kind != "prompts" and templates:
        words["template"] = templates[0]
    shared = {"readout": choices["readout"], "options": choices["options"]}
    found = variants(kind, read, **shared, **words)  # what cannot be swept is refused before a model is loaded
    log(f"sweep: {len(found)} variants: {', '.join(one.name for one in found)}", quiet=quiet)

    def show(name: str) -> Callable[[int, int], Any] | None:
        return None if quiet else progress(name, "records")

    with open_session() as session:
        made = sweep(read, session, kind=kind, run=run, limit=limit, progress=show, **words, **choices)
    lines = made.lines()
    emit(lines, style="table", title=SWEEPS[kind], right=list(lines[0])[2:], keys=2)
    log(f"sweep: {run / 'sweep.json'}, and the same as sweep.md and sweep.tex", quiet=quiet)
