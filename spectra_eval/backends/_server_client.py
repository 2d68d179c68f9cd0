"""Talking to an OpenAI-compatible completions endpoint, with the standard library alone.

Nothing is followed that the user did not name: no redirect, no proxy on the way to this machine itself.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from spectra_eval.errors import InputError, ProbeError

__all__ = ["Client"]

_AGAIN = frozenset({429, 502, 503, 504})
_MOST_BYTES = 1 << 28


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nowhere: what was asked holds the histories of users, and perhaps a key."""


class Client:
    """One server.

    Parameters
    ----------
    url : str
        Where its API begins, for instance ``http://127.0.0.1:8000/v1``.
    key : str
        Sent as a bearer token where it is not empty; never shown.
    timeout : float
        Seconds to wait for one reply.
    retries : int
        Further attempts when the server is busy or the connection breaks.
    wait : callable
        Waits a number of seconds between two attempts.

    Raises
    ------
    InputError
        The address is no http or https address, or holds a password.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        timeout: float | int = 600.0,
        retries: int = 4,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            fine = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
        except ValueError as error:
            raise InputError(f"url: {url!r} is no address ({error}); give one like http://127.0.0.1:8000/v1") from error
        if not fine:
            raise InputError(f"url: {url!r} is no http or https address; give one like http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InputError("url: give scheme, host, port and path alone; a key comes from the environment")
        if not 0 < timeout < float("inf") or retries < 0:
            raise InputError(f"timeout {timeout}, retries {retries}: give seconds above 0 and a count from 0 up")
        self._base = url.rstrip("/")
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._timeout = timeout
        self._retries = retries
        self._wait = wait
        direct = [urllib.request.ProxyHandler({})] if _is_loopback(host) else []
        self._opener = urllib.request.build_opener(_NoRedirect, *direct)

    def models(self) -> list[Mapping[str, Any]]:
        """List what the server serves.

        Raises
        ------
        ProbeError
            It does not answer, or with something else.
        """
        listed = self._send("GET", f"{self._base}/models", None).get("data")
        if not isinstance(listed, list) or not all(isinstance(item, dict) and "id" in item for item in listed):
            raise ProbeError("the server's list of models is none; is this an OpenAI-compatible address ending in /v1?")
        return listed

    def version(self) -> str | None:
        """Give the version that a vLLM server tells; None where the server does not know the question."""
        try:
            return str(self._send("GET", f"{self._root}/version", None)["version"])
        except (ProbeError, KeyError):
            return None

    def complete(self, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Ask for completions and give the choices in the order of the prompts.

        Raises
        ------
        ProbeError
            The server declines, does not answer, or answers with something that is no completion.
        """
        reply = self._send("POST", f"{self._base}/completions", body)
        choices = reply.get("choices")
        wanted = len(body["prompt"])
        try:
            ordered = sorted(choices or [], key=lambda choice: choice["index"])
            indices = [choice["index"] for choice in ordered]
        except (TypeError, KeyError) as error:
            raise ProbeError("the server's reply is no completion: its choices have no index") from error
        if indices != list(range(wanted)):
            raise ProbeError(
                f"the server gave {len(indices)} replies to {wanted} prompts, or numbered them in disorder"
            )
        return ordered

    def _send(self, method: str, address: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        attempt = 0
        while True:
            request = urllib.request.Request(address, data=data, headers=self._headers, method=method)
            try:
                with self._opener.open(request, timeout=self._timeout) as stream:
                    return _parsed(stream.read(_MOST_BYTES + 1))
            except urllib.error.HTTPError as error:
                again = error.code in _AGAIN
                with error:
                    problem = ProbeError(f"the server declines ({error.code}): {_said(error)}")
            except (OSError, http.client.HTTPException) as error:  # refused, reset, timed out, cut off
                problem = ProbeError(f"no answer from {address}: {getattr(error, 'reason', None) or error}")
                again = True
            if not again or attempt == self._retries:
                raise problem
            self._wait(0.5 * 2**attempt)
            attempt += 1


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > _MOST_BYTES:
        raise ProbeError("the server's reply is past 256 MiB; ask for fewer prompts at once with a smaller batch")
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise ProbeError(
            "the server's reply is no JSON; is this an OpenAI-compatible address ending in /v1?"
        ) from error
    if not isinstance(value, dict):
        raise ProbeError("the server's reply is no JSON object; is this an OpenAI-compatible address ending in /v1?")
    return value


def _said(error: urllib.error.HTTPError) -> str:
    """Give the first line of a server's own words."""
    raw = error.read(4096)
    try:
        value = json.loads(raw)
        told = value.get("error", value) if isinstance(value, dict) else value
        text = str(told.get("message", told) if isinstance(told, dict) else told)
    except ValueError:
        text = raw.decode("utf-8", "replace")
    return (text.strip().splitlines() or ["no reason given"])[0][:300]
