"""The folder of a run: manifest.json, parts/part-*.parquet, table.parquet at the end, and a lock in between."""

from __future__ import annotations

import errno
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from spectra_eval.artifacts import (
    COUNT,
    SHA256,
    check_document,
    file_digest,
    iter_table,
    json_digest,
    open_own,
    own_file,
    own_folder,
    read_json,
    read_table,
    remove_leftovers,
    write_blocks,
    write_json,
    write_table,
)
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.probing._runners import added
from spectra_eval.tables import PreferenceTable

__all__ = ["RunFolder", "open_folder", "records_kept"]

SCHEMA = "spectra-eval/run"
VERSION = 2
_LOCK = ".lock"
_FIX = "name a new folder for the run"
_LISTS = {"dg_entries": COUNT, "dg_out_of_vocabulary": COUNT, "dg_empty": COUNT}
"""Counts of the decoded lists."""
_KEYS = ("users", "counts", "theta_star", "n_window", "context_window", "horizon")
"""Columns of a part that are those of the table."""


class RunFolder:
    """A locked run folder; made by `open_folder`.

    Every file is written atomically. A part counts once the manifest lists it with its digest. A killed run leaves at
    most one file that is not listed; it is written again.
    """

    def __init__(self, path: Path, configuration: Mapping[str, Any], sizes: Sequence[int]) -> None:
        self.path = path
        self.sizes = list(sizes)
        self._manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "schema_version": VERSION,
            "status": "running",
            "configuration": dict(configuration),
            "configuration_digest": json_digest(configuration),
            "progress": {"done": 0, "total": sum(sizes)},
            "parts": [],
            "table": None,
        }
        place = own_file(path / "manifest.json")
        if place.is_file():
            known = read_json(place)
            try:
                self._check_same(known)
            except SchemaError as error:
                raise SchemaError(f"{place}: {error}") from error
            self._manifest = known
        for folder in (path, path / "parts"):
            remove_leftovers(folder)
        if not place.is_file():
            self._write()

    @property
    def table(self) -> Path:
        """Where the whole table is once the run is complete."""
        return own_file(self.path / "table.parquet")

    @property
    def n_parts(self) -> int:
        """Parts that are finished."""
        return len(self._manifest["parts"])

    @property
    def n_done(self) -> int:
        """Records in them."""
        return sum(entry["rows"] for entry in self._manifest["parts"])

    def is_complete(self) -> bool:
        """Return whether the whole table is there and good."""
        if self._manifest["table"] is None:
            return False
        if _sha256(self.table) != self._manifest["table"]:
            warnings.warn(f"{self.table}: missing or changed since it was written; it is written again", stacklevel=3)
            return False
        return True

    def resume(self) -> None:
        """Keep the valid parts up to the first that is missing or damaged."""
        for number, entry in enumerate(self._manifest["parts"]):
            place = own_file(self.path / "parts" / entry["file"])
            if _sha256(place) != entry["sha256"]:
                warnings.warn(f"{place}: missing or damaged; the run resumes from this part", stacklevel=3)
                self._manifest["parts"] = self._manifest["parts"][:number]
                return

    def check(self, records: Iterator[PreferenceTable], *, width: int, scored: bool) -> None:
        """Compare the finished parts with the records of the table, part by part.

        Parameters
        ----------
        records : iterator of PreferenceTable
            The same records of the table.
        width : int
            Entries of a list; 0 without lists.
        scored : bool
            Scores are needed.

        Raises
        ------
        SchemaError
            A part has other records, or lacks answers.
        """
        for entry, table in zip(self._manifest["parts"], records, strict=False):
            place = own_file(self.path / "parts" / entry["file"])
            part = read_table(place, empty_windows="keep")
            problem = _record_mismatch(part, table)
            if problem is None:
                problem = _answer_mismatch(part, entry["noticed"], width=width, scored=scored)
            if problem is not None:
                raise SchemaError(f"{place}: {problem}; remove this file; its users are then probed again")

    def check_table(self, records: Iterator[PreferenceTable]) -> None:
        """Compare the whole table with the records of the source.

        Raises
        ------
        SchemaError
            It has other records.
        """
        found = iter_table(self.table, block=self.sizes[0], empty_windows="keep")
        problem = None
        for table in records:
            part = next(found, None)
            problem = "records are missing" if part is None else _record_mismatch(part, table)
            if problem is not None:
                break
        if problem is None and next(found, None) is not None:
            problem = "it has more records than the source"
        if problem is not None:
            raise SchemaError(f"{self.table}: {problem}; remove this file; it is then written again")

    def seen(self) -> dict[str, Any]:
        """Return the sums over the finished parts."""
        total: dict[str, Any] = {}
        for entry in self._manifest["parts"]:
            total = added(total, entry["noticed"])
        return total

    def add_part(self, part: PreferenceTable, noticed: Mapping[str, Any]) -> None:
        """Write the next part, then the manifest that names it."""
        name = _part_name(self.n_parts)
        place = own_file(self.path / "parts" / name)
        try:
            write_table(part, place)
            entry = {"file": name, "sha256": _sha256(place), "rows": part.n_users, "noticed": dict(noticed)}
            self._manifest["parts"].append(entry)
            try:
                self._write()
            except BaseException:
                self._manifest["parts"].pop()
                raise
        except InputError as error:
            raise InputError(f"{error}; {self.n_done} of {sum(self.sizes)} records are in the folder") from error

    def blocks(self) -> Iterator[PreferenceTable]:
        """Read the finished parts one after the other."""
        for entry in self._manifest["parts"]:
            yield read_table(own_file(self.path / "parts" / entry["file"]), empty_windows="keep")

    def finish(self, blocks: Callable[[], Iterator[PreferenceTable]], metadata: Mapping[str, Any]) -> None:
        """Write the whole table, then mark the run as complete."""
        write_blocks(blocks, self.table, metadata=metadata)
        self._manifest["table"] = _sha256(self.table)
        self._manifest["status"] = "complete"
        self._write()

    def _write(self) -> None:
        self._manifest["progress"] = {"done": self.n_done, "total": sum(self.sizes)}
        write_json(self._manifest, own_file(self.path / "manifest.json"))

    def _check_same(self, known: Any) -> None:
        """Check that the manifest is consistent and belongs to this run."""
        if not isinstance(known, dict) or known.get("schema") != SCHEMA:
            raise SchemaError(f"not the manifest of a run; {_FIX}")
        if known.get("schema_version") != VERSION:
            form = _short(known.get("schema_version"))
            raise SchemaError(f"made by another release, in form {form}; {_FIX}")
        ours = self._manifest["configuration"]
        noticed: dict[Any, Any] = {
            "answer_mass": float,
            "prompts_truncated": COUNT,
            ...: float,
            **(_LISTS if ours.get("dg") else {}),
        }
        shape = {
            "schema": str,
            "schema_version": int,
            "status": ("running", "complete"),
            "configuration": {...: object},
            "configuration_digest": SHA256,
            "progress": {"done": COUNT, "total": COUNT},
            "parts": [{"file": str, "sha256": SHA256, "rows": COUNT, "noticed": noticed}],
            "table": (None, SHA256),
        }
        check_document(known, shape, fix=_FIX)
        theirs, parts = known["configuration"], known["parts"]
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            there, here = theirs.get(key), ours.get(key)
            if (key in theirs) != (key in ours) or json_digest(there) != json_digest(here):
                what = f"{key} is {_short(there)} there and {_short(here)} here"
                raise InputError(
                    f"{self.path}: belongs to another run: {what}; name a new folder, or use the same options"
                )
        if [entry["file"] for entry in parts] != [_part_name(number) for number in range(len(parts))]:
            raise SchemaError(f"its parts are not listed in order, each once; {_FIX}")
        rows = [entry["rows"] for entry in parts]
        if rows != self.sizes[: len(rows)]:
            raise SchemaError(f"its parts have other sizes than in this version; {_FIX}")
        whole = known["status"] == "complete"
        recorded = (known["configuration_digest"], known["progress"], whole, whole and len(rows) < len(self.sizes))
        progress = {"done": sum(rows), "total": sum(self.sizes)}
        if recorded != (self._manifest["configuration_digest"], progress, known["table"] is not None, False):
            raise SchemaError(f"its digest, progress, status and parts contradict each other; {_FIX}")


def records_kept(path: Path) -> int:
    """Return the number of finished records in a run folder.

    Parameters
    ----------
    path : Path
        The run folder.

    Returns
    -------
    int
        The number; 0 without a manifest.

    Raises
    ------
    SchemaError
        The manifest has no number.
    InputError
        The manifest cannot be read.

    Examples
    --------
    >>> records_kept(Path("no-such-folder"))
    0
    """
    place = own_file(path / "manifest.json")
    if not place.is_file():
        return 0
    known = read_json(place)
    try:
        check_document(known, {"progress": {"done": COUNT, ...: object}, ...: object}, fix=_FIX)
    except SchemaError as error:
        raise SchemaError(f"{place}: {error}") from error
    return int(known["progress"]["done"])


@contextmanager
def open_folder(path: Path, configuration: Mapping[str, Any], sizes: Sequence[int]) -> Iterator[RunFolder]:
    """Create or resume a run folder, locked for other processes until the end.

    Raises
    ------
    InputError
        The folder cannot be made, holds something else, belongs to another run, or another process works in it.
    """
    try:
        if path.is_dir() and not (path / "manifest.json").is_file():
            # Files of a run that was killed before its manifest was written are allowed.
            foreign = [p for p in path.iterdir() if p.name not in (_LOCK, "parts") and not p.name.endswith(".part")]
            if foreign or any((path / "parts").glob("*")):
                raise InputError(f"{path}: holds files but no manifest.json; name a new folder for the run")
    except OSError as error:
        raise InputError(f"{path}: the run folder cannot be made ({error.strerror}); choose another") from error
    own_folder(path / "parts")
    with open_own(path / _LOCK, "a+") as lock:
        _take(lock, path)
        yield RunFolder(path, configuration, sizes)


def _take(lock: IO[str], path: Path) -> None:
    """Lock a file until it is closed or its process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        warnings.warn(f"{path}: this system has no file locks; see that no other process writes here", stacklevel=4)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            warnings.warn(f"{path}: its disk has no file locks; see that no other process writes here", stacklevel=4)
            return
        lock.seek(0)
        number = lock.read().strip() or "unknown"
        raise InputError(
            f"{path}: another process (number {number}) is working in this run folder; wait for it, or name another"
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _part_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _record_mismatch(part: PreferenceTable, table: PreferenceTable) -> str | None:
    """Return how the records of a part differ from those of the table, or None."""
    if part.categories != table.categories:
        return "its categories are not those of the table"
    if part.n_users != table.n_users:
        return f"it has {part.n_users} records for {table.n_users} of the table"
    for name in _KEYS:
        one, other = getattr(part, name), getattr(table, name)
        same = one is other if one is None or other is None else np.array_equal(one, other)
        if not same:
            return f"its column {name} is not that of the same records of the table"
    return None


def _answer_mismatch(part: PreferenceTable, noticed: Mapping[str, Any], *, width: int, scored: bool) -> str | None:
    """Return which answers of a part are missing or differ from the recorded counts, or None."""
    if part.theta_s is None or part.answer_mass is None or (scored and part.scores is None):
        return "it lacks answers"
    if part.dg is not None and part.dg.shape[1] > width:
        return f"its lists have {part.dg.shape[1]} entries instead of {width}"
    counted = float(np.sum(part.answer_mass))
    if not math.isclose(counted, noticed["answer_mass"], rel_tol=1e-9, abs_tol=1e-12):
        return f"its answer mass is {counted:g}, and the manifest says {noticed['answer_mass']:g}"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _sha256(path: Path) -> str | None:
    """Return the digest of a file, or None when it cannot be read."""
    try:
        return file_digest(path)
    except OSError:
        return None
