"""Property checks for everything that is registered here, and for metrics and bounds of your own.

Needs the extra ``testing`` (Hypothesis). Nothing of the library imports this package.
"""
