"""Promotion's bound: it finds a challenger that is better, and says nothing where the log cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from engine.comparing import contrast
from engine.store.shadows import Compared

ARMS = ("a", "b")
FEATURES = {"a": "m=a", "b": "m=b"}


def logged(count, better, seed=1):
    """Return decisions of an incumbent that draws evenly; arm b earns in 30 %, a in 10 %; the challenger prefers."""
    chance = Random(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(count):
        arm = chance.choice(ARMS)
        reward = float(chance.random() < (0.3 if arm == "b" else 0.1))
        shadow = (0.1, 0.9) if better else (0.9, 0.1)
        who = f"p{chance.randrange(count // 2)}"
        yield Compared(
            f"k{n}", who, start + timedelta(hours=n), "x=1", ARMS, (0.5, 0.5), arm, (0.5, 0.5), shadow, reward
        )


def test_a_challenger_that_prefers_the_better_arm_is_found_to_be_better():
    found = contrast(list(logged(2000, better=True)), FEATURES)
    assert found.better
    assert found.low < 0.08 < found.high  # the truth: (0.9 - 0.5) x (0.3 - 0.1)
    assert found.decisions == 2000


def test_one_that_prefers_the_worse_arm_is_not():
    found = contrast(list(logged(2000, better=False)), FEATURES)
    assert found.worse
    assert not found.better


def test_where_the_log_is_small_nothing_is_said():
    found = contrast(list(logged(100, better=True)), FEATURES)
    assert "200 are needed" in found.refusal
    assert not found.better
    assert not contrast([], FEATURES).better


def test_the_bound_holds_about_as_often_as_it_says():
    misses = sum(contrast(list(logged(600, better=True, seed=seed)), FEATURES).low > 0.08 for seed in range(60))
    assert misses <= 8  # 5 % of 60, and chance
