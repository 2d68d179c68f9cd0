"""The groups of divergences and of the curves between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spectra_eval import metrics, theory
from spectra_eval.arrays import as_simplex
from spectra_eval.audit.conformance._run import group
from spectra_eval.simplex import affinity, entropy_nats
from spectra_eval.units import LN2, Information

_Case = Mapping[str, Any]


@group("psi", "v", function="theory.psi")
def _psi(case: _Case) -> _Case:
    js = theory.psi(case["v"])
    return {"js_bits": js.bits, "js_nats": js.nats}


def _slope_dispute(field: str, case: _Case) -> str | None:
    j = case["j"]
    if field == "dv_dj" and 0 < j < 1e-6 and math.isclose(case["dv_dj"], case["v"] / j, rel_tol=1e-6):
        return "the file gives v/j; the derivative of sqrt(2 ln2 j) is v/(2j)"
    return None


@group("phi_star", "j", function="theory.phi_star, phi_star_gap, phi_star_slope", disputed=_slope_dispute)
def _phi_star(case: _Case) -> _Case:
    j = case["j"]
    return {
        "v": theory.phi_star(j),
        # Where phi* is small, one minus it is exact; where it is near one, its own gap is.
        "one_minus_v": 1.0 - theory.phi_star(j) if j < 0.25 else theory.phi_star_gap(1.0 - j),
        "dv_dj": theory.phi_star_slope(j),
    }


@group("phi_star_gap", "c", function="theory.phi_star_gap")
def _phi_star_gap(case: _Case) -> _Case:
    return {"gap": theory.phi_star_gap(case["c"])}


def _printed(js: Information) -> dict[str, Any]:
    return {
        f"{name}_{reading}": theory.paper_phi(name, js, reading=reading)
        for name in ("ps", "bh", "js", "th")
        for reading in theory.readings(name)
    }


@group("phi_paper", "j_bits", function="theory.paper_phi, tv_upper_from_js")
def _phi_paper(case: _Case) -> _Case:
    js = Information.from_bits(case["j_bits"])
    printed = _printed(js)
    j = case["j_bits"]
    return {
        "phi_star": theory.phi_star(j),
        "values": {name: found.value for name, found in printed.items()},
        "is_upper_bound_here": {name: found.valid for name, found in printed.items()},
        "closed": {
            "sqrt_2ln2_j": printed["js_nats"].value,  # the file does not stop at one, as the proven form does
            "topsoe": theory.tv_upper_from_js(js, method="topsoe"),
            "quadratic": theory.tv_upper_from_js(js, method="quadratic"),
        },
    }


@group("js_trunc", "m", function="theory.truncated_js_lower, truncated_js_slope")
def _js_trunc(case: _Case) -> _Case:
    m = case["m"]
    return {"g_bits": theory.truncated_js_lower(m).bits, "dg_dm": theory.truncated_js_slope(m)}


@group("js_trunc_inv", "g", function="theory.missed_mass_from_js")
def _js_trunc_inv(case: _Case) -> _Case:
    return {"m": theory.missed_mass_from_js(Information.from_bits(case["g"]))}


@group("binary_js_interval", "q", "delta_bits", function="theory.binary_js_interval")
def _binary_js_interval(case: _Case) -> _Case:
    low, high = theory.binary_js_interval(case["q"], Information.from_bits(case["delta_bits"]))
    return {"lo": low, "hi": high}


def _one(value: Any) -> float:
    """Return the number of the only user."""
    return float(np.asarray(value).reshape(-1)[0])


@group("divergences", "p", "q", function="metrics.js_divergence, kl_divergence, total_variation, ...")
def _divergences(case: _Case) -> _Case:
    p, q = as_simplex(p=[case["p"]], q=[case["q"]])
    js = metrics.js_divergence(p, q)
    hellinger = _one(metrics.hellinger(p, q))
    entropies = [float(entropy_nats(row)[0]) / LN2 for row in (p, q)]
    return {
        "tv": _one(metrics.total_variation(p, q)),
        "linf": _one(metrics.linf_error(p, q)),
        "js_bits": js.bits[0],
        "js_nats": js.nats[0],
        "sqrt_js_bits": theory.root_js(p[0], q[0]),
        "kl_pq_nats": metrics.kl_divergence(p, q).nats[0],
        "kl_qp_nats": metrics.kl_divergence(q, p).nats[0],
        "chi2_pq": _one(metrics.chi_squared(p, q)),
        "chi2_qp": _one(metrics.chi_squared(q, p)),
        "hellinger": hellinger,
        "hellinger_sq": hellinger**2,
        "bc": affinity(p, q)[0],
        "entropy_p_bits": entropies[0],
        "entropy_q_bits": entropies[1],
    }


_FACTS: dict[str, Callable[[], float]] = {
    "crossover_pinsker_bh_kl_nats": lambda: theory.printed_crossover()[0],
    "crossover_js_literal": lambda: theory.printed_crossover()[1],
    "crossover_js_printed_arithmetic": lambda: theory.printed_crossover()[0] / (2 * LN2),
    "rho_16500": lambda: theory.theorem5(0, 16500, error=0.05).rho,
    "rho_10000": lambda: theory.theorem5(0, 10000, error=0.05).rho,
    "js_ceiling_theorem1_k1_bits": lambda: float(theory.js_ceiling(1).bits),
    "bh_nats_valid_up_to_j_bits": lambda: _end("nats"),
    "bh_bits_valid_up_to_j_bits": lambda: _end("bits"),
}


def _end(reading: str) -> float:
    interval = theory.valid_interval("bh", reading)
    assert interval is not None
    return interval[1]


@group("paper_anchors", function="theory.certify_mean, paper_phi, printed_crossover, theorem5, js_ceiling")
def _paper_anchors(case: _Case) -> _Case:
    [(name, value)] = case.items()
    if not isinstance(value, Mapping):
        return {name: _FACTS[name]()}
    m = value["m_tau"]
    floor = theory.truncated_js_lower(m).bits
    readings = {}
    for reading, given in value["readings"].items():
        js = Information.from_bits(given["delta_bits"])
        exact, root = (theory.tv_upper_from_js(js, method=method) for method in ("exact", "sqrt"))
        readings[reading] = {
            "delta_bits": js.bits,
            "phi_star": exact,
            "margin_phi_star": m - exact,
            "phi_sqrt": root,
            "margin_phi_sqrt": m - root,
            "certifies_tv": m > exact,
            "js_margin_bits": floor - js.bits,
            "certifies_js": js.bits < floor,
            "phi_paper": {key: found.value for key, found in _printed(js).items()},
        }
    return {name: {"m_tau": m, "g_of_m_bits": floor, "psi_of_m_bits": theory.psi(m).bits, "readings": readings}}


@group("kl_to_tv", "kl_nats", function="theory.tv_upper_from_kl, tv_gap_from_kl")
def _kl_to_tv(case: _Case) -> _Case:
    kl = Information(case["kl_nats"])
    return {
        "tv": theory.tv_upper_from_kl(kl),
        "one_minus_tv": theory.tv_gap_from_kl(kl),
        "pinsker": math.sqrt(0.5) * math.sqrt(kl.nats),  # the file does not stop at one, as the function does
        "bretagnolle_huber": theory.tv_upper_from_kl(kl, method="bretagnolle_huber"),
    }


@group("tv_to_kl", "tv", function="theory.kl_lower_from_tv")
def _tv_to_kl(case: _Case) -> _Case:
    v = case["tv"]
    methods = {"kl_nats": "exact", **{name: name for name in ("pinsker", "bretagnolle_huber", "vajda", "gilardoni")}}
    return {field: theory.kl_lower_from_tv(v, method=method).nats for field, method in methods.items()}


@group("chi2_to_tv", "chi2", function="theory.tv_upper_from_chi_squared")
def _chi2_to_tv(case: _Case) -> _Case:
    x = case["chi2"]
    printed = theory.ENVELOPES["printed_chi_squared"].upper
    assert printed is not None
    return {
        "tv_exact": theory.tv_upper_from_chi_squared(x),
        "cauchy_schwarz": math.sqrt(x) / 2,  # not stopped at one either
        "via_kl": theory.tv_upper_from_chi_squared(x, method="via_kl"),
        "paper": float(printed(np.asarray(x))),
    }


@group("hellinger_to_tv", "h2", function="theory.tv_upper_from_hellinger_squared, tv_lower_from_hellinger_squared")
def _hellinger_to_tv(case: _Case) -> _Case:
    h2 = case["h2"]
    printed = theory.ENVELOPES["printed_hellinger"].upper
    assert printed is not None
    return {
        "tv_upper": theory.tv_upper_from_hellinger_squared(h2),
        "tv_lower": theory.tv_lower_from_hellinger_squared(h2),
        "paper_normalised": float(printed(np.sqrt(h2))),
        "paper_unnormalised": float(printed(np.sqrt(2 * h2))),
    }
