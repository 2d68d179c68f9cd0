"""A log of events that is read in pieces and stored as numbers, so that gigabytes of text fit in memory."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval import artifacts
from spectra_eval.artifacts._files import as_file
from spectra_eval.artifacts._limits import check_table
from spectra_eval.artifacts._names import wrong_name
from spectra_eval.data._blocks import Log
from spectra_eval.data._join import Names
from spectra_eval.data._taxonomy import Labelled, events_left_out
from spectra_eval.data._years import LATEST, far
from spectra_eval.errors import InputError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ORDERS", "Clock", "EventLog", "check_order", "check_texts", "file_digest", "ratings"]

ORDERS = ("time", "file")
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_NUMBER = r"[+-]?(\d{1,400}\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"
_USUAL = 631152000
"""The start of 1990: times of a log are rarely before."""
_SECOND_YEAR = 31536000
_FAR = 9 * 10**18


class EventLog:
    """A log built from pieces, with 20 bytes per event (24 with a rating) and every name stored once.

    Parameters
    ----------
    source : Path
        The file, for messages.

    Examples
    --------
    >>> log = EventLog(Path("log.csv"))
    >>> two = np.array(["ann", "bob"], dtype=object)
    >>> log.add(user=two, item=two, time=np.array([3, 4]), bundle=np.array([0, 1]))
    >>> len(log), log.users.array().tolist()
    (2, ['ann', 'bob'])
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.users, self.items = Names(), Names()
        self.pieces: list[tuple[np.ndarray, ...]] = []
        self.ratings: list[np.ndarray] = []
        self.timed = True

    def __len__(self) -> int:
        return sum(len(piece[0]) for piece in self.pieces)

    def add(
        self,
        *,
        user: np.ndarray,
        item: np.ndarray,
        time: np.ndarray | None,
        bundle: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        rating: np.ndarray | None = None,
    ) -> None:
        """Add a piece: names of users and items, seconds, codes of the sets of categories, and ratings.

        Without times, each event is one second after the user's event before it in the file.
        """
        self.timed = time is not None
        seconds = np.zeros(len(user), dtype=np.int64) if time is None else np.asarray(time, dtype=np.int64)
        piece = [self.users.encode(user), self.items.encode(item), seconds]
        piece += [np.asarray(bundle, dtype=np.int32)] if bundle is not None else []
        piece += [np.asarray(weight, dtype=np.float64)] if weight is not None else []
        self.pieces.append(tuple(piece))
        if rating is not None:
            self.ratings.append(np.asarray(rating, dtype=np.float32))

    def finish(
        self,
        labels: Labelled,
        *,
        titles: Mapping[str, str],
        metadata: Mapping[str, Any],
        n_bundles: int,
        bundle_of_item: np.ndarray | None = None,
    ) -> Log:
        """Return the events with the categories of their own set, or of their item given `bundle_of_item`."""
        if not len(self):
            raise SchemaError(f"{self.source}: holds no interactions; name a file with at least one")
        columns = [np.concatenate(column) for column in zip(*self.pieces, strict=True)]
        self.pieces = []
        user, item, time, *more = columns
        time = time if self.timed else _places(user)
        bundle = bundle_of_item[item] if bundle_of_item is not None else more.pop(0)
        check_table(self.source, 1, len(labels.categories))
        names_of = {
            "user": self.users.codes,
            "item": self.items.codes,
            "title": titles.values(),
            "category": labels.categories,
        }
        for what, names in names_of.items():
            _check_names(self.source, what, list(names))
        return Log(
            user=user,
            user_names=self.users.array(),
            item=item,
            item_names=self.items.array(),
            titles=titles,
            time=time,
            bundle=bundle,
            owner=labels.owner,
            category=labels.category,
            n_bundles=n_bundles,
            categories=labels.categories,
            parents=labels.parents,
            weight=more[0] if more else None,
            rating=np.concatenate(self.ratings) if self.ratings else None,
            metadata={
                **metadata,
                **({} if self.timed else {"order": "file"}),
                "labels_left_out": events_left_out(labels.left_out, bundle),
            },
            source=str(self.source),
        ).with_unused()


def _places(user: np.ndarray) -> np.ndarray:
    """Return the place of each event among the events of its user, in the order of the file.

    Examples
    --------
    >>> _places(np.array([0, 1, 0, 0, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(user, kind="stable")
    size = np.bincount(user)
    places = np.empty(len(user), dtype=np.int64)
    places[order] = np.arange(len(user)) - np.repeat(np.cumsum(size) - size, size)
    return places


class Clock:
    """Conversion of a column of times, numbers or ISO dates, to whole seconds; the first piece decides which.

    Parameters
    ----------
    source : Path
        The file, for messages.
    unit : {"s", "ms", "us", "ns"}
        What numbers count since 1970, in any notation. Parts of a second are cut off; dates without a zone are UTC.
        All moments are in the years 1900 to 2099: others are refused, with the unit that the numbers look like.

    Raises
    ------
    InputError
        The unit is unknown.

    Examples
    --------
    >>> Clock(Path("a.csv")).seconds(np.array(["1970-01-02", "1970-01-01 00:01:00"], dtype=object), first=1).tolist()
    [86400, 60]
    >>> Clock(Path("a.csv"), unit="ms").seconds(np.array(["60999"], dtype=object), first=1).tolist()
    [60]
    """

    def __init__(self, source: Path, *, unit: str = "s") -> None:
        if unit not in _UNITS:
            raise InputError(f"time_unit: {unit!r} is unknown; choose {', '.join(_UNITS)}")
        self.source, self.unit = source, unit
        self.numbers: bool | None = None

    def seconds(self, texts: np.ndarray, *, first: int) -> np.ndarray:
        """Read (M,) texts; `first` is the number of the first of them, for the messages."""
        import pandas as pd

        column = pd.Series(texts, dtype="str").str.strip()
        numeric = column.str.fullmatch(_NUMBER).to_numpy(dtype=bool)
        if self.numbers is None:
            self.numbers = bool(numeric[0]) if len(numeric) else None
        if self.numbers:
            self._check(numeric, texts, first, "a number since 1970")
            found = _counted(column, _UNITS[self.unit])
        else:
            read = pd.to_datetime(column.mask(pd.Series(numeric)), utc=True, format="ISO8601", errors="coerce")
            self._check(~read.isna().to_numpy(), texts, first, "a date such as 2018-07-07 22:09:11, from 1900 to 2099,")
            found = read.dt.as_unit("s").astype("int64").to_numpy()
        self._check_years(found, texts, first)
        return found

    def _check(self, good: np.ndarray, texts: np.ndarray, first: int, what: str) -> None:
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise SchemaError(f"{self.source}: entry {first + row}, time: {texts[row]!r:.60} but {what} is expected")

    def _check_years(self, found: np.ndarray, texts: np.ndarray, first: int) -> None:
        """Raise if times are implausible, most often because of the wrong unit."""
        if (outside := far(found)).any():
            row = int(np.flatnonzero(outside)[0])
            where = f"{self.source}: entry {first + row}, time: {texts[row]!r:.60}"
            if not self.numbers:
                raise SchemaError(f"{where} is not in the years 1900 to 2099; correct it or leave the event out")
            likely = self._likely(found[row : row + 1])
            raise SchemaError(f"{where} read in {self.unit} is not in the years 1900 to 2099; {likely}")
        if self.numbers and self.unit != "s" and len(found) and found.max() < _SECOND_YEAR:
            raw = found * _UNITS[self.unit]
            coarser = [unit for unit, size in _UNITS.items() if size < _UNITS[self.unit] and _usual(raw // size)]
            if coarser:
                where = f"{self.source}: entry {first}, time: {texts[0]!r:.60}"
                raise SchemaError(
                    f"{where} read in {self.unit} is in the year 1970, as all are; they look like "
                    f"{_WORDS[coarser[0]]} (time_unit={coarser[0]!r})"
                )

    def _likely(self, found: np.ndarray) -> str:
        raw = [int(value) * _UNITS[self.unit] for value in found]
        units = [
            unit for unit, size in _UNITS.items() if unit != self.unit and _usual(np.array([v // size for v in raw]))
        ]
        if not units:
            return f"name the unit of the numbers (now time_unit={self.unit!r}), or correct it"
        return f"it looks like {_WORDS[units[0]]} (time_unit={units[0]!r})"


def _counted(column: pd.Series, size: int) -> np.ndarray:
    """Convert numbers in any notation to whole seconds; numbers beyond int64 become an implausible one."""
    plain = column.str.fullmatch(r"-?\d{1,18}(\.\d*)?").to_numpy(dtype=bool)
    found = np.zeros(len(column), dtype=np.int64)
    found[plain] = column[plain].str.split(".", n=1).str[0].astype("int64").to_numpy() // size
    for row in np.flatnonzero(~plain).tolist():
        found[row] = max(-_FAR, min(_FAR, int(Decimal(column.iloc[row])) // size))
    return found


def _usual(seconds: np.ndarray) -> bool:
    """Return whether all times are in the years 1990 to 2099."""
    return bool(((seconds >= _USUAL) & (seconds < LATEST)).all())


def check_order(order: str) -> None:
    """Raise if there is no such order of events."""
    if order not in ORDERS:
        raise InputError(f"order: {order!r} is unknown; choose {' or '.join(ORDERS)}")


def check_texts(source: Path, column: str, texts: np.ndarray, *, first: int) -> None:
    """Raise if the name of a user or an item is blank."""
    for row, text in enumerate(texts.tolist()):
        if not text or text.isspace():
            raise SchemaError(f"{source}: entry {first + row}, column {column}: blank; every event needs a name there")


def _check_names(source: Path, what: str, names: list[str]) -> None:
    """Refuse a name that the reader of tables would refuse."""
    if (wrong := wrong_name(names)) is not None:
        raise SchemaError(f"{source}: {what} {wrong}")
    if any("\x00" in name for name in names):
        name = next(name for name in names if "\x00" in name)
        raise SchemaError(f"{source}: {what} {name[:40]!r} holds a NUL character; write names as text")


def ratings(source: Path, texts: np.ndarray, first: int) -> np.ndarray:
    """Read a column of ratings, (M,) float32; a blank is NaN; other text is an error."""
    import pandas as pd

    column = pd.Series(texts, dtype="str").str.strip()
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float32)
    bad = ~np.isfinite(values) & (column != "").to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise SchemaError(f"{source}: entry {first + row}: rating {texts[row]!r}; write a number or leave it empty")
    return values


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, for the record."""
    return f"sha256:{artifacts.file_digest(as_file(path))}"
