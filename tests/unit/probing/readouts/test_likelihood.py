from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts.likelihood import NEGATIVE, POSITIVE, VERBALISERS, ask, read, verbaliser_words
from spectra_eval.tables import AnswerScores
from spectra_eval.testing.answer_checks import readout_checks


def _answers(log_probs: object) -> AnswerScores:
    array = np.asarray(log_probs, dtype=np.float64)
    return AnswerScores(log_probs=array, n_prompt_tokens=np.full(len(array), 7))


def test_one_question_a_category_with_the_six_replies() -> None:
    request = ask(("Heat",), ("Noir", "War", "Drama"))
    assert len(request.suffixes) == 3 and request.answers == POSITIVE + NEGATIVE


def test_equation_1_by_hand() -> None:
    log_probs = [[-1.0, -4.0, -7.0, -2.0, -3.0, -10.0], [-2.0, -2.0, -2.0, -2.0, -2.0, -2.0]]
    reading = read(_answers(log_probs), temperature=2.0)
    assert reading.scores.tolist() == [1.0, 0.0]  # -4 less -5, and -2 less -2
    share = 1 / (1 + np.exp(-0.5))
    np.testing.assert_allclose(reading.theta_s, [share, 1 - share], rtol=1e-14)
    np.testing.assert_allclose(reading.answer_mass, np.exp(log_probs).sum(axis=1), rtol=1e-14)


def test_the_answer_mass_never_exceeds_one() -> None:
    reading = read(_answers(np.log(np.full((2, 6), 1 / 6)) + 1e-9))
    assert reading.answer_mass.tolist() == [1.0, 1.0]


def test_scores_far_apart_stay_finite() -> None:
    row = np.array([-1.0, -1.0, -1.0, -900.0, -900.0, -900.0])
    reading = read(_answers([row, row[::-1]]), temperature=0.5)
    assert reading.theta_s.tolist() == [1.0, 0.0]


def test_the_checks_of_the_kit_hold() -> None:
    for check in readout_checks(READOUTS["likelihood"]):
        check()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature"):
        read(_answers(np.full((2, 6), -1.0)), temperature=temperature)


@pytest.mark.parametrize("value", [np.nan, 0.5, -np.inf])
def test_what_is_no_log_probability_is_refused(value: float) -> None:
    log_probs = np.full((3, 6), -2.0)
    log_probs[1, 4] = value
    with pytest.raises(ProbeError, match="question 2"):
        read(_answers(log_probs))


def test_other_columns_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        read(_answers(np.full((3, 2), -1.0)))


@pytest.mark.parametrize("verbaliser", [*VERBALISERS, "Sure,sure/Never,never"])
def test_a_verbaliser_is_asked_and_read(verbaliser: str) -> None:
    affirming, denying = verbaliser_words(verbaliser)
    request = ask(["Heat"], ["Noir", "War"], verbaliser=verbaliser)
    assert request.answers == affirming + denying
    assert f"Answer {affirming[0]} or {denying[0]}." in request.prefix
    n = len(affirming)
    log_probs = np.log(np.array([[0.3 / n] * n + [0.1 / n] * n, [0.1 / n] * n + [0.3 / n] * n]))
    reading = read(AnswerScores(log_probs=log_probs, n_prompt_tokens=np.array([3, 3])), verbaliser=verbaliser)
    np.testing.assert_allclose(reading.scores, [np.log(3.0), -np.log(3.0)], rtol=1e-12)


@pytest.mark.parametrize("verbaliser", ["", "yes", "Yes,yes/No", "Yes/No/Maybe", "Yes/Yes", "Yes,/No,no"])
def test_what_is_no_verbaliser_is_refused(verbaliser: str) -> None:
    with pytest.raises(InputError, match="is none of paper, yes-no"):
        ask(["Heat"], ["Noir", "War"], verbaliser=verbaliser)


def test_the_columns_must_be_those_of_the_verbaliser() -> None:
    answers = AnswerScores(log_probs=np.full((2, 6), -2.0), n_prompt_tokens=np.array([3, 3]))
    with pytest.raises(ShapeError, match=r"give \(K, 2\), one column for each of Yes No"):
        read(answers, verbaliser="yes-no")
