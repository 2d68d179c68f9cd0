"""Certificates that somebody edited and sealed again: none is verified as whole without a word."""

from __future__ import annotations

import copy
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import json_digest
from spectra_eval.certification import CLAIMS, bundle, certify, certify_cutoffs, unbundle, verify
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import PreferenceTable

EARLIER = json.loads(Path(__file__).with_name("earlier.json").read_text(encoding="utf-8"))
Document = dict[str, Any]


def made(records: int = 1) -> PreferenceTable:
    rng = np.random.default_rng(7)
    law = np.tile([0.05, 0.05, 0.4, 0.5], (40, 1))
    counts = np.array([rng.multinomial(60, row) for row in law], dtype=float)
    several = {"context_window": np.arange(40) % records} if records > 1 else {}
    return PreferenceTable(
        users=[f"u{i // records:02}" for i in range(40)],
        categories=tuple("abcd"),
        counts=counts,
        n_window=np.full(40, 60),
        theta_s=0.9 * law + 0.025,
        dg=np.tile([0, 1], (40, 1)),
        **several,
    )


TABLE = made()
WHOLE = json.loads(
    json.dumps(
        certify(
            TABLE,
            k=2,
            scope="population",
            bound="betting",
            require={"truncation": 0.1, "mean.law": -0.5},
            routes=("T", "J"),
        ).to_json()
    )
)


def sealed(document: Document) -> Document:
    document["digest"] = json_digest({name: value for name, value in document.items() if name != "digest"})
    return document


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each entry of a document, objects and lists included."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


def at(document: Document, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def removed(holder: Any, key: Any) -> None:
    del holder[key]


def renamed(holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[f"{key}_"] = holder.pop(key)
    else:
        holder[key] = {"renamed": holder[key]}


def doubled(holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[f"{key} (2)"] = copy.deepcopy(holder[key])
    else:
        holder.insert(key, copy.deepcopy(holder[key]))


def nulled(holder: Any, key: Any) -> None:
    holder[key] = 0 if holder[key] is None else None


def retyped(holder: Any, key: Any) -> None:
    value = holder[key]
    others: dict[type, Callable[[Any], Any]] = {
        bool: int,
        int: float,
        float: str,
        str: lambda text: [text],
        dict: lambda entries: list(entries.items()),
        list: lambda entries: {str(place): entry for place, entry in enumerate(entries)},
        type(None): lambda _: "null",
    }
    holder[key] = others[type(value)](value)


def changed(holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int):
        holder[key] = value + 1
    elif isinstance(value, float):
        holder[key] = value * 1.001 + 1e-6
    elif isinstance(value, str):
        holder[key] = value + "x"
    elif isinstance(value, list):
        holder[key] = value[::-1] if value[::-1] != value else [*value, "x"]
    elif isinstance(value, dict):
        holder[key] = {**value, "extra": 0.5}
    else:
        holder[key] = 0.5


EDITS = [removed, renamed, doubled, nulled, retyped, changed]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certify once for each set of options: hundreds of edits leave them as they are."""
    module = sys.modules["spectra_eval.certification._verify"]
    known: dict[str, Any] = {}

    def remembered(source: PreferenceTable, **options: Any) -> Any:
        key = repr(sorted(options.items()))
        if key not in known:
            known[key] = certify(source, **options)
        return known[key]

    monkeypatch.setattr(module, "certify", remembered)


def judged(document: Document) -> str:
    """Say in one line what is wrong with a document, and nothing where it is verified as whole."""
    try:
        found = verify(document, TABLE)
    except (InputError, LookupError) as error:  # what the command line says in one line, exit code 3
        text = str(error)
        assert text and "\n" not in text
        return text
    if not found.agrees:
        return found.differences[0]
    return "" if not found.left_out else found.coverage


def test_the_unedited_certificate_is_verified_as_whole() -> None:
    assert {claim["status"] for claim in WHOLE["claims"]} == {"ok"}
    found = verify(WHOLE, TABLE)
    assert found.agrees and found.coverage == f"{len(CLAIMS.names())} of {len(CLAIMS.names())} claims"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_is_verified_in_silence(edit: Callable[[Any, Any], None]) -> None:
    passed, n_edits = [], 0
    for path in places(WHOLE):
        if path == ("digest",):
            continue
        document = copy.deepcopy(WHOLE)
        edit(at(document, path[:-1]), path[-1])
        n_edits += 1
        if not judged(sealed(document)):
            passed.append(path)
    assert n_edits > 150
    # Another version of the package may make the same certificate; the command line names it.
    assert passed == ([("package_version",)] if edit is changed else []), passed


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_is_not_sealed_again_is_named(edit: Callable[[Any, Any], None]) -> None:
    document = copy.deepcopy(WHOLE)
    edit(document, "digest")
    assert judged(document)
    document = copy.deepcopy(WHOLE)
    document["package_version"] = "9.9.9"
    assert judged(document) == "digest: the document does not match its digest"


def test_another_version_of_the_package_is_told() -> None:
    document = sealed({**copy.deepcopy(WHOLE), "package_version": "9.9.9"})
    found = verify(document, TABLE)
    assert found.agrees and found.made_by == "9.9.9"


@pytest.mark.parametrize("name", CLAIMS.names())
def test_claims_left_out_are_named(name: str) -> None:
    document = copy.deepcopy(WHOLE)
    document["claims"] = [claim for claim in document["claims"] if claim["claim"] != name]
    found = verify(sealed(document), TABLE)
    n = len(CLAIMS.names())
    assert found.coverage == f"{n - 1} of {n} claims; left out: {name}"
    assert any("although the options name them" in line for line in found.differences)
    others = [other for other in CLAIMS.names() if other != name]
    declared = certify(TABLE, k=2, claims=others).to_json()
    assert declared["options"]["claims"] == others
    found = verify(declared, TABLE)
    assert found.agrees and found.coverage == f"{n - 1} of {n} claims; left out: {name}"


def test_what_is_no_whole_certificate_is_refused_with_its_place() -> None:
    claim = WHOLE["claims"][0]
    for change, said in (
        ({"claims": []}, "it makes no claim"),
        ({"claims": [claim, claim]}, "is repeated"),
        ({"note": "hello"}, "note: unknown"),
        ({"options": {**WHOLE["options"], "k": True}}, "options.k: 'True' is not a whole number"),
        ({"options": {**WHOLE["options"], "require": "x"}}, "options.require: 'x' is not an object"),
        ({"options": {name: v for name, v in WHOLE["options"].items() if name != "level"}}, "options.level: missing"),
        ({"options": {**WHOLE["options"], "level": 1.5}}, "options: level: 1.5 is not strictly between"),
        ({"package_version": "latest"}, "package_version: 'latest' is no version"),
    ):
        with pytest.raises(SchemaError, match=f"^certificate: .*{said}"):
            verify(sealed({**copy.deepcopy(WHOLE), **change}), TABLE)


def earlier_table() -> PreferenceTable:
    columns = EARLIER["table"]
    return PreferenceTable(**{**columns, "categories": tuple(columns["categories"])})


def test_a_certificate_of_an_earlier_version_is_still_verified() -> None:
    document = EARLIER["hoeffding"]
    assert "seed" not in document["options"] and "together" not in document
    found = verify(document, earlier_table())
    assert found.agrees and found.coverage == "7 of 7 claims", found.differences
    fewer = sealed({**copy.deepcopy(document), "claims": document["claims"][1:]})
    assert verify(fewer, earlier_table()).coverage == "6 of 7 claims; left out: fraction.law"
    with pytest.raises(SchemaError, match="used the order of the rows"):
        verify(EARLIER["betting"], earlier_table())


def test_half_an_earlier_certificate_is_none() -> None:
    for name in ("seed", "claims"):
        document = copy.deepcopy(WHOLE)
        del document["options"][name]
        with pytest.raises(SchemaError, match=f"options.{name}: missing"):
            verify(sealed(document), TABLE)


def test_cutoffs_are_counted_and_share_the_error() -> None:
    parts = certify_cutoffs(TABLE, (1, 2, 3), declared=2)
    assert [one.options.declared for one in parts] == [6, 6, 6]
    for part in parts:
        alone = certify(TABLE, k=part.options.k, declared=6)
        assert part.to_json() == alone.to_json()
    document = json.loads(json.dumps(bundle(parts)))
    assert all(verify(part, TABLE).agrees for part in unbundle(document))
    with pytest.raises(InputError, match="name each cut-off once"):
        certify_cutoffs(TABLE, (1, 1))
    for change in ({"k": [1, 2]}, {"certificates": document["certificates"][:2]}, {"note": 1}, {"digest": "0"}):
        with pytest.raises(SchemaError, match=r"^certificates: "):
            unbundle({**document, **change})


def test_all_claims_together_are_promised_less_than_one() -> None:
    found = certify(TABLE, k=2)
    assert found.together["n_bounds"] == 7 and found.together["level"] == pytest.approx(0.65)
    assert "at once with probability at least 0.65" in found.together["statement"]
    assert certify(TABLE, k=2, declared=7).together["level"] == pytest.approx(0.95)
    one = certify(TABLE, k=2, claims=["mean.law"]).together
    assert one["n_bounds"] == 1 and "at once" not in one["statement"]
    assert certify(TABLE, k=2, claims=["regime.printed"]).together["n_bounds"] == 0


@pytest.mark.parametrize(
    ("require", "said"),
    [
        ({"regime.printed": 0.5}, "has no bound"),
        ({"truncation": float("nan")}, "not a finite number"),
        ({"truncation": True}, "not a finite number"),
        ({"truncation": 90}, "outside"),
        ({"fraction.window": -0.1}, "outside"),
        ({"mean.law": -1.5}, "outside"),
        ("truncation", "not a mapping"),
    ],
)
def test_a_requirement_that_means_nothing_is_refused(require: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"^require.*{said}"):
        certify(TABLE, k=2, require=require)


def test_share_claims_of_users_with_several_records_say_what_they_bound() -> None:
    single, several = certify(TABLE, k=2), certify(made(records=2), k=2)
    for name in ("fraction.window", "fraction.law", "mean.law", "mean-js.law", "ranking.window"):
        claim = several[name]
        assert claim.n_users == 20
        assert "the share of a user's records, averaged over users, which is no share of users" in claim.licenses, name
        assert "records" in claim.statement or "share" not in claim.statement, (name, claim.statement)
        assert "records" not in single[name].licenses + single[name].statement, name
    assert "of the records of 20 users" in several["fraction.window"].statement
    assert "of their records, averaged over users" in several["fraction.law"].statement


@pytest.mark.parametrize("bound", ["clopper-pearson", "betting", "dkw"])
def test_a_share_of_records_has_a_row_of_its_own_under_every_bound(bound: str) -> None:
    """A user's mean over records is no 0/1 outcome, also where only one of the two shares of a claim shows it."""
    table = made(records=2)
    held = np.array(table.theta_s)
    held[::2] = [0.3, 0.3, 0.2, 0.2]
    for theta in (table.theta_s, held):
        certificate = certify(table.replace(theta_s=theta), k=2, scope="population", bound=bound)
        assert len(certificate.claims) == 7


def test_a_level_below_one_half_leaves_dkw_undefined_row_by_row() -> None:
    certificate = certify(TABLE, k=2, scope="population", bound="dkw", level=0.4, routes=("T", "J"))
    status = {claim.claim: claim.status for claim in certificate.claims}
    assert status["mean-js.law"] == status["fraction.law"] == status["regime.printed"] == "ok"  # half the error each
    assert status["mean.law"] == status["fraction.window"] == status["truncation"] == "undefined"
    assert "up to 1/2" in str(certificate["mean.law"].reason)


@pytest.mark.parametrize("document", [None, 3, "certificate", [], [("schema", "x")]])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(SchemaError, match="is not a certificate; give one"):
        inspect.unwrap(verify)(document, TABLE)  # without the checks of types that the tests add


def test_a_version_that_ends_in_a_dot_is_none() -> None:
    assert "is no version" in judged(sealed({**copy.deepcopy(WHOLE), "package_version": "0.1."}))


@pytest.mark.parametrize(("cutoffs", "parts"), [([None], ["a"]), ([2.0], [WHOLE]), ([True], [WHOLE]), ([{}], [None])])
def test_a_bundle_of_other_kinds_is_refused(cutoffs: list[Any], parts: list[Any]) -> None:
    document = {"schema": "spectra-eval/certificates/1", "k": cutoffs, "certificates": parts}
    with pytest.raises(SchemaError, match="certify anew"):
        unbundle(sealed(document))
