"""Normalised names: one Unicode form, and a warning for names that differ by case only."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence

from spectra_eval.artifacts._limits import limit

__all__ = ["joined_names", "tidy", "warn_of_case", "wrong_name"]


def tidy(name: str) -> str:
    r"""Return a name in composed Unicode form (NFC), without leading and trailing blanks.

    Examples
    --------
    >>> tidy(" Cafe\u0301\u00a0") == "Caf\u00e9"
    True
    """
    return name.strip() if name.isascii() else unicodedata.normalize("NFC", name).strip()


def warn_of_case(names: Iterable[str]) -> None:
    """Warn of categories whose names differ by case only."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(name.casefold(), []).append(name)
    for group in (group for group in alike.values() if len(group) > 1):
        shown = " and ".join(repr(name)[:60] for name in group[:3])
        warnings.warn(f"categories {shown} differ by case alone and stay apart; write one of them", stacklevel=3)


def joined_names(parts: Sequence[str], known: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return the parts of a divided text with those of a known name joined again, the longest name first.

    Parameters
    ----------
    parts : sequence of str
        The text, divided at a separator.
    known : mapping of tuple of str to str
        Names that contain the separator, by their parts.

    Returns
    -------
    list of str
        Known names, and the parts that belong to none.

    Examples
    --------
    >>> joined_names(["food", "beer", "wine"], {("beer", "wine"): "beer, wine"})
    ['food', 'beer, wine']
    """
    left, found = tuple(parts), []
    longest = max(map(len, known), default=1)
    while left:
        size = next((n for n in range(min(len(left), longest), 1, -1) if left[:n] in known), 1)
        found.append(known.get(left[:size], left[0]))
        left = left[size:]
    return found


def wrong_name(names: Iterable[str]) -> str | None:
    """Return what is wrong with the first name that cannot be written and read again; None where all can.

    Examples
    --------
    >>> wrong_name(["ann", "bob"])
    >>> wrong_name(["ann", "b" * 10001])
    "'bbbbbbbbbbbbbbbbbbbb...' has 10,001 bytes, and the limit is 10,000; shorten it, or set SPECTRA_EVAL_MAX_NAME"
    """
    most = limit("NAME")
    for name in names:
        if not name.isascii() and re.search("[\ud800-\udfff]", name):
            return f"{name[:40]!r} holds half a character; write the name as UTF-8"
        if 4 * len(name) > most and (size := len(name.encode())) > most:
            what = f"{name[:20] + '...'!r} has {size:,} bytes, and the limit is {most:,}"
            return f"{what}; shorten it, or set SPECTRA_EVAL_MAX_NAME"
    return None
