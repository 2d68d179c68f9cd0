"""Equation 2 of the paper: parents first, then the children of some of them; the residual mass is reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.prompts import yes_no_request
from spectra_eval.probing.readouts import likelihood
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout, softmax
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["BRANCHES", "RESIDUALS", "ask", "explored_branches", "follow", "read"]

BRANCHES = ("mass", "tail")
"""Order of the parents: largest or smallest probability first."""
RESIDUALS = ("renormalise", "uniform", "coarse")
"""How the mass of branches that were not explored is distributed."""


def ask(history: Sequence[str], categories: Sequence[str], *, parents: Sequence[str] | None = None) -> ProbeRequest:
    """Return the prompts of the first round: one yes-or-no question for each parent, in order of appearance.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first.
    categories : sequence of K str
        The children.
    parents : sequence of K str
        The parent of each.

    Returns
    -------
    ProbeRequest
        A prompts, one for each parent.

    Raises
    ------
    InputError
        The categories have no parents.
    ShapeError
        There is not one parent for each category.

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Tacos", "Sushi", "Golf"], parents=["Food", "Food", "Sport"]).suffixes
    (' Food', ' Sport')
    """
    names, _ = _taxonomy(len(categories), parents)
    return yes_no_request(history, names, answers=likelihood.POSITIVE + likelihood.NEGATIVE)


def follow(
    history: Sequence[str],
    categories: Sequence[str],
    answers: AnswerScores,
    *,
    parents: Sequence[str] | None = None,
    branches: str = "mass",
    budget: int | None = None,
) -> ProbeRequest | None:
    """Return the prompts of the second round: one question for each child of each explored parent.

    Parameters
    ----------
    history : sequence of str
        As for `ask`.
    categories : sequence of K str
        As for `ask`.
    answers : AnswerScores
        Those of the first round, shape (A, 6).
    parents : sequence of K str
        As for `ask`.
    branches : {"mass", "tail"}
        See `explored_branches`.
    budget : int, optional
        See `explored_branches`.

    Returns
    -------
    ProbeRequest or None
        One prompt for each child; None where there is no question.

    Raises
    ------
    InputError
        The categories have no parents, the rule is unknown, or the budget is negative.
    ShapeError
        The answers are not those of the first round.
    ProbeError
        A log-probability is not finite or positive.

    Examples
    --------
    >>> first = AnswerScores(log_probs=np.full((2, 6), -2.0), n_prompt_tokens=np.array([9, 9]))
    >>> follow(["Heat"], ["Tacos", "Sushi", "Golf"], first, parents=["Food", "Food", "Sport"]).suffixes
    (' Food: Tacos', ' Food: Sushi')
    """
    names, parent = _taxonomy(len(categories), parents)
    scores = likelihood.read(_rows(answers, 0, len(names))).scores
    prompted = _prompted(parent, explored_branches(scores, parent, branches=branches, budget=budget))
    if not prompted.any():
        return None
    endings = [f"{names[parent[child]]}: {categories[child]}" for child in _branch_order(parent, prompted)]
    return yes_no_request(history, endings, answers=likelihood.POSITIVE + likelihood.NEGATIVE)


def explored_branches(
    scores: np.ndarray, parent: np.ndarray, *, branches: str = "mass", budget: int | None = None
) -> np.ndarray:
    """Select the parents whose children are explored.

    Parents are gone through in the order of their scores, and each whose children still fit the budget is
    taken. A parent with one child needs no question and is always explored.

    Parameters
    ----------
    scores : (A,) float array
        Of the parents.
    parent : (K,) int array
        Index of the parent of each child.
    branches : str
        ``mass``: highest score first. ``tail``: lowest first.
    budget : int, optional
        Most questions of the second round; None asks about every child.

    Returns
    -------
    (A,) bool array
        True where the children are explored.

    Raises
    ------
    InputError
        The rule is unknown or the budget negative.

    Examples
    --------
    >>> explored_branches(np.array([0.0, 2.0, 1.0]), np.array([0, 0, 1, 1, 1, 2]), budget=3).tolist()
    [False, True, True]
    """
    if branches not in BRANCHES:
        raise InputError(f"branches: {branches!r} is none of {', '.join(BRANCHES)}")
    if budget is not None and budget < 0:
        raise InputError(f"budget: {budget} is negative; 0 asks about parents only")
    sizes = np.bincount(parent, minlength=len(scores))
    explored = sizes == 1
    left = int(sizes.sum()) if budget is None else budget
    wanted = scores if branches == "mass" else -scores
    for place in ties.order(wanted, scale=ties.magnitude(wanted)):
        if not explored[place] and sizes[place] <= left:
            explored[place] = True
            left -= int(sizes[place])
    return explored


def read(
    answers: AnswerScores,
    *,
    parents: Sequence[str] | None = None,
    branches: str = "mass",
    budget: int | None = None,
    residual: str | None = None,
    temperature: float = 1.0,
) -> Reading:
    r"""Convert both rounds into a distribution over the children.

    .. math:: \theta(c) = \theta_1(a)\, \theta_2(c \mid a), \qquad r = \sum_{a\ \text{not explored}} \theta_1(a)

    with each level the softmax of Equation 1 within its own questions. It is a distribution because every child has
    one parent; it is *not* the flat readout over all children, even when every branch is explored.

    Parameters
    ----------
    answers : AnswerScores
        The A rows of the first round, then those of the second, (A + R, 6).
    parents : sequence of K str
        As it was given to `ask`.
    branches : {"mass", "tail"}
        As it was given to `follow`.
    budget : int, optional
        As it was given to `follow`.
    residual : str, optional
        Needed where a branch was left out. ``renormalise``: explored children divided by their sum; the total
        variation to the full readout is r exactly. ``uniform``: each branch's mass spread evenly over its children; the
        total variation is at most `uniform_fill_radius`. ``coarse``: such a branch stays one category, after the
        explored children; `theta_s` is then shorter than K, and `details["atoms"]` lists the children of each entry.
    temperature : float
        tau of both levels.

    Returns
    -------
    Reading
        `scores` (K,) of the second round in nats, NaN for a child without a prompt; `answer_mass` (K,) of
        the child's own question, else of its parent's. `details`: `residual` r, `residuals` by parent,
        `explored` names, `parent_scores`, `uniform_fill_radius`, `filled`.

    Raises
    ------
    InputError
        Mass is left over and `residual` does not say what becomes of it, or an option is out of range.
    ShapeError
        The rows are not those of the two rounds.
    ProbeError
        A log-probability is not finite or positive.

    References
    ----------
    .. [1] Equation 2 and appendix B.6 of the paper, whose treatment of branches left out is not stated.

    Examples
    --------
    >>> log_probs = np.full((2, 6), -2.0)
    >>> log_probs[0, :3] += np.log(3.0)
    >>> answers = AnswerScores(log_probs=log_probs, n_prompt_tokens=np.array([9, 9]))
    >>> reading = read(answers, parents=["Food", "Food", "Sport"], budget=0, residual="uniform")
    >>> reading.theta_s.round(12).tolist(), round(reading.details["residual"], 12)
    ([0.375, 0.375, 0.25], 0.75)
    """
    names, parent = _taxonomy(None, parents)
    if residual is not None and residual not in RESIDUALS:
        raise InputError(f"residual: {residual!r} is none of {', '.join(RESIDUALS)}")
    top = likelihood.read(_rows(answers, 0, len(names)), temperature=temperature)
    explored = explored_branches(top.scores, parent, branches=branches, budget=budget)
    prompted = _prompted(parent, explored)
    n_rows = len(names) + int(prompted.sum())
    answers = dataclasses.replace(answers, log_probs=as_array("log_probs", answers.log_probs))
    if len(answers.log_probs) != n_rows:
        raise ShapeError(f"log_probs: {len(answers.log_probs)} rows; the two rounds have {n_rows}")
    scores, mass = np.full(len(parent), np.nan), top.answer_mass[parent]
    if prompted.any():
        order = _branch_order(parent, prompted)
        second = likelihood.read(_rows(answers, len(names), n_rows))
        scores[order], mass[order] = second.scores, second.answer_mass
    within = np.where(explored[parent], 1.0, np.nan)
    for place in np.flatnonzero(explored):
        children = (parent == place) & prompted
        if children.any():
            within[children] = softmax(scores[children], temperature)
    residuals = np.where(explored, 0.0, top.theta_s)
    theta, atoms = _filled(top.theta_s[parent] * within, parent, residuals, residual)
    sizes = np.bincount(parent)
    details: dict[str, Any] = {
        "residual": float(residuals.sum()),
        "residuals": residuals.tolist(),
        "explored": [name for name, known in zip(names, explored, strict=True) if known],
        "parent_scores": top.scores.tolist(),
        "uniform_fill_radius": float(np.sum(residuals * (1 - 1 / sizes))),
        "filled": residual if not explored.all() else None,
    }
    return Reading(
        scores=scores,
        theta_s=theta,
        answer_mass=mass,
        details=details if atoms is None else {**details, "atoms": atoms},
    )


def _filled(
    leaves: np.ndarray, parent: np.ndarray, residuals: np.ndarray, residual: str | None
) -> tuple[np.ndarray, list[list[int]] | None]:
    """Return the distribution over leaves by the rule for the residual, and its entries if they are not the leaves."""
    known = ~np.isnan(leaves)
    if residual == "coarse":
        whole = [a for a in range(len(residuals)) if not known[parent == a].all()]
        atoms = [[int(leaf)] for leaf in np.flatnonzero(known)] + [np.flatnonzero(parent == a).tolist() for a in whole]
        return np.concatenate([leaves[known], residuals[whole]]), atoms
    if known.all():
        return leaves / leaves.sum(), None
    if residual is None:
        raise InputError(
            f"residual: {residuals.sum():.3g} of the mass is in branches that were not explored; "
            f"choose how to treat it: {', '.join(RESIDUALS)}"
        )
    if residual == "uniform":
        spread = (residuals / np.bincount(parent))[parent]
        return np.where(known, leaves, spread), None
    explored_leaves = np.where(known, leaves, 0.0)
    if not explored_leaves.sum() > 0:
        raise InputError("residual: no branch was explored, so nothing can be renormalised; give a larger budget")
    return explored_leaves / explored_leaves.sum(), None


def _taxonomy(n_categories: int | None, parents: Sequence[str] | None) -> tuple[list[str], np.ndarray]:
    """Return the parents in the order in which they first appear, and the index of each child's parent."""
    if parents is None:
        raise InputError("parents: the categories have none; the readout 'hierarchical' needs a two-level taxonomy")
    if n_categories is not None and len(parents) != n_categories:
        raise ShapeError(f"parents: {len(parents)} given for {n_categories} categories; name one for each")
    place = {name: i for i, name in enumerate(dict.fromkeys(parents))}
    return list(place), np.array([place[name] for name in parents], dtype=np.int64)


def _prompted(parent: np.ndarray, explored: np.ndarray) -> np.ndarray:
    sizes = np.bincount(parent, minlength=len(explored))
    return np.asarray((explored & (sizes > 1))[parent])


def _branch_order(parent: np.ndarray, prompted: np.ndarray) -> np.ndarray:
    """Return the children with a prompt, parent after parent."""
    children = np.flatnonzero(prompted)
    return children[np.argsort(parent[children], kind="stable")]


def _rows(answers: AnswerScores, start: int, stop: int) -> AnswerScores:
    answers = dataclasses.replace(answers, log_probs=as_array("log_probs", answers.log_probs))
    if len(answers.log_probs) < stop:
        raise ShapeError(f"log_probs: {len(answers.log_probs)} rows; at least {stop} are needed")
    return AnswerScores(log_probs=answers.log_probs[start:stop], n_prompt_tokens=answers.n_prompt_tokens[start:stop])


READOUTS.add(
    Readout(
        name="hierarchical",
        ask=ask,
        read=read,
        summary="parents first, then the children of the branches that a budget allows; the rest stays in sight",
        reference="The paper, equation 2 and appendix B.6",
        label="Two-level readout",
        definition=(
            r"$\theta(c) = \theta_1(\text{parent}) \, \theta_2(c \mid \text{parent})$, where only the branches within "
            "a budget are expanded."
        ),
        reading=(
            "Far fewer prompts for large taxonomies; the mass of branches that were not expanded is reported as the "
            "residual."
        ),
        pitfalls=(
            "Not equal to the flat readout of the same model. With a large residual, most of the result is the rule "
            "for the residual. Each category needs one parent."
        ),
        options=("temperature", "parents", "branches", "budget", "residual"),
        asked_with=("parents",),
        followed_with=("parents", "branches", "budget"),
        form="levels",
        follow=follow,
        softmax=False,
    )
)
