"""Write docs/metrics.md: what the registry knows of each metric, and what must be said by hand.

``python docs/metrics.py`` writes the page; a test holds that it is up to date and that no metric is left out.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from spectra_eval.metrics import METRICS, Metric
from spectra_eval.stats.student import FEW

__all__ = ["page"]

PAGE = Path(__file__).with_suffix(".md")
COVERAGE = Path(__file__).with_name("coverage.json")


class Said(NamedTuple):
    """What the registry does not know: the definition, how to read a value, and what goes wrong."""

    definition: str
    reading: str
    pitfalls: str


HEAD = """# Metrics

*This page is made by `python docs/metrics.py` from the registry of metrics; change it there.*

$p$ is the target: the distribution of a user's observed interactions in the evaluation window (`theta_star` in a
table). $q$ is the predicted distribution of a system (`theta_s` for the model). $c$ is one of $K$ categories and $u$
one of $N$ users. A metric **of a user** is computed per user and averaged, so `compare` can test it on paired users. A
metric **of the cohort** is a function of a mean over users (a bias, a calibration error, an entropy). It has an
interval but no test, and its value for a single user means little.

Three rules hold for all metrics. Users with an empty window are excluded, and their number is reported. Categories
with tied predictions share their ranks (`category_ndcg`, `exposure_entropy`); if a list must be derived from a
distribution, the lower index comes first. Intervals resample users, with all records of a user kept together;
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

_STRATUM = Said(
    r"$\frac{1}{|B|} \sum_{c \in B} \bigl| \frac1N \sum_u (q_{uc} - p_{uc}) \bigr|$ over the categories $B$ of the "
    "stratum.",
    "0.01 means that a category of the stratum is over- or understated by one percentage point on average.",
    "Undefined for a stratum without categories (head and mid are empty where K is small). The strata come from the "
    "histories, or from the windows themselves where the table has none, and then they favour categories that happened "
    "to be rare.",
)
_STRATUM_ECE = Said(
    r"As `soft_ece`, over the pairs of a user and a category of the stratum only.",
    "As `soft_ece`: the gap between predicted and observed proportions in the stratum.",
    "In the tail nearly all pairs fall into the lowest bin, so it is close to the size of the mean error there.",
)

SAID: dict[str, Said] = {
    "brier": Said(
        r"$\sum_c (q_c - p_c)^2 + \sum_c p_c (1 - p_c)$: the squared distance to the observed category, averaged over "
        "the interactions of the window.",
        "Differences between systems are mean squared distances; the second sum is the same for all systems.",
        "Never zero unless each window holds one category. Insensitive to rare categories: 0.01 against 0.0001 is "
        "nothing here, and a factor of a hundred in `log_score`.",
    ),
    "category_bias": Said(
        r"$\frac12 \sum_c \bigl| \frac1N \sum_u (q_{uc} - p_{uc}) \bigr|$.",
        "The proportion of the total mass that is in the wrong category after averaging over users.",
        "Errors of different users cancel: a system that predicts the average for everybody has 0. It says nothing "
        "about personalisation.",
    ),
    "category_ndcg": Said(
        r"$\mathrm{DCG}@k / \mathrm{IDCG}@k$ with gain $p_c$ (or $2^{p_c} - 1$) and discount $1/\log_2(i+1)$, the "
        "categories in the order of $q$.",
        "The proportion of the best possible discounted gain. Only the order of $q$ counts.",
        "High even for popularity, because a few categories have most of the mass; with cut-off K it is never low. "
        "Report the cut-off, the gain and the rule for ties: a uniform $q$ ranked by index scores the order of the "
        "columns, so ties are averaged by default.",
    ),
    "chi_squared": Said(
        r"$\sum_c (p_c - q_c)^2 / q_c$.",
        "Relative squared errors: large where $q$ is far too small.",
        "Infinite if an observed category has probability zero, and dominated by the smallest $q_c$ otherwise: one "
        "user can outweigh all others. Report the median too.",
    ),
    "exposure_entropy": Said(
        r"$-\sum_c s_c \log_2 s_c$ with $s_c$ the proportion of all positions in the users' top $k$ that category $c$ "
        "takes.",
        "From $\\log_2 k$ (everybody gets the same list) to $\\log_2 K$ (every category gets equally many positions).",
        "Neither end is better by itself: random lists have the maximum. Read it together with an accuracy metric, and "
        "compare only at the same $k$ and $K$. Lists shorter than $k$ may be below $\\log_2 k$.",
    ),
    "hellinger": Said(
        r"$\sqrt{\frac12 \sum_c (\sqrt{p_c} - \sqrt{q_c})^2}$.",
        "A distance between 0 and 1. Its square is at most the total variation, and the total variation is at most "
        "$\\sqrt{2}$ times it.",
        "This is the distance (with the square root). Some authors call the squared form Hellinger distance.",
    ),
    "js_divergence": Said(
        r"$\frac12 \mathrm{KL}(p \| m) + \frac12 \mathrm{KL}(q \| m)$ with $m = (p + q)/2$, in bits.",
        "0 for equal, 1 bit for disjoint. Small values behave like squares: half the distance is a quarter of the JS.",
        "The divergence, not the distance: `scipy.spatial.distance.jensenshannon` returns its root, by default in "
        "nats. Computed without cancellation; the textbook sum of entropies is inaccurate below 1e-8. Short windows "
        "are far from any prediction: a single interaction in a category predicted at 0.3 gives 0.49 bit.",
    ),
    "kl_divergence": Said(
        r"$\sum_c p_c \ln (p_c / q_c)$, in nats.",
        "The excess log loss per interaction, compared with a perfect prediction of the window.",
        "Infinite if an observed category has probability zero; the mean is then undefined, and the number of such "
        "users is reported. No hidden smoothing: smooth the system instead (`laplace`, `mixture`).",
    ),
    "linf_error": Said(
        r"$\max_c |p_c - q_c|$.",
        "The largest error in any one category, as a proportion.",
        "Merging categories can increase it; compare only within one taxonomy. A maximum grows with K even by chance.",
    ),
    "list_ndcg": Said(
        "As `category_ndcg`, for the list that a system generates; positions without a category have gain zero.",
        "As `category_ndcg`. The list of a system that generates none is the order of $q$ (ties: the lower index "
        "first).",
        "For $k$ beyond the length $l$ of the list it falls with $k$: compare lists at $k \\le l$. Entries that are "
        "not a category keep their position and score zero.",
    ),
    "log_score": Said(
        r"$-\sum_c p_c \ln q_c$, in nats.",
        "The Kullback-Leibler divergence plus the entropy of the window, which is the same for all systems.",
        "As `kl_divergence`: infinite if an observed category has probability zero.",
    ),
    "mass_captured": Said(
        r"$\sum_{c \in L_k} p_c$ over the first $k$ categories of the list.",
        "The proportion of the observed interactions whose category is on the list.",
        "Ignores the order within the list and the proportions. Increases with $k$: report $k$. The bounds on what a "
        "list can achieve (`certify`) are functions of this number.",
    ),
    "smooth_ece": Said(
        r"The $\sigma$ at which the residuals $q - p$, smoothed over the predicted probability by a reflected Gaussian "
        r"of width $\sigma$, have mean absolute value $\sigma$.",
        "A calibration error without bins; close to `soft_ece` where that is stable.",
        "Errors below 1/128 are smoothed with that width. As with all calibration errors, a constant at the right "
        "level has 0: calibration is not accuracy.",
    ),
    "soft_ece": Said(
        r"$\frac{1}{NK} \sum_b \bigl| \sum_{(u,c) \in b} (q_{uc} - p_{uc}) \bigr|$ over bins $b$ of equal width "
        "of $q$.",
        "The gap between predicted and observed proportions, on average over the pairs of a user and a category.",
        "Most predicted probabilities are below one bin width, so the value is small by construction: compare it with "
        "the baselines, never with a top-1 calibration error. It changes with the bins and with K. Popularity is close "
        "to 0.",
    ),
    "soft_ece_head": _STRATUM_ECE,
    "soft_ece_mid": _STRATUM_ECE,
    "soft_ece_tail": _STRATUM_ECE,
    "stratified_ece": Said(
        "As `soft_ece`, with bins by predicted probability and by the stratum (head, mid, tail) of the category.",
        "Never below `soft_ece`. The difference comes from errors in head and tail that cancel there.",
        "Depends on the definition of the strata. See `soft_ece`.",
    ),
    "head_bias": _STRATUM,
    "mid_bias": _STRATUM,
    "tail_bias": _STRATUM,
    "tail_mass": Said(
        r"$\sum_{c \in \text{tail}} q_c$.",
        "The probability that a system gives to the tail; compare with `true_tail_mass`.",
        "Not an error: more is not better.",
    ),
    "tail_mass_error": Said(
        r"$\bigl| \frac1N \sum_u \sum_{c \in \text{tail}} (q_{uc} - p_{uc}) \bigr|$.",
        "The difference between the mean predicted and the mean observed tail mass.",
        "Errors of different users cancel. A system can have 0 here and predict the wrong tail for every user.",
    ),
    "top1_ece": Said(
        r"$\frac1N \sum_b \bigl| \sum_{u \in b} (q_{u c_u} - p_{u c_u}) \bigr|$ with $c_u$ the most probable category "
        "of $q_u$, and bins of its probability.",
        "The usual expected calibration error of a classifier, with the observed proportion as soft label.",
        "With few users, each bin has few users and noise alone makes the value large. Ties go to the lower index.",
    ),
    "top_recall": Said(
        "The proportion of a user's $k$ most frequent categories that are among the first $k$ of the list; categories "
        "that did not occur are never relevant.",
        "0.6 at $k = 5$: three of five found.",
        "Windows with fewer than $k$ categories are easier. Ties in the window count in favour of the system.",
    ),
    "total_variation": Said(
        r"$\frac12 \sum_c |p_c - q_c|$.",
        "The proportion of mass that must be moved; also the largest error over all sets of categories.",
        "Short windows make it large for every system. It treats all categories as equally distant: for ordered "
        "categories use `wasserstein_ordinal`.",
    ),
    "true_tail_mass": Said(
        r"$\sum_{c \in \text{tail}} p_c$.",
        "The tail mass of the observed interactions; the same for all systems.",
        "A property of the users, not of a system.",
    ),
    "wasserstein_ordinal": Said(
        r"$\sum_{j < K} \bigl| \sum_{c \le j} (p_c - q_c) \bigr|$: the number of steps that mass must be moved.",
        "1.0 means one option off, for example one point of a rating scale.",
        "Meaningless for categories without an order; the order is that of the columns. All steps count the same. "
        "Merging neighbours never increases it, merging other categories may.",
    ),
}


def _range(metric: Metric) -> str:
    low, high = metric.limits
    end = "unbounded" if math.isinf(high) else f"{high:g}"
    return f"{low:g} to {end}"


def _section(metric: Metric) -> str:
    said = SAID[metric.name]
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
        metric.summary,
        "",
        "| name | unit | range | better | of | stage |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| `{asked}` | {unit} | {_range(metric)} | {better} | {'a user' if metric.is_mean else 'the cohort'} "
        f"| {metric.stage} |",
        "",
        f"- *Definition.* {said.definition}",
        f"- *Reading.* {said.reading}",
        f"- *Pitfalls.* {said.pitfalls}",
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
    return [metric for metric in METRICS if metric.name in SAID]


if __name__ == "__main__":
    PAGE.write_text(page(of_the_house()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
