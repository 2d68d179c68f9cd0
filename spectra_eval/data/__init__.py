"""Data sets: logs of interactions, split by time into a history and an evaluation window."""

from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._leakage import check_leakage
from spectra_eval.data._prepare import Prepared, prepare, prepare_file
from spectra_eval.data._taxonomy import read_taxonomy

__all__ = ["DATASETS", "Dataset", "Prepared", "check_leakage", "prepare", "prepare_file", "read_taxonomy"]
