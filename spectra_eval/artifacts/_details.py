"""What is known of the items of a history besides their titles, as a column of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from spectra_eval.artifacts._cells import Fail, as_lists, list_lengths, type_name
from spectra_eval.tables import Detail

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["detail_array", "missing_fields", "read_details"]


def detail_array(rows: Iterable[Sequence[Detail]]) -> pa.Array:
    """Make the column: one list of (time, rating, categories) a row."""
    import pyarrow as pa

    kind = pa.struct([("time", pa.int64()), ("rating", pa.float64()), ("categories", pa.list_(pa.string()))])
    return pa.array([[detail._asdict() for detail in row] for row in rows], pa.list_(kind))


def missing_fields(kind: Any) -> str:
    """Say what the entries of a column lack to be details; empty where they lack nothing."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return f"holds lists of {type_name(kind)}"
    held = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
    fits = {
        "time": pa.types.is_integer,
        "rating": pa.types.is_floating,
        "categories": lambda held: (
            pa.types.is_list(held) and pa.types.is_string(getattr(held.value_type, "value_type", held.value_type))
        ),
    }
    return next(
        (f"no field {name!r} that fits" for name, fit in fits.items() if name not in held or not fit(held[name])), ""
    )


def read_details(array: pa.Array, fail: Fail) -> list[tuple[Detail, ...]]:
    """Read the column; a rating may be null, and a time that is null counts as 0."""
    entries = array.flatten()
    if entries.null_count:
        raise fail(None, "an entry is null; write it, or leave it out")
    fields = dict(zip((field.name for field in entries.type), entries.flatten(), strict=True))
    labels = as_lists(fields["categories"], lambda _, message: fail(None, f"a category: {message}"))
    if any(None in held for held in labels if held):
        raise fail(None, "a category is null; write it, or leave it out")
    details = (
        Detail(time=time or 0, rating=rating, categories=tuple(label for label in held or () if label is not None))
        for time, rating, held in zip(fields["time"].to_pylist(), fields["rating"].to_pylist(), labels, strict=True)
    )
    return [tuple(islice(details, length)) for length in list_lengths(array).tolist()]
