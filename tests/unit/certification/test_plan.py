"""The power that a plan promises, counted in studies that are drawn anew."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, norm

from spectra_eval.certification import certify, guesses_from, plan
from spectra_eval.certification._plan import Need
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory import clopper_pearson_lower, route_t_certifies, truncated_js_lower
from tests.unit.certification.test_certify import simulated

STUDIES = 4000


def noise(power: float) -> float:
    """Three standard errors of a share of STUDIES."""
    return 3 * float(np.sqrt(power * (1 - power) / STUDIES))


def needs(guesses: Any, claim: str, **options: Any) -> Need:
    return next(need for need in plan(guesses, **options) if need.claim == claim)


def per_user(table: PreferenceTable, k: int) -> dict[str, np.ndarray]:
    """What each user contributes to the claims, by the definitions."""
    assert table.dg is not None and table.theta_s is not None
    found: dict[str, list[float]] = {"margin": [], "missed": [], "js": [], "closer": []}
    for p, q, entries in zip(table.theta_star, table.theta_s, table.dg, strict=True):
        on = np.unique(entries[:k][entries[:k] >= 0])
        if not len(on):
            continue
        uniform = np.zeros(len(p))
        uniform[on] = 1 / len(on)
        m = (p + q) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            js = sum(np.where(a > 0, a * np.log2(a / m), 0.0).sum() for a in (p, q)) / 2
        tv, missed = np.abs(p - q).sum() / 2, 1 - p[on].sum()
        found["margin"].append(missed - tv)
        found["missed"].append(missed)
        found["js"].append(js)
        found["closer"].append(float(tv < np.abs(p - uniform).sum() / 2))
    return {name: np.array(values) for name, values in found.items()}


PILOT = simulated(1500, seed=5)
USERS = per_user(PILOT, 2)
GUESSES = guesses_from(PILOT, k=2)


def studies(n: int, *names: str, seed: int = 0) -> list[np.ndarray]:
    """Draw n users of the pilot for each study; give the mean of each quantity."""
    rows = np.random.default_rng(seed).integers(0, len(USERS["js"]), size=(STUDIES, n))
    return [USERS[name][rows].mean(axis=1) for name in names]


@pytest.mark.parametrize("power", [0.5, 0.8, 0.9, 0.95])
def test_a_mean_holds_as_often_as_planned(power: float) -> None:
    n = needs(GUESSES, "mean.law", power=power).n_users
    assert n is not None
    (mean,) = studies(n, "margin")
    held = float(np.mean(mean - 2 * np.sqrt(np.log(20) / (2 * n)) > 0))
    assert power - noise(power) - 0.005 <= held <= power + noise(power) + 0.02


@pytest.mark.parametrize("power", [0.5, 0.9])
def test_the_js_holds_as_often_as_planned(power: float) -> None:
    guesses = {**GUESSES, "mean_missed": GUESSES["mean_missed"]}
    n = needs(guesses, "mean-js.law", power=power, require={"mean-js.law": -0.1}).n_users
    assert n is not None
    missed, js = studies(n, "missed", "js")
    radius = np.sqrt(np.log(40) / (2 * n))
    floor = np.array([float(truncated_js_lower(max(0.0, m - radius)).bits) for m in missed])
    held = float(np.mean(floor - (js + radius) >= -0.1))
    assert power - noise(power) - 0.005 <= held <= power + noise(power) + 0.03


@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_the_missed_mass_holds_as_often_as_planned(threshold: float) -> None:
    n = needs(GUESSES, "truncation", require={"truncation": threshold}).n_users
    assert n is not None
    (missed,) = studies(n, "missed")
    held = float(np.mean(missed - np.sqrt(np.log(20) / (2 * n)) >= threshold))
    assert 0.9 - noise(0.9) - 0.005 <= held
    assert threshold == 0.0 or held <= 0.9 + noise(0.9) + 0.02  # a handful of users is a coarse number


@pytest.mark.parametrize("bound", ["hoeffding", "clopper-pearson"])
@pytest.mark.parametrize(("share", "threshold"), [(0.6, 0.5), (0.92, 0.8), (0.92, 0.5), (1.0, 0.9)])
def test_a_share_holds_as_often_as_planned(bound: str, share: float, threshold: float) -> None:
    options: dict[str, Any] = {"scope": "population", "bound": bound, "require": {"fraction.window": threshold}}
    need = needs({"share": share}, "fraction.window", **options)
    assert need.n_users is not None
    for n in (need.n_users, need.n_users + 1, need.n_users + 7):  # one user more must not cost the power
        counts = np.random.default_rng(n).binomial(n, share, size=STUDIES)
        possible = np.arange(n + 1)
        if bound == "hoeffding":
            bounds = possible / n - np.sqrt(np.log(20) / (2 * n))
        else:
            bounds = np.asarray(clopper_pearson_lower(possible, np.full(n + 1, n), error=0.05))
        held = float(np.mean(bounds[counts] >= threshold))
        assert held >= 0.9 - noise(0.9)
    half = needs({"share": share}, "fraction.window", power=0.5, **options).n_users
    assert half is not None and half <= need.n_users


def test_an_unknown_spread_is_the_largest() -> None:
    """A mean of -1 and 1 alone spreads most; whoever does not know the spread gets the number for it."""
    need = needs({"mean_margin": 0.2}, "mean.law")
    known = needs({"mean_margin": 0.2, "margin_sd": 0.1}, "mean.law")
    assert need.n_users is not None and known.n_users is not None and known.n_users < need.n_users
    assert "as widely as they can" in need.method and known.given["margin_sd"] == 0.1
    n = need.n_users
    mean = 2 * np.random.default_rng(0).binomial(n, 0.6, size=STUDIES) / n - 1
    held = float(np.mean(mean - 2 * np.sqrt(np.log(20) / (2 * n)) > 0))
    assert held >= 0.9 - noise(0.9)
    js = needs({"mean_missed": 0.6, "mean_js_bits": 0.1}, "mean-js.law")
    assert js.n_users is not None
    spread = {"missed_sd": 0.1, "js_sd": 0.05, "missed_js_correlation": 0.5}
    assert js.n_users > (needs({"mean_missed": 0.6, "mean_js_bits": 0.1, **spread}, "mean-js.law").n_users or 0)


@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_users_and_their_windows_hold_as_often_as_planned(threshold: float) -> None:
    """Typical users, one law each, with windows of the planned length: the guesses are what these windows show."""
    law, held = np.array([0.1, 0.15, 0.3, 0.45]), np.array([0.16, 0.17, 0.27, 0.4])
    rng = np.random.default_rng(1)
    guesses = {"mean_missed": 0.75, "tv": 0.1}
    for _ in range(4):  # the plug-in TV depends on the length, and the length on the plug-in TV
        need = needs(guesses, "fraction.law", require={"fraction.law": threshold})
        assert need.n_interactions is not None and need.n_users is not None
        windows = rng.multinomial(need.n_interactions, law, size=2000)
        guesses["tv"] = float(np.abs(windows / need.n_interactions - held).sum(axis=1).mean() / 2)
    n, users = need.n_interactions, need.n_users
    windows = rng.multinomial(n, law, size=40_000).astype(float)
    lists = np.tile([0, 1], (len(windows), 1))[:, :2]
    missed = float((windows[:, 2:].sum(axis=1) / n).mean())
    assert missed == pytest.approx(0.75, abs=0.01)
    theta = np.tile(held, (len(windows), 1))
    certified = route_t_certifies(windows, theta, lists, predicate_error=0.01, whole=False)
    rows = rng.integers(0, len(windows), size=(STUDIES, users))
    bounds = (certified[rows].mean(axis=1) - np.sqrt(np.log(20) / (2 * users)) - 0.01) / 0.99
    assert float(np.mean(bounds >= threshold)) >= 0.9 - noise(0.9)


def test_studies_by_the_certificate_itself() -> None:
    """The formulas above are those of the certificate: a hundred studies drawn from the pilot are certified."""
    need = needs(GUESSES, "mean.law")
    assert need.n_users is not None
    rng = np.random.default_rng(2)
    held = 0
    listed = PILOT.select((PILOT.dg >= 0).any(axis=1))
    for _ in range(100):
        rows = rng.integers(0, listed.n_users, size=need.n_users)
        study = PreferenceTable(
            users=[f"u{i}" for i in range(need.n_users)],
            categories=listed.categories,
            counts=listed.counts[rows],
            theta_s=listed.theta_s[rows],
            dg=listed.dg[rows],
        )
        held += certify(study, k=2, bound="hoeffding", claims=["mean.law"])["mean.law"].holds is True
    assert 81 <= held <= 98  # three standard errors of a hundred


def test_a_pilot_gives_means_and_spreads_and_a_certificate_means_alone() -> None:
    assert GUESSES["margin_sd"] == pytest.approx(USERS["margin"].std(ddof=1), rel=1e-9)
    assert GUESSES["js_sd"] == pytest.approx(USERS["js"].std(ddof=1), rel=1e-9)
    both = np.corrcoef(USERS["missed"], USERS["js"])[0, 1]
    assert GUESSES["missed_js_correlation"] == pytest.approx(both, rel=1e-9)
    assert GUESSES["share"] == pytest.approx(USERS["closer"].mean(), rel=1e-12)
    alone = guesses_from(certify(PILOT, k=2))
    assert set(alone) == {"share", "mean_margin", "mean_missed", "mean_js_bits", "tv"}
    assert all(GUESSES[name] == value for name, value in alone.items())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"power": 1.0}, "power: 1.0 is not strictly between"),
        ({"power": True}, "power: True"),
        ({"power": 10**400}, "power: an integer of"),
        ({"declared": 10**400}, "declared: an integer of"),
        ({"require": {"truncation": 0.2}}, "truncation cannot be planned without a guess, mean_missed=NUMBER"),
        ({"require": {"regime.printed": 0.2}}, "no plan is made for the claim 'regime.printed'"),
        ({"require": {"mean.law": 2}}, r"mean.law = 2 is outside \[-1, 1\]"),
        ({"guesses": {"mean_margin": float("nan")}}, "mean_margin: nan is not a finite number"),
        ({"guesses": {"mean_margin": True}}, "mean_margin: True is not a finite number"),
        ({"guesses": {"margin": 0.1}}, "'margin' is none of"),
        ({"guesses": {"margin_sd": 0.1}}, "too few for any claim"),
    ],
)
def test_a_plan_of_nothing_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(options.pop("guesses", {"mean_margin": 0.1}), **options)


def test_what_no_number_of_users_reaches_is_said() -> None:
    need = needs({"mean_margin": 0.1}, "mean.law", require={"mean.law": 0.2})
    assert need.n_users is None and "however many users" in str(need.reason)
    need = needs({"tv": 0.7, "mean_missed": 0.6}, "fraction.law")
    assert need.n_users is None and need.n_interactions is None and "no window" in str(need.reason)


@pytest.mark.parametrize(("threshold", "typical"), [(0.0, 0.9), (0.85, (1 + 0.85 * 0.99 + 0.01) / 2)])
def test_the_planned_window_is_the_shortest_that_certifies_typical_users(threshold: float, typical: float) -> None:
    tv, missed = 0.05, 0.4
    need = needs({"tv": tv, "mean_missed": missed}, "fraction.law", require={"fraction.law": threshold})
    n = need.n_interactions

    def certifies(n: int) -> bool:
        off = n * missed - norm.ppf(typical) * math.sqrt(n) * (math.sqrt(missed * (1 - missed)) + 0.5)
        lower = beta.ppf(0.005, off, n - off + 1) if off > 0 else 0.0
        return tv + math.sqrt(math.log(1 / 0.005) / (2 * n)) < lower

    assert n is not None and certifies(n) and not certifies(n - 1)
