"""One metric and one bound, found by spectra-eval through their entry points."""

__all__: list[str] = []
