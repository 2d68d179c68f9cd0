"""What a claim is, what it is computed from, and how one pass over the users feeds all of them."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from spectra_eval import simplex
from spectra_eval.certification._certificate import SCHEMA, Certificate, Claim, document
from spectra_eval.certification._options import BOUNDS, Options
from spectra_eval.errors import AssumptionError
from spectra_eval.registry import Registry
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory._base import Assumption
from spectra_eval.units import LN2

__all__ = [
    "BOUNDS",
    "CLAIMS",
    "OF_RECORDS",
    "SCHEMA",
    "TIE",
    "Accumulator",
    "Certificate",
    "Claim",
    "ClaimKind",
    "Mean",
    "Options",
    "UserBlock",
    "against",
    "document",
    "group_mean",
    "independence",
    "order_keys",
    "undefined",
    "whom",
]

TIE = 1e-12
"""Two sums over categories that differ by no more are equal: their last places depend on the order of the sum."""


class UserBlock:
    """What the claims need of some records, each quantity computed once and only when asked for.

    Records without a window are left out; `unseen` names the users who have no other.

    All quantities are of the observed windows: `tv` is TV(theta_s, theta_star), `missed` the truth's mass
    off the list, `tv_list` and `js_list` the divergences of the uniform distribution on the list.
    """

    def __init__(self, table: PreferenceTable, k: int) -> None:
        seen = table.observed
        self._keys: tuple[int, np.ndarray] | None = None
        self.k = k
        self.table = table if seen.all() else table.select(seen)
        self.unseen = np.empty(0, dtype=object)
        """Names of the users who have no window."""
        if not seen.all():
            names = table.users[_starts(table.users)]
            self.unseen = names[~np.isin(names, self.table.users)]

    @property
    def theta_star(self) -> np.ndarray:
        """(n, K) observed frequencies."""
        return self.table.theta_star

    @property
    def theta_s(self) -> np.ndarray:
        """(n, K) the readout."""
        assert self.table.theta_s is not None  # _stream has seen to it
        return self.table.theta_s

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """First record of each user; records of one user stand together."""
        return _starts(self.table.users)

    def order_keys(self, seed: int) -> np.ndarray:
        """Return `order_keys` of each user, once, in the order of `starts`."""
        if self._keys is None or self._keys[0] != seed:
            self._keys = (seed, order_keys(self.table.users[self.starts], seed))
        return self._keys[1]

    @functools.cached_property
    def everyone(self) -> np.ndarray:
        """(n,) bool: all records."""
        return np.ones(self.table.n_users, dtype=bool)

    @functools.cached_property
    def on_list(self) -> np.ndarray:
        """(n, K) bool: the category is among the first k decoded entries."""
        mask = np.zeros((self.table.n_users, self.table.n_categories + 1), dtype=bool)
        lists = self.table.dg
        if lists is not None:
            first = lists[:, : self.k]
            # Entries that are no category fall into a spare column, which is then cut off.
            np.put_along_axis(mask, np.where(first < 0, self.table.n_categories, first), values=True, axis=1)
        return mask[:, :-1]

    @functools.cached_property
    def listed(self) -> np.ndarray:
        """(n,) bool: the list names at least one category."""
        return np.asarray(self.on_list.any(axis=1))

    @functools.cached_property
    def tv(self) -> np.ndarray:
        """(n,) total variation between readout and window."""
        return simplex.tv(self.theta_star, self.theta_s)

    @functools.cached_property
    def js_bits(self) -> np.ndarray:
        """(n,) Jensen-Shannon divergence between readout and window, in bits."""
        return simplex.js_nats(self.theta_star, self.theta_s) / LN2

    @functools.cached_property
    def missed(self) -> np.ndarray:
        """(n,) mass of the window that lies off the list."""
        return np.where(self.on_list, 0.0, self.theta_star).sum(axis=1)

    @functools.cached_property
    def theta_list(self) -> np.ndarray:
        """(n, K) uniform on the list; rows without a list are zero and must be left out by the caller."""
        return self.on_list / np.maximum(self.on_list.sum(axis=1, keepdims=True), 1)

    @functools.cached_property
    def tv_list(self) -> np.ndarray:
        """(n,) total variation between the uniform distribution on the list and the window."""
        return simplex.tv(self.theta_star, self.theta_list)

    @functools.cached_property
    def js_list_bits(self) -> np.ndarray:
        """(n,) the same in Jensen-Shannon divergence, in bits."""
        return simplex.js_nats(self.theta_star, self.theta_list) / LN2


def _starts(users: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.concatenate(([True], users[1:] != users[:-1]))) if len(users) else np.empty(0, dtype=int)


def group_mean(values: np.ndarray, block: UserBlock, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average per-record values within each user; return the averages and which users have one."""
    number = np.add.reduceat(kept.astype(np.float64), block.starts)
    total = np.add.reduceat(np.where(kept, values, 0.0), block.starts)
    has = number > 0
    return total[has] / number[has], has


class Mean:
    """Streams one number a user: count, sum, and, for the bound that needs them, the numbers by a hash of the user.

    The sum is taken block by block over blocks of a fixed size and then exactly, so that it does not
    depend on how the file was cut.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.n = 0
        self._sums: list[float] = []
        self._seed = None if options is None else options.seed
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.binary = True
        self.several = False
        """Whether a user has several records, so that the number is a mean over them."""

    def take(self, block: UserBlock, values: np.ndarray, kept: np.ndarray) -> None:
        """Take the users of a block, each with the mean over the records that are kept; who has none is left out."""
        means, has = group_mean(values, block, kept)
        self.several = self.several or int(np.count_nonzero(kept)) > len(means)
        self._add(means)
        if self._seed is not None:
            self._kept.append((block.order_keys(self._seed)[has], means))

    def take_zeros(self, users: np.ndarray) -> None:
        """Take some more users, each with a zero."""
        self._add(np.zeros(len(users)))
        if self._seed is not None:
            self._kept.append((order_keys(users, self._seed), np.zeros(len(users))))

    def _add(self, values: np.ndarray) -> None:
        self.n += len(values)
        self._sums.append(float(np.sum(values)))
        self.binary = self.binary and bool(np.isin(values, (0.0, 1.0)).all())

    @property
    def total(self) -> float:
        """Sum over all users."""
        return math.fsum(self._sums)

    @property
    def mean(self) -> float:
        """Mean over all users."""
        return self.total / self.n

    @property
    def ordered(self) -> np.ndarray:
        """The numbers in the order of the hashes of their users, which no file and no outcome decides."""
        if self._seed is None:
            raise AssumptionError("these values were streamed, not kept")
        keys, values = (np.concatenate(column) for column in zip(*self._kept, strict=True))
        return np.asarray(values[np.argsort(keys, kind="stable")])


OF_RECORDS = "the share of a user's records, averaged over users, which is no share of users"
"""What a share claim bounds where a user has several records."""


def whom(mean: Mean, share: float) -> str:
    """Say for how many something holds at least: of the users, or of their records where a user has several."""
    return f"for at least {share:.1%} of " + ("their records, averaged over users" if mean.several else "them")


def order_keys(users: np.ndarray, seed: int) -> np.ndarray:
    """Return the first 8 bytes of BLAKE2b of each user's name, keyed by the decimal digits of the seed.

    Examples
    --------
    >>> order_keys(np.array(["ann", "bob"], dtype=object), 0).tolist()
    [6678400925851976323, 15346584455669765868]
    """
    key = str(seed).encode()
    digests = (
        hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for user in users
    )
    return np.frombuffer(b"".join(digests), dtype=">u8")


class Accumulator(Protocol):
    """One claim while the users pass by."""

    def add(self, block: UserBlock) -> None:
        """Take some more users."""

    def claim(self) -> Claim:
        """Say what can be claimed of all users seen."""


@dataclass(frozen=True, kw_only=True)
class ClaimKind:
    """One entry of the family: its name, what it says in one line, and how to start it.

    `about` says whom it speaks of: the readout, or every distribution on the decoded lists, whatever the readout is.
    `without_lists` marks a claim that can be made of a table without decoded lists. `least` is the smallest value that
    its bound can have, None where it has no bound and so licenses nothing that could be required; `n_bounds` is how
    many bounds it states, each of which may fail.
    """

    name: str
    summary: str
    reference: str
    start: Callable[[Options], Accumulator]
    target: Literal["window", "law"] = "law"
    about: Literal["readout", "lists"] = "readout"
    without_lists: bool = False
    least: float | None = 0.0
    n_bounds: Callable[[Options], int] = lambda options: 1


CLAIMS: Registry[ClaimKind] = Registry(
    "claim", package="spectra_eval.certification", group="spectra_eval.certification"
)


def independence(options: Options) -> tuple[Assumption, ...]:
    """Return the assumptions that every statistical claim of this scope rests on."""
    no_peek = Assumption(
        name="no-peek",
        text="theta_s and the decoded list depend on the history only, never on the window they are held against",
    )
    if options.scope == "population":
        drawn = Assumption(
            name="iid-users",
            text="asserted by the caller: the users were drawn independently from one population, "
            "and the predictor was fixed without them",
        )
        return (drawn, no_peek)
    windows = Assumption(
        name="independent-windows",
        text="given the histories, the windows of different users are independent; nothing is said of other users",
    )
    return (windows, no_peek)


def against(options: Options, kind: ClaimKind, bound: float, *, default: float) -> dict[str, Any]:
    """Hold a bound against what was required of it, or else strictly against the default threshold."""
    threshold = options.require.get(kind.name, default)
    holds = bound >= threshold if kind.name in options.require else bound > threshold
    return {"bound": bound, "threshold": threshold, "margin": bound - threshold, "holds": holds}


def undefined(kind: ClaimKind, options: Options, *, reason: str, n: int = 0) -> Claim:
    """Return the row of a claim that this table cannot carry."""
    return Claim(
        claim=kind.name,
        status="undefined",
        standing="proven",
        statement=f"Nothing can be said: {reason}.",
        target=kind.target,
        scope=options.scope,
        inputs={},
        bound=None,
        threshold=options.require.get(kind.name),
        margin=None,
        holds=None,
        licenses="nothing",
        assumptions=(),
        reference=kind.reference,
        n_users=n,
        reason=reason,
    )
