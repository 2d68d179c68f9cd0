"""The interface of a readout: how prompts are built, and how the answers become a distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from spectra_eval.arrays import check_number
from spectra_eval.errors import InputError, ProbeError
from spectra_eval.registry import Registry, words_of
from spectra_eval.tables import AnswerScores, ProbeRequest

__all__ = ["READOUTS", "Reading", "Readout", "check_log_probs", "check_temperature", "softmax", "stacked"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """One user read: `scores` (K,) raw, `theta_s` (K,) on the simplex, `answer_mass` (K,) in [0, 1].

    A score is NaN without a prompt. `details` has further results, as JSON values by name.
    """

    scores: np.ndarray
    theta_s: np.ndarray
    answer_mass: np.ndarray
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Readout:
    """One entry of the family.

    Attributes
    ----------
    ask : callable
        ``ask(history, categories, **given) -> ProbeRequest``: the questions about one user; all
        users of a run get questions of the same shape. It takes what `asked_with` names.
    read : callable
        ``read(answers: AnswerScores, **given) -> Reading``: NumPy only. It takes what `options` names. Of
        the form ``text`` it is given a `Generation` instead.
    options, asked_with, followed_with : tuple of str
        The keywords of `read`, of `ask` and of `follow`. ``categories``, ``parents`` and ``labels`` are facts, which
        the caller of a readout knows; the others are choices, and each has a default.
    form : str
        ``each``: one question a category. ``whole``: questions about all of them. ``levels``: a second round
        follows the first. ``text``: the response is generated and parsed as text.
    follow : callable, optional
        ``follow(history, categories, answers, **given) -> ProbeRequest | None``: the second round, of the
        form ``levels``; `read` is given the rows of both. It takes what `followed_with` names; without a budget it
        asks about everything.
    reply_tokens : callable, optional
        ``reply_tokens(n_categories) -> int``: maximum number of tokens of a response, of the form ``text``.
    label : str
        The name in words; made from `name` when not given.
    definition, reading, pitfalls : str
        How `theta_s` is computed, what it says, and what goes wrong, in Markdown.
    softmax : bool
        `theta_s` is the softmax of `scores` over the temperature, so that scores can be debiased and scaled
        after they were read.
    """

    name: str
    ask: Callable[..., ProbeRequest]
    read: Callable[..., Reading]
    summary: str
    reference: str
    label: str = ""
    definition: str = ""
    reading: str = ""
    pitfalls: str = ""
    options: tuple[str, ...] = ()
    asked_with: tuple[str, ...] = ()
    followed_with: tuple[str, ...] = ()
    form: Literal["each", "whole", "levels", "text"] = "each"
    follow: Callable[..., ProbeRequest | None] | None = None
    reply_tokens: Callable[[int], int] | None = None
    softmax: bool = True
    stage: str = "stable"

    def __post_init__(self) -> None:
        """Set the default label."""
        object.__setattr__(self, "label", self.label or words_of(self.name))


READOUTS: Registry[Readout] = Registry(
    "readout", package="spectra_eval.probing.readouts", group="spectra_eval.readouts"
)


def softmax(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return exp(scores / temperature), normalised over the last axis.

    Examples
    --------
    >>> softmax(np.array([0.0, np.log(3.0)]), 1.0).round(12).tolist()
    [0.25, 0.75]
    """
    # The largest score is subtracted first: a small temperature would make the quotient infinite.
    weights = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def check_temperature(temperature: float) -> None:
    """Raise unless the temperature is a positive finite number."""
    if check_number("temperature", temperature) <= 0:
        raise InputError(f"temperature: {temperature} is not a positive number; 1 leaves the scores as they are")


def check_log_probs(log_probs: np.ndarray) -> None:
    """Raise if a log-probability is NaN, infinite or positive, with the number of the prompt."""
    # A log-probability just above 0 is the rounding of a model that is certain.
    good = np.isfinite(log_probs) & (log_probs <= 1e-6)
    if not good.all():
        row = int(np.flatnonzero(~good.all(axis=1))[0])
        raise ProbeError(
            f"question {row + 1}: log-probabilities {log_probs[row].tolist()}; none may be NaN, infinite or positive"
        )


def stacked(first: AnswerScores, second: AnswerScores | None) -> AnswerScores:
    """Append the rows of a second round to those of the first; None is a round without prompts."""
    if second is None:
        return first
    return AnswerScores(
        log_probs=np.concatenate([first.log_probs, second.log_probs]),
        n_prompt_tokens=np.concatenate([first.n_prompt_tokens, second.n_prompt_tokens]),
    )
