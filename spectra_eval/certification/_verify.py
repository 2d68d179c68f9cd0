"""Recompute a certificate from its table and name every number that differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spectra_eval.artifacts import json_digest
from spectra_eval.certification._base import SCHEMA
from spectra_eval.certification._stream import certify
from spectra_eval.errors import SchemaError
from spectra_eval.tables import PreferenceTable

__all__ = ["Verification", "verify"]

RTOL = 1e-9
"""Numbers agree within this, relatively: another processor may round sums differently."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a recomputation found: how many values were compared, and a line for each that differs."""

    n_compared: int
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify(certificate: Mapping[str, Any], source: PreferenceTable | Iterable[PreferenceTable]) -> Verification:
    """Recompute every number of a certificate document from the table it speaks of.

    Parameters
    ----------
    certificate : mapping
        The document, as `Certificate.to_json` gives it or a file holds it.
    source : PreferenceTable, or iterable of PreferenceTable
        The table, in any file format that gives the same content.

    Returns
    -------
    Verification

    Raises
    ------
    SchemaError
        The document is no certificate.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> document = certify(table, k=1).to_json()
    >>> verify(document, table).agrees
    True
    """
    if certificate.get("schema") != SCHEMA or not isinstance(certificate.get("options"), Mapping):
        raise SchemaError(
            f"certificate: schema is {certificate.get('schema')!r}, not {SCHEMA!r}; certify the table anew"
        )
    claims = certificate.get("claims")
    if not isinstance(claims, list) or not all(isinstance(c, Mapping) and "claim" in c for c in claims):
        raise SchemaError("certificate: 'claims' is no list of claims; certify the table anew")
    try:
        again = certify(source, **certificate["options"], claims=[c["claim"] for c in claims]).to_json()
    except TypeError as error:
        raise SchemaError(f"certificate: its options cannot be read ({error}); certify the table anew") from error
    differences = []
    body = {name: value for name, value in certificate.items() if name != "digest"}
    if json_digest(body) != certificate.get("digest"):
        differences.append("digest: the document was changed after it was sealed")
    compared = 0
    # The version may differ; the digests of the documents then differ too, and are compared above.
    for name in ("input_digest", "facts", "claims"):
        for line in _compare(name, certificate.get(name), again[name]):
            compared += 1
            if line:
                differences.append(line)
    return Verification(n_compared=compared, differences=tuple(differences))


def _compare(where: str, said: Any, found: Any) -> Iterator[str]:
    """Yield one line a compared value: empty where the two agree."""
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        for key in sorted({*said, *found}):
            yield from _compare(f"{where}.{key}", said.get(key), found.get(key))
    elif isinstance(said, list | tuple) and isinstance(found, list | tuple):
        if len(said) != len(found):
            yield f"{where}: {len(said)} entries in the certificate, {len(found)} recomputed"
            return
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            label = one["claim"] if isinstance(one, Mapping) and "claim" in one else place
            yield from _compare(f"{where}[{label}]", one, other)
    else:
        yield "" if _same(said, found) else f"{where}: certificate {said!r}, recomputed {found!r}"


def _same(said: Any, found: Any) -> bool:
    numbers = isinstance(said, int | float) and isinstance(found, int | float)
    if numbers and not isinstance(said, bool) and not isinstance(found, bool):
        return math.isclose(said, found, rel_tol=RTOL, abs_tol=1e-12)
    return type(said) is type(found) and bool(said == found)
