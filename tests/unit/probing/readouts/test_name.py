from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts.name import ask, read
from spectra_eval.tables import AnswerScores
from spectra_eval.testing.answer_checks import readout_checks

NAMES = ("War", "Warfare", "Film-Noir", "Émigré")
LOG_PROBS = np.log([[0.3, 0.1, 0.2, 0.05], [0.5, 0.1, 0.1, 0.2]])


def _answers(log_probs: object, tokens: object = None) -> AnswerScores:
    array = np.asarray(log_probs, dtype=np.float64)
    counts = None if tokens is None else np.asarray(tokens)
    return AnswerScores(log_probs=array, n_prompt_tokens=np.full(len(array), 7), n_answer_tokens=counts)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("sum", np.log([0.3, 0.1, 0.2, 0.05])),
        ("token", np.log([0.3, 0.1, 0.2, 0.05]) / [1, 2, 3, 4]),
        ("byte", np.log([0.3, 0.1, 0.2, 0.05]) / [3, 7, 9, 8]),  # two letters of the last take two bytes each
        ("pmi", np.log([0.3 / 0.5, 1.0, 2.0, 0.25])),
    ],
)
def test_each_measure_by_hand(measure: str, expected: np.ndarray) -> None:
    rows = LOG_PROBS if measure == "pmi" else LOG_PROBS[:1]
    reading = read(_answers(rows, [1, 2, 3, 4]), categories=NAMES, measure=measure, temperature=0.5)
    np.testing.assert_allclose(reading.scores, expected, rtol=1e-12)
    weights = np.exp(expected / 0.5)
    np.testing.assert_allclose(reading.theta_s, weights / weights.sum(), rtol=1e-12)
    # "Warfare" begins with "War" and is not counted twice.
    np.testing.assert_allclose(reading.answer_mass, [0.55] * 4, rtol=1e-12)


def test_without_names_every_reply_counts() -> None:
    np.testing.assert_allclose(read(_answers(LOG_PROBS[:1])).answer_mass, [0.65] * 4, rtol=1e-12)


def test_pmi_asks_about_nobody_in_the_same_request() -> None:
    request = ask(("Heat",), NAMES, measure="pmi")
    assert "- Heat\n" in request.suffixes[0] and "- N/A\n" in request.suffixes[1]
    assert request.many_tokens and request.answers == NAMES and request.prefix == ""
    assert request.suffixes[0] == (plain := ask(("Heat",), NAMES)).prefix + plain.suffixes[0]


def test_a_mock_is_read_back() -> None:
    held = [0.4, 0.3, 0.2, 0.1]
    with open_backend("mocked", theta={"Heat": held}) as session:
        (answers,) = session.score([ask(("Heat",), NAMES)])
    reading = read(answers, categories=("a", "b", "c", "d"))
    np.testing.assert_allclose(reading.theta_s, held, rtol=1e-12)
    np.testing.assert_allclose(reading.answer_mass, 0.9, rtol=1e-12)
    assert answers.n_answer_tokens is not None and answers.n_answer_tokens.tolist() == [1, 1, 1, 1]


def test_the_checks_of_the_kit_hold() -> None:
    for check in readout_checks(READOUTS["name"]):
        check()


def test_what_cannot_be_asked_or_read_is_refused() -> None:
    with pytest.raises(InputError, match="'bits' is none of sum, token, byte, pmi"):
        ask(("Heat",), NAMES, measure="bits")
    with pytest.raises(InputError, match="the same once"):
        ask(("Heat",), ("War", "War "))
    with pytest.raises(ShapeError, match="2 row"):
        read(_answers(LOG_PROBS[:1]), measure="pmi")
    with pytest.raises(ShapeError, match="2 names for 4 columns"):
        read(_answers(LOG_PROBS[:1]), categories=("War", "Noir"))
    with pytest.raises(ShapeError, match="pass the names"):
        read(_answers(LOG_PROBS[:1]), measure="byte")
    with pytest.raises(ShapeError, match="did not count"):
        read(_answers(LOG_PROBS[:1]), measure="token")
    with pytest.raises(ProbeError, match="question 1"):
        read(_answers([[-1.0, 2.0]]))
