"""What people spend is compared per contact: no single order decides, and habits are allowed for."""

from __future__ import annotations

import numpy as np
import pytest

from engine.report.money import Spent, gaps, spent_rows

GROUPS = ("learner", "baseline", "holdout")


def people(seed: int, n: int, lift: float = 0.0, habit: float = 0.0) -> list[Spent]:
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        group = "holdout" if k % 4 == 0 else "learner"
        before = float(rng.gamma(1.0, 30.0))
        after = habit * before + float(rng.gamma(1.0, 20.0)) + (lift if group == "learner" else 0.0)
        found.append(Spent(group, after, before))
    return found


def test_means_are_per_contact_raw_and_with_the_largest_cut_off() -> None:
    rows = spent_rows([*(Spent("learner", 10.0, 0.0) for _ in range(999)), Spent("learner", 100_000.0, 0.0)], GROUPS)
    assert [(row.group, row.contacts) for row in rows] == [("learner", 1000)]
    assert rows[0].mean == pytest.approx(109.99)
    assert rows[0].winsorised == pytest.approx(10.0)


def test_the_adjustment_keeps_the_difference_and_narrows_the_interval_where_habits_last() -> None:
    [gap] = gaps(people(1, 4000, lift=6.0, habit=0.8), "learner", GROUPS[1:], None)
    assert gap.control == "holdout"
    assert gap.now.low < 6.0 < gap.now.high
    assert gap.now.high - gap.now.low < 0.8 * (gap.winsorised.high - gap.winsorised.low)
    assert gap.explained > 0.4
    assert gap.any_day.high - gap.any_day.low > gap.now.high - gap.now.low


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = sum(
        gap.now.low <= 0.0 <= gap.now.high
        for seed in range(200)
        for gap in gaps(people(seed, 800, habit=0.5), "learner", GROUPS[1:], None)
    )
    assert held >= 184  # 95 % of 200, less three standard deviations


def test_small_groups_are_not_compared_and_nobody_who_spent_nothing_at_all() -> None:
    assert gaps(people(2, 200), "learner", GROUPS[1:], None) == ()
    assert gaps([Spent("learner", 0.0, 5.0)] * 500, "learner", GROUPS[1:], None) == ()
    assert spent_rows([Spent("learner", 0.0, 5.0)] * 500, GROUPS) == ()
