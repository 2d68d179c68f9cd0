"""Evaluation: metrics of each system on the observed interactions, and paired comparisons of systems."""

from spectra_eval.evaluation._align import align
from spectra_eval.evaluation._compare import ComparedPair, SystemComparison, compare
from spectra_eval.evaluation._evaluate import Evaluation, evaluate
from spectra_eval.evaluation._merge import merge_categories, merge_parents, merge_rarest

__all__ = [
    "ComparedPair",
    "Evaluation",
    "SystemComparison",
    "align",
    "compare",
    "evaluate",
    "merge_categories",
    "merge_parents",
    "merge_rarest",
]
