"""Requests to a model, its answers, and the results of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

__all__ = ["AnswerScores", "Detail", "Generation", "Interactions", "Interval", "MetricResult", "ProbeRequest", "System"]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """The predictions of one system for the users of a table.

    Attributes
    ----------
    name : str
        The name in results and reports.
    theta : (N, K) float array
        Predicted distributions; rows on the simplex, or NaN where the system predicts nothing.
    lists : (N, L) int array or None
        The system's own ranked lists; None where its list is the order of `theta`.

    Examples
    --------
    >>> System(name="uniform", theta=np.full((1, 2), 0.5)).held(slice(0, 1)).tolist()
    [[0.5, 0.5]]
    """

    name: str
    theta: np.ndarray
    lists: np.ndarray | None = None

    def predicted(self, rows: slice) -> np.ndarray:
        """Return the predicted distributions of some users."""
        return self.theta[rows]

    held = predicted  # the earlier name, for one release


class Detail(NamedTuple):
    """Details of an item in a history, besides its title.

    Attributes
    ----------
    time : int
        Seconds since 1970.
    rating : float or None
        The user's rating; None where it is unknown.
    categories : tuple of str
        Names of the categories.

    Examples
    --------
    >>> Detail(time=0, rating=4.5, categories=("Drama",)).rating
    4.5
    """

    time: int
    rating: float | None
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """Raw events, one entry per event and category.

    Attributes
    ----------
    user, item : (M,) str array
        Names of the user and of the item.
    category : (M,) int array
        Index into `categories`.
    time : (M,) int array
        Seconds since 1970.
    weight : (M,) float array
        Weight of the entry.
    categories : tuple of K str
        Names of the categories.
    titles : mapping of str to str
        The title of each item, as shown to a model.
    parents : tuple of K str, or None
        The parent of each category.
    metadata : mapping
        Source and settings of the data.
    rating : (M,) float array or None
        The user's rating, NaN where it is unknown.

    Examples
    --------
    >>> from spectra_eval.data.synthetic import read
    >>> events = read(users=5, categories=8, seed=0)
    >>> len(events.categories), len(events.user) == len(events.weight)
    (8, True)
    """

    user: np.ndarray
    item: np.ndarray
    category: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    categories: tuple[str, ...]
    titles: Mapping[str, str]
    parents: tuple[str, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    rating: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """All prompts about one user: one shared prefix, many suffixes, the same possible answers.

    A prompt is the text ``prefix + suffix``; a backend wraps it into the model's own chat template. All
    strings are data: no part of them may become a special token of the model.

    Attributes
    ----------
    prefix : str
        The text that the prompts share, with everything about the user.
    suffixes : tuple of R str
        The end of each prompt.
    answers : tuple of V str
        The answers whose log-probabilities are computed, the same for every prompt.
    system : str
        The system message; empty for none.
    many_tokens : bool
        Whether an answer may have several tokens; otherwise such an answer is refused.

    Examples
    --------
    >>> request = ProbeRequest(prefix="History: Alien. ", suffixes=("Is drama liked?",), answers=("Yes", "No"))
    >>> len(request.suffixes), request.many_tokens
    (1, False)
    """

    prefix: str
    suffixes: tuple[str, ...]
    answers: tuple[str, ...] = ()
    system: str = ""
    many_tokens: bool = False


if TYPE_CHECKING:
    Scores: TypeAlias = np.ndarray
else:
    Scores = Any  # converted and checked by the readout


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerScores:
    """Log-probabilities of each answer to each prompt of one request.

    Attributes
    ----------
    log_probs : (R, V) float array
        Log-probabilities in nats; for an answer of several tokens the sum over its tokens.
    n_prompt_tokens : (R,) int array
        Tokens of each whole prompt.
    n_answer_tokens : (V,) int array or None
        Tokens of each answer; None where each answer is one token.

    Examples
    --------
    >>> scores = AnswerScores(log_probs=np.log([[0.9, 0.1]]), n_prompt_tokens=np.array([12]))
    >>> scores.log_probs.shape
    (1, 2)
    """

    log_probs: Scores
    n_prompt_tokens: np.ndarray
    n_answer_tokens: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Settings of a sampled response; without them the response is the most probable one.

    The sample depends on the seed and the prompt only, never on the batch.

    Attributes
    ----------
    temperature : float
        Above 0.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> Sampling(temperature=0.7).seed
    0
    """

    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The text that a model generated for one prompt.

    Attributes
    ----------
    text : str
        The response.
    truncated : bool
        Whether it was cut at the token limit.
    n_prompt_tokens : int
        Tokens of the whole prompt.

    Examples
    --------
    >>> Generation(text="Drama", truncated=False, n_prompt_tokens=20).text
    'Drama'
    """

    text: str
    truncated: bool
    n_prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, in the unit of the value it belongs to.

    Attributes
    ----------
    low, high : float
        Ends of the interval.
    level : float
        Confidence level, strictly between 0 and 1.
    method : str
        How the interval was computed.

    Examples
    --------
    >>> interval = Interval(low=0.1, high=0.3, level=0.95, method="bootstrap")
    >>> round(interval.high - interval.low, 3)
    0.2
    """

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One number of an evaluation.

    Attributes
    ----------
    metric, unit, system, stratum : str
        What was computed, in which unit, of which system and which users or categories.
    value : float or None
        The number; None where it is undefined.
    interval : Interval or None
        Its confidence interval.
    n_users : int
        Number of users in the value.
    status : {"ok", "undefined"}
        Whether the value is defined.
    reason : str or None
        Why the value is undefined.

    Examples
    --------
    >>> result = MetricResult(
    ...     metric="total_variation", unit="1", system="s", stratum="all", value=0.5, interval=None, n_users=3
    ... )
    >>> result.status
    'ok'
    """

    metric: str
    unit: str
    system: str
    stratum: str
    value: float | None
    interval: Interval | None
    n_users: int
    status: Literal["ok", "undefined"] = "ok"
    reason: str | None = None
