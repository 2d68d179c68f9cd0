"""Checks of the arguments of public functions, and the shape of their results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectra_eval.arrays import as_together, check_cutoff, whole_of
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.metrics._comparison import Comparison

__all__ = ["check_lists", "check_pair", "check_support", "shaped_like"]


def check_pair(
    theta_star: Any,
    theta_s: Any,
    *,
    buckets: Any = None,
    k: int | None = None,
    support: Any = None,
    lists: Any = None,
) -> tuple[Comparison, tuple[int, ...]]:
    """Check the arrays of a public function; return a comparison and the shape of the user axes."""
    if k is not None:
        check_cutoff(k)
    with_them: dict[str, tuple[Any, tuple[str, ...]]] = {
        "buckets": (buckets, ("categories",)),
        "support": (support, ("users", "categories")),
        "lists": (lists, ("users", "ranks")),
    }
    thetas, others = as_together(with_them, theta_star=theta_star, theta_s=theta_s)
    truth, predicted = np.broadcast_arrays(*thetas)
    users, n_categories = truth.shape[:-1], truth.shape[-1]
    if 0 in users:
        raise ShapeError(f"theta_star: no users in shape {truth.shape}; give at least one row")
    comparison = Comparison(
        theta_star=np.ascontiguousarray(truth.reshape(-1, n_categories)),
        theta_s=np.ascontiguousarray(predicted.reshape(-1, n_categories)),
        lists=None if lists is None else check_lists(others["lists"], users),
        bucket=np.zeros(n_categories, dtype=np.int64)
        if buckets is None
        else _check_buckets(others["buckets"], n_categories),
        support=check_support(others.get("support"), theta_star=truth, theta_s=predicted),
    )
    return comparison, users


def check_support(array: np.ndarray | None, **thetas: np.ndarray) -> np.ndarray | None:
    """Check the options of each user against distributions (..., K) of one shape; return them as (n, K)."""
    if array is None:
        return None
    shape = next(iter(thetas.values())).shape
    if array.dtype != np.bool_:
        raise InputError(f"support: entries of type {array.dtype}; give True where a category is an option of the user")
    if array.shape != shape:
        raise ShapeError(f"support: shape {array.shape}, but the users have {shape}; give one row a user")
    for name, theta in thetas.items():
        off = (theta > 0) & ~array
        if off.any():
            place = tuple(int(i) for i in np.argwhere(off)[0])
            raise InputError(f"{name}: entry {place} is {theta[place]:.6g}, outside the support; it must be 0")
    return array.reshape(-1, shape[-1])


def shaped_like(users: tuple[int, ...], column: np.ndarray) -> Any:
    """Return one number per user in the shape of the user axes; a float for a single user without an axis."""
    return column.reshape(users) if users else float(column.reshape(()))


def check_lists(array: np.ndarray, users: tuple[int, ...]) -> np.ndarray:
    """Check that there is one list of whole numbers per user; return them as (n, L)."""
    if array.ndim == 0 or array.shape[:-1] != users:
        raise ShapeError(f"lists: shape {array.shape}, but the users have shape {users}; give one list a user")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"lists: entries of type {array.dtype}; give indices of categories, negative for none")
    return whole_of("lists", array).reshape(math.prod(users), array.shape[-1])


def _check_buckets(array: np.ndarray, n_categories: int) -> np.ndarray:
    if array.shape != (n_categories,):
        raise ShapeError(f"buckets: shape {array.shape}, but there are {n_categories} categories; give one a category")
    if not np.isin(array, (0, 1, 2)).all():
        column = int(np.flatnonzero(~np.isin(array, (0, 1, 2)))[0])
        raise InputError(
            f"buckets: category {column} is in {array[column]}; write 0 for head, 1 for mid and 2 for tail"
        )
    return array.astype(np.int64)
