"""Items with their categories and titles, from a file with one row per item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spectra_eval.data._join import Names, tidied
from spectra_eval.data._log import EventLog, check_texts
from spectra_eval.data._splitting import Splitter
from spectra_eval.errors import InputError, SchemaError

__all__ = ["UNKNOWN_ITEMS", "Items", "check_unknown_items", "read_items"]

UNKNOWN_ITEMS = ("refuse", "drop")


def check_unknown_items(unknown_items: str) -> None:
    """Raise if there is no such rule for items without a row."""
    if unknown_items not in UNKNOWN_ITEMS:
        raise InputError(f"unknown_items: {unknown_items!r} is unknown; choose {' or '.join(UNKNOWN_ITEMS)}")


@dataclass(kw_only=True)
class Items:
    """`known` numbers the items, `sets` has the labels of each, and `titles` the title of each."""

    path: Path
    known: Names = field(default_factory=Names)
    sets: list[list[str]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def bundles(self, log: EventLog, *, unknown_items: str) -> tuple[np.ndarray, int]:
        """Return the row of each item of a log, -1 for none, and the number of items without a row.

        Raises
        ------
        SchemaError
            An item has no row, and the rule is to refuse it.
        """
        missing = [name for name in log.items.codes if name not in self.known.codes]
        if missing and unknown_items == "refuse":
            raise SchemaError(
                f"{log.source}: item {missing[0]!r} is not in {self.path.name}; take both files from one data set, or "
                "leave such events out (unknown_items='drop')"
            )
        rows = np.array([self.known.codes.get(name, -1) for name in log.items.codes], dtype=np.int64)
        return rows, len(missing)


def read_items(path: Path, pieces: Iterable[Mapping[str, np.ndarray]], splitter: Splitter, *, column: str) -> Items:
    """Read pieces of the columns ``item_key``, ``categories`` and, where there is one, ``title``.

    A blank title is the name of the item.

    Raises
    ------
    SchemaError
        An item is blank or occurs twice.
    """
    items, first = Items(path=path), 1
    for piece in pieces:
        check_texts(path, column, piece["item_key"], first=first)
        names = tidied(piece["item_key"])
        for name, cell, shown in zip(names, piece["categories"], piece.get("title", names), strict=True):
            if items.known.encode_one(name) != len(items.sets):
                raise SchemaError(f"{path}: item {name!r} occurs twice; keep one of the two")
            items.sets.append(splitter.labels(cell))
            items.titles[name] = shown if shown.strip() else name
        first += len(names)
    return items
