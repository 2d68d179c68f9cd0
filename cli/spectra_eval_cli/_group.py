"""What all commands share: lazy loading, errors as one line, options, and how rows are printed."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import click

from spectra_eval_cli._config import configure
from spectra_eval_cli._printing import document_to_stdout, emit, is_stdout, say, shortened, shown_usage, write_text
from spectra_eval_cli._spelling import options_of, spelled

__all__ = [
    "LazyGroup",
    "common_options",
    "detail",
    "emit",
    "log",
    "naming",
    "read_results",
    "say_read",
    "write_text",
]

EXIT_INPUT = 3
EXIT_BACKEND = 4
EXIT_FAULT = 70
"""An error that was not foreseen (EX_SOFTWARE of sysexits.h)."""
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
_QUIET, _VERBOSE, _DEBUG = "spectra_eval.quiet", "spectra_eval.verbose", "spectra_eval.debug"
_OPTIONS = "spectra_eval.options"

F = TypeVar("F", bound=Callable[..., Any])


class LazyGroup(click.Group):
    """Imports a command when it is named, and turns errors into one line and an exit code.

    A command ``check-metric`` lives in the module ``check_metric`` as the object ``command``.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in self.lazy:
            return None
        found: click.Command = importlib.import_module(f"spectra_eval_cli.{self.lazy[cmd_name]}").command
        return found

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read what was typed before the name of the command."""
        with shown_usage():
            return super().make_context(*args, **extra)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the whole command line; where not even the help or an error can be written, the exit code says so."""
        try:
            try:
                return super().main(*args, **extra)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                _say(_os_message(error))
            os._exit(EXIT_INPUT)  # Python would try again to write what is left in the buffers

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; every error is one line on stderr and an exit code, with --debug a traceback too."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by the caller (`>&-`): what is written there goes nowhere
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        try:
            with shown_usage(), warnings.catch_warnings():
                warnings.showwarning = _warn
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (KeyboardInterrupt, BrokenPipeError) as error:
            signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))  # a second Ctrl-C ends it at once
            if isinstance(error, BrokenPipeError):  # the reader of stdout has gone, as `head` does
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer has no reader either
                ctx.exit(EXIT_PIPE)
            say("stopped: what was finished is kept; the same command resumes there", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BaseException as error:  # a library or a file of the user's that calls sys.exit or panics, too
            if ctx.params.get("debug") or ctx.meta.get(_DEBUG):
                say(traceback.format_exc(), err=True, nl=False)
            code, message = _exit_code_and_message(error)
            with contextlib.suppress(OSError):  # the exit code tells it where stderr cannot be written
                _say(_typed_names(str(message)))
            ctx.exit(code)


def _exit_code_and_message(error: BaseException) -> tuple[int, object]:
    """Return the exit code of an error and its message; an error that was not foreseen is a fault of the program."""
    from spectra_eval.errors import BackendError, SpectraError

    if isinstance(error, SpectraError):
        return EXIT_BACKEND if isinstance(error, BackendError) else EXIT_INPUT, error
    if isinstance(error, OSError):
        return EXIT_INPUT, _os_message(error)
    if isinstance(error, ModuleNotFoundError) and (extra := _extra(error.name or "")):
        return EXIT_BACKEND, f"{error.name} is not installed: pip install 'spectra-eval[{extra}]'"
    if isinstance(error, MemoryError):
        return EXIT_FAULT, f"not enough memory ({error or 'no more is given'}); take fewer users or a larger machine"
    what = f"{type(error).__name__}: {str(error)[:300]}"
    return EXIT_FAULT, f"a fault in spectra-eval ({what}); run `spectra-eval --debug ...` for the traceback to report"


def _extra(module: str) -> str:
    """Return the smallest extra that brings a module, or an empty text."""
    from importlib.metadata import PackageNotFoundError, requires

    brings: dict[str, list[str]] = {}
    with contextlib.suppress(PackageNotFoundError):
        for needed in requires("spectra-eval") or ():
            name, _, extra = needed.partition("extra == ")
            if extra:
                library = re.split(r"[^\w-]", name, maxsplit=1)[0].replace("-", "_")
                brings.setdefault(extra.strip("\"' )"), []).append(library)
    found = [extra for extra, libraries in brings.items() if module.partition(".")[0] in libraries]
    return min(found, key=lambda extra: len(brings[extra]), default="")


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning in one line, without the place in the code."""
    line = spelled(" ".join(str(message).split()), _meta().get(_OPTIONS, {}))
    where = f" ({category.__name__}, {filename}:{lineno})" if _meta().get(_VERBOSE) else ""
    log(f"note: {line}{where}", quiet=bool(_meta().get(_QUIET)))


def _meta() -> dict[str, Any]:
    """Return the state that the commands of one call share."""
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta


def _typed_names(message: str) -> str:
    """Name options, the standard input and pipes as they were typed."""
    message = spelled(message, _meta().get(_OPTIONS, {}))
    files = sys.modules.get("spectra_eval.artifacts")  # where it was never loaded, nothing was read
    return message if files is None else str(files.typed_names(message))


def _say(message: object) -> None:
    say("error: " + " ".join(shortened(str(message)).split()), err=True)


def _os_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full; what was finished is kept, free some space and run the command again"
    return f"{where}{error.strerror or error}"


def say_read(path: Path, metadata: Mapping[str, Any], *, quiet: bool) -> None:
    """Print how a file of another format was read."""
    read = metadata.get("read")
    if not isinstance(read, Mapping):
        return
    columns = dict(read.get("columns", {}))
    changed = _changes(read)
    own = read.get("format") == "parquet" and all(name == column for name, column in columns.items())
    if own and "absent" not in read and not changed:
        return
    renamed = ", ".join(name if name == column else f"{name} from {column}" for name, column in columns.items())
    line = (
        f"read: {path} as {read.get('format')}, {read.get('n_categories')} categories, target as {read.get('target')}"
    )
    log(f"{line} ({renamed}){_options(read)}{changed}", quiet=quiet)


def _changes(read: Mapping[str, Any]) -> str:
    """Return which rows were divided by their sums or left out, and the columns that were not read."""
    parts, n_rows = [], read.get("n_rows", 0)
    for name, n in read.get("rows_divided", {}).items():
        off = read.get("deviation", {}).get(name, 0.0)
        most = f" (off by at most {off:.3g})" if n else ""
        parts.append(f"{name}: {n:,} of {n_rows:,} rows divided by their sums{most}")
    if counts := read.get("left_out"):
        n, records = counts["empty_predictions"], counts["records"]
        parts.append(f"{n:,} of {records:,} records without a prediction left out")
    if ignored := read.get("ignored"):
        more = f" and {len(ignored) - 12} more" if len(ignored) > 12 else ""
        parts.append(f"columns not read: {', '.join(ignored[:12])}{more}")
    return "".join(f"; {part}" for part in parts)


def read_results(path: Path, reading: Mapping[str, Any], *, quiet: bool) -> Any:
    """Read a table, and print how it was read."""
    from spectra_eval.artifacts import read_table

    table = read_table(path, **reading)
    say_read(path, table.metadata, quiet=quiet)
    return table


def _options(read: Mapping[str, Any]) -> str:
    """Return which categories the records offer, and how absent cells were read."""
    sizes, absent = read.get("options"), read.get("absent")
    offers = f"; records offer {sizes['least']} to {sizes['most']} of the categories" if sizes else ""
    if absent is None:
        return offers
    other = {"zero": "not-offered", "not-offered": "zero"}[absent]
    meaning = {"zero": "a zero", "not-offered": "not offered"}[absent]
    return f"{offers}; a cell that is absent is {meaning} (--absent {other} reads it otherwise)"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Prefix an error with the file, unless it is about an option."""
    from spectra_eval.errors import InputError

    try:
        yield
    except InputError as error:
        if str(path) in str(error) or not str(error).startswith(("column", "table", "row", "categories")):
            raise
        raise type(error)(f"{path}: {error}") from error


def log(message: str, *, quiet: bool = False) -> None:
    """Write a line of progress to stderr."""
    if not quiet:
        say(message, err=True)


def detail(message: str) -> None:
    """Write a line to stderr that only ``--verbose`` asks for."""
    if _meta().get(_VERBOSE):
        say(message, err=True)


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Accept --debug after the name of a command too."""
    ctx.meta[_DEBUG] = ctx.meta.get(_DEBUG, False) or value


def common_options(function: F) -> F:
    """Add the options that every command takes."""

    @functools.wraps(function)
    def spoken(*args: Any, quiet: bool, verbose: bool, **options: Any) -> Any:
        ctx = click.get_current_context()
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose: choose one of the two")
        ctx.meta[_OPTIONS] = options_of(ctx.command)
        ctx.meta[_QUIET] = ctx.meta.get(_QUIET, False) or quiet
        ctx.meta[_VERBOSE] = ctx.meta.get(_VERBOSE, False) or verbose
        document_to_stdout(ctx, options.get("output"))
        for param in ctx.command.params:
            folder = isinstance(param.type, click.Path) and not param.type.file_okay
            if folder and is_stdout(ctx.params.get(param.name or "")):
                raise click.UsageError(f"{param.opts[-1]}: a folder is written here, and no standard output; name it")
        if not ctx.meta[_VERBOSE]:
            return function(*args, quiet=quiet, **options)
        began = time.monotonic()
        detail(_effective(ctx))
        try:
            return function(*args, quiet=quiet, **options)
        finally:
            detail(f"{ctx.command.name}: {time.monotonic() - began:.1f} s{_memory()}")

    wrapped = cast(F, spoken)
    for option in (
        click.option("--quiet", is_flag=True, help="Print only errors to stderr."),
        click.option("--verbose", is_flag=True, help="Print settings and timings to stderr."),
        click.option("--debug", is_flag=True, callback=_debug, is_eager=True, expose_value=False, hidden=True),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
            callback=configure,
            is_eager=True,
            expose_value=False,
            help="YAML file of options; the command line overrides it.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _effective(ctx: click.Context) -> str:
    """Print every option in effect and its source."""
    from spectra_eval._version import __version__

    source = click.core.ParameterSource
    marks = {source.COMMANDLINE: "", source.DEFAULT_MAP: " (from the file)"}
    words = [
        f"{name.replace('_', '-')}={value}{marks.get(ctx.get_parameter_source(name), ' (default)')}"  # type: ignore[arg-type]
        for name, value in ctx.params.items()
        if name not in ("quiet", "verbose") and value is not None and value != ()
    ]
    python = ".".join(map(str, sys.version_info[:3]))
    return f"spectra-eval {__version__}, Python {python}\n{ctx.command.name}: {', '.join(words)}"


def _memory() -> str:
    """Return the peak memory of this process, if known."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return ""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f", {most / 2**20:.0f} MiB at most"
