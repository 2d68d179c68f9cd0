from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.prompts import yes_no_request
from spectra_eval.probing.readouts._base import stacked
from spectra_eval.probing.readouts.hierarchical import ask, explored_branches, follow, read
from spectra_eval.tables import AnswerScores
from spectra_eval.theory.hierarchy import expand, two_level

NAMES = ("tacos", "golf", "sushi", "ramen", "chess", "go")
PARENTS = ("Food", "Sport", "Food", "Food", "Game", "Game")
GOLDEN = json.loads((Path(__file__).parents[3] / "golden/theory_public.json").read_text())["groups"]["hierarchy"]


def _answers(scores: object) -> AnswerScores:
    """Answers whose score is the one given, with an answer mass of about 0.6 at score 0."""
    array = np.asarray(scores, dtype=np.float64)
    log_probs = np.full((len(array), 6), np.log(0.1))
    log_probs[:, :3] += np.minimum(array, 0.0)[:, None]
    log_probs[:, 3:] -= np.maximum(array, 0.0)[:, None]
    return AnswerScores(log_probs=log_probs, n_prompt_tokens=np.full(len(array), 7))


def _softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


def test_the_first_round_asks_about_parents_and_the_second_about_children_of_one_prefix() -> None:
    first = ask(("Heat",), NAMES, parents=PARENTS)
    assert first.suffixes == (" Food", " Sport", " Game")
    second = follow(("Heat",), NAMES, _answers([2.0, 0.0, 1.0]), parents=PARENTS)
    assert second is not None and second.prefix == first.prefix and second.answers == first.answers
    assert second.suffixes == (" Food: tacos", " Food: sushi", " Food: ramen", " Game: chess", " Game: go")
    assert first.prefix == yes_no_request(("Heat",), NAMES, answers=first.answers).prefix


def test_full_expansion_by_hand() -> None:
    top, food, game = np.array([2.0, 0.0, 1.0]), np.array([0.5, -0.5, 0.0]), np.array([1.0, -1.0])
    reading = read(_answers([*top, *food, *game]), parents=PARENTS, temperature=2.0)
    first = _softmax(top / 2)
    expected = np.empty(6)
    expected[[0, 2, 3]] = first[0] * _softmax(food / 2)
    expected[1] = first[1]
    expected[[4, 5]] = first[2] * _softmax(game / 2)
    np.testing.assert_allclose(reading.theta_s, expected, rtol=1e-12)
    np.testing.assert_allclose(reading.scores, [0.5, np.nan, -0.5, 0.0, 1.0, -1.0], atol=1e-12)
    np.testing.assert_allclose(reading.details["parent_scores"], top, atol=1e-12)
    assert reading.details["residual"] == 0.0 and reading.details["filled"] is None
    mass = np.exp(_answers([0.5, top[1], -0.5, 0.0, 1.0, -1.0]).log_probs).sum(axis=1)
    np.testing.assert_allclose(reading.answer_mass, mass, rtol=1e-12)
    np.testing.assert_array_equal(
        read(_answers([*top, *food, *game]), parents=PARENTS, residual="uniform").theta_s,
        read(_answers([*top, *food, *game]), parents=PARENTS).theta_s,
    )


@pytest.mark.parametrize(
    ("branches", "budget", "expected"),
    [
        ("mass", None, [True, True, True]),
        ("mass", 3, [True, True, False]),
        ("mass", 2, [False, True, True]),  # the first does not fit, the next one does
        ("mass", 4, [True, True, False]),
        ("mass", 0, [False, True, False]),
        ("tail", 3, [False, True, True]),
        ("tail", 5, [True, True, True]),
    ],
)
def test_which_branches_are_explored(branches: str, budget: int | None, expected: list[bool]) -> None:
    parent = np.array([0, 1, 0, 0, 2, 2])
    got = explored_branches(np.array([2.0, 0.0, 1.0]), parent, branches=branches, budget=budget)
    assert got.tolist() == expected
    request = follow(("Heat",), NAMES, _answers([2.0, 0.0, 1.0]), parents=PARENTS, branches=branches, budget=budget)
    asked = 0 if request is None else len(request.suffixes)
    assert asked == 3 * expected[0] + 2 * expected[2] and (budget is None or asked <= budget)


def test_what_is_left_over_is_named_and_never_renormalised_in_silence() -> None:
    top, food = np.array([2.0, 0.0, 1.0]), np.array([0.5, -0.5, 0.0])
    answers = _answers([*top, *food])
    first = _softmax(top)
    with pytest.raises(InputError, match=r"residual: 0\.245 of the mass"):
        read(answers, parents=PARENTS, budget=3)
    leaves = np.array([*(first[0] * _softmax(food)), first[1]])  # tacos, sushi, ramen, golf
    renormalised = read(answers, parents=PARENTS, budget=3, residual="renormalise")
    expected = np.array([leaves[0], leaves[3], leaves[1], leaves[2], 0.0, 0.0]) / leaves.sum()
    np.testing.assert_allclose(renormalised.theta_s, expected, rtol=1e-12)
    uniform = read(answers, parents=PARENTS, budget=3, residual="uniform")
    np.testing.assert_allclose(uniform.theta_s[4:], first[2] / 2, rtol=1e-12)
    np.testing.assert_allclose(uniform.theta_s[[0, 2, 3, 1]], leaves, rtol=1e-12)
    coarse = read(answers, parents=PARENTS, budget=3, residual="coarse")
    np.testing.assert_allclose(coarse.theta_s, [leaves[0], leaves[3], leaves[1], leaves[2], first[2]], rtol=1e-12)
    assert coarse.details["atoms"] == [[0], [1], [2], [3], [4, 5]]
    for reading in (renormalised, uniform, coarse):
        assert reading.details["residual"] == pytest.approx(first[2])
        assert reading.details["residuals"] == pytest.approx([0.0, 0.0, first[2]])
        assert reading.details["explored"] == ["Food", "Sport"]
        assert reading.details["uniform_fill_radius"] == pytest.approx(first[2] / 2)
        assert np.isnan(reading.scores[[1, 4, 5]]).all() and np.isfinite(reading.scores[[0, 2, 3]]).all()
    assert renormalised.details["filled"] == "renormalise"


# The rule and the budget under which each case's own branches are the explored ones; the third case leaves out a
# branch with one child, which needs no question here and is always explored.
@pytest.mark.parametrize(("number", "branches", "budget"), [(0, "mass", 0), (1, "mass", 2), (3, "tail", 3)])
def test_golden_residuals_and_fillings(number: int, branches: str, budget: int) -> None:
    case = GOLDEN[number]
    top = np.array([float(x) for x in case["P1"]])
    within = [np.array([float(x) for x in branch]) for branch in case["P2"]]
    parents = [f"p{a}" for a, branch in enumerate(within) for _ in branch]
    asked = [np.log(within[a]) for a in case["explored"] if len(within[a]) > 1]
    answers = _answers(np.concatenate([np.log(top), *asked]))
    full = two_level(top, within)
    for method, key in (("renormalise", "tv_renormalised_vs_full"), ("uniform", "tv_uniform_fill_vs_full")):
        reading = read(answers, parents=parents, branches=branches, budget=budget, residual=method)
        assert reading.details["explored"] == [f"p{a}" for a in case["explored"]]
        assert np.abs(reading.theta_s - full.leaves()).sum() / 2 == pytest.approx(float(case[key]), rel=1e-9)
        assert reading.details["residual"] == pytest.approx(float(case["residual"]), rel=1e-9)
        expected = expand(full, case["explored"]).fill(method)
        np.testing.assert_allclose(reading.theta_s, expected, rtol=1e-9, atol=1e-15)


def test_nothing_explored_cannot_be_renormalised() -> None:
    with pytest.raises(InputError, match="larger budget"):
        read(_answers([0.0, 1.0]), parents=("a", "a", "b", "b"), budget=0, residual="renormalise")


def test_a_second_round_without_questions_is_none() -> None:
    first = _answers([0.0, 1.0, 2.0])
    assert follow(("Heat",), ("x", "y", "z"), first, parents=("a", "b", "c")) is None
    assert stacked(first, None) is first
    assert stacked(first, _answers([1.0])).log_probs.shape == (4, 6)
    np.testing.assert_allclose(
        read(first, parents=("a", "b", "c")).theta_s, _softmax(np.array([0.0, 1.0, 2.0])), rtol=1e-12
    )


def test_what_cannot_be_asked_or_read_is_refused() -> None:
    with pytest.raises(InputError, match="two-level taxonomy"):
        ask(("Heat",), NAMES)
    with pytest.raises(ShapeError, match="1 given for 6"):
        ask(("Heat",), NAMES, parents=("Food",))
    with pytest.raises(InputError, match="'best' is none of mass, tail"):
        read(_answers(np.zeros(8)), parents=PARENTS, branches="best")
    with pytest.raises(InputError, match="budget: -1"):
        read(_answers(np.zeros(8)), parents=PARENTS, budget=-1)
    with pytest.raises(InputError, match="'drop' is none of renormalise"):
        read(_answers(np.zeros(8)), parents=PARENTS, residual="drop")
    with pytest.raises(ShapeError, match="9 rows; the two rounds have 8"):
        read(_answers(np.zeros(9)), parents=PARENTS)
    with pytest.raises(ShapeError, match="7 rows; the two rounds have 8"):
        read(_answers(np.zeros(7)), parents=PARENTS)
    with pytest.raises(ShapeError, match="at least 3 are needed"):
        read(_answers(np.zeros(2)), parents=PARENTS)
    broken = _answers(np.zeros(8))
    broken.log_probs[5] = np.nan
    with pytest.raises(ProbeError, match="question 3"):
        read(broken, parents=PARENTS)
