"""A comparison as LaTeX tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from spectra_eval import redaction

__all__ = ["escaped", "latex"]

_SIGNS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
    "\n": " ",
    "\r": " ",
}
_PATTERN = re.compile("|".join(re.escape(sign) for sign in _SIGNS))


def escaped(text: str) -> str:
    """Return a text escaped for LaTeX, control characters and direction marks included."""
    return _PATTERN.sub(lambda found: _SIGNS[found[0]], redaction.escaped(text))


def latex(
    values: Mapping[str, Mapping[str, float | None]],
    letters: Mapping[str, Mapping[str, str]],
    pairs: Sequence[Any],
    facts: Mapping[str, Any],
    options: Mapping[str, Any],
) -> str:
    """Return two tables: the systems with their letters, and the pairs with their tests."""
    metrics = list(values)
    units = {pair.metric: "" if pair.unit == "1" else f" [{pair.unit}]" for pair in pairs}
    systems = list(next(iter(values.values())))
    rows = [[escaped(name), *(_value(values[m][name], letters[m].get(name, "")) for m in metrics)] for name in systems]
    head = ["", *(escaped(metric + units[metric]) for metric in metrics)]
    percent = f"{100 * options['level']:g}"
    first = _table(
        head,
        rows,
        f"{facts['n_users']} users. Systems that share a letter do not differ significantly at "
        rf"{percent}\,\% (Wilcoxon's signed rank, {_tests(pairs)}Holm over {facts['n_tests']} tests).",
        "tab:compared-systems",
    )
    head = ["metric", "systems", "difference", rf"{percent}\,\% interval", "adjusted $p$", "$r$", "detectable"]
    second = _table(
        head,
        [_pair(pair, units[pair.metric]) for pair in pairs],
        "Paired differences, the first system minus the second; $r$ is the rank-biserial correlation, and detectable "
        rf"the difference that a single test would detect with a power of 80\,\%.{_intervals(pairs)}",
        "tab:compared-pairs",
        left=2,
    )
    return f"% needs \\usepackage{{booktabs}}\n{first}\n{second}"


def _tests(pairs: Sequence[Any]) -> str:
    """Return the forms of the test: exact, normal, or both."""
    return "".join(f"{form}, " for form in dict.fromkeys(p.test.partition(", ")[2] for p in pairs if p.test))


def _intervals(pairs: Sequence[Any]) -> str:
    """Return the methods of the intervals."""
    methods = dict.fromkeys(pair.interval.method for pair in pairs if pair.interval is not None)
    return f" Intervals: {escaped('; '.join(methods))}." if methods else ""


def _value(value: float | None, letters: str) -> str:
    if value is None:
        return "--"
    return f"{value:.3f}" + (f"$^{{\\mathrm{{{letters}}}}}$" if letters else "")


def _pair(pair: Any, unit: str) -> list[str]:
    row = [escaped(pair.metric + unit), f"{escaped(pair.first)} $-$ {escaped(pair.second)}"]
    interval = "--" if pair.interval is None else f"${pair.interval.low:+.4f}$ to ${pair.interval.high:+.4f}$"
    return [
        *row,
        _number(pair.difference, "+.4f"),
        interval,
        _probability(pair.adjusted_p_value),
        _number(pair.rank_biserial, "+.3f"),
        _number(pair.detectable, ".4f"),
    ]


def _number(value: float | None, form: str) -> str:
    return "--" if value is None else f"${value:{form}}$"


def _probability(p: float | None) -> str:
    if p is None:
        return "--"
    return "$<0.001$" if p < 0.001 else f"${p:.3f}$"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, label: str, *, left: int = 1) -> str:
    columns = "l" * left + "r" * (len(head) - left)
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{caption}}}",
            f"\\label{{{label}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
