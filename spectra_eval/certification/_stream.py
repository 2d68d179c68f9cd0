"""Certification in one pass over the users."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from spectra_eval._version import __version__
from spectra_eval.arrays import (
    Names,
    Number,
    Thresholds,
    Whole,
    as_names,
    check_cutoff,
    check_whole,
)
from spectra_eval.artifacts import TableDigest, json_digest
from spectra_eval.certification._base import CLAIMS, ClaimKind, make_claim, undefined
from spectra_eval.certification._block import UserBlock
from spectra_eval.certification._certificate import Certificate, Claim, document
from spectra_eval.certification._options import Options
from spectra_eval.certification._records import blocks_of
from spectra_eval.certification._rivals import Against, rivals_of
from spectra_eval.certification._totals import Totals
from spectra_eval.certification.rival_claims import RIVAL_CLAIMS
from spectra_eval.errors import InputError, UnknownNameError
from spectra_eval.metrics import METRICS
from spectra_eval.metrics._flatness import Flatness
from spectra_eval.tables import PreferenceTable, records_left_out

__all__ = ["certify", "certify_cutoffs", "kinds_of"]


def certify(
    source: PreferenceTable | Iterable[PreferenceTable],
    *,
    k: Whole = 5,
    level: Number = 0.95,
    scope: str = "cohort",
    bound: str = "adaptive",
    declared: Whole = 1,
    predicate_error: Number = 0.01,
    routes: Names = ("T",),
    require: Thresholds | None = None,
    claims: Sequence[str] | None = None,
    seed: Whole | None = None,
    against: Against = (),
    floor: Number = 0.0,
    assume: Names = (),
) -> Certificate:
    """Certify claims about the readout and the decoded lists of a table.

    Parameters
    ----------
    source : PreferenceTable, or iterable of PreferenceTable
        The records, whole or in blocks (`artifacts.iter_table`); read once, in order. The blocks change no digit.
        Records of one user are consecutive; a user's records are averaged first, so that the unit is the user.
    k : int
        The claims are about the first k entries of each decoded list; k < K.
    level : float
        Probability with which each claim holds on its own. All of them together hold less surely: see `together` of the
        certificate, and raise the level or `declared` where several are used at once.
    scope : {"cohort", "population"}
        ``cohort``: these users only. ``population``: you assert that users were drawn i.i.d. and the
        predictor was fixed without them.
    bound : {"hoeffding", "adaptive", "empirical-bernstein", "clopper-pearson", "betting", "dkw", "printed"}
        Declared before looking. ``clopper-pearson``, ``betting`` and ``dkw`` need ``scope="population"``.
    declared : int
        Number of analyses declared together; the error is divided among them.
    predicate_error : float
        Error allowed to the finite-sample predicate of one user.
    routes : sequence of {"T", "J", "K"}
        The finite-sample predicates declared for ``fraction.law``; each is tried at its part of the error.
    require : mapping of str to float, optional
        Threshold by claim, which its bound must reach.
    claims : sequence of str, optional
        Which claims; all by default. Recorded.
    seed : int, optional
        For ``bound="betting"`` only, 0 by default; recorded. The bets follow a hash of the users' names, keyed by the
        seed, whatever the order of the rows. Choose it after the names and before the outcomes: those who know it could
        name the users in a favourable order. With `against` it also fixes the order in which rivals are fitted.
    against : sequence of str, or mapping of str to table
        The rivals that the readout is compared with: names of baselines, ``dg`` for the uniform distribution on the
        decoded list, or names with a table of predictions each (None for a baseline). ``"auto"``: those that the table
        can carry. Rivals with parameters are fitted on the users before, in a seeded order.
    floor : float
        For ``rival.log.law``: both predictions p become (1 - floor) p + floor / K.
    assume : sequence of str
        ``iid-interactions``: the interactions of a window are independent; ``hoeffding`` then counts them.

    Returns
    -------
    Certificate
        Claims that the table cannot carry are ``undefined`` with the reason.

    Raises
    ------
    InputError
        There is no readout, no user with a window, a user who occurs twice, an option of the wrong kind, a requirement
        that no bound can fail or meet, or k is not below K.
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
    (True, 0.874)
    """
    (certificate,) = certify_cutoffs(
        source,
        (k,),
        level=level,
        scope=scope,
        bound=bound,
        declared=declared,
        predicate_error=predicate_error,
        routes=routes,
        require=require,
        claims=claims,
        seed=seed,
        against=against,
        floor=floor,
        assume=assume,
    )
    return certificate


def certify_cutoffs(
    source: PreferenceTable | Iterable[PreferenceTable],
    cutoffs: Sequence[Whole],
    *,
    declared: Whole = 1,
    require: Thresholds | None = None,
    claims: Sequence[str] | None = None,
    against: Against = (),
    **options: Any,
) -> tuple[Certificate, ...]:
    """Certify a table at several cut-offs in one pass; they share the error as analyses declared together.

    Parameters
    ----------
    source : PreferenceTable, or iterable of PreferenceTable
        As in `certify`.
    cutoffs : sequence of int
        Each k once.
    declared : int
        Number of analyses declared together besides the cut-offs, which are counted here.
    require : mapping of str to float, optional
        As in `certify`, at each k.
    claims : sequence of str, optional
        As in `certify`.
    against : sequence of str, or mapping of str to table
        As in `certify`.
    **options : any
        The other options of `certify`.

    Returns
    -------
    tuple of Certificate
        One for each cut-off, in the order given, each with `declared` times the number of cut-offs.

    Raises
    ------
    InputError, AssumptionError
        As `certify`; or a cut-off is given twice, or none.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.tables import PreferenceTable
    >>> truth = np.tile([0.1, 0.2, 0.7], (400, 1))
    >>> table = PreferenceTable(
    ...     users=[f"u{i:03}" for i in range(400)], categories=("a", "b", "c"),
    ...     theta_star=truth, theta_s=truth, dg=np.tile([0, 1], (400, 1)),
    ... )
    >>> [(one.options.k, one.options.declared) for one in certify_cutoffs(table, (1, 2))]
    [(1, 2), (2, 2)]
    """
    cutoffs = [check_cutoff(k) for k in cutoffs]
    if not cutoffs or len(set(cutoffs)) < len(cutoffs):
        raise InputError(f"k: {', '.join(map(str, cutoffs)) or 'none'} given; name each cut-off once")
    rivals = rivals_of(against, source, seed=options.get("seed") or 0)
    names = _claim_names(claims, RIVAL_CLAIMS.names() if rivals else [])
    why = "count the analyses declared in advance"
    together = check_whole("declared", declared, least=1, why=why) * len(cutoffs)
    runs = []
    for k in cutoffs:
        declaration = Options(
            k=k,
            declared=together,
            require={} if require is None else require,
            claims=names,
            against=tuple(rival.name for rival in rivals),
            **options,
        )
        kinds = kinds_of(declaration, {rival.name for rival in rivals if rival.fitted})
        for name, threshold in declaration.require.items():
            if name not in kinds:
                if name.partition(":")[0] not in RIVAL_CLAIMS:
                    _claim(name)  # raises where there is none
                raise InputError(f"require: the claim {name!r} is required but not among the selected claims")
            kinds[name].check_threshold(threshold)
        columns = [column for kind in kinds.values() for column in kind.columns(declaration)]
        totals = Totals(
            columns,
            seed=declaration.seed if declaration.bound == "betting" else None,
            growth=declaration.bound == "adaptive",
            own_ends=declaration.scope == "cohort",
        )
        runs.append((declaration, kinds, totals))
    digest = TableDigest()
    n_records = n_unseen = n_users = most = 0
    flat = Flatness()
    has_list = False
    current = 0
    for group, table in blocks_of(source):
        if group != current:
            current = group
            flat.close()
            for _, _, totals in runs:
                totals.close()
        digest.update(table)
        n_records += table.n_users
        has_list = has_list or table.dg is not None
        most = max(most, table.n_categories if table.support is None else int(table.n_options.max()))
        predicted = {name: rows for rival in rivals for name, rows in rival.predicted(table).items()}
        for declaration, _, totals in runs:
            _check(table, declaration)
            block = UserBlock(table, declaration.k, predicted)
            totals.add(block)
        flat.add(block.theta_s, block.theta_star, block.table.support)
        n_unseen += len(block.unseen)
        n_users += len(block.starts)
    if n_users == 0:
        raise InputError("table: no user has a window with interactions; there is nothing to certify")
    for declaration, _, _ in runs:
        _check_cutoff(declaration.k, most)
    facts: dict[str, Any] = {"n_records": n_records, "n_users": n_users, "n_without_window": n_unseen}
    if flat.facts:
        facts["flat"] = flat.facts
    if counts := records_left_out(getattr(source, "metadata", {})):
        facts["left_out"] = counts
    if rivals:
        facts["rivals"] = {rival.name: rival.facts() for rival in rivals}
    made = []
    for declaration, kinds, totals in runs:
        rows = []
        for kind in kinds.values():
            if has_list or kind.without_lists:
                rows.append(make_claim(kind, totals, declaration))
            else:
                reason = "the table has no decoded list (column dg)"
                rows.append(undefined(kind, declaration, reason=reason, n=n_users))
        certificate = Certificate(
            options=declaration,
            input_digest=digest.hexdigest(),
            package_version=__version__,
            facts=facts,
            claims=tuple(rows),
            digest="",
            together=_together(rows, kinds, declaration),
        )
        made.append(dataclasses.replace(certificate, digest=json_digest(document(certificate))))
    return tuple(made)


def _claim(name: str) -> ClaimKind:
    """Return a kind of claim; the error for the name of a metric states that it is none."""
    plain = name.partition("@")[0]
    if name not in CLAIMS and plain in METRICS:
        why = METRICS[plain].caution or f"`evaluate --metrics` computes it; claims are {', '.join(CLAIMS.names())}"
        raise UnknownNameError(f"no claim named {name!r}: it is a metric; {why}")
    return CLAIMS[name]


def _claim_names(claims: Sequence[str] | None, of_rivals: list[str]) -> tuple[str, ...]:
    """Return the names of the selected claims; those against rivals are about all rivals unless one is named."""
    if claims is None:
        return (*CLAIMS.names(), *of_rivals)
    names = as_names("claims", claims)
    for name in names:
        base = name.partition(":")[0]
        if base in RIVAL_CLAIMS and not of_rivals:
            raise InputError(f"claims: {name} needs a rival; name some with against (--against history, say)")
        if base not in RIVAL_CLAIMS:
            _claim(name)  # raises where there is none
    return names


def kinds_of(options: Options, fitted: Collection[str]) -> dict[str, ClaimKind]:
    """Return the selected claims by name: a claim against rivals is one for all of them and one for each."""
    kinds: dict[str, ClaimKind] = {}
    for name in options.claims or ():
        base = name.partition(":")[0]
        if base not in RIVAL_CLAIMS:
            kinds[name] = CLAIMS[name]
            continue
        found = {kind.name: kind for kind in RIVAL_CLAIMS[base].kinds(options, frozenset(fitted))}
        if ":" in name and name not in found:
            raise InputError(f"claims: {name}: there is no such rival; there are {', '.join(options.against)}")
        kinds |= {name: found[name]} if ":" in name else found
    return kinds


def _together(rows: Sequence[Claim], kinds: Mapping[str, ClaimKind], options: Options) -> dict[str, Any]:
    """Return a sentence with the probability that all bounds of a certificate hold simultaneously."""
    counts = {False: 0, True: 0}
    for row in rows:
        if row.status == "ok":
            counts[row.claim.partition(":")[0] in RIVAL_CLAIMS] += kinds[row.claim].n_bounds(options)
    n_bounds, against = counts[False], counts[True]
    levels = [max(0.0, 1.0 - n * options.error) for n in (n_bounds, n_bounds + against)]
    statement = f"Each bound fails with probability at most {options.error:.4g} on its own"
    both = n_bounds > 1 and against > 0
    stated, least = (n_bounds, levels[0]) if both else (n_bounds + against, levels[1])
    if stated > 1:
        statement += f"; the {stated} stated here all hold at once with probability at least {least:.4g}"
    if both:
        statement += f", with the {against} against rivals at least {levels[1]:.4g}"
    return {"n_bounds": n_bounds + against, "level": levels[1], "statement": statement}


def _check(table: PreferenceTable, options: Options) -> None:
    if table.theta_s is None:
        raise InputError("column theta_s: missing; probe a model or add a prediction before certifying")
    _check_cutoff(options.k, table.n_categories)


def _check_cutoff(k: int, most: int) -> None:
    """Check that k is below the largest number of options of a record."""
    if k >= most:
        raise InputError(f"k: {k} leaves no category off the list of {most}; choose k < {most}")
