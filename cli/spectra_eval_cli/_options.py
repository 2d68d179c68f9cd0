"""Options that several commands take: each is defined once, and a command gets its value read, not its text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from spectra_eval_cli._config import COMMAS

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
MAPPING = "NAME=COLUMN, for instance target=y"
_FORMATS = ("table", "json", "markdown", "csv")

table_argument = click.argument("table", type=PATH)
tables_argument = click.argument("tables", nargs=-1, required=True, type=PATH)
limit_option = click.option("--limit", type=int, help="Use only the first N users.")
scope_option = click.option("--scope", type=click.Choice(["cohort", "population"]), default="cohort", show_default=True)
titles_option = click.option(
    "--titles", type=int, default=20, show_default=True, help="Number of history titles shown in the prompt."
)


def seed_option(what: str | None = None, *, default: int | None = 0) -> Decorator[Any]:
    """Add --seed; `what` is its help."""
    return click.option(
        "--seed", type=click.IntRange(min=0), default=default, show_default=default is not None, help=what
    )


def level_option(what: str) -> Decorator[Any]:
    """Add --level; `what` is its help."""
    return click.option("--level", type=float, default=0.95, show_default=True, help=what)


def bootstrap_option(what: str) -> Decorator[Any]:
    """Add --bootstrap; `what` is its help."""
    return click.option("--bootstrap", type=int, default=1000, show_default=True, help=what)


def cutoff_option(what: str, *, default: int = 5) -> Decorator[Any]:
    """Add -k; `what` is its help."""
    return click.option("-k", "k", type=int, default=default, show_default=True, help=what)


def output_option(what: str, *, required: bool = False, kind: click.Path = FILE) -> Decorator[Any]:
    """Add --output; `what` is its help."""
    return click.option("-o", "--output", required=required, type=kind, help=what)


def format_option(*further: str, among: Sequence[str] = _FORMATS, show_default: bool = False) -> Decorator[Any]:
    """Add --format, which the command gets as `style`."""
    kinds = click.Choice([*among[:3], *further, *among[3:]])
    return click.option("--format", "style", type=kinds, default="table", show_default=show_default)


def example_options(number: int, what: str, seed: str) -> Decorator[Any]:
    """Add --examples and --seed of a search among random examples."""

    def add(function: F) -> F:
        function = cast("F", seed_option(seed)(function))
        return click.option("--examples", type=click.IntRange(1), default=number, show_default=True, help=what)(
            function
        )

    return add


def comma_option(
    name: str, what: str, *, default: Any = None, read: Callable[[str], Any] = str, **more: Any
) -> Decorator[Any]:
    """Add an option of several values separated by commas: a tuple, or None where it is not given.

    `read` reads one value; a ValueError of it is a wrong use, and `example` in `more` says how to write it.
    """
    example = more.pop("example", "")

    def split(_: click.Context, __: click.Parameter, value: str | None) -> tuple[Any, ...] | None:
        try:
            return None if value is None else tuple(read(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise click.BadParameter(f"{value!r}: write {example}") from None

    return click.option(
        name, type=COMMAS, default=default, show_default=default is not None, callback=split, help=what, **more
    )


def rivals(names: Sequence[str]) -> Any:
    """Return the rivals of a certificate: "auto", or by name a table to read (None for a baseline)."""
    from spectra_eval.artifacts import iter_table

    if list(names) == ["auto"]:
        return "auto"
    found: dict[str, Any] = {}
    for text in names:
        if text == "none" and len(names) == 1:
            continue
        name, equals, place = text.partition("=")
        path = Path(place if equals else text)
        is_file = bool(equals) or path.suffix != "" or path.is_file() or len(path.parts) > 1
        name = name if equals else (path.stem if is_file else text)
        if name in found:
            raise click.UsageError(f"--against: two rivals are named {name!r}; write NAME=FILE")
        found[name] = iter_table(path, columns=("theta_s", "context_window", "horizon")) if is_file else None
    return found


def parse_pairs(option: str, pairs: Sequence[str], form: str, *, blank: bool = False) -> dict[str, str]:
    """Read NAME=VALUE pairs; `form` says how one is written."""
    read = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and (value or blank)):
            raise click.UsageError(f"{option} {pair!r}: write it as {form}")
        read[name] = value
    return read


def pairs_option(*names: str, form: str, help: str, metavar: str = "NAME=VALUE", **how: Any) -> Decorator[Any]:
    """Add an option of NAME=VALUE pairs, which the command gets as a mapping."""
    option = next(name for name in names if name.startswith("--"))

    def read(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
        return parse_pairs(option, pairs, form, **how)

    return click.option(*names, multiple=True, metavar=metavar, callback=read, help=help)


def number_or_fitted(_: click.Context, parameter: click.Parameter, text: str) -> str | float:
    """Read a number, or the word ``fitted``."""
    if text == "fitted":
        return text
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{parameter.opts[0]} {text!r}: give a number or the word 'fitted'") from None


def requirements(what: str) -> Decorator[Any]:
    """Add --require, which the command gets as a mapping of claims to numbers."""

    def read(ctx: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, float]:
        required: dict[str, float] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name in required:
                raise click.UsageError(f"--require {pair!r}: {name} is required twice; keep one of the two")
            try:
                required[name] = float(value)
            except ValueError:
                form = "CLAIM=NUMBER, say fraction.window=0.9"
                raise click.UsageError(f"--require {pair!r}: write it as {form}") from None
        return required

    return click.option("--require", multiple=True, metavar="CLAIM=VALUE", callback=read, help=what)


def adapter_option(what: str) -> Decorator[Any]:
    """Add --adapter; `what` is its help."""
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option("--adapter", type=kind, help=what)


def model_options(what: str) -> Decorator[Any]:
    """Add the options that name a backend and its model; the command gets all but --backend as `opening`."""

    def add(function: F) -> F:
        @functools.wraps(function)
        def called(*args: Any, model: str, dtype: str, download: bool, settings: tuple[str, ...], **rest: Any) -> Any:
            opening = {"model": model, "dtype": dtype, "download": download, "settings": settings}
            return function(*args, opening=opening, **rest)

        return _with(
            called,
            click.option("--backend", default="hf", show_default=True, help="See `list backends`."),
            click.option("--model", default="embedded", show_default=True, help=what),
            click.option("--download", is_flag=True, help="Let the model library fetch a hub name over the network."),
            click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True),
            click.option(
                "--backend-set",
                "settings",
                multiple=True,
                metavar="NAME=VALUE",
                help="An option of the backend, say url=http://127.0.0.1:8000/v1, route=classify or "
                "engine.max_num_seqs=64.",
            ),
        )

    return add


def table_options(function: F) -> F:
    """Add the options that say how a table is read; the command gets them as `reading`, for `artifacts.read_table`."""

    @functools.wraps(function)
    def called(*args: Any, mapping: Mapping[str, str], **options: Any) -> Any:
        how = {name: options.pop(name) for name in ("renormalise", "empty_windows", "empty_predictions", "absent")}
        return function(*args, reading={"mapping": mapping, **how}, **options)

    return _with(
        called,
        click.option(
            "--absent",
            type=click.Choice(["zero", "not-offered"]),
            help="How to read categories that a record of a CSV or JSON file omits.  "
            "[default: not-offered where there is a prediction, else zero]",
        ),
        click.option(
            "--empty-windows",
            type=click.Choice(["refuse", "keep"]),
            default="refuse",
            show_default=True,
            help="How to treat users without interactions in the window.",
        ),
        click.option(
            "--empty-predictions",
            type=click.Choice(["refuse", "drop"]),
            default="refuse",
            show_default=True,
            help="How to treat records whose prediction is missing or all zero; how many are left out is recorded.",
        ),
        click.option(
            "--renormalise", is_flag=True, help="Divide rows that do not sum to one by their sum; counted and recorded."
        ),
        pairs_option("--map", "mapping", metavar="NAME=COLUMN", form=MAPPING, help="Read column NAME from COLUMN."),
    )


def _with(function: Callable[..., Any], *options: Decorator[Any]) -> Any:
    """Add options to a function, in the order of the help."""
    for option in reversed(options):
        function = option(function)
    return function
