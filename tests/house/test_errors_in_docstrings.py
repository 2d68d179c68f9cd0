"""The errors in the docstrings of the theory are those that bad input raises."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import SpectraError
from spectra_eval.units import Information

SPEC = importlib.util.spec_from_file_location("docstrings", Path(__file__).with_name("test_docstrings.py"))
assert SPEC is not None and SPEC.loader is not None
DOCSTRINGS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(DOCSTRINGS)
THEORY = {name.rpartition(".")[2]: value for name, value in DOCSTRINGS.PUBLIC.items() if name.startswith("theory.")}
bits = Information.from_bits

BAD: list[tuple[str, Callable[[Callable[..., Any]], Any]]] = [
    ("binary_js_interval", lambda f: f(1.5, bits(0.1))),
    ("binary_js_interval", lambda f: f(0.5, bits(2.0))),
    ("binary_js_upper_from_tv", lambda f: f(1.5)),
    ("clopper_pearson_upper", lambda f: f(3, 2, error=0.1)),
    ("clopper_pearson_upper", lambda f: f(1, 2, error=0.0)),
    ("betting_lower", lambda f: f([], error=0.1)),
    ("prpl_eb_lower", lambda f: f([2.0], error=0.1)),
    ("prpl_eb_lower", lambda f: f([0.5], error=1.0)),
    ("chi_squared_lower_from_tv", lambda f: f(2)),
    ("kl_upper_from_chi_squared", lambda f: f(-1)),
    ("chi_squared_pair", lambda f: f(-1.0)),
    ("hoeffding_radius", lambda f: f(0, error=0.1)),
    ("hoeffding_radius", lambda f: f(5, error=0.1, width=-1.0)),
    ("hoeffding_lower", lambda f: f([2.0], error=0.1)),
    ("hoeffding_upper", lambda f: f([2.0], error=0.1)),
    ("dkw_radius", lambda f: f(5, error=0.7)),
    ("dkw_lower", lambda f: f([], error=0.1)),
    ("dkw_lower", lambda f: f([np.nan], error=0.1)),
    ("printed_theorem5_lower", lambda f: f(1.5, 5, error=0.1)),
    ("theorem5", lambda f: f(6, 5, error=0.1)),
    ("certify_user", lambda f: f(1.5, bits(0.1))),
    ("certify_user", lambda f: f(0.5, bits([0.1, 0.2]))),
    ("certify_user", lambda f: f(0.5, bits(0.1), divergence="x")),
    ("certify_mean", lambda f: f(0.5, bits(2.0))),
    ("certify_fraction", lambda f: f(1.5, bits(0.1))),
    ("certify_quantile", lambda f: f(0.5, 1.5, bits(0.1), 0.5)),
    ("certify_aggregate", lambda f: f(1.5, bits(0.1))),
    ("tv_lower_from_hellinger_squared", lambda f: f(2)),
    ("hellinger_squared_upper_from_kl", lambda f: f(-1)),
    ("hellinger_pair", lambda f: f(2.0)),
    ("kl_chain", lambda f: f(1, 2)),
    ("parent_scores", lambda f: f([0.0, 1.0], [0, 1], temperature=0.0)),
    ("parent_scores", lambda f: f([0.0, 1.0], [0, 5])),
    ("psi", lambda f: f(2)),
    ("phi_star_gap", lambda f: f(2)),
    ("phi_star_slope", lambda f: f(2)),
    ("tv_lower_from_js", lambda f: f(bits(2.0))),
    ("tv_lower_from_js", lambda f: f(0.5)),
    ("js_lower_from_tv", lambda f: f(2)),
    ("js_upper_from_tv", lambda f: f(2)),
    ("linf_upper_from_js", lambda f: f(bits(2.0))),
    ("root_js", lambda f: f([0.5, 0.6], [0.5, 0.5])),
    ("root_js", lambda f: f([0.5, 0.5], [1 / 3] * 3)),
    ("tv_gap_from_kl", lambda f: f(Information(-1.0))),
    ("kl_lower_from_tv", lambda f: f(2)),
    ("kl_lower_from_tv", lambda f: f(0.5, method="x")),
    ("kl_lower_from_js", lambda f: f(bits(2.0))),
    ("js_upper_from_kl", lambda f: f(Information(-1.0))),
    ("linf_upper_from_kl", lambda f: f(Information(1.0), method="x")),
    ("binary_kl_pair", lambda f: f(Information(-1.0))),
    ("tv_lower_from_linf", lambda f: f(2)),
    ("linf_upper_from_tv", lambda f: f(2)),
    ("linf_lower_from_tv", lambda f: f(0.5, n_categories=0)),
    ("small_linf_pair", lambda f: f(0.5, n_categories=1)),
    ("mcdiarmid_tv_radius", lambda f: f(-1, n_categories=3, error=0.1)),
    ("tv_radius", lambda f: f(5, n_categories=0, error=0.1)),
    ("agrawal_kl_radius", lambda f: f(5, n_categories=3, error=0.0)),
    ("types_kl_radius", lambda f: f(5, n_categories=3, error=0.0)),
    ("kl_radius", lambda f: f(-1, n_categories=3, error=0.1)),
    ("js_radius", lambda f: f(5, n_categories=3, error=1.0)),
    ("js_bounded_difference", lambda f: f(0)),
    ("js_mcdiarmid_radius", lambda f: f(5, error=0.0)),
    ("inclusion_from_ratio", lambda f: f(-1.0, k=2)),
    ("inclusion_from_ratio", lambda f: f(0.1, k=0)),
    ("inclusion_from_ratio", lambda f: f(0.1, k=2, form="x")),
    ("head_ratio", lambda f: f([1.0, 2.0], category=0, k=2, exponent=1.0, spread=0.0)),
    ("head_ratio", lambda f: f([1.0, 2.0], category=0, k=1, exponent=-1.0, spread=0.0)),
    ("excluded_surely", lambda f: f(-1.0)),
    ("printed_union_bound", lambda f: f([0.0, 1.0], category=0, k=1)),
    ("printed_union_bound", lambda f: f([1.0, 0.0], category=0, k=1)),
    ("printed_union_bound", lambda f: f([1.0, 1.0], category=0, k=5)),
    ("readings", lambda f: f("x")),
    ("token_ratio", lambda f: f(prefix=0, suffix=0, n_categories=2)),
    ("rank_radii", lambda f: f([0.5, 0.5], k=2)),
    ("rank_radii", lambda f: f([0.5, 0.6], k=1)),
    ("js_ceiling", lambda f: f(0)),
    ("rank_flip", lambda f: f([0.5, 0.5], k=2)),
    ("rank_flip", lambda f: f([0.6, 0.4], k=1, past=2.0)),
    ("top_k", lambda f: f([0.5, 0.5], k=3)),
    ("top_k_gap", lambda f: f([0.5, 0.5], k=2)),
    ("regret", lambda f: f([0.5, 0.5], [0.5, 0.5], k=3)),
    ("order_regret_bound", lambda f: f([1.0, 0.5], linf=2.0)),
    ("order_regret_bound", lambda f: f([0.5, 1.0], linf=0.1)),
    ("order_regret_bound", lambda f: f([1.0], linf=0.1, lipschitz=-1.0)),
    ("js_ceiling_through_phi", lambda f: f(0)),
    ("expectation_form", lambda f: f(probability=2.0, gain=0.1)),
    ("theorem_4", lambda f: f([[0.5, 0.5]], [[0.5, 0.5]], [0], k=1, utility=np.sqrt)),
    ("theorem_4", lambda f: f([0.5, 0.5], [0.5, 0.5], [7], k=1, utility=np.sqrt)),
    ("theorem_4", lambda f: f([0.5, 0.6], [0.5, 0.5], [0], k=1, utility=np.sqrt)),
    ("theorem_4", lambda f: f([0.5, 0.5], [0.5, 0.5], [0], k=2, utility=np.sqrt)),
    ("missed_mass_lower", lambda f: f([[-1, 2]], [[0]], error=0.1)),
    ("missed_mass_lower", lambda f: f([[1.5, 2]], [[0]], error=0.1, whole=True)),
    ("missed_mass_lower", lambda f: f([[1, 2]], [[0]], error=0.0)),
    ("missed_mass_lower", lambda f: f([[1, 2]], [[0], [0], [1]], error=0.1)),
    ("tv_upper_hoeffding", lambda f: f([[1, 2]], [[0.5, 0.5]], error=0.0)),
    ("tv_upper_hoeffding", lambda f: f([[1, 2]], [[0.5, 0.5]] * 3, error=0.1)),
    ("tv_upper_exact", lambda f: f([[1.5, 2]], [[0.5, 0.5]], error=0.1)),
    ("tv_upper_exact", lambda f: f([[1, 2]], [[0.5, 0.5]], error=1.0)),
    ("js_upper", lambda f: f([[1, 2]], [[0.5, 0.5]], error=0.0)),
    ("js_upper", lambda f: f([[1, 2]], [[0.5, 0.5]] * 3, error=0.1)),
    ("kl_upper", lambda f: f([[1, 2]], [[0.5, 0.5]], error=0.0)),
    ("kl_upper", lambda f: f([[1, -2]], [[0.5, 0.5]], error=0.1)),
    ("js_upper", lambda f: f([[1, 2]], [[0.5, 0.5]], error=0.1, rate=2.0)),
    ("route_t", lambda f: f([[1, 2]], [[0.5, 0.5]], [[0]], predicate_error=0.0)),
    ("route_t", lambda f: f([[1, 2]], [[0.5, 0.5]], [[0]], predicate_error=0.1, split=1.0)),
    ("route_t", lambda f: f([[1, 2]], [[0.5, 0.5]] * 3, [[0]], predicate_error=0.1)),
    ("route_j", lambda f: f([[1.5, 2]], [[0.5, 0.5]], [[0]], predicate_error=0.1, whole=True)),
    ("route_t_certifies", lambda f: f([[1, 2]], [[0.5, 0.5]], [[0]], predicate_error=0.0)),
    ("missed_mass", lambda f: f([[0.5, 0.6]], [[0]])),
    ("missed_mass", lambda f: f([[0.5, 0.5]], [[5]])),
    ("missed_mass", lambda f: f([[0.5, 0.5]], [[0], [0], [1]])),
    ("missed_mass", lambda f: f([[0.5, 0.5]], [[0]], k=0)),
    ("list_optimal", lambda f: f([[0.5, 0.5]], [[0.5]])),
    ("truncated_tv_lower", lambda f: f(2)),
    ("truncated_js_lower", lambda f: f(2)),
    ("truncated_js_slope", lambda f: f(2)),
    ("missed_mass_from_js", lambda f: f(bits(2.0))),
    ("truncated_hellinger_squared_lower", lambda f: f(2)),
]
"""Calls of public functions with bad input."""


@pytest.mark.parametrize("case", range(len(BAD)), ids=lambda case: f"{BAD[case][0]}-{case}")
def test_bad_input_raises_what_the_docstring_says(case: int) -> None:
    name, call = BAD[case]
    sections = DOCSTRINGS.sections(THEORY[name].__doc__)
    listed = tuple(DOCSTRINGS.error_class(one) for one in DOCSTRINGS.entries(sections["Raises"]))
    with pytest.raises(SpectraError) as caught:
        call(THEORY[name])
    assert isinstance(caught.value, listed)
