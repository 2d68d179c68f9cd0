"""`spectra-eval prepare --check`: a table, a run or training texts held against the raw files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectra_eval_cli._group import log

if TYPE_CHECKING:
    from spectra_eval.tables import Interactions

__all__ = ["prove_table"]


def prove_table(path: Path, interactions: Interactions, *, texts: Path | None, quiet: bool) -> None:
    """Prove that no window of a table stands in a history, in a prompt or in a training text; print what was proven."""
    from spectra_eval.artifacts import read_table
    from spectra_eval.data import check_leakage, told_texts

    table = read_table(path, empty_windows="keep")
    proof = check_leakage(table, interactions, texts=told_texts(table))
    proof["prompts"] = proof.pop("texts")
    if texts is not None:
        own: dict[str, list[str]] = {}
        free: list[str] = []
        for user, text in _read(texts):
            (free if user is None else own.setdefault(user, [])).append(text)
        parts = [part for part in (own, free) if part]
        proof["training_texts"] = sum(check_leakage(table, interactions, texts=part)["texts"] for part in parts)
    click.echo(json.dumps(proof, indent=2))
    log(f"proven: {path}: no window stands in a history or a prompt", quiet=quiet)


def _read(path: Path) -> Iterator[tuple[str | None, str]]:
    """Give the user, where one is named, and the text of each line."""
    from spectra_eval.errors import SchemaError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 text ({error.reason}); write JSON lines") from error
    for number, line in enumerate(lines, start=1):
        try:
            entry: Any = json.loads(line) if line.strip() else None
        except ValueError as error:
            raise SchemaError(f"{path}: line {number}: not JSON ({error}); write {{'user': …, 'text': …}}") from error
        if entry is None:
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            raise SchemaError(f"{path}: line {number}: no object with a 'text'; write {{'user': …, 'text': …}}")
        yield (None if entry.get("user") is None else str(entry["user"])), entry["text"]
