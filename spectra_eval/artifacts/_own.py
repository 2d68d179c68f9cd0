"""Files of the package itself: their names are safe, and none is opened through a link or a device."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import IO

from spectra_eval.artifacts._files import os_error
from spectra_eval.errors import InputError

__all__ = ["file_name", "has_own_folder", "open_own", "own_file", "own_folder"]

_NAME = re.compile(r"[^\W_][\w .,+=@()\[\]-]{0,99}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def file_name(text: str, what: str) -> str:
    """Check a text that becomes the name of a file or folder.

    Parameters
    ----------
    text : str
        For instance the name of a template.
    what : str
        What it names, for the message.

    Returns
    -------
    str
        The text itself: letters, digits and ``. , + = @ ( ) [ ] - _`` and blanks, at most 100, the first a letter or
        digit.

    Raises
    ------
    InputError
        The text is something else, for instance a path.

    Examples
    --------
    >>> file_name("w5-long", "variant")
    'w5-long'
    >>> file_name("../../etc", "variant")
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: variant: '../../etc' cannot name a file; use letters, digits, '-', '_' and '.'
    """
    if not _NAME.fullmatch(text) or text.endswith((".", " ")) or _RESERVED.fullmatch(text):
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise InputError(f"{what}: {shown!r} cannot name a file; use letters, digits, '-', '_' and '.'")
    return text


def own_file(path: Path) -> Path:
    """Return the path of a file of the package, after checking that no link, device or folder has its name.

    Parameters
    ----------
    path : Path
        The file; it may be missing.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        It is a link, a pipe, a device or a folder.

    Examples
    --------
    >>> own_file(Path("no-such-file.json")).name
    'no-such-file.json'
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return path
    except OSError as error:
        raise os_error(path, error) from error
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: {_kind(mode)}, where a file of the run is kept; remove it or name another folder")
    return path


def has_own_folder(path: Path) -> bool:
    """Return whether a folder of the package exists; a link or a file in its place is refused.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    bool
        False where nothing is at the path.

    Raises
    ------
    InputError
        Something else is at the path.

    Examples
    --------
    >>> has_own_folder(Path("no-such-folder"))
    False
    """
    try:
        path.lstat()
    except OSError:
        return False
    return own_folder(path) == path


def own_folder(path: Path) -> Path:
    """Return the path of a folder of the package, which is created where it is missing.

    Parameters
    ----------
    path : Path
        The folder; its parents are created too.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        A link or a file has its place, or the folder cannot be created.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own_folder(Path(folder) / "run").is_dir()
    True
    """
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
        mode = path.lstat().st_mode
    except OSError as error:
        raise os_error(path, error, writing=True) from error
    if not stat.S_ISDIR(mode):
        raise InputError(f"{path}: {_kind(mode)}, where a folder of the run is kept; remove it or name another folder")
    return path


def open_own(path: Path, mode: str) -> IO[str]:
    """Open a text file that the package keeps for itself; a link is never followed, and a pipe never waited for.

    Parameters
    ----------
    path : Path
        Made where it is missing.
    mode : str
        ``a`` or ``a+``.

    Returns
    -------
    text stream
        Opened for appending, in UTF-8; the caller closes it.

    Raises
    ------
    InputError
        Something else is at the path, or the operating system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_own(Path(folder) / "log", "a") as stream:
    ...     stream.write("one line")
    8
    """
    flags = os.O_CREAT | os.O_APPEND | (os.O_RDWR if "+" in mode else os.O_WRONLY)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    own_file(path)
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        raise os_error(path, error, writing=True) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):  # replaced after the first check
        os.close(number)
        raise InputError(f"{path}: not a regular file; remove it or name another folder")
    return os.fdopen(number, mode, encoding="utf-8")


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "a pipe or device"
