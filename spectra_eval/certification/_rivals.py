"""The rivals of a certificate: predictors that the readout is compared with, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from spectra_eval.arrays import row_blocks
from spectra_eval.artifacts import TableBlocks, TableDigest
from spectra_eval.baselines._base import (
    BASELINES,
    Baseline,
    Predictor,
    history_shares,
    popular_rows,
    shares_or_popularity,
)
from spectra_eval.certification._block import LIST
from spectra_eval.certification._prequential import Prequential
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable, check_table

__all__ = ["Against", "Rival", "names_of", "rivals_of"]

Against: TypeAlias = Sequence[str] | Mapping[str, Any]
"""Names of baselines, or names with a table (or its blocks) each; None for a baseline. "auto" for those at hand."""

Source: TypeAlias = PreferenceTable | Iterable[PreferenceTable]

_AUTO = ("uniform", "popularity", "history", "mixture")
"""The baselines that a certificate has by default, where the table has histories."""

Rows: TypeAlias = Callable[[PreferenceTable], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A predictor to compare with.

    Attributes
    ----------
    name : str
        Its name in claims.
    rows : callable
        From the next block of records to its predictions, (n, K); a row of NaN where it has none.
    before : callable or None
        For a rival that is fitted as it goes: predictions of every record that no window had a part in.
    facts : callable
        After the last block: what the certificate records of it.
    """

    name: str
    rows: Rows
    before: Rows | None = None
    facts: Callable[[], dict[str, Any]] = field(default=dict)

    @property
    def fitted(self) -> bool:
        """Return whether it is fitted on the windows of earlier users."""
        return self.before is not None

    def predicted(self, table: PreferenceTable) -> dict[str, np.ndarray]:
        """Return the predictions for the next block of records, by the names that claims read them under."""
        if self.name == LIST:
            return {}  # a block knows its lists
        made = {self.name: self.rows(table)}
        return made if self.before is None else made | {f"{self.name} before": self.before(table)}


def names_of(against: Against) -> tuple[str, ...]:
    """Return the names of rivals, each once; raise where one is given twice or is no text."""
    if isinstance(against, str):
        raise InputError(f"against: {against!r} is one text; give a list of names, say [{against!r}]")
    names = tuple(against)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"against: {str(name)[:60]!r} is no name of a rival")
        if any(character in name for character in ":=,@") or not name.isprintable():
            raise InputError(f"against: {name[:60]!r}: a name holds no colon, comma, at sign or equals sign; rename it")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"against: two rivals are named {twice!r}; name each once")
    return names


def rivals_of(against: Against, source: Source, *, seed: int = 0) -> list[Rival]:
    """Return the rivals, ready to predict the blocks of a table in order.

    Parameters
    ----------
    against : sequence of str, or mapping of str to table
        Which rivals; "auto" for those that the table can carry.
    source : PreferenceTable, or iterable of PreferenceTable
        The records. Rivals that need the histories of all users read them once before.
    seed : int
        Keys the order in which rivals with parameters are fitted.

    Raises
    ------
    InputError
        A rival is unknown, sees the windows, or needs what the table lacks.
    """
    if isinstance(against, str) and against == "auto":
        against = _at_hand(source)
    given = dict(against) if isinstance(against, Mapping) else dict.fromkeys(names_of(against))
    names = names_of(tuple(given))
    wanted = {name: _entry(name) for name in names if given[name] is None and name != LIST}
    histories: _Histories | None = None
    if any(entry.needs for entry in wanted.values()):
        histories = _Histories(_again(source, wanted), wanted, seed)
    made = []
    for name in names:
        if given[name] is not None:
            made.append(_table_rival(name, given[name]))
        elif name == LIST:
            made.append(Rival(name=LIST, rows=lambda table: np.empty((0, 0)), facts=lambda: {"kind": "decoded list"}))
        else:
            made.append(_baseline_rival(wanted[name], histories, seed))
    return made


def _again(source: Source, wanted: Iterable[str]) -> Iterable[PreferenceTable]:
    """Return another pass over the records."""
    if isinstance(source, PreferenceTable):
        return (source.select(rows) for rows in row_blocks(source.n_users, source.n_categories))
    if isinstance(source, TableBlocks) and source.reopen is not None:
        return source.reopen()
    raise InputError(
        f"against: {', '.join(wanted)}: the records can be read once only, and all histories are needed before; give "
        "the table whole, or as `artifacts.iter_table` reads its file"
    )


def _at_hand(source: Source) -> tuple[str, ...]:
    """Return the rivals that a table can carry, without the one that its readout is."""
    table = next(iter(_again(source, ["auto"])), None)
    if table is None:
        return ()
    names = _AUTO if table.history_counts is not None else _AUTO[:1]
    made = table.metadata.get("baseline")
    own = made.get("name") if isinstance(made, Mapping) else None
    lists = () if table.dg is None else (LIST,)
    return (*(name for name in names if name != own), *lists)


def _entry(name: str) -> Baseline:
    if name not in BASELINES:
        raise InputError(
            f"against: no baseline is named {name!r}; there are {LIST}, {', '.join(BASELINES.names())}; "
            "or give a table with predictions"
        )
    entry = BASELINES[name]
    if entry.sees_window:
        raise InputError(f"against: {name!r} sees the windows that it would be compared on; it is a ceiling, no rival")
    if entry.from_popularity is None and entry.fit is None:
        raise InputError(
            f"against: {name!r} does not say how it is fitted on other users; write its predictions with `baseline` on "
            "other data, and give that table"
        )
    return entry


class _Histories:
    """What one pass over the records finds before the comparison: popularity, and records to fit on."""

    def __init__(self, records: Iterable[PreferenceTable], wanted: Mapping[str, Baseline], seed: int) -> None:
        self.prequential = Prequential(seed) if any(entry.fit for entry in wanted.values()) else None
        parts: list[np.ndarray] = []
        names = ", ".join(name for name, entry in wanted.items() if entry.needs)
        for table in records:
            if table.history_counts is None:
                raise InputError(
                    f"against: {names}: the table has no history_counts; make it with `prepare`, or add the column"
                )
            shares, has = history_shares(table)
            parts.append(shares[has].sum(axis=0))
            if self.prequential is not None:
                self.prequential.collect(table, has)
        total = np.array([math.fsum(column) for column in np.array(parts).T])
        if not total.any():
            raise InputError("column history_counts: all zero, so popularity is unknown; give histories")
        self.popularity = total / math.fsum(total)


def _baseline_rival(entry: Baseline, histories: _Histories | None, seed: int) -> Rival:
    popular = histories.popularity if histories is not None else np.empty(0)
    if entry.from_popularity is not None:
        return Rival(name=entry.name, rows=entry.from_popularity(popular), facts=lambda: {"kind": "baseline"})
    assert histories is not None
    assert histories.prequential is not None
    assert entry.fit is not None
    first = _half(popular)
    stages = histories.prequential.stages(entry.fit, popular, first)
    facts = {"kind": "baseline", "fitted": "on the users before", "seed": seed, **histories.prequential.facts}
    return Rival(name=entry.name, rows=stages, before=first, facts=lambda: facts)


def _half(popular: np.ndarray) -> Predictor:
    """Return the mean of history and popularity, the rival of the users whose windows come first."""
    return lambda table: (shares_or_popularity(table, popular) + popular_rows(table, popular)) / 2.0


def _table_rival(name: str, source: Any) -> Rival:
    aligned = _Aligned(name, source)
    return Rival(name=name, rows=aligned.rows, facts=aligned.facts)


class _Aligned:
    """Another table's predictions in the order of the records.

    Blocks are read in step as long as both tables have the same records in the same order, so that memory does not
    depend on the number of users; from the first difference on, the rest is held in memory.
    """

    def __init__(self, name: str, source: Any) -> None:
        self._name = name
        if isinstance(source, PreferenceTable):
            source = [source]
        self._blocks: Iterator[PreferenceTable] = iter(source)
        self._digest = TableDigest()
        self._ahead: PreferenceTable | None = None
        self._place: dict[tuple[Any, ...], np.ndarray] | None = None
        self._n_lacking = 0

    def facts(self) -> dict[str, Any]:
        """Return what the certificate records."""
        for block in self._blocks:
            self._check(block)  # the digest is of the whole table
        return {"kind": "table", "digest": self._digest.hexdigest(), "n_without": self._n_lacking}

    def rows(self, table: PreferenceTable) -> np.ndarray:
        """Return the predictions for the next block of records."""
        found = np.full((table.n_users, table.n_categories), np.nan)
        start = 0
        while self._place is None and start < table.n_users:
            block = self._next()
            if block is None:
                self._place = {}
                break
            n = min(block.n_users, table.n_users - start)
            if _keys(block, slice(0, n)) != _keys(table, slice(start, start + n)):
                self._hold(block)
                break
            found[start : start + n] = self._predicted(block.select(slice(0, n)), table.categories)
            self._ahead = block.select(slice(n, None)) if n < block.n_users else None
            start += n
        if self._place is not None:
            for row, key in enumerate(_keys(table, slice(start, None)), start):
                held = self._place.get(key)
                if held is not None:
                    found[row] = held[self._order(table.categories)]
        self._n_lacking += int(np.isnan(found[:, 0]).sum())
        return found

    def _next(self) -> PreferenceTable | None:
        if self._ahead is None:
            self._ahead = next(self._blocks, None)
            if self._ahead is not None:
                self._check(self._ahead)
        return self._ahead

    def _hold(self, block: PreferenceTable) -> None:
        """Store the predictions of a checked block, and of all that follow it, in memory."""
        self._ahead, self._place = None, dict(_predictions_of(block))
        for rest in self._blocks:
            self._check(rest)
            self._place.update(_predictions_of(rest))

    def _check(self, block: PreferenceTable) -> None:
        check_table(block)
        if block.theta_s is None:
            raise InputError(f"against: the table of {self._name!r} has no theta_s; give predictions")
        made = block.metadata.get("baseline")
        if isinstance(made, Mapping) and (made.get("sees_window") or "fitting" in made):
            raise InputError(
                f"against: the table of {self._name!r} holds the baseline {made.get('name')!r}, which was made from "
                "these windows; name the baseline itself, so that it is fitted on the users before"
            )
        self._digest.update(block)
        self._categories = block.categories

    def _order(self, categories: tuple[str, ...]) -> np.ndarray:
        place = {name: number for number, name in enumerate(self._categories)}
        if place.keys() != set(categories):
            odd = sorted(place.keys() ^ set(categories))[0]
            raise InputError(f"against: the table of {self._name!r} and this one differ in the category {odd!r}")
        return np.array([place[name] for name in categories])

    def _predicted(self, block: PreferenceTable, categories: tuple[str, ...]) -> np.ndarray:
        assert block.theta_s is not None
        return block.theta_s if block.categories == categories else block.theta_s[:, self._order(categories)]


def _predictions_of(table: PreferenceTable) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    """Return the key and the prediction of each record."""
    assert table.theta_s is not None
    return zip(_keys(table, slice(None)), table.theta_s, strict=True)


def _keys(table: PreferenceTable, rows: slice) -> list[tuple[Any, ...]]:
    """Return the user, context window and horizon of records."""
    columns = (table.users, table.context_window, table.horizon)
    return list(zip(*(column[rows].tolist() for column in columns if column is not None), strict=True))
