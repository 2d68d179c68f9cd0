"""Every architecture by every reading, held against a loop of whole prompts without a cache."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts import dg, generative, likelihood, name, reranker
from spectra_eval.tables import ProbeRequest
from tests.zoo import reference
from tests.zoo.animals import ANIMALS, SWITCH, keep_tokenizer, made

torch = pytest.importorskip("torch", reason="the extra hf is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

CATEGORIES = ("War", "Film noir of the forties", "Musical")
HISTORIES = (("Heat",), ("Ran", "Brazil (1985)"))
NAIVE = {"rwkv", "xlstm"}
"""Those whose state cannot be copied, or is wrong in the library itself."""
QUICK = ("llama, tied", "phi3, long rope", "gemma2", "bloom", "minimax", "mamba", "bamba")
SLOW = [animal for animal in ANIMALS if animal not in QUICK]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@contextmanager
def opened(folder: Path, model: Any, **options: Any) -> Iterator[Any]:
    model.save_pretrained(folder)
    keep_tokenizer(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_backend("hf", model=str(folder), **options) as session:
            yield session


def asked(session: Any) -> list[ProbeRequest]:
    requests = [likelihood.ask(history, CATEGORIES) for history in HISTORIES]
    requests += [
        generative.ask(HISTORIES[0], CATEGORIES, labels=session.labels(3), orders=2),
        name.ask(HISTORIES[0], CATEGORIES),
        reranker.ask(HISTORIES[1], CATEGORIES),
    ]
    return requests


def held(session: Any, oracle: Any, requests: list[ProbeRequest]) -> None:
    prompter = session._prompter
    for request, found in zip(requests, session.score(requests), strict=True):
        wanted = reference.scores(oracle, prompter.prompts(request), prompter.answer_tokens(request.answers))
        np.testing.assert_allclose(found.log_probs, wanted, rtol=0, atol=1e-4)


def lists_held(session: Any, oracle: Any) -> None:
    requests = [dg.ask(history, CATEGORIES, list_length=2) for history in (*HISTORIES, HISTORIES[0] * 3)]
    for request, (found,) in zip(requests, session.generate(requests, max_tokens=9), strict=True):
        (prompt,) = session._prompter.prompts(request)
        wanted = reference.reply(oracle, prompt, tokens=9, stop=2)
        assert found.text == session._tokenizer.decode(wanted, skip_special_tokens=True)


def every_reading(animal: str, folder: Path) -> None:
    oracle = made(animal, attention="sdpa" if animal.startswith("falcon,") else "eager")
    with opened(folder, made(animal), batch=2) as session:
        assert (session.description["strategy"] == "naive") == (animal in NAIVE)
        requests = asked(session)
        held(session, oracle, requests)
        lists_held(session, oracle)
        session._chunk = 9
        held(session, oracle, requests[:1])
        if "long rope" in animal:
            sizes = {len(prompt) > SWITCH for prompt in session._prompter.prompts(requests[0])}
            assert sizes == {False, True}, "the prompts of one request lie on both sides"


@pytest.mark.parametrize("animal", QUICK)
def test_every_reading_of_some_models(animal: str, tmp_path: Path) -> None:
    every_reading(animal, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("animal", SLOW)
def test_every_reading_of_all_other_models(animal: str, tmp_path: Path) -> None:
    every_reading(animal, tmp_path)


def test_the_zoo_is_large() -> None:
    assert len({kind for kind, _ in ANIMALS.values()}) >= 60


def test_a_cache_that_is_wrong_is_not_used_and_that_is_said(tmp_path: Path) -> None:
    made("rwkv").save_pretrained(tmp_path)
    keep_tokenizer(tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with open_backend("hf", model=str(tmp_path)) as session:
            lists_held(session, made("rwkv"))
    words = [str(one.message) for one in said if "lists are decoded slowly" in str(one.message)]
    assert len(words) == 1 and "--no-dg" in words[0] and "nats" in words[0]


def test_a_former_name_of_a_strategy_is_taken(tmp_path: Path) -> None:
    with opened(tmp_path, made("gemma2"), strategy="shared") as session:
        assert session.description["strategy"] == "repeated"
