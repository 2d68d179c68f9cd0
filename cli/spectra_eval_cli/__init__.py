"""The command line of spectra-eval."""
