"""Division of the text of a cell into the labels it names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from spectra_eval.artifacts._names import joined_names, tidy
from spectra_eval.errors import InputError, SchemaError

__all__ = ["LISTS", "MARK", "Splitter"]

LISTS = ("parse", "text")
MARK = "\x1f"
"""Between the labels of a list that a file stores as a list, and before the first; no label contains it."""
_ENTRY = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>[+-]?[\d.]+(?:[eE][+-]?\d{1,3})?)"""
    r"""|(?P<null>None|null|nan|NaN))\s*(?P<comma>,|$)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r'\\x[0-9a-fA-F]{2}|\\.|"', re.DOTALL)
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


class Splitter:
    r"""Division of cells into labels: written lists, then known names, then the separator.

    Parameters
    ----------
    path : Path
        The file, for messages.
    column : str
        The column, for messages.
    separator : str, optional
        The text between two labels; without it a cell is one label.
    known : iterable of str
        Names of categories. Those that contain the separator are found before a cell is divided, the longest first.
    lists : {"parse", "text"}
        A cell such as ``[8, 9]`` or ``['Action', "Indie"]`` is a list of labels, or text as any other cell.

    Raises
    ------
    InputError
        `lists` is unknown, or the separator is empty.

    Examples
    --------
    >>> splitter = Splitter(Path("log.csv"), "kind", separator=", ", known=["Beer, Wine & Spirits", "Food"])
    >>> splitter.labels("Food, Beer, Wine & Spirits"), splitter.labels("['Food', \"Bars\"]"), splitter.labels("[8, 9]")
    (['Food', 'Beer, Wine & Spirits'], ['Food', 'Bars'], ['8', '9'])
    """

    def __init__(
        self, path: Path, column: str, *, separator: str | None, known: Iterable[str] = (), lists: str = "parse"
    ) -> None:
        if lists not in LISTS:
            raise InputError(f"lists: {lists!r} is unknown; choose {' or '.join(LISTS)}")
        if separator == "":
            raise InputError("separator: empty; give the separator of the categories, for instance |")
        self.path, self.column, self.separator, self.lists = path, column, separator, lists
        self._known: dict[tuple[str, ...], str] = {}
        for name in known if separator is not None else ():
            if len(parts := self._parts(name)) > 1:
                self._known[parts] = name

    def labels(self, cell: str) -> list[str]:
        """Return the labels of a cell.

        Raises
        ------
        SchemaError
            The cell is in brackets and no list of texts or numbers.
        """
        if cell.startswith(MARK):
            return cell[1:].split(MARK)
        if self.lists == "parse" and _is_written_list(cell):
            return self._written(cell.strip())
        if self.separator is None:
            return [cell]
        if not self._known:
            return cell.split(self.separator)
        return joined_names(self._parts(cell), self._known)

    def _parts(self, text: str) -> tuple[str, ...]:
        assert self.separator is not None
        mark = self.separator.strip() or self.separator  # ", " and "," divide alike
        return tuple(tidy(part) for part in text.split(mark))

    def _written(self, cell: str) -> list[str]:
        """Return the entries of a list as it is written in JSON or Python."""
        inside, place, found = cell[1:-1].strip(), 0, []
        closed = cell[-1] == _CLOSERS[cell[0]]
        while place < len(inside) or not closed:
            entry = _ENTRY.match(inside, place) if closed else None
            label = None if entry is None else _value(entry)
            if entry is None or label is None:
                raise SchemaError(
                    f"{self.path}, column {self.column}: {cell!r:.60} is no list of quoted names or numbers; write it "
                    'as ["A", "B"], or read brackets as part of a name (lists=\'text\')'
                )
            found.append(label)
            place = entry.end()
        return found


def _is_written_list(cell: str) -> bool:
    """Return whether a cell is in square brackets, or is quoted names in other brackets."""
    bare = cell.strip()
    if bare[:1] not in _CLOSERS:
        return False
    quoted = bare[1:].lstrip()[:1] in ("'", '"')
    return quoted or (bare[0] == "[" and bare[-1] == "]")


def _value(entry: re.Match[str]) -> str | None:
    """Return an entry as a label, blank for a null, or None where it is not valid."""
    if entry["null"] is not None:
        return ""
    if (text := entry["text"]) is not None:
        try:
            return str(json.loads(f'"{_ESCAPE.sub(_as_json, text[1:-1])}"', strict=False))
        except ValueError:
            return None
    number = entry["number"]
    if number.lstrip("+-").isdecimal():
        return str(number)
    try:
        return str(int(value)) if (value := float(number)).is_integer() and abs(value) < 2**53 else str(number)
    except ValueError:
        return None


def _as_json(found: re.Match[str]) -> str:
    """Return an escape of a Python text as JSON writes it."""
    text = found[0]
    if text.startswith("\\x"):
        return f"\\u00{text[2:]}"
    return {'"': '\\"', "\\'": "'"}.get(text, text)
