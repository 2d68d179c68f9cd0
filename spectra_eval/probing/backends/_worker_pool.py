"""A pool of worker processes, each with one copy of a model, behind one session.

The processes are spawned, not forked, and talk over the pipes of the standard library, which carry plain values
between processes of one program and nothing else. The next free worker gets the next batch, so a slow
device does not delay the others.
"""

from __future__ import annotations

import atexit
import math
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from spectra_eval import errors
from spectra_eval.errors import ModelLoadError, ProbeError
from spectra_eval.probing.backends._base import PromptView
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = ["NaiveWorkerPool", "WorkerPool", "WorkerSpec", "threads_each"]

_GRACE, _PATIENCE = 2.0, 10.0
"""Seconds for the processes to exit by themselves, and for each after a signal."""


@dataclass(frozen=True)
class WorkerSpec:
    """The specification of one worker: the backend and options of one copy of a model.

    Attributes
    ----------
    name : str
        Name in error messages, such as ``device cuda:0``.
    backend : str
        Name of the backend that opens it.
    options : mapping
        Options of the backend.
    environment : mapping of str to str
        Further environment variables of the process.
    threads : int, optional
        Number of threads; None for the default of its libraries.
    """

    name: str
    backend: str
    options: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None


def threads_each(workers: int) -> int:
    """Return the number of PyTorch threads of each worker, at least 1."""
    import torch

    return max(1, torch.get_num_threads() // workers)


@dataclass(frozen=True)
class _Worker:
    spec: WorkerSpec
    process: Any
    channel: Connection


@dataclass(frozen=True)
class _Response:
    """The response of a process: a value or an error, and the warnings."""

    value: Any = None
    error: tuple[str, str] | None = None
    messages: tuple[str, ...] = ()


class WorkerPool:
    """A session that distributes requests over worker processes.

    Parameters
    ----------
    specs : sequence of WorkerSpec
        One process each.
    batch_size : int, optional
        Maximum number of requests per call of a worker; None divides all requests evenly.
    facts : mapping, optional
        Metadata for the manifest in the place of what a copy says of itself.

    Raises
    ------
    BackendError
        A worker could not open its session.
    """

    def __init__(
        self, specs: Sequence[WorkerSpec], *, batch_size: int | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._batch_size = batch_size
        self._workers: list[_Worker] = []
        atexit.register(self.close)  # before the standard library waits for the processes
        try:
            for spec in specs:
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, spec), name=spec.name)
                process.start()
                theirs.close()
                self._workers.append(_Worker(spec=spec, process=process, channel=ours))
            found = [self._received(worker) for worker in self._workers]
        except BaseException:
            self.close()
            raise
        description, self._context_limit = found[0]
        for worker, (other, _) in zip(self._workers, found, strict=True):
            for name in {**description, **other}:
                if description.get(name) != other.get(name):
                    self.close()
                    raise ModelLoadError(
                        f"{name} is {description.get(name)!r} on {specs[0].name} and {other.get(name)!r} on "
                        f"{worker.spec.name}; name devices of one kind"
                    )
        self._description = {**description, **(facts or {})}

    @property
    def description(self) -> Mapping[str, Any]:
        """The metadata for the manifest: that of each session, for they are the same."""
        return self._description

    @property
    def context_limit(self) -> int | None:
        """Most tokens that the model was made for, prompt and response together; None if unknown."""
        return self._context_limit

    @property
    def cached_share(self) -> float:
        """Proportion of the prompts' tokens that were in the cache in a prompt of the same request; NaN before any."""
        counts = [self._call(worker, "counted") for worker in self._open_workers()]
        cached, seen = (sum(some) for some in zip(*counts, strict=True))
        return cached / seen if seen else math.nan

    def count_tokens(self, request: ProbeRequest) -> int:
        """Count the tokens of the longest prompt of a request."""
        return int(self._call(self._open_workers()[0], "count_tokens", request))

    def labels(self, count: int) -> tuple[str, ...]:
        """Return labels that are single, distinct tokens right after a prompt; fewer if there are no more."""
        return tuple(self._call(self._open_workers()[0], "labels", count))

    def view(self, request: ProbeRequest) -> PromptView:
        """Return a request as the model sees it."""
        found: PromptView = self._call(self._open_workers()[0], "view", request)
        return found

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return the log-probability of every answer to every prompt, request by request."""
        return self._distribute("score", list(requests), size=self._batch_size)

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        """Generate the response to every prompt, request by request: greedy or sampled."""
        return self._distribute("generate", list(requests), max_tokens=max_tokens, sampling=sampling)

    def close(self) -> None:
        """End every process; further calls raise an error."""
        atexit.unregister(self.close)
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.channel.close()  # a worker that waits for a call exits
        until = time.monotonic() + _GRACE
        for worker in workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            for end in (worker.process.terminate, worker.process.kill):
                if worker.process.is_alive():
                    end()  # nothing is lost: a process keeps no state
                    worker.process.join(_PATIENCE)
            worker.process.close()

    def _distribute(
        self, name: str, requests: list[ProbeRequest], *, size: int | None = None, **options: Any
    ) -> list[Any]:
        """Send batches of requests to free workers; return the answers in the order of the requests.

        A batch has `size` requests; by default all requests are divided evenly.
        """
        size = size or max(1, -(-len(requests) // len(self._open_workers())))
        pieces = [requests[start : start + size] for start in range(0, len(requests), size)]
        answers: list[list[Any]] = [[] for _ in pieces]
        failed: dict[int, Exception] = {}
        free, following = list(self._open_workers()), 0
        busy: dict[Any, tuple[_Worker, int]] = {}
        try:
            while busy or (following < len(pieces) and not failed):
                while free and following < len(pieces) and not failed:
                    worker = free.pop()
                    self._send(worker, (name, (pieces[following],), options))
                    busy[worker.channel] = (worker, following)
                    following += 1
                for channel in wait(list(busy)):
                    worker, number = busy.pop(channel)
                    try:
                        answers[number] = self._received(worker)
                    except errors.SpectraError as error:
                        if not worker.process.is_alive():
                            raise
                        failed[number] = error  # the others finish their batches and get no more
                    free.append(worker)
        except BaseException:
            self.close()
            raise
        if failed:
            raise failed[min(failed)]
        return [answer for some in answers for answer in some]

    def _call(self, worker: _Worker, name: str, *arguments: Any) -> Any:
        self._send(worker, (name, arguments, {}))
        return self._received(worker)

    def _send(self, worker: _Worker, message: Any) -> None:
        try:
            worker.channel.send(message)
        except OSError as error:
            raise _died(worker) from error

    def _received(self, worker: _Worker) -> Any:
        try:
            reply: _Response = worker.channel.recv()
        except (EOFError, OSError) as error:
            raise _died(worker) from error
        for words in reply.messages:
            warnings.warn(words, stacklevel=4)
        if reply.error is not None:
            kind, words = reply.error
            raise getattr(errors, kind, ProbeError)(words)
        return reply.value

    def _open_workers(self) -> list[_Worker]:
        if not self._workers:
            raise ProbeError("the session is closed; ask inside its with block")
        return self._workers


class NaiveWorkerPool(WorkerPool):
    """A worker pool whose sessions can read every prompt in a pass of its own."""

    def score_naively(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return what `score` returns, with every prompt read in a pass of its own."""
        return self._distribute("score_naively", list(requests), size=self._batch_size)


def _died(worker: _Worker) -> ProbeError:
    worker.process.join(_PATIENCE)
    code = worker.process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"
    return ProbeError(
        f"the process on {worker.spec.name} {how} (often out of memory); run the command again, it resumes where it "
        "was. A script that asks for several devices or copies needs `if __name__ == '__main__':`"
    )


def _serve(channel: Connection, spec: WorkerSpec) -> None:
    """Open a session in a worker process and serve calls until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the whole process group; the parent handles it
    os.environ.update(spec.environment)
    from spectra_eval.probing.backends import open as open_backend

    def respond(call: Any) -> bool:
        """Send the result or error of a call; return False if it failed or the pipe is closed."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                value, error = call(), None
            except errors.SpectraError as failure:
                value, error = None, (type(failure).__name__, str(failure))
            except Exception as failure:  # nothing of this process may be lost silently
                value, error = None, ("ProbeError", f"the process on {spec.name}: {failure!r}")
        messages = tuple(str(one.message) for one in caught if issubclass(one.category, UserWarning))
        try:
            channel.send(_Response(value=value, error=error, messages=messages))
        except OSError:
            return False
        return error is None

    opened: list[Any] = []

    def open_session() -> Any:
        if spec.threads is not None:
            _limit_threads(spec.threads)
        session: Any = until_the_end.enter_context(open_backend(spec.backend, **spec.options))
        opened.append(session)
        return dict(session.description), session.context_limit

    with ExitStack() as until_the_end:
        if not respond(open_session):
            return
        while True:
            try:
                name, arguments, more = channel.recv()
            except (EOFError, OSError):
                return
            found = getattr(opened[0], name)
            respond(lambda found=found, a=arguments, m=more: found(*a, **m) if callable(found) else found)


def _limit_threads(count: int) -> None:
    from spectra_eval.probing.backends._hf_load import require_libraries

    require_libraries()
    import torch

    torch.set_num_threads(count)
