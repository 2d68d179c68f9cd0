"""Files: where a table lies, what format its bytes have, and how a file appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spectra_eval.artifacts._limits import unpack
from spectra_eval.errors import InputError, SchemaError, SpectraError

__all__ = ["file_format", "locate", "one_line", "os_error", "read_text", "reading", "write_text", "written_whole"]

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_GZIP = b"\x1f\x8b"
_DESCRIPTORS = "/proc/self/fd"


def one_line(error: object) -> str:
    """Give the text of an error on one line, without its own full stop."""
    return " ".join(str(error).split()).rstrip(".")


def os_error(path: Path, error: OSError, *, writing: bool = False) -> InputError:
    """Say in one line what the operating system refused, and how to mend it."""
    if isinstance(error, gzip.BadGzipFile):
        return SchemaError(f"{path}: not readable as gzip ({one_line(error)}); compress the file again")
    if isinstance(error, FileNotFoundError) and not writing:
        return InputError(f"{path}: no such file; check the name")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path}: the folder {path.parent} does not exist; create it or choose another")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: a folder, where a file is meant; name the file")
    if isinstance(error, PermissionError):
        return InputError(f"{path}: permission denied; change the rights or choose another place")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{path}: the disk is full; nothing was written, free some space and run the command again")
    return InputError(f"{path}: {one_line(error.strerror or error)}; check the file and its disk")


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Map whatever another library raises on a file to one line; put its calls alone in here, and no code of ours.

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
    except MemoryError as error:  # of a parser that met too many brackets, too
        raise SchemaError(f"{path}: not a readable {what}, or too large for this machine; write it again") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(error)[:160]}"
        raise SchemaError(f"{path}: not a readable {what} ({reason}); write it again") from error


def locate(path: Path) -> Path:
    """Give the table file that a path means: itself, or the table of a run folder."""
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
        raise InputError(f"{path}: a folder without manifest.json is no run folder; name a table file")
    if not table.is_file():
        raise InputError(f"{path}: the run has no table.parquet yet; finish it with the same probe command")
    return table


def file_format(path: Path) -> str:
    """Tell the format from the first bytes, and where those say nothing, from the suffix.

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
    known = ".parquet, .npz, .csv, .tsv, .jsonl, .json"
    raise SchemaError(f"{path}: its format is not known from suffix {suffix!r} or first bytes; use one of {known}")


def read_text(path: Path) -> str:
    """Read a whole UTF-8 text, gzip-compressed or not, without its byte order mark."""
    try:
        data = path.read_bytes()
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
        raise SchemaError(f"{path}: line {line} holds a NUL byte; this is no text file")
    return text


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name only when everything was written; else nothing is left.

    The bytes go to a file without a name where the system has such (Linux: a kill leaves nothing at all), else to a
    hidden neighbour; at the end it replaces `path`. What is no regular file (a pipe, a terminal) gets the bytes when
    they are complete.

    Raises
    ------
    InputError
        The operating system refuses: no such folder, no right, a full disk.
    """
    target = Path(os.path.realpath(path))  # a link stays a link, what it points to is replaced
    if target.is_dir():
        raise os_error(path, IsADirectoryError())
    if target.exists() and not target.is_file():
        buffer = io.BytesIO()
        yield buffer
        with _said(path):
            target.write_bytes(buffer.getvalue())
        return
    hidden = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
    with _said(path):
        number, named = _opened(hidden)
        try:
            with os.fdopen(number, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                if not named:
                    _name(stream.fileno(), hidden)
            os.replace(hidden, target)
            _settle(target.parent)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise


def _opened(hidden: Path) -> tuple[int, bool]:
    """Open a new file, and say whether it has its name already."""
    # Opened by number so that the file gets the rights that the umask gives, not those of a secret.
    if hasattr(os, "O_TMPFILE") and Path(_DESCRIPTORS).is_dir():
        with contextlib.suppress(OSError):  # this file system has no such files, or refuses what is refused below
            return os.open(hidden.parent, os.O_TMPFILE | os.O_WRONLY, 0o666), False
    return os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), True


def _name(number: int, hidden: Path) -> None:
    """Give an open file without a name its name."""
    folder = os.open(hidden.parent, os.O_RDONLY)
    try:  # only with a folder's descriptor does the system follow the link to the open file
        os.link(f"{_DESCRIPTORS}/{number}", hidden.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _settle(folder: Path) -> None:
    """See to it that the names in a folder outlive a power cut, where the system can."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except SpectraError:
        raise
    except OSError as error:
        raise os_error(path, error, writing=True) from error


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    r"""Write a text as UTF-8, whole or not at all.

    Parameters
    ----------
    text : str
        Line ends are written as they stand.
    path : path-like
        Its folder must exist; a file of this name is replaced.

    Raises
    ------
    InputError
        The text has no UTF-8 form, or the operating system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text("a line\n", Path(folder) / "note.txt")
    ...     (Path(folder) / "note.txt").read_text()
    'a line\n'
    """
    place = Path(path)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: the text has no UTF-8 form ({one_line(error)}); remove that character") from error
    with written_whole(place) as stream:
        stream.write(data)
