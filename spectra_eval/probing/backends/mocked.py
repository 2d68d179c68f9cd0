"""A model that is no model: it holds a distribution that is known, so that everything after it can be checked.

The readout ``likelihood`` gets that distribution back exactly. The mock can also be noisy, slow, or
crash, each in a way that depends on the request alone and never on the batch it came in.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends._base import BACKENDS, LABELS, Backend, Session, sampling_seed
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = ["Held", "MockedSession", "open_mocked"]

Weights = Sequence[float | int] | np.ndarray
Held = Mapping[str, Weights] | Callable[[str, tuple[str, ...]], Weights]
"""The distribution of a mock: weights by a text in the prefix, or a function of (prefix, options)."""

ANSWER_MASS = 0.9
"""Total probability of the answers of a prompt; the rest is on other tokens."""
_TINY = 1e-300
_MODELS = ("uniform", "random")


class MockedSession:
    """A `Session` over a distribution that is known.

    The first half of the answers speaks for a question, the second half against it, as in
    `spectra_eval.probing.readouts.likelihood`.

    Parameters
    ----------
    model, seed, noise, crash_at, delay, temperature, theta : as for `open_mocked`
        As for `open_mocked`, which checks them.

    Examples
    --------
    >>> with open_mocked("uniform") as session:
    ...     type(session).__name__, session.description["model"]
    ('MockedSession', 'uniform')
    """

    def __init__(
        self,
        *,
        model: str,
        seed: int,
        noise: float,
        crash_at: int | None,
        delay: float,
        temperature: float,
        theta: Held | None,
    ) -> None:
        self._model = model
        self._seed = seed
        self._noise = noise
        self._crash_at = crash_at
        self._delay = delay
        self._temperature = temperature
        self._theta = theta
        self._calls = 0
        self._cached = self._seen = 0
        self._closed = False

    @property
    def description(self) -> Mapping[str, Any]:
        """The metadata of a run; the digest covers everything that an answer depends on."""
        known: Any = self._model
        if isinstance(self._theta, Mapping):
            known = {name: [float(value) for value in values] for name, values in self._theta.items()}
        elif self._theta is not None:
            known = f"{self._theta.__module__}.{getattr(self._theta, '__qualname__', type(self._theta).__qualname__)}"
        options = {"held": known, "seed": self._seed, "noise": self._noise, "temperature": self._temperature}
        return {
            "backend": "mocked",
            "model": self._model if self._theta is None else "given",
            "model_digest": hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest(),
            "dtype": "float64",
            "versions": {},
        }

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return the log-probability of every answer to every prompt, request by request."""
        self._begin()
        return [self._score_one(request) for request in requests]

    def labels(self, count: int) -> tuple[str, ...]:
        """Return labels; every word is one token of a mock."""
        return LABELS[:count]

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        """Write the answers of each request, best first or drawn without replacement, one a line.

        A word counts as one token.
        """
        self._begin()
        return [self._reply(request, max_tokens, sampling) for request in requests]

    @property
    def cached_share(self) -> float:
        """Proportion of the prompts' words that were in an earlier prompt of the same request."""
        return self._cached / self._seen if self._seen else math.nan

    def close(self) -> None:
        """Make further calls raise an error."""
        self._closed = True

    def _begin(self) -> None:
        if self._closed:
            raise ProbeError("mocked: the session is closed; ask inside its with block")
        self._calls += 1
        if self._crash_at is not None and self._calls >= self._crash_at:
            raise ProbeError(f"mocked: crash at call {self._calls}, as set by crash_at")

    def _score_one(self, request: ProbeRequest) -> AnswerScores:
        time.sleep(self._delay)
        tokens = np.array([len(f"{request.system} {request.prefix}{s}".split()) for s in request.suffixes], np.int64)
        self._seen += int(tokens.sum())
        self._cached += max(len(tokens) - 1, 0) * len(f"{request.system} {request.prefix}".split())
        if request.many_tokens:
            known = np.log(ANSWER_MASS * np.maximum(self._weights(request, request.answers), _TINY))
            counts = np.array([len(answer.split()) for answer in request.answers], dtype=np.int64)
            rows = np.tile(known, (len(request.suffixes), 1))
            return AnswerScores(log_probs=rows, n_prompt_tokens=tokens, n_answer_tokens=counts)
        if offered := _offered(request):
            return AnswerScores(log_probs=self._choose(request, offered), n_prompt_tokens=tokens)
        n_questions, n_answers = len(request.suffixes), len(request.answers)
        theta = np.maximum(self._weights(request, request.suffixes), _TINY)
        # The constant centres the odds: a uniform holding answers every question with 50 : 50.
        odds = self._temperature * (np.log(theta) + np.log(n_questions))
        if self._noise:
            odds = odds + self._noise * np.array([_draw(self._seed, request, s).normal() for s in request.suffixes])
        n_for = (n_answers + 1) // 2
        log_probs = np.empty((n_questions, n_answers), dtype=np.float64)
        log_probs[:, :n_for] = (_log_sigmoid(odds) + np.log(ANSWER_MASS / max(n_for, 1)))[:, None]
        log_probs[:, n_for:] = (_log_sigmoid(-odds) + np.log(ANSWER_MASS / max(n_answers - n_for, 1)))[:, None]
        return AnswerScores(log_probs=log_probs, n_prompt_tokens=tokens)

    def _choose(self, request: ProbeRequest, offered: list[list[str]]) -> np.ndarray:
        """Answer multiple-choice questions: a label holds what its option holds among those of its question."""
        names = tuple(dict.fromkeys(name for options in offered for name in options))
        known = dict(zip(names, np.maximum(self._weights(request, names), _TINY), strict=True))
        log_probs = np.full((len(offered), len(request.answers)), np.log((1 - ANSWER_MASS) / 2 / len(request.answers)))
        for row, (suffix, options) in enumerate(zip(request.suffixes, offered, strict=True)):
            odds = self._temperature * np.log([known[name] for name in options])
            if self._noise:
                odds = odds + self._noise * _draw(self._seed, request, suffix).normal(size=len(options))
            log_probs[row, : len(options)] = odds - np.logaddexp.reduce(odds) + np.log(ANSWER_MASS)
        return log_probs

    def _reply(self, request: ProbeRequest, max_tokens: int, sampling: Sampling | None) -> list[Generation]:
        time.sleep(self._delay)
        weights = self._weights(request, request.answers) if request.answers else np.empty(0)
        with np.errstate(divide="ignore"):
            order = np.log(weights)
        if sampling is not None:
            seed = sampling_seed(sampling, json.dumps([request.system, request.prefix, list(request.suffixes)]))
            order = order / sampling.temperature + np.random.default_rng(seed).gumbel(size=len(order))
        text = "\n".join(request.answers[i] for i in ties.order(order, scale=ties.magnitude(order)))
        shortened, cut = _first_words(text, max_tokens)
        return [
            Generation(text=shortened, truncated=cut, n_prompt_tokens=len(f"{request.prefix}{suffix}".split()))
            for suffix in request.suffixes
        ]

    def _weights(self, request: ProbeRequest, options: tuple[str, ...]) -> np.ndarray:
        """Return the distribution that is held over the options of one request."""
        if self._theta is None:
            if self._model == "uniform":
                return np.full(len(options), 1.0 / len(options))
            # Gamma(1) draws, normalised: a flat Dirichlet, and each option's weight is its own.
            drawn = np.array([_draw(self._seed, request, option, "theta").exponential() for option in options])
            return drawn / drawn.sum()
        if callable(self._theta):
            given = self._theta(request.prefix, options)
        else:
            found = [name for name in self._theta if name in request.prefix]
            if len(found) != 1:
                raise ProbeError(f"mocked: {len(found)} keys of theta are in the prompt; exactly one must be")
            given = self._theta[found[0]]
        weights = np.asarray(given, dtype=np.float64)
        if weights.shape != (len(options),) or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
            raise ProbeError(
                f"mocked: theta gives {weights.tolist()} for {len(options)} options; give a weight to each"
            )
        return weights / weights.sum()


@contextmanager
def open_mocked(
    model: str = "uniform",
    *,
    seed: int = 0,
    noise: float = 0.0,
    crash_at: int | None = None,
    delay: float = 0.0,
    temperature: float = 1.0,
    theta: Held | None = None,
) -> Iterator[Session]:
    """Open a mock.

    Parameters
    ----------
    model : str
        ``uniform`` or ``random`` (a flat Dirichlet, drawn from the seed and the prompt). ``embedded``, the word
        of every backend for what it brings along, is ``uniform`` here.
    seed : int
        Of everything that is drawn.
    noise : float
        Standard deviation, in nats, of what is added to the log-odds of each question.
    crash_at : int, optional
        This call of the session, counted from 1, and every later one raises `ProbeError`.
    delay : float
        Seconds that each request takes.
    temperature : float
        The log-odds are `temperature` times the logarithm of what is held; a readout at the same temperature
        gets it back.
    theta : mapping or callable, optional
        The known distribution, instead of `model`: weights by a text in the prefix of one user's prompts, in
        the order of the questions, or a function of (prefix, options).

    Yields
    ------
    Session
        A `MockedSession`, closed at the end of the block.

    Raises
    ------
    ModelLoadError
        The name is not that of a mock.
    InputError
        An option is out of range.

    Examples
    --------
    >>> request = ProbeRequest(prefix="Ann saw Heat. She likes", suffixes=(" Noir?", " War?"), answers=("Yes", "No"))
    >>> with open_mocked(theta={"Heat": [0.8, 0.2]}) as session:
    ...     (answers,) = session.score([request])
    >>> odds = answers.log_probs[:, 0] - answers.log_probs[:, 1]
    >>> (np.exp(odds) / np.exp(odds).sum()).round(12).tolist()
    [0.8, 0.2]
    """
    name = "uniform" if model == "embedded" else model
    if name not in _MODELS:
        raise ModelLoadError(f"mocked: no mock is called {model!r}; known: {', '.join(_MODELS)}")
    if not (noise >= 0 and delay >= 0 and temperature > 0):
        raise InputError(
            f"mocked: noise {noise}, delay {delay}, temperature {temperature}; give them >= 0, >= 0 and > 0"
        )
    session = MockedSession(
        model=name, seed=seed, noise=noise, crash_at=crash_at, delay=delay, temperature=temperature, theta=theta
    )
    try:
        yield session
    finally:
        session.close()


def _draw(seed: int, request: ProbeRequest, *words: str) -> np.random.Generator:
    """Make a generator that belongs to one question: neither batch nor order can change what it draws."""
    text = json.dumps([seed, request.system, request.prefix, *words])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0.0, -x)


def _offered(request: ProbeRequest) -> list[list[str]]:
    """Read the options of multiple-choice questions, ``LABEL. option`` a line; empty where they are none."""
    found = []
    for suffix in request.suffixes:
        lines = dict(line.split(". ", 1) for line in suffix.splitlines() if ". " in line)
        options = [lines[label] for label in request.answers if label in lines]
        if len(options) < 2:
            return []
        found.append(options)
    return found


def _first_words(text: str, count: int) -> tuple[str, bool]:
    """Cut a text after so many words, and tell whether anything was cut."""
    seen, inside = 0, False
    for place, letter in enumerate(text):
        if letter.isspace():
            inside = False
        elif not inside:
            seen, inside = seen + 1, True
            if seen > count:
                return text[:place].rstrip(), True
    return text, False


BACKENDS.add(
    Backend(
        name="mocked",
        open=open_mocked,
        summary="no model: a known distribution, noisy or slow or crashing on request",
        reference="of this package: made for tests and for trying the commands",
    )
)
