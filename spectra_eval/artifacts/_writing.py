"""Output files: each is written completely or not at all, through `written_whole`."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spectra_eval.artifacts._files import as_path, os_error
from spectra_eval.errors import InputError, SpectraError, one_line

__all__ = ["STDOUT", "remove_leftovers", "write_text", "written_path", "written_whole"]

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Names of the standard output, which is written when the content is complete."""
_DESCRIPTORS = "/proc/self/fd"
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{12}\.part")
_cleaned: set[Path] = set()


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when it is complete; on an error no file is left.

    The bytes go to a file without a name where the system has such (Linux), else to a hidden neighbour; at the end it
    replaces `path`. A kill in the instant between naming and replacing leaves that neighbour, ``.NAME.*.part``, which
    the next command that writes into the folder removes. A pipe, a terminal and the standard output (``-``) get the
    bytes when they are complete.

    Parameters
    ----------
    path : Path
        The file; ``-`` is the standard output.

    Yields
    ------
    binary stream
        What is written to it becomes the file when the block ends without an error.

    Raises
    ------
    InputError
        The operating system refuses: no such folder, no right, a full disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder) / "a.txt") as stream:
    ...         _ = stream.write(b"all of it")
    ...     (Path(folder) / "a.txt").read_text()
    'all of it'
    """
    target = Path(os.path.realpath(path))  # the target of a link is replaced, not the link
    to_stdout = str(path) in STDOUT
    if not to_stdout and target.is_dir():
        raise os_error(path, IsADirectoryError())
    if to_stdout or (target.exists() and not target.is_file()):
        buffer = io.BytesIO()
        yield buffer
        with _mapped(path):
            if to_stdout:
                sys.stdout.flush()
                sys.stdout.buffer.write(buffer.getvalue())
                sys.stdout.buffer.flush()
            else:
                target.write_bytes(buffer.getvalue())
        return
    remove_leftovers(target.parent)
    hidden = _hidden(target)
    with _mapped(path):
        number, named = _opened(hidden)
        try:
            with os.fdopen(number, "wb") as stream:
                _lock(stream.fileno())
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                if not named:
                    _name(stream.fileno(), hidden)
                if os.name == "posix":  # still locked, so that no other process takes it for a leftover
                    os.replace(hidden, target)
            if os.name != "posix":
                os.replace(hidden, target)
            _settle(target.parent)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def written_path(target: Path) -> Iterator[Path]:
    """Yield the path of a hidden file that replaces the target when the block ends.

    For libraries that open files themselves.

    Parameters
    ----------
    target : Path
        The file.

    Yields
    ------
    Path
        The hidden file, in the same folder.

    Raises
    ------
    InputError
        The operating system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_path(Path(folder) / "a.txt") as hidden:
    ...         _ = hidden.write_text("all of it")
    ...     (Path(folder) / "a.txt").read_text()
    'all of it'
    """
    remove_leftovers(target.parent)
    hidden = _hidden(target)
    with _mapped(target), hidden.open("xb") as stream:
        try:
            _lock(stream.fileno())
            yield hidden
            os.fsync(stream.fileno())
            os.replace(hidden, target)
            _settle(target.parent)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the hidden files that killed processes left in a folder; once per process.

    Parameters
    ----------
    folder : Path
        The folder; ignored if it is unreadable.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     remove_leftovers(Path(folder))
    """
    if folder in _cleaned or os.name != "posix":
        return
    _cleaned.add(folder)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if _LEFTOVER.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    number = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                    try:
                        if stat.S_ISREG(os.fstat(number).st_mode) and _lock(number):
                            os.unlink(entry.path)  # no process is writing it
                    finally:
                        os.close(number)


def _lock(number: int) -> bool:
    """Lock an open file until it is closed; return whether that was possible."""
    try:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")


def _opened(hidden: Path) -> tuple[int, bool]:
    """Open a new file; return it and whether it already has its name."""
    # Opened by number so that the file gets the rights that the umask gives, not those of a secret.
    if hasattr(os, "O_TMPFILE") and Path(_DESCRIPTORS).is_dir():
        with contextlib.suppress(OSError):  # not supported by the file system, or an error that is raised again below
            return os.open(hidden.parent, os.O_TMPFILE | os.O_WRONLY, 0o666), False
    return os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), True


def _name(number: int, hidden: Path) -> None:
    """Link an open unnamed file to its name."""
    folder = os.open(hidden.parent, os.O_RDONLY)
    try:  # only with a folder's descriptor does the system follow the link to the open file
        os.link(f"{_DESCRIPTORS}/{number}", hidden.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _settle(folder: Path) -> None:
    """Flush the entries of a folder to disk, where the system supports it."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except SpectraError:
        raise
    except OSError as error:
        raise os_error(path, error, writing=True) from error


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    r"""Write a text as UTF-8, completely or not at all.

    Parameters
    ----------
    text : str
        Line ends are written unchanged.
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
    place = as_path(path)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: the text has no UTF-8 form ({one_line(error)}); remove that character") from error
    with written_whole(place) as stream:
        stream.write(data)
