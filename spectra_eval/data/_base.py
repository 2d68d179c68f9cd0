"""The definition of a data set: raw files in a known format, read into interactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectra_eval.data._blocks import Log
from spectra_eval.registry import Registry
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of the family of data sets.

    Attributes
    ----------
    name : str
        The name in the registry.
    read : callable
        ``read(source, **options) -> Interactions``; `options` names what it takes besides the source.
    load : callable, optional
        ``load(source, **options) -> Log``: the same as numbers, for files that are too long to be joined at once.
    summary : str
        One line.
    reference : str
        Where the data set is described.
    terms : str
        Terms of use, printed once when the data are read.
    options : tuple of str
        Options that `read` has besides the source.
    needs_source : bool
        False where `read` generates its interactions and takes no files.
    finish : callable, optional
        ``finish(table, interactions) -> (table, truth)``: further columns that the data set provides. The
        second table has the user's true distribution of each window as `theta_star`, instead of its
        frequencies.

    Examples
    --------
    >>> from spectra_eval.data import DATASETS
    >>> DATASETS["synthetic"].needs_source
    False
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
