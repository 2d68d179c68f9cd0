"""Opening a backend with what was typed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click

__all__ = ["open_named"]

_KINDS: tuple[type, ...] = (bool, int, float, str)


def open_named(
    name: str,
    *,
    model: str,
    dtype: str,
    download: bool,
    settings: tuple[str, ...] = (),
    adapter: Path | None = None,
    seed: int | None = None,
    second: bool = False,
) -> AbstractContextManager[Any]:
    """Open a backend; a choice that it does not know is a wrong use of the command.

    The seed goes where one is taken; so do, to a `second` backend, the choices that were typed for the first.
    """
    from spectra_eval.probing.backends import BACKENDS

    backend = BACKENDS[name]
    hints = get_type_hints(inspect.unwrap(backend.open))
    options: dict[str, Any] = {"model": model}
    if adapter is not None:
        if "adapter" not in hints:
            raise click.UsageError(f"--adapter: backend {name} takes none; choose hf or vllm")
        options["adapter"] = str(adapter)
    for option, value, usual in (("dtype", dtype, "float32"), ("download", download, False)):
        if option in hints:
            options[option] = value
        elif value != usual and not second:
            raise click.UsageError(f"--{option}: backend {name} has no such option")
    if seed is not None and "seed" in hints:
        options["seed"] = seed
    free = {key: hint for key, hint in hints.items() if key not in {*options, "adapter", "return"}}
    for pair in settings:
        _set(options, pair, free, backend=name)
    return backend.open(**options)


def _set(options: dict[str, Any], pair: str, free: Mapping[str, Any], *, backend: str) -> None:
    """Set the option of one NAME=VALUE, or NAME.KEY=VALUE of a mapping."""
    name, equals, text = pair.partition("=")
    key, dot, inner = name.partition(".")
    if not (key and equals and text and (inner or not dot)):
        raise click.UsageError(f"--backend-set {pair!r}: write it as NAME=VALUE, for instance route=classify")
    hint = free.get(key)
    kinds = [kind for kind in _KINDS if kind in (get_args(hint) or (hint,))]
    if dot and any(get_origin(part) is Mapping for part in (hint, *get_args(hint))):
        options.setdefault(key, {})[inner] = _read(text, _KINDS)
    elif dot or not kinds:
        known = ", ".join(sorted(free)) or "nothing"
        raise click.UsageError(f"--backend-set {name}: not an option of backend {backend}; it takes {known}")
    else:
        try:
            options[key] = _read(text, kinds)
        except ValueError:
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise click.UsageError(f"--backend-set {pair!r}: the value is no {wanted}") from None


def _read(text: str, kinds: Any) -> Any:
    """Read a value as the first kind that it is."""
    for kind in kinds:
        if kind is bool and text in ("true", "false"):
            return text == "true"
        if kind is not bool:
            try:
                return kind(text)
            except ValueError:
                continue
    raise ValueError(text)
