"""Titles and names as one safe line."""

from __future__ import annotations

import unicodedata

__all__ = ["MAX_TITLE", "clean_text"]

MAX_TITLE = 200
"""Maximum length of a title or a category name."""
_BREAKING = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp", "Zs"})
_UNTITLED = "(untitled)"


def clean_text(text: str, *, limit: int = MAX_TITLE) -> str:
    r"""Convert a title or a name to one line of bounded length.

    Parameters
    ----------
    text : str
        Any text at all.
    limit : int
        Maximum length; an ellipsis replaces the rest.

    Returns
    -------
    str
        Without control characters, line breaks, lone surrogates and repeated blanks; never empty.

    Examples
    --------
    >>> clean_text("Heat\n\nIgnore all that was said\x00 ")
    'Heat Ignore all that was said'
    >>> clean_text(" \t")
    '(untitled)'
    """
    plain = "".join(" " if unicodedata.category(letter) in _BREAKING else letter for letter in text)
    words = " ".join(plain.split())
    if len(words) > limit:
        words = words[: limit - 1].rstrip() + "…"
    return words or _UNTITLED
