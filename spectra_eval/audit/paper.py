"""The printed numbers of arXiv:2509.24189v4 that need no data, each with its rounding, and which of them add up."""

from __future__ import annotations

from spectra_eval.audit._base import Finding
from spectra_eval.audit._paper_bounds import bound_findings
from spectra_eval.audit._paper_tables import table_findings

__all__ = ["audit_paper"]


def audit_paper() -> list[Finding]:
    """Check every printed number of the paper that can be checked without its data.

    Returns
    -------
    list of Finding
        Tables first, then bounds. ``fail``: no numbers that round to those printed satisfy the check. Checks named
        "were it in nats" ask whether another unit would save a table.

    References
    ----------
    .. [1] arXiv:2509.24189v4.

    Examples
    --------
    >>> findings = audit_paper()
    >>> next(f.status for f in findings if f.check == "Yelp: aggregate JS")
    'fail'
    """
    return [*table_findings(), *bound_findings()]
