"""Bounds: curves between divergences, floors under lists, dominance, rankings, finite windows and cohorts.

Every bound says whether it is ``proven`` or ``printed``; `ENVELOPES` lists those between two quantities.
"""

from spectra_eval.theory._base import ENVELOPES, Assumption, Envelope
from spectra_eval.theory.binomial import clopper_pearson_lower, clopper_pearson_upper
from spectra_eval.theory.bounded_mean import betting_lower, prpl_eb_lower
from spectra_eval.theory.concentration import (
    DkwCurve,
    Theorem5,
    dkw_lower,
    dkw_radius,
    hoeffding_lower,
    hoeffding_radius,
    hoeffding_upper,
    printed_theorem5_lower,
    theorem5,
)
from spectra_eval.theory.dominance import (
    Dominance,
    certify_aggregate,
    certify_fraction,
    certify_mean,
    certify_quantile,
    certify_user,
    fraction_from_means,
)
from spectra_eval.theory.js_envelope import (
    binary_js_interval,
    js_lower_from_tv,
    js_upper_from_tv,
    linf_upper_from_js,
    phi_star,
    phi_star_gap,
    phi_star_slope,
    psi,
    tv_lower_from_js,
    tv_upper_from_js,
)
from spectra_eval.theory.kl_envelope import kl_lower_from_js, kl_lower_from_tv, tv_upper_from_kl
from spectra_eval.theory.printed import PrintedValue, paper_phi, printed_crossover
from spectra_eval.theory.rank_radius import RankRadii, js_ceiling, rank_flip, rank_radii
from spectra_eval.theory.routes import (
    RouteResult,
    missed_mass_lower,
    route_j,
    route_k,
    route_t,
    route_t_certifies,
)
from spectra_eval.theory.truncation import (
    list_optimal,
    missed_mass,
    missed_mass_from_js,
    truncated_hellinger_squared_lower,
    truncated_js_lower,
    truncated_js_slope,
    truncated_tv_lower,
)

__all__ = [
    "ENVELOPES",
    "Assumption",
    "DkwCurve",
    "Dominance",
    "Envelope",
    "PrintedValue",
    "RankRadii",
    "RouteResult",
    "Theorem5",
    "betting_lower",
    "binary_js_interval",
    "certify_aggregate",
    "certify_fraction",
    "certify_mean",
    "certify_quantile",
    "certify_user",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "dkw_lower",
    "dkw_radius",
    "fraction_from_means",
    "hoeffding_lower",
    "hoeffding_radius",
    "hoeffding_upper",
    "js_ceiling",
    "js_lower_from_tv",
    "js_upper_from_tv",
    "kl_lower_from_js",
    "kl_lower_from_tv",
    "linf_upper_from_js",
    "list_optimal",
    "missed_mass",
    "missed_mass_from_js",
    "missed_mass_lower",
    "paper_phi",
    "phi_star",
    "phi_star_gap",
    "phi_star_slope",
    "printed_crossover",
    "printed_theorem5_lower",
    "prpl_eb_lower",
    "psi",
    "rank_flip",
    "rank_radii",
    "route_j",
    "route_k",
    "route_t",
    "route_t_certifies",
    "theorem5",
    "truncated_hellinger_squared_lower",
    "truncated_js_lower",
    "truncated_js_slope",
    "truncated_tv_lower",
    "tv_lower_from_js",
    "tv_upper_from_js",
    "tv_upper_from_kl",
]
