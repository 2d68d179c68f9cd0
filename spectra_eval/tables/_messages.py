"""What passes between a readout and a model, and what an evaluation says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = ["AnswerScores", "Detail", "Generation", "Interactions", "Interval", "MetricResult", "ProbeRequest", "System"]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """What one predictor holds for the users of a table.

    `theta` is (N, K), rows on the simplex or NaN where the system says nothing of a user; `lists` is
    (N, L) where the system names a list itself and None where its list is the order of `theta`.
    """

    name: str
    theta: np.ndarray
    lists: np.ndarray | None = None

    def held(self, rows: slice) -> np.ndarray:
        """Give what it holds for some users."""
        return self.theta[rows]


class Detail(NamedTuple):
    """What is known of an item that a user chose, besides its title: seconds since 1970, rating, categories."""

    time: int
    rating: float | None
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """Raw events, one entry an (event, category) pair; an event with several categories has several entries.

    `user` (M,) and `item` (M,) str, `category` (M,) int index into `categories`, `time` (M,) int64
    seconds, `weight` (M,) float64: what the pair counts for. `titles` names each item as shown to a model. `rating`
    (M,) float: what the user thought of it, NaN where that is not known, or None.
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
    """All questions about one user: one shared opening, many endings, the same answers to each.

    A question is the text ``prefix + suffix``; a backend wraps it into the model's own chat template.
    Every string here is data: no part of it may turn into a special token of the model.

    Attributes
    ----------
    prefix : str
        What the questions share; everything about the user stands here.
    suffixes : tuple of R str
        One ending a question.
    answers : tuple of V str
        The replies whose log-probabilities are asked for, the same for every question.
    system : str
        The system message; empty for none.
    many_tokens : bool
        The answers may take several tokens each; else one that does is refused.
    """

    prefix: str
    suffixes: tuple[str, ...]
    answers: tuple[str, ...] = ()
    system: str = ""
    many_tokens: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerScores:
    """`log_probs` (R, V) float64, nats: log-probability of each answer to each question of one request.

    For an answer of several tokens it is the sum over its tokens. `n_prompt_tokens` (R,) int counts
    the tokens of each whole prompt. `n_answer_tokens` (V,) int counts those of each answer where they may
    be several, and is None where each answer is one token.
    """

    log_probs: np.ndarray
    n_prompt_tokens: np.ndarray
    n_answer_tokens: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a reply is drawn instead of being the most probable one: `temperature` above 0, and a `seed`.

    What is drawn depends on the seed and the prompt alone, never on the batch.
    """

    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The text that a model wrote in reply to one question, and whether it was cut at the token limit."""

    text: str
    truncated: bool
    n_prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, in the unit of the value it belongs to."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One number of an evaluation; `value` is None where `status` is ``undefined``, with the `reason`."""

    metric: str
    unit: str
    system: str
    stratum: str
    value: float | None
    interval: Interval | None
    n_users: int
    status: Literal["ok", "undefined"] = "ok"
    reason: str | None = None
