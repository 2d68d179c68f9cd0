"""How much an answer depends on how it was asked for: the same users under other words, windows or taxonomies.

Each variant is a run of `probe` in a folder of its own, so a sweep that was stopped goes on where it was, and every
variant can be evaluated, certified and reported like any other run. Beside them stands one table that compares them.
"""

from spectra_eval.sweeping._sweep import Sweep, sweep
from spectra_eval.sweeping._variants import SWEEPS, Variant, variants

__all__ = ["SWEEPS", "Sweep", "Variant", "sweep", "variants"]
