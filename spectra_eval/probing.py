"""Ask a model about every user of a table, and lose nothing on the way.

The work is cut into parts of some users each. A part that is finished is written to the run folder and
never touched again; a run that was stopped goes on after the last good part. The cut depends on the
number of users alone, so a run that was stopped and one that was not give the same bytes.
"""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.artifacts import TableDigest, json_digest, read_json, read_table, write_json, write_table
from spectra_eval.asking import Asker, added, sums
from spectra_eval.backends._base import Session
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.prompts import prompt_digest
from spectra_eval.readouts import dg as lists
from spectra_eval.readouts._scale import cross_scaled
from spectra_eval.tables import PAD, PreferenceTable, ProbeRequest

__all__ = ["Measured", "probe"]

SCHEMA = "spectra-eval/run"
VERSION = 1
_PART = 8
"""Users a part: what a crash can lose, and what a backend may decode together."""
_MOST_PARTS = 1000
Progress = Callable[[int, int], Any]


@runtime_checkable
class Measured(Protocol):
    """A session that knows how long a prompt may be."""

    @property
    def context_limit(self) -> int | None:
        """Most tokens of prompt and reply together; None where the model does not say."""

    def count_tokens(self, request: ProbeRequest) -> int:
        """Count the tokens of the longest prompt of a request."""


def probe(
    table: PreferenceTable,
    session: Session,
    *,
    readout: str = "likelihood",
    options: Mapping[str, Any] | None = None,
    temperature: float | Literal["fitted"] = 1.0,
    debias: bool = False,
    dg: bool = True,
    list_length: int = 5,
    titles: int = 20,
    limit: int | None = None,
    seed: int = 0,
    run: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> PreferenceTable:
    """Ask a model about every user of a table.

    Parameters
    ----------
    table : PreferenceTable
        With `history`: what the model is told of each user.
    session : Session
        A model that is open.
    readout : str
        Name of the readout.
    options : mapping, optional
        Choices of that readout by name; see `list readouts`.
    temperature : float or "fitted"
        Divides the scores. ``fitted``: each user's is fitted to what users of other folds did, never to their own.
    debias : bool
        Take off each score that of the same question about nobody in particular.
    dg : bool
        Ask for a decoded list too.
    list_length : int
        Entries of that list.
    titles : int
        The last so many titles of a history are shown; fewer where a prompt would be longer than the model's
        context, which is counted.
    limit : int, optional
        Only the first so many records.
    seed : int
        Recorded; nothing is drawn here.
    run : path-like, optional
        The run folder; made, or gone on with where the same run was stopped in it. None keeps nothing.
    progress : callable, optional
        Called with (records done, records in all) at the start and after each part.

    Returns
    -------
    PreferenceTable
        The records with `scores` (nats), `theta_s`, `answer_mass`, `history` as it was shown and, when asked
        for, `dg`; the metadata say how it was made.

    Raises
    ------
    InputError
        An option is out of range, the table has no history, or the folder belongs to another run.
    BackendError
        The model fails; what was finished stays in the folder.

    Examples
    --------
    >>> from spectra_eval.backends import open
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Noir", "War"), counts=[[1, 3]], history=[("Heat (1995)", "Ran (1985)")]
    ... )
    >>> with open("mocked", theta={"Heat": [0.75, 0.25]}) as session:
    ...     probed = probe(table, session, list_length=2)
    >>> probed.theta_s.round(6).tolist(), probed.dg.tolist()
    ([[0.75, 0.25]], [[0, 1]])
    """
    fitted = temperature == "fitted"
    asker = Asker(
        session,
        readout=readout,
        categories=table.categories,
        parents=table.parents,
        temperature=1.0 if temperature == "fitted" else temperature,
        debias=debias,
        options=options,
    )
    if fitted and not asker.readout.softmax:
        raise InputError(f"temperature: theta of readout {readout!r} is no softmax of scores; none can be fitted")
    questions = _Questions(asker=asker, fitted=fitted, list_length=list_length if dg else None, titles=titles)
    table = _chosen(table, limit, questions)
    configuration = _configuration(table, questions, seed)
    size = max(_PART, math.ceil(table.n_users / _MOST_PARTS))
    parts = [slice(start, min(start + size, table.n_users)) for start in range(0, table.n_users, size)]
    folder = None if run is None else _RunFolder(Path(run), configuration, [p.stop - p.start for p in parts])
    finished = folder.finished() if folder else None
    if finished is not None:
        _tell(progress, table.n_users, table.n_users)
        return finished
    done: list[PreferenceTable] = folder.resume() if folder else []
    seen = folder.seen() if folder else {"prompts_truncated": 0}
    _tell(progress, sum(part.n_users for part in done), table.n_users)
    for rows in parts[len(done) :]:
        part, noticed = questions.ask(table.select(rows))
        if folder:
            part = folder.keep(part, noticed)
        seen = added(seen, noticed)
        done.append(part)
        _tell(progress, rows.stop, table.n_users)
    whole = _joined(table, done, questions.list_length)
    assert whole.answer_mass is not None
    metadata = {
        **table.metadata,
        **configuration,
        "prompts_truncated": seen.pop("prompts_truncated"),
        "mean_answer_mass": float(whole.answer_mass.mean()),
        "readout_means": {name: total / table.n_users for name, total in sorted(seen.items())},
    }
    if fitted:
        scaled = cross_scaled(np.asarray(whole.scores), whole.theta_star, table.users, observed=whole.observed)
        whole = whole.replace(theta_s=scaled.theta_s)
        metadata["fold_temperatures"] = [None if math.isnan(t) else float(t) for t in scaled.temperature]
    whole = whole.replace(metadata=metadata)
    return folder.finish(whole) if folder else whole


@dataclass(frozen=True, kw_only=True)
class _Questions:
    """What is asked about each user; `list_length` None asks for no list."""

    asker: Asker
    fitted: bool
    list_length: int | None
    titles: int

    def ask(self, table: PreferenceTable) -> tuple[PreferenceTable, dict[str, Any]]:
        """Ask about some users; give them with the answers, and sums over them of what else was noticed."""
        assert table.history is not None
        shown, decoded = [], []
        for history in table.history:
            kept = self._fitting(history[max(0, len(history) - self.titles) :], table.categories)
            shown.append(kept)
            if self.list_length is not None:
                decoded.append(lists.ask(kept, table.categories, list_length=self.list_length))
        truncated = sum(len(k) < min(len(h), self.titles) for k, h in zip(shown, table.history, strict=True))
        readings = self.asker.read(shown)
        columns: dict[str, Any] = {
            "scores": np.array([reading.scores for reading in readings]),
            "theta_s": np.array([reading.theta_s for reading in readings]),
            "answer_mass": np.array([reading.answer_mass for reading in readings]),
            "history": shown,
        }
        if self.list_length is not None:
            replies = self.asker.session.generate(
                decoded, max_tokens=lists.max_tokens(table.categories, self.list_length)
            )
            columns["dg"] = np.array(
                [
                    lists.read(r.text, table.categories, list_length=self.list_length, truncated=r.truncated)
                    for (r,) in replies
                ]
            )
        return table.replace(metadata={}, **columns), {"prompts_truncated": truncated, **sums(readings)}

    def _fitting(self, history: tuple[str, ...], categories: tuple[str, ...]) -> tuple[str, ...]:
        """Drop the oldest titles until every prompt fits the context of the model."""
        session = self.asker.session
        limit = session.context_limit if isinstance(session, Measured) else None
        while limit is not None and history and self._longest(history, categories) > limit:
            history = history[1:]
        return history

    def _longest(self, history: Sequence[str], categories: Sequence[str]) -> int:
        session = self.asker.session
        assert isinstance(session, Measured)
        longest = self.asker.longest(history, session.count_tokens)
        if self.list_length is None:
            return longest
        asked = session.count_tokens(lists.ask(history, categories, list_length=self.list_length))
        return max(longest, asked + lists.max_tokens(categories, self.list_length))


def _chosen(table: PreferenceTable, limit: int | None, questions: _Questions) -> PreferenceTable:
    """Check what was asked for, and take the records that are wanted."""
    if limit is not None and limit < 1:
        raise InputError(f"limit: {limit} is below 1; leave it out to probe every record")
    if questions.titles < 0:
        raise InputError(f"titles: {questions.titles} is negative; 0 shows the model no history")
    if table.history is None:
        raise InputError("column history: missing; the model must be told what each user chose, see `prepare`")
    if questions.list_length is not None:
        lists.ask((), table.categories, list_length=questions.list_length)
    return table if limit is None else table.select(slice(0, limit))


def _configuration(table: PreferenceTable, questions: _Questions, seed: int) -> dict[str, Any]:
    """Say everything that the answers depend on."""
    digest = TableDigest()
    digest.update(table)
    assert table.history is not None
    asked = [questions.asker.request(("{title}",))]
    if questions.list_length is not None:
        asked.append(lists.ask(("{title}",), table.categories, list_length=questions.list_length))
    return {
        "readout": questions.asker.readout.name,
        "readout_options": questions.asker.choices,
        **questions.asker.session.description,
        "temperature": "fitted" if questions.fitted else questions.asker.temperature,
        "debias": questions.asker.debias,
        "dg": questions.list_length is not None,
        "list_length": questions.list_length,
        "titles": questions.titles,
        "prompt_digest": prompt_digest(*asked),
        "input_digest": digest.hexdigest(),
        "history_digest": json_digest([list(history) for history in table.history]),
        "n_records": table.n_users,
        "seed": seed,
        "package_version": __version__,
    }


def _joined(table: PreferenceTable, parts: Sequence[PreferenceTable], list_length: int | None) -> PreferenceTable:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("scores", "theta_s", "answer_mass", "history")
    }
    if list_length is not None:
        columns["dg"] = np.concatenate([_padded(part, list_length) for part in parts])
    return table.replace(**columns)


def _padded(part: PreferenceTable, list_length: int) -> np.ndarray:
    """Give the lists at their full length: a file keeps a list no longer than it is."""
    out = np.full((part.n_users, list_length), PAD, dtype=np.int32)
    if part.dg is not None:
        out[:, : part.dg.shape[1]] = part.dg
    return out


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


class _RunFolder:
    """The files of one run: manifest.json, parts/part-*.parquet, and at the end table.parquet."""

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
        place = path / "manifest.json"
        if place.is_file():
            known = read_json(place)
            self._check_same(known, place)
            self._manifest = known
            return
        try:
            if path.is_dir() and any(path.iterdir()):
                raise InputError(f"{path}: holds files but no manifest.json; name a new folder for the run")
            (path / "parts").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: the run folder cannot be made ({error.strerror}); choose another") from error
        self._write()

    def finished(self) -> PreferenceTable | None:
        """Give the table of a run that is complete and whole."""
        place = self.path / "table.parquet"
        if self._manifest["table"] is None:
            return None
        if _sha256(place) != self._manifest["table"]:
            warnings.warn(f"{place}: missing or changed since it was written; it is made again", stacklevel=3)
            return None
        return read_table(place, empty_windows="keep")

    def resume(self) -> list[PreferenceTable]:
        """Read the parts that are there and good, up to the first that is not."""
        kept: list[PreferenceTable] = []
        for entry in self._manifest["parts"]:
            place = self.path / "parts" / entry["file"]
            if _sha256(place) != entry["sha256"]:
                warnings.warn(f"{place}: missing or damaged; asking again from there on", stacklevel=3)
                break
            kept.append(read_table(place, empty_windows="keep"))
        self._manifest["parts"] = self._manifest["parts"][: len(kept)]
        return kept

    def seen(self) -> dict[str, Any]:
        """Sum what was noticed in the kept parts."""
        total: dict[str, Any] = {"prompts_truncated": 0}
        for entry in self._manifest["parts"]:
            total = added(total, {name: v for name, v in entry.items() if name not in ("file", "sha256", "rows")})
        return total

    def keep(self, part: PreferenceTable, noticed: Mapping[str, Any]) -> PreferenceTable:
        """Write the next part, then the manifest that names it; give it back as a later run will read it."""
        name = f"part-{len(self._manifest['parts']):05d}.parquet"
        place = self.path / "parts" / name
        write_table(part, place)
        entry = {"file": name, "sha256": _sha256(place), "rows": part.n_users, **noticed}
        self._manifest["parts"].append(entry)
        self._write()
        return read_table(place, empty_windows="keep")

    def finish(self, table: PreferenceTable) -> PreferenceTable:
        """Write the whole table, and only then call the run complete."""
        place = self.path / "table.parquet"
        write_table(table, place)
        self._manifest["table"] = _sha256(place)
        self._manifest["status"] = "complete"
        self._write()
        return read_table(place, empty_windows="keep")

    def _write(self) -> None:
        done = sum(entry["rows"] for entry in self._manifest["parts"])
        self._manifest["progress"] = {"done": done, "total": sum(self.sizes)}
        write_json(self._manifest, self.path / "manifest.json")

    def _check_same(self, known: Any, place: Path) -> None:
        keys = set(self._manifest)
        if not isinstance(known, dict) or known.get("schema") != SCHEMA or set(known) != keys:
            raise SchemaError(f"{place}: not the manifest of a run; name a new folder for the run")
        theirs, ours = known["configuration"], self._manifest["configuration"]
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            there, here = theirs.get(key), ours.get(key)
            if json_digest(there) != json_digest(here):
                what = f"{key} is {_short(there)} there and {_short(here)} here"
                raise InputError(f"{self.path}: belongs to another run: {what}; name a new folder, or ask the same")
        rows = [entry["rows"] for entry in known["parts"]]
        if rows != self.sizes[: len(rows)]:
            raise SchemaError(f"{place}: its parts are cut otherwise than this version does; name a new folder")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _sha256(path: Path) -> str | None:
    """Give the digest of a file, or None when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
