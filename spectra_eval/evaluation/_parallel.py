"""Computation of parts in several threads, with ordered results and few of them in memory."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from spectra_eval.arrays import check_whole

__all__ = ["in_order"]

MOST = 8
"""The default maximum of threads, each of which needs the resamples of one part in memory."""

T = TypeVar("T")


def in_order(work: Callable[[int], T], parts: Sequence[int], threads: int | None) -> Iterator[T]:
    """Return ``work(part)`` for each part in order; at most one finished result waits.

    Raises
    ------
    InputError
        The number of threads is below one.
    """
    if threads is not None:
        check_whole("threads", threads, least=1, most=1024, why="leave the option out for all processors")
    n_threads = min(threads or min(_processors(), MOST), len(parts))
    if n_threads <= 1:
        yield from map(work, parts)
        return
    waiting: collections.deque[Future[T]] = collections.deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for part in parts:
                waiting.append(pool.submit(work, part))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
