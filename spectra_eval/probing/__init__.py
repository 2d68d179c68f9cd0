"""Ask a model about every user of a table, and lose nothing on the way.

The work is cut into parts of some users each. A part that is finished is written to the run folder and
never touched again; a run that was stopped goes on after the last good part. The cut depends on the
number of users alone, so a run that was stopped and one that was not give the same bytes. A crash loses at
most one part: eight users, or a thousandth of the run where that is more.
"""

from spectra_eval.probing._folder import records_kept
from spectra_eval.probing._probe import Probed, probe, probe_file
from spectra_eval.probing._questions import Measured
from spectra_eval.probing._source import FileSource

__all__ = ["FileSource", "Measured", "Probed", "probe", "probe_file", "records_kept"]
