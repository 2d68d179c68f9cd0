"""Leakage check: proof that no window occurs in a history or a text, from the table and its interactions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spectra_eval.data._timeline import Timeline, timeline
from spectra_eval.errors import InputError, LeakageError
from spectra_eval.tables import UNKNOWN, Interactions, PreferenceTable, clean_text

__all__ = ["Ranges", "check_leakage", "located", "prove"]

_AT_ONCE = 1 << 22
_RTOL = 1e-9
_TOTAL = 1e-9
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranges:
    """Ranges on a timeline, (N,) each: history from ``start`` to ``cut``, window from ``cut`` to ``stop``."""

    user: np.ndarray
    start: np.ndarray
    cut: np.ndarray
    stop: np.ndarray


def check_leakage(
    table: PreferenceTable,
    interactions: Interactions,
    *,
    texts: Iterable[str] | Mapping[str, Iterable[str]] | None = None,
) -> dict[str, int]:
    """Check that no interaction of a window occurs in the history, or in a text.

    The table is not trusted: each record's history is located in the interactions as a run of its user's
    events (titles and category weights), and its window as a run that begins where that one ends (category weights
    and number). Two runs of one timeline, the one before the other, share no event; where none is found, the
    history holds what it must not. The tie rule decides on which side of the cut an event of the same second
    is; `cut_inside_a_second` counts the records in which it had to.

    A table that was probed holds the history as it was shown, which may be its newest titles alone; its category
    weights are those of the whole and must be found as a run that ends at the same place and begins no later.

    An item may be chosen again: its title is then on both sides and proves nothing, and so does a title that is a
    phrase of one chosen before. A text leaks where it holds any other title of the window.

    Parameters
    ----------
    table : PreferenceTable
        With `history` and `n_window`; ``metadata["weighting"]`` says how categories were weighed.
    interactions : Interactions
        What the table was made of.
    texts : mapping of user to texts, or iterable of str, optional
        Prompts or training texts. By user: a text must not hold a title of that user's windows that the user had not
        chosen before. Without users: no title at all that only windows hold. Pass what the prompts show of users and
        not the question: the name of a category may be a title too, and a catalogue names every item.

    Returns
    -------
    dict
        What was proven: numbers of `records`, `users`, events `told` and `held_back`, `cut_inside_a_second`, and
        `texts`.

    Raises
    ------
    LeakageError
        A window interaction is in a history or a text; the message names row, user and title.
    InputError
        The table lacks `history` or `n_window`, or was made of other interactions.

    Examples
    --------
    >>> from spectra_eval.data import prepare
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 3), item=np.array(["x", "y", "z"]), category=np.array([0, 0, 1]),
    ...     time=np.array([10, 20, 30]), weight=np.ones(3), categories=("Drama", "Noir"),
    ...     titles={"x": "Laura (1944)", "y": "Gilda (1946)", "z": "Heat (1995)"},
    ... )
    >>> table = prepare(events, min_interactions=2)
    >>> check_leakage(table, events)["held_back"]
    1
    >>> try:
    ...     check_leakage(table.replace(history=[("Laura (1944)", "Heat (1995)")]), events)
    ... except LeakageError as error:
    ...     print(error)
    row 1 (user 'ann'), column history: 'Heat (1995)' occurs in the window; keep only what precedes it
    """
    return prove(table, timeline(interactions), texts=texts)


def prove(
    table: PreferenceTable, line: Timeline, *, texts: Iterable[str] | Mapping[str, Iterable[str]] | None = None
) -> dict[str, int]:
    """Run `check_leakage` on an existing timeline."""
    ranges = located(table, line)
    split_second = line.time[ranges.cut - 1] == line.time[np.minimum(ranges.cut, len(line.time) - 1)]
    proof = {
        "records": table.n_users,
        "users": len(np.unique(ranges.user)),
        "told": int((ranges.cut - ranges.start).sum()),
        "held_back": int((ranges.stop - ranges.cut).sum()),
        "cut_inside_a_second": int((split_second & (ranges.start < ranges.cut) & (ranges.cut < ranges.stop)).sum()),
        "texts": 0,
    }
    if isinstance(texts, Mapping):
        proof["texts"] = _check_own_texts(line, ranges, texts)
    elif texts is not None:
        proof["texts"] = _check_all_texts(line, ranges, texts)
    return proof


def located(table: PreferenceTable, line: Timeline) -> Ranges:
    """Locate the events of each record's history and window on the timeline.

    Raises
    ------
    LeakageError
        The history is not a run of events that ends where the window begins.
    InputError
        A column is missing, or the user is not in the interactions.
    """
    if table.history is None:
        raise InputError("table: no column history; the check compares it with the interactions")
    if (table.n_window == UNKNOWN).any():
        raise InputError("table: n_window is unknown in some row; the check needs the number of interactions")
    if table.n_categories != line.n_categories:
        raise InputError(f"table: {table.n_categories} categories, the interactions have {line.n_categories}")
    numbers = {str(name): number for number, name in enumerate(line.names.tolist())}
    weights = _Weights(table, line)
    size = table.n_users
    user, cut = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    lengths = np.fromiter(map(len, table.history), dtype=np.int64, count=size)
    for row, name in enumerate(table.users.tolist()):
        if name not in numbers:
            raise InputError(f"row {row + 1} (user {name!r}): not in the interactions; give those of the table")
        user[row] = numbers[name]
        cut[row] = next(_cuts(table, line, row, numbers[name]), -1)
    found = Ranges(user=user, start=cut - lengths, cut=cut, stop=cut + table.n_window)
    for row in np.flatnonzero(~weights.agree(np.arange(size), found)).tolist():
        # The titles match at several positions, or at none.
        for other in _cuts(table, line, row, int(user[row])):
            cut[row], found.start[row], found.stop[row] = other, other - lengths[row], other + table.n_window[row]
            if weights.agree(np.array([row]), found).all():
                break
        else:
            raise _leak(table, line, row, int(user[row]), weights)
    return found


def _cuts(table: PreferenceTable, line: Timeline, row: int, user: int) -> Iterator[int]:
    """Yield the positions at which a record's history can end with room for its window."""
    assert table.history is not None
    shown, n_window = table.history[row], int(table.n_window[row])
    begin, end = int(line.begin[user]), int(line.begin[user + 1])
    titles = line.titles[begin:end].tolist()
    wanted, length = list(shown), len(shown)
    latest = end - begin - n_window
    # Most records have the complete history, or a window up to the end.
    for cut in dict.fromkeys([length, latest, *range(length, latest + 1)]):
        fits = length <= cut <= latest and (not length or titles[cut - length] == wanted[0])
        if fits and titles[cut - length : cut] == wanted:
            yield begin + cut


class _Weights:
    """Category weights of ranges of events, computed with bounded memory."""

    def __init__(self, table: PreferenceTable, line: Timeline) -> None:
        order = np.argsort(line.place, kind="stable")
        weighting = str(table.metadata.get("weighting", "fraction"))
        self.table = table
        self.category = line.category[order]
        self.weight = line.entry_weights(weighting)[order]
        self.first = np.searchsorted(line.place[order], np.arange(len(line.time) + 1))
        weighed = np.concatenate([[0.0], np.cumsum(self.weight)])
        self.upto = weighed[self.first]
        self.begin = line.begin

    def agree(self, rows: np.ndarray, ranges: Ranges) -> np.ndarray:
        """Return for each row whether the weights of its ranges equal those of the table."""
        good = ranges.cut[rows] >= 0
        for name, low, high in (
            ("counts", ranges.cut, ranges.stop),
            ("history_counts", self._counted_from(ranges), ranges.cut),
        ):
            column = getattr(self.table, name)
            if column is not None:
                kept = np.flatnonzero(good)
                good[kept] = self._equal_weights(column, rows[kept], low[rows[kept]], high[rows[kept]])
        return good

    def _counted_from(self, ranges: Ranges) -> np.ndarray:
        """Return the start of the counted history of each record: its first title, or earlier if some are omitted."""
        counts = self.table.history_counts
        if counts is None or "titles" not in self.table.metadata:
            return ranges.start
        total = counts.sum(axis=1)
        low = np.searchsorted(self.upto, self.upto[np.maximum(ranges.cut, 0)] - total - _TOTAL * (1.0 + total))
        return np.minimum(np.maximum(low, self.begin[ranges.user]), ranges.start)

    def _equal_weights(self, values: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        good = np.ones(len(rows), dtype=bool)
        k = values.shape[1]
        entries = self.first[high] - self.first[low]
        step = np.cumsum(np.maximum(entries, k)) // _AT_ONCE
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(step)) + 1):
            if len(part):
                sums = self._sums(low[part], entries[part], k)
                good[part] = np.isclose(sums, values[rows[part]], rtol=_RTOL, atol=_RTOL).all(axis=1)
        return good

    def _sums(self, low: np.ndarray, entries: np.ndarray, k: int) -> np.ndarray:
        row = np.repeat(np.arange(len(low)), entries)
        entry = np.arange(len(row)) - np.repeat(np.cumsum(entries) - entries - self.first[low], entries)
        cell = row * k + self.category[entry]
        return np.bincount(cell, weights=self.weight[entry], minlength=len(low) * k).reshape(len(low), k)

    def windows(self, row: int, low: int, high: int) -> list[int]:
        """Return the positions at which a window with the weights of this row can begin."""
        n = int(self.table.n_window[row])
        starts = np.arange(low, high - n + 1)
        if self.table.counts is None or not len(starts):
            return []
        return starts[self._equal_weights(self.table.counts, np.full(len(starts), row), starts, starts + n)].tolist()


def _leak(table: PreferenceTable, line: Timeline, row: int, user: int, weights: _Weights) -> LeakageError:
    """Return the error for a record whose history does not end where its window begins."""
    assert table.history is not None
    place = f"row {row + 1} (user {str(table.users[row])!r})"
    begin, end = int(line.begin[user]), int(line.begin[user + 1])
    history = table.history[row]
    shown: list[list[str]] = []
    for cut in weights.windows(row, begin, end):
        before = set(line.titles[begin:cut].tolist())
        window = set(line.titles[cut : cut + int(table.n_window[row])].tolist())
        shown.append([title for title in history if title in window - before])
    # The window may match at several positions: leakage is reported only if all of them agree.
    if shown and all(shown):
        return LeakageError(
            f"{place}, column history: {shown[-1][0]!r} occurs in the window; keep only what precedes it"
        )
    return LeakageError(
        f"{place}: history and window are not found one before the other among this user's {end - begin} interactions; "
        "prepare the table again from these interactions"
    )


def _check_own_texts(line: Timeline, ranges: Ranges, texts: Mapping[str, Iterable[str]]) -> int:
    """Check each user's texts for titles of the user's own windows."""
    number = 0
    rows_of: dict[str, list[int]] = {}
    for row, user in enumerate(ranges.user.tolist()):
        rows_of.setdefault(str(line.names[user]), []).append(row)
    for name, own in texts.items():
        hidden = set[str]()
        for row in rows_of.get(name, []):
            before = set(line.titles[line.begin[ranges.user[row]] : ranges.cut[row]].tolist())
            window = set(line.titles[ranges.cut[row] : ranges.stop[row]].tolist()) - before
            hidden |= _without_phrases(window, before)
        index = _TitleIndex(hidden)
        for place, text in enumerate(own, start=1):
            number += 1
            title = index.first_in(text)
            if title is not None:
                raise LeakageError(
                    f"text {place} of user {name!r}: contains {title!r} of this user's window; leave it out"
                )
    return number


def _check_all_texts(line: Timeline, ranges: Ranges, texts: Iterable[str]) -> int:
    """Check texts that belong to no user for titles that occur in windows only."""
    held_back = np.zeros(len(line.time), dtype=bool)
    for low, high in zip(ranges.cut.tolist(), ranges.stop.tolist(), strict=True):
        held_back[low:high] = True
    free = set(line.titles[~held_back].tolist())
    index = _TitleIndex(_without_phrases(set(line.titles[held_back].tolist()) - free, free))
    number = 0
    for number, text in enumerate(texts, start=1):
        title = index.first_in(text)
        if title is not None:
            raise LeakageError(f"text {number}: contains {title!r}, which occurs in windows only; leave it out")
    return number


def _without_phrases(titles: set[str], known: set[str]) -> set[str]:
    """Return the titles that are not a phrase of an allowed title, such as ``Crash`` in ``Crash Dive``."""
    index = _TitleIndex(titles)
    phrases = {found for title in known for found in index.all_in(clean_text(title))}
    return {title for title in titles if clean_text(title) not in phrases}


class _TitleIndex:
    """Search for complete titles in a text, indexed by their first words."""

    def __init__(self, titles: Iterable[str]) -> None:
        self.by_word: dict[str, list[tuple[str, int]]] = {}
        self.wordless: list[str] = []
        for title in sorted({clean_text(title) for title in titles}):
            word = _WORD.search(title)
            if word:
                self.by_word.setdefault(word[0], []).append((title, word.start()))
            else:
                self.wordless.append(title)

    def first_in(self, text: str) -> str | None:
        """Return a title that occurs as a phrase in the text, or None."""
        return next(self.all_in(text), None)

    def all_in(self, text: str) -> Iterator[str]:
        """Yield the titles that occur as phrases in the text."""
        plain = " ".join(text.split())
        for word in _WORD.finditer(plain):
            for title, offset in self.by_word.get(word[0], ()):
                start = word.start() - offset
                end = start + len(title)
                after = plain[end : end + 1]
                if (
                    start >= 0
                    and plain.startswith(title, start)
                    and not (_WORD.match(title[-1]) and _WORD.match(after))
                ):
                    yield title
        yield from (title for title in self.wordless if title in plain)
