"""Write docs/metrics.md: what each entry of the registry of metrics says of itself.

``python docs/metrics.py`` writes the page; a test holds that it is up to date and that no metric is left out.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spectra_eval.metrics import METRICS, Metric
from spectra_eval.stats.student import FEW

__all__ = ["page"]

PAGE = Path(__file__).with_suffix(".md")
COVERAGE = Path(__file__).with_name("coverage.json")


HEAD = """# Metrics

*This page is made by `python docs/metrics.py` from the registry of metrics; change it there.*

$p$ is the target: the distribution of a user's observed interactions in the evaluation window (`theta_star` in a
table). $q$ is the predicted distribution of a system (`theta_s` for the model). $c$ is one of $K$ categories and $u$
one of $N$ users. A metric **of a user** is computed per user and averaged, so `compare` can test it on paired users. A
metric **of the cohort** is a function of a mean over users (a bias, a calibration error, an entropy). It has an
interval but no test, and its value for a single user means little.

Three rules hold for all metrics. Users with an empty window are excluded, and their number is reported. Categories
with tied predictions share their ranks (`category_ndcg`, `exposure_entropy`); if a list must be derived from a
distribution, the lower index comes first.
Tied means equal up to rounding: sorted, no step between the two exceeds 1e-12 (for frequencies and scores, 1e-12 times
the largest), so rounding noise decides no rank. Intervals resample users, with all records of a user kept together;
[the next section](#how-often-the-intervals-hold-the-true-value) shows how often they contain the true value.

Some cohort metrics are absolute differences (`soft_ece`, `tail_mass_error`, `category_bias`). If the value is close to
zero, the interval may lie above it, because a resample can only increase it. Such a value is not significantly
different from zero, and the interval shows the size of the sampling noise.

If records have options of their own ([data](data.md#records-with-options-of-their-own)), $K$ and every sum refer to the
options of the record. No metric uses a category that the record does not offer, and calibration uses the pairs of a
record and one of its options. Public functions take the options as `support` where they matter.

A window of $n$ interactions is a sample, so even the true preferences differ from it. No metric reaches its optimum on
real data. `oracle`, which copies the window, is not a system. Compare with the baselines instead.
"""


def _range(metric: Metric) -> str:
    low, high = metric.limits
    end = "unbounded" if math.isinf(high) else f"{high:g}"
    return f"{low:g} to {end}"


def _section(metric: Metric) -> str:
    unit = {"1": "none", "bit": "bit", "nat": "nat"}.get(str(metric.unit), str(metric.unit))
    better = {True: "lower", False: "higher", None: "neither"}[metric.lower_is_better]
    asked = f"{metric.name}@k" if metric.takes_cutoff else metric.name
    options = "".join(
        f":{name}={'|'.join(metric.choices[name]) if name in metric.choices else default}"
        for name, default in metric.options.items()
    )
    names = {"zero_on_equal": "zero on equal", "merging_never_increases": "merging never increases it"}
    properties = ", ".join(names.get(name, name.replace("_", " ")) for name in sorted(metric.properties)) or "none"
    lines = [
        f"### {metric.name}",
        "",
        f"**{metric.label}.** {metric.summary}",
        "",
        "| name | unit | range | better | of | stage |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| `{asked}` | {unit} | {_range(metric)} | {better} | {'a user' if metric.is_mean else 'the cohort'} "
        f"| {metric.stage} |",
        "",
        f"- *Definition.* {metric.definition}",
        f"- *Reading.* {metric.reading}",
        f"- *Pitfalls.* {metric.pitfalls}",
        f"- *Declared properties, checked by the test kit.* {properties}.",
        *([f"- *Options.* `{options[1:]}`; the first value, or the number shown, is the default."] if options else []),
        f"- *Source.* {metric.reference}.",
        "",
    ]
    return "\n".join(lines)


INTERVALS = """## How often the intervals hold the true value

A **mean over users** (a metric of a user, or its difference between two systems) has a Student's t interval below
{few} users, and a percentile bootstrap over users from {few} on. If a user has several records, users are counted, not
records, and the standard error is that of a ratio of sums over users. Each stratum uses the number of its own users.
The interval is clipped to the range of the metric. A **metric of the cohort** always has a percentile bootstrap. The
method of each interval is named in the JSON document, under each table and in the report.

The tables show the proportion of {repetitions:,} cohorts in which an interval at level {level:.0%} contained the
population value; the margin of error of a proportion of .95 is {uncertain:.3f}. The real users are those of the
MovieLens table in `examples/data`. `python docs/coverage.py` measures the proportions, and `python docs/metrics.py`
writes them here.

Means: *percentile* / **Student's t** / *studentised bootstrap* ({resamples} resamples).

{means}

Student's t was chosen. Its coverage is close to its level for real users and for differences, and it is not random. The
studentised bootstrap covers better for skewed values, but at five users it is nearly twice as wide, and it fails for
values of 0 or 1. No method works for a sample that does not contain the rare large values (log-normal) or the rare ones
(0 or 1, where percentiles are better from 49 users on): such intervals are too narrow.

Metrics of the cohort: *percentile*, the method in use.

{cohort}

Student's t does not help here: an absolute value or an entropy of a mean is biased, and a resample has the bias
twice. The name of the method says that these intervals are not corrected for bias and, below {few} users, that their
coverage is below their level. With fewer than a few hundred users, an interval of `category_bias` or
`exposure_entropy` is not a confidence interval: it shows how much the value changes when the users change.
"""


def _coverage() -> str:
    """Write the tables of coverage."""
    measured: dict[str, Any] = json.loads(COVERAGE.read_text(encoding="utf-8"))
    means = [row for row in measured["rows"] if "student" in row]
    cohort = [row for row in measured["rows"] if "student" not in row]
    return INTERVALS.format(
        repetitions=measured["repetitions"],
        level=measured["level"],
        uncertain=measured["uncertain_by"],
        resamples=measured["resamples"],
        few=FEW,
        means=_crossed(means, lambda r: f"{_s(r['percentile'])} / **{_s(r['student'])}** / {_s(r['studentised'])}"),
        cohort=_crossed(cohort, lambda r: _s(r["percentile"])),
    )


def _s(proportion: float) -> str:
    return f"{proportion:.2f}".removeprefix("0")


def _crossed(rows: list[dict[str, Any]], cell: Callable[[dict[str, Any]], str]) -> str:
    """Write one line a number and one column a size of the cohort."""
    sizes = list(dict.fromkeys(row["users"] for row in rows))
    lines = ["| | " + " | ".join(f"{n} users" for n in sizes) + " |", "| --- |" + " --: |" * len(sizes)]
    for name in dict.fromkeys(row["of"] for row in rows):
        cells = {row["users"]: cell(row) for row in rows if row["of"] == name}
        lines.append(f"| {name} | " + " | ".join(cells[n] for n in sizes) + " |")
    return "\n".join(lines)


def page(metrics: list[Metric]) -> str:
    """Write the page for these metrics: those of a user first, each group by name."""
    parts = [HEAD, _coverage()]
    for title, is_mean in (("Of a user", True), ("Of the cohort", False)):
        chosen = [metric for metric in metrics if metric.is_mean is is_mean]
        index = ", ".join(f"[{metric.name}](#{metric.name})" for metric in chosen)
        parts.append(f"## {title}\n\n{index}\n")
        parts += [_section(metric) for metric in chosen]
    return "\n".join(parts)


def of_the_house() -> list[Metric]:
    """Give the metrics of this package, without those of installed plug-ins."""
    return [
        metric
        for metric in METRICS
        if str(getattr(metric.statistic, "__module__", "")).startswith("spectra_eval.metrics")
    ]


if __name__ == "__main__":
    PAGE.write_text(page(of_the_house()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
