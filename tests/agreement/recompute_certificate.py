"""Recompute every number of a certificate with NumPy alone: `recompute_certificate.py CERTIFICATE.json TABLE.npz`.

It shares no code with spectra_eval and does not import it: where the library has a closed form or a fast solver, this
goes through the definition, a user at a time, by bisection or by trying every set. The table is its columns as
`numpy.savez` writes them: users, counts or theta_star, n_window, theta_s, dg (-1 or below: no category), whole (False
where an interaction bears several categories), history_counts. A
rival with parameters is left out. Exit code 1 names each number that differs, or was not recomputed.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from certificate_bounds import (
    LN2,
    bits,
    cpl,
    envelope,
    floor,
    js_radius,
    kl_envelope,
    nats_kl,
    printed,
    share_from_means,
    tv,
)
from certificate_rivals import lower, rival_claim

TIE = 1e-12
EXACT = 1 << 18  # interactions of one window up to which the exact form of Route T is taken


class Values(np.ndarray):
    """Numbers of users, one each, with their names."""

    names: list[str]

    def __array_finalize__(self, source: Any) -> None:
        self.names = getattr(source, "names", [])


def route_bounds(counts: np.ndarray, held: np.ndarray, off: np.ndarray, whole: bool, error: float) -> dict[str, bool]:
    """Tell for each route whether one window certifies the user; `off` marks the categories off the list."""
    n = float(counts.sum())
    if n == 0:
        return dict.fromkeys("TJK", False)
    half, shares, count = error / 2, counts / n, float(counts[off].sum())
    radius = math.sqrt(math.log(1 / half) / (2 * n))
    mass = cpl(round(count), round(n), half) if whole else max(0.0, count / n - radius)
    upper = tv(held, shares) + radius
    if (
        whole and tv(held, shares) < mass
    ):  # the largest theta_s(A) - CPL(c(A)) over all sets A, by the largest theta_s(A) for each c(A)
        best = {0: 0.0}
        for c, weight in zip(counts.astype(int), held, strict=True):
            for s, value in list(best.items()):
                best[s + int(c)] = max(best.get(s + int(c), -1.0), value + float(weight))
        upper = max(value - cpl(s, round(n), half) for s, value in best.items())

    def chernoff(plug_in: float, parts: int, span: float, rate: float) -> float:
        ratio = (math.exp(-rate * span) - 1 + rate * span) / (math.exp(-span) - 1 + span)
        return (plug_in + math.log(1 / half) / (parts * n * rate)) / (1 - ratio / rate) if ratio < rate else math.inf

    js = min(1.0, chernoff(bits(shares, held) * LN2, 2, LN2, 0.25) / LN2)
    kl = math.inf
    if held.min() > 0:
        kl = chernoff(nats_kl(shares, held), 1, -math.log(held.min()), 0.15)
    by_kl = 1.0 if math.isinf(kl) else kl_envelope(kl)
    return {"T": min(1.0, upper) < mass, "J": envelope(js) < mass, "K": by_kl < mass}


class Users:
    """The rows of a table as one pass sees them: records with a window, and their averages a user."""

    def __init__(self, table: Any, k: int) -> None:
        names, windows = [str(u) for u in table["users"]], table["n_window"]
        seen = [i for i in range(len(names)) if windows[i] != 0]
        self.names, self.whole = [names[i] for i in seen], bool(table["whole"])
        self.n_users = len(set(self.names))
        self.alone = self.n_users == len(self.names)
        self.unseen = sorted(set(names) - set(self.names))
        self.n_unseen = len(self.unseen)
        self.counts = table["counts"][seen] if "counts" in table else None
        self.windows = windows[seen]
        truth = self.counts if self.counts is not None else table["theta_star"][seen]
        self.star = truth / truth.sum(axis=1, keepdims=True)
        self.held = table["theta_s"][seen]
        lists = table["dg"][seen][:, :k]
        categories = np.arange(self.star.shape[1])
        self.on = np.array([np.isin(categories, row[row >= 0]) for row in lists])
        self.listed = self.on.any(axis=1)
        uniform = [row / max(1, row.sum()) for row in self.on.astype(float)]
        rows = list(zip(self.star, self.held, self.on, uniform, strict=True))
        self.tv = np.array([tv(p, q) for p, q, _, _ in rows])
        self.missed = np.array([p[~on].sum() for p, _, on, _ in rows])
        self.js = np.array([bits(p, q) for p, q, _, _ in rows])
        self.tv_list = np.array([tv(p, u) for p, _, _, u in rows])
        self.js_list = np.array([bits(p, u) for p, _, _, u in rows])

    def mean(self, values: Any, kept: Any = None) -> Values:
        """Average records within each user, in the order of the users; users without a kept record are left out."""
        kept = np.ones(len(self.names), dtype=bool) if kept is None else kept
        by: dict[str, list[float]] = {}
        for name, value, keep in zip(self.names, values, kept, strict=True):
            if keep:
                by.setdefault(name, []).append(float(value))
        return named([sum(group) / len(group) for group in by.values()], list(by))


def named(numbers: Any, names: list[str]) -> Values:
    found = np.asarray(numbers, dtype=float).view(Values)
    found.names = names
    return found


def others(values: np.ndarray, options: dict[str, Any], error: float) -> dict[str, Any]:
    names = ["hoeffding", "printed"]
    if options["scope"] == "population" and set(np.unique(values)) <= {0.0, 1.0}:
        names += ["clopper-pearson"]
    return {name: lower(values, options, error, how=name) for name in names if name != options["bound"]}


def fraction_window(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    own, anyone = u.mean(u.tv < u.tv_list - TIE, u.listed), u.mean(u.tv < u.missed - TIE, u.listed)
    inputs = {
        "share": own.mean(),
        "share_any_distribution": anyone.mean(),
        "bound_any_distribution": lower(anyone, options, error, share=u.alone),
        "n_without_list": u.n_users - len(own),
        "other_bounds": others(own, options, error),
    }
    if options["bound"] == "dkw":
        margins = u.mean(u.missed - u.tv, u.listed)
        at = [round(-1 + 0.025 * i, 3) for i in range(81)]
        share = [float(np.mean(margins > t + TIE)) for t in at]
        radius = math.sqrt(math.log(1 / error) / (2 * len(margins)))
        curve = {"thresholds": at, "share": share, "lower": [max(0.0, x - radius) for x in share]}
        inputs["margin_curve"] = curve
    return {"inputs": inputs, "bound": lower(own, options, error, share=u.alone), "threshold": 0.5, "n_users": len(own)}


def fraction_law(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    eta, routes = options["predicate_error"], options["routes"]
    if u.counts is None or not np.allclose(u.counts.sum(axis=1), u.windows):
        return {"bound": None}  # the counts of a window are no sum of one vector an interaction
    whole = u.whole and bool((u.counts == np.floor(u.counts)).all())
    rows = zip(u.counts, u.held, ~u.on, u.listed, strict=True)
    found = [route_bounds(c, q, off, whole, eta) if has else dict.fromkeys("TJK", False) for c, q, off, has in rows]
    shares, bounds = {}, {}
    for route in routes:
        certified = u.mean([f[route] for f in found])
        values = named([*certified, *[0.0] * u.n_unseen], [*certified.names, *u.unseen])
        bound = lower(values, options, error / len(routes), share=u.alone)
        if bound is not None:
            shares[route], bounds[route] = values.mean(), max(0.0, (bound - eta) / (1 - eta))
    best, route = max((bound, route) for route, bound in bounds.items())
    inputs = {
        "certified_share": shares,
        "bounds": bounds,
        "route": route,
        "form": "exact" if whole else "hoeffding",
        "n_without_list": int((~u.listed).sum()),
        "n_without_window": u.n_unseen,
    }
    return {"inputs": inputs, "bound": best, "threshold": 0.0, "n_users": u.n_users + u.n_unseen}


def mean_law(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    margin = u.mean(u.missed - u.tv, u.listed)
    bound = lower(margin, options, error, low=-1.0)
    inputs = {
        "mean_margin": margin.mean(),
        "mean_missed_mass": u.mean(u.missed, u.listed).mean(),
        "mean_tv": u.mean(u.tv, u.listed).mean(),
        "implied_share": max(0.0, bound or 0.0),
    }
    return {"inputs": inputs, "bound": bound, "threshold": 0.0, "n_users": len(margin)}


def mean_js_law(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    js, missed = u.mean(u.js, u.listed), u.mean(u.missed, u.listed)
    mass, agreement = lower(missed, options, error / 2), lower(1 - js, options, error / 2)
    if mass is None or agreement is None:
        return {"bound": None}
    inputs = {
        "mean_js_bits": js.mean(),
        "js_upper_bits": 1 - agreement,
        "mean_missed_mass": missed.mean(),
        "missed_mass_lower": mass,
        "js_floor_bits": floor(mass),
        "implied_share": share_from_means(mass, 1 - agreement),
    }
    return {"inputs": inputs, "bound": floor(mass) - (1 - agreement), "threshold": 0.0, "n_users": len(js)}


def truncation(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    missed = u.mean(u.missed, u.listed)
    bound = lower(missed, options, error)
    if bound is None:
        return {"bound": None}
    inputs = {
        "mean_missed_mass": missed.mean(),
        "mean_js_floor_bits": u.mean([floor(m) for m in u.missed], u.listed).mean(),
        "mean_tv_list": u.mean(u.tv_list, u.listed).mean(),
        "mean_js_list_bits": u.mean(u.js_list, u.listed).mean(),
        "mean_js_theta_s_bits": u.mean(u.js, u.listed).mean(),
        "js_floor_law_bits": floor(bound),
    }
    return {"inputs": inputs, "bound": bound, "threshold": 0.0, "n_users": len(missed)}


def ranking_window(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    k, n_categories = options["k"], u.star.shape[1]
    marks: dict[str, list[bool]] = {name: [] for name in ("found", "theorem_1", "tv", "kl", "js", "regret", "beats")}
    left_out = {"tie at rank k": 0, "another top k": 0, "recovered, but no condition shows it": 0}
    for p, q, t, js, missed in zip(u.star, u.held, u.tv, u.js, u.missed, strict=True):
        ours, theirs = np.sort(p)[::-1], np.sort(q)[::-1]
        a, b = float(ours[k - 1]), float(ours[k])
        best = set(np.argsort(-p, kind="stable")[:k].tolist())
        chosen = set(np.argsort(-q, kind="stable")[:k].tolist())
        strict = theirs[k - 1] - theirs[k] > TIE
        found = bool(a - b > TIE and strict and best == chosen)
        largest = float(np.abs(p - q).max())
        radius_kl = sum(x * math.log(2 * x / (a + b)) for x in (a, b) if x > 0)
        shown = {
            "theorem_1": a - b > 2 * largest + TIE,
            "tv": t < (a - b) / 2 - TIE,
            "kl": nats_kl(p, q) < radius_kl - TIE,
            "js": js < js_radius(a, b, float(ours[: k - 1].sum() + ours[k + 1 :].sum())) - TIE,
        }
        regret = 2 * min(t, min(k, n_categories - k) * largest)
        shown |= {"regret": sum(p[c] for c in best) - (1 - missed) > regret + TIE}
        shown |= {"beats": bool(sum(p[c] for c in chosen) > 1 - missed + TIE and strict), "found": found}
        for name, value in shown.items():
            marks[name].append(bool(value))
        left_out["tie at rank k"] += int(a - b <= TIE)
        left_out["another top k"] += int(a - b > TIE and not found)
        proven = any(shown[name] for name in ("theorem_1", "tv", "kl", "js"))
        left_out["recovered, but no condition shows it"] += int(found and not proven)
    share = {name: u.mean(values, u.listed if name in ("regret", "beats") else None) for name, values in marks.items()}
    conditions = {"theorem_1": "theorem_1", "tv": "tv_radius", "kl": "kl_radius", "js": "js_radius", "regret": "regret"}
    found_by = share["found"]
    inputs = {
        "share": found_by.mean(),
        "share_by": {label: share[name].mean() for name, label in conditions.items()},
        "share_with_more_mass_than_the_list": share["beats"].mean(),
        "left_out": left_out,
        "other_bounds": others(found_by, options, error),
    }
    return {
        "inputs": inputs,
        "bound": lower(found_by, options, error, share=u.alone),
        "threshold": 0.0,
        "n_users": len(found_by),
    }


def regime_printed(u: Users, options: dict[str, Any], error: float) -> dict[str, Any]:
    js, missed = u.mean(u.js, u.listed), float(u.mean(u.missed, u.listed).mean())
    groups = [[u.mean(theta[:, c], u.listed).mean() for c in range(theta.shape[1])] for theta in (u.star, u.held)]
    star, held = (np.array(group) / sum(group) for group in groups)
    place = np.sort(np.floor(js * 2**20))[(len(js) + 1) // 2 - 1]  # the lower median, to a bin of 2^-20 bit
    readings = {"aggregate": bits(star, held), "mean": float(js.mean()), "median": float((place + 0.5) / 2**20)}
    cells = []
    for reading, amount in readings.items():
        for name in ("ps", "bh", "js", "th"):
            cell: dict[str, Any] = {"reading": reading, "envelope": name}
            for unit, suffix in (("printed", ""), ("nats", "_nats"), ("bits", "_bits")):
                value = printed(name, unit, amount)
                cell |= {f"value{suffix}": value, f"valid{suffix}": value >= envelope(amount) * (1 - 1e-12)}
            cells.append(cell | {"margin": missed - cell["value"]})
    positive = sum(cell["margin"] > 0 for cell in cells)
    exact = missed - envelope(readings["mean"])
    inputs = {
        "missed_mass": missed,
        "js_bits": readings,
        "cells": cells,
        "n_positive": positive,
        "exact_margin_mean": exact,
        "exact_share_mean": share_from_means(missed, readings["mean"]),
    }
    return {
        "inputs": inputs,
        "bound": None,
        "threshold": None,
        "margin": exact,
        "holds": positive == 12,
        "n_users": len(js),
    }


CLAIMS: dict[str, Callable[[Users, dict[str, Any], float], dict[str, Any]]] = {
    "fraction.window": fraction_window,
    "fraction.law": fraction_law,
    "mean.law": mean_law,
    "mean-js.law": mean_js_law,
    "truncation": truncation,
    "ranking.window": ranking_window,
    "regime.printed": regime_printed,
}


def recompute(name: str, users: Users, options: dict[str, Any], table: Any) -> dict[str, Any] | None:
    """Return the row of a claim; None for a rival that is fitted."""
    error = (1 - options["level"]) / options["declared"]
    if name.startswith("rival."):
        found = rival_claim(name, table, users, options, error)
        if found is None:
            return None
    else:
        found = CLAIMS[name](users, options, error)
    if found.get("bound") is not None:
        required = options["require"].get(name)
        threshold = found["threshold"] if required is None else required
        holds = found["bound"] > threshold if required is None else found["bound"] >= threshold
        found |= {"threshold": threshold, "margin": found["bound"] - threshold, "holds": holds}
    return found


def leaves(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each number and each verdict under its path."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(f"{where}.{key}", entry)
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from leaves(f"{where}[{place}]", entry)
    elif isinstance(value, int | float | np.number | np.bool_ | np.ndarray):
        yield where, value


def differences(document: dict[str, Any], table: Any) -> tuple[int, list[str]]:
    """Compare the document with the recomputation; count the numbers compared."""
    users = Users(table, document["options"]["k"])
    said_facts: dict[str, Any] = {
        "n_records": len(table["users"]),
        "n_users": users.n_users,
        "n_without_window": users.n_unseen,
    }
    even = np.full(users.star.shape[1], 1 / users.star.shape[1])
    held, truth = (float(np.mean([tv(row, even) for row in rows])) for rows in (users.held, users.star))
    if held < max(0.02, min(0.1, 0.1 * truth)):
        said_facts["flat"] = {"mean_tv_to_uniform": held, "mean_tv_of_truth_to_uniform": truth}
    if ("flat" in said_facts) != ("flat" in document["facts"]):
        return 0, [f"facts.flat: the mean TV to uniform is {held}, that of the truth {truth}"]
    said = dict(leaves("facts", {key: fact for key, fact in document["facts"].items() if key != "rivals"}))
    found = dict(leaves("facts", said_facts))
    for claim in document["claims"]:
        name = claim["claim"]
        if claim["status"] == "ok":
            again = recompute(name, users, document["options"], table)
            if again is not None:
                said |= leaves(name, {key: claim[key] for key in claim if key != "assumptions"})
                found |= leaves(name, again)
        elif (recompute(name, users, document["options"], table) or {}).get("bound") is not None:
            return 0, [f"{name}: undefined in the certificate, but there is a bound"]
    bounds = {"fraction.window": 3 if document["options"]["bound"] == "dkw" else 2, "regime.printed": 0}
    made = [claim["claim"] for claim in document["claims"] if claim["status"] == "ok"]
    every = [name for name in made if name.startswith("rival.") and ":" not in name]  # implied by the single ones
    stated = sum(bounds.get(name, 1) for name in made if name not in every)
    error = (1 - document["options"]["level"]) / document["options"]["declared"]
    said |= leaves("together", document["together"])
    found |= leaves("together", {"n_bounds": stated, "level": max(0.0, 1 - stated * error)})
    lines = [f"{path}: not recomputed" for path in said if path not in found]
    for path, value in said.items():
        if path in found and not math.isclose(float(value), float(found[path]), rel_tol=1e-8, abs_tol=1e-10):
            lines.append(f"{path}: certificate {value!r}, recomputed {found[path]!r}")
    return len(said), lines


def main(certificate: str, table: str) -> int:
    with open(certificate, encoding="utf-8") as file:
        document = json.load(file)
    with np.load(table, allow_pickle=False) as columns:
        compared, lines = differences(document, dict(columns))
    print("\n".join([*lines, f"{compared} numbers compared, {len(lines)} differ"]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
