"""The narrow waist between the toolkit and any model.

A backend turns requests into numbers or texts and knows nothing of users, categories or readouts.
The same request gets the same answer in any batch and in any order, up to a stated tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from spectra_eval.registry import Registry
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest

__all__ = ["BACKENDS", "Backend", "Session"]


@runtime_checkable
class Session(Protocol):
    """A model that is loaded and can be asked."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What stands in the record: backend, model, model digest, dtype, versions."""

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Give the log-probability of every answer to every question, request by request."""

    def generate(self, requests: Sequence[ProbeRequest], *, max_tokens: int) -> list[list[Generation]]:
        """Write the greedy reply to every question, request by request."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One entry of the family.

    ``open(model=…, **options)`` is a context manager that yields a `Session` and frees it at the end.
    """

    name: str
    open: Callable[..., AbstractContextManager[Session]]
    summary: str
    reference: str
    extra: str | None = None


BACKENDS: Registry[Backend] = Registry("backend", package="spectra_eval.backends", group="spectra_eval.backends")
