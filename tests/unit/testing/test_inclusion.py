from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.errors import InputError
from spectra_eval.testing.inclusion import bounds_inclusion, refute_inclusion
from spectra_eval.theory import inclusion_bounds, printed_union_bound
from spectra_eval_cli.main import main


@pytest.mark.parametrize("seed", range(3))
def test_the_printed_union_bound_is_refuted_at_its_simplest(seed: int) -> None:
    found = refute_inclusion(printed_union_bound, seed=seed)
    assert found.found and found.exact is not None and found.bound is not None and found.exact > found.bound
    # One draw obeys the bound; the search drops every category that the violation can do without.
    assert found.k is not None and found.k >= 2 and found.weights is not None and 3 <= len(found.weights) <= 4
    exec(str(found.python), {})


@pytest.mark.parametrize("form", ["step", "heads", "product", "harmonic", "linear"])
def test_the_corrected_bounds_stand(form: str) -> None:
    def claimed(weights: np.ndarray, *, category: int, k: int) -> float:
        return float(getattr(inclusion_bounds(weights, category=category, k=k), form))

    assert not refute_inclusion(claimed, max_examples=300).found


def test_what_bounds_no_inclusion_is_told_apart() -> None:
    assert bounds_inclusion(printed_union_bound) and not bounds_inclusion(np.sqrt) and not bounds_inclusion(3)
    with pytest.raises(InputError, match="category"):
        refute_inclusion(lambda weights: 1.0)


def test_the_command() -> None:
    done = CliRunner().invoke(main, ["refute", "printed_union_bound", "--format", "json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 1 and document["found"] and document["exact"] > document["bound"]
    done = CliRunner().invoke(main, ["refute", "spectra_eval.theory:printed_union_bound"])
    assert done.exit_code == 1 and "refuted by drawing" in done.stdout
