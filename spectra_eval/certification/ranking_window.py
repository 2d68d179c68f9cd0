"""The proportion of windows whose top k the readout recovers: observed, and by each sufficient condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectra_eval import simplex
from spectra_eval.certification._base import CLAIMS, OF_RECORDS, ClaimKind, Finding
from spectra_eval.certification._block import TIE, UserBlock
from spectra_eval.certification._bounds import lower_bound, others
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, NoClaim, Tally, Totals
from spectra_eval.theory.rank_radius import js_ceiling, rank_radii
from spectra_eval.units import LN2

__all__ = ["KIND"]


@dataclass(frozen=True, kw_only=True)
class _Tops:
    """The top k of windows and readouts, and what follows from them, for each record."""

    tie: np.ndarray
    recovered: np.ndarray
    by: dict[str, np.ndarray]
    more_mass: np.ndarray


def _open(block: UserBlock) -> np.ndarray:
    """Return which records have more than k options; otherwise the top k is trivial."""
    return block.everyone if block.table.support is None else block.table.n_options > block.k


def _open_and_listed(block: UserBlock) -> np.ndarray:
    return np.asarray(block.listed & block.cached(_open))


def _tops(block: UserBlock) -> _Tops:
    star, readout, k = block.theta_star, block.theta_s, block.k
    # The boundary of the top k: a set is only recovered where the boundary is strict on both sides.
    best, chosen = _top(star, k), _top(readout, k)
    gap, gap_readout = _gap(star, k), _gap(readout, k)
    tie = gap <= TIE
    linf = simplex.linf(star, readout)
    regret = 2 * np.minimum(block.tv, np.minimum(k, block.table.n_options - k) * linf)
    mass_best, mass = (np.where(top, star, 0.0).sum(axis=1) for top in (best, chosen))
    return _Tops(
        tie=tie,
        recovered=~tie & (gap_readout > TIE) & (best == chosen).all(axis=1),
        by={
            "theorem_1": gap > 2 * linf + TIE,
            **_inside(block, simplex.kl_nats(star, readout), k),
            "regret": mass_best - (1 - block.missed) > regret + TIE,
        },
        # A readout that is tied at rank k has no unique top k.
        more_mass=(mass > 1 - block.missed + TIE) & (gap_readout > TIE),
    )


def _inside(block: UserBlock, kl: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Return which records are inside each exact radius; only those below the largest possible radius are computed."""
    near = np.flatnonzero((block.tv < 0.5 / k) | (kl < LN2 / k) | (block.js_bits < js_ceiling(k).bits))
    inside = {name: np.zeros(len(kl), dtype=bool) for name in ("tv_radius", "kl_radius", "js_radius")}
    if len(near):
        radii = rank_radii(block.theta_star[near], k=k)
        inside["tv_radius"][near] = block.tv[near] < radii.tv - TIE
        inside["kl_radius"][near] = kl[near] < radii.kl.nats - TIE
        inside["js_radius"][near] = block.js_bits[near] < radii.js.bits - TIE
    return inside


def _top(theta: np.ndarray, k: int) -> np.ndarray:
    """Return a mask of the k largest entries of each row."""
    mask = np.zeros(theta.shape, dtype=bool)
    np.put_along_axis(mask, np.argpartition(-theta, k - 1, axis=1)[:, :k], values=True, axis=1)
    return mask


def _gap(theta: np.ndarray, k: int) -> np.ndarray:
    """Return the distance between the k-th and the (k+1)-th largest entry of each row."""
    ordered = -np.partition(-theta, (k - 1, k), axis=1)
    return ordered[:, k - 1] - ordered[:, k]


def _condition(name: str) -> Column:
    over = _open_and_listed if name == "regret" else _open
    return Column(lambda block: block.cached(_tops).by[name].astype(float), over)


def _count_left_out(block: UserBlock) -> np.ndarray:
    """Count the records of a tie, of another top k, and of a recovery that no condition shows."""
    tops, open_ = block.cached(_tops), block.cached(_open)
    shown = np.logical_or.reduce([tops.by[name] for name in tops.by if name != "regret"])
    left_out = (tops.tie, ~tops.tie & ~tops.recovered, tops.recovered & ~shown)
    return np.array([np.count_nonzero(open_ & mask) for mask in left_out])


def _count_closed(block: UserBlock) -> np.ndarray:
    return np.array(np.count_nonzero(~np.logical_or.reduceat(block.cached(_open), block.starts)))


_RECOVERED = Column(lambda block: block.cached(_tops).recovered.astype(float), _open, bounded=True, share=True)
_BY = {name: _condition(name) for name in ("theorem_1", "tv_radius", "kl_radius", "js_radius", "regret")}
_MORE_MASS = Column(lambda block: block.cached(_tops).more_mass.astype(float), _open_and_listed)
_LEFT_OUT = Tally(_count_left_out)
_CLOSED = Tally(_count_closed)
"""Users none of whose records has more than k options."""


def _bound(totals: Totals, options: Options) -> Finding:
    recovered, closed = totals[_RECOVERED], int(totals.sum(_CLOSED))
    if recovered.n == 0:
        raise NoClaim(f"no record offers more than {options.k} options, so a top {options.k} is everything")
    more = totals[_MORE_MASS]
    reasons = ("tie at rank k", "another top k", "recovered, but no condition shows it")
    return Finding(
        of=recovered,
        by=lower_bound(recovered, options),
        inputs={
            "share": recovered.mean,
            "share_by": {name: totals[column].mean if totals[column].n else None for name, column in _BY.items()},
            "share_with_more_mass_than_the_list": more.mean if more.n else None,
            "left_out": dict(zip(reasons, totals.sum(_LEFT_OUT).tolist(), strict=True)),
            **({"n_users_top_is_everything": closed} if closed else {}),
            "other_bounds": others(recovered, options),
        },
    )


def _text(found: Finding, options: Options) -> str:
    share, by = found.inputs["share"], found.inputs["share_by"]
    closed = found.inputs.get("n_users_top_is_everything")
    regret = "" if by["regret"] is None else f"; the regret form shows {by['regret']:.1%} better than their list"
    return (
        f"theta_s has the same top {options.k} as the window "
        + (
            f"on {share:.1%} of the records of {found.n} users, each user's share of records averaged over users "
            if found.several
            else f"for {share:.1%} of {found.n} users "
        )
        + f"(at least {found.bound:.1%} at level {options.level:g}). Theorem 1 shows "
        f"{by['theorem_1']:.1%}, the exact JS radius {by['js_radius']:.1%}{regret}."
        + (
            f" {closed} further users are left out: their records offer {options.k} options or "
            f"fewer, so a top {options.k} is everything and shows nothing."
            if closed
            else ""
        )
    )


_LICENSES = "recovery of the set of the k largest observed shares; ties at rank k count as not recovered"

KIND = CLAIMS.add(
    ClaimKind(
        name="ranking.window",
        label="Proportion of users whose top k is recovered",
        statement="Proportion of users whose top k is recovered: observed, by Theorem 1, exact radii, and regret.",
        reading=(
            "The proportion of users whose k most frequent categories in the window are the readout's k most likely "
            "ones, as a set; the proportions by condition say for how many a theorem guarantees it."
        ),
        pitfalls="Categories that tie at rank k count as not recovered, and short windows have many such ties.",
        reference="arXiv:2509.24189 Theorem 1; exact radii and regret form of docs/theory.md",
        columns=lambda options: (_RECOVERED, *_BY.values(), _MORE_MASS, _LEFT_OUT, _CLOSED),
        bound=_bound,
        text=_text,
        licenses=_LICENSES,
        licenses_of_records=f"{_LICENSES}; {OF_RECORDS}",
        target="window",
        without_lists=True,
    )
)
