"""A certificate: the claims about one table, and its document."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from spectra_eval.artifacts import rows_frame, write_json
from spectra_eval.certification._options import Options
from spectra_eval.errors import InputError
from spectra_eval.tables import html_table
from spectra_eval.theory._base import Assumption, Standing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LATER", "SCHEMA", "Certificate", "Claim", "document"]

SCHEMA = "spectra-eval/certificate/1"

LATER: dict[str, Any] = {"against": (), "floor": 0.0, "assume": ()}
"""Options that a document holds only where they differ from these."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of a certificate; the fields are those of the file.

    Attributes
    ----------
    claim : str
        Name of the claim, for instance ``mean.law``.
    status : {"ok", "undefined"}
        ``undefined`` where the table does not allow the claim.
    standing : {"proven", "printed"}
        Whether the bound is proven here, or stated by a source.
    statement : str
        The claim in one sentence.
    target : {"window", "law"}
        Whether the claim is about the window's distribution or the user's true distribution.
    scope : str
        ``cohort`` or ``population``.
    inputs : mapping
        The numbers that the bound was computed from.
    bound : float or None
        The lower bound of the claimed quantity.
    threshold : float or None
        What the bound must reach.
    margin : float or None
        Distance of the bound from the threshold.
    holds : bool or None
        Whether the bound reaches the threshold; None where the claim is undefined.
    licenses : str
        What may be concluded.
    assumptions : tuple of Assumption
        The hypotheses.
    reference : str
        Source of the bound.
    n_users : int
        Number of users in the claim.
    method : str or None
        How the bound was computed.
    reason : str or None
        Why the claim is undefined.

    Examples
    --------
    >>> from spectra_eval.certification import certify
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> certify(table, k=1)["mean.law"].n_users
    2
    """

    claim: str
    status: Literal["ok", "undefined"]
    standing: Standing
    statement: str
    target: Literal["window", "law"]
    scope: str
    inputs: Mapping[str, Any]
    bound: float | None
    threshold: float | None
    margin: float | None
    holds: bool | None
    licenses: str
    assumptions: tuple[Assumption, ...]
    reference: str
    n_users: int
    method: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Certificate:
    """The claims about one table, with all data needed to recompute them.

    Attributes
    ----------
    options : Options
        The declared options.
    input_digest : str
        SHA-256 of the table's content, whatever the format of its file.
    package_version : str
        Version that made the certificate.
    facts : mapping
        Numbers of users and records.
    claims : tuple of Claim
        The claims.
    digest : str
        SHA-256 of the rest of the document.
    together : mapping
        The probability with which all claims hold at once; `level` is that of each claim alone.

    Examples
    --------
    >>> from spectra_eval.certification import certify
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> certificate = certify(table, k=1)
    >>> certificate.options.k, len(certificate.digest)
    (1, 64)
    """

    options: Options
    input_digest: str
    package_version: str
    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    digest: str
    together: Mapping[str, Any]

    def __getitem__(self, name: str) -> Claim:
        for claim in self.claims:
            if claim.claim == name:
                return claim
        raise InputError(f"claim: no claim {name!r} here; there are {', '.join(c.claim for c in self.claims)}")

    def __len__(self) -> int:
        return len(self.claims)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        n_holding = sum(claim.holds is True for claim in self.claims)
        return f"<Certificate: {n_holding} of {len(self)} claims hold, digest {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        return html_table(repr(self), ("claim", "bound", "threshold", "margin", "", "users"), map(_row, self.claims))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per claim, with its fields as columns."""
        return rows_frame(dataclasses.asdict(claim) for claim in self.claims)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document of `to_json` as a JSON file, completely or not at all; `verify` reads it."""
        write_json(self.to_json(), path)

    @property
    def holds(self) -> bool:
        """Return whether every required claim holds."""
        return all(self[name].holds is True for name in self.options.require)

    def to_json(self) -> dict[str, Any]:
        """Return the document of product files: strict JSON values only."""
        return {**document(self), "digest": self.digest}


def _row(claim: Claim) -> tuple[object, ...]:
    verdict = {True: "holds", False: "does not hold", None: claim.status}[claim.holds]
    return claim.claim, claim.bound, claim.threshold, claim.margin, verdict, claim.n_users


def document(certificate: Certificate) -> dict[str, Any]:
    """Return the certificate without its own digest."""
    options = dataclasses.asdict(certificate.options)
    for name, left_out in LATER.items():
        if options[name] == left_out:
            del options[name]
    return {
        "schema": SCHEMA,
        "package_version": certificate.package_version,
        "input_digest": certificate.input_digest,
        "options": {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()},
        "facts": dict(certificate.facts),
        "together": dict(certificate.together),
        "claims": [dataclasses.asdict(claim) for claim in certificate.claims],
    }
