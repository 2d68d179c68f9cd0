from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts.reranker import ask, read
from spectra_eval.tables import AnswerScores
from spectra_eval.testing.answer_checks import readout_checks


def _answers(log_probs: object) -> AnswerScores:
    array = np.asarray(log_probs, dtype=np.float64)
    return AnswerScores(log_probs=array, n_prompt_tokens=np.full(len(array), 7))


def test_the_log_odds_of_yes_by_hand() -> None:
    probabilities = np.array([[0.5, 0.25], [0.1, 0.4], [0.3, 0.3]])
    reading = read(_answers(np.log(probabilities)), temperature=2.0)
    np.testing.assert_allclose(reading.scores, np.log([2.0, 0.25, 1.0]), atol=1e-15)
    weights = np.sqrt([2.0, 0.25, 1.0])
    np.testing.assert_allclose(reading.theta_s, weights / weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(reading.answer_mass, [0.75, 0.5, 0.6], rtol=1e-12)
    assert reading.details["mean_relevance"] == pytest.approx((2 / 3 + 1 / 5 + 1 / 2) / 3)


def test_the_template_of_qwen3_reranker() -> None:
    request = ask(("Heat", "Ran"), ("Noir", "War"))
    assert request.system == (
        "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
        'Note that the answer can only be "yes" or "no".'
    )
    text = request.prefix + request.suffixes[1]
    assert text.startswith("<Instruct>: ") and "\n<Query>: " in text and text.endswith("\n<Document>: War")
    assert "- Heat\n- Ran\n" in text and request.answers == ("yes", "no")


def test_a_mock_is_read_back() -> None:
    with open_backend("mocked", theta={"Heat": [0.7, 0.2, 0.1]}) as session:
        (answers,) = session.score([ask(("Heat",), ("Noir", "War", "Drama"))])
    np.testing.assert_allclose(read(answers).theta_s, [0.7, 0.2, 0.1], rtol=1e-12)


def test_the_checks_of_the_kit_hold() -> None:
    for check in readout_checks(READOUTS["reranker"]):
        check()


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 6\)"):
        read(_answers(np.full((2, 6), -2.0)))
    with pytest.raises(ProbeError, match="question 2"):
        read(_answers([[-1.0, -1.0], [-np.inf, -1.0]]))
    with pytest.raises(InputError, match="temperature"):
        read(_answers(np.full((2, 2), -2.0)), temperature=float("inf"))
