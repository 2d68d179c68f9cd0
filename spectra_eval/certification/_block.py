"""A block of records, and the quantities of its observed windows that claims use."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from spectra_eval import simplex
from spectra_eval._ties import TIE
from spectra_eval.tables import PreferenceTable
from spectra_eval.units import LN2

__all__ = ["LIST", "TIE", "UserBlock", "group_mean", "means_of", "order_keys", "starts_of"]

T = TypeVar("T")
LIST = "dg"
"""The rival that is the uniform distribution on the first k entries of the decoded list."""


class UserBlock:
    """Some records and the quantities that claims need, each computed on first use.

    Records without a window are left out; `unseen` lists the users without other records.

    All quantities are of the observed windows: `tv` is TV(theta_s, theta_star), `missed` the truth's mass
    off the list, `tv_list` and `js_list` the divergences of the uniform distribution on the list.
    """

    def __init__(self, table: PreferenceTable, k: int, rivals: Mapping[str, np.ndarray] | None = None) -> None:
        seen = table.observed
        self._rivals = {name: rows if seen.all() else rows[seen] for name, rows in (rivals or {}).items()}
        self._keys: tuple[int, np.ndarray] | None = None
        self._found: dict[Callable[[UserBlock], Any], Any] = {}
        self.k = k
        self.table = table if seen.all() else table.select(seen)
        self.unseen = np.empty(0, dtype=object)
        """Names of the users without a window."""
        if not seen.all():
            names = table.users[starts_of(table.users)]
            self.unseen = names[~np.isin(names, self.table.users)]

    @property
    def theta_star(self) -> np.ndarray:
        """Return the observed frequencies, (n, K)."""
        return self.table.theta_star

    @property
    def theta_s(self) -> np.ndarray:
        """Return the readout, (n, K)."""
        assert self.table.theta_s is not None  # ensured by _stream
        return self.table.theta_s

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """Return the first record of each user; records of a user are consecutive."""
        return starts_of(self.table.users)

    def cached(self, of: Callable[[UserBlock], T]) -> T:
        """Return a quantity of this block, computed on first use."""
        if of not in self._found:
            self._found[of] = of(self)
        return self._found[of]

    def order_keys(self, seed: int) -> np.ndarray:
        """Return the `order_keys` of each user, in the order of `starts`."""
        if self._keys is None or self._keys[0] != seed:
            self._keys = (seed, order_keys(self.table.users[self.starts], seed))
        return self._keys[1]

    @functools.cached_property
    def everyone(self) -> np.ndarray:
        """Return a mask of all records, (n,) bool."""
        return np.ones(self.table.n_users, dtype=bool)

    @functools.cached_property
    def on_list(self) -> np.ndarray:
        """Return which categories are among the first k decoded entries, (n, K) bool."""
        lists = self.table.dg
        none = np.zeros((self.table.n_users, 0), dtype=int)
        return simplex.listed(none if lists is None else lists[:, : self.k], self.table.n_categories)

    @functools.cached_property
    def listed(self) -> np.ndarray:
        """Return which lists have at least one category, (n,) bool."""
        return np.asarray(self.on_list.any(axis=1))

    def rival(self, name: str) -> np.ndarray:
        """Return the predictions of a rival, (n, K); rows of NaN where it has none. `dg` is the decoded list."""
        if name == LIST and name not in self._rivals:
            self._rivals[name] = np.where(self.listed[:, None], self.theta_list, np.nan)
        return self._rivals[name]

    @functools.cached_property
    def tv(self) -> np.ndarray:
        """Return the total variation between readout and window, (n,)."""
        return simplex.tv(self.theta_star, self.theta_s)

    @functools.cached_property
    def js_bits(self) -> np.ndarray:
        """Return the Jensen-Shannon divergence between readout and window in bits, (n,)."""
        return simplex.js_nats(self.theta_star, self.theta_s) / LN2

    @functools.cached_property
    def missed(self) -> np.ndarray:
        """Return the mass of the window outside the list, (n,)."""
        return np.where(self.on_list, 0.0, self.theta_star).sum(axis=1)

    @functools.cached_property
    def theta_list(self) -> np.ndarray:
        """Return the uniform distributions on the lists, (n, K); rows without a list are zero and must be excluded."""
        return self.on_list / np.maximum(self.on_list.sum(axis=1, keepdims=True), 1)

    @functools.cached_property
    def tv_list(self) -> np.ndarray:
        """Return the total variation between the uniform distribution on the list and the window, (n,)."""
        return simplex.tv(self.theta_star, self.theta_list)

    @functools.cached_property
    def js_list_bits(self) -> np.ndarray:
        """Return the same in Jensen-Shannon divergence in bits, (n,)."""
        return simplex.js_nats(self.theta_star, self.theta_list) / LN2


def starts_of(users: np.ndarray) -> np.ndarray:
    """Return the first index of every run of one user."""
    return np.flatnonzero(np.concatenate(([True], users[1:] != users[:-1]))) if len(users) else np.empty(0, dtype=int)


def group_mean(values: np.ndarray, block: UserBlock, selected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the averages of values within each user, and which users have one."""
    return means_of(values, block.starts, selected)


def means_of(values: np.ndarray, starts: np.ndarray, selected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same for users whose first records are `starts`."""
    number = np.add.reduceat(selected.astype(np.float64), starts)
    total = np.add.reduceat(np.where(selected, values, 0.0), starts)
    has = number > 0
    return total[has] / number[has], has


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
