"""What a data set is: raw files in a known format, read into interactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectra_eval.data._blocks import Log
from spectra_eval.registry import Registry
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of the family.

    Attributes
    ----------
    read : callable
        ``read(source, **options) -> Interactions``; `options` names what it takes besides the source.
    load : callable, optional
        ``load(source, **options) -> Log``: the same as numbers, for files that are too long to be joined at once.
    terms : str
        Terms of use, printed once when the data are read.
    needs_source : bool
        False where `read` makes its interactions and takes no files.
    finish : callable, optional
        ``finish(table, interactions) -> (table, law)``: what the data set knows beyond its interactions. The second
        is a table whose `theta_star` is the law behind each window instead of its frequencies.
    """

    name: str
    read: Callable[..., Interactions]
    load: Callable[..., Log] | None = None
    summary: str
    reference: str
    terms: str = ""
    options: tuple[str, ...] = ()
    needs_source: bool = True
    finish: Callable[[PreferenceTable, Interactions], tuple[PreferenceTable, PreferenceTable]] | None = None


DATASETS: Registry[Dataset] = Registry("dataset", package="spectra_eval.data", group="spectra_eval.data")
