"""One pass over the users, which feeds every claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.artifacts import HashRuns, TableBlocks, TableDigest, json_digest
from spectra_eval.certification._base import CLAIMS, Certificate, Options, UserBlock, document, undefined
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable, joined_support

__all__ = ["certify"]

BLOCK = 65536


def certify(
    source: PreferenceTable | Iterable[PreferenceTable],
    *,
    k: int = 5,
    level: float = 0.95,
    scope: str = "cohort",
    bound: str = "hoeffding",
    declared: int = 1,
    predicate_error: float = 0.01,
    routes: Sequence[str] = ("T",),
    require: Mapping[str, float] | None = None,
    claims: Sequence[str] | None = None,
) -> Certificate:
    """Say, with a proof attached, what a table shows about a readout and the lists decoded beside it.

    Parameters
    ----------
    source : PreferenceTable, or iterable of PreferenceTable
        The records, whole or in blocks of 65,536 (`artifacts.iter_table`); read once, in order. Records of
        one user stand together; a user's records are averaged first, so that the unit is the user.
    k : int
        The claims speak of the first k entries of each decoded list; k < K.
    level : float
        Probability with which each claim holds.
    scope : {"cohort", "population"}
        ``cohort``: these users only. ``population``: you assert that users were drawn i.i.d. and the
        predictor was fixed without them.
    bound : {"hoeffding", "clopper-pearson", "betting", "dkw", "printed"}
        Declared before looking; all but the first and the last need ``scope="population"``.
    declared : int
        Number of analyses declared together; the error is divided among them.
    predicate_error : float
        Error allowed to the finite-sample predicate of one user.
    routes : sequence of {"T", "J", "K"}
        The finite-sample predicates declared for ``fraction.law``; each is tried at its share of the error.
    require : mapping of str to float, optional
        Threshold by claim.
    claims : sequence of str, optional
        Which claims; all by default.

    Returns
    -------
    Certificate
        Claims that the table cannot carry are ``undefined`` with the reason.

    Raises
    ------
    InputError
        There is no readout, no user with a window, or k is not below K.
    AssumptionError
        The bound is not proven for the scope.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.tables import PreferenceTable
    >>> truth = np.tile([0.1, 0.2, 0.7], (400, 1))
    >>> table = PreferenceTable(
    ...     users=[f"u{i:03}" for i in range(400)], categories=("a", "b", "c"),
    ...     theta_star=truth, theta_s=truth, dg=np.tile([0], (400, 1)),
    ... )
    >>> claim = certify(table, k=1)["mean.law"]
    >>> claim.holds, round(claim.bound, 3)
    (True, 0.778)
    """
    options = Options(
        k=k,
        level=level,
        scope=scope,  # type: ignore[arg-type]  # Options refuses any other word
        bound=bound,
        declared=declared,
        predicate_error=predicate_error,
        routes=tuple(routes),
        require=dict(require or {}),
    )
    kinds = [CLAIMS[name] for name in (claims if claims is not None else CLAIMS.names())]
    for name in options.require:
        if CLAIMS[name] not in kinds:
            raise InputError(f"require: the claim {name!r} is required but not among the claims asked for")
    running = [(kind, kind.start(options)) for kind in kinds]
    digest = TableDigest()
    n_records = n_unseen = n_users = 0
    has_list = False
    for table in _blocks(source):
        digest.update(table)
        n_records += table.n_users
        _check(table, options)
        has_list = has_list or table.dg is not None
        block = UserBlock(table, options.k)
        n_unseen += block.n_unseen
        n_users += len(block.starts)
        for _, accumulator in running:
            accumulator.add(block)
    if n_users == 0:
        raise InputError("table: no user has a window with interactions; there is nothing to certify")
    rows = []
    for kind, accumulator in running:
        if has_list or kind.without_lists:
            rows.append(accumulator.claim())
        else:
            reason = "the table has no decoded list (column dg)"
            rows.append(undefined(kind, options, reason=reason, n=n_users))
    certificate = Certificate(
        options=options,
        input_digest=digest.hexdigest(),
        package_version=__version__,
        facts={"n_records": n_records, "n_users": n_users, "n_without_window": n_unseen},
        claims=tuple(rows),
        digest="",
    )
    return _sealed(certificate)


def _sealed(certificate: Certificate) -> Certificate:
    values = {name: getattr(certificate, name) for name in certificate.__dataclass_fields__}
    return Certificate(**{**values, "digest": json_digest(document(certificate))})


def _check(table: PreferenceTable, options: Options) -> None:
    if table.theta_s is None:
        raise InputError("column theta_s: missing; probe a model or add a prediction before certifying")
    if options.k >= table.n_categories:
        raise InputError(
            f"k: {options.k} leaves no category off the list of {table.n_categories}; choose k < {table.n_categories}"
        )


def _blocks(source: PreferenceTable | Iterable[PreferenceTable]) -> Iterator[PreferenceTable]:
    """Cut into blocks that never part the records of one user, and refuse a user who comes back."""
    vouched = isinstance(source, TableBlocks | PreferenceTable)  # no record stands in them twice
    if isinstance(source, PreferenceTable):
        whole = source
        source = (whole.select(slice(i, i + BLOCK)) for i in range(0, whole.n_users, BLOCK))
    held: PreferenceTable | None = None
    done = HashRuns()
    for incoming in source:
        table = incoming
        if table.context_window is None and table.horizon is None:
            if not vouched:
                _check_once(table.users, done)
            yield table  # a user has one record: nothing to hold together
            continue
        if held is not None:
            table = _joined(held, incoming)
        heads = _heads(table.users)
        _check_together(heads, done)
        last = int(np.flatnonzero(table.users == table.users[-1])[0])
        held = table.select(slice(last, None))
        if last:
            done.add(heads[:-1].tolist())
            yield table.select(slice(0, last))
    if held is not None:
        yield held


def _joined(first: PreferenceTable, second: PreferenceTable) -> PreferenceTable:
    columns: dict[str, Any] = {}
    for name in ("users", "theta_star", "n_window", "theta_s", "context_window", "horizon", "counts", "dg"):
        a, b = getattr(first, name), getattr(second, name)
        columns[name] = None if a is None or b is None else np.concatenate([a, b])
    support = joined_support([first, second])
    return PreferenceTable(categories=first.categories, metadata=first.metadata, support=support, **columns)


def _heads(users: np.ndarray) -> np.ndarray:
    """Return each user once for every run of records; a user comes twice where the records do not stand together."""
    return users[np.flatnonzero(np.concatenate(([True], users[1:] != users[:-1])))]


def _check_once(users: np.ndarray, done: HashRuns) -> None:
    again = done.add(users.tolist()) | _repeated(users)
    if again.any():
        name = str(users[np.flatnonzero(again)[0]])
        raise InputError(
            f"column user: {name!r} comes twice; keep one record of each user, or give the column context_window"
        )


def _check_together(heads: np.ndarray, done: HashRuns) -> None:
    again = done.holds(np.fromiter(map(hash, heads.tolist()), dtype=np.int64, count=len(heads))) | _repeated(heads)
    if again.any():
        name = str(heads[np.flatnonzero(again)[0]])
        raise InputError(f"column user: the records of {name!r} are not together; sort the table by user")


def _repeated(users: np.ndarray) -> np.ndarray:
    """Mark each user who stands earlier in the same array."""
    names, first = np.unique(users, return_index=True)
    if len(names) == len(users):
        return np.zeros(len(users), dtype=bool)
    return ~np.isin(np.arange(len(users)), first)
