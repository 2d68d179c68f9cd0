"""What the backend `server` believes of a server: every reply is checked, and a key is never shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.errors import ModelLoadError, ProbeError
from spectra_eval.probing.backends.server import open_server
from spectra_eval.tables import ProbeRequest
from tests.unit.mutations import edits
from tests.unit.probing.backends.a_server import State

pytest.importorskip("httpx", reason="the extra server is not installed")

REQUEST = ProbeRequest(prefix="user like films", suffixes=(" War ?", " Noir ?"), answers=("Yes", "No", "Maybe"))


def _above_one(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """Give every asked token half of the probability and more."""
    for choice in reply["choices"]:
        logprobs = choice["logprobs"]
        logprobs["token_logprobs"] = [v and max(v, -0.6) for v in logprobs["token_logprobs"]]
        tops = logprobs["top_logprobs"]
        logprobs["top_logprobs"] = [top and {k: max(v, -0.6) for k, v in top.items()} for top in tops]
    return reply


def _cut(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """Say that the prompts were cut."""
    return reply | {"usage": {"prompt_tokens": sum(len(prompt) - 2 for prompt in body["prompt"])}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_above_one, r"sum to .* no log-probabilities.* echo: the probabilities of 2 different tokens sum to"),
        (_cut, r"has read \d+ tokens of prompts for the \d+ that were sent"),
        (lambda body, reply: reply | {"usage": {"prompt_tokens": "all"}}, "has read all tokens of prompts"),
    ],
)
def test_a_server_that_contradicts_itself_is_refused(
    change: Any, said: str, served: tuple[str, State], folder: Path
) -> None:
    served[1].change = change
    with pytest.raises(ModelLoadError, match=said), open_server(url=served[0], tokenizer=str(folder)):
        pass


def test_a_server_that_says_it_has_read_all_is_believed(served: tuple[str, State], folder: Path) -> None:
    for usage in ({"prompt_tokens": None}, {}, None, "none"):
        served[1].change = lambda body, reply, usage=usage: reply | {"usage": usage}
        with open_server(url=served[0], tokenizer=str(folder), route="ids") as session:
            session.score([REQUEST])
    served[1].change = lambda body, reply: reply | {"usage": {"prompt_tokens": sum(map(len, body["prompt"]))}}
    with open_server(url=served[0], tokenizer=str(folder), route="ids", batch=2) as session:
        session.score([REQUEST])
        served[1].change = _cut
        with pytest.raises(ProbeError, match="it cuts or changes them"):
            session.score([REQUEST])


def test_no_reply_of_a_server_is_more_than_an_error(served: tuple[str, State], folder: Path) -> None:
    url, state = served
    one = ProbeRequest(prefix="user", suffixes=("?",), answers=("Yes",))
    tried = 0
    for route in ("ids", "echo"):
        with open_server(url=url, tokenizer=str(folder), route=route, retries=0) as session:
            asks: list[Callable[[], Any]] = [lambda session=session: session.score([one])]
            asks += [lambda session=session: session.generate([one], max_tokens=2)] if route == "ids" else []
            for ask in asks:
                kept: list[Any] = []
                state.change = lambda body, reply, kept=kept: kept.append((body, reply)) or reply
                ask()
                body, reply = kept[0]
                for _, junk in edits(reply | {"usage": {"prompt_tokens": len(body["prompt"][0])}}):
                    state.change = lambda body, reply, junk=junk: junk
                    tried += 1
                    with suppress(ProbeError):
                        ask()
                state.change = lambda body, reply: reply
    for _, junk in edits(state.models):
        state.models = junk
        tried += 1
        with suppress(ModelLoadError), open_server(url=url, tokenizer=str(folder), retries=0):
            pass
    assert tried > 400


def test_a_key_that_a_server_echoes_is_not_shown(
    served: tuple[str, State], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = served
    key = "sk-live-0123456789abcdef"
    monkeypatch.setenv("SPECTRA_SERVER_KEY", key)
    state.models[0] |= {"id": f"tiny {key}", "root": key}
    with open_server(url=url, tokenizer=str(folder)) as session:
        assert state.bodies[-1]["model"] == f"tiny {key}"
        assert session.description["model"] == "tiny [hidden]" and key not in json.dumps(dict(session.description))
        state.refuses, state.words = ("model",), f"{'x' * 280} got 'Bearer {key}'"
        with pytest.raises(ProbeError, match=r"declines \(400\): x+ got 'Bearer \[hi") as caught:
            session.score([REQUEST])
        assert "sk-live" not in str(caught.value)
        state.refuses, state.change = (), lambda body, reply: {"choices": [{**reply["choices"][0], "index": key}]}
        with pytest.raises(ProbeError) as caught:
            session.score([REQUEST])
        assert "sk-live" not in str(caught.value)
    with pytest.raises(ModelLoadError, match=r"it has: tiny \[hidden\]") as caught:
        open_server("other", url=url, tokenizer=str(folder)).__enter__()
    assert "sk-live" not in str(caught.value)
