"""Files of other tools that are no tables: what they are, and what to do with them."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["advice"]

_PAGE = "docs/data.md, 'Results of other tools', has the lines that convert it"
_KNOWN = (
    ({"doc_id", "filtered_resps"}, "samples of lm-evaluation-harness"),
    ({"custom_id", "response"}, "responses of a batch of requests to a server"),
    ({"qkey", "D_H"}, "response distributions of OpinionQA"),
    ({"user_id", "rating", "parent_asin"}, "reviews of Amazon, a log and no table; `prepare csv` reads it"),
)


def advice(columns: Collection[str], usual: str) -> str:
    """Return what to do with a file of these columns: the way of its tool, or else the usual advice.

    Examples
    --------
    >>> advice(["doc_id", "filtered_resps", "acc"], "name it")
    "these are samples of lm-evaluation-harness; docs/data.md, 'Results of other tools', has the lines that convert it"
    >>> advice(["who", "what"], "name it")
    'name it'
    """
    what = next((what for needed, what in _KNOWN if needed <= set(columns)), None)
    if what is None:
        return usual
    return f"these are {what}" + ("" if "prepare" in what else f"; {_PAGE}")
