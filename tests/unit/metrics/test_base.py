"""What holds for every metric, and the names that are printed and typed back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spectra_eval import metrics
from spectra_eval.errors import InputError, ShapeError, UnknownNameError
from spectra_eval.metrics import METRICS, BoundMetric, Comparison, Metric, parse
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._comparison import Part
from spectra_eval.units import Unit

NAMES = [f"{entry.name}@3" if entry.takes_cutoff else entry.name for entry in METRICS]
BOUND = [BoundMetric.parse(name) for name in [*NAMES, "category_ndcg@2:ties=index:gain=exp2", "soft_ece:bins=7"]]


def drawn(n: int, *, lists: bool = False, seed: int = 0) -> Comparison:
    rng = np.random.default_rng(seed)
    truth = rng.multinomial(6, np.full(7, 1 / 7), n) / 6.0
    held = np.where(
        rng.random((n, 1)) < 0.5, rng.dirichlet(np.ones(7), n), rng.multinomial(4, np.full(7, 1 / 7), n) / 4
    )
    named = rng.permuted(np.tile(np.arange(-2, 7), (n, 1)), axis=1)[:, :4] if lists else None
    return Comparison(theta_star=truth, theta_s=held, lists=named, bucket=metrics.category_buckets(truth.sum(axis=0)))


def part(whole: Comparison, rows: slice) -> Comparison:
    lists = None if whole.lists is None else whole.lists[rows]
    return Comparison(theta_star=whole.theta_star[rows], theta_s=whole.theta_s[rows], lists=lists, bucket=whole.bucket)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_a_user_has_the_same_statistic_in_any_company(bound: BoundMetric, lists: bool) -> None:
    whole = drawn(257, lists=lists)
    statistic = bound.statistic(whole)
    assert statistic.ndim == 2
    assert len(statistic) == 257
    for step in (1, 5, 100):
        pieces = [bound.statistic(part(whole, slice(i, i + step))) for i in range(0, 257, step)]
        assert np.array_equal(np.concatenate(pieces), statistic, equal_nan=True)


@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_the_value_takes_any_leading_axes_and_stays_in_its_limits(bound: BoundMetric) -> None:
    statistic = bound.statistic(drawn(64))
    weights = np.random.default_rng(1).dirichlet(np.ones(64), (2, 3))
    with np.errstate(invalid="ignore"):  # 0 times infinity, for the metrics that reach it
        means = weights @ np.where(np.isfinite(statistic), statistic, 1.0)
    values = bound.value(means)
    assert np.shape(values) == (2, 3)
    assert np.array_equal(np.array([[bound.value(m) for m in row] for row in means]), values)
    low, high = bound.metric.limits
    assert np.all((values >= low - 1e-12) & (values <= high + 1e-12))


@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_missing_users_show_as_nan_and_leave_the_others_alone(bound: BoundMetric) -> None:
    whole = drawn(20)
    truth, held = whole.theta_star.copy(), whole.theta_s.copy()
    truth[3], held[7] = np.nan, np.nan
    holed = Comparison(theta_star=truth, theta_s=held, lists=None, bucket=whole.bucket)
    clean, got = bound.statistic(whole), bound.statistic(holed)
    kept = np.ones(20, dtype=bool)
    if bound.metric.name not in ("exposure_entropy", "tail_mass"):  # these do not look at the truth
        kept[3] = False
    if bound.metric.name != "true_tail_mass":
        kept[7] = False
    assert np.array_equal(got[kept], clean[kept], equal_nan=True)
    missing = np.isnan(got[~kept])
    # The means of truth and prediction stand side by side, and one of the two is known.
    assert missing.any(axis=1).all() if bound.metric.name == "js_of_means" else missing.all()


def test_a_metric_without_label_is_called_by_its_name_and_without_heading_by_its_label() -> None:
    plain = replace(METRICS["brier"], name="own_error", label="", heading="")
    assert (plain.label, plain.heading) == ("Own error", "Own error")
    named = replace(plain, label="Error of ours", heading="Error")
    assert (named.label, named.heading) == ("Error of ours", "Error")


@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_inputs_are_not_changed(bound: BoundMetric) -> None:
    whole = drawn(20, lists=True)
    before = [whole.theta_star.copy(), whole.theta_s.copy(), np.array(whole.lists)]
    for array in (whole.theta_star, whole.theta_s, whole.lists):
        array.flags.writeable = False  # type: ignore[union-attr]
    bound.statistic(whole)
    for array, old in zip((whole.theta_star, whole.theta_s, whole.lists), before, strict=True):
        assert np.array_equal(array, old)  # type: ignore[arg-type]


@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_a_name_can_be_typed_back(bound: BoundMetric) -> None:
    again = BoundMetric.parse(bound.name)
    assert again == bound
    assert again.name == bound.name


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: entry.name)
def test_an_entry_describes_itself(entry: Metric) -> None:
    assert entry.summary.endswith(".")
    assert entry.reference
    assert entry.limits[0] < entry.limits[1]
    assert set(entry.choices) <= set(entry.options)
    assert entry.unit in (Unit.ONE, Unit.BIT, Unit.NAT)


def test_the_family_holds_what_it_promises() -> None:
    promised = """js_divergence kl_divergence total_variation hellinger chi_squared linf_error category_ndcg list_ndcg
    mass_captured top_recall exposure_entropy tail_mass_error category_bias soft_ece stratified_ece top1_ece brier
    log_score"""
    assert set(promised.split()) <= set(METRICS.names())
    stable = {entry.name for entry in METRICS if entry.stage == "stable"}
    made_by_loop = {f"{s}_bias" for s in ("head", "mid", "tail")} | {f"soft_ece_{s}" for s in ("head", "mid", "tail")}
    assert stable - made_by_loop - {"true_tail_mass"} <= set(metrics.__all__)


def test_default_options_are_left_out_of_the_name() -> None:
    assert BoundMetric.parse("category_ndcg@10:ties=average:gain=exp2").name == "category_ndcg@10:gain=exp2"
    assert BoundMetric.parse(" soft_ece:bins=10 ").options == {"bins": 10}
    assert BoundMetric(metric=METRICS["js_divergence"]).name == "js_divergence"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("category_ndcg", "needs a cut-off; write category_ndcg@10"),
        ("category_ndcg@", "'' is no cut-off"),
        ("category_ndcg@0", "'0' is no cut-off"),
        ("category_ndcg@-1", "'-1' is no cut-off"),
        ("category_ndcg@ten", "'ten' is no cut-off"),
        ("js_divergence@5", "takes no cut-off; leave out @5"),
        ("category_ndcg@5:base=2", "no option 'base'; category_ndcg has: ties, gain"),
        ("js_divergence:x=1", "no option 'x'; js_divergence has: none"),
        ("category_ndcg@5:ties=last", "cannot be 'last'; choose average or index"),
        ("category_ndcg@5:ties=index:ties=index", "is repeated"),
        ("soft_ece:bins=many", "cannot be 'many'; give a int"),
    ],
)
def test_a_name_that_says_something_else_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(name)


def test_an_unknown_name_is_refused_with_the_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="near: category_ndcg"):
        parse("category_ndgc@5")


def test_a_cut_off_above_the_categories_is_refused() -> None:
    bound = BoundMetric.parse("category_ndcg@10")
    bound.check_categories(10)
    with pytest.raises(InputError, match=r"category_ndcg@10.*exceeds the 9 categories; write category_ndcg@9 or less"):
        bound.check_categories(9)
    BoundMetric.parse("js_divergence").check_categories(2)


def test_what_is_shared_is_computed_once() -> None:
    calls: list[Any] = []

    def work(comparison: Comparison, times: int) -> int:
        calls.append(times)
        return comparison.n_users * times

    whole = drawn(4)
    assert [whole.cached(work, 2), whole.cached(work, 2), whole.cached(work, 3)] == [8, 8, 12]
    assert calls == [2, 3]


def test_blocks_hold_every_user_once() -> None:
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(50), 4000)
    lists = rng.integers(0, 50, (4000, 2))
    whole = Comparison(theta_star=theta, theta_s=theta, lists=lists, bucket=np.zeros(50, dtype=int))
    blocks = list(whole.blocks())
    assert len(blocks) > 1
    assert sum(block.n_users for block in blocks) == 4000
    assert np.array_equal(np.concatenate([block.lists for block in blocks]), lists)  # type: ignore[misc]


def test_pairs_must_fit_together() -> None:
    with pytest.raises(ShapeError, match="shapes do not fit together"):
        check_pair(np.full((2, 2), 0.5), np.full((2, 4), 0.25))
    comparison, users = check_pair([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]])  # one truth for all
    assert users == (2,)
    assert comparison.theta_star.tolist() == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("bound", BOUND, ids=lambda bound: bound.name)
def test_a_part_is_columns_of_its_whole_and_none_where_there_is_nothing(bound: BoundMetric) -> None:
    part = bound.metric.statistic
    if not isinstance(part, Part):
        assert bound.metric.name not in ("soft_ece", "head_bias", "soft_ece_tail")
        return
    one = drawn(30)
    chosen = part.columns(one, **bound.options)
    assert np.array_equal(part(one, **bound.options), part.whole(one, **bound.options)[:, chosen])
    assert part.__module__ == part.whole.__module__
    lone = Comparison(theta_star=one.theta_star, theta_s=one.theta_s, lists=None, bucket=np.ones(7, dtype=int))
    if bound.metric.name.startswith(("head", "tail")) or bound.metric.name.endswith(("head", "tail")):
        assert np.isnan(part(lone, **bound.options)).all()
