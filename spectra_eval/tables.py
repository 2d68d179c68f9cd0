"""The frozen values that travel between the stages.

Arrays are made read-only at construction, and the constructor is the door where everything is
checked once; what holds a `PreferenceTable` need not check it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from spectra_eval.arrays import ATOL, row_sums
from spectra_eval.errors import InputError, ShapeError, SimplexError

__all__ = [
    "OUT_OF_VOCABULARY",
    "PAD",
    "UNKNOWN",
    "AnswerScores",
    "Generation",
    "Interactions",
    "Interval",
    "MetricResult",
    "PreferenceTable",
    "ProbeRequest",
    "System",
]

OUT_OF_VOCABULARY = -1
"""In `PreferenceTable.dg`: the model named something that is no category."""
PAD = -2
"""In `PreferenceTable.dg`: the list had ended."""
UNKNOWN = -1
"""In `PreferenceTable.n_window`: the input did not say how many interactions there were."""


if TYPE_CHECKING:
    Column: TypeAlias = np.ndarray
else:
    Column = Any  # the constructor makes arrays of whatever numpy.asarray takes; the attribute is an array


@dataclass(frozen=True, kw_only=True, eq=False)
class PreferenceTable:
    """One row a record (a user at one context window and horizon): the truth and what a model holds.

    Parameters
    ----------
    users : (N,) array of str
        Who; unique together with `context_window` and `horizon`.
    categories : tuple of K str
        Names of the categories, K >= 2.
    counts : (N, K) float array, optional
        Category weights in the future window; fractional where items bear several categories.
    theta_star : (N, K) float array, optional
        Observed frequencies in the window; derived from `counts` when that is given. A row without
        interactions is NaN, and `observed` is False there.
    n_window : (N,) int array, optional
        Interactions in the window; `UNKNOWN` where the input does not say.
    theta_s, scores, answer_mass : (N, K) float arrays, optional
        The readout, its raw scores, and the probability that the answer tokens held.
    dg : (N, L) int array, optional
        Decoded categories, best first; `OUT_OF_VOCABULARY` and `PAD` are negative.
    history : (N,) array of tuples of str, optional
        Titles shown to the model, oldest first.
    history_counts : (N, K) float array, optional
        Category weights of the history: what the baselines use.
    context_window : (N,) int array, optional
        Past sessions shown.
    horizon : (N,) array of str, optional
        ``long`` or ``short``.
    parents : tuple of K str, optional
        The parent of each category in a two-level taxonomy.
    metadata : mapping, optional
        How the table came to be: JSON values by name.

    Raises
    ------
    ShapeError, SimplexError, InputError
        With the row, the user, the column and the mend.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]])
    >>> table.theta_star.tolist(), table.n_window.tolist()
    ([[0.75, 0.25], [0.0, 1.0]], [-1, -1])
    """

    users: Column
    categories: tuple[str, ...]
    counts: Column | None = None
    theta_star: Column = None  # type: ignore[assignment]  # derived from counts when not given
    n_window: Column = None  # type: ignore[assignment]  # UNKNOWN when not given
    theta_s: Column | None = None
    scores: Column | None = None
    answer_mass: Column | None = None
    dg: Column | None = None
    history: Column | None = None
    history_counts: Column | None = None
    context_window: Column | None = None
    horizon: Column | None = None
    parents: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_categories(self.categories, self.parents)
        put = _Setter(self)
        put("categories", tuple(self.categories))
        put("parents", None if self.parents is None else tuple(self.parents))
        put("users", _text_array(self.users))
        for name in _MATRICES:
            value = getattr(self, name)
            put(name, None if value is None else np.ascontiguousarray(value, dtype=np.float64))
        put("dg", None if self.dg is None else np.ascontiguousarray(self.dg, dtype=np.int32))
        put("history", None if self.history is None else _tuple_array(self.history))
        put("horizon", None if self.horizon is None else _text_array(self.horizon))
        for name in ("context_window", "n_window"):
            value = getattr(self, name)
            put(name, None if value is None else np.asarray(value, dtype=np.int64))
        _check_shapes(self)
        for name in ("counts", "history_counts"):
            _check_weights(self, name)
        if self.n_window is None:
            put("n_window", _windows_from(self))
        if self.theta_star is None:
            put("theta_star", _shares(self.counts))
        _check_windows(self)
        put("theta_star", _check_rows(self, "theta_star", self.observed))
        if self.theta_s is not None:
            put("theta_s", _check_rows(self, "theta_s", None))
        _check_lists(self)
        _check_unique(self)
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def n_users(self) -> int:
        """Number of records N."""
        return len(self.users)

    @property
    def n_categories(self) -> int:
        """Number of categories K."""
        return len(self.categories)

    @property
    def observed(self) -> np.ndarray:
        """(N,) bool: the window holds at least one interaction."""
        return self.n_window != 0

    def select(self, rows: Any) -> PreferenceTable:
        """Keep some records: a slice, a Boolean mask or indices; nothing is checked again."""
        made = object.__new__(PreferenceTable)
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value = value[rows]
                value.flags.writeable = False
            object.__setattr__(made, item.name, value)
        return made

    def replace(self, **changes: Any) -> PreferenceTable:
        """Make a table with some columns changed, and check it whole."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """What one predictor holds for the users of a table.

    `theta` is (N, K), rows on the simplex or NaN where the system says nothing of a user; `lists` is
    (N, L) where the system names a list itself and None where its list is the order of `theta`.
    """

    name: str
    theta: np.ndarray
    lists: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """Raw events, one entry an (event, category) pair; an event with several categories has several entries.

    `user` (M,) and `item` (M,) str, `category` (M,) int index into `categories`, `time` (M,) int64
    seconds, `weight` (M,) float64: what the pair counts for. `titles` names each item as shown to a model.
    """

    user: np.ndarray
    item: np.ndarray
    category: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    categories: tuple[str, ...]
    titles: Mapping[str, str]
    parents: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """All questions about one user: one shared opening, many endings, the same answers to each.

    A question is the text ``prefix + suffix``; a backend wraps it into the model's own chat template.
    Every string here is data: no part of it may turn into a special token of the model.

    Attributes
    ----------
    prefix : str
        What the questions share; everything about the user stands here.
    suffixes : tuple of R str
        One ending a question.
    answers : tuple of V str
        The replies whose log-probabilities are asked for, the same for every question.
    system : str
        The system message; empty for none.
    many_tokens : bool
        The answers may take several tokens each; else one that does is refused.
    """

    prefix: str
    suffixes: tuple[str, ...]
    answers: tuple[str, ...] = ()
    system: str = ""
    many_tokens: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerScores:
    """`log_probs` (R, V) float64, nats: log-probability of each answer to each question of one request.

    For an answer of several tokens it is the sum over its tokens. `n_prompt_tokens` (R,) int counts
    the tokens of each whole prompt. `n_answer_tokens` (V,) int counts those of each answer where they may
    be several, and is None where each answer is one token.
    """

    log_probs: np.ndarray
    n_prompt_tokens: np.ndarray
    n_answer_tokens: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The text that a model wrote in reply to one question, and whether it was cut at the token limit."""

    text: str
    truncated: bool
    n_prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, in the unit of the value it belongs to."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One number of an evaluation; `value` is None where `status` is ``undefined``, with the `reason`."""

    metric: str
    unit: str
    system: str
    stratum: str
    value: float | None
    interval: Interval | None
    n_users: int
    status: Literal["ok", "undefined"] = "ok"
    reason: str | None = None


_MATRICES = ("counts", "theta_star", "theta_s", "scores", "answer_mass", "history_counts")


class _Setter:
    """Sets fields of a frozen dataclass while it is being built."""

    def __init__(self, target: object) -> None:
        self.target = target

    def __call__(self, name: str, value: Any) -> None:
        object.__setattr__(self.target, name, value)


def _place(table: PreferenceTable, row: int, column: str) -> str:
    return f"row {row + 1} (user {str(table.users[row])!r}), column {column}"


def _check_categories(categories: Sequence[str], parents: Sequence[str] | None) -> None:
    if len(categories) < 2:
        raise ShapeError(f"categories: {len(categories)} given; a distribution needs at least two")
    seen: set[str] = set()
    for name in categories:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"categories: {name!r} is not a name; every category needs a text that is not blank")
        if name in seen:
            raise InputError(f"categories: {name!r} is named twice; merge the two or rename one")
        seen.add(name)
    if parents is not None and len(parents) != len(categories):
        raise ShapeError(f"parents: {len(parents)} given for {len(categories)} categories; name one for each")


def _check_shapes(table: PreferenceTable) -> None:
    n, k = table.n_users, table.n_categories
    if n == 0:
        raise ShapeError("table: no rows; at least one user is needed")
    if table.counts is None and table.theta_star is None:
        raise InputError("table: no truth; give counts or theta_star")
    for name in _MATRICES:
        value = getattr(table, name)
        if value is not None and value.shape != (n, k):
            raise ShapeError(f"column {name}: shape {value.shape}, but there are {n} rows and {k} categories")
    for name in ("n_window", "context_window", "horizon", "history"):
        value = getattr(table, name)
        if value is not None and value.shape != (n,):
            raise ShapeError(f"column {name}: {len(value)} entries for {n} rows; give one a row")
    if table.dg is not None and (table.dg.ndim != 2 or len(table.dg) != n):
        raise ShapeError(f"column dg: shape {table.dg.shape}, but there are {n} rows; give one list a row")


def _check_weights(table: PreferenceTable, name: str) -> None:
    value = getattr(table, name)
    if value is None:
        return
    bad = ~(np.isfinite(value) & (value >= 0)).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        column = int(np.flatnonzero(~(np.isfinite(value[row]) & (value[row] >= 0)))[0])
        what = f"{table.categories[column]!r} is {value[row, column]}"
        raise InputError(f"{_place(table, row, name)}: {what}; weights must be finite and not negative")


def _windows_from(table: PreferenceTable) -> np.ndarray:
    windows = np.full(table.n_users, UNKNOWN, dtype=np.int64)
    if table.counts is not None:
        windows[table.counts.sum(axis=1) == 0] = 0
    return windows


def _shares(counts: np.ndarray | None) -> np.ndarray:
    assert counts is not None  # _check_shapes has seen to it
    totals = row_sums(counts)[:, None]
    with np.errstate(invalid="ignore"):
        return np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), np.nan)


def _check_windows(table: PreferenceTable) -> None:
    below = table.n_window < UNKNOWN
    if below.any():
        row = int(np.flatnonzero(below)[0])
        raise InputError(f"{_place(table, row, 'n_window')}: {table.n_window[row]} interactions; it cannot be negative")
    if table.counts is None:
        return
    empty = table.counts.sum(axis=1) == 0
    wrong = empty & table.observed
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        claim = "a window" if table.n_window[row] == UNKNOWN else f"{table.n_window[row]} interactions"
        raise InputError(
            f"{_place(table, row, 'counts')}: all zero although n_window says {claim}; mend one of the two"
        )
    wrong = ~empty & ~table.observed
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{_place(table, row, 'n_window')}: 0 although counts holds a window; mend one of the two")


def _check_rows(table: PreferenceTable, name: str, where: np.ndarray | None) -> np.ndarray:
    """Hold a column against the simplex in the rows that `where` marks; normalise it."""
    value: np.ndarray = getattr(table, name)
    sums = value.sum(axis=1)
    good = (value.min(axis=1) >= 0) & (np.abs(sums - 1.0) <= ATOL)
    if where is not None:
        good |= ~where
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise SimplexError(f"{_place(table, row, name)}: {_row_defect(table, value[row])}")
    # Rows that sum to one within rounding stay as they are: written and read again, they keep their bits.
    held = np.ones(len(value), dtype=bool) if where is None else where
    rounding = value.shape[1] * 2.0**-52
    if (np.abs(sums[held] - 1.0) <= rounding / 2).all():
        return value
    sums = row_sums(np.where(held[:, None], value, 0.0))
    far = held & (np.abs(sums - 1.0) > rounding)
    return np.divide(value, sums[:, None], out=value.copy(), where=far[:, None])


def _row_defect(table: PreferenceTable, row: np.ndarray) -> str:
    broken = ~np.isfinite(row)
    if broken.any():
        column = int(np.flatnonzero(broken)[0])
        return f"{table.categories[column]!r} is {row[column]}; every share must be finite"
    if (row < 0).any():
        column = int(np.flatnonzero(row < 0)[0])
        return f"{table.categories[column]!r} is negative ({row[column]:.6g}); shares must be at least 0"
    return f"sums to {row.sum():.6g}; normalise it or pass --renormalise"


def _check_lists(table: PreferenceTable) -> None:
    if table.dg is None:
        return
    known = ((table.dg >= PAD) & (table.dg < table.n_categories)).all(axis=1)
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        entry = next(int(e) for e in table.dg[row] if not PAD <= e < table.n_categories)
        raise InputError(
            f"{_place(table, row, 'dg')}: entry {entry} is no category of 0..{table.n_categories - 1}; "
            "write -1 for an out-of-vocabulary entry"
        )
    ordered = np.sort(table.dg, axis=1)
    repeats = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeats.any():
        row = int(np.flatnonzero(repeats)[0])
        entries, times = np.unique(table.dg[row][table.dg[row] >= 0], return_counts=True)
        name = table.categories[int(entries[times > 1][0])]
        raise InputError(f"{_place(table, row, 'dg')}: {name!r} stands in the list twice; keep its first place")


def _check_unique(table: PreferenceTable) -> None:
    columns: list[Any] = [table.users.tolist()]
    for value in (table.context_window, table.horizon):
        if value is not None:
            columns.append(value.tolist())
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    if len(set(keys)) == len(keys):
        return
    seen: set[Any] = set()
    for row, key in enumerate(keys):
        if key in seen:
            raise InputError(
                f"{_place(table, row, 'user')}: this record stands in the table twice; keep one of the two"
            )
        seen.add(key)


def _text_array(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) for value in values]
    return array


def _tuple_array(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = tuple(str(title) for title in value)
    return array
