"""The digest of a table's content, independent of the file format."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from spectra_eval.arrays import row_blocks, row_sums
from spectra_eval.errors import InputError
from spectra_eval.tables import PAD, PreferenceTable

__all__ = ["TableDigest"]

_FORM = "spectra-eval/table-content/1"


class TableDigest:
    """SHA-256 of everything that a certificate can depend on, computed block by block.

    Included are the names of the categories, and of each row in the order of the table: `users`,
    `context_window`, `horizon`, `n_window`, the truth, `theta_s` and the decoded list without its padding.
    The truth is `counts` where the table has them (fraction.law needs the weights themselves), else `theta_star`;
    so a table of counts differs from the table of proportions made from it, as their claims differ.
    The options of the records (`support`) are counted where a record offers less than all categories.

    Not counted are the file format, the order of the categories (they are sorted by name first), how the rows
    were cut into blocks, metadata, and the columns that no claim reads. Each column has its own running hash,
    which is why the blocks leave no trace.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]])
    >>> turned = PreferenceTable(users=["ann", "bob"], categories=("Noir", "Drama"), counts=[[1, 3], [2, 0]])
    >>> whole, parts = TableDigest(), TableDigest()
    >>> whole.update(table)
    >>> parts.update(turned.select(slice(0, 1)))
    >>> parts.update(turned.select(slice(1, 2)))
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self) -> None:
        self._form: dict[str, Any] | None = None
        self._columns: dict[str, Any] = {}
        self._n_rows = 0
        self._full_rows = 0
        """Rows at the end that offer every category; they are included only if a later row does not."""

    def update(self, table: PreferenceTable) -> None:
        """Process the next rows.

        Raises
        ------
        InputError
            They have other columns or categories than the rows before.
        """
        form = _form(table)
        if self._form is None:
            self._form = form
        elif form != self._form:
            raise InputError("table: a block has other columns or categories than the first; make the blocks alike")
        order = np.array(sorted(range(table.n_categories), key=lambda i: table.categories[i]))
        for rows in row_blocks(table.n_users, table.n_categories):
            self._add(table.select(rows), order)

    def _add(self, table: PreferenceTable, order: np.ndarray) -> None:
        self._texts("user", table.users)
        if table.horizon is not None:
            self._texts("horizon", table.horizon)
        if table.context_window is not None:
            self._bytes("context_window", table.context_window.astype("<i8"))
        self._bytes("n_window", table.n_window.astype("<i8"))
        self._truth(table, order)
        if table.theta_s is not None:
            self._matrix("theta_s", table.theta_s, order)
        if table.dg is not None:
            self._lists(table.dg, order)
        self._support(table, order)
        self._n_rows += table.n_users

    def hexdigest(self) -> str:
        """Return the digest of all rows taken so far: 64 hexadecimal digits.

        Raises
        ------
        InputError
            No rows were taken.
        """
        if self._form is None:
            raise InputError("table: no rows; there is no content to digest")
        columns = {name: column.hexdigest() for name, column in self._columns.items()}
        form = self._form
        if "support" in columns:
            whole = self._columns["support"].copy()
            whole.update(_full(self._full_rows, len(form["categories"])))
            columns["support"] = whole.hexdigest()
            form = {**form, "has": [*form["has"], "support"]}
        parts = {**form, "n_rows": self._n_rows, "columns": columns}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _truth(self, table: PreferenceTable, order: np.ndarray) -> None:
        if table.counts is None:
            # Where there is no window, theta_star is NaN, and a NaN has many bit patterns.
            self._matrix("theta_star", np.where(table.observed[:, None], table.theta_star, 0.0), order)
            return
        self._matrix("counts", table.counts, order)
        # theta_star follows from the counts, unless the caller gave both: then rows that differ are included.
        totals = row_sums(table.counts)[:, None]
        derived = table.counts / np.where(totals > 0, totals, 1.0)
        other = np.flatnonzero((derived != table.theta_star).any(axis=1) & table.observed)
        if len(other):
            self._bytes("theta_star_rows", (other + self._n_rows).astype("<i8"))
            self._matrix("theta_star", table.theta_star[other], order)

    def _support(self, table: PreferenceTable, order: np.ndarray) -> None:
        if table.support is None or bool(table.support.all()):
            self._full_rows += table.n_users
            return
        self._hash("support").update(_full(self._full_rows, table.n_categories))
        self._full_rows = 0
        self._bytes("support", np.packbits(table.support[:, order], axis=1))

    def _matrix(self, name: str, values: np.ndarray, order: np.ndarray) -> None:
        sorted_by_name = values if (order[1:] > order[:-1]).all() else values[:, order]
        self._bytes(name, (sorted_by_name + 0.0).astype("<f8"))  # + 0.0 makes -0.0 a plain zero

    def _lists(self, lists: np.ndarray, order: np.ndarray) -> None:
        rank_by_name = np.empty(len(order), dtype=np.int64)
        rank_by_name[order] = np.arange(len(order))
        filled = lists != PAD
        named = np.where(lists >= 0, rank_by_name[np.maximum(lists, 0)], lists)
        self._bytes("dg_length", filled.sum(axis=1).astype("<i8"))
        self._bytes("dg", named[filled].astype("<i8"))

    def _texts(self, name: str, values: np.ndarray) -> None:
        texts = values.tolist()
        # Lengths are separate from the letters, so that the boundary between two names is unambiguous.
        self._bytes(f"{name}_length", np.fromiter(map(len, texts), dtype="<i8", count=len(texts)))
        self._hash(name).update("".join(texts).encode("utf-8", "surrogatepass"))

    def _bytes(self, name: str, values: np.ndarray) -> None:
        self._hash(name).update(np.ascontiguousarray(values))

    def _hash(self, name: str) -> Any:
        return self._columns.setdefault(name, hashlib.sha256())


def _full(rows: int, n_categories: int) -> bytes:
    """Return the bytes that rows with all categories add to the digest."""
    return np.packbits(np.ones(n_categories, dtype=bool)).tobytes() * rows


def _form(table: PreferenceTable) -> dict[str, Any]:
    optional = ("counts", "theta_s", "dg", "context_window", "horizon")
    return {
        "form": _FORM,
        "categories": sorted(table.categories),
        "has": [name for name in optional if table.has(name)],
    }
