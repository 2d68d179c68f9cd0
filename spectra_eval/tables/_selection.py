"""Which records were left out when a table was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["left_out_note", "records_left_out"]


def records_left_out(metadata: Mapping[str, Any]) -> dict[str, int]:
    """Return the records without a prediction that were left out, and of how many; empty where there were none.

    Parameters
    ----------
    metadata : mapping
        The metadata of a table.

    Returns
    -------
    dict
        `empty_predictions` and `records`, two numbers of records.

    Examples
    --------
    >>> records_left_out({"read": {"left_out": {"empty_predictions": 2, "records": 9}}})
    {'empty_predictions': 2, 'records': 9}
    """
    read = metadata.get("read")
    found = read.get("left_out") if isinstance(read, Mapping) else None
    return {name: found[name] for name in ("empty_predictions", "records")} if isinstance(found, Mapping) else {}


def left_out_note(counts: Mapping[str, int]) -> str | None:
    """Return a sentence on the records that `records_left_out` counts; None where there were none.

    Parameters
    ----------
    counts : mapping
        The result of `records_left_out`.

    Returns
    -------
    str or None
        The sentence, without a full stop.

    Examples
    --------
    >>> left_out_note({"empty_predictions": 2, "records": 9})
    '2 of 9 records have no prediction and were left out (--empty-predictions drop): the results hold for the others'
    """
    if not counts:
        return None
    n, records = counts["empty_predictions"], counts["records"]
    what = f"{n:,} of {records:,} records have no prediction and were left out (--empty-predictions drop)"
    return f"{what}: the results hold for the others"
