"""The cost of a hierarchical probe relative to a flat one: prompts and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from spectra_eval.arrays import as_whole, check_whole
from spectra_eval.errors import InputError

__all__ = ["prompt_count", "token_ratio"]


def prompt_count(sizes: Sequence[int], *, explored: int | Sequence[int] | None = None) -> int:
    """Count the prompts of a hierarchical probe: one per parent, and one per child of each explored parent.

    Parameters
    ----------
    sizes : sequence of int
        Children of each parent; a flat probe needs their sum.
    explored : int or sequence of int, optional
        Parents that are expanded; a number means that many of the largest. By default all, which always
        costs more than the flat probe.

    Returns
    -------
    int
        The prompts of both rounds.

    Raises
    ------
    InputError
        A number of children is not whole.

    Examples
    --------
    >>> prompt_count([10, 20, 30]), prompt_count([10, 20, 30], explored=[0])
    (63, 13)
    """
    sizes = as_whole("sizes", sizes).ravel().tolist()
    if explored is None:
        chosen = list(sizes)
    elif isinstance(explored, int):
        chosen = sorted(sizes, reverse=True)[:explored]
    else:
        chosen = [sizes[a] for a in explored]
    return len(sizes) + sum(chosen)


def token_ratio(*, prefix: int, suffix: int, n_categories: int) -> float:
    """Return the tokens of K prompts that share a prefix, divided by those of one prompt.

    The ratio is (T_pre + K T_suf)/(T_pre + T_suf).

    Parameters
    ----------
    prefix, suffix : int
        Tokens of the shared prefix, and of what follows it; at least 0 and not both 0.
    n_categories : int
        Number of categories K, at least 1.

    Returns
    -------
    float
        At least 1.

    Raises
    ------
    InputError
        A number of tokens is negative, both are 0, or there is no category.

    Examples
    --------
    >>> token_ratio(prefix=80, suffix=20, n_categories=20), token_ratio(prefix=300, suffix=20, n_categories=20)
    (4.8, 2.1875)
    """
    check_whole("prefix", prefix)
    check_whole("suffix", suffix)
    check_whole("n_categories", n_categories)
    if min(prefix, suffix) < 0 or prefix + suffix == 0 or n_categories < 1:
        raise InputError("prefix, suffix, n_categories: tokens must be at least 0 and not all 0, categories at least 1")
    return (prefix + n_categories * suffix) / (prefix + suffix)
