"""The probe of a table in memory, and of a file of any length."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spectra_eval.arrays import check_seed, check_whole
from spectra_eval.artifacts import read_table
from spectra_eval.errors import InputError
from spectra_eval.probing._folder import RunFolder, open_folder
from spectra_eval.probing._questions import Questions, questions_for
from spectra_eval.probing._runners import added
from spectra_eval.probing._source import FileSource, Source, TableSource
from spectra_eval.probing.backends._base import Session
from spectra_eval.probing.readouts._scale import cross_scaled
from spectra_eval.probing.templates import PLAIN, Template
from spectra_eval.tables import PAD, PreferenceTable, check_table

__all__ = ["Probed", "probe", "probe_file"]

_NOT_OFFERED = -1e30
_PART = 8
"""Minimum number of users per part: what a crash can lose, and what a backend may decode together."""
_MOST_PARTS = 1000
_LISTS = ("greedy", "sampled")
_Progress = Callable[[int, int], Any]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """A complete run.

    Attributes
    ----------
    run : Path
        Its folder.
    n_users : int
        The number of its records.
    metadata : mapping
        The metadata of its table.

    Examples
    --------
    >>> Probed(run=Path("run"), n_users=2, metadata={}).n_users
    2
    """

    run: Path
    n_users: int
    metadata: Mapping[str, Any]


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
    decoding: str = "greedy",
    list_temperature: float = 1.0,
    constrained: bool = False,
    titles: int = 20,
    template: Template = PLAIN,
    limit: int | None = None,
    seed: int = 0,
    run: str | os.PathLike[str] | None = None,
    progress: _Progress | None = None,
) -> PreferenceTable:
    """Probe a model with the prompts of every user of a table.

    Parameters
    ----------
    table : PreferenceTable
        With `history`, the titles shown in the prompts.
    session : Session
        An open model.
    readout : str
        Name of the readout.
    options : mapping, optional
        Choices of that readout by name; see `list readouts`.
    temperature : float or "fitted"
        Temperature of the softmax. ``fitted``: cross-fitted on the observed interactions of the users of other folds.
    debias : bool
        Subtract the score of a content-free prompt from each score (contextual calibration).
    dg : bool
        Also decode a list.
    list_length : int
        Entries of that list.
    decoding : str
        ``greedy``: the most probable list. ``sampled``: a random list that depends on `seed` and the prompt only.
    list_temperature : float
        Sampling temperature; not used by ``greedy``.
    constrained : bool
        Constrain the list to category names: each entry is chosen by the probabilities of the remaining names.
        Otherwise decoding is unconstrained, and an entry that is not a name counts as out of vocabulary.
    titles : int
        Number of most recent titles in the prompt. Fewer are shown where the prompt would exceed the context of the
        model; such prompts are counted.
    template : Template
        The prompt template. One with more than titles needs a table with `history_details`.
    limit : int, optional
        Use only the first `limit` records.
    seed : int
        Seed of the sampled lists; recorded.
    run : path-like, optional
        The run folder. It is created, or an interrupted run in it is resumed. None writes nothing.
    progress : callable, optional
        Called with (records done, records in all) at the start and after each part.

    Returns
    -------
    PreferenceTable
        The records with `scores` (nats), `theta_s`, `answer_mass`, `history` as shown in the prompts and, if requested,
        `dg`; the metadata describe the run.

    Raises
    ------
    InputError
        An option is out of range, the table has no history, the folder belongs to another run, or another process
        works in it.
    BackendError
        The model fails; finished parts stay in the folder.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Noir", "War"), counts=[[1, 3]], history=[("Heat (1995)", "Ran (1985)")]
    ... )
    >>> with open("mocked", theta={"Heat": [0.75, 0.25]}) as session:
    ...     probed = probe(table, session, list_length=2)
    >>> probed.theta_s.round(6).tolist(), probed.dg.tolist()
    ([[0.75, 0.25]], [[0, 1]])
    """
    check_table(table)
    _check(limit, titles, decoding, seed)
    questions = questions_for(
        session,
        table,
        readout=readout,
        options=options,
        temperature=temperature,
        debias=debias,
        list_length=list_length if dg else None,
        decoding=decoding,
        list_temperature=list_temperature,
        constrained=constrained,
        titles=titles,
        template=template,
        seed=seed,
    )
    source = TableSource(table, limit=limit)
    if run is None:
        return _probe_in_memory(source, questions, questions.configuration(source, seed), progress)
    place = _probe_in_folder(source, questions, questions.configuration(source, seed), Path(run), progress)
    return read_table(place.run / "table.parquet", empty_windows="keep")


def probe_file(
    path: str | os.PathLike[str] | FileSource,
    session: Session,
    *,
    run: str | os.PathLike[str],
    reading: Mapping[str, Any] | None = None,
    limit: int | None = None,
    titles: int = 20,
    seed: int = 0,
    progress: _Progress | None = None,
    decoding: str = "greedy",
    dg: bool = True,
    list_length: int = 5,
    **options: Any,
) -> Probed:
    """Probe a model with every user of a file, with one part in memory at a time.

    Parameters
    ----------
    path : path-like or FileSource
        A preference table with histories; Parquet is streamed, other formats are read whole. A `FileSource` has
        been scanned before, with its own `reading` and `limit`.
    session, titles, limit, seed, progress, decoding, dg, list_length, **options : as for `probe`
        As for `probe`.
    run : path-like
        The run folder.
    reading : mapping, optional
        Options of `spectra_eval.artifacts.iter_table`: `mapping`, `renormalise`, `empty_windows`.

    Returns
    -------
    Probed
        The run; its table is in the folder.

    Raises
    ------
    InputError, BackendError
        As `probe`.

    Notes
    -----
    The file is read twice: once for its digest, once to build the prompts. Apart from one part, memory holds 8
    bytes per record, and with a fitted temperature the scores and targets of all users.

    Examples
    --------
    >>> import tempfile
    >>> from spectra_eval.artifacts import write_table
    >>> from spectra_eval.probing.backends import open
    >>> table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)])
    >>> with tempfile.TemporaryDirectory() as folder, open("mocked") as session:
    ...     write_table(table, Path(folder) / "t.parquet")
    ...     done = probe_file(Path(folder) / "t.parquet", session, run=Path(folder) / "run", dg=False)
    ...     done.n_users, read_table(done.run).theta_s.tolist()
    (1, [[0.5, 0.5]])
    """
    _check(limit, titles, decoding, seed)
    source = path if isinstance(path, FileSource) else FileSource(path, limit=limit, reading=reading)
    questions = questions_for(
        session,
        source.head,
        titles=titles,
        seed=seed,
        decoding=decoding,
        list_length=list_length if dg else None,
        **options,
    )
    return _probe_in_folder(source, questions, questions.configuration(source, seed), Path(run), progress)


def _check(limit: int | None, titles: int, decoding: str, seed: int) -> None:
    if limit is not None:
        check_whole("limit", limit, least=1, why="leave it out to probe every record")
    check_whole("titles", titles, why="0 shows the model no history")
    check_seed(seed)
    if decoding not in _LISTS:
        raise InputError(f"decoding: {decoding!r} is none of {', '.join(_LISTS)}")


def _part_size(n_records: int) -> int:
    return max(_PART, math.ceil(n_records / _MOST_PARTS))


def _probe_in_memory(
    source: TableSource, questions: Questions, configuration: Mapping[str, Any], progress: _Progress | None
) -> PreferenceTable:
    seen: dict[str, Any] = {}
    done: list[PreferenceTable] = []
    _report(progress, 0, source.n_records)
    for part in source.parts(_part_size(source.n_records), skip=0):
        answered, noticed = questions.ask(part)
        seen = added(seen, noticed)
        done.append(answered)
        _report(progress, sum(p.n_users for p in done), source.n_records)
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in done])
        for name in ("scores", "theta_s", "answer_mass", "history", *(("dg",) if questions.decoder else ()))
    }
    if source.head.history_details is not None:
        columns["history_details"] = np.concatenate([part.history_details for part in done])
    whole = source.head.replace(**columns)
    metadata = _metadata(source, questions, configuration, seen)
    if questions.fitted:
        theta, metadata["fold_temperatures"] = _scaled_theta([whole])
        whole = whole.replace(theta_s=theta)
    return whole.replace(metadata=metadata)


def _probe_in_folder(
    source: Source, questions: Questions, configuration: Mapping[str, Any], run: Path, progress: _Progress | None
) -> Probed:
    size, total = _part_size(source.n_records), source.n_records
    sizes = [min(size, total - start) for start in range(0, total, size)]
    with open_folder(run, configuration, sizes) as folder:
        folder.resume()
        if folder.n_parts:
            width = 0 if questions.decoder is None else questions.decoder.list_length
            folder.check(source.parts(size, skip=0), width=width, scored=questions.fitted)
        _report(progress, folder.n_done, total)
        if folder.n_parts < len(sizes):
            for part in source.parts(size, skip=folder.n_parts):
                folder.add_part(*questions.ask(part, partial(_report_within, progress, folder.n_done, total)))
                _report(progress, folder.n_done, total)
        metadata = _metadata(source, questions, configuration, folder.seen())
        theta = None
        if questions.fitted:
            theta, metadata["fold_temperatures"] = _scaled_theta(folder.blocks())
        if folder.is_complete():
            folder.check_table(source.parts(size, skip=0))
        else:
            folder.finish(lambda: _final_blocks(folder, theta, questions), metadata)
    return Probed(run=run, n_users=total, metadata=metadata)


def _final_blocks(folder: RunFolder, theta: np.ndarray | None, questions: Questions) -> Iterator[PreferenceTable]:
    """Return the finished parts with the columns of the whole table."""
    width = 0 if questions.decoder is None else questions.decoder.list_length
    first = 0
    for part in folder.blocks():
        changed: dict[str, Any] = {}
        if width:
            changed["dg"] = _padded(part, width)
        if theta is not None:
            changed["theta_s"] = theta[first : first + part.n_users]
        first += part.n_users
        yield part.replace(**changed)


def _metadata(
    source: Source, questions: Questions, configuration: Mapping[str, Any], seen: Mapping[str, Any]
) -> dict[str, Any]:
    found = questions.summary(seen, source.n_records, source.head.n_categories)
    return {**source.head.metadata, **configuration, **found}


def _scaled_theta(
    blocks: Iterator[PreferenceTable] | Sequence[PreferenceTable],
) -> tuple[np.ndarray, list[float | None]]:
    """Return theta at cross-fitted temperatures, and the temperature of each fold."""
    columns = [(_offered_scores(part), part.theta_star, part.users, part.observed) for part in blocks]
    scores, truth, users, observed = (
        np.concatenate([np.asarray(c) for c in some]) for some in zip(*columns, strict=True)
    )
    scaled = cross_scaled(scores, truth, users, observed=observed)
    return scaled.theta_s, [None if math.isnan(t) else float(t) for t in scaled.temperature]


def _offered_scores(part: PreferenceTable) -> Any:
    """Return the scores; categories that a record does not offer have a score too low for any probability."""
    scores = np.asarray(part.scores)
    return scores if part.support is None else np.where(part.support, scores, _NOT_OFFERED)


def _padded(part: PreferenceTable, list_length: int) -> np.ndarray:
    """Return the lists padded to their full length; a file stores them without padding."""
    out = np.full((part.n_users, list_length), PAD, dtype=np.int32)
    if part.dg is not None:
        out[:, : part.dg.shape[1]] = part.dg
    return out


def _report_within(progress: _Progress | None, before: int, total: int, done: int) -> None:
    _report(progress, before + done, total)


def _report(progress: _Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
