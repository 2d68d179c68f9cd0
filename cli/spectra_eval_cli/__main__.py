"""Run the command line with `python -m spectra_eval_cli`."""

from spectra_eval_cli.main import main

main()
