"""Tell whether a language model's picture of what people like can be trusted, and prove it."""

__version__ = "0.1.0"
