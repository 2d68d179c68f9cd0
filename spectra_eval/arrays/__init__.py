"""Arrays of NumPy and of other libraries: converted, aligned by label and checked once.

A public function converts and checks its arrays here and passes them to kernels that only compute. The names of
shapes that signatures use are defined here too.
"""

from spectra_eval.arrays._blocks import by_rows, row_blocks, rows_per_block
from spectra_eval.arrays._checks import (
    ATOL,
    Counts,
    Lists,
    Names,
    Number,
    PerUser,
    Theta,
    Thresholds,
    Whole,
    as_counts,
    as_simplex,
    as_together,
    deviation,
    row_sums,
)
from spectra_eval.arrays._convert import (
    as_array,
    as_whole,
    convert,
    matched,
    sum_tolerance,
    type_tolerance,
    whole_of,
)
from spectra_eval.arrays._given import Given, is_default
from spectra_eval.arrays._labels import align, order, turned
from spectra_eval.arrays._options import (
    as_names,
    check_cutoff,
    check_level,
    check_number,
    check_seed,
    check_whole,
    short_repr,
)

__all__ = [
    "ATOL",
    "Counts",
    "Given",
    "Lists",
    "Names",
    "Number",
    "PerUser",
    "Theta",
    "Thresholds",
    "Whole",
    "align",
    "as_array",
    "as_counts",
    "as_names",
    "as_simplex",
    "as_together",
    "as_whole",
    "by_rows",
    "check_cutoff",
    "check_level",
    "check_number",
    "check_seed",
    "check_whole",
    "convert",
    "deviation",
    "is_default",
    "matched",
    "order",
    "row_blocks",
    "row_sums",
    "rows_per_block",
    "short_repr",
    "sum_tolerance",
    "turned",
    "type_tolerance",
    "whole_of",
]
