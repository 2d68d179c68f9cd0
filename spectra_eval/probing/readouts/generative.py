"""Algorithm 2 of the paper: one multiple-choice question, read from the probabilities of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.prompts import choice_request, clean_text
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout, check_log_probs, check_temperature, softmax
from spectra_eval.probing.readouts._orders import arrangement, option_scores, position_effects
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["ORDERS", "ask", "read"]

ORDERS = 4
"""How often each option is shown, each time at another place."""
_LABELS = tuple(ascii_letters[26:] + ascii_letters[:26])


def ask(
    history: Sequence[str], categories: Sequence[str], *, labels: Sequence[str] = _LABELS, orders: int = ORDERS
) -> ProbeRequest:
    r"""Return the prompts of one multiple-choice question in several orders of its options.

    Where there are fewer labels than options, there are several balanced questions.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first.
    categories : sequence of K str
        The options.
    labels : sequence of str
        Distinct single tokens of the model; see `spectra_eval.probing.backends._base.labels_of`.
    orders : int
        How often each option is shown; see `spectra_eval.probing.readouts._orders.arrangement`.

    Returns
    -------
    ProbeRequest
        One prompt for each order; the answers are the labels.

    Raises
    ------
    InputError
        Labels repeat, two options read alike, or the orders do not suffice.

    Examples
    --------
    >>> request = ask(["Heat (1995)"], ["Noir", "War"], orders=2)
    >>> request.suffixes, request.answers
    (('A. Noir\nB. War', 'A. War\nB. Noir'), ('A', 'B'))
    """
    if len(set(labels)) < len(labels):
        raise InputError("labels: one is given twice; each option needs its own")
    names = [clean_text(name) for name in categories]
    if len(set(names)) < len(names):
        raise InputError("categories: two names are the same once they are cut to one line; rename one of the two")
    questions = arrangement(len(names), width=len(labels), orders=orders)
    offers = [[names[option] for option in shown] for shown in questions]
    return choice_request(history, offers, labels=labels)


def read(
    answers: AnswerScores,
    *,
    categories: Sequence[str] | None = None,
    labels: Sequence[str] = _LABELS,
    orders: int = ORDERS,
    temperature: float = 1.0,
) -> Reading:
    r"""Convert the probabilities of the labels into a distribution over the options.

    .. math:: \ln P(\ell_p \mid q) = S_{q(p)} + c_q + e, \quad
        \theta_j = \frac{\exp(S_j / \tau)}{\sum_i \exp(S_i / \tau)}

    with S by least squares: over one question it is the mean over its orders, and with one order theta is
    the probability of each label given that one is chosen.

    Parameters
    ----------
    answers : AnswerScores
        (Q, V) log-probabilities, nats: a row a question, a column a label.
    categories : sequence of K str, optional
        The options, as they were given to `ask`; needed where one question does not hold all of them.
    labels : sequence of str
        As they were given to `ask`.
    orders : int
        As it was given to `ask`.
    temperature : float
        tau, above zero.

    Returns
    -------
    Reading
        `scores` S in nats with mean zero; `answer_mass` the mean probability of all labels together in the
        questions that showed the option. `details` hold `position_bias`, the standard deviation in nats of what
        a position adds by itself, and `position_effects`, one number a position.

    Raises
    ------
    InputError
        The temperature is not a positive finite number, or the orders do not suffice.
    ShapeError
        The rows and columns are not those of the questions.
    ProbeError
        A log-probability is not finite or positive.

    References
    ----------
    .. [1] Algorithm 2 of the paper. Zheng et al. (2023), arXiv:2309.03882, on the bias of positions.

    Examples
    --------
    >>> log_probs = np.log([[0.6, 0.2], [0.4, 0.4]])  # Noir first, then War first
    >>> reading = read(AnswerScores(log_probs=log_probs, n_prompt_tokens=np.array([9, 9])), orders=2)
    >>> reading.theta_s.round(4).tolist(), reading.answer_mass.round(4).tolist()
    ([0.634, 0.366], [0.8, 0.8])
    """
    check_temperature(temperature)
    log_probs = as_array("log_probs", answers.log_probs)
    n_options = len(categories) if categories is not None else log_probs.shape[-1]
    questions = arrangement(n_options, width=len(labels), orders=orders)
    expected = (len(questions), max(len(shown) for shown in questions))
    if log_probs.shape != expected:
        raise ShapeError(f"log_probs: shape {log_probs.shape}; {n_options} options in {orders} orders give {expected}")
    check_log_probs(log_probs)
    scores = option_scores(log_probs, questions, n_options)
    effects, seen = position_effects(log_probs, questions, scores)
    mass, times = np.zeros(n_options), np.zeros(n_options)
    for row, shown in enumerate(questions):
        mass[list(shown)] += min(float(np.exp(log_probs[row, : len(shown)]).sum()), 1.0)
        times[list(shown)] += 1
    spread = float(np.sqrt(np.average(effects**2, weights=seen)))
    return Reading(
        scores=scores,
        theta_s=softmax(scores, temperature),
        answer_mass=np.minimum(mass / times, 1.0),
        details={"position_bias": spread, "position_effects": effects.tolist()},
    )


READOUTS.add(
    Readout(
        name="generative",
        ask=ask,
        read=read,
        summary="probability of each option's label in a multiple-choice question, averaged over orders",
        reference="The paper, Algorithm 2",
        label="Multiple choice",
        definition=(
            "The probability of each option's label as the next token after one question that lists all categories; "
            "the scores are averaged over several orders of the options."
        ),
        reading="One prompt compares all categories, so the model ranks them against each other.",
        pitfalls=(
            "Models favour labels and positions. With one order this bias is larger than most preferences; use "
            "several. Needs a distinct label for each category."
        ),
        options=("temperature", "categories", "labels", "orders"),
        asked_with=("labels", "orders"),
        form="whole",
    )
)
