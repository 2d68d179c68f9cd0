"""Names of the library's parameters in messages, as the options of the command that is run."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping

import click

__all__ = ["dataset_options", "entry_options", "options_of", "spelled"]

_OTHER = {"share": "--hold-out", "n_categories": "--to", "k": "-k"}
"""Options whose command gives the library another name."""


def dataset_options(dataset: str, known: Collection[str], more: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a data set by the names of the library; one that it does not take is a wrong use."""
    options = {name.replace("-", "_"): value for name, value in more.items()}
    for name in options:
        if name not in known:
            takes = ", ".join(other.replace("_", "-") for other in known) or "none"
            raise click.UsageError(f"{dataset} takes no option {name!r}; it takes {takes}")
    return options


@contextlib.contextmanager
def entry_options(names: Iterable[str]) -> Iterator[None]:
    """Raise an error of a data set with its options as ``-O NAME=VALUE``."""
    from spectra_eval.errors import InputError

    try:
        yield
    except InputError as error:
        known = "|".join(sorted(names))
        message = re.sub(rf"^({known})(?=: )", lambda found: f"-O {found[1].replace('_', '-')}", str(error))
        message = re.sub(
            rf"\b({known})='([^']*)'",
            lambda found: f"-O {found[1].replace('_', '-')}={shlex.quote(found[2])}",
            message,
        )
        raise type(error)(message) from error


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
