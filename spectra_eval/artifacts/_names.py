"""Names as people type them: one form for what looks alike, and a warning where only the case differs."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable

__all__ = ["tidy", "warn_of_case"]


def tidy(name: str) -> str:
    r"""Return a name in Unicode's composed form (NFC) and without outer blanks.

    Examples
    --------
    >>> tidy(" Cafe\u0301\u00a0") == "Caf\u00e9"
    True
    """
    return name.strip() if name.isascii() else unicodedata.normalize("NFC", name).strip()


def warn_of_case(names: Iterable[str]) -> None:
    """Warn of categories that only the case of letters tells apart."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(name.casefold(), []).append(name)
    for held in (held for held in alike.values() if len(held) > 1):
        shown = " and ".join(repr(name)[:60] for name in held[:3])
        warnings.warn(f"categories {shown} differ by case alone and stay apart; write one of them", stacklevel=3)
