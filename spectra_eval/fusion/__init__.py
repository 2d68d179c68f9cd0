"""Fusion: a model's category distribution as a prior for the item scores of a recommender.

A recommender scores items; the distribution predicts the proportion of each category in the user's future. The two
are combined as

    fused(u, i) = z(u, i) + w ln p(u, i),    p(u, i) = sum over c of a(i, c) theta_s(u, c)

with z the scores of one user at mean 0 and standard deviation 1, and a(i, c) one over the number of the item's
categories. The weight w is given, or fitted on other users than those it is applied to.
"""

from spectra_eval.fusion._files import ItemScores, read_item_scores, write_fused
from spectra_eval.fusion._fuse import WEIGHTS, Fusion, fuse
from spectra_eval.fusion._ranker import DISTRIBUTIONS, with_scores

__all__ = ["DISTRIBUTIONS", "WEIGHTS", "Fusion", "ItemScores", "fuse", "read_item_scores", "with_scores", "write_fused"]
