"""Models behind an OpenAI-compatible completions endpoint that returns chosen log-probabilities.

Prompts are sent as token ids, so that they are those of the other backends: the tokenizer is on this
machine. Two routes are known: ``ids`` (the answers are requested by id, as ``vllm serve`` takes them) and
``echo`` (each answer is sent as the end of the prompt, and its own log-probability is read from the echo).
A server that offers neither is refused when it is opened, and each response is checked again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends._base import BACKENDS, Backend, Session, sampling_seed
from spectra_eval.probing.backends._hf_load import find_folder
from spectra_eval.probing.backends._prompted import PromptedSession, Question, check_mass, load_tokenizer, stop_tokens
from spectra_eval.probing.backends._server_client import Client
from spectra_eval.redaction import redacted
from spectra_eval.tables import ProbeRequest, Sampling

__all__ = ["ServerSession", "open_server"]

ROUTES = ("ids", "echo")
_MOST_IDS = 128
"""Most ids that vLLM takes in one request."""
_LOWEST = -9998.0
"""vLLM writes -9999 where a log-probability is minus infinity: JSON knows no such number."""
_SLACK = 1e-3
_CHECK = ProbeRequest(prefix="Is water wet? Answer Yes or No.", suffixes=("", " Please."), answers=("Yes", "No"))
_GREEDY = {
    "temperature": 0,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "n": 1,
    "stream": False,
}
"""Said in full, because a server may have other settings of its own."""


class ServerSession(PromptedSession):
    """A server that returns chosen log-probabilities; made by `open_server`.

    Parameters
    ----------
    client : Client
        The connections.
    model : str
        The name of the model on the server.
    route : str
        One of `ROUTES`, or ``auto``.
    batch : int
        Most prompts in one request.
    vocabulary : int
        The number of tokens that the tokenizer knows.
    **known : object
        Tokenizer, context limit, stop tokens and description.
    """

    def __init__(self, client: Client, *, model: str, route: str, batch: int, vocabulary: int, **known: Any) -> None:
        super().__init__(**known)
        self._client: Client | None = client
        self._model = model
        self._route = route
        self._batch = batch
        # No model's best token has less than a uniform share; twice, for heads are padded past the vocabulary.
        self._lowest_best = -math.log(2 * vocabulary)

    def settle(self) -> None:
        """Find a route that this server takes.

        Raises
        ------
        ModelLoadError
            There is none: the server cannot return the requested tokens.
        """
        why = []
        for route in ROUTES if self._route == "auto" else (self._route,):
            self._route = route
            try:
                self.score([_CHECK])
            except ProbeError as error:
                why.append(f"{route}: {error}")
            else:
                self._description["route"] = route
                return
        raise ModelLoadError(
            f"{redacted(self._model)}: this server cannot return chosen log-probabilities ({'; '.join(why)})"
        )

    def close(self) -> None:
        """Close all connections and make further calls raise an error."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _read(self, questions: Sequence[Question]) -> list[list[float]]:
        return self._by_id(questions) if self._route == "ids" else self._by_echo(questions)

    def _by_id(self, questions: Sequence[Question]) -> list[list[float]]:
        found: list[list[float]] = [[] for _ in questions]
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, (_, answers) in enumerate(questions):
            for first in range(0, len(answers), _MOST_IDS):
                groups.setdefault(tuple(answers[first : first + _MOST_IDS]), []).append(i)
        for ids, places in groups.items():
            fields = {
                "max_tokens": 1,
                "logprobs": 1,
                "logprob_token_ids": list(ids),
                "return_tokens_as_token_ids": True,
            }
            replies = self._request_all([questions[i][0] for i in places], fields)
            for i, reply in zip(places, replies, strict=True):
                found[i] += self._chosen(reply, ids)
        return found

    def _chosen(self, reply: Mapping[str, Any], ids: Sequence[int]) -> list[float]:
        """Return the values of the requested ids, and check that they are log-probabilities."""
        log_probs = _first(reply, "top_logprobs")
        best = _first(reply, "token_logprobs")
        if not isinstance(log_probs, dict):
            raise ProbeError("the server returns no log-probabilities")
        check_mass([float(max(_LOWEST, min(value, 1))) for value in log_probs.values() if _number(value)])
        missing = [i for i in ids if f"token_id:{i}" not in log_probs]
        if missing:
            raise ProbeError(f"the server did not return the tokens {missing[:5]} that were requested by id")
        if not _number(best) or not self._lowest_best <= best <= _SLACK:
            raise ProbeError(f"the server's best token has {_short(best)}, no log-probability; let it use raw_logprobs")
        return [_checked(log_probs[f"token_id:{i}"]) for i in ids]

    def _by_echo(self, questions: Sequence[Question]) -> list[list[float]]:
        flat = [[*prompt, i] for prompt, answers in questions for i in answers]
        replies = iter(self._request_all(flat, {"max_tokens": 1, "logprobs": 1, "echo": True}))
        return [[_last(next(replies), len(prompt)) for _ in answers] for prompt, answers in questions]

    def _write(self, prompts: Sequence[list[int]], max_tokens: int, sampling: Sampling | None) -> list[list[int]]:
        fields: dict[str, Any] = {
            "max_tokens": max_tokens,
            "logprobs": 1,
            "return_tokens_as_token_ids": True,
            "stop_token_ids": sorted(self._stop),
            "repetition_penalty": 1,
        }
        if sampling is None:
            replies = self._request_all(prompts, fields)
        else:  # a seed of its own for each prompt, so that the batch leaves no trace: one request a prompt
            drawn = {"temperature": sampling.temperature, "top_k": 0, "min_p": 0}
            bodies = [{**fields, **drawn, "seed": sampling_seed(sampling, prompt)} for prompt in prompts]
            replies = self._send([([prompt], body) for prompt, body in zip(prompts, bodies, strict=True)])
        written = []
        for reply in replies:
            logprobs = reply.get("logprobs")
            names = logprobs.get("tokens") if isinstance(logprobs, dict) else None
            if not isinstance(names, list):
                raise ProbeError("the server returns no tokens; it cannot generate responses")
            written.append([_token_id(name) for name in names])
        return written

    def _request_all(self, prompts: Sequence[list[int]], fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        parts = [list(prompts[first : first + self._batch]) for first in range(0, len(prompts), self._batch)]
        return self._send([(part, fields) for part in parts])

    def _send(self, requests: Sequence[tuple[Sequence[list[int]], Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
        if self._client is None:
            raise ProbeError("server: the session is closed; ask inside its with block")
        bodies = [{"model": self._model, "prompt": list(some), **_GREEDY, **fields} for some, fields in requests]
        return [choice for choices in self._client.complete(bodies) for choice in choices]


@contextmanager
def open_server(
    model: str = "embedded",
    *,
    url: str = "http://127.0.0.1:8000/v1",
    tokenizer: str = "embedded",
    download: bool = False,
    route: str = "auto",
    batch: int = 64,
    timeout: float | int = 600.0,
    concurrent: int = 8,
    rate: float | int | None = None,
    retries: int = 4,
    key_variable: str = "SPECTRA_SERVER_KEY",
) -> Iterator[Session]:
    """Open a server session; raise an error if the server cannot return the requested tokens.

    Parameters
    ----------
    model : str
        Its name on the server. ``embedded``, the word of every backend for what it brings along, is the only
        model of a server that has one.
    url : str
        Where the API begins, with its version, as in the default.
    tokenizer : str
        The model's own tokenizer: ``embedded``, a model folder, a GGUF file, or a hub name. A wrong one is not
        noticed by the server, for ids are ids.
    download : bool
        Let a hub name of the tokenizer be fetched over the network.
    route : str
        ``ids``, ``echo``, or ``auto`` for the first of the two that works. ``echo`` sends each prompt once an answer.
    batch : int
        Most prompts in one request.
    timeout : float
        Seconds until one request must be answered whole.
    concurrent : int
        Most requests at once; the results do not depend on it.
    rate : float, optional
        Most requests a second; no limit when not given.
    retries : int
        Further attempts when the server is busy or the connection breaks. The wait grows, and is the one that the
        server asks for where it does.
    key_variable : str
        Environment variable with the server's key, where it asks for one.

    Yields
    ------
    Session
        With `context_limit` and `count_tokens` beside what every session has.

    Raises
    ------
    BackendUnavailable
        The extra ``server``, which holds the tokenizers too, is not installed.
    ModelLoadError
        The server cannot be reached, has no such model, or cannot return chosen tokens.
    InputError
        An option is out of range.

    Examples
    --------
    The first block needs a server.

    >>> with open_server("my-model", url="http://127.0.0.1:8000/v1", tokenizer="my-model") as session:  # doctest: +SKIP
    ...     session.description["route"]
    'ids'
    >>> with open_server(route="chat"):
    ...     pass
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: route: 'chat' is none of auto, ids, echo
    """
    if route not in ("auto", *ROUTES):
        raise InputError(f"route: {route!r} is none of auto, {', '.join(ROUTES)}")
    if batch < 1:
        raise InputError(f"batch: {batch} is below 1")
    key = os.environ.get(key_variable, "")
    with Client(url, key=key, timeout=timeout, concurrent=concurrent, rate=rate, retries=retries) as client:
        yield from _opened(client, model, url, tokenizer, route, batch, download=download)


def _opened(
    client: Client, model: str, url: str, tokenizer: str, route: str, batch: int, *, download: bool
) -> Iterator[Session]:
    here = Path(tokenizer).expanduser()  # a folder of a tokenizer alone will do: no weights are read
    folder, tokenizer_name = (here, here.resolve().name) if here.is_dir() else find_folder(tokenizer, download=download)
    loaded = load_tokenizer(folder)
    try:
        served = _pick(client.models(), model)
    except ProbeError as error:
        raise ModelLoadError(f"{'server' if model == 'embedded' else model} at {url}: {error}") from error
    limit = served.get("max_model_len")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ModelLoadError(f"{model} at {url}: the server says max_model_len {_short(limit)}, no length")
    served_facts = {key: served[key] for key in ("id", "root", "owned_by", "max_model_len") if key in served}
    description = {
        "backend": "server",
        "model": redacted(served["id"]),
        # What a server says of itself: the weights behind it cannot be seen from here.
        "model_digest": hashlib.sha256(json.dumps(served_facts, sort_keys=True).encode()).hexdigest(),
        "dtype": "unknown",
        "tokenizer": tokenizer_name,
        "versions": {"server": client.version() or "unknown", "transformers": version("transformers")},
    }
    session = ServerSession(
        client,
        model=served["id"],
        route=route,
        batch=batch,
        vocabulary=len(loaded),
        tokenizer=loaded,
        context_limit=limit,
        stop=stop_tokens(folder, loaded),
        description=description,
    )
    session.settle()
    try:
        yield session
    finally:
        session.close()


def _pick(listed: Sequence[Mapping[str, Any]], model: str) -> Mapping[str, Any]:
    names = [redacted(item["id"]) for item in listed]
    if model == "embedded" and len(listed) == 1:
        return listed[0]
    if model not in names:
        known = ", ".join(names) or "none"
        many = f"name one of: {known}" if model == "embedded" else f"the server has no model {model!r}; it has: {known}"
        raise ProbeError(many)
    return listed[names.index(model)]


def _first(reply: Mapping[str, Any], key: str) -> Any:
    """Return the value of the first generated token, or None."""
    logprobs = reply.get("logprobs")
    values = logprobs.get(key) if isinstance(logprobs, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _last(reply: Mapping[str, Any], place: int) -> float:
    """Return the log-probability of the token at a place of the echo."""
    logprobs = reply.get("logprobs")
    values = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    # The prompt, the answer, and at most the one token that was written after it.
    if not isinstance(values, list) or len(values) - place not in (1, 2):
        raise ProbeError("the server does not echo the prompt with a log-probability a token")
    return _checked(values[place])


def _checked(value: Any) -> float:
    if not _number(value) or not _LOWEST < value <= _SLACK:
        raise ProbeError(f"the server gives {_short(value)} for an answer, no log-probability; let it use raw_logprobs")
    return float(value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return redacted(str(value))[:40]


def _token_id(name: Any) -> int:
    if isinstance(name, str) and re.fullmatch("token_id:[0-9]{1,9}", name):
        return int(name[9:])
    raise ProbeError("the server does not return the ids of the tokens it wrote; it cannot generate responses")


BACKENDS.add(
    Backend(
        name="server",
        open=open_server,
        summary="models behind an OpenAI-compatible completions endpoint that returns chosen log-probabilities",
        reference="vLLM, `vllm serve`: the completions API with logprob_token_ids",
        extra="server",
    )
)
