"""Decisions and lessons a CPU second: 6 arms, 20 features of 4 levels; CPU time of one process, best of three."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.core.chance import draw
from engine.learner import batch
from engine.learner.models import Example, Model, new_model

FEATURES, STEPS, ARMS = 20, 4, {f"a{k}": f"m=a{k} ch={'email' if k % 2 else 'push'}" for k in range(6)}
TAUGHT, MORE, DECIDED = 20_000, 10_000, 60_000


def figures() -> dict[str, dict[str, int]]:
    """Return rates by model; the model has learned TAUGHT examples and knows the people's lines."""
    return {kind: _of(kind) for kind in ("vw", "thompson")}


def _of(kind: str) -> dict[str, int]:
    chance = np.random.default_rng(7)
    lines = _lines(chance, DECIDED)
    model = new_model(kind, {"scale": 1.0})
    model.learn(_examples(chance, lines, TAUGHT))
    more = _examples(chance, lines, MORE)
    eligible, u = np.ones((DECIDED, len(ARMS)), dtype=bool), chance.random(DECIDED)
    model.numbers(lines, list(ARMS.values()))
    return {
        "decided": _rate(DECIDED, lambda: _decided(model, lines, eligible, u)),
        "logged": _rate(DECIDED, lambda: _logged(model, lines, eligible)),
        "learned": _rate(MORE, lambda: model.learn(more)),
    }


def _lines(chance: np.random.Generator, count: int) -> list[str]:
    rows = chance.integers(STEPS, size=(count, FEATURES)).tolist()
    return [" ".join(f"f{at}=v{level}" for at, level in enumerate(row)) for row in rows]


def _examples(chance: np.random.Generator, lines: list[str], count: int) -> list[Example]:
    arms = list(ARMS.values())
    picked = chance.integers(len(lines), size=count)
    return [Example(lines[at], arms[int(chance.integers(6))], float(chance.random() < 0.08), 1 / 6) for at in picked]


def _decided(model: Model, lines: list[str], eligible: Any, u: Any) -> Any:
    return batch.drawn(batch.chances(model, lines, ARMS, eligible, 0.005), u)


def _logged(model: Model, lines: list[str], eligible: Any) -> list[tuple[Any, ...]]:
    """Return rows as they are logged: key, arms, chances, drawn arm, its chance, u, policy, features."""
    keys = [f"run-{at:06d}" for at in range(len(lines))]
    u = np.array([draw("seed", key) for key in keys])
    chances = batch.chances(model, lines, ARMS, eligible, 0.005)
    arms = batch.drawn(chances, u)
    names, policy, shares = list(ARMS), f"{model.kind}@1", chances[np.arange(len(arms)), arms].tolist()
    drawn = [names[at] for at in arms.tolist()]
    return list(zip(keys, [names] * len(keys), chances.tolist(), drawn, shares, u.tolist(), [policy] * len(keys), lines,
                    strict=True))  # fmt: skip


def _rate(count: int, work: Callable[[], Any]) -> int:
    spent = []
    for _ in range(3):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return round(count / min(spent))
