"""The backend `server` against a small server of our own on the loopback address; nothing leaves the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends import BACKENDS
from spectra_eval.probing.backends._hf_tokens import Prompter
from spectra_eval.probing.backends._prompted import load_tokenizer
from spectra_eval.probing.backends._server_client import Client
from spectra_eval.probing.backends.server import open_server
from spectra_eval.tables import ProbeRequest, Sampling
from tests.unit.probing.backends.a_server import END, WORDS, State, log_probs, serving, waits

pytest.importorskip("httpx", reason="the extra server is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

REQUEST = ProbeRequest(prefix="user like films", suffixes=(" War ?", " Noir ?", " ?"), answers=("Yes", "No", "Maybe"))


def _expected(folder: Path, request: ProbeRequest) -> np.ndarray:
    prompter = Prompter(load_tokenizer(folder))
    ids = prompter.answer_ids(request.answers)
    return np.stack([log_probs(prompt)[ids] for prompt in prompter.prompts(request)])


@pytest.mark.parametrize("route", ["ids", "echo"])
def test_a_route_gives_the_log_probabilities_of_the_answers(
    route: str, served: tuple[str, State], folder: Path
) -> None:
    url, state = served
    with open_server(url=url, tokenizer=str(folder), route=route, batch=2) as session:
        (scores,) = session.score([REQUEST])
        np.testing.assert_allclose(scores.log_probs, _expected(folder, REQUEST), rtol=0, atol=1e-12)
        assert scores.n_prompt_tokens.tolist() == [7, 7, 6]
        assert session.description["route"] == route
    assert max(len(body["prompt"]) for body in state.bodies) == 2
    assert all(body["temperature"] == 0 and body["model"] == "tiny" for body in state.bodies)


def test_requests_of_different_answers_come_back_each_in_its_place(served: tuple[str, State], folder: Path) -> None:
    other = ProbeRequest(prefix="films", suffixes=(" ?",), answers=("No", "Yes"))
    with open_server(url=served[0], tokenizer=str(folder)) as session:
        for asked in (
            [REQUEST, other],
            [other, REQUEST],
            [other, ProbeRequest(prefix="", suffixes=(), answers=("No",))],
        ):
            for request, scores in zip(asked, session.score(asked), strict=True):
                assert scores.log_probs.shape == (len(request.suffixes), len(request.answers))
                if request.suffixes:
                    np.testing.assert_allclose(scores.log_probs, _expected(folder, request), rtol=0, atol=1e-12)


@pytest.mark.parametrize("route", ["ids", "echo"])
def test_an_answer_of_several_tokens_has_their_sum(route: str, served: tuple[str, State], folder: Path) -> None:
    request = ProbeRequest(prefix="user", suffixes=(" War", " Noir"), answers=("Yes No Yes", "Yes", "No", "Yes Maybe"))
    with open_server(url=served[0], tokenizer=str(folder), route=route) as session:
        (scores,) = session.score([request])
    prompts = Prompter(load_tokenizer(folder)).prompts(request)
    for prompt, row in zip(prompts, scores.log_probs, strict=True):
        for answer, value in zip(request.answers, row, strict=True):
            ids = [WORDS.index(word) for word in answer.split()]
            expected = sum(log_probs([*prompt, *ids[:k]])[i] for k, i in enumerate(ids))
            assert value == pytest.approx(expected, abs=1e-12)
    assert scores.n_prompt_tokens.tolist() == [len(prompt) for prompt in prompts]


def test_a_server_without_ids_is_asked_by_echo(served: tuple[str, State], folder: Path) -> None:
    served[1].refuses = ("logprob_token_ids",)
    with open_server(url=served[0], tokenizer=str(folder)) as session:
        assert session.description["route"] == "echo"


def _top_only(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """Return the written token alone, and no echo: as most servers do."""
    for choice in reply["choices"]:
        logprobs = choice["logprobs"]
        last = {key: values[-1:] for key, values in logprobs.items()}
        last["top_logprobs"] = [{last["tokens"][0]: last["token_logprobs"][0]}]
        choice["logprobs"] = last
    return reply


def _raw_logits(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    for choice in reply["choices"]:
        logprobs = choice["logprobs"]
        logprobs["token_logprobs"] = [v and v + 20 for v in logprobs["token_logprobs"]]
        logprobs["top_logprobs"] = [top and {k: v + 20 for k, v in top.items()} for top in logprobs["top_logprobs"]]
    return reply


def _one_missing(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    return {"choices": reply["choices"][1:]}


def _nothing(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{**choice, "logprobs": None} for choice in reply["choices"]]}


def _infinite(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    for choice in reply["choices"]:
        logprobs = choice["logprobs"]
        logprobs["token_logprobs"] = [-9999.0 for _ in logprobs["token_logprobs"]]
    return reply


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_top_only, "did not return the tokens .* does not echo"),
        (_raw_logits, "let it use raw_logprobs"),
        (_one_missing, "1 completions for 2 prompts"),
        (_nothing, "returns no log-probabilities"),
        (_infinite, "no log-probability"),
        (lambda body, reply: [reply], "not a JSON object"),
        (lambda body, reply: b"not json", "not JSON"),
        (lambda body, reply: {"choices": [{"text": ""}]}, "no index"),
    ],
)
def test_a_server_that_cannot_return_chosen_tokens_is_refused(
    change: Any, said: str, served: tuple[str, State], folder: Path
) -> None:
    served[1].change = change
    with pytest.raises(ModelLoadError, match=said), open_server(url=served[0], tokenizer=str(folder)):
        pass


def test_a_token_that_is_missing_later_is_an_error(served: tuple[str, State], folder: Path) -> None:
    with open_server(url=served[0], tokenizer=str(folder), route="ids") as session:
        served[1].change = _top_only
        with pytest.raises(ProbeError, match="did not return the tokens"):
            session.score([REQUEST])


def test_replies_are_greedy_and_end_where_the_model_ends(served: tuple[str, State], folder: Path) -> None:
    prompter = Prompter(load_tokenizer(folder))
    asked = ProbeRequest(prefix="user", suffixes=tuple(f" {word}" for word in WORDS[2:11]))
    with open_server(url=served[0], tokenizer=str(folder)) as session:
        (replies,) = session.generate([asked], max_tokens=6)
    kinds = set()
    for prompt, reply in zip(prompter.prompts(asked), replies, strict=True):
        written: list[int] = []
        while len(written) < 6 and written[-1:] != [END]:
            written.append(int(log_probs(prompt + written).argmax()))
        ended = written[-1] == END
        kinds.add(ended)
        text = [WORDS[i] for i in written if WORDS[i] not in ("<end>", "[Q]", "[A]")]
        assert (reply.text.split(), reply.truncated, reply.n_prompt_tokens) == (text, not ended, len(prompt))
    assert kinds == {True, False}, "both kinds of end are wanted here"


def test_a_busy_server_is_asked_again_and_a_key_is_sent_not_shown(
    served: tuple[str, State], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = served
    waited, wait = waits()
    with Client(url, retries=2, wait=wait, jitter=lambda: 1.0) as client:
        state.busy = 2
        assert len(client.complete([{"prompt": [[1]], "max_tokens": 1}])[0]) == 1 and waited == [0.5, 1.0]
        state.busy = 3
        with pytest.raises(ProbeError, match=r"declines \(503\): busy"):
            client.complete([{"prompt": [[1]], "max_tokens": 1}])
        state.busy = 0
    monkeypatch.setenv("A_KEY", "hush")
    with open_server(url=url, tokenizer=str(folder), key_variable="A_KEY") as session:
        assert state.keys[-1] == "Bearer hush" and "hush" not in json.dumps(dict(session.description))


def test_the_record_says_what_the_server_says_of_itself(served: tuple[str, State], folder: Path) -> None:
    url, state = served
    found = []
    for created in (5, 6):
        state.models[0]["created"] = created
        with BACKENDS["server"].open(url=url, tokenizer=str(folder)) as session:
            found.append(dict(session.description))
    assert found[0] == found[1], "a restart changes nothing"
    assert found[0]["model"] == "tiny" and found[0]["versions"]["server"] == "1.2.3"
    assert len(found[0]["model_digest"]) == len(found[0]["chat_template_digest"]) == 64


def test_models_are_picked_by_name(served: tuple[str, State], folder: Path) -> None:
    url, state = served
    with (
        pytest.raises(ModelLoadError, match="no model 'other'; it has: tiny"),
        open_server("other", url=url, tokenizer=str(folder)),
    ):
        pass
    state.models = [{"id": "one"}, {"id": "two"}]
    with pytest.raises(ModelLoadError, match="name one of: one, two"), open_server(url=url, tokenizer=str(folder)):
        pass
    with open_server("two", url=url, tokenizer=str(folder)) as session:
        assert session.description["model"] == "two" and session.context_limit is None


def test_a_prompt_past_the_context_of_the_server_is_refused(served: tuple[str, State], folder: Path) -> None:
    with open_server(url=served[0], tokenizer=str(folder)) as session:
        assert session.context_limit == 64
        with pytest.raises(ProbeError, match="show fewer titles"):
            session.score([ProbeRequest(prefix="user " * 62, suffixes=("?",), answers=("Yes",))])
    with pytest.raises(ProbeError, match="closed"):
        session.score([REQUEST])


def test_what_cannot_be_asked_is_said(served: tuple[str, State], folder: Path) -> None:
    with open_server(url=served[0], tokenizer=str(folder)) as session:
        with pytest.raises(ProbeError, match="name the answers"):
            session.score([ProbeRequest(prefix="user", suffixes=("?",))])
        with pytest.raises(ProbeError, match="the same token"):
            session.score([ProbeRequest(prefix="user", suffixes=("?",), answers=("Yes", "Yes"))])
        with pytest.raises(InputError, match="max_tokens"):
            session.generate([REQUEST], max_tokens=0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///etc/passwd", "no http or https"),
        ("127.0.0.1:8000", "no http or https"),
        ("http://", "no http or https"),
        ("http://[::1", "is no address"),
        ("http://me:secret@127.0.0.1/v1", "a key comes from the environment"),
    ],
)
def test_an_address_is_checked(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Client(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_none_is_said_to_be_none(served: tuple[str, State]) -> None:
    root = served[0].removesuffix("/v1")
    for path, said in [("/away", r"declines \(302\)"), ("/text", "not JSON"), ("/else", r"\(404\): no such page")]:
        with pytest.raises(ProbeError, match=said), Client(root + path) as client:
            client.models()
    with serving() as (gone, _):
        pass
    waited, wait = waits()
    with pytest.raises(ProbeError, match="no answer from"), Client(gone, retries=1, wait=wait) as client:
        client.models()
    assert len(waited) == 1 and 0.25 <= waited[0] <= 0.5


@pytest.mark.parametrize("options", [{"route": "top"}, {"batch": 0}, {"timeout": 0.0}])
def test_options_are_checked_before_anything_is_asked(options: dict[str, Any]) -> None:
    with pytest.raises(InputError), open_server(url="http://127.0.0.1:1/v1", **options):
        pass


def test_a_drawn_reply_has_a_seed_of_its_own_for_each_prompt(served: tuple[str, State], folder: Path) -> None:
    url, state = served
    asked = ProbeRequest(prefix="user", suffixes=(f" {WORDS[2]}", f" {WORDS[3]}"))
    with open_server(url=url, tokenizer=str(folder)) as session:
        before = len(state.bodies)
        session.generate([asked], max_tokens=3, sampling=Sampling(temperature=0.5, seed=4))
        sent = state.bodies[before:]
        session.generate([asked], max_tokens=3, sampling=Sampling(temperature=0.5, seed=4))
    again = state.bodies[before + 2 :]
    assert [body["temperature"] for body in sent] == [0.5, 0.5] and [len(body["prompt"]) for body in sent] == [1, 1]
    assert sent[0]["seed"] != sent[1]["seed"]
    assert {str(body["prompt"]): body["seed"] for body in sent} == {str(b["prompt"]): b["seed"] for b in again}
