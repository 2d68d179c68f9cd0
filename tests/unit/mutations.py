"""Systematic edits of a JSON value: every place in it is left out, doubled in a list, or holds each kind of junk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["JUNK", "changed", "edits", "places"]

JUNK: tuple[Any, ...] = (None, True, -7, 2**70, 1e300, "", "x" * 50, [], {}, [[]], {"a": {}}, "\x1b[2J")
Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the path of every value inside a value, its own first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*at, key))


def changed(value: Any, at: Place, junk: Any) -> Any:
    """Return a copy of a value with something else at a place."""
    if not at:
        return junk
    copied = value.copy()
    copied[at[0]] = changed(value[at[0]], at[1:], junk)
    return copied


def edits(value: Any, junk: tuple[Any, ...] = JUNK) -> Iterator[tuple[str, Any]]:
    """Yield a name and the edited value, for every place: junk, the place left out, an entry given twice."""
    for at in places(value):
        for one in junk:
            yield f"{'.'.join(map(str, at)) or 'all'} = {one!r:.20}", changed(value, at, one)
        if at:
            holder = value
            for key in at[:-1]:
                holder = holder[key]
            rest = holder.copy()
            del rest[at[-1]]
            yield f"{'.'.join(map(str, at))} left out", changed(value, at[:-1], rest)
            if isinstance(holder, list):
                yield f"{'.'.join(map(str, at))} twice", changed(value, at[:-1], [*holder, holder[at[-1]]])
