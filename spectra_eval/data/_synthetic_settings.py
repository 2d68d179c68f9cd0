"""The settings of a synthetic data set, and the users' true distributions that they determine."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from spectra_eval.arrays import check_number, check_whole
from spectra_eval.errors import InputError

__all__ = ["SyntheticSettings", "zipf"]

_TAIL = 0.9


@dataclass(frozen=True, kw_only=True)
class SyntheticSettings:
    """The settings of a synthetic data set with known ground truth.

    Attributes
    ----------
    users, categories, groups, items : int
        How many; the categories have `groups` parents, and every category has items of its own.
    sessions, session_length : float
        Their means per user and per session; both are 1 plus a Poisson number, independent of the user's distribution.
    skew : float
        Category of popularity rank r is chosen in proportion to ``r ** -skew``; so is an item in its category.
    concentration : float
        Total of the Dirichlet distribution around the popularity from which a user's distribution is drawn.
    niche : float
        The proportion of users whose distribution is drawn around the tail, the least popular third of categories.
    drift : float
        From the first day to the last a distribution moves this fraction of the way to a second one, drawn alike.
    days : int
        The length of the log; a user has at most one session a day, so sessions are 12 hours apart or more.
    seed : int
        Of everything.
    noise : float, optional
        If given, the table gets a `theta_s`: the true distribution with noise of this deviation on its logarithms.
    list_length : int
        If not 0, the table gets a `dg`: the largest categories of another noisy copy.
    list_noise : float
        How far that is disturbed.
    level : {"fine", "coarse"}
        The categories, or their groups.

    Raises
    ------
    InputError
        A setting is out of range, or two of them do not fit together.

    Examples
    --------
    >>> SyntheticSettings(categories=4, groups=2).group.tolist()
    [0, 1, 0, 1]
    """

    users: int = 500
    categories: int = 24
    groups: int = 6
    items: int = 1200
    sessions: float = 12.0
    session_length: float = 6.0
    skew: float = 1.0
    concentration: float = 8.0
    niche: float = 0.2
    drift: float = 0.3
    days: int = 365
    seed: int = 0
    noise: float | None = None
    list_length: int = 0
    list_noise: float = 0.5
    level: str = "fine"

    def __post_init__(self) -> None:
        for name, least in (("users", 1), ("groups", 1), ("categories", 2), ("seed", 0), ("list_length", 0)):
            check_whole(name, getattr(self, name), least=least, most=2**63 - 1)
        if self.categories < self.groups:
            raise InputError(f"groups: {self.groups} for {self.categories} categories; every group has at least one")
        if self.items < self.categories:
            raise InputError(f"items: {self.items} for {self.categories} categories; every category has at least one")
        check_whole("items", self.items, least=1)
        for name in ("sessions", "session_length", "niche", "drift", "skew", "list_noise", "concentration", "days"):
            check_number(name, getattr(self, name))
        for name in ("sessions", "session_length"):
            if not 1.0 <= getattr(self, name) <= 40.0:
                raise InputError(f"{name}: {getattr(self, name)}; a mean of 1 to 40")
        if self.days < 1.5 * self.sessions:
            raise InputError(f"days: {self.days}; give at least 1.5 days a session, {1.5 * self.sessions:g} here")
        for name in ("niche", "drift"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name}: {getattr(self, name)}; a proportion between 0 and 1")
        for name in ("skew", "list_noise", *(["noise"] if self.noise is not None else [])):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name}: {getattr(self, name)}; a finite number of at least 0")
        if not 0.0 < self.concentration < np.inf:
            raise InputError(f"concentration: {self.concentration}; a finite number above 0")
        if self.level not in ("fine", "coarse"):
            raise InputError(f"level: {self.level!r} is unknown; choose fine or coarse")

    @property
    def group(self) -> np.ndarray:
        """Return the group of each category, (K,) int, assigned in turn over the popularity ranks."""
        return np.arange(self.categories) % self.groups

    @property
    def popularity(self) -> np.ndarray:
        """Return the popularity of each category, (K,) float, the most popular first."""
        return zipf(self.categories, self.skew)

    def distributions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw the true distributions of all users.

        Returns
        -------
        first, last : (users, K) float arrays
            Each user's distribution on the first and on the last day; rows on the simplex.
        niche : (users,) bool array
            Which users are niche.
        """
        rng = np.random.default_rng([self.seed, 1])
        niche = rng.random(self.users) < self.niche
        tail = np.arange(self.categories) >= self.categories - max(1, self.categories // 3)
        around_tail = _TAIL * tail / tail.sum() + (1 - _TAIL) * self.popularity
        around = np.where(niche[:, None], around_tail, self.popularity)
        first, second = (_dirichlet(rng, self.concentration * around) for _ in range(2))
        return first, second, niche

    def laws(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `distributions`, with a warning: the earlier name, until version 1.0."""
        warnings.warn("laws is now distributions", DeprecationWarning, stacklevel=2)
        return self.distributions()


def zipf(size: int, skew: float) -> np.ndarray:
    """Return the probability of each rank, in proportion to ``rank ** -skew``."""
    weights = np.arange(1.0, size + 1.0) ** -skew
    return weights / weights.sum()


def _dirichlet(rng: np.random.Generator, concentrations: np.ndarray) -> np.ndarray:
    """Draw a Dirichlet row for each row, without 0/0 for tiny concentrations."""
    logs = np.log(rng.standard_gamma(concentrations + 1.0)) + np.log(rng.random(concentrations.shape)) / concentrations
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
