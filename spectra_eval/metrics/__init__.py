"""Metrics: a statistic per user, and a value of the mean statistic."""

from spectra_eval.metrics._base import METRICS, BoundMetric, Metric, metric, parse, shown_in
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.metrics._strata import category_buckets, tail_preference_groups
from spectra_eval.metrics.bias import bucket_bias, category_bias, category_biases, tail_mass, tail_mass_error
from spectra_eval.metrics.calibration import ReliabilityBins, reliability_bins, soft_ece, stratified_ece
from spectra_eval.metrics.divergence import (
    chi_squared,
    hellinger,
    js_divergence,
    kl_divergence,
    linf_error,
    total_variation,
)
from spectra_eval.metrics.exposure import exposure_entropy
from spectra_eval.metrics.ordinal import wasserstein_ordinal
from spectra_eval.metrics.ranking import category_ndcg, list_ndcg, top_list
from spectra_eval.metrics.ranking_in_strata import head_categories, tail_categories
from spectra_eval.metrics.recall import mass_captured, top_recall
from spectra_eval.metrics.scoring import brier, log_score
from spectra_eval.metrics.top_calibration import top1_ece

__all__ = [
    "METRICS",
    "BoundMetric",
    "Comparison",
    "Metric",
    "ReliabilityBins",
    "brier",
    "bucket_bias",
    "category_bias",
    "category_biases",
    "category_buckets",
    "category_ndcg",
    "chi_squared",
    "exposure_entropy",
    "head_categories",
    "hellinger",
    "js_divergence",
    "kl_divergence",
    "linf_error",
    "list_ndcg",
    "log_score",
    "mass_captured",
    "metric",
    "parse",
    "reliability_bins",
    "shown_in",
    "soft_ece",
    "stratified_ece",
    "tail_categories",
    "tail_mass",
    "tail_mass_error",
    "tail_preference_groups",
    "top1_ece",
    "top_list",
    "top_recall",
    "total_variation",
    "wasserstein_ordinal",
]
