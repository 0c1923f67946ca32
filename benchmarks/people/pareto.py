"""Pareto/NBD (Schmittlein, Morrison and Colombo 1987; as Fader and Hardie 2005 write it): the judge of BG/NBD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import gammaln, hyp2f1

from engine.audience.value import Floats, History


@dataclass(frozen=True, slots=True)
class Pareto:
    """Rates of buying are gamma(r, alpha), rates of leaving gamma(s, beta)."""

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float = 0.0

    def alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        r, s = self.r, self.s
        odds = np.log(s / (r + s + x)) + (r + x) * np.log(self.alpha + T) + s * np.log(self.beta + T)
        return np.asarray(1.0 / (1.0 + np.exp(odds + _log_a0((r, self.alpha, s, self.beta), x, t_x, T))))

    def expected(self, weeks: float, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        rate = (r + x) * (beta + T) / ((alpha + T) * (s - 1))
        return np.asarray(
            rate * (1 - ((beta + T) / (beta + T + weeks)) ** (s - 1)) * self.alive(x, t_x, T)
        )  # fmt: skip

    def of_new(self, weeks: float) -> float:
        """Return how many orders somebody places in the `weeks` after the first."""
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        return r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + weeks)) ** (s - 1))


def fit(seen: History) -> Pareto:
    total = float(seen.people.sum())

    def loss(logs: Floats) -> float:
        r, alpha, s, beta = np.exp(logs)
        x, T = seen.x, seen.T  # noqa: N806
        first = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        stays = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
        leaves = np.log(s / (r + s + x)) + _log_a0((r, alpha, s, beta), x, seen.t_x, T)
        return -float(seen.people @ (first + np.logaddexp(stays, leaves))) / total

    near = optimize.minimize(loss, np.log([0.5, 10.0, 0.6, 11.0]), method="L-BFGS-B")
    found = optimize.minimize(loss, near.x, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12})
    return Pareto(*map(float, np.exp(found.x)), log_likelihood=-float(found.fun) * total)


def _log_a0(params: tuple[float, float, float, float], x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
    r, alpha, s, beta = params
    top, second, power = max(alpha, beta), (s + 1 if alpha >= beta else r + x), r + s + x
    gap = abs(alpha - beta)

    def term(t: Floats) -> Floats:
        return np.log(hyp2f1(power, second, power + 1, gap / (top + t))) - power * np.log(top + t)

    early, late = term(t_x), term(T)
    return np.asarray(early + np.log(-np.expm1(np.minimum(late - early, -1e-300))))
