r"""Text that is safe to print: without secrets and without terminal control characters.

Texts of servers, files and file names pass through `shown` before they are printed.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

__all__ = ["escaped", "escaped_json", "hide", "redacted", "shown"]

_HIDDEN = "[hidden]"
_SHORT = 8
"""A secret shorter than this is removed only where it is a whole word, since longer words may contain it."""
_SECRETS: dict[str, re.Pattern[str]] = {}
# Control characters, separators of lines, direction marks, tags, and lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def hide(secret: str) -> None:
    """Remove a secret from everything that `redacted` and `shown` return from now on.

    Parameters
    ----------
    secret : str
        A key or password; an empty one is no secret.

    Examples
    --------
    >>> hide("hf_0123456789")
    >>> redacted("token hf_0123456789")
    'token [hidden]'
    """
    if not secret.strip():
        return
    encoded = base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode()
    forms = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), encoded, encoded.rstrip("=")}
    any_of = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    edge = (r"(?<!\w)", r"(?!\w)") if len(secret) < _SHORT else ("", "")
    _SECRETS[secret] = re.compile(f"{edge[0]}(?:{any_of}){edge[1]}")


def redacted(text: str) -> str:
    """Return a text without the secrets registered with `hide`.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with ``[hidden]`` in place of each secret.

    Examples
    --------
    >>> hide("sk-1234567890")
    >>> redacted("401: key 'sk-1234567890' is unknown")
    "401: key '[hidden]' is unknown"
    """
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = _SECRETS[secret].sub(_HIDDEN, text)
    return text


def escaped(text: str) -> str:
    r"""Return a text with terminal control characters escaped; line breaks and tabs are kept.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with escapes as in Python: two, four or eight hexadecimal digits.

    Examples
    --------
    >>> escaped("\x1b[2Jgone")
    '\\x1b[2Jgone'
    """
    return _UNSAFE.sub(_escape, text)


def escaped_json(text: str) -> str:
    r"""Return JSON text with the same values and without terminal control characters.

    Parameters
    ----------
    text : str
        JSON text.

    Returns
    -------
    str
        The same document with JSON escapes.

    Examples
    --------
    >>> print(escaped_json('"\u202egone"'))
    "\u202egone"
    """
    return _UNSAFE.sub(lambda found: "".join(f"\\u{unit:04x}" for unit in _units(found.group())), text)


def shown(text: str) -> str:
    r"""Return a text that is safe to print: `redacted`, then `escaped`.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text without secrets and control characters.

    Examples
    --------
    >>> hide("sk-0987654321")
    >>> print(shown("key sk-0987654321\x1b[2J"))
    key [hidden]\x1b[2J
    """
    return escaped(redacted(text))


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _units(letter: str) -> list[int]:
    """Return the UTF-16 code units of a character, as JSON escapes them."""
    number = ord(letter)
    if number < 0x10000:
        return [number]
    return [0xD800 + (number - 0x10000 >> 10), 0xDC00 + (number - 0x10000 & 0x3FF)]
