"""Options that several commands take."""

from __future__ import annotations

from typing import cast

import click
import pytest

from spectra_eval_cli._group import LazyGroup
from spectra_eval_cli.main import main


@pytest.mark.parametrize("name", [name for name in cast("LazyGroup", main).lazy if name != "demo"])
def test_options_that_commands_share_are_the_same_in_each(name: str) -> None:
    """One definition an option: the same type, and the same number of values, wherever it is taken."""
    known: dict[str, str] = {
        "--seed": "integer range", "--limit": "integer", "--bootstrap": "integer",
        "--titles": "integer", "--scope": "choice", "--format": "choice", "--metrics": "text", "--strata": "text",
        "--require": "text", "--map": "text", "--renormalise": "boolean", "--empty-windows": "choice",
    }  # fmt: skip
    command = cast("LazyGroup", main).get_command(click.Context(main), name)
    assert command is not None
    for parameter in command.params:
        for flag in set(parameter.opts) & known.keys():
            assert parameter.type.name == known[flag], flag
            assert parameter.multiple == (flag in ("--map", "--require")), flag
