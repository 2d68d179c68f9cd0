"""Golden vectors compared with the public functions, for `spectra-eval conformance`."""

from spectra_eval.audit.conformance._run import GROUPS, Group, GroupResult, conform

__all__ = ["GROUPS", "Group", "GroupResult", "conform"]
