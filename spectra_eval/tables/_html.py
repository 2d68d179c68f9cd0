"""Short HTML tables of values, for notebooks."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from itertools import islice

__all__ = ["html_table"]

_MOST = 20


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the first rows as an HTML table, with every text escaped.

    Parameters
    ----------
    title : str
        The line above the table.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequence
        The cells of each row.

    Returns
    -------
    str
        HTML, with every text escaped.

    Examples
    --------
    >>> html_table("<T>", ["n"], [[0.123456]])
    '<table><caption>&lt;T&gt;</caption><tr><th>n</th></tr><tr><td>0.1235</td></tr></table>'
    """
    some = list(islice(rows, _MOST + 1))
    shown = ["".join(f"<td>{_cell(value)}</td>" for value in row) for row in some[:_MOST]]
    if len(some) > _MOST:
        shown.append(f'<td colspan="{len(header)}">…</td>')
    head = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(f"<tr>{row}</tr>" for row in (head, *shown))
    return f"<table><caption>{_cell(title)}</caption>{body}</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    return html.escape(text if len(text) <= 120 else f"{text[:120]}…")
