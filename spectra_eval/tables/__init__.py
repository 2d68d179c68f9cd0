"""Immutable values that pass between the modules: the preference table, requests, answers and results.

Arrays are made read-only at construction, and the constructor checks every column once; code that
receives a `PreferenceTable` need not check it again.
"""

from spectra_eval.tables._checks import OUT_OF_VOCABULARY, PAD, UNKNOWN
from spectra_eval.tables._html import html_table
from spectra_eval.tables._messages import (
    AnswerScores,
    Detail,
    Generation,
    Interactions,
    Interval,
    MetricResult,
    ProbeRequest,
    Sampling,
    System,
)
from spectra_eval.tables._preference import PreferenceTable, check_table
from spectra_eval.tables._selection import left_out_note, records_left_out
from spectra_eval.tables._support import joined_support
from spectra_eval.tables._text import MAX_TITLE, clean_text

__all__ = [
    "MAX_TITLE",
    "OUT_OF_VOCABULARY",
    "PAD",
    "UNKNOWN",
    "AnswerScores",
    "Detail",
    "Generation",
    "Interactions",
    "Interval",
    "MetricResult",
    "PreferenceTable",
    "ProbeRequest",
    "Sampling",
    "System",
    "check_table",
    "clean_text",
    "html_table",
    "joined_support",
    "left_out_note",
    "records_left_out",
]
