"""Golden vectors held against the public functions that compute them: what `spectra-eval conformance` runs."""

from spectra_eval.audit.conformance._run import GROUPS, Group, GroupResult, conform

__all__ = ["GROUPS", "Group", "GroupResult", "conform"]
