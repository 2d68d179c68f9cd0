"""What the readout gains over rivals: one claim a rival, and one over all of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spectra_eval.certification._base import ClaimKind, Finding
from spectra_eval.certification._block import TIE, UserBlock
from spectra_eval.certification._bounds import LowerBound, lower_bound
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, NoClaim, Tally, Totals
from spectra_eval.registry import Registry
from spectra_eval.simplex import tv
from spectra_eval.theory import _gains
from spectra_eval.theory._base import Assumption

__all__ = ["RIVAL_CLAIMS", "RivalClaim"]

Ends = _gains.Ends
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], Ends]

_IID = Assumption(
    name="iid-interactions",
    text="given the history and their number, the interactions of one window are drawn independently from one law",
)
_FITTED = Assumption(
    name="fitted-before",
    text="a rival with parameters is the one that was fitted on the users before, in the order that the seed fixes; "
    "given those users and the histories, the windows of the next ones are independent",
)


@dataclass(frozen=True, kw_only=True)
class RivalClaim:
    """A claim about the gain of the readout over a rival, from which each rival gets its own.

    Attributes
    ----------
    name : str
        The name in the registry; a rival's own claim is ``name:rival``.
    label : str
        A few words, for headings.
    statement : str
        What is claimed, in one line.
    reading, pitfalls, reference : str
        What a value says, what it does not say, and the source.
    measure : callable
        From the target, the readout, the rival (each (n, K)) and the options of the records to the gain of each
        record, and the least and the largest one that a window could show.
    ends : (float, float)
        The least and the largest gain of any record.
    sentence : str
        For the certificate, with the fields rival, bound, mean, n, level.
    unit : str
        Of the gain.
    proper : bool
        Whether the gain is a mean over interactions, so that it is about the true distribution.
    positive : bool
        Whether the predictions must be positive.
    share : bool
        Whether the gain is 0 or 1, and its mean a proportion.

    Examples
    --------
    >>> [entry.name for entry in RIVAL_CLAIMS][:2]
    ['rival.brier.law', 'rival.fraction.window']
    """

    name: str
    label: str
    statement: str
    reading: str
    pitfalls: str
    reference: str
    measure: Measure
    ends: tuple[float, float]
    sentence: str
    unit: str = ""
    proper: bool = False
    positive: bool = False
    share: bool = False

    @property
    def definition(self) -> str:
        """Return the statement, under the name used by the other families."""
        return self.statement

    @property
    def summary(self) -> str:
        """Return the statement, under the name common to all families."""
        return self.statement

    @property
    def target(self) -> Literal["window", "law"]:
        """Return what the gain is about."""
        return "law" if self.proper else "window"

    def kinds(self, options: Options, fitted: frozenset[str]) -> list[ClaimKind]:
        """Return the claims against each rival, and the one against all of them."""
        if not options.against:
            return []
        each = [self._kind(f"{self.name}:{rival}", (rival,), fitted, options) for rival in options.against]
        return [self._kind(self.name, tuple(options.against), fitted, options), *each]

    def _kind(self, name: str, rivals: tuple[str, ...], fitted: frozenset[str], options: Options) -> ClaimKind:
        who = rivals[0] if len(rivals) == 1 else f"each of {len(rivals)} rivals"
        return ClaimKind(
            name=name,
            label=f"{self.label}: {', '.join(rivals)}",
            statement=self.statement,
            reading=self.reading,
            pitfalls=self.pitfalls,
            reference=self.reference,
            columns=functools.partial(self._columns, rivals, fitted),
            bound=functools.partial(self._bound, rivals, fitted),
            text=functools.partial(self._text, who),
            licenses=f"a statement about the mean over users against {who}; nothing about single users",
            target=self.target,
            without_lists=True,
            # The one over all rivals fails only where the bound over one of them does.
            n_bounds=lambda _: 0 if len(rivals) > 1 or ":" not in name else 1,
            assumptions=(
                *((_FITTED,) if fitted.intersection(rivals) else ()),
                *((_IID,) if self.proper and "iid-interactions" in options.assume else ()),
            ),
            threshold=0.5 if self.share else 0.0,
            least=max(self.ends[0], -1e300),
        )

    def _columns(self, rivals: tuple[str, ...], fitted: frozenset[str], options: Options) -> tuple[Column | Tally, ...]:
        zeros = tuple(_Zeros(rival, options.floor) for rival in rivals) if self.positive else ()
        absent = tuple(Tally(_Absent(rival)) for rival in rivals)
        return (*(self._column(rival, fitted, options) for rival in rivals), *map(Tally, zeros), *absent)

    def _column(self, rival: str, fitted: frozenset[str], options: Options) -> Column:
        gain = _GainOf(self.measure, rival, options.floor if self.positive else 0.0)
        if self.share:
            return Column(_Part(gain, 0), _HasPrediction(rival), bounded=True, share=rival not in fitted)
        before = _GainOf(self.measure, f"{rival} before", gain.floor)
        return Column(
            _Part(gain, 0),
            _HasPrediction(rival),
            bounded=True,
            ends=self.ends,
            own_ends=(_Part(gain, 1), _Part(gain, 2)),
            guess=_Length(before) if rival in fitted else None,
            interactions=_interactions if self.proper and "iid-interactions" in options.assume else None,
        )

    def _bound(self, rivals: tuple[str, ...], fitted: frozenset[str], totals: Totals, options: Options) -> Finding:
        bounds: dict[str, LowerBound] = {}
        means: dict[str, float] = {}
        for rival in rivals:
            if self.positive:
                zeros = int(totals.sum(Tally(_Zeros(rival, options.floor))))
                if zeros:
                    raise NoClaim(
                        f"a prediction of theta_s or {rival} is zero for {zeros} records, so the gain has no bound; "
                        "declare --floor 0.001, say",
                        zeros,
                    )
            mean = totals[self._column(rival, fitted, options)]
            if mean.n == 0:
                raise NoClaim(f"no record with a window has a prediction of {rival}")
            bounds[rival] = lower_bound(mean, options)
            means[rival] = mean.mean
        worst = min(rivals, key=lambda rival: (bounds[rival].value, rival))
        absent = {rival: int(totals.sum(Tally(_Absent(rival)))) for rival in rivals}
        of = totals[self._column(worst, fitted, options)]
        inputs: dict[str, Any] = {"mean_gain": of.mean, "n_records_without": absent[worst]}
        if len(rivals) > 1:
            inputs |= {"rival": worst, "mean_gains": means, "bounds": {name: one.value for name, one in bounds.items()}}
            inputs["n_records_without"] = sum(absent.values())
        return Finding(of=of, by=bounds[worst], inputs=inputs)

    def _text(self, who: str, found: Finding, options: Options) -> str:
        first = found.inputs.get("rival")
        text = self.sentence.format(
            rival=who, bound=found.bound, mean=found.inputs["mean_gain"], n=found.n, level=options.level
        )
        if first:
            text += f" The least bound is the one over {first}."
        if found.inputs["n_records_without"]:
            text += f" {found.inputs['n_records_without']} records without its prediction are left out."
        return text


@dataclass(frozen=True)
class _GainOf:
    """The gain over one rival; equal ones are computed once a block."""

    measure: Measure
    rival: str
    floor: float

    def __call__(self, block: UserBlock) -> Ends:
        support = block.table.support
        p, q = block.theta_s, block.rival(self.rival)
        lacking = np.isnan(q[:, 0])
        if lacking.any():
            q = np.where(lacking[:, None], p, q)
        if self.floor:
            p, q = (_mixed(one, self.floor, support) for one in (p, q))
        with np.errstate(divide="ignore", invalid="ignore"):  # zeros are counted, and refuse the claim
            value, low, high = self.measure(block.theta_star, p, q, support)
        bad = ~(np.isfinite(low) & np.isfinite(high))
        if bad.any():
            value, low, high = (np.where(bad, 0.0, numbers) for numbers in (value, low, high))
        return value, low, high


@dataclass(frozen=True)
class _Part:
    gain: _GainOf
    place: int

    def __call__(self, block: UserBlock) -> np.ndarray:
        return block.cached(self.gain)[self.place]


@dataclass(frozen=True)
class _Length:
    gain: _GainOf

    def __call__(self, block: UserBlock) -> np.ndarray:
        _, low, high = block.cached(self.gain)
        return np.asarray(high - low)


@dataclass(frozen=True)
class _HasPrediction:
    rival: str

    def __call__(self, block: UserBlock) -> np.ndarray:
        return ~np.isnan(block.rival(self.rival)[:, 0])


@dataclass(frozen=True)
class _Absent:
    rival: str

    def __call__(self, block: UserBlock) -> np.ndarray:
        return np.array(np.count_nonzero(np.isnan(block.rival(self.rival)[:, 0])))


@dataclass(frozen=True)
class _Zeros:
    """The number of records where one of the two predictions has a zero among the options."""

    rival: str
    floor: float

    def __call__(self, block: UserBlock) -> np.ndarray:
        if self.floor:
            return np.array(0)
        zero = (block.theta_s <= 0) | (block.rival(self.rival) <= 0)
        if block.table.support is not None:
            zero &= block.table.support
        return np.array(np.count_nonzero(zero.any(axis=1)))


def _interactions(block: UserBlock) -> np.ndarray:
    table = block.table
    if table.counts is None or (table.n_window < 1).any():
        raise NoClaim("the table does not say how many interactions each window holds: add n_window beside counts")
    if not np.allclose(table.counts.sum(axis=1), table.n_window, rtol=1e-9, atol=1e-9):
        raise NoClaim(
            "the counts do not add up to the interactions, so a window is no mean of independent vectors; "
            "prepare the table with --weighting fraction, or leave --assume iid-interactions out",
            rank=1,
        )
    return table.n_window.astype(np.float64)


def _mixed(theta: np.ndarray, floor: float, support: np.ndarray | None) -> np.ndarray:
    if support is None:
        return (1.0 - floor) * theta + floor / theta.shape[1]
    return (1.0 - floor) * theta + floor * support / np.count_nonzero(support, axis=1)[:, None]


def _nearer(truth: np.ndarray, p: np.ndarray, q: np.ndarray, support: np.ndarray | None) -> Ends:
    nearer = (tv(truth, p) < tv(truth, q) - TIE).astype(float)
    return nearer, np.zeros_like(nearer), np.ones_like(nearer)


RIVAL_CLAIMS: Registry[RivalClaim] = Registry(
    "rival claim", package="spectra_eval.certification", group="spectra_eval.rival_claims"
)
_READING = "Above 0, the readout is nearer to what users do than the rival, on average over users."
_LAW = "It is about the mean over users. A gain for most users may hide a loss for some."
_WINDOW = "Short windows are noisy: a gain on windows says less about users' true distributions than rival.brier.law."
_MEASURED = "at level {level:g} (measured: {mean:+.4f} over {n} users)."
_HOEFFDING = "Hoeffding (1963), theorem 2; docs/theory.md section 10"

for _entry in (
    RivalClaim(
        name="rival.brier.law",
        label="Gain in the Brier score",
        statement="E[|q - theta|^2 - |p - theta|^2]: how much nearer to the users' true distributions than a rival q.",
        reading=_READING,
        pitfalls=_LAW,
        reference=f"Gneiting and Raftery (2007); {_HOEFFDING}",
        measure=_gains.brier,
        ends=(-2.0, 2.0),
        sentence=(
            "Against the law behind the windows, the squared distance of theta_s is smaller than that of {rival} by at "
            "least {bound:+.4f} on average, " + _MEASURED
        ),
        proper=True,
    ),
    RivalClaim(
        name="rival.log.law",
        label="Gain in the logarithmic score",
        statement="E[KL(theta || q) - KL(theta || p)] in nats, with the users' true distributions theta and a rival q.",
        reading=_READING,
        pitfalls=_LAW + " One prediction near zero can decide it.",
        reference=f"Good (1952); {_HOEFFDING}",
        measure=_gains.log,
        ends=(-math.inf, math.inf),
        sentence=(
            "Against the law behind the windows, the KL divergence of theta_s is smaller than that of {rival} by at "
            "least {bound:+.4f} nats on average, " + _MEASURED
        ),
        unit="nats",
        proper=True,
        positive=True,
    ),
    RivalClaim(
        name="rival.tv.window",
        label="Gain in total variation",
        statement="E[TV(window, q) - TV(window, p)]: how much nearer to users' windows than a rival q.",
        reading=_READING,
        pitfalls=_WINDOW,
        reference=_HOEFFDING,
        measure=_gains.total_variation,
        ends=(-1.0, 1.0),
        sentence=(
            "Over the possible windows of these users, theta_s is nearer than {rival} in total variation by at least "
            "{bound:+.4f} on average, " + _MEASURED
        ),
    ),
    RivalClaim(
        name="rival.js.window",
        label="Gain in JS",
        statement="E[JS(window, q) - JS(window, p)] in bits: how much nearer to users' windows than a rival q.",
        reading=_READING,
        pitfalls=_WINDOW,
        reference=_HOEFFDING,
        measure=_gains.js,
        ends=(-1.0, 1.0),
        sentence=(
            "Over the possible windows of these users, theta_s is nearer than {rival} in JS by at least {bound:+.4f} "
            "bit on average, " + _MEASURED
        ),
        unit="bits",
    ),
    RivalClaim(
        name="rival.fraction.window",
        label="Proportion of windows nearer than a rival",
        statement="Proportion of users on whose window theta_s is nearer in TV than a rival; ties count for the rival.",
        reading="Above 0.5, the readout is nearer to the window than the rival for more than half of the users.",
        pitfalls="It does not say by how much.",
        reference="Clopper and Pearson (1934); Hoeffding (1963)",
        measure=_nearer,
        ends=(0.0, 1.0),
        sentence=(
            "theta_s is nearer to the window than {rival} in total variation for a share of at least {bound:.1%} of "
            "the users, at level {level:g} (measured: {mean:.1%} of {n})."
        ),
        share=True,
    ),
):
    RIVAL_CLAIMS.add(_entry)
