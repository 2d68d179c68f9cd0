"""Hypothesis strategies for distributions, pairs, tables, taxonomies and answers.

They draw what breaks numerical code: zeros, ties, corners, pairs that differ in the last bit,
subnormal entries, two categories and many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.tables import AnswerScores, PreferenceTable
from spectra_eval.theory._base import Envelope

__all__ = [
    "adversarial_pairs",
    "answer_scores",
    "lists",
    "near_pairs",
    "pairs",
    "preference_tables",
    "taxonomies",
    "taxonomised_tables",
    "thetas",
]

Draw = Callable[..., Any]


@st.composite
def thetas(
    draw: Draw, *, users: int | None = None, categories: int | None = None, max_users: int = 4, max_categories: int = 6
) -> np.ndarray:
    """Draw (N, K) rows on the simplex: spread out or peaked, with zeros, ties, corners and tiny entries.

    Parameters
    ----------
    users, categories : int, optional
        Fixed sizes; drawn when not given, K from 2 on.
    max_users, max_categories : int
        Largest sizes drawn.

    Returns
    -------
    strategy of (N, K) float64 array
        Rows on the simplex.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(thetas(), lambda theta: theta.shape == (1, 2) and theta.max() == 1.0).tolist()
    [[1.0, 0.0]]
    """
    n = users if users is not None else draw(st.integers(1, max_users))
    k = categories if categories is not None else draw(st.integers(2, max_categories))
    return np.array([_row(draw, k) for _ in range(n)])


def _row(draw: Draw, k: int) -> np.ndarray:
    kind = draw(st.sampled_from(["corner", "dyadic", "smooth", "tiny"]))
    if kind == "corner":
        row = np.zeros(k)
        row[draw(st.integers(0, k - 1))] = 1.0
        return row
    if kind == "dyadic":  # ties and zeros are common, and sums are exact
        cuts = sorted(draw(st.lists(st.integers(0, 64), min_size=k - 1, max_size=k - 1)))
        return np.diff([0, *cuts, 64]) / 64.0
    if kind == "smooth":
        weights = np.array(draw(st.lists(st.floats(0.001, 1.0), min_size=k, max_size=k)))
        return weights / weights.sum()
    exponents = draw(st.lists(st.integers(-1074, 0), min_size=k, max_size=k))
    exponents[draw(st.integers(0, k - 1))] = 0
    weights = np.ldexp(1.0, exponents)
    return weights / weights.sum()


@st.composite
def near_pairs(draw: Draw, *, max_categories: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Draw (1, K) pairs that differ by a power of two in two categories, where cancellation shows.

    Parameters
    ----------
    max_categories : int
        The largest K drawn.

    Returns
    -------
    strategy of two (1, K) float64 arrays
        Distributions whose total variation is 2^-s, s from 10 to 50.

    Examples
    --------
    >>> from hypothesis import find
    >>> star, model = find(near_pairs(), lambda pair: True)
    >>> bool(0 < abs(star - model).max() <= 2.0**-10)
    True
    """
    k = draw(st.integers(2, max_categories))
    base = np.full(k, 1.0 / k) if draw(st.booleans()) else np.diff([0, *range(1, k), 64]) / 64.0
    step = 2.0 ** -draw(st.integers(10, 50))
    i, j = draw(st.sampled_from([(a, b) for a in range(k) for b in range(k) if a != b]))
    other = base.copy()
    other[i] += step
    other[j] -= step
    return base[None], other[None]


@st.composite
def pairs(draw: Draw, *, max_users: int = 3, max_categories: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Draw (N, K) pairs (theta_star, theta_s): free, equal, with disjoint support, or nearly equal.

    Parameters
    ----------
    max_users, max_categories : int
        The largest N and K drawn.

    Returns
    -------
    strategy of two (N, K) float64 arrays
        Rows on the simplex.

    Examples
    --------
    >>> from hypothesis import find
    >>> star, model = find(pairs(), lambda pair: (pair[0] * pair[1] == 0).all())
    >>> star.shape == model.shape
    True
    """
    kind = draw(st.sampled_from(["free", "equal", "disjoint", "near"]))
    if kind == "near":
        return draw(near_pairs(max_categories=max_categories))
    star = draw(thetas(max_users=max_users, max_categories=max_categories))
    n, k = star.shape
    if kind == "equal":
        return star, star.copy()
    other = draw(thetas(users=n, categories=k))
    if kind == "disjoint":
        half = k // 2
        return _on(star, slice(0, half)), _on(other, slice(half, k))
    return star, other


def _on(theta: np.ndarray, part: slice) -> np.ndarray:
    """Restrict each row to some categories; a row without mass there becomes uniform on them."""
    out = np.zeros_like(theta)
    piece = theta[:, part]
    sums = piece.sum(axis=1, keepdims=True)
    width = piece.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        out[:, part] = np.where(sums > 0, piece / sums, 1.0 / width)
    return out


@st.composite
def adversarial_pairs(draw: Draw, *, envelope: Envelope | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Draw (1, K) pairs of the shapes at which inequalities between divergences are tight or break.

    The symmetric pair, a corner against a mixture, disjoint leftovers of equal size, a common mass with free
    leftovers, and a difference spread over up to 24 categories, each at a drawn total variation. For a given
    inequality also its own: the pairs that attain it, and those a small step beside them.

    Parameters
    ----------
    envelope : Envelope, optional
        The inequality that the pairs are to try.

    Returns
    -------
    strategy of two (1, K) float64 arrays
        Rows on the simplex.

    Examples
    --------
    >>> from hypothesis import find
    >>> from spectra_eval.simplex import tv
    >>> pair = find(adversarial_pairs(), lambda pair: tv(*pair)[0] > 0.99)
    >>> pair[0].tolist(), pair[1].tolist()
    ([[1.0, 0.0]], [[0.0, 1.0]])
    """
    if envelope is not None and envelope.witness is not None and draw(st.booleans()):
        low, high = envelope.valid or (0.0, 1.0)
        star, predicted = envelope.witness(draw(st.floats(max(low, 1e-6), min(high, 1.0 - 1e-6))))
        return _stepped(draw, np.atleast_2d(star)), np.maximum(np.atleast_2d(predicted), 0.0)
    v = draw(st.sampled_from([1.0, 0.5]) | st.floats(1e-6, 1.0))
    shape = draw(st.sampled_from(["symmetric", "corner", "leftovers", "shifted", "spread"]))
    if shape == "symmetric":
        one, two = [(1 + v) / 2, (1 - v) / 2], [(1 - v) / 2, (1 + v) / 2]
    elif shape == "corner":
        one, two = [1.0, 0.0], [1.0 - v, v]
    elif shape == "leftovers":
        one, two = [v, 0.0, 1.0 - v], [0.0, v, 1.0 - v]
    elif shape == "spread":
        half = draw(st.integers(2, 12))
        common = (1.0 - v) / (2 * half)
        one, two = [v / half + common] * half + [common] * half, [common] * half + [v / half + common] * half
    else:
        low = draw(st.floats(0.0, 1.0)) * (1.0 - v)
        one, two = [low + v, max(1.0 - low - v, 0.0)], [low, 1.0 - low]
    if draw(st.booleans()):
        one, two = two, one
    return np.array([one]), np.array([two])


def _stepped(draw: Draw, theta: np.ndarray) -> np.ndarray:
    """Move a little mass between the first two categories, or none."""
    step = draw(st.sampled_from([0.0, 1e-9, -1e-9, 1e-3, -1e-3]))
    out = np.array(theta, dtype=float)
    step = min(max(step, -out[0, 0]), out[0, 1])
    out[0, 0] += step
    out[0, 1] -= step
    return np.maximum(out, 0.0)


@st.composite
def lists(draw: Draw, *, users: int, categories: int, length: int | None = None) -> np.ndarray:
    """Draw (N, L) decoded lists without repeats, some with out-of-vocabulary entries or an early end.

    Parameters
    ----------
    users, categories : int
        N and K.
    length : int, optional
        L; drawn below K when not given.

    Returns
    -------
    strategy of (N, L) int32 array
        Categories from 0; -1 for an entry that is no category, -2 after the end.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(lists(users=1, categories=3, length=2), lambda entries: entries.min() >= 0).tolist()
    [[0, 1]]
    """
    size = length if length is not None else draw(st.integers(1, categories - 1))
    out = np.full((users, size), -2, dtype=np.int32)
    for row in range(users):
        entries = draw(st.permutations(range(categories)))[:size]
        kept = draw(st.integers(0, len(entries)))
        out[row, :kept] = entries[:kept]
        if kept and draw(st.booleans()):
            out[row, draw(st.integers(0, kept - 1))] = -1
    return out


@st.composite
def taxonomies(draw: Draw, *, max_parents: int = 4, max_children: int = 4) -> tuple[str, ...]:
    """Draw the parent of each of K categories, where K is at least 2 and every parent has a child.

    Parameters
    ----------
    max_parents, max_children : int
        The largest numbers of parents, and of children of one parent.

    Returns
    -------
    strategy of tuple of K str
        The names of the parents.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(taxonomies(), lambda parents: len(set(parents)) == 2)
    ('parent 0', 'parent 1')
    """
    sizes = draw(st.lists(st.integers(1, max_children), min_size=1, max_size=max_parents))
    if sum(sizes) < 2:
        sizes[0] = 2
    return tuple(f"parent {a}" for a, size in enumerate(sizes) for _ in range(size))


@st.composite
def preference_tables(
    draw: Draw, *, max_users: int = 5, max_categories: int = 6, two_level: bool = False, own_options: bool = False
) -> PreferenceTable:
    """Draw whole tables: counts, readout, lists and history counts; optionally with a taxonomy or a support.

    Parameters
    ----------
    max_users, max_categories : int
        The largest numbers drawn; a taxonomy has its own number of categories.
    two_level : bool
        Whether categories have parents.
    own_options : bool
        Whether each user has a support of at least two categories.

    Returns
    -------
    strategy of PreferenceTable
        Every user has at least one observed interaction.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(preference_tables(), lambda table: table.n_categories == 2).n_users
    1
    """
    parents = draw(taxonomies()) if two_level else None
    k = len(parents) if parents is not None else draw(st.integers(2, max_categories))
    n = draw(st.integers(1, max_users))
    small = st.lists(st.integers(0, 9), min_size=k, max_size=k)
    counts = np.array([draw(small.filter(any)) for _ in range(n)], dtype=float)
    theta_s = draw(thetas(users=n, categories=k))
    support = None
    if own_options:
        places = st.sets(st.integers(0, k - 1), min_size=2, max_size=k)
        support = np.array([np.isin(np.arange(k), list(draw(places))) for _ in range(n)])
        theta_s = simplex.restricted(theta_s, support)
        counts = np.where(support, counts, 0.0)
        counts[np.arange(n), support.argmax(axis=1)] += ~counts.any(axis=1)
    return PreferenceTable(
        users=np.array([f"user {i}" for i in range(n)]),
        categories=tuple(f"category {j}" for j in range(k)),
        counts=counts,
        n_window=counts.sum(axis=1).astype(int),
        theta_s=theta_s,
        dg=draw(lists(users=n, categories=k)),
        support=support,
        history_counts=np.array([draw(small) for _ in range(n)], dtype=float),
        parents=parents,
    )


def taxonomised_tables(*, max_users: int = 5) -> st.SearchStrategy[PreferenceTable]:
    """Draw whole tables whose categories have parents.

    Parameters
    ----------
    max_users : int
        The largest number of users drawn.

    Returns
    -------
    strategy of PreferenceTable
        As `preference_tables` with two levels.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(taxonomised_tables(max_users=1), lambda table: len(table.parents) == 2).n_users
    1
    """
    return preference_tables(max_users=max_users, two_level=True)


@st.composite
def answer_scores(draw: Draw, *, answers: int, questions: int | None = None) -> AnswerScores:
    """Draw (R, V) log-probabilities as a softmax over a larger vocabulary would give them.

    Parameters
    ----------
    answers : int
        V.
    questions : int, optional
        R; drawn from 2 to 6 when not given.

    Returns
    -------
    strategy of AnswerScores
        Log-probabilities in nats; each row of probabilities sums to less than one.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(answer_scores(answers=2, questions=1), lambda scores: True).log_probs.shape
    (1, 2)
    """
    n = questions if questions is not None else draw(st.integers(2, 6))
    logit = st.floats(-30.0, 30.0)
    logits = np.array(
        draw(st.lists(st.lists(logit, min_size=answers + 1, max_size=answers + 1), min_size=n, max_size=n))
    )
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return AnswerScores(log_probs=log_probs[:, :answers], n_prompt_tokens=np.full(n, 10))
