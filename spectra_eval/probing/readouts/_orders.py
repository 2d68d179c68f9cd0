"""The order of the options in multiple-choice prompts, and the scores from the answers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spectra_eval.errors import InputError

__all__ = ["arrangement", "option_scores", "position_effects"]


@lru_cache(maxsize=64)
def arrangement(n_options: int, *, width: int, orders: int) -> tuple[tuple[int, ...], ...]:
    """Return the options of each question, in the order in which they are shown.

    Orders come in pairs, one the reverse of the other, and the pairs start at places that are spread
    evenly over the list: an effect that is linear in the position cancels. Where the labels do not
    reach, each pair deals the options anew into questions of nearly equal size, so that they are linked.

    Parameters
    ----------
    n_options : int
        K.
    width : int
        Most options of one question.
    orders : int
        How often each option is shown.

    Returns
    -------
    tuple of tuples of int
        One entry per prompt; each option is in exactly `orders` of them. The first shows option 0 first.

    Raises
    ------
    InputError
        A number is out of range, or the questions are not linked by the options that they share.

    Examples
    --------
    >>> arrangement(4, width=26, orders=4)
    ((0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 0, 3, 2))
    >>> arrangement(4, width=2, orders=4)
    ((0, 1), (2, 3), (1, 0), (3, 2), (0, 2), (1, 3), (2, 0), (3, 1))
    """
    if orders < 1 or width < 2:
        raise InputError(f"orders {orders}, labels {width}: give at least 1 order and 2 labels")
    n_questions = -(-n_options // width)
    if n_questions > 1 and orders < 3:
        raise InputError(f"orders: {n_options} options need {n_questions} questions, and those at least 3 orders")
    pairs = -(-orders // 2)
    found: list[tuple[int, ...]] = []
    for order in range(orders):
        pair, backwards = divmod(order, 2)
        for group in _groups(n_options, n_questions, pair, pairs):
            found.append(group[::-1] if backwards else group)
    if n_questions > 1 and not _linked(found, n_options):
        raise InputError(f"orders: {orders} do not link {n_questions} questions; ask for two more")
    return tuple(found)


def _groups(n_options: int, n_questions: int, pair: int, pairs: int) -> list[tuple[int, ...]]:
    if n_questions == 1:
        shift = pair * n_options // pairs
        return [tuple((place + shift) % n_options for place in range(n_options))]
    dealt = np.arange(n_options)
    if pair == 1:
        dealt = np.concatenate([dealt[start::n_questions] for start in range(n_questions)])
    elif pair > 1:
        dealt = np.random.default_rng(pair).permutation(n_options)
    return [tuple(int(option) for option in group) for group in np.array_split(dealt, n_questions)]


def _linked(questions: list[tuple[int, ...]], n_options: int) -> bool:
    """Return whether a path of shared questions leads from each option to every other."""
    seen, rest = set(questions[0]), [set(group) for group in questions[1:]]
    while near := [group for group in rest if group & seen]:
        seen.update(*near)
        rest = [group for group in rest if not group & seen]
    return len(seen) == n_options


def option_scores(log_probs: np.ndarray, questions: tuple[tuple[int, ...], ...], n_options: int) -> np.ndarray:
    r"""Return the least-squares score of each option, with one offset per prompt.

    Least squares of :math:`y_{iq} = s_i + c_q`: with one question an order it is the mean over the orders
    of the centred log-probabilities; with several it carries comparisons over from question to question.

    Parameters
    ----------
    log_probs : (Q, V) float array
        Of the labels of each question, by position; columns beyond the options of a question are not read.
    questions : tuple of tuples of int
        See `arrangement`.
    n_options : int
        K.

    Returns
    -------
    (K,) float array
        Scores in nats, with mean zero.
    """
    n_questions = len(questions)
    placed = np.zeros((n_options, n_questions))
    sums, totals = np.zeros(n_options), np.zeros(n_questions)
    for row, shown in enumerate(questions):
        values = log_probs[row, : len(shown)]
        placed[list(shown), row] = 1.0
        sums[list(shown)] += values
        totals[row] = values.sum()
    times = placed.sum(axis=1)
    # The options are eliminated first: what remains has one unknown a question.
    share = placed / times[:, None]
    inner = np.diag(placed.sum(axis=0)) - placed.T @ share
    added = np.linalg.lstsq(inner, totals - share.T @ sums, rcond=None)[0]
    scores = (sums - placed @ added) / times
    return np.asarray(scores - scores.mean())


def position_effects(
    log_probs: np.ndarray, questions: tuple[tuple[int, ...], ...], scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect of each position beyond the scores of its options, and how often it was shown.

    Returns
    -------
    (width,) float array, (width,) int array
        Nats, with mean zero over what was shown; and counts.
    """
    width = max(len(shown) for shown in questions)
    total, seen = np.zeros(width), np.zeros(width, dtype=np.int64)
    for row, shown in enumerate(questions):
        rest = log_probs[row, : len(shown)] - scores[list(shown)]
        total[: len(shown)] += rest - rest.mean()
        seen[: len(shown)] += 1
    return total / seen, seen
