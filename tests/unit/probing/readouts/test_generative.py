from __future__ import annotations

import itertools

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts._orders import arrangement, option_scores, position_effects
from spectra_eval.probing.readouts.generative import ask, read
from spectra_eval.tables import AnswerScores

NAMES = tuple(f"category {letter}" for letter in "abcdefg")


def _answers(log_probs: object) -> AnswerScores:
    array = np.asarray(log_probs, dtype=np.float64)
    return AnswerScores(log_probs=array, n_prompt_tokens=np.full(len(array), 7))


@pytest.mark.parametrize(("n", "width", "orders"), [(2, 26, 1), (19, 52, 4), (19, 52, 5), (60, 26, 4), (400, 52, 6)])
def test_each_option_is_shown_equally_often_and_in_questions_of_nearly_equal_size(n, width, orders) -> None:
    questions = arrangement(n, width=width, orders=orders)
    assert np.bincount(list(itertools.chain(*questions)), minlength=n).tolist() == [orders] * n
    sizes = [len(shown) for shown in questions]
    assert max(sizes) <= width and max(sizes) - min(sizes) <= 1
    assert questions[0][0] == 0


def test_the_mean_place_of_every_option_is_the_middle() -> None:
    questions = arrangement(19, width=52, orders=4)
    places = np.array([[shown.index(option) for shown in questions] for option in range(19)])
    assert places.mean(axis=1).tolist() == [9.0] * 19


def test_one_order_is_the_share_of_the_labels() -> None:
    probabilities = np.array([[0.4, 0.3, 0.1]])
    reading = read(_answers(np.log(probabilities)), orders=1)
    np.testing.assert_allclose(reading.theta_s, probabilities[0] / 0.8, rtol=1e-12)
    np.testing.assert_allclose(reading.answer_mass, [0.8] * 3, rtol=1e-12)


def test_several_orders_are_averaged_by_option() -> None:
    rng = np.random.default_rng(5)
    questions = arrangement(7, width=26, orders=4)
    log_probs = np.log(rng.dirichlet(np.ones(8), size=4)[:, :7])
    by_option = np.array([[log_probs[q, shown.index(j)] for j in range(7)] for q, shown in enumerate(questions)])
    expected = by_option.mean(axis=0)
    reading = read(_answers(log_probs), orders=4, temperature=2.0)
    np.testing.assert_allclose(reading.scores, expected - expected.mean(), rtol=1e-10)
    weights = np.exp(expected / 2.0)
    np.testing.assert_allclose(reading.theta_s, weights / weights.sum(), rtol=1e-10)
    np.testing.assert_allclose(reading.answer_mass, np.exp(log_probs).sum(axis=1).mean(), rtol=1e-12)


def test_an_effect_that_is_linear_in_the_position_cancels_and_is_reported() -> None:
    theta = np.random.default_rng(1).dirichlet(np.ones(7))
    slope = 0.3 * np.arange(7)
    rows = []
    for shown in arrangement(7, width=26, orders=4):
        odds = np.log(theta[list(shown)]) - slope
        rows.append(odds - np.logaddexp.reduce(odds) - 0.1)
    reading = read(_answers(rows), orders=4)
    np.testing.assert_allclose(reading.theta_s, theta, rtol=1e-10)
    np.testing.assert_allclose(reading.details["position_effects"], -(slope - slope.mean()), atol=1e-10)
    assert reading.details["position_bias"] == pytest.approx(np.std(slope))


def test_scores_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(3)
    questions = arrangement(13, width=5, orders=4)
    log_probs = -rng.exponential(size=(len(questions), 5))
    design, target = [], []
    for q, shown in enumerate(questions):
        for place, option in enumerate(shown):
            row = np.zeros(13 + len(questions))
            row[option] = row[13 + q] = 1.0
            design.append(row)
            target.append(log_probs[q, place])
    expected = np.linalg.lstsq(np.array(design), np.array(target), rcond=None)[0][:13]
    got = option_scores(log_probs, questions, 13)
    np.testing.assert_allclose(got, expected - expected.mean(), atol=1e-10)
    effects, seen = position_effects(log_probs, questions, got)
    assert seen.tolist() == [12, 12, 12, 12, 4] and abs(np.average(effects, weights=seen)) < 1e-12


@pytest.mark.parametrize("labels", [26, 4, 3])
def test_a_mock_is_read_back_through_one_question_and_through_several(labels: int) -> None:
    held = np.random.default_rng(2).dirichlet(np.ones(7))
    with open_backend("mocked", theta={"Heat": held}) as session:
        names = session.labels(labels)
        (answers,) = session.score([ask(("Heat",), NAMES, labels=names)])
    reading = read(answers, categories=NAMES, labels=names)
    np.testing.assert_allclose(reading.theta_s, held, rtol=1e-9)
    np.testing.assert_allclose(reading.answer_mass, 0.9, rtol=1e-9)
    assert reading.details["position_bias"] < 1e-9


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(InputError, match="labels"):
        ask(("Heat",), NAMES, labels="AA")
    with pytest.raises(InputError, match="the same once"):
        ask(("Heat",), ("War", " War"))
    with pytest.raises(InputError, match="at least 3 orders"):
        ask(("Heat",), NAMES, labels="ABC", orders=2)
    with pytest.raises(InputError, match="at least 1 order"):
        ask(("Heat",), NAMES, orders=0)
    with pytest.raises(InputError, match="do not link"):
        arrangement(400, width=2, orders=3)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 7\)"):
        read(_answers(np.full((3, 7), -1.0)))
    with pytest.raises(ShapeError, match=r"shape \(9, 9\)"):
        read(_answers(np.full((9, 9), -1.0)))
    with pytest.raises(ProbeError, match="question 2"):
        read(_answers([[-1.0, -1.0], [-1.0, np.nan]]), orders=2)
    with pytest.raises(InputError, match="temperature"):
        read(_answers(np.full((4, 7), -1.0)), temperature=0.0)
