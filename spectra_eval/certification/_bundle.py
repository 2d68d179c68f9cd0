"""Certificates at several cut-offs in one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectra_eval.artifacts import json_digest
from spectra_eval.certification._certificate import Certificate
from spectra_eval.errors import SchemaError

__all__ = ["bundle", "unbundle"]

SCHEMA = "spectra-eval/certificates/1"


def bundle(certificates: Sequence[Certificate]) -> dict[str, Any]:
    """Return one document of several certificates; a single certificate is its own document.

    Parameters
    ----------
    certificates : sequence of Certificate
        Those of `certify_cutoffs`, one for each cut-off.

    Returns
    -------
    dict of str to any
        The document of a product file, with its digest.

    Examples
    --------
    >>> from spectra_eval.certification import certify_cutoffs
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> document = bundle(certify_cutoffs(table, (1, 2)))
    >>> document["k"], len(unbundle(document))
    ([1, 2], 2)
    """
    documents = [certificate.to_json() for certificate in certificates]
    if len(documents) == 1:
        return documents[0]
    body = {"schema": SCHEMA, "k": [certificate.options.k for certificate in certificates], "certificates": documents}
    return {**body, "digest": json_digest(body)}


def unbundle(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the certificates of a document: several, or the single one that it is.

    Parameters
    ----------
    document : mapping
        The content of a file of certificates.

    Returns
    -------
    list of mappings
        The document of each certificate.

    Raises
    ------
    SchemaError
        The document names certificates that are missing, or was changed.

    Examples
    --------
    >>> unbundle({"schema": "one certificate"})
    [{'schema': 'one certificate'}]
    """
    if document.get("schema") != SCHEMA:
        return [document]
    for name in document:
        if name not in ("schema", "k", "certificates", "digest"):
            raise SchemaError(f"certificates: {str(name)[:40]}: unknown; certify the table anew")
    cutoffs, parts = document.get("k"), document.get("certificates")
    if not isinstance(cutoffs, list) or not isinstance(parts, list) or not parts:
        raise SchemaError("certificates: 'k' and 'certificates' are not lists; certify the table anew")
    if not all(isinstance(part, Mapping) for part in parts) or not all(type(k) is int for k in cutoffs):
        raise SchemaError("certificates: 'k' holds no whole numbers, or 'certificates' no certificates; certify anew")
    declared = [part.get("options") for part in parts]
    found = [options.get("k") if isinstance(options, Mapping) else None for options in declared]
    if found != cutoffs or any(cutoffs.count(k) > 1 for k in cutoffs):
        raise SchemaError(f"certificates: those at k = {found} are here, where {cutoffs} are named; certify anew")
    if json_digest({name: value for name, value in document.items() if name != "digest"}) != document.get("digest"):
        raise SchemaError("certificates: the document does not match its digest; certify the table anew")
    return list(parts)
