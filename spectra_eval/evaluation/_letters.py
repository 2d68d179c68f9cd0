"""Letters for significance: two systems that share a letter are not told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["letters"]


def letters(names: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each name its letters, by the insert-and-absorb rule.

    Parameters
    ----------
    names : sequence of str
        The systems, best first; the first letter goes to the best.
    different : iterable of pairs of str
        The pairs that are told apart; their order does not matter.

    Returns
    -------
    dict of str to str
        Two systems share a letter exactly where they are not told apart.

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
    """Count a, b, ..., z, then A to Z, then in brackets."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return alphabet[number] if number < len(alphabet) else f"[{number}]"
