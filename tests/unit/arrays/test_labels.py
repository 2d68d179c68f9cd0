"""Labels of axes are matched by value."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from spectra_eval.arrays import matched
from spectra_eval.arrays._labels import order
from spectra_eval.errors import InputError


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("ab", "the labels of its users differ from those of truth ('c' only in truth); "),
        ("abcd", "the labels of its users differ from those of truth ('d' only in held); "),
        ("abcc", "a label of its users occurs twice, so it cannot be aligned with truth; "),
    ],
)
def test_labels_that_do_not_match_are_named(labels: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape('held: ' + said)}"):
        order("held", labels, "abc", "truth", "users")
    assert order("held", "cab", "abc", "truth", "users") == [1, 2, 0]


def test_arrays_without_labels_do_not_keep_the_others_from_being_aligned() -> None:
    rows = np.array([[1, 2], [3, 4]])
    frame = pd.DataFrame(rows, index=["u", "v"], columns=["a", "b"])
    turned = frame.iloc[::-1, ::-1]
    for first in ({"counts": rows}, {"lists": pd.DataFrame(rows, index=["u", "v"])}):
        *_, one, other = matched(**first, theta_star=frame, theta_s=turned)
        assert one.values.tolist() == other.values.tolist() == rows.tolist()
