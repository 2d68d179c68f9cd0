"""Input files: their location, their format, and pipes or devices in place of a file."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gzip
import io
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from spectra_eval.artifacts._limits import unpack
from spectra_eval.errors import InputError, SchemaError, SpectraError, one_line

__all__ = [
    "as_file",
    "as_path",
    "file_format",
    "filled_lines",
    "is_stdin",
    "locate",
    "missing",
    "os_error",
    "read_text",
    "reading",
    "text_stream",
    "typed_names",
]

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_GZIP = b"\x1f\x8b"
_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_LINE = re.compile(r"(?<![^\n])[^\S\n]*+\S[^\n]*")
_DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
_copies: dict[tuple[object, ...], Path] = {}  # copies of input that can be read only once, by identity
_typed: dict[str, str] = {}


def os_error(path: Path, error: OSError, *, writing: bool = False) -> InputError:
    """Return a one-line error for a failure of the operating system, with the fix."""
    if isinstance(error, gzip.BadGzipFile):
        return SchemaError(f"{path}: not readable as gzip ({one_line(error)}); compress the file again")
    if isinstance(error, FileNotFoundError) and not writing:
        return InputError(f"{path}: no such file; check the name")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path}: the folder {path.parent} does not exist; create it or choose another")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: this is a folder; name a file")
    if isinstance(error, PermissionError):
        return InputError(f"{path}: permission denied; change the permissions or choose another path")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{path}: the disk is full; nothing was written, free some space and run the command again")
    return InputError(f"{path}: {one_line(error.strerror or error)}; check the file and its disk")


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Convert any error of another library to one line; wrap only calls of that library.

    Examples
    --------
    >>> with reading(Path("a.npz"), "NPZ file"):
    ...     raise TypeError("shape")
    Traceback (most recent call last):
    spectra_eval.errors.SchemaError: a.npz: not a readable NPZ file (TypeError: shape); write it again
    """
    try:
        yield
    except SpectraError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise os_error(path, error) from error
        raise SchemaError(f"{path}: not a readable {what} ({one_line(error)[:160]}); write it again") from error
    except MemoryError as error:  # also raised by parsers for deep nesting
        raise SchemaError(f"{path}: not a readable {what}, or too large for this machine; write it again") from error
    except Exception as error:  # a parser of another library may raise any error at damaged bytes
        reason = f"{type(error).__name__}: {one_line(error)[:160]}"
        raise SchemaError(f"{path}: not a readable {what} ({reason}); write it again") from error


def as_path(path: object) -> Path:
    """Return the path that a caller gave; what is no name of a file is refused.

    Examples
    --------
    >>> as_path("t.csv") == Path("t.csv")
    True
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path: {type(path).__name__} is no file name; give a str or a Path")
    return Path(path)


def missing(path: Path) -> str:
    """Return what is wrong with a path that is no file: that there is none, or what is there instead of it.

    Examples
    --------
    >>> missing(Path("none.csv"))
    'no such file'
    """
    if path.is_dir():
        return "a folder, where a file is meant"
    return "a pipe or a device, where a file is meant" if path.exists() else "no such file"


def is_stdin(path: Path) -> bool:
    """Return whether a path means the standard input."""
    return str(path) in _STDIN


def locate(path: Path) -> Path:
    """Return the table file of a path: itself, the table of a run folder, or a copy of the content of a pipe."""
    path = as_file(path)
    try:
        path.stat()
    except OSError as error:
        raise os_error(path, error) from error
    except ValueError as error:  # a NUL byte in the name
        raise InputError(f"{str(path)!r}: not a file name ({one_line(error)})") from error
    if not path.is_dir():
        return path
    table = path / "table.parquet"
    if not (path / "manifest.json").is_file():
        raise InputError(f"{path}: a folder without manifest.json is not a run folder; name a table file")
    if not table.is_file():
        raise InputError(f"{path}: the run has no table.parquet yet; finish it with the same probe command")
    return table


def as_file(path: Path) -> Path:
    """Return a path that can be read more than once: itself, or a copy of the content of the standard input or a pipe.

    The standard input, a process substitution (``/dev/fd/63``) and a named pipe are copied at the first call; later
    calls return the same copy.

    Parameters
    ----------
    path : Path
        A file, ``-`` for the standard input, or a pipe.

    Returns
    -------
    Path
        The path itself, or that of a copy, which is removed when the process ends.

    Raises
    ------
    InputError
        It is a device, or the operating system refuses access.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     as_file(Path(folder)) == Path(folder)
    True
    """
    if is_stdin(path):
        if sys.stdin is None:  # `<&-`
            raise InputError(f"{path}: the standard input is closed; name a file")
        return _copied(path, (sys.stdin,))
    try:
        if path.is_dir() or path.is_file() or not path.exists():
            return path
        status = path.stat()
    except OSError as error:
        raise os_error(path, error) from error
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):  # /dev/zero has no end
        raise InputError(f"{path}: this is a device; copy its output to a file and name that file")
    named = "" if str(path.parent) in _DESCRIPTORS else os.path.realpath(path)
    return _copied(path, (status.st_dev, status.st_ino, named))


def _copied(path: Path, key: tuple[object, ...]) -> Path:
    """Copy input that can be read only once to a temporary file; later calls return the same copy."""
    if key in _copies:
        return _copies[key]
    folder = Path(tempfile.mkdtemp(prefix="spectra-eval-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / ("stdin" if is_stdin(path) else path.name)
    try:
        with contextlib.ExitStack() as stack:
            source = sys.stdin.buffer if is_stdin(path) else stack.enter_context(path.open("rb"))
            copy = stack.enter_context(target.open("xb"))
            shutil.copyfileobj(source, copy)
    except OSError as error:
        raise os_error(path, error) from error
    _typed[str(target)] = str(path)
    _copies[key] = target
    return target


def typed_names(message: str) -> str:
    """Return a message with the standard input and pipes as the user typed them, not their copies.

    Parameters
    ----------
    message : str
        A message, for instance of an error.

    Returns
    -------
    str
        The message, with the names of copies of the standard input and of pipes replaced.

    Examples
    --------
    >>> typed_names("t.csv: no rows")
    't.csv: no rows'
    """
    for copy, typed in _typed.items():
        message = message.replace(copy, typed)
    return message


def file_format(path: Path) -> str:
    """Return the format from the first bytes or, where those are ambiguous, from the suffix.

    Returns
    -------
    str
        ``parquet``, ``npz``, ``csv``, ``tsv`` or ``jsonl``.

    Raises
    ------
    SchemaError
        The file is empty, or neither its bytes nor its suffix name a known format.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise os_error(path, error) from error
    if not head:
        raise SchemaError(f"{path}: the file is empty; write a table into it")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    name = path.name.lower()
    if head.startswith(_GZIP):
        name = name.removesuffix(".gz")
        with contextlib.suppress(zlib.error):  # errors are reported when it is read
            head = zlib.decompressobj(wbits=31).decompress(head, 512)
    suffix = os.path.splitext(name)[1]
    if suffix in (".parquet", ".npz"):
        kind = {".parquet": "Parquet", ".npz": "NPZ"}[suffix]
        raise SchemaError(f"{path}: not a {kind} file, it begins with {head[:4]!r}; write it again")
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        return "jsonl"
    line = head.split(b"\n", 1)[0]
    if b"category" in line and b"\x00" not in line:
        return "tsv" if b"\t" in line else "csv"
    cells = line.split()
    if (len(cells), cells[1:2]) in ((4, [b"0"]), (4, [b"Q0"]), (6, [b"Q0"])):
        raise SchemaError(f"{path}: judgements or a run of TREC; docs/data.md, 'Results of other tools', converts them")
    known = ".parquet, .npz, .csv, .tsv, .jsonl, .json"
    raise SchemaError(f"{path}: its format is not known from suffix {suffix!r} or first bytes; use one of {known}")


def read_text(path: Path) -> str:
    """Read a whole UTF-8 text, gzip-compressed or not, without its byte order mark."""
    try:
        data = as_file(path).read_bytes()
        if data.startswith(_GZIP):
            data = unpack(path, data)
    except OSError as error:
        raise os_error(path, error) from error
    except (EOFError, zlib.error) as error:
        raise SchemaError(f"{path}: not readable as gzip ({one_line(error)}); compress the file again") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SchemaError(f"{path}: line {line} is not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise SchemaError(f"{path}: line {line} contains a NUL byte; this is not a text file")
    return text


def text_stream(text: str) -> io.TextIOWrapper:
    """Return a stream of a text with unchanged line ends; it needs a quarter of the memory of `io.StringIO`."""
    return io.TextIOWrapper(io.BytesIO(text.encode("utf-8")), encoding="utf-8", newline="")


def filled_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the lines of a text that are not blank, each with its number.

    Examples
    --------
    >>> list(filled_lines("{}\n\n[]"))
    [(1, '{}'), (3, '[]')]
    """
    number, seen = 1, 0
    for found in _LINE.finditer(text):
        number += text.count("\n", seen, found.start())
        seen = found.start()
        yield number, found[0]
