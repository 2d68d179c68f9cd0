"""The readout of a reranker: the user is the query, a category is a document, and the answer is yes or no."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import ShapeError
from spectra_eval.probing.prompts import document_request
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout, check_log_probs, check_temperature, softmax
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["ANSWERS", "ask", "read"]

ANSWERS = ("yes", "no")
"""The two answers, spelled as in the training of Qwen3-Reranker."""


def ask(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    """Return one query and K documents, in the words of Qwen3-Reranker, for any model that answers yes or no.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.

    Returns
    -------
    ProbeRequest
        K prompts; the answers are yes and no.

    Examples
    --------
    >>> request = ask(["Heat (1995)"], ["Noir", "War"])
    >>> request.answers, request.suffixes, request.system[:41]
    (('yes', 'no'), (' Noir', ' War'), 'Judge whether the Document meets the requ')
    """
    return document_request(history, categories, answers=ANSWERS)


def read(answers: AnswerScores, *, temperature: float = 1.0) -> Reading:
    r"""Convert yes and no about each category into a distribution.

    .. math:: S_j = \ln P(\mathrm{yes} \mid j) - \ln P(\mathrm{no} \mid j), \quad
        \theta_j = \frac{\exp(S_j / \tau)}{\sum_i \exp(S_i / \tau)}

    The relevance that a reranker prints is the logistic function of S; `details` give its mean.

    Parameters
    ----------
    answers : AnswerScores
        (K, 2) log-probabilities, nats, of yes and no.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` S in nats, `theta_s` on the simplex, `answer_mass` the probability of both answers together.

    Raises
    ------
    InputError
        The temperature is not a positive finite number.
    ShapeError
        There are not two columns.
    ProbeError
        A log-probability is not finite or positive.

    References
    ----------
    .. [1] Zhang et al. (2025), Qwen3 Embedding, arXiv:2506.05176, section 2.

    Examples
    --------
    >>> log_probs = np.log([[0.6, 0.2], [0.2, 0.2]])
    >>> reading = read(AnswerScores(log_probs=log_probs, n_prompt_tokens=np.array([9, 9])))
    >>> reading.theta_s.round(4).tolist(), reading.answer_mass.round(4).tolist()
    ([0.75, 0.25], [0.8, 0.4])
    """
    check_temperature(temperature)
    log_probs = as_array("log_probs", answers.log_probs)
    if log_probs.ndim != 2 or log_probs.shape[1] != len(ANSWERS):
        raise ShapeError(f"log_probs: shape {log_probs.shape}; give (K, 2), one column each for yes and no")
    check_log_probs(log_probs)
    scores = log_probs[:, 0] - log_probs[:, 1]
    return Reading(
        scores=scores,
        theta_s=softmax(scores, temperature),
        answer_mass=np.minimum(np.exp(log_probs).sum(axis=1), 1.0),
        details={"mean_relevance": float(np.mean(1.0 / (1.0 + np.exp(-np.clip(scores, -700.0, 700.0)))))},
    )


READOUTS.add(
    Readout(
        name="reranker",
        ask=ask,
        read=read,
        summary="log-odds of yes for the category as a document, in the template of Qwen3-Reranker",
        reference="Zhang et al. (2025), arXiv:2506.05176",
        label="Reranker",
        definition=(
            "The score of a category is the log-odds of yes in the template of a reranker, with the category as the "
            "document; `theta_s` is the softmax of the scores."
        ),
        reading="As `likelihood`, for models that were trained to judge relevance.",
        pitfalls=(
            "Only meaningful for models trained with this template; other models answer, but not to this question."
        ),
        options=("temperature",),
    )
)
