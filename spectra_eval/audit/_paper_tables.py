"""The printed numbers of arXiv:2509.24189v4 that stand in its tables, and what they must satisfy."""

from __future__ import annotations

import math
from dataclasses import replace

from scipy import special

from spectra_eval.audit import checks
from spectra_eval.audit._base import Finding, Printed, agrees, at_most, exact, printed
from spectra_eval.audit._list_ndcg import list_ndcg_from_captured
from spectra_eval.units import LN2

__all__ = ["at", "table_findings"]

N_MOVIELENS, N_YELP = 19_293, 9_755
N_CATEGORIES_YELP = 26
JS_ML, JS_YELP = printed(".316"), printed(".298")
DG_ML, DG_YELP = printed(".510"), printed(".530")
AGGREGATE_ML, AGGREGATE_YELP = printed(".062"), printed(".399")
MISSED_ML, MISSED_YELP = printed(".626"), printed(".864")
DIFFERENCE_ML, DIFFERENCE_YELP = printed("-.194"), printed("-.232")

ACTIVITY_ML = (printed("-.373"), printed("-.325"))
CONTEXT_ML = (printed("-.376"), printed("-.342"))
ACTIVITY_YELP = (printed("-.305"), printed("-.280"))

# Merged cells of the Yelp averages: Food & Restaurants, the other head categories, mid and tail. The model's share of
# the other head follows from the mean |bias| of the head, .087 over 8, and the listed deficits, .612 in all.
CELLS_TRUTH = (printed(".639"), printed(".939") - printed(".639"), printed(".061"))
CELLS_MODEL = (printed(".087"), Printed(0.324, 0.007), Printed(0.589, 0.008))
# With Table 7: calibration errors times sizes give the head -.526, mid +.248, tail +.279; the tail holds next to
# nothing.
STRATA_TRUTH = (printed(".639"), printed(".939") - printed(".639"), Printed(0.061, 0.001), Printed(0.0, 0.0005))
STRATA_MODEL = (printed(".087"), Printed(0.326, 0.002), Printed(0.309, 0.002), Printed(0.278, 0.002))

HALF_WIDTHS = (  # mean, half-width, users
    (".863", ".005", N_MOVIELENS),
    (".871", ".007", N_YELP),
    (".842", ".007", N_YELP),
    (".822", ".005", N_MOVIELENS),
    (".316", ".005", N_MOVIELENS),
    (".298", ".007", N_YELP),
    (".510", ".006", N_MOVIELENS),
    (".530", ".008", N_YELP),
)


def at(where: str, check: str, finding: Finding) -> Finding:
    """Name a finding and its place."""
    return replace(finding, where=where, check=check)


def table_findings() -> list[Finding]:
    """Check everything that stands in a table."""
    return [*_divergences(), *_strata(), *_rankings(), *_exposure(), *_counts(), *_biases()]


def _divergences() -> list[Finding]:
    table = "Table 3"
    return [
        at("Table 3, F.3", "MovieLens: aggregate JS", checks.aggregate_at_most_mean(AGGREGATE_ML, JS_ML)),
        at("Table 3, F.3", "Yelp: aggregate JS", checks.aggregate_at_most_mean(AGGREGATE_YELP, JS_YELP)),
        at("Table 1", "Yelp: three cells, aggregate", checks.coarse_floor(AGGREGATE_YELP, CELLS_TRUTH, CELLS_MODEL)),
        at("Table 1, Table 3", "Yelp: three cells, mean JS", checks.coarse_floor(JS_YELP, CELLS_TRUTH, CELLS_MODEL)),
        at("Table 7", "Yelp: four cells, aggregate", checks.coarse_floor(AGGREGATE_YELP, STRATA_TRUTH, STRATA_MODEL)),
        at("Table 7, Table 3", "Yelp: four cells, mean JS", checks.coarse_floor(JS_YELP, STRATA_TRUTH, STRATA_MODEL)),
        at("Table 3, F.3", "MovieLens: JS of dg", checks.truncation_floor(DG_ML, MISSED_ML)),
        at("Table 3, F.3", "Yelp: JS of dg", checks.truncation_floor(DG_YELP, MISSED_YELP)),
        at(
            "Table 3, F.3",
            "Yelp: JS of dg, were Table 3 in nats",
            checks.truncation_floor(DG_YELP.nats_in_bits(), MISSED_YELP),
        ),
        at(
            "Table 3, F.3",
            "Yelp: aggregate JS, were Table 3 in nats",
            checks.aggregate_at_most_mean(AGGREGATE_YELP, JS_YELP.nats_in_bits()),
        ),
        at("Table 12", "a JS of .70 bit", checks.in_range(printed(".70"), 0.0, 1.0)),
        at("Table 12", "a JS of .70, were it in nats", checks.in_range(printed(".70"), 0.0, LN2)),
        at(table, "MovieLens: difference of mean JS", checks.difference(DIFFERENCE_ML, JS_ML, DG_ML)),
        at(table, "Yelp: difference of mean JS", checks.difference(DIFFERENCE_YELP, JS_YELP, DG_YELP)),
        at("abstract", "MovieLens: JS 38 % lower", checks.relative_change(printed("-38 %"), JS_ML, DG_ML)),
        at("abstract", "Yelp: JS 44 % lower", checks.relative_change(printed("-44 %"), JS_YELP, DG_YELP)),
        at(
            "Table 8",
            "merging 19 categories to 15 raises no JS",
            at_most("", printed(".32"), printed(".315"), says="the merged JS {left} should not exceed {right}"),
        ),
        at(
            "4.5, Table 3",
            "Yelp: reduction at a context window of 8",
            agrees("", printed(".362"), DG_YELP - JS_YELP, says="{claimed} is printed, Table 3 gives {computed}"),
        ),
        at("4.5", "the gain grows by 45 %", checks.relative_change(printed("45 %"), printed(".362"), printed(".250"))),
        at(
            "G.2, Table 15",
            "share of the gain that the pretrained readout has",
            checks.ratio(printed("89 %"), DG_ML - printed(".338"), DG_ML - JS_ML),
        ),
    ]


def _strata() -> list[Finding]:
    ml_in_bits, yelp_in_bits = DIFFERENCE_ML.nats_in_bits(), DIFFERENCE_YELP.nats_in_bits()
    rows = [
        ("Table 5", "MovieLens: mean difference, by activity", DIFFERENCE_ML, ACTIVITY_ML),
        ("Table 6", "MovieLens: mean difference, by context", DIFFERENCE_ML, CONTEXT_ML),
        ("Table 5", "Yelp: mean difference, by activity", DIFFERENCE_YELP, ACTIVITY_YELP),
        ("Table 5", "MovieLens: by activity, were Table 3 in nats", ml_in_bits, ACTIVITY_ML),
        ("Table 6", "MovieLens: by context, were Table 3 in nats", ml_in_bits, CONTEXT_ML),
        ("Table 5", "Yelp: by activity, were Table 3 in nats", yelp_in_bits, ACTIVITY_YELP),
    ]
    return [at(where, check, checks.mean_between_strata(mean, parts)) for where, check, mean, parts in rows]


def _rankings() -> list[Finding]:
    out = [
        at(
            "Table 4, A.3",
            "MovieLens: NDCG of a list of 5",
            checks.list_ndcg_does_not_rise(printed(".613"), printed(".530"), length=5, cutoff=10),
        ),
        at(
            "Table 4, A.3",
            "Yelp: NDCG of a list of 5",
            checks.list_ndcg_does_not_rise(printed(".598"), printed(".512"), length=5, cutoff=10),
        ),
        at(
            "Table 4, F.3, Table 1",
            "Yelp: NDCG@5 of dg by its missed mass",
            list_ndcg_from_captured(
                printed(".512"), exact(1) - MISSED_YELP, printed(".639"), k=5, n_categories=N_CATEGORIES_YELP
            ),
        ),
        at(
            "abstract",
            "MovieLens: NDCG@10 41 % higher",
            checks.relative_change(printed("41 %"), printed(".863"), printed(".613")),
        ),
        at(
            "abstract",
            "Yelp: NDCG@10 46 % higher",
            checks.relative_change(printed("46 %"), printed(".871"), printed(".598")),
        ),
        at(
            "4.5, Table 9",
            "the gain in NDCG@10 at a context window of 5 is over 40 %",
            at_most(
                "",
                printed("40 %"),
                printed(".86").scaled(1 / 0.76) - exact(1),
                says="the gain printed, {left}, should not exceed that of the table, {right}",
            ),
        ),
        at(
            "Table 8, Table 9",
            "NDCG@10 at a context window of 5, long-term",
            agrees("", printed(".825"), printed(".86"), says="{claimed} in one table, {computed} in the other"),
        ),
        at(
            "Table 8, Table 9",
            "NDCG@10 at a context window of 5, short-term",
            agrees("", printed(".781"), printed(".77"), says="{claimed} in one table, {computed} in the other"),
        ),
        at(
            "introduction",
            "the advantage in NDCG widens fourfold",
            checks.ratio(printed("4"), printed("46 %"), printed("41 %")),
        ),
        at(
            "G.2, Table 15",
            "fine-tuning raises NDCG@10 over the pretrained readout",
            at_most(
                "", printed(".889"), printed(".863"), says="the pretrained {left} should not exceed the full {right}"
            ),
        ),
        at("Table 12", "711 % more NDCG", checks.relative_change(printed("711 %"), printed(".197"), printed(".024"))),
        at("Table 12", "a ratio of 8.2", checks.ratio(printed("8.2"), printed(".197"), printed(".024"))),
        at("4.4", "six times the tail NDCG", checks.ratio(printed("6.0"), printed(".203"), printed(".034"))),
    ]
    for mean, half, users in HALF_WIDTHS:
        found = checks.half_width_is_possible(printed(mean), printed(half), n=users)
        out.append(at("Tables 3, 4", f"{mean} with a half-width of {half}, n = {users}", found))
    return out


def _exposure() -> list[Finding]:
    both = "{claimed} in one place, {computed} in the other"
    tail = printed(".097")
    return [
        at("4.3", "Entropy@1 in its range", checks.entropy_in_range(printed("1.55"), k=1, n_categories=19)),
        at("4.3", "Entropy@1 of dg in its range", checks.entropy_in_range(printed(".92"), k=1, n_categories=19)),
        at("Table 3", "Entropy@3 in its range", checks.entropy_in_range(printed("3.01"), k=3, n_categories=19)),
        at(
            "Table 3",
            "Entropy@3, were it in nats",
            checks.entropy_in_range(printed("3.01"), k=3, n_categories=19, unit="nat"),
        ),
        at("4.3", "Entropy@1 68 % higher", checks.relative_change(printed("68 %"), printed("1.55"), printed(".92"))),
        at("4.3, B.5", "Entropy@1", agrees("", printed("1.55"), printed("1.747"), says=both)),
        at("4.3, B.5", "Entropy@1 of dg", agrees("", printed(".92"), printed("1.020"), says=both)),
        at(
            "4.3",
            "more tail mass is recovery",
            at_most(
                "",
                printed(".239") - tail,
                printed(".222") - tail,
                says="the distance to the true tail mass, {left}, should not exceed that of dg, {right}",
            ),
        ),
        at(
            "G.2",
            "the spread of a uniform readout",
            agrees("", printed(".053"), exact(0), says="{claimed} is printed, a uniform row spreads by {computed}"),
        ),
        at(
            "G.2",
            "the value of a uniform readout",
            agrees("", printed(".053"), exact(1 / 19), says="{claimed} is printed, 1/19 is {computed}"),
        ),
    ]


def _counts() -> list[Finding]:
    q4 = exact(330)
    below = "{left} units should not exceed the {right} users"
    return [
        at("Table 7", "MovieLens: pairs", checks.count_product(379_962, users=19_998, n_categories=19)),
        at("Table 7", "Yelp: pairs", checks.count_product(259_896, users=9_996, n_categories=26)),
        at("Table 7", "MovieLens: strata", checks.groups_sum_to(exact(19), [exact(6), exact(6), exact(7)])),
        at("Table 7", "Yelp: strata", checks.groups_sum_to(exact(26), [exact(8), exact(9), exact(9)])),
        at("Tables 5, 6", "cells", checks.groups_sum_to(exact(22), [exact(5), exact(6), exact(5), exact(6)])),
        at("C.1", "MovieLens: categories", checks.groups_sum_to(exact(19), [exact(17), exact(2)])),
        at("B.6", "level-2 categories a parent", checks.ratio(printed("50.4"), exact(1311), exact(26))),
        at(
            "B.6",
            "listed fan-outs",
            at_most("", exact(937), exact(1311), says="{left} listed should not exceed {right}"),
        ),
        at(
            "Table 5",
            "MovieLens: a quarter of the users",
            agrees("", printed("4823"), exact(N_MOVIELENS / 4), says="{claimed} is printed, {computed} is a quarter"),
        ),
        at(
            "Table 5",
            "Yelp: a quarter of the users",
            agrees("", q4, Printed(N_YELP / 4, 0.75), says="{claimed} is printed, {computed} is a quarter"),
        ),
        at("Table 7", "MovieLens: users", at_most("", exact(19_998), exact(N_MOVIELENS), says=below)),
        at("Table 7", "Yelp: users", at_most("", exact(9_996), exact(N_YELP), says=below)),
        at("Table 14", "MovieLens: histories", at_most("", exact(16_500), exact(N_MOVIELENS), says=below)),
        at("Table 14", "Yelp: histories", at_most("", exact(10_000), exact(N_YELP), says=below)),
        at(
            "Table 5",
            "p-value of 330 pairs",
            agrees("", printed("7.62e-56"), _wilcoxon(330, 1.0), says="{claimed} is printed, W = 1 gives {computed}"),
        ),
    ]


def _biases() -> list[Finding]:
    # Calibration error times size of each stratum, with the sign of its mean bias, rounded here to three decimals.
    mass_ml = (printed("-.244"), printed(".098"), printed(".146"))
    mass_yelp = (printed("-.526"), printed(".248"), printed(".279"))
    mean_ml = Printed(0.488, 0.0015).scaled(1 / 19)
    mean_yelp = Printed(1.053, 0.0015).scaled(1 / 26)
    whole = "the overall error {left} should not exceed the weighted mean of the strata, {right}"
    return [
        at(
            "Table 1", "MovieLens: bias on Drama", checks.difference(printed("-.079"), printed(".087"), printed(".166"))
        ),
        at("Table 1", "Yelp: bias on Food", checks.difference(printed("-.552"), printed(".087"), printed(".639"))),
        at("Table 1", "MovieLens: Film-Noir", checks.difference(printed("3.3e-2"), printed(".036"), printed(".002"))),
        at("Table 7", "MovieLens: biases sum to zero", checks.zero_sum(mass_ml, [1, 1, 1])),
        at("Table 7", "Yelp: biases sum to zero", checks.zero_sum(mass_yelp, [1, 1, 1])),
        at("Table 7", "MovieLens: overall error", at_most("", printed(".0043"), mean_ml, says=whole)),
        at("Table 7", "Yelp: overall error", at_most("", printed(".0286"), mean_yelp, says=whole)),
        at(
            "Table 7",
            "MovieLens: head error, 9.4 times",
            checks.ratio(printed("9.4"), printed(".0407"), printed(".0043")),
        ),
        at("Table 7", "Yelp: head error, 2.3 times", checks.ratio(printed("2.3"), printed(".0658"), printed(".0286"))),
    ]


def _wilcoxon(n: int, rank_sum: float) -> Printed:
    """Give the two-sided p-value of a signed-rank sum without ties, by the normal approximation."""
    z = (rank_sum - n * (n + 1) / 4) / math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return exact(2 * float(special.ndtr(z)))
