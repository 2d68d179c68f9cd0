"""What a reader must know before quoting a number, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spectra_eval.baselines import BASELINES
from spectra_eval.metrics import BoundMetric
from spectra_eval.metrics._flatness import flatness
from spectra_eval.tables import OUT_OF_VOCABULARY, MetricResult, PreferenceTable, left_out_note, records_left_out

__all__ = ["LOW_MASS", "notes", "of_options"]

LOW_MASS = 0.05
"""Answer tokens that hold less probability than this on average are called out."""


def notes(
    table: PreferenceTable,
    results: Sequence[MetricResult],
    *,
    left_out: int,
    bucket_source: str,
    bound: Sequence[BoundMetric],
) -> tuple[str, ...]:
    """Return the sentences: on the readout first, then on the baselines, then on who is missing."""
    sentences = [*_of_the_readout(table, bound), *_of_rivals(table, results, bound), *_of_lists(table)]
    sentences += [*of_options(table, bound), *of_metrics(bound)]
    if bucket_source == "window":
        sentences.append(
            "the table has no history_counts: the baselines popularity and history are missing, and head, mid and "
            "tail are defined by the windows themselves; add the column, `prepare` writes it"
        )
    if left_out:
        sentences.append(f"{left_out} of {left_out + table.n_users} records have no window and are left out")
    if (without := left_out_note(records_left_out(table.metadata))) is not None:
        sentences.append(without)
    return (*sentences, *_of_missing(table, results))


def _of_the_readout(table: PreferenceTable, bound: Sequence[BoundMetric]) -> Iterator[str]:
    if table.theta_s is None:
        yield "the table holds no readout theta_s: only lists and baselines are evaluated"
        return
    if table.metadata.get("leaked"):
        yield (
            "the model was trained on the evaluation windows (metadata: leaked): no number of theta_s says how it "
            "would perform on data that it has not seen"
        )
    flat = flatness(table.theta_s, table)
    if (sentence := flat.sentence("theta_s")) is not None:
        yield sentence
    empty = [metric.name for metric in bound if metric.name in ("soft_ece", "smooth_ece")]
    if empty and flat.facts.get("verdict") == "uniform":
        yield (
            f"{' and '.join(empty)} of a uniform prediction: 0 whatever the target, because the proportions of each "
            "record sum to one; it is no evidence of calibration"
        )
    if table.answer_mass is not None:
        mass = table.answer_mass[np.isfinite(table.answer_mass)]
        if len(mass) and float(mass.mean()) < LOW_MASS:
            yield (
                f"the answer tokens have {float(mass.mean()):.4f} of the probability on average: other tokens are more "
                "likely, so the readout compares what remains"
            )


def of_options(table: PreferenceTable, bound: Sequence[BoundMetric]) -> Iterator[str]:
    """Yield a warning if a list of k categories contains all options of some records."""
    if table.support is None:
        return
    cut = [(bound_metric.name, bound_metric.options["k"]) for bound_metric in bound if bound_metric.metric.takes_cutoff]
    for k in sorted({k for _, k in cut}):
        whole = int((table.n_options <= k).sum())
        if whole:
            names = ", ".join(name for name, of in cut if of == k)
            yield (
                f"{whole} of {table.n_users} records offer {k} options or fewer: their top {k} is everything they "
                f"offer, whatever the prediction ({names})"
            )


def of_metrics(bound: Sequence[BoundMetric]) -> Iterator[str]:
    """Yield what must be said beside the values of a metric, once for each."""
    cautions = {bound_metric.metric.name: bound_metric.metric.caution for bound_metric in bound}
    yield from (f"{name}: {caution}" for name, caution in cautions.items() if caution)


def _of_rivals(table: PreferenceTable, results: Sequence[MetricResult], bound: Sequence[BoundMetric]) -> Iterator[str]:
    """Yield a warning for each baseline that is better than the readout, with the metrics and both numbers."""
    about = table.metadata.get("baseline")
    if table.theta_s is None or (isinstance(about, dict) and about.get("sees_window")):
        return
    value = {(r.metric, r.system): r.value for r in results if r.stratum == "all" and r.value is not None}
    rivals = dict.fromkeys(name for _, name in value if name in BASELINES and not BASELINES[name].sees_window)
    for reference in rivals:
        beaten = []
        for bound_metric in bound:
            own, other = value.get((bound_metric.name, "theta_s")), value.get((bound_metric.name, reference))
            # A constant can be calibrated for the cohort as a whole, so only metrics per user are compared.
            if (
                own is None
                or other is None
                or bound_metric.metric.lower_is_better is None
                or not bound_metric.metric.is_mean
            ):
                continue
            gain = own - other if bound_metric.metric.lower_is_better else other - own
            if gain > 1e-9 * abs(own):
                beaten.append(f"{bound_metric.name} ({other:.4f} against {own:.4f})")
        if beaten:
            yield f"the baseline {reference} is better than theta_s in {', '.join(beaten)}"


def _of_lists(table: PreferenceTable) -> Iterator[str]:
    if table.dg is None:
        return
    unknown, named = int((table.dg == OUT_OF_VOCABULARY).sum()), int((table.dg >= 0).sum())
    if unknown:
        none = "no category" if table.support is None else "no option of their record"
        yield f"{unknown} of {unknown + named} entries of the decoded lists name {none}; they score nothing"


def _of_missing(table: PreferenceTable, results: Sequence[MetricResult]) -> Iterator[str]:
    """Yield for each system the number of records that some metric leaves out."""
    for system in dict.fromkeys(r.system for r in results):
        counted = [r.n_users for r in results if r.system == system and r.stratum == "all" and r.n_users]
        if counted and min(counted) < table.n_users:
            left_out = table.n_users - min(counted)
            yield f"{system}: {left_out} of {table.n_users} records have no value in some metric and are left out there"
