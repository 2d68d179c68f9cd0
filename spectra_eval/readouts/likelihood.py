"""Equation 1 of the paper: one yes-or-no question a category, read from the probabilities of the answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra_eval.errors import ShapeError
from spectra_eval.prompts import yes_no_request
from spectra_eval.readouts._base import READOUTS, Reading, Readout, check_log_probs, check_temperature, softmax
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["NEGATIVE", "POSITIVE", "ask", "read"]

POSITIVE = ("Yes", "Y", "y")
"""V+ of the paper: the replies that affirm."""
NEGATIVE = ("No", "N", "n")
"""V- of the paper: the replies that deny."""


def ask(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    """Put one yes-or-no question a category.

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Noir", "War"]).answers
    ('Yes', 'Y', 'y', 'No', 'N', 'n')
    """
    return yes_no_request(history, categories, answers=POSITIVE + NEGATIVE)


def read(answers: AnswerScores, *, temperature: float = 1.0) -> Reading:
    r"""Turn the answers about one user into a distribution over the categories.

    .. math:: S_j = \frac{1}{|V^+|} \sum_{v \in V^+} \ln P(v \mid j) - \frac{1}{|V^-|} \sum_{v \in V^-} \ln P(v \mid j),
        \quad \theta_j = \frac{\exp(S_j / \tau)}{\sum_i \exp(S_i / \tau)}

    Parameters
    ----------
    answers : AnswerScores
        (K, 6) log-probabilities, nats: the columns of `POSITIVE`, then those of `NEGATIVE`.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` S in nats, `theta_s` on the simplex, `answer_mass` the probability of the six replies together.

    Raises
    ------
    InputError
        The temperature is not a positive finite number.
    ShapeError
        The columns are not the six replies.
    ProbeError
        A log-probability is not finite or positive: there is nothing to read.

    References
    ----------
    .. [1] Equation 1 and Algorithm 1 of the paper.

    Examples
    --------
    >>> log_probs = np.log([[0.2, 0.1, 0.1, 0.1, 0.05, 0.05], [0.1, 0.05, 0.05, 0.2, 0.1, 0.1]])
    >>> reading = read(AnswerScores(log_probs=log_probs, n_prompt_tokens=np.array([9, 9])))
    >>> reading.scores.round(4).tolist(), reading.theta_s.round(4).tolist(), reading.answer_mass.round(4).tolist()
    ([0.6931, -0.6931], [0.8, 0.2], [0.6, 0.6])
    """
    check_temperature(temperature)
    log_probs = np.asarray(answers.log_probs, dtype=np.float64)
    if log_probs.ndim != 2 or log_probs.shape[1] != len(POSITIVE) + len(NEGATIVE):
        raise ShapeError(f"log_probs: shape {log_probs.shape}; give (K, 6), one column for each of Yes Y y No N n")
    check_log_probs(log_probs)
    positive, negative = log_probs[:, : len(POSITIVE)], log_probs[:, len(POSITIVE) :]
    scores = positive.mean(axis=1) - negative.mean(axis=1)
    mass = np.minimum(np.exp(log_probs).sum(axis=1), 1.0)
    return Reading(scores=scores, theta_s=softmax(scores, temperature), answer_mass=mass)


READOUTS.add(
    Readout(
        name="likelihood",
        ask=ask,
        read=read,
        summary="log-probability of Yes, Y, y less that of No, N, n for each category, through a softmax",
        reference="The paper, equation 1 and Algorithm 1",
        options=("temperature",),
    )
)
