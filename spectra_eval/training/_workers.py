"""Training in one process, or in several that ``accelerate`` started and that share every batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from spectra_eval.errors import BackendUnavailable, InputError

__all__ = ["AccelerateProcesses", "SingleProcess", "training_processes"]


class SingleProcess:
    """One process, one device."""

    count = 1
    is_main = True

    def prepared(self, model: Any) -> Any:
        """Return the model unchanged."""
        return model

    def unwrapped(self, model: Any) -> Any:
        """Return the model unchanged."""
        return model

    def part(self, batch: Sequence[int]) -> list[tuple[int, int]]:
        """Return (position in the batch, index of the row) of all rows."""
        return list(enumerate(batch))

    def no_sync(self, model: Any) -> AbstractContextManager[Any]:
        """Return a context without effect: there are no gradients to synchronise."""
        return nullcontext()

    def total(self, value: Any) -> float:
        """Return the sum over the processes."""
        return float(value)

    def wait(self) -> None:
        """Return at once: there is one process."""


class AccelerateProcesses:
    """Processes started by ``accelerate launch``; gradients are averaged by its own means."""

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise BackendUnavailable("accelerate: not installed: pip install 'spectra-eval[train]'") from error
        self._accelerator = Accelerator()
        self.count = int(self._accelerator.num_processes)
        self.is_main = bool(self._accelerator.is_main_process)

    def prepared(self, model: Any) -> Any:
        """Move the model to the device of this process and let its gradients be shared."""
        return self._accelerator.prepare(model)

    def unwrapped(self, model: Any) -> Any:
        """Return the model without its wrapping."""
        return self._accelerator.unwrap_model(model)

    def part(self, batch: Sequence[int]) -> list[tuple[int, int]]:
        """Return the rows of a batch for this process.

        Raises
        ------
        InputError
            There are fewer rows than processes.
        """
        if len(batch) < self.count:
            raise InputError(f"batch: {len(batch)} rows for {self.count} processes; give every process one at least")
        return list(enumerate(batch))[self._accelerator.process_index :: self.count]

    def no_sync(self, model: Any) -> AbstractContextManager[Any]:
        """Keep gradients to this process until the last row of its part."""
        context: AbstractContextManager[Any] = self._accelerator.no_sync(model)
        return context

    def total(self, value: Any) -> float:
        """Return the sum over the processes."""
        return float(self._accelerator.reduce(value, reduction="sum"))

    def wait(self) -> None:
        """Wait until every process is here."""
        self._accelerator.wait_for_everyone()


def training_processes(*, several: bool) -> SingleProcess | AccelerateProcesses:
    """Return this process alone, or all that ``accelerate launch`` started."""
    return AccelerateProcesses() if several else SingleProcess()
