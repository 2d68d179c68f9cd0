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

Throughout, $p$ is what a user did (`theta_star`, the shares of the window), $q$ what a system holds (`theta_s`), $c$ a
category of $K$, and $u$ one of $N$ users. A metric **of a user** is computed user by user and averaged, so it has a
paired test and letters in `compare`. A metric **of the cohort** is a function of a mean over users (a bias, a
calibration error, an entropy), so it has an interval and no test: its value for one user means little.

Three things hold for all of them. A user without a window counts nowhere, and is counted. Categories that a system
ties share their places (`category_ndcg`, `exposure_entropy`); where a list is made of a system that names none, the
lower index comes first. Intervals are over users, and all records of a user go together;
[the next section](#how-often-the-intervals-hold-the-true-value) says how often they hold the true value.

An interval of a metric of the cohort that is the size of a difference (`soft_ece`, `tail_mass_error`, `category_bias`)
may lie above its value where that is close to zero: a resample can only be off by more. Such a value says "too small to
be told from zero", and the interval how large chance alone makes it.

Where records have options of their own ([data](data.md#records-with-options-of-their-own)), $K$ and every sum are those
of the record's options: no metric sees a category that a record does not offer, and calibration counts the pairs of a
record and one of its options. A public function takes the options as `support` where they make a difference.

A window of $n$ interactions is a sample: even the true preferences are at a distance from it. No value here reaches
its best on real data, and `oracle`, which copies the window, is no system. Compare with the baselines instead.
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
    "As `soft_ece`: how far held and observed shares are apart in the stratum.",
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
        "The share of all mass that stands in the wrong category once users are averaged.",
        "Errors of different users cancel: a system that knows nothing of anybody but the average has 0. It never "
        "shows personalisation.",
    ),
    "category_ndcg": Said(
        r"$\mathrm{DCG}@k / \mathrm{IDCG}@k$ with gain $p_c$ (or $2^{p_c} - 1$) and discount $1/\log_2(i+1)$, the "
        "categories in the order of $q$.",
        "The share of the best possible discounted gain. Only the order of $q$ counts.",
        "High even for popularity, since few categories hold most of the mass; with cut-off K it never gets low. State "
        "the cut-off, the gain and the rule for ties: a uniform $q$ scored by the index order shows the order of the "
        "columns, which is why ties are averaged by default.",
    ),
    "chi_squared": Said(
        r"$\sum_c (p_c - q_c)^2 / q_c$.",
        "Relative squared errors: where $q$ is far too small, it is large.",
        "Infinite where a category that occurred got no mass, and governed by the smallest $q_c$ elsewhere: one user "
        "can outweigh all others. Look at the median too.",
    ),
    "exposure_entropy": Said(
        r"$-\sum_c s_c \log_2 s_c$ with $s_c$ the share of all places in the users' top $k$ that category $c$ holds.",
        "From $\\log_2 k$ (everybody gets the same list) to $\\log_2 K$ (every category gets as many places).",
        "Neither end is better by itself: a random list has the most. Read it beside an accuracy, and only compare at "
        "the same $k$ and $K$. Lists that are shorter than $k$ may fall below $\\log_2 k$.",
    ),
    "hellinger": Said(
        r"$\sqrt{\frac12 \sum_c (\sqrt{p_c} - \sqrt{q_c})^2}$.",
        "A distance between 0 and 1. Its square is at most the total variation, and the total variation is at most "
        "the root of two times it.",
        "This is the root. The squared form is also called Hellinger distance elsewhere.",
    ),
    "js_divergence": Said(
        r"$\frac12 \mathrm{KL}(p \| m) + \frac12 \mathrm{KL}(q \| m)$ with $m = (p + q)/2$, in bits.",
        "0 for equal, 1 bit for disjoint. Small values behave like squares: at half the distance, a quarter of the JS.",
        "The divergence, not the distance: `scipy.spatial.distance.jensenshannon` gives its root, by default in nats. "
        "Computed without cancellation; the sum of entropies is not, and goes wrong below 1e-8. Short windows are far "
        "from anything: one interaction, in a category that is held at 0.3, is at 0.49 bit.",
    ),
    "kl_divergence": Said(
        r"$\sum_c p_c \ln (p_c / q_c)$, in nats.",
        "The surprise at the window beyond what was inevitable, for each interaction.",
        "Infinite where a category that occurred got no mass; the mean is then undefined, and says of how many users. "
        "Nothing is smoothed in secret: smooth the system instead (`laplace`, `mixture`).",
    ),
    "linf_error": Said(
        r"$\max_c |p_c - q_c|$.",
        "The worst category of a user, in share.",
        "Merging categories can raise it; compare only at one taxonomy. A maximum grows with K even by chance.",
    ),
    "list_ndcg": Said(
        "As `category_ndcg`, for the list a system named; places without a category score nothing.",
        "The same for a system without a list of its own, whose list is the order of $q$ (the lower index first among "
        "ties).",
        "Beyond the end of a list of $l$ it falls with $k$, for want of entries: compare lists at $k \\le l$. Entries "
        "that name no category cost their place.",
    ),
    "log_score": Said(
        r"$-\sum_c p_c \ln q_c$, in nats.",
        "The Kullback-Leibler divergence plus the entropy of the window, which is the same for all systems.",
        "As `kl_divergence`: infinite where a category that occurred got no mass.",
    ),
    "mass_captured": Said(
        r"$\sum_{c \in L_k} p_c$ over the first $k$ categories of the list.",
        "The share of what followed that fell on the list.",
        "Blind to the order within the list and to the shares. Rises with $k$: state it. The bounds on what a list can "
        "do (`certify`) are functions of this number.",
    ),
    "smooth_ece": Said(
        r"The $\sigma$ at which the residuals $q - p$, smoothed over the held share by a reflected Gaussian of width "
        r"$\sigma$, have mean size $\sigma$.",
        "A calibration error without bins; close to `soft_ece` where that is stable.",
        "Errors below 1/128 are taken at that width. As for all calibration errors, a constant at the right level has "
        "0: calibration is not accuracy.",
    ),
    "soft_ece": Said(
        r"$\frac{1}{NK} \sum_b \bigl| \sum_{(u,c) \in b} (q_{uc} - p_{uc}) \bigr|$ over bins $b$ of equal width "
        "of $q$.",
        "How far held and observed shares are apart, on average over the pairs of a user and a category.",
        "Most pairs hold less than one bin width, so the value is small by construction: compare it with the "
        "baselines, never with an error of top answers. It changes with the bins and with K. Popularity has nearly 0.",
    ),
    "soft_ece_head": _STRATUM_ECE,
    "soft_ece_mid": _STRATUM_ECE,
    "soft_ece_tail": _STRATUM_ECE,
    "stratified_ece": Said(
        "As `soft_ece`, with bins by the held share and by the stratum (head, mid, tail) of the category.",
        "Never below `soft_ece`; the gap is what errors of opposite sign in head and tail hide from it.",
        "Depends on how the strata are cut. See `soft_ece`.",
    ),
    "head_bias": _STRATUM,
    "mid_bias": _STRATUM,
    "tail_bias": _STRATUM,
    "tail_mass": Said(
        r"$\sum_{c \in \text{tail}} q_c$.",
        "What a system gives to the tail; stands beside `true_tail_mass`.",
        "Not an error: more is not better.",
    ),
    "tail_mass_error": Said(
        r"$\bigl| \frac1N \sum_u \sum_{c \in \text{tail}} (q_{uc} - p_{uc}) \bigr|$.",
        "How far the mean tail mass is from that of the users.",
        "Errors of users cancel. A system can have 0 here and give every user the wrong tail.",
    ),
    "top1_ece": Said(
        r"$\frac1N \sum_b \bigl| \sum_{u \in b} (q_{u c_u} - p_{u c_u}) \bigr|$ with $c_u$ the likeliest category of "
        "$q_u$, and bins of its share.",
        "The usual calibration error of a classifier, with the observed share as soft label.",
        "Few users fall into a bin, so with few users noise alone makes it large. Ties go to the lower index.",
    ),
    "top_recall": Said(
        "The share of a user's $k$ most frequent categories that the first $k$ of the list name; categories that did "
        "not occur are never wanted.",
        "0.6 at $k = 5$: three of five found.",
        "Windows with fewer than $k$ categories are easier. Ties in the window count in favour of the system.",
    ),
    "total_variation": Said(
        r"$\frac12 \sum_c |p_c - q_c|$.",
        "The share of mass that would have to be moved; also the largest error over all sets of categories.",
        "Short windows make it large for every system. It treats all categories as equally far apart: for ordered ones "
        "use `wasserstein_ordinal`.",
    ),
    "true_tail_mass": Said(
        r"$\sum_{c \in \text{tail}} p_c$.",
        "What the users did; the same for all systems.",
        "Not a property of a system at all.",
    ),
    "wasserstein_ordinal": Said(
        r"$\sum_{j < K} \bigl| \sum_{c \le j} (p_c - q_c) \bigr|$: steps that the mass must be moved.",
        "1.0 is an answer that is one option off, as for ratings or survey options.",
        "Meaningless for categories without an order, and the order is that of the columns. It counts all steps alike; "
        "the property of merging holds for neighbours, and others may raise it.",
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
        "| asked for as | unit | range | better | of | stage |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| `{asked}` | {unit} | {_range(metric)} | {better} | {'a user' if metric.is_mean else 'the cohort'} "
        f"| {metric.stage} |",
        "",
        f"- *Definition.* {said.definition}",
        f"- *Reading.* {said.reading}",
        f"- *Pitfalls.* {said.pitfalls}",
        f"- *Declared properties, which the kit tests.* {properties}.",
        *([f"- *Options.* `{options[1:]}`; the first or the number given is the default."] if options else []),
        f"- *Source.* {metric.reference}.",
        "",
    ]
    return "\n".join(lines)


INTERVALS = """## How often the intervals hold the true value

A **mean over users** (a metric of a user, or a difference of two systems in one) has the interval of Student's t below
{few} users, and the percentiles of resampled users from {few} on. Where a user has several records, the users and
not the records are counted, and the standard error is that of a ratio of sums over users; each stratum goes by its own
users. The interval is cut at the range of the metric. A **metric of the cohort** always has percentiles. Each interval
names its method in the JSON document, under each table and in the report.

The tables say in what proportion of {repetitions:,} cohorts an interval at {level:.0%} held the value of the population
that the cohorts were drawn from; a proportion of .95 is uncertain by {uncertain:.3f}. The real users are those of the
MovieLens table in `examples/data`. `python docs/coverage.py` measures the proportions, and `python docs/metrics.py`
writes them here.

Means: *percentile* / **Student's t** / *studentised bootstrap* ({resamples} resamples).

{means}

Student's t was chosen. It is close to its level for real users and for differences, and it has no random part. The
studentised bootstrap covers better where the values are skewed, but at five users it is nearly twice as wide, and it
breaks down where the values are 0 or 1. No form repairs a sample that has not seen the rare large values (log-normal)
or the rare ones (0 or 1, where percentiles do better from 49 users on): read such an interval as too narrow.

Metrics of the cohort: *percentile*, the one that is given.

{cohort}

Student's t does not repair these: an absolute value or an entropy of a mean is biased, and a resample carries the bias
twice. Their method says that they are not corrected for bias, and below {few} users that they cover less often than
their level says. An interval of `category_bias` or `exposure_entropy` is no confidence interval before there are some
hundreds of users: it says how much the value moves when users change.
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
