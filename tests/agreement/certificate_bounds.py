"""Bounds of certificates by their definitions, with NumPy alone; used by `recompute_certificate.py`.

It shares no code with spectra_eval and does not import it: where the library has a closed form or a fast solver, this
goes through the definition, by bisection or by trying every set.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

LN2 = math.log(2)
Curve = Callable[[float], float]


def solve(curve: Curve, target: float, low: float, high: float) -> float:
    """Bisect for the x at which a rising curve passes the target."""
    middle = (low + high) / 2
    while middle not in (low, high):
        low, high = (low, middle) if curve(middle) > target else (middle, high)
        middle = (low + high) / 2
    return middle


def bits(p: np.ndarray, q: np.ndarray) -> float:
    """JS by its definition, with the two halves taken together category by category."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        m = (a + b) / 2
        total += sum(x * math.log(x / m) for x in (a, b) if x > 0) / 2
    return max(0.0, total / LN2)


def nats_kl(p: np.ndarray, q: np.ndarray) -> float:
    if any(a > 0 and b == 0 for a, b in zip(p, q, strict=True)):
        return math.inf
    return max(0.0, sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0))


def tv(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.abs(p - q).sum() / 2)


def symmetric(v: float) -> float:
    return bits(np.array([(1 + v) / 2, (1 - v) / 2]), np.array([(1 - v) / 2, (1 + v) / 2]))


def envelope(js: float) -> float:
    """The largest TV at a JS: of the symmetric pair."""
    return 1.0 if js >= 1 else solve(symmetric, js, 0.0, 1.0)


def kl_envelope(kl: float) -> float:
    """The largest TV at a KL, along the curve of Fedotov, Harremoes and Topsoe."""
    if kl > 25:
        return 1.0 - math.exp(-min(kl, 700.0))

    def curve(t: float) -> tuple[float, float]:
        slope = 1 / math.tanh(t) - 1 / t
        log_sinh = t + math.log1p(-math.exp(-2 * t)) - LN2
        return t / 2 * (1 - slope**2), math.log(t) - log_sinh + t / math.tanh(t) - (t / math.sinh(min(t, 300.0))) ** 2

    t = math.exp(solve(lambda s: curve(math.exp(s))[1], kl, math.log(1e-3), math.log(1e12)))
    return curve(t)[0]


def floor(m: float) -> float:
    """The smallest JS on a list that misses m: of (1, 0) against (1 - m, m)."""
    return bits(np.array([1.0, 0.0]), np.array([1 - m, m]))


def share_from_means(m: float, js: float) -> float:
    """The smallest f with f + (1-f) envelope(js/(1-f)) >= m: no larger share follows from two means."""
    if envelope(js) >= m:
        return 0.0
    return solve(lambda f: f + (1 - f) * envelope(min(1.0, js / (1 - f))), m, 0.0, 1.0 - 1e-15)


def log_tail(x: int, n: int, p: float) -> float:
    """The logarithm of Pr[Bin(n, p) >= x]."""
    ways = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
    term, total = 1.0, 0.0
    for i in range(x, n + 1):
        total += term
        term *= (n - i) / (i + 1) * p / (1 - p)
    return ways + x * math.log(p) + (n - x) * math.log1p(-p) + math.log(total)


@functools.cache
def cpl(x: int, n: int, error: float) -> float:
    if x == 0 or n == 0:
        return 0.0
    if x == n:
        return error ** (1 / n)
    return solve(lambda p: log_tail(x, n, p), math.log(error), 1e-15, 1 - 1e-15)


def betting(values: np.ndarray, error: float) -> float:
    x, target = [float(v) for v in np.clip(values, 0, 1)], math.log(1 / error)
    bets, total, squares = [], 0.5, 0.25
    for t, value in enumerate(x):
        bets.append(math.sqrt(2 * target / (len(x) * squares / (t + 1))))
        total += value
        squares += (value - total / (t + 2)) ** 2

    def capital(m: float) -> float:
        pairs = zip(bets, x, strict=True)
        return sum(math.log1p((min(bet, 0.5 / m) if m > 0 else bet) * (v - m)) for bet, v in pairs)

    if capital(0.0) < target:
        return 0.0
    return 1.0 if capital(1.0) >= target else solve(lambda m: -capital(m), -target, 0.0, 1.0)


def js_radius(a: float, b: float, rest: float) -> float:
    """The smallest JS at which ranks k and k+1 tie: minimise over their common share by ternary search."""

    def at(s: float) -> float:
        return bits(np.array([a, b, rest]), np.array([s, s, max(0.0, 1 - 2 * s)]))

    low, high = (0.5, 0.5) if rest == 0 else (b, min(a, 0.5))
    for _ in range(90):
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if at(one) < at(other) else (one, high)
    return at((low + high) / 2)


def printed(name: str, unit: str, js: float) -> float:
    """The four envelopes of F.6, with nats, bits or the third arithmetic put in."""
    j = {"nats": js * LN2, "bits": js}.get(unit, 0.0)
    literal = {"ps": j / LN2, "bh": 1 - math.exp(-2 * j / LN2), "js": 2 * j, "th": 4 * j / LN2}
    arithmetic = {"ps": js * LN2, "bh": 1 - 4**-js, "js": 2 * LN2 * js, "th": 8 * LN2 * js}
    return math.sqrt((arithmetic if unit == "printed" else literal)[name])
