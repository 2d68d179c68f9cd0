"""A client of an OpenAI-compatible completions endpoint: several requests at once, each with a deadline of its own.

Nothing is followed that the user did not name: no redirect, no proxy on the way to this machine itself. A key is sent
and never shown, and what a server says is shown without it.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import json
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spectra_eval.artifacts._json import parse_json
from spectra_eval.errors import BackendUnavailable, InputError, ProbeError, SchemaError, one_line
from spectra_eval.redaction import hide, redacted

if TYPE_CHECKING:
    import httpx

__all__ = ["Client"]

_RETRY_CODES = frozenset({408, 429, 502, 503, 504})
_MOST_BYTES = 1 << 26
_MOST_ERROR_BYTES = 4096
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_NOT_ONE = "is this an OpenAI-compatible address ending in /v1?"


class _Retry(Exception):
    """A temporary failure, with the delay that the server asks for."""

    def __init__(self, problem: ProbeError, retry_after: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.retry_after = retry_after


class Client:
    """One server; close it, or use it in a ``with`` block.

    Parameters
    ----------
    url : str
        Where its API begins, for instance ``http://127.0.0.1:8000/v1``.
    key : str
        Sent as a bearer token where it is not empty; never shown.
    timeout : float
        Seconds until one request must be answered whole.
    retries : int
        Further attempts when the server is busy or the connection breaks.
    concurrent : int
        Most requests at once.
    rate : float, optional
        Most requests a second.
    wait : callable
        ``await wait(seconds)`` before a request.
    jitter : callable
        Returns a number in [0, 1) that spreads the waits of several clients.

    Raises
    ------
    BackendUnavailable
        The library ``httpx`` is not installed.
    InputError
        The address is no http or https address or holds a password, the key cannot be sent, or a number is out of
        range.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        timeout: float | int = 600.0,
        retries: int = 4,
        concurrent: int = 8,
        rate: float | int | None = None,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        hide(key)
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise InputError("key: it holds blanks or letters that cannot be sent; set its variable again")
        if not 0 < timeout < math.inf or retries < 0:
            raise InputError(f"timeout {timeout}, retries {retries}: give seconds above 0 and a count from 0 up")
        if concurrent < 1 or (rate is not None and not 0 < rate < math.inf):
            raise InputError(f"concurrent {concurrent}, rate {rate}: give at least 1 and a number above 0")
        try:
            import httpx
            from anyio.from_thread import start_blocking_portal
        except ImportError as error:
            raise BackendUnavailable("backend 'server' needs httpx: pip install 'spectra-eval[server]'") from error
        self._base, self._root, host = _checked_url(url, httpx)
        self._timeout, self._retries, self._concurrent = timeout, retries, concurrent
        self._gap = 0.0 if rate is None else 1 / rate
        self._next = 0.0
        self._wait, self._jitter = wait, jitter
        self._open = ExitStack()
        headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            self._http = httpx.AsyncClient(
                headers=headers,
                timeout=None,  # a deadline holds for the whole request
                trust_env=not _is_loopback(host),
                limits=httpx.Limits(max_connections=concurrent, max_keepalive_connections=concurrent),
            )
        except (ImportError, ValueError, OSError) as error:  # a proxy or a certificate of the environment
            raise InputError(f"url: the proxy or certificates of the environment cannot be used: {error}") from error
        self._portal = self._open.enter_context(start_blocking_portal())  # a loop of its own: Jupyter runs one already
        self._open.callback(self._portal.call, self._http.aclose)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._open.close()

    def models(self) -> list[Mapping[str, Any]]:
        """List what the server serves.

        Raises
        ------
        ProbeError
            It does not answer, or with something else.
        """
        (reply,) = self._all([("GET", f"{self._base}/models", None)])
        listed = reply.get("data")
        if not isinstance(listed, list) or not all(isinstance(one, dict) and _is_name(one.get("id")) for one in listed):
            raise ProbeError(f"the server's list of models is none; {_NOT_ONE}")
        return listed

    def version(self) -> str | None:
        """Return the version of a vLLM server; None for other servers."""
        try:
            (reply,) = self._all([("GET", f"{self._root}/version", None)])
        except ProbeError:
            return None
        found = reply.get("version")
        return redacted(found[:100]) if isinstance(found, str) else None

    def complete(self, bodies: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
        """Send requests for completions and return the choices of each, in the order of its prompts.

        Raises
        ------
        ProbeError
            The server declines, does not answer in time, answers with something that is no completion, or has read
            other prompts than were sent.
        """
        replies = self._all([("POST", f"{self._base}/completions", body) for body in bodies])
        return [_choices(reply, body["prompt"]) for reply, body in zip(replies, bodies, strict=True)]

    def _all(self, requests: Sequence[tuple[str, str, Mapping[str, Any] | None]]) -> list[dict[str, Any]]:
        answer = self._portal.start_task_soon(self._gathered, requests)
        try:
            return answer.result()
        finally:
            answer.cancel()  # after an interrupt nothing is waited for

    async def _gathered(self, requests: Sequence[tuple[str, str, Mapping[str, Any] | None]]) -> list[dict[str, Any]]:
        """Send all requests, at most so many at once; the first that fails ends the others."""
        free = asyncio.Semaphore(self._concurrent)

        async def one(method: str, address: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
            async with free:
                return await self._sent(method, address, body)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(*request)) for request in requests]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _sent(self, method: str, address: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Send one request until it is answered, with growing waits that differ from client to client."""
        attempt = 0
        while True:
            await self._turn()
            try:
                return await self._once(method, address, body)
            except _Retry as retry:
                if attempt == self._retries:
                    raise retry.problem from retry.__cause__
                wait = retry.retry_after
                if wait is None:
                    wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * (0.5 + self._jitter() / 2)
                elif wait > self._timeout:
                    late = f"it asks for a retry after {wait:.0f} s, past the timeout"
                    raise ProbeError(f"{retry.problem}; {late}") from retry
            await self._wait(wait)
            attempt += 1

    async def _once(self, method: str, address: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        import httpx

        try:
            async with asyncio.timeout(self._timeout):
                async with self._http.stream(method, address, json=body) as response:
                    if response.is_success:
                        return _parsed(await _body(response, _MOST_BYTES))
                    reason = _error_text(await _body(response, _MOST_ERROR_BYTES, cut=True))
                    problem = ProbeError(f"the server declines ({response.status_code}): {reason}")
                    if response.status_code in _RETRY_CODES:
                        raise _Retry(problem, _retry_after(response))
                    raise problem
        except TimeoutError as error:
            late = f"no whole answer from {address} within {self._timeout:g} s"
            raise ProbeError(f"{late}; set a longer timeout or a smaller batch") from error
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError) as error:
            # Refused, reset, cut off, a wrong certificate, a name that cannot be looked up.
            reason = redacted(one_line(error)) or type(error).__name__
            raise _Retry(ProbeError(f"no answer from {address}: {reason}")) from error

    async def _turn(self) -> None:
        """Wait until the rate allows one more request."""
        if self._gap:
            now = time.monotonic()
            self._next = max(now, self._next + self._gap)
            if self._next > now:
                await self._wait(self._next - now)


def _checked_url(url: str, http: Any) -> tuple[str, str, str]:
    """Return where the API begins, the root of its server and the name of the host."""
    usual = "give one like http://127.0.0.1:8000/v1"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        fine = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
        if fine:
            http.URL(url)
    except (ValueError, http.InvalidURL) as error:
        raise InputError(f"url: {url!r} is no address ({error}); {usual}") from error
    if not fine:
        raise InputError(f"url: {url!r} is no http or https address; {usual}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError("url: give scheme, host, port and path alone; a key comes from the environment")
    return url.rstrip("/"), f"{parts.scheme}://{parts.netloc}", host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000


async def _body(response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
    """Read a body up to a limit; past it, cut it or refuse it."""
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity":
        raise ProbeError(
            f"the server compresses its response ({redacted(coding)[:40]}), although the request forbids it"
        )
    found = bytearray()
    async for piece in response.aiter_raw():
        found += piece
        if len(found) > most:
            if cut:
                break
            raise ProbeError(f"the server's response is larger than {most >> 20} MiB; set a smaller batch")
    return bytes(found[:most])


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        value = parse_json(raw.decode())
    except SchemaError as error:
        raise ProbeError(f"the server's response is not JSON: {redacted(str(error))}") from error
    except ValueError as error:
        raise ProbeError(f"the server's response is not JSON; {_NOT_ONE}") from error
    if not isinstance(value, dict):
        raise ProbeError(f"the server's response is not a JSON object; {_NOT_ONE}")
    return value


def _choices(reply: Mapping[str, Any], prompts: Sequence[Sequence[int]]) -> list[Mapping[str, Any]]:
    found = reply.get("choices")
    listed = found if isinstance(found, list) else [None]
    indices = [index for one in listed if isinstance(one, dict) and type(index := one.get("index")) is int]
    if len(indices) != len(listed):
        raise ProbeError("the server's response is not a completion: its choices have no index")
    if sorted(indices) != list(range(len(prompts))):
        raise ProbeError(
            f"the server gave {len(indices)} completions for {len(prompts)} prompts, or numbered them in disorder"
        )
    usage = reply.get("usage")
    read = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    sent = sum(map(len, prompts))
    if read is not None and (type(read) is not int or read != sent):
        raise ProbeError(
            f"the server has read {redacted(str(read))[:40]} tokens of prompts for the {sent} that were sent: "
            "it cuts or changes them; raise its context, or show fewer titles"
        )
    return sorted(listed, key=lambda choice: choice["index"])


def _retry_after(response: httpx.Response) -> float | None:
    """Return how long the server asks to wait, in seconds or until a date; None where it says nothing."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdecimal() and len(header) < 10:
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _error_text(raw: bytes) -> str:
    """Return the first line of the error text of a server, without the key."""
    text = raw.decode("utf-8", "replace")
    try:
        value = json.loads(text)
        error = value.get("error", value) if isinstance(value, dict) else value
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, RecursionError):
        pass
    return (redacted(text).strip().splitlines() or ["no reason given"])[0][:300]
