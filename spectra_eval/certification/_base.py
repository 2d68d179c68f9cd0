"""The definition of a claim: the columns it needs, the bound over users, and the statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spectra_eval.certification._bounds import LowerBound
from spectra_eval.certification._certificate import Claim
from spectra_eval.certification._needs import Plan
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, Mean, NoClaim, Tally, Totals
from spectra_eval.errors import InputError
from spectra_eval.registry import Registry
from spectra_eval.theory._base import Assumption

__all__ = ["CLAIMS", "OF_RECORDS", "ClaimKind", "Finding", "covered_users", "make_claim", "undefined"]

OF_RECORDS = "the share of a user's records, averaged over users, which is no share of users"
"""The quantity that a claim about a proportion bounds where users have several records."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The numbers of one claim.

    Attributes
    ----------
    of : Mean
        The column that determines the users of the claim.
    by : LowerBound or None
        The bound; None for a kind without one.
    inputs : mapping
        The numbers behind the bound, as recorded in the certificate and used in the statement.
    margin : float or None
        For a kind without a bound: the number to show.
    holds : bool or None
        For a kind without a bound: whether the check succeeds.
    """

    of: Mean
    by: LowerBound | None
    inputs: Mapping[str, Any]
    margin: float | None = None
    holds: bool | None = None

    @property
    def n(self) -> int:
        """Return the number of users."""
        return self.of.n

    @property
    def several(self) -> bool:
        """Return whether a user has several records."""
        return self.of.several

    @property
    def bound(self) -> float:
        """Return the lower bound of a kind that has one."""
        assert self.by is not None
        return self.by.value


@dataclass(frozen=True, kw_only=True)
class ClaimKind:
    """One entry of the family.

    Attributes
    ----------
    name : str
        The name in the registry, in options and in certificates.
    label : str
        A few words, for headings.
    statement : str
        What is claimed, in one line.
    reading : str
        What a value says.
    pitfalls : str
        What it does not say.
    reference : str
        Source of the bound.
    columns : callable
        From the options to the columns and tallies that `bound` reads.
    bound : callable
        From the totals over all users to the numbers of the claim; it raises `NoClaim` with the reason where there
        is no bound.
    text : callable
        From these numbers to the sentence of the certificate.
    licenses : str
        What may be concluded.
    licenses_of_records : str
        The same where a user has several records; empty where it does not change.
    target : {"window", "law"}
        Whether the claim is about the observed window or the user's true distribution.
    about : {"readout", "lists"}
        Whether it is about the readout, or about every distribution on the decoded lists, whatever the readout is.
    without_lists : bool
        Whether a table without decoded lists can carry the claim.
    assumptions : tuple of Assumption
        What the claim assumes besides the assumptions of its scope.
    threshold : float
        What the bound must exceed where no threshold was required.
    least : float or None
        The smallest value of the bound; None for a kind that states no bound, so that nothing can be required of it.
    plan : Plan or None
        How the sample size that the claim needs is found; None where `plan` does not plan it.
    n_bounds : callable
        From the options to the number of bounds stated, each of which may fail.
    """

    name: str
    label: str
    statement: str
    reading: str
    pitfalls: str
    reference: str
    columns: Callable[[Options], tuple[Column | Tally, ...]]
    bound: Callable[[Totals, Options], Finding]
    text: Callable[[Finding, Options], str]
    licenses: str
    licenses_of_records: str = ""
    target: Literal["window", "law"] = "law"
    about: Literal["readout", "lists"] = "readout"
    without_lists: bool = False
    assumptions: tuple[Assumption, ...] = ()
    threshold: float = 0.0
    least: float | None = 0.0
    plan: Plan | None = None
    n_bounds: Callable[[Options], int] = lambda options: 1

    @property
    def definition(self) -> str:
        """Return the statement, under the name used by the other families."""
        return self.statement

    @property
    def summary(self) -> str:
        """Return the statement, under the name common to all families."""
        return self.statement

    def check_threshold(self, threshold: float) -> None:
        """Check that a requirement is neither always met nor always missed."""
        if self.least is None:
            raise InputError(f"require: {self.name!r} has no bound; require a claim with one")
        if not self.least <= threshold <= 1.0:
            raise InputError(
                f"require: {self.name} = {threshold:g} is outside [{self.least:g}, 1], the range of its bound"
            )


CLAIMS: Registry[ClaimKind] = Registry(
    "claim", package="spectra_eval.certification", group="spectra_eval.certification"
)


def make_claim(kind: ClaimKind, totals: Totals, options: Options) -> Claim:
    """Return the row of a claim in the certificate."""
    try:
        found = kind.bound(totals, options)
    except NoClaim as why:
        return undefined(kind, options, reason=str(why), n=why.n_users)
    return Claim(
        claim=kind.name,
        status="ok",
        standing="printed" if found.by is None else found.by.standing,
        statement=kind.text(found, options),
        target=kind.target,
        scope="these windows" if found.by is None else options.scope,
        inputs=found.inputs,
        **_verdict(kind, found, options),
        licenses=(found.several and kind.licenses_of_records) or kind.licenses,
        assumptions=() if found.by is None else (*_independence(options), *kind.assumptions),
        reference=kind.reference,
        n_users=found.n,
        method="printed" if found.by is None else found.by.method,
    )


def _verdict(kind: ClaimKind, found: Finding, options: Options) -> dict[str, Any]:
    """Compare a bound with the required threshold, or strictly with the default threshold of the kind."""
    if found.by is None:
        return {"bound": None, "threshold": None, "margin": found.margin, "holds": found.holds}
    threshold = options.require.get(kind.name, kind.threshold)
    holds = found.bound >= threshold if kind.name in options.require else found.bound > threshold
    return {"bound": found.bound, "threshold": threshold, "margin": found.bound - threshold, "holds": holds}


def _independence(options: Options) -> tuple[Assumption, ...]:
    """Return the assumptions of every statistical claim of this scope."""
    no_peek = Assumption(
        name="no-peek",
        text="theta_s and the decoded list depend on the history only, never on the window they are held against",
    )
    if options.scope == "population":
        drawn = Assumption(
            name="iid-users",
            text="asserted by the caller: the users were drawn independently from one population, "
            "and the predictor was fixed without them",
        )
        return (drawn, no_peek)
    windows = Assumption(
        name="independent-windows",
        text="given the histories, the windows of different users are independent; nothing is said of other users",
    )
    return (windows, no_peek)


def undefined(kind: ClaimKind, options: Options, *, reason: str, n: int = 0) -> Claim:
    """Return the row of a claim that is undefined for this table."""
    return Claim(
        claim=kind.name,
        status="undefined",
        standing="proven",
        statement=f"Nothing can be said: {reason}.",
        target=kind.target,
        scope=options.scope,
        inputs={},
        bound=None,
        threshold=options.require.get(kind.name),
        margin=None,
        holds=None,
        licenses="nothing",
        assumptions=(),
        reference=kind.reference,
        n_users=n,
        reason=reason,
    )


def covered_users(found: Finding, share: float) -> str:
    """Return the phrase for a proportion of users, or of their records where a user has several."""
    return f"for at least {share:.1%} of " + ("their records, averaged over users" if found.several else "them")
