"""A small server of completions on the loopback address, and the tokenizer of its model; nothing leaves the machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["END", "WORDS", "State", "log_probs", "serving", "waits", "write_tokenizer"]

WORDS = ["<unk>", "<end>", "Yes", "No", "Maybe", "films", "like", "War", "Noir", "user", "?", "[Q]", "[A]"]
END = WORDS.index("<end>")


def waits() -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Return a list of the waits that were asked for, and a wait that takes no time."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    return waited, wait


def log_probs(ids: list[int]) -> np.ndarray:
    logits = np.random.default_rng(ids).normal(0, 3, len(WORDS))
    return logits - np.log(np.exp(logits).sum())


class State:
    """What a fake server does, and what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.busy = 0
        self.change: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda body, reply: reply
        self.refuses: tuple[str, ...] = ()
        self.words = ""
        self.models: Any = [{"id": "tiny", "root": "/somewhere/tiny", "max_model_len": 64, "created": 5}]


class _Handler(BaseHTTPRequestHandler):
    state: State

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _give(self, code: int, value: Any, **headers: str) -> None:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self.state.keys.append(self.headers.get("Authorization"))
        if self.path == "/v1/models":
            self._give(200, {"data": self.state.models})
        elif self.path == "/version":
            self._give(200, {"version": "1.2.3"})
        elif self.path == "/away/models":
            self._give(302, {}, Location="/v1/models")
        elif self.path == "/text/models":
            self._give(200, b"<html>")
        else:
            self._give(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.state.busy:
            self.state.busy -= 1
            return self._give(503, {"error": "busy"})
        self.state.bodies.append(body)
        for word in self.state.refuses:
            if body.get(word):
                return self._give(400, {"error": {"message": self.state.words or f"unknown argument {word}\nand more"}})
        choices = [{"index": i, "logprobs": self._one(ids, body)} for i, ids in enumerate(body["prompt"])]
        return self._give(200, self.state.change(body, {"choices": choices[::-1]}))

    def _one(self, prompt: list[int], body: dict[str, Any]) -> dict[str, Any]:
        shown, values = [], []
        if body.get("echo"):
            shown = list(prompt)
            values = [None, *(float(log_probs(prompt[:i])[prompt[i]]) for i in range(1, len(prompt)))]
        tops: list[Any] = [None] * len(shown)
        written = list(prompt)
        for _ in range(body["max_tokens"]):
            row = log_probs(written)
            best = int(row.argmax())
            written.append(best)
            shown.append(best)
            values.append(float(row[best]))
            tops.append({f"token_id:{i}": float(row[i]) for i in [best, *body.get("logprob_token_ids", [])]})
            if best in body.get("stop_token_ids", []):
                break
        return {"tokens": [f"token_id:{i}" for i in shown], "token_logprobs": values, "top_logprobs": tops}


@contextmanager
def serving() -> Iterator[tuple[str, State]]:
    state = State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_tokenizer(place: Path, opening: str = "") -> None:
    """Write the tokenizer of the words; its chat template begins with an opening."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<end>",
        additional_special_tokens=["[Q]", "[A]"],
        chat_template=opening
        + "{% for m in messages %}{% if m.role == 'assistant' %}[A]{{ m.content }}"
        + "{% else %}[Q] {{ m.content }} {% endif %}{% endfor %}{% if add_generation_prompt %}[A]{% endif %}",
    )
    tokenizer.save_pretrained(place)
