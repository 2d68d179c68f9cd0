"""Equation 1 of the paper: one yes-or-no question a category, read from the probabilities of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.prompts import yes_no_request
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout, check_log_probs, check_temperature, softmax
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["NEGATIVE", "POSITIVE", "VERBALISERS", "ask", "read", "verbaliser_words"]

POSITIVE = ("Yes", "Y", "y")
"""V+ of the paper: the affirmative answers."""
NEGATIVE = ("No", "N", "n")
"""V- of the paper: the negative answers."""
VERBALISERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "paper": (POSITIVE, NEGATIVE),
    "yes-no": (("Yes",), ("No",)),
    "cases": (("Yes", "yes"), ("No", "no")),
    "true-false": (("True", "true"), ("False", "false")),
    "good-bad": (("Good", "good"), ("Bad", "bad")),
}
"""Affirmative and negative answers by name; the prompt contains the first of each."""


def verbaliser_words(verbaliser: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the affirmative and the negative answers of a verbaliser.

    Parameters
    ----------
    verbaliser : str
        A name of `VERBALISERS`, or the answers themselves: ``Yes,yes/No,no``, as many on either side.

    Returns
    -------
    affirmative, negative : tuple of str
        The answers of each side, as many on one as on the other.

    Raises
    ------
    InputError
        It is neither, or an answer occurs twice.

    Examples
    --------
    >>> verbaliser_words("yes-no"), verbaliser_words("Sure,sure/Never,never")
    ((('Yes',), ('No',)), (('Sure', 'sure'), ('Never', 'never')))
    """
    if verbaliser in VERBALISERS:
        return VERBALISERS[verbaliser]
    sides = [tuple(word.strip() for word in side.split(",")) for side in verbaliser.split("/")]
    words = [word for side in sides for word in side]
    if len(sides) != 2 or len(sides[0]) != len(sides[1]) or not all(words) or len(set(words)) < len(words):
        known = ", ".join(VERBALISERS)
        raise InputError(
            f"verbaliser: {verbaliser!r} is none of {known}; or list as many affirmative as negative answers, "
            "for instance Yes,yes/No,no"
        )
    return sides[0], sides[1]


def ask(history: Sequence[str], categories: Sequence[str], *, verbaliser: str = "paper") -> ProbeRequest:
    """Return the prompts of one yes-or-no question for each category.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.
    verbaliser : str
        The answers; see `verbaliser_words`.

    Returns
    -------
    ProbeRequest
        K prompts; the answers are the affirmative, then the negative ones.

    Raises
    ------
    InputError
        The verbaliser is unknown and is no list of answers.

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Noir", "War"]).answers
    ('Yes', 'Y', 'y', 'No', 'N', 'n')
    """
    affirming, denying = verbaliser_words(verbaliser)
    return yes_no_request(history, categories, answers=affirming + denying)


def read(answers: AnswerScores, *, verbaliser: str = "paper", temperature: float = 1.0) -> Reading:
    r"""Convert the answers about one user into a distribution over the categories.

    .. math:: S_j = \frac{1}{|V^+|} \sum_{v \in V^+} \ln P(v \mid j) - \frac{1}{|V^-|} \sum_{v \in V^-} \ln P(v \mid j),
        \quad \theta_j = \frac{\exp(S_j / \tau)}{\sum_i \exp(S_i / \tau)}

    Parameters
    ----------
    answers : AnswerScores
        (K, V) log-probabilities, nats: of the affirmative answers (`POSITIVE`), then of the negative ones (`NEGATIVE`).
    verbaliser : str
        Which answers these are; see `verbaliser_words`.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` S in nats, `theta_s` on the simplex, `answer_mass` the probability of these answers together.

    Raises
    ------
    InputError
        The temperature is not a positive finite number, or there is no such verbaliser.
    ShapeError
        The columns are not these answers.
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
    log_probs = as_array("log_probs", answers.log_probs)
    affirming, denying = verbaliser_words(verbaliser)
    words = (*affirming, *denying)
    if log_probs.ndim != 2 or log_probs.shape[1] != len(words):
        shape = f"(K, {len(words)}), one column for each of {' '.join(words)}"
        raise ShapeError(f"log_probs: shape {log_probs.shape}; give {shape}")
    check_log_probs(log_probs)
    positive, negative = log_probs[:, : len(affirming)], log_probs[:, len(affirming) :]
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
        label="Likelihood of yes and no",
        definition=(
            r"The score of a category is $\ln P(\text{yes}) - \ln P(\text{no})$ after one yes/no question about it, "
            "each a sum over spellings; `theta_s` is the softmax of the scores over the temperature."
        ),
        reading="Each category is judged on its own, so the order of the categories has no influence.",
        pitfalls=(
            "Scores of small models differ little, and `theta_s` is then close to uniform. A general tendency to say "
            "yes cancels in the softmax only if it is the same for all categories; `--debias` subtracts it."
        ),
        options=("temperature", "verbaliser"),
        asked_with=("verbaliser",),
    )
)
