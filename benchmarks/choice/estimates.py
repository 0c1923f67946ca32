"""Off-policy estimates beside the truth: logs of 12,000 decisions that a learner drew while it learned.

The target "oracle" is what the log covers well, "all a1" (the outliers' arm for everyone) what it hardly ever did.
Coverage is the share of runs whose 95 % interval held the truth; a run that the product refuses says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.choice import worlds
from benchmarks.choice.drive import Told, product
from benchmarks.choice.worlds import BATCH, Floats, World
from engine.learner import batch
from engine.offpolicy.estimators import ESTIMATORS, Case, Estimate, refusal
from engine.offpolicy.logged import Logged
from engine.offpolicy.outcome import crossfitted

DECISIONS, FLOOR = 12_000, 0.05
B = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One target and estimator: root mean squared error, coverage, runs that were not refused, effective decisions."""

    target: str
    estimator: str
    rmse: float
    coverage: float
    answered: float
    effective: float


def log_of(seed: int, kind: str = "thompson") -> tuple[World, Logged]:
    """Return a world and what a learner logged in it, every arm drawn with at least FLOOR / arms."""
    world = worlds.lin(seed, DECISIONS)
    player = product(kind, world)
    chance = np.random.default_rng((seed, 3))
    u, luck = chance.random(DECISIONS), chance.random(DECISIONS)
    given, taken = np.zeros_like(world.means), np.zeros(DECISIONS, dtype=np.int64)
    rewards = np.zeros(DECISIONS)
    for start in range(0, DECISIONS, BATCH):
        rows = slice(start, start + BATCH)
        pmf = (1 - FLOOR) * player.chances(world.lines[rows], world.eligible[rows]) + FLOOR / len(world.arms)
        given[rows], taken[rows] = pmf, batch.drawn(pmf, u[rows])
        at = np.arange(len(pmf))
        rewards[rows] = luck[rows] < world.means[rows][at, taken[rows]]
        player.learn(Told(world.lines[rows], taken[rows], rewards[rows], pmf[at, taken[rows]]))
    return world, Logged(world.arms, tuple(world.lines), np.arange(DECISIONS), given, taken, rewards)


def rows(seeds: range, done: Callable[[], None] = lambda: None) -> list[Row]:
    """Return every target and estimator over these seeds."""
    found: dict[str, list[tuple[float, bool, float, dict[str, Estimate]]]] = {"oracle": [], "all a1": []}
    for seed in seeds:
        world, log = log_of(seed)
        q = crossfitted(log, log.folds())
        for name, target in {
            "oracle": _always(world, world.best),
            "all a1": _always(world, np.full(DECISIONS, B)),
        }.items():
            case = Case(log, target, q)
            truth = float((target * world.means).sum(axis=1).mean())
            estimates = {one: estimator(case) for one, estimator in ESTIMATORS.items()}
            found[name].append((truth, not refusal(case), case.effective, estimates))
        done()
    return [_row(name, one, runs) for name, runs in found.items() for one in ESTIMATORS]


def _row(target: str, estimator: str, runs: list[tuple[float, bool, float, dict[str, Estimate]]]) -> Row:
    off = [made[estimator].value - truth for truth, _, _, made in runs]
    held = [made[estimator].span.low <= truth <= made[estimator].span.high for truth, _, _, made in runs]
    answered = float(np.mean([ok for _, ok, _, _ in runs]))
    effective = float(np.mean([n for _, _, n, _ in runs]))
    return Row(target, estimator, float(np.sqrt(np.mean(np.square(off)))), float(np.mean(held)), answered, effective)


def _always(world: World, arms: np.ndarray) -> Floats:
    target = np.zeros_like(world.means)
    target[np.arange(len(target)), arms] = 1.0
    return target


if __name__ == "__main__":
    for row in rows(range(10, 35)):
        print(row)
