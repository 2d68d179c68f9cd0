"""What a claim is, what it is computed from, and how one pass over the users feeds all of them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from spectra_eval import simplex
from spectra_eval.arrays import check_cutoff, check_level
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.registry import Registry
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory._base import Assumption, Standing
from spectra_eval.units import LN2

__all__ = [
    "BOUNDS",
    "CLAIMS",
    "TIE",
    "Accumulator",
    "Certificate",
    "Claim",
    "ClaimKind",
    "Mean",
    "Options",
    "UserBlock",
    "against",
    "document",
    "group_mean",
    "independence",
    "undefined",
]

BOUNDS = ("hoeffding", "clopper-pearson", "betting", "dkw", "printed")
"""How a number measured on N users becomes a statement about more than these N windows."""

TIE = 1e-12
"""Two sums over categories that differ by no more are equal: their last places depend on the order of the sum."""

_POPULATION_ONLY = ("clopper-pearson", "betting", "dkw")
SCHEMA = "spectra-eval/certificate/1"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that is declared before the outcomes are looked at; it stands in the certificate.

    Attributes
    ----------
    k : int
        Length of the decoded list that the claims speak of: its first k entries.
    level : float
        Each claim holds with this probability.
    scope : str
        ``cohort`` (these users; windows independent) or ``population`` (users drawn i.i.d., predictor
        fixed without them).
    bound : str
        One of `BOUNDS`.
    declared : int
        How many cut-offs, tables or routes were declared together; the error is divided among them.
    predicate_error : float
        For ``fraction.law``: the error allowed to the finite-sample predicate of one user.
    routes : tuple of str
        For ``fraction.law``: the routes declared (T, J, K); each is tried at its share of the error.
    require : mapping
        Threshold by claim; the claim holds where its bound reaches it.
    """

    k: int = 5
    level: float = 0.95
    scope: Literal["cohort", "population"] = "cohort"
    bound: str = "hoeffding"
    declared: int = 1
    predicate_error: float = 0.01
    routes: tuple[str, ...] = ("T",)
    require: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_cutoff(self.k)
        check_level("level", self.level)
        check_level("predicate_error", self.predicate_error)
        if self.declared < 1:
            raise InputError(f"declared: {self.declared} is below 1; count the analyses declared in advance")
        if not self.routes or len(set(self.routes)) < len(self.routes) or not set(self.routes) <= {"T", "J", "K"}:
            raise InputError(f"routes: {', '.join(self.routes) or 'none'} given; choose each of T, J, K at most once")
        if self.scope not in ("cohort", "population"):
            raise InputError(f"scope: {self.scope!r} is neither 'cohort' nor 'population'")
        if self.bound not in BOUNDS:
            raise InputError(f"bound: {self.bound!r} is none of {', '.join(BOUNDS)}")
        if self.scope == "cohort" and self.bound in _POPULATION_ONLY:
            raise AssumptionError(
                f"bound: {self.bound} is proven for users drawn i.i.d. only; assert that with scope='population' "
                "(--scope population), or take the bound hoeffding"
            )

    @property
    def error(self) -> float:
        """Probability with which one claim may fail."""
        return (1.0 - self.level) / self.declared


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


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The claims about one table, with everything that is needed to recompute them.

    `digest` is the digest of the rest of the document; `input_digest` that of the table's content,
    whatever the format of its file.
    """

    options: Options
    input_digest: str
    package_version: str
    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    digest: str

    def __getitem__(self, name: str) -> Claim:
        for claim in self.claims:
            if claim.claim == name:
                return claim
        raise InputError(f"claim: no claim {name!r} here; there are {', '.join(c.claim for c in self.claims)}")

    @property
    def holds(self) -> bool:
        """Whether every claim that was required holds."""
        return all(self[name].holds is True for name in self.options.require)

    def to_json(self) -> dict[str, Any]:
        """Give the document of product files: strict JSON values only."""
        return {**document(self), "digest": self.digest}


def document(certificate: Certificate) -> dict[str, Any]:
    """Give the certificate without its own digest."""
    return {
        "schema": SCHEMA,
        "package_version": certificate.package_version,
        "input_digest": certificate.input_digest,
        "options": {**dataclasses.asdict(certificate.options), "routes": list(certificate.options.routes)},
        "facts": dict(certificate.facts),
        "claims": [dataclasses.asdict(claim) for claim in certificate.claims],
    }


class UserBlock:
    """What the claims need of some records, each quantity computed once and only when asked for.

    Records without a window are left out; `n_unseen` counts the users who have no other.

    All quantities are of the observed windows: `tv` is TV(theta_s, theta_star), `missed` the truth's mass
    off the list, `tv_list` and `js_list` the divergences of the uniform distribution on the list.
    """

    def __init__(self, table: PreferenceTable, k: int) -> None:
        seen = table.observed
        self.k = k
        self.table = table if seen.all() else table.select(seen)
        self.n_unseen = 0 if seen.all() else _n_users(table.users) - _n_users(self.table.users)

    @property
    def theta_star(self) -> np.ndarray:
        """(n, K) observed frequencies."""
        return self.table.theta_star

    @property
    def theta_s(self) -> np.ndarray:
        """(n, K) the readout."""
        assert self.table.theta_s is not None  # _stream has seen to it
        return self.table.theta_s

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """First record of each user; records of one user stand together."""
        return _starts(self.table.users)

    @functools.cached_property
    def on_list(self) -> np.ndarray:
        """(n, K) bool: the category is among the first k decoded entries."""
        mask = np.zeros((self.table.n_users, self.table.n_categories + 1), dtype=bool)
        lists = self.table.dg
        if lists is not None:
            first = lists[:, : self.k]
            # Entries that are no category fall into a spare column, which is then cut off.
            np.put_along_axis(mask, np.where(first < 0, self.table.n_categories, first), values=True, axis=1)
        return mask[:, :-1]

    @functools.cached_property
    def listed(self) -> np.ndarray:
        """(n,) bool: the list names at least one category."""
        return np.asarray(self.on_list.any(axis=1))

    @functools.cached_property
    def tv(self) -> np.ndarray:
        """(n,) total variation between readout and window."""
        return simplex.tv(self.theta_star, self.theta_s)

    @functools.cached_property
    def js_bits(self) -> np.ndarray:
        """(n,) Jensen-Shannon divergence between readout and window, in bits."""
        return simplex.js_nats(self.theta_star, self.theta_s) / LN2

    @functools.cached_property
    def missed(self) -> np.ndarray:
        """(n,) mass of the window that lies off the list."""
        return np.where(self.on_list, 0.0, self.theta_star).sum(axis=1)

    @functools.cached_property
    def theta_list(self) -> np.ndarray:
        """(n, K) uniform on the list; rows without a list are zero and must be left out by the caller."""
        return self.on_list / np.maximum(self.on_list.sum(axis=1, keepdims=True), 1)

    @functools.cached_property
    def tv_list(self) -> np.ndarray:
        """(n,) total variation between the uniform distribution on the list and the window."""
        return simplex.tv(self.theta_star, self.theta_list)

    @functools.cached_property
    def js_list_bits(self) -> np.ndarray:
        """(n,) the same in Jensen-Shannon divergence, in bits."""
        return simplex.js_nats(self.theta_star, self.theta_list) / LN2


def _starts(users: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.concatenate(([True], users[1:] != users[:-1]))) if len(users) else np.empty(0, dtype=int)


def _n_users(users: np.ndarray) -> int:
    return len(_starts(users))


def group_mean(values: np.ndarray, block: UserBlock, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average per-record values within each user; return the averages and which users have one."""
    number = np.add.reduceat(kept.astype(np.float64), block.starts)
    total = np.add.reduceat(np.where(kept, values, 0.0), block.starts)
    has = number > 0
    return total[has] / number[has], has


class Mean:
    """Streams one number a user: count, sum, and, where a bound asks for it, the numbers themselves.

    The sum is taken block by block over blocks of a fixed size and then exactly, so that it does not
    depend on how the file was cut.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.n = 0
        self._sums: list[float] = []
        self._kept: list[np.ndarray] | None = [] if keep else None
        self.binary = True

    def add(self, values: np.ndarray) -> None:
        """Take the numbers of some more users."""
        self.n += len(values)
        self._sums.append(float(np.sum(values)))
        self.binary = self.binary and bool(np.isin(values, (0.0, 1.0)).all())
        if self._kept is not None:
            self._kept.append(np.array(values, dtype=np.float64))

    @property
    def total(self) -> float:
        """Sum over all users."""
        return math.fsum(self._sums)

    @property
    def mean(self) -> float:
        """Mean over all users."""
        return self.total / self.n

    @property
    def values(self) -> np.ndarray:
        """The numbers in the order of the table, where they were kept."""
        if self._kept is None:
            raise AssumptionError("these values were streamed, not kept")
        return np.concatenate(self._kept) if self._kept else np.empty(0)


class Accumulator(Protocol):
    """One claim while the users pass by."""

    def add(self, block: UserBlock) -> None:
        """Take some more users."""

    def claim(self) -> Claim:
        """Say what can be claimed of all users seen."""


@dataclass(frozen=True, kw_only=True)
class ClaimKind:
    """One entry of the family: its name, what it says in one line, and how to start it.

    `without_lists` marks a claim that can be made of a table without decoded lists.
    """

    name: str
    summary: str
    reference: str
    start: Callable[[Options], Accumulator]
    target: Literal["window", "law"] = "law"
    without_lists: bool = False


CLAIMS: Registry[ClaimKind] = Registry(
    "claim", package="spectra_eval.certification", group="spectra_eval.certification"
)


def independence(options: Options) -> tuple[Assumption, ...]:
    """Give the assumptions that every statistical claim of this scope rests on."""
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


def against(options: Options, kind: ClaimKind, bound: float, *, default: float) -> dict[str, Any]:
    """Hold a bound against what was required of it, or else strictly against the default threshold."""
    threshold = options.require.get(kind.name, default)
    holds = bound >= threshold if kind.name in options.require else bound > threshold
    return {"bound": bound, "threshold": threshold, "margin": bound - threshold, "holds": holds}


def undefined(kind: ClaimKind, options: Options, *, reason: str, n: int = 0) -> Claim:
    """Give the row of a claim that this table cannot carry."""
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
