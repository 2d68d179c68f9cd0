"""Bounds between divergences, for lists and rankings, for finite windows and for cohorts.

Every bound says whether it is ``proven`` or ``printed``; `ENVELOPES` lists those between two quantities. The names are
those that the modules export.
"""

from spectra_eval.theory import (
    _base,
    binary_js,
    binomial,
    blocks,
    bounded_mean,
    chi_squared_envelope,
    concentration,
    constant_bet,
    dominance,
    evidence,
    hellinger_envelope,
    hierarchy,
    js_envelope,
    js_metric,
    kl_envelope,
    linf_envelope,
    multinomial_radius,
    plackett_luce,
    printed,
    prompt_cost,
    rank_radius,
    ranking,
    ranking_additive,
    readout_noise,
    rival,
    routes,
    truncation,
    window_noise,
)
from spectra_eval.theory._base import *
from spectra_eval.theory.binary_js import *
from spectra_eval.theory.binomial import *
from spectra_eval.theory.blocks import *
from spectra_eval.theory.bounded_mean import *
from spectra_eval.theory.chi_squared_envelope import *
from spectra_eval.theory.concentration import *
from spectra_eval.theory.constant_bet import *
from spectra_eval.theory.dominance import *
from spectra_eval.theory.evidence import *
from spectra_eval.theory.hellinger_envelope import *
from spectra_eval.theory.hierarchy import *
from spectra_eval.theory.js_envelope import *
from spectra_eval.theory.js_metric import *
from spectra_eval.theory.kl_envelope import *
from spectra_eval.theory.linf_envelope import *
from spectra_eval.theory.multinomial_radius import *
from spectra_eval.theory.plackett_luce import *
from spectra_eval.theory.printed import *
from spectra_eval.theory.prompt_cost import *
from spectra_eval.theory.rank_radius import *
from spectra_eval.theory.ranking import *
from spectra_eval.theory.ranking_additive import *
from spectra_eval.theory.readout_noise import *
from spectra_eval.theory.rival import *
from spectra_eval.theory.routes import *
from spectra_eval.theory.truncation import *
from spectra_eval.theory.window_noise import *

__all__: list[str] = []
__all__ += _base.__all__
__all__ += binary_js.__all__
__all__ += binomial.__all__
__all__ += blocks.__all__
__all__ += bounded_mean.__all__
__all__ += chi_squared_envelope.__all__
__all__ += concentration.__all__
__all__ += constant_bet.__all__
__all__ += dominance.__all__
__all__ += evidence.__all__
__all__ += hellinger_envelope.__all__
__all__ += hierarchy.__all__
__all__ += js_envelope.__all__
__all__ += js_metric.__all__
__all__ += kl_envelope.__all__
__all__ += linf_envelope.__all__
__all__ += multinomial_radius.__all__
__all__ += plackett_luce.__all__
__all__ += printed.__all__
__all__ += prompt_cost.__all__
__all__ += rank_radius.__all__
__all__ += ranking.__all__
__all__ += ranking_additive.__all__
__all__ += readout_noise.__all__
__all__ += rival.__all__
__all__ += routes.__all__
__all__ += truncation.__all__
__all__ += window_noise.__all__
