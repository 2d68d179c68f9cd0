"""The input of a statistic: one system and the truth, in blocks that fit the cache, with values that metrics share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from spectra_eval.arrays import rows_per_block, short_repr

__all__ = ["BLOCK", "Comparison", "Part", "mean_statistic", "missing_rows", "of_users", "rows_of_block"]

BLOCK = 16_384
"""Elements of an array in one block of `Comparison.blocks`: small enough to fit a processor cache several times."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """One system compared with the truth for the same n users: the input of a statistic.

    Attributes
    ----------
    theta_star : (n, K) float array
        Observed frequencies; rows on the simplex, or NaN where nothing was observed.
    theta_s : (n, K) float array
        The system's predicted distributions; rows on the simplex, or NaN without a prediction.
    lists : (n, L) int array or None
        The system's own ranked lists (negative entries are no category); None where its list is the order
        of `theta_s`.
    bucket : (K,) int array
        The stratum of each category: 0 head, 1 mid, 2 tail; above 2 for a category that is not an option of any
        user.
    support : (n, K) bool array or None
        The options of each user; `theta_star` and `theta_s` are zero outside. None where all have every category.
    rank_by_frequency : (K,) int array or None
        The rank of each category by frequency, 0 for the most frequent; -1 for a category that is not an option of
        any user. None where only the strata are known: then in their order, the lower index first.

    Notes
    -----
    A statistic is fastest on the blocks that `blocks` yields.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[0.5, 0.5]])
    >>> made = Comparison(theta_star=rows, theta_s=rows, lists=None, bucket=np.array([0, 2]))
    >>> made.n_users, made.n_categories
    (1, 2)
    """

    __repr__ = short_repr

    theta_star: np.ndarray
    theta_s: np.ndarray
    lists: np.ndarray | None
    bucket: np.ndarray
    support: np.ndarray | None = None
    rank_by_frequency: np.ndarray | None = None
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _of_truth: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def n_users(self) -> int:
        """Return the number of users."""
        return len(self.theta_s)

    @property
    def n_categories(self) -> int:
        """Return the number of categories."""
        return self.theta_s.shape[1]

    def cached(self, compute: Callable[..., T], *arguments: Any) -> T:
        """Return ``compute(self, *arguments)``, computed once and shared by the metrics that need it."""
        key = (compute, *arguments)
        if key not in self._known:
            self._known[key] = compute(self, *arguments)
        found: T = self._known[key]
        return found

    def cached_for_truth(self, compute: Callable[..., T], *arguments: Any) -> T:
        """Return a cached value that depends on the truth, `bucket` and `support` alone; all systems share it."""
        key = (compute, *arguments)
        if key not in self._of_truth:
            self._of_truth[key] = compute(self, *arguments)
        found: T = self._of_truth[key]
        return found

    def with_system(self, theta_s: np.ndarray, lists: np.ndarray | None) -> Comparison:
        """Return the comparison of another system with the same truth; the cached values of the truth are reused."""
        return Comparison(
            theta_star=self.theta_star,
            theta_s=theta_s,
            lists=lists,
            bucket=self.bucket,
            support=self.support,
            rank_by_frequency=self.rank_by_frequency,
            _of_truth=self._of_truth,
        )

    once, once_of_truth, beside = cached, cached_for_truth, with_system  # earlier names, for one release

    def blocks(self) -> Iterator[Comparison]:
        """Return the same users in blocks that fit the cache, in order."""
        step = rows_of_block(self.n_categories)
        for start in range(0, self.n_users, step):
            rows = slice(start, start + step)
            yield Comparison(
                theta_star=self.theta_star[rows],
                theta_s=self.theta_s[rows],
                lists=None if self.lists is None else self.lists[rows],
                bucket=self.bucket,
                support=None if self.support is None else self.support[rows],
                rank_by_frequency=self.rank_by_frequency,
            )


def rows_of_block(n_categories: int) -> int:
    """Return the number of users in a block."""
    return rows_per_block(n_categories, BLOCK)


def missing_rows(comparison: Comparison) -> np.ndarray:
    """Return which users have a NaN in the truth or in the prediction, (n,) bool."""
    return np.isnan(comparison.cached_for_truth(_sums_of_truth) + np.einsum("ij->i", comparison.theta_s))


def _sums_of_truth(comparison: Comparison) -> np.ndarray:
    return np.einsum("ij->i", comparison.theta_star)


@dataclass(frozen=True)
class Part:
    """A statistic that is a subset of the columns of a larger one, which is computed, summed and resampled once.

    Attributes
    ----------
    whole : callable
        ``whole(comparison, **options) -> (n, D)``.
    columns : callable
        ``columns(of, **options)``, `of` with `bucket` and `support` as a `Comparison` has them: indices of columns of
        `whole`; none where the metric has no value for anybody.
    """

    whole: Callable[..., np.ndarray]
    columns: Callable[..., np.ndarray]

    def __post_init__(self) -> None:
        # The module of a part is the module of the whole statistic.
        object.__setattr__(self, "__module__", self.whole.__module__)

    def __call__(self, comparison: Comparison, **options: Any) -> np.ndarray:
        """Return the selected columns; NaN where there are none."""
        chosen = self.columns(comparison, **options)
        if not len(chosen):
            return np.full((comparison.n_users, 1), np.nan)
        return self.whole(comparison, **options)[:, chosen]


def of_users(statistic: Callable[..., np.ndarray], comparison: Comparison, **options: Any) -> np.ndarray:
    """Compute a statistic with one number per user, block by block, (n,)."""
    out = np.empty(comparison.n_users)
    at = 0
    for block in comparison.blocks():
        out[at : at + block.n_users] = statistic(block, **options)[:, 0]
        at += block.n_users
    return out


def mean_statistic(statistic: Callable[..., np.ndarray], comparison: Comparison, **options: Any) -> np.ndarray:
    """Average a statistic over users, block by block, (D,)."""
    total = sum(statistic(block, **options).sum(axis=0) for block in comparison.blocks())
    return np.asarray(total / comparison.n_users)
