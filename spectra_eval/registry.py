"""The registry of metrics, envelopes, claims, readouts, backends, baselines and data sets.

An entry is found in the public modules of the family's folder, which are imported at the first
look-up, or through an entry point of an installed package.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import pkgutil
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from spectra_eval.errors import DuplicateNameError, UnknownNameError

__all__ = ["Named", "Registry", "call", "words_of"]


def call(place: str, *args: Any, **options: Any) -> Any:
    """Run a function of a higher floor by name, importing its module first.

    Parameters
    ----------
    place : str
        The function as ``module:function``.
    *args : object
        Its positional arguments.
    **options : object
        Its keyword arguments.

    Returns
    -------
    object
        The result of the function.

    Examples
    --------
    >>> call("spectra_eval.units:Information", 1.0)
    Information(1.0)
    """
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)(*args, **options)


def words_of(name: str) -> str:
    """Return a name in words, the default label of an entry.

    Parameters
    ----------
    name : str
        The name of an entry.

    Returns
    -------
    str
        The name with blanks for underscores and a capital at its beginning.

    Examples
    --------
    >>> words_of("tail_bias")
    'Tail bias'
    """
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


@runtime_checkable
class Named(Protocol):
    """Anything that can be registered: it has a name.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> isinstance(METRICS["brier"], Named)
    True
    """

    @property
    def name(self) -> str:
        """Return the name of the entry."""


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """The entries of one family, by name.

    Parameters
    ----------
    kind : str
        The word for one entry in messages, for instance ``"metric"``.
    package : str
        The package whose public modules define the built-in entries.
    group : str
        The entry-point group of plug-ins. An entry point names an entry, or a module that adds entries when it
        is imported.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> METRICS["js_divergence"].name
    'js_divergence'
    >>> METRICS["js_divergance"]
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UnknownNameError: no metric named 'js_divergance'; near: js_divergence, kl_divergence
    """

    def __init__(self, kind: str, *, package: str, group: str) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._entries: dict[str, T] = {}
        self._failed: dict[str, Exception] = {}
        self._unsure: set[str] = set()
        self._lock = threading.RLock()
        self._loading = False
        self._loaded = False

    def add(self, entry: T) -> T:
        """Register an entry under its own name and return it.

        Parameters
        ----------
        entry : T
            The entry.

        Returns
        -------
        T
            The same entry.

        Raises
        ------
        DuplicateNameError
            Another entry has its name.
        """
        known = self._entries.get(entry.name)
        if known is not None and known is not entry and entry.name not in self._unsure:
            raise DuplicateNameError(f"{self.kind} {entry.name!r} is registered twice; rename one of the two")
        self._unsure.discard(entry.name)
        self._entries[entry.name] = entry
        return entry

    def names(self) -> list[str]:
        """Return all names, sorted; warn of each plug-in that could not be imported.

        Returns
        -------
        list of str
            The names of built-in entries and of plug-ins.
        """
        self._load()
        for name, error in self._failed.items():
            warnings.warn(f"{self.kind} plug-in {name!r} failed: {error}", stacklevel=2)
        return sorted(self._entries)

    def __getitem__(self, name: str) -> T:
        self._load()
        if name in self._entries:
            return self._entries[name]
        if name in self._failed:
            raise UnknownNameError(f"{self.kind} {name!r} could not be imported: {self._failed[name]}")
        near = difflib.get_close_matches(name, self._entries, n=3)
        hint = f"near: {', '.join(near)}" if near else f"known: {', '.join(sorted(self._entries))}"
        raise UnknownNameError(f"no {self.kind} named {name!r}; {hint}")

    def __iter__(self) -> Iterator[T]:
        return (self._entries[name] for name in self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def _load(self) -> None:
        """Import all modules and plug-ins once; a module that cannot be imported is an error at every look-up."""
        if self._loaded:
            return
        with self._lock:  # other threads wait until all entries are loaded
            if self._loaded or self._loading:  # a look-up while a module is imported sees the entries so far
                return
            self._loading = True
            try:
                package = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__):
                    if not module.name.startswith("_"):
                        with self._allow_retry():
                            importlib.import_module(f"{self.package}.{module.name}")
                self._load_plugins()
                self._loaded = True
            finally:
                self._loading = False

    @contextlib.contextmanager
    def _allow_retry(self) -> Iterator[None]:
        """Remember the entries of a module that fails while it is imported: the next try registers them again."""
        before = set(self._entries)
        try:
            yield
        except BaseException:
            self._unsure |= set(self._entries) - before
            raise

    def _load_plugins(self) -> None:
        for point in importlib.metadata.entry_points(group=self.group):
            try:
                with self._allow_retry():
                    loaded = point.load()
            except Exception as error:  # a plug-in may fail in any way; the other entries work without it
                self._failed[point.name] = error
            else:
                if hasattr(loaded, "name"):
                    self.add(loaded)
