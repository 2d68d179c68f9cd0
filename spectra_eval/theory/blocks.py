"""Route T for one user whose interactions are dependent or have several categories each.

Sessions, series and albums come in runs, so that n interactions are fewer independent ones. Cut the window into
blocks that are independent given the history; each block gives the mean of its interactions, a vector on the
simplex, and all blocks weigh the same. What is certified is about the expected mean over blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from spectra_eval.arrays import as_simplex, as_whole, check_whole
from spectra_eval.errors import AssumptionError, InputError, ShapeError
from spectra_eval.simplex import tv
from spectra_eval.theory.bounded_mean import betting_lower
from spectra_eval.theory.routes import RouteResult, _split
from spectra_eval.theory.truncation import missed_mass

__all__ = ["block_means", "label_vectors", "route_t_blocks"]


def label_vectors(labels: Sequence[Sequence[int]], *, n_categories: int) -> np.ndarray:
    """Return one row on the simplex for each interaction: 1/|labels| on each of its labels.

    Their mean over interactions is an unbiased estimate of its expectation. Pooling the labels of all interactions (sum
    of labels over their total) is not: a ratio of two random sums, which no bound here covers.

    Parameters
    ----------
    labels : sequence of sequences of int
        Categories of each interaction; repeats count once.
    n_categories : int
        K.

    Returns
    -------
    (n, K) float array
        Rows on the simplex.

    Raises
    ------
    InputError
        An interaction has no label, or one that is no category.

    Examples
    --------
    >>> label_vectors([[0], [0, 2]], n_categories=3).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]
    """
    check_whole("n_categories", n_categories, least=1)
    if not isinstance(labels, list | tuple):
        raise InputError(f"labels: {type(labels).__name__}; give a list with the categories of each interaction")
    out = np.zeros((len(labels), n_categories))
    for row, borne in enumerate(labels):
        chosen = sorted(set(as_whole(f"labels[{row}]", borne).ravel().tolist()))
        if not chosen or chosen[0] < 0 or chosen[-1] >= n_categories:
            raise InputError(
                f"labels: interaction {row} bears {list(borne)}; give at least one of 0..{n_categories - 1}"
            )
        out[row, chosen] = 1.0 / len(chosen)
    return out


def block_means(vectors: Any, blocks: Any) -> np.ndarray:
    """Average the interactions within each block.

    Parameters
    ----------
    vectors : (n, K) float array
        One row on the simplex an interaction (`label_vectors`, or unit vectors).
    blocks : (n,) array
        Label of each interaction's block, a session id or a week, fixed without a look at the categories.

    Returns
    -------
    (B, K) float array
        In the order in which the blocks begin.

    Raises
    ------
    ShapeError
        There is not one label an interaction.

    Examples
    --------
    >>> block_means([[1, 0], [0, 1], [0, 1]], ["monday", "monday", "friday"]).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    (rows,) = as_simplex(vectors=vectors)
    names = np.asarray(blocks)
    if rows.ndim != 2 or names.shape != rows.shape[:1]:
        raise ShapeError(f"blocks: shape {names.shape} for vectors {rows.shape}; give one label an interaction")
    _, first, member = np.unique(names, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[member.reshape(-1)]
    sums = np.zeros((len(first), rows.shape[1]))
    np.add.at(sums, place, rows)
    return sums / np.bincount(place)[:, None]


def route_t_blocks(
    means: Any, theta_s: Any, entries: Any, *, predicate_error: float, split: float = 0.5, mass_bound: str = "hoeffding"
) -> RouteResult:
    """Certify one user by Route T, form (a), with the number of blocks instead of the number of interactions.

    TV(theta_s, mean of blocks) + sqrt(ln(1/beta1)/(2B)) is compared with a lower bound on the mass off the list.

    Parameters
    ----------
    means : (B, K) float array
        `block_means`, or `label_vectors` where the interactions themselves are independent.
    theta_s : (K,) float array
        On the simplex, fixed by the history.
    entries : (L,) int array
        The list, fixed by the history; negative entries are none.
    predicate_error : float
        Probability that the user is certified without deserving it.
    split : float
        Part of the error for the total variation.
    mass_bound : {"hoeffding", "betting"}
        ``hoeffding``: for independent blocks. ``betting``: for blocks that have one distribution besides; it pays for
        dozens of blocks whose shares off the list vary little, and loses with few.

    Returns
    -------
    RouteResult
        With scalars.

    Raises
    ------
    AssumptionError
        There are no blocks.
    InputError
        The bound is unknown.

    Notes
    -----
    Assumptions: the blocks are independent given the history and their number. Dependence inside a block is free.
    The exact form (b) and Clopper-Pearson do not apply: a block mean is not 0/1. If the blocks depend on each other
    too, use the mean certificate, which assumes nothing inside a window. Not tight.

    References
    ----------
    .. [1] W. Hoeffding, J. Amer. Statist. Assoc. 58 (1963) 13-30.

    Examples
    --------
    >>> found = route_t_blocks([[0.0, 0.1, 0.9]] * 60, [0.05, 0.1, 0.85], [0], predicate_error=0.01)
    >>> bool(found.certified), round(float(found.upper), 3)
    (True, 0.26)
    """
    rows, predicted = as_simplex(means=means, theta_s=theta_s)
    if rows.ndim != 2 or predicted.ndim != 1:
        raise ShapeError(
            f"means: shape {rows.shape}, theta_s {predicted.shape}; give the blocks of one user and one readout"
        )
    if len(rows) == 0:
        raise AssumptionError("means: no blocks; an empty window certifies nobody")
    first, second = _split(predicate_error, split)
    listed = as_whole("entries", entries)
    off = missed_mass(rows, np.broadcast_to(listed, (len(rows), len(listed))))
    upper = min(1.0, float(tv(predicted, rows.mean(axis=0))) + math.sqrt(-math.log(first) / (2 * len(rows))))
    if mass_bound == "hoeffding":
        lower = max(0.0, float(off.mean()) - math.sqrt(-math.log(second) / (2 * len(rows))))
    elif mass_bound == "betting":
        lower = betting_lower(np.clip(off, 0.0, 1.0), error=second)
    else:
        raise InputError(f"mass_bound: {mass_bound!r} is none of hoeffding, betting")
    return RouteResult(upper=np.asarray(upper), lower_mass=np.asarray(lower), certified=np.asarray(upper < lower))
