"""What commands print: all of it goes through here, without secrets and without characters that steer a terminal."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from spectra_eval.redaction import escaped_json, shown

__all__ = ["document_to_stdout", "emit", "is_stdout", "say", "shortened", "shown_usage", "write_text"]

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_DOCUMENT = "spectra_eval.document"
_SHORT = 16
"""A column whose cells are all at most this long is next to the name where rows are stacked."""


def document_to_stdout(ctx: click.Context, output: object) -> None:
    """Note whether the document of a command goes to stdout (``-o -``): what people read then goes to stderr."""
    ctx.meta[_DOCUMENT] = is_stdout(output)


def is_stdout(path: object) -> bool:
    """Return whether a path means the standard output."""
    return str(path) in _STDOUT


def _taken() -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_DOCUMENT))


def say(text: object = "", *, err: bool = False, nl: bool = True, over: bool = False, **style: Any) -> None:
    """Print a text, to stderr with `err`; with `over` in place of the line that a terminal shows.

    Further arguments are those of `click.style`.
    """
    safe = shown(str(text))
    click.echo(
        ("\r\x1b[2K" if over else "") + (click.style(safe, **style) if style else safe), err=err or _taken(), nl=nl
    )


@contextlib.contextmanager
def shown_usage() -> Iterator[None]:
    """Make what click says of a wrong use safe to print: it repeats what was typed."""
    try:
        yield
    except click.ClickException as error:
        for name in {"message", "ui_filename"} & set(vars(error)):
            vars(error)[name] = shown(shortened(str(vars(error)[name])))
        raise


def shortened(message: str) -> str:
    """Return a message without the middle of very long words, for instance of a number of a thousand digits."""
    return re.sub(r"\S{301,}", lambda word: f"{word[0][:80]}...{word[0][-40:]}", message)


def emit(
    rows: Sequence[Mapping[str, Any]],
    *,
    style: str,
    document: Any = None,
    output: Path | None = None,
    title: str | None = None,
    right: Sequence[str] = (),
    keys: int = 0,
) -> None:
    """Print rows (one mapping of column to text each) as a table, JSON, Markdown or CSV.

    `document` is what ``--format json`` prints instead of the rows; `right` names the columns to align right.
    With `keys`, a table that is too wide is cut into several, each of which begins with the first `keys` columns.
    """
    columns = list(rows[0]) if rows else []
    terminal = output is None and sys.stdout.isatty()
    if style == "json":
        whole = rows if document is None else document
        text = escaped_json(json.dumps(whole, indent=2, allow_nan=False, ensure_ascii=False)) + "\n"
    elif style == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = buffer.getvalue()
        if terminal:  # elsewhere the cells stay what they are, for a program reads them
            text = shown(text)
    else:
        rows = [{column: _cell(row[column]) for column in columns} for row in rows]
        if style == "markdown":
            text = _markdown(rows, columns, right)
        else:
            text = _pretty(rows, columns, right, title and shown(title), keys, terminal=terminal)
    if output is None:
        click.echo(text, nl=False, color=True, err=_taken())
    else:
        write_text(text, output)


def write_text(text: str, output: Path | None) -> None:
    """Write a text to a file, whole or not at all and as it is; or to stdout, as `say` does."""
    if output is None:
        say(text, nl=False)
        return
    from spectra_eval.artifacts import write_text as write_file

    write_file(text, output)


def _cell(value: object) -> str:
    """Return what a cell shows, on one line."""
    return shown(str(value)).replace("\n", "\\n").replace("\t", "\\t")


def _markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], right: Sequence[str]) -> str:
    lines = ["| " + " | ".join(columns) + " |"]
    lines.append("|" + "|".join("--:" if column in right else "---" for column in columns) + "|")
    for row in rows:
        lines.append("| " + " | ".join(str(row[column]).replace("|", "\\|") for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _parts(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], keys: int, width: int) -> list[Sequence[str]]:
    """Cut the columns behind the first `keys` into parts that fit a width; the first columns are in each part."""
    if not keys:
        return [columns]
    wide = {column: max([len(column), *(len(str(row[column])) for row in rows)]) + 3 for column in columns}
    parts: list[Sequence[str]] = []
    part = list(columns[:keys])
    for column in columns[keys:]:
        if len(part) > keys and sum(wide[name] for name in [*part, column]) > width:
            parts.append(part)
            part = list(columns[:keys])
        part.append(column)
    return [*parts, part]


def _pretty(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    right: Sequence[str],
    title: str | None,
    keys: int,
    *,
    terminal: bool,
) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A pipe or a file gets no fold at 80 columns; a terminal gets its own width.
    width = Console().width if terminal else 200
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, force_terminal=terminal, highlight=False)
    if title:
        console.print(Text(title, style="bold"))
    for part in _parts(rows, columns, keys, min(width, 120)):
        widths = _widths(rows, part, width)
        if widths is None:
            console.file.write(_stacked(rows, part, width))
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column, wide in zip(part, widths, strict=True):
            table.add_column(Text(column), justify="right" if column in right else "left", width=wide)
        for row in rows:
            table.add_row(*(Text(str(row[column])) for column in part))
        console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _widths(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int) -> list[int] | None:
    """Return how wide each column is when no word is broken; None where they do not fit side by side."""
    from rich.cells import cell_len

    texts = [[column, *(str(row[column]) for row in rows)] for column in columns]
    least = [max(cell_len(word) for text in cells for word in [*text.split(), ""]) for cells in texts]
    whole = [max(map(cell_len, cells)) for cells in texts]
    room = width - sum(least) - 3 * len(columns)
    if room < 0:
        return None
    # The columns that need least are made whole first; what is left goes to the others in equal parts.
    for place, column in enumerate(sorted(range(len(columns)), key=lambda c: whole[c] - least[c])):
        more = min(whole[column] - least[column], room // (len(columns) - place))
        least[column] += more
        room -= more
    return least


def _stacked(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int) -> str:
    """Write each row below the other, for a terminal too narrow for the columns: no word is cut or broken."""
    first, *others = columns
    short = [column for column in others if all(len(str(row[column])) <= _SHORT for row in rows)]
    wrapper = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    lines: list[str] = []
    for row in rows:
        facts = ", ".join(f"{column} {row[column]}" for column in short if str(row[column]))
        lines += ["", f"{row[first]}  ({facts})" if facts else str(row[first])]
        for column in others:
            if column not in short and str(row[column]):
                lines += wrapper.wrap(f"{column}: {row[column]}")
    return "\n".join(lines) + "\n"
