"""On how many windows the readout finds the user's top k, by sight and by each sufficient condition."""

from __future__ import annotations

import numpy as np

from spectra_eval import simplex
from spectra_eval.certification._base import (
    CLAIMS,
    OF_RECORDS,
    TIE,
    Claim,
    ClaimKind,
    Mean,
    Options,
    UserBlock,
    against,
    independence,
    undefined,
)
from spectra_eval.certification._bounds import lower_bound, others
from spectra_eval.theory.rank_radius import js_ceiling, rank_radii
from spectra_eval.units import LN2

__all__ = ["KIND"]

_CONDITIONS = ("theorem_1", "tv_radius", "kl_radius", "js_radius", "regret")


class _RankingWindow:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.recovered = Mean(options)
        self.by = {name: Mean() for name in _CONDITIONS}
        self.beats = Mean()
        self.n_everything = 0
        self.left_out = {"tie at rank k": 0, "another top k": 0, "recovered, but no condition shows it": 0}

    def add(self, block: UserBlock) -> None:
        star, held, k = block.theta_star, block.theta_s, self.options.k
        # A top k of k options or fewer is everything, whatever the prediction: such records say nothing.
        open_ = block.everyone if block.table.support is None else block.table.n_options > k
        self.n_everything += int(np.count_nonzero(np.add.reduceat(open_.astype(np.int64), block.starts) == 0))
        # The boundary of the top k: a set is only recovered where the boundary is strict on both sides.
        best, chosen = _top(star, k), _top(held, k)
        gap, gap_held = _gap(star, k), _gap(held, k)
        tie = open_ & (gap <= TIE)
        found = open_ & ~tie & (gap_held > TIE) & (best == chosen).all(axis=1)
        self.recovered.take(block, found.astype(float), open_)
        linf = simplex.linf(star, held)
        conditions = {"theorem_1": gap > 2 * linf + TIE, **_inside(block, simplex.kl_nats(star, held), k)}
        shown = np.zeros(len(star), dtype=bool)
        for name, condition in conditions.items():
            shown |= condition
            self.by[name].take(block, condition.astype(float), open_)
        mass_best = np.where(best, star, 0.0).sum(axis=1)
        regret = 2 * np.minimum(block.tv, np.minimum(k, block.table.n_options - k) * linf)
        better = mass_best - (1 - block.missed) > regret + TIE
        self.by["regret"].take(block, better.astype(float), block.listed & open_)
        mass = np.where(chosen, star, 0.0).sum(axis=1)
        # A readout that is tied at rank k has no top k of its own, and so no mass on it.
        more = (mass > 1 - block.missed + TIE) & (gap_held > TIE)
        self.beats.take(block, more.astype(float), block.listed & open_)
        self.left_out["tie at rank k"] += int(tie.sum())
        self.left_out["another top k"] += int((open_ & ~tie & ~found).sum())
        self.left_out["recovered, but no condition shows it"] += int((found & ~shown).sum())

    def claim(self) -> Claim:
        options = self.options
        if self.recovered.n == 0:
            whole = f"no record offers more than {options.k} options, so a top {options.k} is everything"
            return undefined(KIND, options, reason=whole if self.n_everything else "no user has a window")
        bound = lower_bound(self.recovered, options)
        if bound.value is None:
            return undefined(KIND, options, reason=str(bound.reason), n=self.recovered.n)
        several = self.recovered.several
        shares = {name: mean.mean if mean.n else None for name, mean in self.by.items()}
        regret = (
            "" if shares["regret"] is None else f"; the regret form shows {shares['regret']:.1%} better than their list"
        )
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=bound.standing,
            statement=(
                f"theta_s has the same top {options.k} as the window "
                + (
                    f"on {self.recovered.mean:.1%} of the records of {self.recovered.n} users, each user's share of "
                    "records averaged over users "
                    if several
                    else f"for {self.recovered.mean:.1%} of {self.recovered.n} users "
                )
                + f"(at least {bound.value:.1%} at level {options.level:g}). Theorem 1 shows "
                f"{shares['theorem_1']:.1%}, the exact JS radius {shares['js_radius']:.1%}{regret}."
                + (
                    f" {self.n_everything} further users are left out: their records offer {options.k} options or "
                    f"fewer, so a top {options.k} is everything and shows nothing."
                    if self.n_everything
                    else ""
                )
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "share": self.recovered.mean,
                "share_by": shares,
                "share_with_more_mass_than_the_list": self.beats.mean if self.beats.n else None,
                "left_out": dict(self.left_out),
                **({"n_users_top_is_everything": self.n_everything} if self.n_everything else {}),
                "other_bounds": others(self.recovered, options),
            },
            **against(options, KIND, bound.value, default=0.0),
            licenses="recovery of the set of the k largest observed shares; ties at rank k count as not recovered"
            + ("; " + OF_RECORDS if several else ""),
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.recovered.n,
            method=bound.method,
        )


def _inside(block: UserBlock, kl: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Return who is inside each exact radius; only those below the largest radius that anyone can have are tried."""
    near = np.flatnonzero((block.tv < 0.5 / k) | (kl < LN2 / k) | (block.js_bits < js_ceiling(k).bits))
    inside = {name: np.zeros(len(kl), dtype=bool) for name in ("tv_radius", "kl_radius", "js_radius")}
    if len(near):
        radii = rank_radii(block.theta_star[near], k=k)
        inside["tv_radius"][near] = block.tv[near] < radii.tv - TIE
        inside["kl_radius"][near] = kl[near] < radii.kl.nats - TIE
        inside["js_radius"][near] = block.js_bits[near] < radii.js.bits - TIE
    return inside


def _top(theta: np.ndarray, k: int) -> np.ndarray:
    """Mark the k largest entries of each row."""
    mask = np.zeros(theta.shape, dtype=bool)
    np.put_along_axis(mask, np.argpartition(-theta, k - 1, axis=1)[:, :k], values=True, axis=1)
    return mask


def _gap(theta: np.ndarray, k: int) -> np.ndarray:
    """Return the distance between the k-th and the (k+1)-th largest entry of each row."""
    ordered = -np.partition(-theta, (k - 1, k), axis=1)
    return ordered[:, k - 1] - ordered[:, k]


KIND = CLAIMS.add(
    ClaimKind(
        name="ranking.window",
        summary="share of users whose top k is recovered: by sight, Theorem 1, the exact radii and the regret form",
        reference="arXiv:2509.24189 Theorem 1; exact radii and regret form of docs/theory.md",
        start=_RankingWindow,
        target="window",
        without_lists=True,
    )
)
