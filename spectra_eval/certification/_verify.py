"""Verification: recomputation of a certificate from its table."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spectra_eval.artifacts import json_digest
from spectra_eval.certification._base import CLAIMS
from spectra_eval.certification._certificate import LATER, SCHEMA, Certificate
from spectra_eval.certification._options import Options
from spectra_eval.certification._stream import certify, kinds_of
from spectra_eval.certification.rival_claims import RIVAL_CLAIMS
from spectra_eval.errors import InputError, SchemaError, SpectraError
from spectra_eval.tables import PreferenceTable

__all__ = ["Verification", "verify"]

RTOL = 1e-9
"""Relative tolerance: another processor may round sums differently."""

_KEYS: dict[str, Any] = {
    "schema": str,
    "package_version": str,
    "input_digest": str,
    "options": dict,
    "facts": dict,
    "claims": list,
}
_KEYS |= {"digest": str}
_OPTIONS: dict[str, Any] = {"k": int, "level": float, "scope": str, "bound": str, "declared": int}
_OPTIONS |= {"predicate_error": float, "routes": list, "require": dict}
_LATER_KEYS: dict[str, Any] = {"together": dict}
_LATER_OPTIONS: dict[str, Any] = {"seed": int | None, "claims": list}
"""Fields that certificates of earlier versions lack, either all or none."""
_WORDS: dict[Any, str] = {str: "a text", dict: "an object", list: "a list", int: "a whole number", float: "a number"}
_WORDS |= {int | None: "a whole number or null"}
_ANEW = "certify the table anew"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of a recomputation of a certificate.

    Attributes
    ----------
    n_compared : int
        Number of values compared.
    differences : tuple of str
        A line for each value that differs.
    claims : tuple of str
        The claims of the certificate.
    left_out : tuple of str
        The known claims that are not in the certificate.
    made_by : str
        Version of the package that made the certificate.

    Examples
    --------
    >>> Verification(n_compared=12, differences=(), claims=("mean.law",)).coverage
    '1 of 1 claims'
    """

    n_compared: int
    differences: tuple[str, ...]
    claims: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    made_by: str = ""

    @property
    def agrees(self) -> bool:
        """Return whether nothing differs; claims may be left out."""
        return not self.differences

    @property
    def coverage(self) -> str:
        """Return the number of known claims in the certificate, and those left out, as text."""
        rivals = [name for name in (*self.claims, *self.left_out) if name.partition(":")[0] in RIVAL_CLAIMS]
        here = [name for name in self.claims if name not in rivals]
        n_known = len(self.claims) + len(self.left_out) - len(rivals)
        n_rivals = sum(name in rivals for name in self.claims)
        against = f"; {n_rivals} of {len(rivals)} against rivals" if rivals else ""
        left = f"; left out: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{len(here)} of {n_known} claims{left}{against}"


def verify(
    certificate: Certificate | Mapping[str, Any],
    source: PreferenceTable | Iterable[PreferenceTable],
    *,
    against: Mapping[str, Any] | None = None,
) -> Verification:
    """Recompute every number of a certificate from its table.

    Parameters
    ----------
    certificate : Certificate or mapping
        A certificate, or its document as `Certificate.to_json` gives it or a file holds it. One that was written before
        `seed` and `claims` were recorded is verified too, unless its bound is ``betting``.
    source : PreferenceTable, or iterable of PreferenceTable
        The table, in any file format that gives the same content.
    against : mapping of str to table, optional
        The tables of those rivals that were given as tables.

    Returns
    -------
    Verification
        The values that differ, and the claims that were compared.

    Raises
    ------
    SchemaError
        The document is no certificate: a key, an option or a claim is missing, unknown, doubled or of another kind.
    InputError
        The table of a rival is needed, or one is given that the certificate does not know.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> document = certify(table, k=1).to_json()
    >>> found = verify(document, table)
    >>> found.agrees, found.coverage
    (True, '7 of 7 claims')
    """
    document = certificate.to_json() if isinstance(certificate, Certificate) else certificate
    earlier = _checked(document)
    names = [claim["claim"] for claim in document["claims"]]
    try:
        options = Options(**{**document["options"], "claims": document["options"].get("claims", names)})
        known = [*kinds_of(options, ())]
        for name in names:
            if name not in known and name not in CLAIMS:
                raise SchemaError(f"claims: {name[:60]!r} is none that the options select")
    except SpectraError as error:
        raise SchemaError(f"certificate: options: {error}") from error
    if earlier and options.bound == "betting":
        raise SchemaError(
            f"certificate: its betting bound used the order of the rows, which their author could choose; {_ANEW}"
        )
    fields = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    fields["against"] = _rivals(options, document["facts"], against or {})
    again = certify(source, **fields).to_json()
    if earlier:
        again["facts"].pop("flat", None)  # not recorded in that version
    differences = []
    if json_digest({name: value for name, value in document.items() if name != "digest"}) != document["digest"]:
        differences.append("digest: the document does not match its digest")
    missing = [name for name in known if name not in names]
    if missing:
        n_known = len(known)
        differences.append(
            f"claims: {len(names)} of {n_known} claims; left out: {', '.join(missing)}, although the options name them"
        )
    again["claims"] = [claim for claim in again["claims"] if claim["claim"] in names]
    compared = 0
    # The version may differ; the digests of the documents then differ too, and are compared above.
    for name in (
        ("input_digest", "facts", "claims") if earlier else ("input_digest", "facts", "claims", "together", "options")
    ):
        for line in _compare(name, document[name], again[name]):
            compared += 1
            if line:
                differences.append(line)
    return Verification(
        n_compared=compared,
        differences=tuple(differences),
        claims=tuple(names),
        left_out=tuple(name for name in dict.fromkeys((*CLAIMS.names(), *known)) if name not in names),
        made_by=document["package_version"],
    )


def _rivals(options: Options, facts: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rivals of a certificate, each with its table if it had one."""
    rivals = facts.get("rivals", {})
    if odd := sorted(set(tables).difference(options.against)):
        raise InputError(f"against: the certificate has no rival {odd[0]!r}")
    for name in options.against:
        kind = rivals.get(name, {}).get("kind") if isinstance(rivals, Mapping) else None
        if (kind == "table") != (name in tables):
            word = "the table of its rival is needed" if kind == "table" else "its rival was no table"
            raise InputError(f"against: {name}: {word}; {'give it' if kind == 'table' else 'leave it out'}")
    return {name: tables.get(name) for name in options.against}


def _checked(recorded: Any) -> bool:
    """Check the structure of a certificate; return whether it was written before seed and claims were recorded."""
    if not isinstance(recorded, Mapping):
        raise SchemaError(f"certificate: {type(recorded).__name__} is not a certificate; give one, or its document")
    if recorded.get("schema") != SCHEMA:
        raise SchemaError(f"certificate: schema is {recorded.get('schema')!r}, not {SCHEMA!r}; {_ANEW}")
    options = recorded.get("options")
    later = not _LATER_KEYS.keys().isdisjoint(recorded)
    later = later or (isinstance(options, Mapping) and not _LATER_OPTIONS.keys().isdisjoint(options))
    _check_keys("", recorded, _KEYS | (_LATER_KEYS if later else {}))
    _check_keys("options.", recorded["options"], _OPTIONS | (_LATER_OPTIONS if later else {}))
    if not re.fullmatch(r"\d+(\.\d+)+([0-9A-Za-z.+-]*[0-9A-Za-z])?", recorded["package_version"]):
        raise SchemaError(f"certificate: package_version: {recorded['package_version'][:40]!r} is no version; {_ANEW}")
    claims = recorded["claims"]
    if not claims:
        raise SchemaError(f"certificate: it makes no claim; {_ANEW}")
    names: set[str] = set()
    for claim in claims:
        name = claim.get("claim") if isinstance(claim, Mapping) else None
        if not isinstance(name, str):
            raise SchemaError(f"certificate: 'claims' is not a list of claims; {_ANEW}")
        if name in names:
            raise SchemaError(f"certificate: the claim {name!r} is repeated; {_ANEW}")
        names.add(name)
    return not later


def _check_keys(where: str, recorded: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
    for name in recorded:
        if name not in keys and not (where and name in LATER):
            raise SchemaError(f"certificate: {where}{str(name)[:40]}: unknown; a certificate has no such entry")
    for name, kind in keys.items():
        if name not in recorded:
            raise SchemaError(f"certificate: {where}{name}: missing; {_ANEW}")
        value = recorded[name]
        kinds = {dict: Mapping, list: list | tuple}.get(kind, kind)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise SchemaError(f"certificate: {where}{name}: {str(value)[:40]!r} is not {_WORDS[kind]}; {_ANEW}")


_NOTHING = object()


def _compare(where: str, recorded: Any, found: Any) -> Iterator[str]:
    """Yield one line per compared value, empty if the values agree."""
    if isinstance(recorded, Mapping) and isinstance(found, Mapping):
        for key in sorted({*recorded, *found}):
            yield from _compare(f"{where}.{key}", recorded.get(key, _NOTHING), found.get(key, _NOTHING))
    elif recorded is _NOTHING or found is _NOTHING:
        yield f"{where}: {'missing in the certificate' if recorded is _NOTHING else 'not among what was recomputed'}"
    elif isinstance(recorded, list | tuple) and isinstance(found, list | tuple):
        if len(recorded) != len(found):
            yield f"{where}: {len(recorded)} entries in the certificate, {len(found)} recomputed"
            return
        for place, (one, other) in enumerate(zip(recorded, found, strict=True)):
            label = one["claim"] if isinstance(one, Mapping) and "claim" in one else place
            yield from _compare(f"{where}[{label}]", one, other)
    else:
        yield "" if _agree(recorded, found) else f"{where}: certificate {recorded!r}, recomputed {found!r}"


def _agree(recorded: Any, found: Any) -> bool:
    if type(recorded) is float and type(found) is float:
        return math.isclose(recorded, found, rel_tol=RTOL, abs_tol=1e-12)
    return type(recorded) is type(found) and bool(recorded == found)
