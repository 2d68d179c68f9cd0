"""Intervals, paired tests and corrections for several tests."""

from spectra_eval.stats.bootstrap import Resamples, bootstrap, percentile_interval
from spectra_eval.stats.folds import user_folds
from spectra_eval.stats.multiplicity import holm
from spectra_eval.stats.paired import SignedRank, signed_rank
from spectra_eval.stats.power import minimum_detectable
from spectra_eval.stats.spread import ImpliedSpread, implied_spread
from spectra_eval.stats.student import student_interval

__all__ = [
    "ImpliedSpread",
    "Resamples",
    "SignedRank",
    "bootstrap",
    "holm",
    "implied_spread",
    "minimum_detectable",
    "percentile_interval",
    "signed_rank",
    "student_interval",
    "user_folds",
]
