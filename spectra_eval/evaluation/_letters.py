"""Letters for significance: systems that share a letter do not differ significantly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["letters"]


def letters(names: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each system, by the insert-and-absorb algorithm.

    Parameters
    ----------
    names : sequence of str
        The systems, best first; the first letter goes to the best.
    different : iterable of pairs of str
        The pairs with a significant difference, in any order.

    Returns
    -------
    dict of str to str
        Two systems share a letter exactly if they do not differ significantly.

    References
    ----------
    .. [1] H.-P. Piepho, "An algorithm for a letter-based representation of all-pairwise comparisons", Journal of
       Computational and Graphical Statistics 13 (2004) 456-466. doi:10.1198/1061860043515

    Examples
    --------
    >>> letters(["a", "b", "c"], [("a", "c")])
    {'a': 'a', 'b': 'ab', 'c': 'b'}
    """
    groups = [frozenset(names)]
    for one, other in different:
        split: list[frozenset[str]] = []
        for group in groups:
            split += [group - {one}, group - {other}] if {one, other} <= group else [group]
        unique = list(dict.fromkeys(split))
        groups = [group for group in unique if not any(group < rival for rival in unique)]
    place = {name: number for number, name in enumerate(names)}
    groups.sort(key=lambda group: sorted(place[name] for name in group))
    return {name: "".join(_letter(number) for number, group in enumerate(groups) if name in group) for name in names}


def _letter(number: int) -> str:
    """Return the letter of a number: a to z, then A to Z, then numbers in brackets."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return alphabet[number] if number < len(alphabet) else f"[{number}]"
