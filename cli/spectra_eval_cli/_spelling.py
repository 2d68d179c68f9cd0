"""Names of the library's parameters in messages, as the options of the command that is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import click

__all__ = ["options_of", "spelled"]

_OTHER = {"share": "--hold-out", "n_categories": "--to", "k": "-k"}
"""Options whose command gives the library another name."""


def options_of(command: click.Command) -> dict[str, str]:
    """Return the options of a command as they are typed, by the names of the library's parameters."""
    typed = {
        param.name: max(param.opts, key=len)
        for param in command.params
        if isinstance(param, click.Option) and param.name is not None
    }
    return {name: option for name, option in _OTHER.items() if option in typed.values()} | typed


def spelled(message: str, options: Mapping[str, str]) -> str:
    """Return a message with parameters named as options.

    A parameter is named before a colon at the beginning, as ``name=value``, or, where its name has an underscore, as
    a word of its own. Names in quotes and in paths are data, and stay.

    Examples
    --------
    >>> spelled("session_gap: '1x'; write 8h (short='session')", {"session_gap": "--session-gap", "short": "--short"})
    "--session-gap: '1x'; write 8h (--short session)"
    """
    if not options:
        return message
    names = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
    message = re.sub(rf"^({names})(?=: | [\w.-]+: )", lambda found: options[found[1]], message)

    def valued(found: re.Match[str]) -> str:
        value = found[2] if found[2] is not None else found[3]
        return options[found[1]] if value == "True" else f"{options[found[1]]} {shlex.quote(value)}"

    message = re.sub(rf"(?<![\w'\"./-])(?<!\w\()({names})=(?:'([^']*)'|([\w.+-]+))", valued, message)
    long = "|".join(re.escape(name) for name in options if "_" in name)
    bare = rf"(?<![\w'\"./-])({long})(?![\w'\"/-]|\.\w)"
    return re.sub(bare, lambda found: options[found[1]], message) if long else message
