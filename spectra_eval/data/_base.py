"""What a data set is: raw files in a known format, read into interactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectra_eval.registry import Registry
from spectra_eval.tables import Interactions

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of the family: ``read(source, **options) -> Interactions``; `terms` are printed once."""

    name: str
    read: Callable[..., Interactions]
    summary: str
    reference: str
    terms: str = ""
    options: tuple[str, ...] = ()


DATASETS: Registry[Dataset] = Registry("dataset", package="spectra_eval.data", group="spectra_eval.data")
