"""From an evaluation table and its interactions to an adapted model that has not seen what it will be held against.

What lies before each user's window is cut in time again, at several places: each cut gives a history and an earlier
window, and the earlier window is the target. That no evaluation window stands in a history, a target or a text is
proven from the interactions before the first step, and the proof stands in the manifest.
"""

from spectra_eval.finetuning._earlier import CUTS, earlier_tables, past_of, split_users, stacked
from spectra_eval.finetuning._stage import finetune, merge_adapter, with_offset

__all__ = ["CUTS", "earlier_tables", "finetune", "merge_adapter", "past_of", "split_users", "stacked", "with_offset"]
