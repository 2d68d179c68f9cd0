"""Certificates: claims about a table with bounds and assumptions; planning, computation and verification."""

from spectra_eval.certification._base import CLAIMS
from spectra_eval.certification._bundle import bundle, unbundle
from spectra_eval.certification._certificate import Certificate, Claim
from spectra_eval.certification._options import BOUNDS, Options
from spectra_eval.certification._pilot import guesses_from
from spectra_eval.certification._plan import Need, plan
from spectra_eval.certification._stream import certify, certify_cutoffs
from spectra_eval.certification._verdict import verdict
from spectra_eval.certification._verify import Verification, verify
from spectra_eval.certification.rival_claims import RIVAL_CLAIMS

__all__ = [
    "BOUNDS",
    "CLAIMS",
    "RIVAL_CLAIMS",
    "Certificate",
    "Claim",
    "Need",
    "Options",
    "Verification",
    "bundle",
    "certify",
    "certify_cutoffs",
    "guesses_from",
    "plan",
    "unbundle",
    "verdict",
    "verify",
]
