"""Details of the items of a history, as an Arrow column."""

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
    """Return the column: one list of (time, rating, categories) per row."""
    import pyarrow as pa

    kind = pa.struct([("time", pa.int64()), ("rating", pa.float64()), ("categories", pa.list_(pa.string()))])
    return pa.array([[detail._asdict() for detail in row] for row in rows], pa.list_(kind))


def missing_fields(kind: Any) -> str:
    """Return what is wrong with the type of a column of details; empty if nothing is."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return f"holds lists of {type_name(kind)}"
    types = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
    fits = {
        "time": pa.types.is_integer,
        "rating": pa.types.is_floating,
        "categories": lambda types: (
            pa.types.is_list(types) and pa.types.is_string(getattr(types.value_type, "value_type", types.value_type))
        ),
    }
    return next(
        (f"no field {name!r} that fits" for name, fit in fits.items() if name not in types or not fit(types[name])), ""
    )


def read_details(array: pa.Array, fail: Fail) -> list[tuple[Detail, ...]]:
    """Read the column; a rating may be null, and a time that is null counts as 0."""
    entries = array.flatten()
    if entries.null_count:
        raise fail(None, "an entry is null; write it, or leave it out")
    fields = dict(zip((field.name for field in entries.type), entries.flatten(), strict=True))
    labels = as_lists(fields["categories"], lambda _, message: fail(None, f"a category: {message}"))
    if any(None in names for names in labels if names):
        raise fail(None, "a category is null; write it, or leave it out")
    details = (
        Detail(time=time or 0, rating=rating, categories=tuple(label for label in names or () if label is not None))
        for time, rating, names in zip(fields["time"].to_pylist(), fields["rating"].to_pylist(), labels, strict=True)
    )
    return [tuple(islice(details, length)) for length in list_lengths(array).tolist()]
