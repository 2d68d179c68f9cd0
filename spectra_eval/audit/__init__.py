"""Checks of published numbers against each other, and conformance vectors for other implementations."""

from spectra_eval.audit._base import Finding, Printed, Status, agrees, at_most, exact, printed
from spectra_eval.audit._list_ndcg import list_ndcg_from_captured, most_list_ndcg
from spectra_eval.audit.checks import (
    aggregate_at_most_mean,
    coarse_floor,
    coarse_js_floor,
    count_product,
    difference,
    entropy_in_range,
    envelope_covers,
    groups_sum_to,
    half_width_is_possible,
    in_range,
    list_ndcg_does_not_rise,
    mean_between_strata,
    ratio,
    relative_change,
    truncation_floor,
    zero_sum,
)
from spectra_eval.audit.paper import audit_paper

__all__ = [
    "Finding",
    "Printed",
    "Status",
    "aggregate_at_most_mean",
    "agrees",
    "at_most",
    "audit_paper",
    "coarse_floor",
    "coarse_js_floor",
    "count_product",
    "difference",
    "entropy_in_range",
    "envelope_covers",
    "exact",
    "groups_sum_to",
    "half_width_is_possible",
    "in_range",
    "list_ndcg_does_not_rise",
    "list_ndcg_from_captured",
    "mean_between_strata",
    "most_list_ndcg",
    "printed",
    "ratio",
    "relative_change",
    "truncation_floor",
    "zero_sum",
]
