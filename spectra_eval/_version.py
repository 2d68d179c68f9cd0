"""The version of the package: one place, which everything that is written names."""

__version__ = "0.2.0"
