"""Training: texts and targets from earlier time windows, LoRA, and a proof that no test window is among them.

The interactions before each user's window are split in time again, at several places: each split has a history and an
earlier window, and the earlier window is the target. Before the first step, a leakage check verifies that no evaluation
window is in a history, a target or a text; its result is in the manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra_eval._lazy import lazy_names

if TYPE_CHECKING:
    from spectra_eval.training._earlier import CUTS, earlier_tables, past_of, split_users, stacked
    from spectra_eval.training._pack import Row, name_row, score_row, text_rows
    from spectra_eval.training._recipe import Recipe
    from spectra_eval.training._stage import finetune, merge_adapter, with_offset
    from spectra_eval.training.corpus import Example, Text, name_examples, score_examples, texts, with_categories
    from spectra_eval.training.lora import train

__all__ = [
    "CUTS",
    "Example",
    "Recipe",
    "Row",
    "Text",
    "earlier_tables",
    "finetune",
    "merge_adapter",
    "name_examples",
    "name_row",
    "past_of",
    "score_examples",
    "score_row",
    "split_users",
    "stacked",
    "text_rows",
    "texts",
    "train",
    "with_categories",
    "with_offset",
]

_MODULES = {
    "CUTS": "_earlier",
    "Example": "corpus",
    "Recipe": "_recipe",
    "Row": "_pack",
    "Text": "corpus",
    "earlier_tables": "_earlier",
    "finetune": "_stage",
    "merge_adapter": "_stage",
    "name_examples": "corpus",
    "name_row": "_pack",
    "past_of": "_earlier",
    "score_examples": "corpus",
    "score_row": "_pack",
    "split_users": "_earlier",
    "stacked": "_earlier",
    "text_rows": "_pack",
    "texts": "corpus",
    "train": "lora",
    "with_categories": "corpus",
    "with_offset": "_stage",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
