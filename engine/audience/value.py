"""How often people will buy, whether they still do, and what an order will bring. Pure arrays in, arrays out.

BG/NBD: Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005).
Gamma-Gamma: Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).

Rules
- Time is in weeks. x: repeat orders; t_x: from the first to the last order; T: from the first order until now.
- People with the same (x, t_x, T) are one row with a weight: a million of them are some thousand rows.
- Likelihoods are per person and in logarithms of the parameters, so that no step leaves where they mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.audience.extra import taken_up

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WHAT = "lifetime value"
OUTER = 9.0  # logarithm beyond which no parameter goes
ALIKE = np.log(50.0)
"""Logarithm beyond which a and b do not go: there all people leave alike, more says nothing, and the sums run over."""
LEAST_CUSTOMERS, LEAST_REPEATERS = 100, 30
"""With fewer nobody can tell yet."""


@dataclass(frozen=True, slots=True)
class History:
    """Distinct histories: x, t_x, T in weeks, and how many people have each; `of` says which one each person has."""

    x: Floats
    t_x: Floats
    T: Floats
    people: Floats
    of: Ints


def histories(x: Ints, last: Ints, age: Ints) -> History:
    """Return the distinct ones of (repeat orders, days from first to last order, days from first order until now)."""
    key = (x.astype(np.int64) << 36) | (last.astype(np.int64) << 18) | age.astype(np.int64)
    found, of, people = np.unique(key, return_inverse=True, return_counts=True)
    days = (1 << 18) - 1
    return History(
        (found >> 36).astype(np.float64), ((found >> 18) & days) / 7.0, (found & days) / 7.0,
        people.astype(np.float64), of.astype(np.int64),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Purchases:
    """A fitted BG/NBD: rates of buying are gamma(r, alpha), chances to leave after an order beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = 0.0
    customers: int = 0

    def alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803 - as the papers write it
        """Return the chance that each still buys. Who never came back has had no order after which to leave: 1."""
        return np.asarray(1.0 / (1.0 + self._left(x, t_x, T)))

    def expected(self, weeks: float, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return how many orders each will place in the next `weeks`.

        With Euler's transformation of the paper's 2F1, which keeps large x from running over.
        """
        a = self._a
        z = weeks / (self.alpha + T + weeks)
        series = _special().hyp2f1(a + self.b - 1.0 - self.r, a - 1.0, a + self.b + x - 1.0, z)
        bought = (a + self.b + x - 1.0) / (a - 1.0) * (1.0 - (1.0 - z) ** (a - 1.0) * series)
        return np.asarray(np.maximum(bought, 0.0) * self.alive(x, t_x, T))

    def of_new(self, weeks: float) -> float:
        """Return how many orders somebody places in the `weeks` after the first."""
        none = np.zeros(1)
        return float(self.expected(weeks, none, none, none)[0])

    def _left(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the odds that each has left."""
        ratio = (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        odds = self.a / np.maximum(self.b + x - 1.0, 1e-9) * np.exp(np.minimum(ratio, 700.0))
        return np.asarray(np.where(x > 0, odds, 0.0))

    @property
    def _a(self) -> float:
        """Return a, kept off 1, where the formula is a limit."""
        return self.a if abs(self.a - 1.0) > 1e-6 else 1.0 + 1e-6


def fit_purchases(seen: History) -> Purchases:
    """Return the BG/NBD of these histories, by maximum likelihood."""
    total = float(seen.people.sum())
    scale = max(float((seen.people * seen.T).sum()) / total, 1e-3)

    def loss(params: Floats) -> tuple[float, Floats]:
        likely, slope = _purchases(params, seen)
        return -likely / total, -slope / total

    params, lowest = _lowest(loss, np.log([0.5, scale / 4, 0.8, 2.5]), (OUTER, OUTER, ALIKE, ALIKE))
    r, alpha, a, b = params.tolist()
    return Purchases(r, alpha, a, b, -lowest * total, int(total))


def _purchases(p: Floats, seen: History) -> tuple[float, Floats]:
    """Return the log-likelihood of (r, alpha, a, b) and its slope."""
    r, alpha, a, b = p
    gammaln, psi, x = _special().gammaln, _special().psi, seen.x
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    common += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    stays = -(r + x) * np.log(alpha + seen.T)
    before = b + np.maximum(x, 1.0) - 1.0
    leaves = np.log(a) - np.log(before) - (r + x) * np.log(alpha + seen.t_x)
    either = np.where(x > 0, np.logaddexp(stays, leaves), stays)
    left = np.where(x > 0, np.exp(leaves - either), 0.0)
    ends = psi(a + b) - psi(a + b + x)
    slope = np.stack([
        psi(r + x) - psi(r) + np.log(alpha) - (1 - left) * np.log(alpha + seen.T) - left * np.log(alpha + seen.t_x),
        r / alpha - (r + x) * ((1 - left) / (alpha + seen.T) + left / (alpha + seen.t_x)),
        ends + left / a,
        ends + psi(b + x) - psi(b) - left / before,
    ])  # fmt: skip
    return float(seen.people @ (common + either)), slope @ seen.people


@dataclass(frozen=True, slots=True)
class Spending:
    """A fitted Gamma-Gamma: an order's money is gamma(p, v), v differs between people as gamma(q, gamma)."""

    p: float
    q: float
    gamma: float
    log_likelihood: float = 0.0
    customers: int = 0

    def expected(self, orders: Floats, mean: Floats) -> Floats:
        """Return the money that an order of each will bring: what they spent, drawn towards what people spend."""
        weight = self.p * orders + self.q - 1.0
        return np.asarray(self.p * (self.gamma + orders * mean) / np.maximum(weight, 1e-9))


def fit_spending(orders: Floats, mean: Floats) -> Spending:
    """Return the Gamma-Gamma of people with these numbers of orders and mean money of one; both above 0."""
    many = len(orders)

    def loss(params: Floats) -> tuple[float, Floats]:
        likely, slope = _spending(params, orders, mean)
        return -likely / many, -slope / many

    params, lowest = _lowest(loss, np.log([4.0, 4.0, 3.0 * max(float(mean.mean()), 1e-6)]), (OUTER, OUTER, 2 * OUTER))
    p, q, gamma = params.tolist()
    return Spending(p, q, gamma, -lowest * many, many)


def _spending(params: Floats, x: Floats, z: Floats) -> tuple[float, Floats]:
    """Return the log-likelihood of (p, q, gamma) and its slope."""
    p, q, gamma = params
    gammaln, psi = _special().gammaln, _special().psi
    money, whole = np.log(z * x), np.log(gamma + x * z)
    likely = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
    likely += p * x * money - np.log(z) - (p * x + q) * whole
    both = psi(p * x + q)
    slope = np.array([
        (x * (both - psi(p * x) + money - whole)).sum(),
        (both - psi(q) + np.log(gamma) - whole).sum(),
        (q / gamma - (p * x + q) / (gamma + x * z)).sum(),
    ])  # fmt: skip
    return float(likely.sum()), slope


def _lowest(loss: Any, start: Floats, outer: tuple[float, ...]) -> tuple[Floats, float]:
    """Return where `loss` (and slope) of parameters above 0 is lowest, and how low; `outer`: how far logarithms go."""

    def in_logs(logs: Floats) -> tuple[float, Floats]:
        params = np.exp(logs)
        value, slope = loss(params)
        return value, slope * params

    found = _optimize().minimize(
        in_logs, start, jac=True, method="L-BFGS-B", bounds=[(-OUTER, most) for most in outer],
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )  # fmt: skip
    return np.exp(found.x), float(found.fun)


@cache
def _special() -> Any:
    return taken_up("scipy.special", WHAT)


@cache
def _optimize() -> Any:
    return taken_up("scipy.optimize", WHAT)
