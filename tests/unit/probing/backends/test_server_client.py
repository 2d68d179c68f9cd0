"""The client of a server against sockets that drip, stop, lie and say when to come back, on the loopback address."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing.backends import _server_client
from tests.unit.probing.backends.a_server import waits

pytest.importorskip("httpx", reason="the extra server is not installed")
Client = _server_client.Client
JSON = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
MODELS = json.dumps({"data": [{"id": "tiny"}]})
Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve each connection with a function of the socket and the request, at most 200 of them."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += connection.recv(65536)
            head, body = raw.split(b"\r\n\r\n", 1)
            sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            while sizes and len(body) < int(sizes[0].split(b":")[1]):
                body += connection.recv(65536)
            answer(connection, head + b"\r\n\r\n" + body)

    def accept() -> None:
        for _ in range(200):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(10)
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def say(text: str) -> Answer:
    return lambda connection, _: connection.sendall(text.encode())


def page(body: str, status: str = "200 OK", *more: str) -> str:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", "Connection: close", *more]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def drip(start: str) -> Answer:
    """Say a start, then a letter every fiftieth second, for at most ten seconds or until nobody listens."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start.encode())
        for _ in range(500):
            connection.sendall(b"a")
            time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drip(f"{JSON}Content-Length: 1000\r\n\r\n"),
        drip(f"{JSON}X-Slow: "),
        drip("HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n"),
        drip(""),
    ],
    ids=["body", "header", "error", "status"],
)
def test_a_deadline_holds_for_the_whole_request(answer: Answer) -> None:
    waited, wait = waits()
    with serving(answer) as url, Client(url, timeout=0.3, wait=wait) as client:
        with pytest.raises(ProbeError, match=r"no (whole )?answer from .*"):
            client.models()
    assert len(waited) <= 4


def test_a_reply_is_limited_and_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server_client, "_MOST_BYTES", 1 << 20)
    for text in (page("x" * (1 << 20) + "x"), f"{JSON}\r\n" + "x" * (1 << 21)):
        with serving(say(text)) as url, Client(url, retries=0) as client, pytest.raises(ProbeError, match="than 1 MiB"):
            client.models()
    packed = page("anything", "200 OK", "Content-Encoding: gzip")
    with serving(say(packed)) as url, Client(url) as client, pytest.raises(ProbeError, match="compresses its response"):
        client.models()
    with serving(say(page("e" * 100_000, "400 No"))) as url, Client(url) as client:
        with pytest.raises(ProbeError, match=r"declines \(400\): e{300}$"):
            client.models()


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a": NaN}', '{"a": 1' + "0" * 6000 + "}", "\ud800", '{"a":1,"a":2}'])
def test_a_reply_that_json_does_not_allow_is_refused(body: str) -> None:
    raw = body.encode("utf-8", "surrogatepass")
    head = f"{JSON}Content-Length: {len(raw)}\r\n\r\n".encode()
    with serving(lambda connection, _: connection.sendall(head + raw)) as url, Client(url, retries=0) as client:
        with pytest.raises(ProbeError, match="not JSON"):
            client.models()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        f"{JSON}Content-Length: 50\r\n\r\n{{",
        f"{JSON}Content-Length: x\r\n\r\n",
    ],
)
def test_what_the_library_raises_is_one_error_of_ours(text: str) -> None:
    waited, wait = waits()
    with serving(say(text)) as url, Client(url, retries=1, wait=wait) as client:
        with pytest.raises(ProbeError, match="no answer from http://127"):
            client.models()
    assert len(waited) == 1


def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    later = email.utils.formatdate(time.time() + 100, usegmt=True)
    for told, least, most in (("7", 7, 7), ("0", 0, 0), (later, 90, 100), ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0)):
        texts = [page("busy", "429 Too many", f"Retry-After: {told}"), page(MODELS)]
        waited, wait = waits()
        with serving(lambda connection, _, t=texts: connection.sendall(t.pop(0).encode())) as url:
            with Client(url, wait=wait) as client:
                assert client.models() == [{"id": "tiny"}]
        assert len(waited) == 1 and least <= waited[0] <= most
    waited, wait = waits()
    busy = page("busy", "503 Busy", "Retry-After: 86400")
    with serving(say(busy)) as url, Client(url, wait=wait) as client:
        with pytest.raises(ProbeError, match="asks for a retry after 86400 s, past the timeout"):
            client.models()
    assert not waited


def test_waits_grow_and_differ() -> None:
    found = []
    for part in (0.0, 0.999):
        waited, wait = waits()
        with serving(say(page("busy", "503 Busy", "Retry-After: soon"))) as url:
            with Client(url, retries=3, wait=wait, jitter=lambda part=part: part) as client:
                with pytest.raises(ProbeError, match=r"declines \(503\): busy"):
                    client.models()
        found.append(waited)
    assert found[0] == [0.25, 0.5, 1.0] and all(low < high for low, high in zip(*found, strict=True))


class Counting:
    """Completions that are answered last first: each waits until as many as are allowed stand in the house."""

    def __init__(self, at_once: int) -> None:
        self.barrier = threading.Barrier(at_once)
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def __call__(self, connection: socket.socket, raw: bytes) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.barrier.wait(10)
        prompts = json.loads(raw.split(b"\r\n\r\n", 1)[1])["prompt"]
        with self.lock:
            self.inside -= 1
        choices = [{"index": i, "text": str(prompt[0])} for i, prompt in enumerate(prompts)]
        connection.sendall(page(json.dumps({"choices": choices[::-1]})).encode())


@pytest.mark.parametrize("at_once", [1, 4])
def test_requests_are_sent_at_once_and_answers_keep_their_order(at_once: int) -> None:
    house = Counting(at_once)
    bodies = [{"prompt": [[10 * i], [10 * i + 1]]} for i in range(8)]
    with serving(house) as url, Client(url, concurrent=at_once) as client:
        found = client.complete(bodies)
    assert [[choice["text"] for choice in some] for some in found] == [[str(10 * i), str(10 * i + 1)] for i in range(8)]
    assert house.most == at_once


def test_one_refusal_ends_the_others() -> None:
    def answer(connection: socket.socket, raw: bytes) -> None:
        if b"[[0]]" in raw:
            connection.sendall(page("no", "400 No").encode())
        else:
            connection.recv(1)  # until the client goes

    with serving(answer) as url, Client(url, concurrent=3) as client, pytest.raises(ProbeError, match="declines"):
        client.complete([{"prompt": [[i]]} for i in range(3)])


def test_a_rate_spreads_requests() -> None:
    waited, wait = waits()
    with serving(say(page(MODELS))) as url, Client(url, rate=0.01, wait=wait) as client:
        for _ in range(3):
            client.models()
    assert len(waited) == 2 and 90 < waited[0] <= 100 and 190 < waited[1] <= 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "a\nb"}, "^key: it holds blanks"),
        ({"key": "schlüssel-geheim"}, "^key: it holds blanks"),
        ({"concurrent": 0}, "concurrent 0"),
        ({"rate": 0.0}, "rate 0"),
        ({"rate": float("nan")}, "rate nan"),
        ({"retries": -1}, "retries -1"),
        ({"timeout": float("nan")}, "timeout nan"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Client("http://127.0.0.1:1/v1", **options)
    assert "geheim" not in str(caught.value)


def test_a_proxy_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://x")
    with pytest.raises(InputError, match="proxy or certificates of the environment"):
        Client("http://example.invalid/v1")
    with serving(say(page(MODELS))) as url, Client(url) as client:
        assert client.models(), "no proxy stands between this machine and itself"


def test_no_redirect_is_followed() -> None:
    with serving(say(page("", "307 Away", "Location: /v1/elsewhere"))) as url, Client(url) as client:
        with pytest.raises(ProbeError, match=r"declines \(307\)"):
            client.models()
