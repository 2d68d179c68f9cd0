"""The log-likelihood of the category name as the response, and its usual corrections for length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.prompts import clean_text, name_request
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout, check_log_probs, check_temperature, softmax
from spectra_eval.probing.readouts._debias import CONTENT_FREE
from spectra_eval.probing.templates import as_history
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["MEASURES", "ask", "read"]

MEASURES = ("sum", "token", "byte", "pmi")
"""The log-likelihood itself, per token, per byte of UTF-8, and less that in a content-free context."""


def ask(history: Sequence[str], categories: Sequence[str], *, measure: str = "sum") -> ProbeRequest:
    """Return the prompt for one category by name; every name is an answer whose probability is wanted.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.
    measure : {"sum", "token", "byte", "pmi"}
        The measure; ``pmi`` needs a second, content-free prompt.

    Returns
    -------
    ProbeRequest
        One prompt, or two for ``pmi``; the answers are the names.

    Raises
    ------
    InputError
        The measure is unknown, or two names read alike.

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Noir", "War"]).answers
    ('Noir', 'War')
    >>> len(ask(["Heat (1995)"], ["Noir", "War"], measure="pmi").suffixes)
    2
    """
    _check_measure(measure)
    request = name_request(history, categories)
    if len(set(request.answers)) < len(request.answers):
        raise InputError("categories: two names are the same once they are cut to one line; rename one of the two")
    if measure != "pmi":
        return request
    # The content-free prompt is one more ending: both are scored in one request.
    empty = name_request(as_history(history).template.history(CONTENT_FREE), categories)
    return ProbeRequest(
        prefix="",
        suffixes=(request.prefix + request.suffixes[0], empty.prefix + empty.suffixes[0]),
        answers=request.answers,
        many_tokens=True,
    )


def read(
    answers: AnswerScores, *, categories: Sequence[str] = (), measure: str = "sum", temperature: float = 1.0
) -> Reading:
    r"""Convert the log-likelihoods of the names into a distribution.

    .. math:: S_j = \ln P(c_j \mid h), \quad \frac{\ln P(c_j \mid h)}{\mathrm{tokens}(c_j)}, \quad
        \frac{\ln P(c_j \mid h)}{\mathrm{bytes}(c_j)}, \quad \ln P(c_j \mid h) - \ln P(c_j \mid \varnothing)

    and theta is the softmax of S over the temperature. The end of a name is not part of it: a name that
    opens another, such as *War* in *Warfare*, holds the probability of both.

    Parameters
    ----------
    answers : AnswerScores
        (1, K) log-probabilities, nats; (2, K) for ``pmi``, the content-free context in the second row.
    categories : sequence of K str
        The names; needed for ``byte``, and for the answer mass where one name opens another.
    measure : str
        One of `MEASURES`.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` in nats, nats a token or nats a byte; `answer_mass` the probability that the response begins with
        one of the names, the same for every category.

    Raises
    ------
    InputError
        The measure is unknown, or the temperature not a positive finite number.
    ShapeError
        Rows, names or counts of tokens do not fit together.
    ProbeError
        A log-probability is not finite or positive.

    References
    ----------
    .. [1] Holtzman et al. (2021), Surface form competition, arXiv:2104.08315 (PMI). Gao (2021), multiple-choice
       normalisation in lm-evaluation-harness (per byte, per token).

    Examples
    --------
    >>> answers = AnswerScores(log_probs=np.log([[0.4, 0.1]]), n_prompt_tokens=np.array([9]))
    >>> reading = read(answers, categories=("Noir", "War"))
    >>> reading.theta_s.round(4).tolist(), reading.answer_mass.round(4).tolist()
    ([0.8, 0.2], [0.5, 0.5])
    """
    _check_measure(measure)
    check_temperature(temperature)
    log_probs = as_array("log_probs", answers.log_probs)
    rows = 2 if measure == "pmi" else 1
    if log_probs.ndim != 2 or len(log_probs) != rows:
        raise ShapeError(f"log_probs: shape {log_probs.shape}; the measure {measure!r} is read from {rows} row(s)")
    if len(categories) not in (0, log_probs.shape[1]):
        raise ShapeError(f"categories: {len(categories)} names for {log_probs.shape[1]} columns; name each once")
    check_log_probs(log_probs)
    names = [clean_text(name) for name in categories]
    return _reading(log_probs, _lengths(answers, names, measure), names, measure, temperature)


def _reading(
    log_probs: np.ndarray, lengths: np.ndarray | float, names: Sequence[str], measure: str, temperature: float
) -> Reading:
    scores = (log_probs[0] - log_probs[1] if measure == "pmi" else log_probs[0]) / lengths
    # The probability of a name includes that of longer names that begin with it.
    unextended = [not any(n != name and name.startswith(n) for n in names) for name in names]
    probabilities = np.exp(log_probs[0])[unextended] if names else np.exp(log_probs[0])
    mass = min(float(probabilities.sum()), 1.0)
    return Reading(
        scores=scores,
        theta_s=softmax(scores, temperature),
        answer_mass=np.full(len(scores), mass),
        details={"measure": measure},
    )


def _lengths(answers: AnswerScores, names: Sequence[str], measure: str) -> np.ndarray | float:
    if measure == "byte":
        if not names:
            raise ShapeError("categories: needed to count the bytes of each name; pass the names")
        return np.array([len(name.encode()) for name in names], dtype=np.float64)
    if measure == "token":
        counts = answers.n_answer_tokens
        if counts is None or len(counts) != answers.log_probs.shape[1] or not (np.asarray(counts) > 0).all():
            raise ShapeError("n_answer_tokens: the backend did not count the tokens of each name; choose 'byte'")
        return np.asarray(counts, dtype=np.float64)
    return 1.0


def _check_measure(measure: str) -> None:
    if measure not in MEASURES:
        raise InputError(f"measure: {measure!r} is none of {', '.join(MEASURES)}")


READOUTS.add(
    Readout(
        name="name",
        ask=ask,
        read=read,
        summary="log-likelihood of the category's name: sum, mean a token, mean a byte, or PMI",
        reference="Holtzman et al. (2021), arXiv:2104.08315",
        label="Likelihood of the name",
        definition=(
            "The log-likelihood of the category's name as a continuation: the sum over its tokens, the mean per token "
            "or per byte, or the difference from its likelihood without a history (PMI)."
        ),
        reading="What the model would write next, restricted to the names of the categories.",
        pitfalls=(
            "The sum favours short and frequent names, whatever the user likes. PMI removes that and amplifies noise "
            "of rare names."
        ),
        options=("temperature", "categories", "measure"),
        asked_with=("measure",),
        form="whole",
    )
)
