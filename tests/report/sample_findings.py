"""A month of an abandoned-cart journey in numbers, as a test needs it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from engine.report.findings import (
    ArmDay,
    ArmRow,
    DailyCount,
    DoseCount,
    Findings,
    GroupCount,
    HeatRow,
    MessageRow,
    Meta,
    ReasonCount,
    StateCount,
    World,
)

ARMS = ("email/cart_plain", "email/cart_social", "email/cart_offer10", "push/cart_nudge", "nothing")
META = Meta(
    project="acme-shop", journey="cart_recovery", goal="order_placed within 72h", version="v4", program="0.1.0",
    since=datetime(2025, 9, 14, tzinfo=UTC), until=datetime(2025, 10, 13, tzinfo=UTC),
    made_at=datetime(2025, 10, 14, 16, 2, tzinfo=UTC), invented=True, seed=7, single_best="email/cart_social",
    planned=3535,
)  # fmt: skip


def _daily() -> tuple[DailyCount, ...]:
    random = np.random.default_rng(3)
    made = []
    for group, mean, start, end in (
        ("learner", 122, 0.09, 0.1),
        ("baseline", 41, 0.13, 0.094),
        ("holdout", 41, 0.07, 0.058),
    ):
        entries = random.poisson(mean, 30)
        goals = random.binomial(entries, np.linspace(start, end, 30))
        made.append(DailyCount(group, tuple(map(int, entries)), tuple(map(int, goals))))
    return tuple(made)


def _arm_days() -> tuple[ArmDay, ...]:
    start, end = np.full(5, 0.2), np.array([0.08, 0.55, 0.15, 0.18, 0.04])
    days = []
    for day in range(1, 31):
        late = min(1.0, max(0, day - 3) / 12)
        wave = 0.02 * np.sin(day * np.array([1.0, 0.7, 1.3, 0.9, 1.7]))
        shares = np.maximum(0.01, (1 - late) * start + late * end + wave * late)
        parts = dict(zip(ARMS, (float(s) for s in shares / shares.sum()), strict=True))
        days.append(ArmDay(day, 118 + day % 7, parts, warmup=day <= 3))
    return tuple(days)


def _heat(*shares: float) -> dict[str, float]:
    return dict(zip(ARMS, (s / sum(shares) for s in shares), strict=True))


SAMPLE = Findings(
    meta=META,
    groups=(
        GroupCount("learner", 2118, 347, 0.6, 2161),
        GroupCount("baseline", 716, 111, 0.2, 731),
        GroupCount("holdout", 701, 77, 0.2, 718),
    ),
    outliers=(GroupCount("learner", 551, 87, 0.6), GroupCount("baseline", 190, 20, 0.2)),
    others=(GroupCount("learner", 1567, 260, 0.6), GroupCount("baseline", 526, 91, 0.2)),
    daily=_daily(),
    messages=(
        MessageRow("email/cart_social", "email", 3133, 3099, 212, 34, 311, 4, 1, 18040),
        MessageRow("email/cart_offer10", "email", 658, 649, 61, 7, 64, 1, 0, 3190),
        MessageRow("push/cart_nudge", "push", 656, 617, 83, 0, 76, 0, 0, 4420),
        MessageRow("email/cart_plain", "email", 318, 314, 17, 4, 31, 1, 0, 1810),
    ),
    arms=(
        ArmRow("email/cart_social", 1886, 194), ArmRow("push/cart_nudge", 656, 76),
        ArmRow("email/cart_offer10", 658, 64),
        ArmRow("email/cart_plain", 318, 31), ArmRow("nothing", 117, 3),
    ),
    arm_days=_arm_days(),
    heat=(
        HeatRow("everyone else", 902, _heat(8, 80, 8, 2, 3), "email/cart_social"),
        HeatRow("opens pushes", 219, _heat(3, 1, 1, 89, 5), "push/cart_nudge"),
        HeatRow("bargain hunters", 87, _heat(5, 7, 82, 6, 1), "email/cart_offer10"),
    ),
    states=(
        StateCount("cool_off", "wait", 6091, 23), StateCount("paying", "wait", 541, 4),
        StateCount("route", "branch", 5904),
        StateCount("concierge", "send", 366), StateCount("recover", "choose", 4882, 61),
        StateCount("breathe", "wait", 4990, 283), StateCount("tone_test", "split", 2790),
        StateCount("short_note", "send", 1402), StateCount("long_note", "send", 1388),
    ),
    reasons=(
        ReasonCount("email 1/day", 901, 211, 92), ReasonCount("promo 3/7d", 120, 44, 324),
        ReasonCount("quiet hours", 388, 0, 0), ReasonCount("no consent", 0, 0, 41),
    ),
    pressure=(14210, 4301, 1290, 402, 141, 38, 12, 4, 2),
    doses=(DoseCount(0, 2904, 3), DoseCount(1, 1310, 3), DoseCount(2, 402, 2), DoseCount(3, 149, 1)),
    messaged=3402, unsubscribed=7, complained=1, entries=6091,
    world=World(0.70, 0.125, 0.076, 0.093, 0.098),
)  # fmt: skip
