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

__all__ = ["SCHEMA", "Certificate", "Claim", "document"]

SCHEMA = "spectra-eval/certificate/1"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One line of a certificate; the fields are those of the file.

    `status` is ``undefined`` where the table cannot carry the claim, and `reason` says why. Where a claim
    bounds a quantity from below, `bound` is that number, and `margin` its distance from the `threshold`.
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
    """The claims about one table, with everything that is needed to recompute them.

    `digest` is the digest of the rest of the document; `input_digest` that of the table's content,
    whatever the format of its file. `together` says with which probability all claims hold at once: `level` is that of
    each on its own.
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
        held = sum(claim.holds is True for claim in self.claims)
        return f"<Certificate: {held} of {len(self)} claims hold, digest {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        return html_table(repr(self), ("claim", "bound", "threshold", "margin", "", "users"), map(_row, self.claims))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a claim, with its fields as columns."""
        return rows_frame(dataclasses.asdict(claim) for claim in self.claims)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document of `to_json` as a JSON file, whole or not at all; `verify` reads it."""
        write_json(self.to_json(), path)

    @property
    def holds(self) -> bool:
        """Whether every claim that was required holds."""
        return all(self[name].holds is True for name in self.options.require)

    def to_json(self) -> dict[str, Any]:
        """Give the document of product files: strict JSON values only."""
        return {**document(self), "digest": self.digest}


def _row(claim: Claim) -> tuple[object, ...]:
    held = {True: "holds", False: "does not hold", None: claim.status}[claim.holds]
    return claim.claim, claim.bound, claim.threshold, claim.margin, held, claim.n_users


def document(certificate: Certificate) -> dict[str, Any]:
    """Give the certificate without its own digest."""
    options = dataclasses.asdict(certificate.options)
    return {
        "schema": SCHEMA,
        "package_version": certificate.package_version,
        "input_digest": certificate.input_digest,
        "options": {**options, "routes": list(options["routes"]), "claims": list(options["claims"] or ())},
        "facts": dict(certificate.facts),
        "together": dict(certificate.together),
        "claims": [dataclasses.asdict(claim) for claim in certificate.claims],
    }
