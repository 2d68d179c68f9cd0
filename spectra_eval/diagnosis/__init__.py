"""Is this probe measuring anything? Answer tokens, answer mass, template, injection, noise, parity, position, speed."""

from spectra_eval.diagnosis._diagnose import Diagnosis, diagnose
from spectra_eval.diagnosis._finding import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
