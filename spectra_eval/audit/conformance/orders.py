"""The groups of rankings, frequency bias, two levels and distances of counts from their distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval import metrics, theory
from spectra_eval.audit.conformance._run import group
from spectra_eval.units import Information

_Case = Mapping[str, Any]


@group("ranking", "theta_star", "theta_s", "L", "k", function="theory.theorem_1, regret, regret_bound, missed_mass")
def _ranking(case: _Case) -> _Case:
    star, predicted = np.array([case["theta_star"]]), np.array([case["theta_s"]])
    lists, k = np.array([case["L"]], dtype=int).reshape(1, -1), int(case["k"])
    found = theory.theorem_1(star, predicted, lists, k=k)
    distance, largest = metrics.total_variation(star, predicted), metrics.linf_error(star, predicted)
    bound = theory.regret_bound(k=k, n_categories=star.shape[1], tv=distance, linf=largest)
    return {
        "gap": found.gap[0],
        "linf": found.eps[0],
        "tv": np.asarray(distance)[0],
        "hyp_i_ii": bool(found.recovers[0]),
        "hyp_iii": bool(found.differs[0]),
        "L_S": theory.top_k(predicted, k=k)[0],
        "mass_LS": found.mass_top[0],
        "mass_L": found.mass_list[0],
        "mass_best": found.mass_best[0],
        "regret_LS": theory.regret(star, predicted, k=k)[0],
        "regret_L": found.mass_best[0] - found.mass_list[0],
        "regret_bound": bound[0],
        "m_tau": theory.missed_mass(star, lists)[0],
    }


@group("expectation_form", "p_fav", "gain", "fmax", function="theory.expectation_form")
def _expectation_form(case: _Case) -> _Case:
    found = theory.expectation_form(probability=case["p_fav"], gain=case["gain"], largest_loss=case["fmax"])
    return {"rhs": found.lower, "p_threshold": found.threshold}


@group("plackett_luce", "weights", "k", "c", function="theory.inclusion_probability, inclusion_bounds")
def _plackett_luce(case: _Case) -> _Case:
    category, k = int(case["c"]), int(case["k"])
    exact = theory.inclusion_probability(case["weights"], category=category, k=k)
    bounds = theory.inclusion_bounds(case["weights"], category=category, k=k)
    printed = theory.printed_union_bound(case["weights"], category=category, k=k)
    return {
        "inclusion_exact": exact,
        "paper_union": printed,
        "paper_valid": bool(printed >= exact),
        "step_bound": bounds.step,
        "heads_exact": bounds.heads,
        "product_bound": bounds.product,
        "harmonic_bound": bounds.harmonic,
    }


@group("hierarchy", "P1", "P2", "Q1", "Q2", "explored", function="theory.kl_chain, js_chain, tv_chain, expand")
def _hierarchy(case: _Case) -> _Case:
    star, predicted = theory.two_level(case["P1"], case["P2"]), theory.two_level(case["Q1"], case["Q2"])
    bounds, js = theory.tv_chain(star, predicted), theory.js_chain(star, predicted)
    part = theory.expand(star, [int(branch) for branch in case["explored"]])
    full, other = star.leaves(), predicted.leaves()
    return {
        "tv": bounds.value,
        "tv_bound": bounds.upper,
        "tv_l1": bounds.lower,
        "kl_nats": metrics.kl_divergence(full[None], other[None]).nats[0],
        "kl_chain_nats": theory.kl_chain(star, predicted).total.nats,
        "js_bits": metrics.js_divergence(full[None], other[None]).bits[0],
        "js_chain_bits": js.total.bits,
        "js_l1_bits": js.top.bits,
        "residual": part.residual,
        "tv_renormalised_vs_full": np.asarray(metrics.total_variation(full[None], part.fill("renormalise")[None]))[0],
        "tv_uniform_fill_vs_full": np.asarray(metrics.total_variation(full[None], part.fill("uniform")[None]))[0],
    }


@group("cost_ratio", "T_pre", "T_suf", "K", function="theory.token_ratio")
def _cost_ratio(case: _Case) -> _Case:
    arguments = {"prefix": int(case["T_pre"]), "suffix": int(case["T_suf"]), "n_categories": int(case["K"])}
    return {"ratio": theory.token_ratio(**arguments)}


@group("multinomial_radius", "K", "n", "beta", function="theory.weissman_tv_radius, agrawal_kl_radius, ...")
def _multinomial_radius(case: _Case) -> _Case:
    n, k, error = int(case["n"]), int(case["K"]), case["beta"]
    arguments = {"n_categories": k, "error": error}
    # The two radii are capped at one, unlike in the file.
    weissman = theory.weissman_tv_radius(n, **arguments)
    mcdiarmid = theory.mcdiarmid_tv_radius(n, **arguments)
    if weissman >= 1:
        weissman = math.sqrt((k * math.log(2) + math.log1p(-(2.0 ** (1 - k))) - math.log(error)) / (2 * n))
    if mcdiarmid >= 1:
        mcdiarmid = math.sqrt((k - 1) / n) / 2 + math.sqrt(-math.log(error) / (2 * n))
    return {
        "weissman_tv": weissman,
        "mcdiarmid_tv": mcdiarmid,
        "agrawal_nats_times_n": theory.agrawal_kl_radius(n, **arguments).nats * n,
        "types_nats_times_n": theory.types_kl_radius(n, **arguments).nats * n,
        "oracle_set_tv": theory.hoeffding_radius(n, error=error),
        "js_bounded_difference_bits_times_n": Information(theory.js_bounded_difference(n).nats * n).bits,
    }
