"""Intervals, paired tests and corrections."""

from spectra_eval.stats.bootstrap import Resamples, bootstrap, percentile_interval
from spectra_eval.stats.multiplicity import holm
from spectra_eval.stats.paired import SignedRank, signed_rank

__all__ = ["Resamples", "SignedRank", "bootstrap", "holm", "percentile_interval", "signed_rank"]
