"""Property checks for every registered entry, and for metrics and bounds of your own.

Needs the extra ``testing`` (Hypothesis). Nothing of the library imports this package.
"""

import importlib.util

from spectra_eval.errors import BackendUnavailable

if importlib.util.find_spec("hypothesis") is None:
    raise BackendUnavailable("the checks need hypothesis: pip install 'spectra-eval[testing]'")
