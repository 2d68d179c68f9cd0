"""Reports: HTML, Markdown and LaTeX from one evaluation and its certificate."""

from __future__ import annotations

from spectra_eval._moved import earlier_names
from spectra_eval.report._defaults import default_title, evaluation_arguments
from spectra_eval.report.html import render_report, write_report
from spectra_eval.report.markdown import to_markdown
from spectra_eval.report.paper import write_paper

__all__ = ["default_title", "evaluation_arguments", "render_report", "to_markdown", "write_paper", "write_report"]

__getattr__ = earlier_names(__name__, {"questions": "evaluation_arguments"})
