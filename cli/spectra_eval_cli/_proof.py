"""`spectra-eval prepare --check`: check a table, a run or training texts against the raw files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spectra_eval_cli._group import log
from spectra_eval_cli._printing import emit

if TYPE_CHECKING:
    from spectra_eval.tables import Interactions

__all__ = ["prove_table"]

_FORM = '{"user": …, "text": …}'


def prove_table(path: Path, interactions: Interactions, *, texts: Path | None, quiet: bool) -> None:
    """Check that no window of a table is in a history, a prompt or a training text; print the result."""
    from spectra_eval.artifacts import read_table
    from spectra_eval.data import check_leakage
    from spectra_eval.errors import SchemaError
    from spectra_eval.probing.templates import history_texts

    table = read_table(path, empty_windows="keep")
    proof = check_leakage(table, interactions, texts=history_texts(table))
    proof["prompts"] = proof.pop("texts")
    if texts is not None:
        own: dict[str, list[str]] = {}
        free: list[str] = []
        for user, text in _read(texts):
            (free if user is None else own.setdefault(user, [])).append(text)
        if not (own or free):
            raise SchemaError(f"{texts}: no texts; write JSON lines, {_FORM}")
        parts = [part for part in (own, free) if part]
        proof["training_texts"] = sum(check_leakage(table, interactions, texts=part)["texts"] for part in parts)
    emit([], style="json", document=proof)
    log(f"proven: {path}: no window is in a history or a prompt", quiet=quiet)


def _read(path: Path) -> Iterator[tuple[str | None, str]]:
    """Yield the user, where one is named, and the text of each line."""
    from spectra_eval.artifacts._side import read_objects
    from spectra_eval.errors import SchemaError

    for number, entry in read_objects(path, _FORM):
        if not isinstance(entry.get("text"), str):
            raise SchemaError(f"{path}: line {number}: no object with a 'text'; write {_FORM}")
        yield (None if entry.get("user") is None else str(entry["user"])), entry["text"]
