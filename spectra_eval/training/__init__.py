"""From tables to adapted models: texts and targets for training, and the training itself (extra ``train``)."""

from spectra_eval.training._pack import Row, name_row, score_row, text_rows
from spectra_eval.training.corpus import Example, Text, name_examples, score_examples, texts, with_categories
from spectra_eval.training.lora import Recipe, train

__all__ = [
    "Example",
    "Recipe",
    "Row",
    "Text",
    "name_examples",
    "name_row",
    "score_examples",
    "score_row",
    "text_rows",
    "texts",
    "train",
    "with_categories",
]
