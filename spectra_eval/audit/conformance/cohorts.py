"""The groups of bounds on proportions, means and windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval import metrics, theory
from spectra_eval.audit.conformance._run import group
from spectra_eval.theory import routes
from spectra_eval.units import Information

_Case = Mapping[str, Any]


@group("clopper_pearson", "x", "n", "alpha", function="theory.clopper_pearson_lower, clopper_pearson_upper")
def _clopper_pearson(case: _Case) -> _Case:
    x, n, error = case["x"], case["n"], case["alpha"]
    return {
        "lower": theory.clopper_pearson_lower(x, n, error=error),
        "upper": theory.clopper_pearson_upper(x, n, error=error),
    }


@group("radii_bernoulli", "N", "alpha", function="theory.hoeffding_radius, dkw_radius")
def _radii(case: _Case) -> _Case:
    n, error = int(case["N"]), case["alpha"]
    return {
        "hoeffding_one_sided": theory.hoeffding_radius(n, error=error),
        "hoeffding_two_sided": theory.hoeffding_radius(n, error=error / 2),
        "dkw_two_sided_half_alpha": theory.dkw_radius(n, error=error / 4),
        "eq10_fmax1": theory.hoeffding_radius(n, error=error / 2, width=2.0),
    }


@group("theorem5", "x", "N", "alpha", "M", "eta", function="theory.theorem5")
def _theorem5(case: _Case) -> _Case:
    routes_declared = int(case["M"])
    found = theory.theorem5(
        int(case["x"]), int(case["N"]), error=case["alpha"], n_routes=routes_declared, predicate_error=case["eta"]
    )
    return {
        "beta": found.beta,
        "rho": found.rho,
        "cohort_slack_2rho": 2 * found.rho,
        "two_M_beta": 2 * routes_declared * found.beta,
        "paper_rhs": found.printed,
        "union_sound": found.rho_once,
        "union_one_sided_hoeffding": found.union_hoeffding,
        "union_clopper_pearson": found.union_clopper_pearson,
        "hoeffding_one_sided": found.hoeffding,
        "dkw_one_sided": found.dkw,
        "clopper_pearson": found.clopper_pearson,
        "mixture_clopper_pearson": found.mixture,
    }


@group("bounded_mean", "x", "alpha", function="theory.hoeffding_lower, prpl_eb_lower, betting_lower")
def _bounded_mean(case: _Case) -> _Case:
    x, error = case["x"], case["alpha"]
    return {
        "mean": float(np.mean(x)),
        "hoeffding_lcb": theory.hoeffding_lower(x, error=error),
        "prpl_eb_lcb": theory.prpl_eb_lower(x, error=error),
        "betting_lcb": theory.betting_lower(x, error=error),
    }


@group("mean_certificate", "m_hat", "tv_hat", "u", "alpha", function="theory.hoeffding_lower, betting_lower")
def _mean_certificate(case: _Case) -> _Case:
    u, error = np.asarray(case["u"]), case["alpha"]
    margins = np.asarray(case["m_hat"]) - np.asarray(case["tv_hat"])
    lower = float(margins.mean()) - theory.hoeffding_radius(len(margins), error=error, width=2.0)
    return {
        "mean_w": float(margins.mean()),
        "hoeffding_lcb": lower,
        "betting_lcb_w": 2 * theory.betting_lower(u, error=error) - 1,
        "prpl_eb_lcb_w": 2 * theory.prpl_eb_lower(u, error=error) - 1,
        "min_fraction_hoeffding": max(0.0, lower),
    }


_ROUTE_INPUTS = ("counts", "theta_s", "L", "beta_tv", "beta_m", "lambda_js", "lambda_kl")


@group("routes", *_ROUTE_INPUTS, function="theory.route_t, route_j, route_k")
def _routes(case: _Case) -> _Case:
    counts, predicted = np.array([case["counts"]], dtype=float), np.array([case["theta_s"]], dtype=float)
    lists = np.array([case["L"]], dtype=int)
    first, second = case["beta_tv"], case["beta_m"]
    n = counts.sum()
    window = counts / n if n else np.full(counts.shape, np.nan)
    off = np.ones(counts.shape[1])
    off[lists[0]] = 0
    loose = routes.tv_upper_hoeffding(counts, predicted, error=first)[0]
    exact = routes.tv_upper_exact(counts, predicted, error=first)[0]
    lower = routes.missed_mass_lower(counts, lists, error=second)[0]
    js = routes.js_upper(counts, predicted, error=first, rate=case["lambda_js"])
    kl = routes.kl_upper(counts, predicted, error=first, rate=case["lambda_kl"])
    return {
        "n": float(n),
        "tv_hat": float(np.asarray(metrics.total_variation(window, predicted))[0]) if n else float("nan"),
        "m_hat": float((window * off).sum()) if n else float("nan"),
        "u_tv_hoeffding": loose,
        "u_tv_knapsack": exact,
        "m_lower": lower,
        "u_js_bits": js.bits[0],
        "u_kl_nats": kl.nats[0],
        "u_tv_via_js": theory.phi_star(js.bits[0]),
        "u_tv_via_kl": theory.tv_upper_from_kl(Information(kl.nats[0])),
        "certified_hoeffding": bool(loose < lower),
        "certified_knapsack": bool(exact < lower),
    }


@group("fraction_from_means", "m", "d_bits", function="theory.fraction_from_means, certify_fraction")
def _fraction(case: _Case) -> _Case:
    js = Information.from_bits(case["d_bits"])
    return {
        "simple": theory.certify_fraction(case["m"], js).inputs["simple_form"],
        "exact": theory.fraction_from_means(case["m"], js),
    }


@group("rank_radius", "theta", "k", function="theory.rank_radii")
def _rank_radius(case: _Case) -> _Case:
    radii = theory.rank_radii(np.asarray(case["theta"]), k=int(case["k"]))
    return {
        "gap": radii.gap,
        "linf_radius": radii.linf,
        "tv_radius": radii.tv,
        "kl_radius_nats": radii.kl.nats,
        "js_radius_bits": radii.js.bits,
        "js_radius_via_phi_star_bits": theory.psi(radii.tv).bits,
        "kl_radius_via_pinsker_nats": theory.kl_lower_from_tv(radii.tv, method="pinsker").nats,
    }
