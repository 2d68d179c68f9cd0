"""Options from a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["COMMAS", "configure"]


def configure(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Read options from a YAML file, outside sections and in the section of this command; what is typed wins."""
    if value is None:
        return
    from spectra_eval.artifacts import as_file
    from spectra_eval.errors import SchemaError
    from spectra_eval.settings import read_settings

    known = {name.lstrip("-").replace("-", "_"): p for p in ctx.command.params for name in p.opts if not p.is_eager}
    values: dict[str, Any] = {}
    group = None if ctx.parent is None else ctx.parent.command
    commands = group.list_commands(ctx) if isinstance(group, click.Group) else []
    data = as_file(value).read_bytes()
    for name, setting in read_settings(data, str(value), section=ctx.info_name, sections=commands).items():
        param = known.get(name.replace("-", "_"))
        if param is None or param.name is None:
            raise SchemaError(f"{value}: no option {name!r} in this command; see --help")
        values[param.name] = _setting(param, setting, f"{value}: {name!r}")
        try:
            param.type_cast_value(ctx, values[param.name])
        except click.BadParameter as error:  # as a refusal of the file, in one line
            raise SchemaError(f"{value}: {name!r}: {error.message}") from error
    ctx.default_map = {**(ctx.default_map or {}), **values}


def _setting(param: click.Parameter, setting: str | bool | list[str], place: str) -> Any:
    """Return a value of a configuration file as the option takes it: a text as if it were typed, true or false."""
    from spectra_eval.errors import SchemaError

    flag = isinstance(param, click.Option) and param.is_flag
    if flag != isinstance(setting, bool):
        meant = "true or false" if flag else "a value"
        raise SchemaError(f"{place} is {str(setting).lower()!r}, where {meant} is meant; see --help")
    if param.multiple or param.nargs == -1:
        return setting if isinstance(setting, list) else [setting]
    if not isinstance(setting, list):
        return setting
    if not isinstance(param.type, CommaList):
        raise SchemaError(f"{place} is a list, where one value is meant; see --help")
    return ",".join(setting)


class CommaList(click.types.StringParamType):
    """The type of an option that takes several values separated by commas; a configuration file may hold a list."""


COMMAS = CommaList()
