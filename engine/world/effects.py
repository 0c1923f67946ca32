"""What a message does to a person: the chance of an order in 48 hours, by hidden group and kind of message.

| points more than nothing      | plain | social | offer10 | push |
|-------------------------------|-------|--------|---------|------|
| majority (77 %)               |  2.0  |  4.0   |   3.0   |  0.5 |
| app people (16 %)             |  0.5  |  1.0   |   0.5   |  8.5 |
| bargain hunters (7 %)         |  1.0  |  1.5   |  11.0   |  0.0 |

Nothing: 5 %, and 3 points more for loyal people. An offer costs 10 % of the margin. The four cart messages are the
columns themselves; any other message is read by its name and channel and has half that effect, a last reminder a
quarter.
"""

from __future__ import annotations

from functools import cache

import numpy as np

GROUPS = ("majority", "app", "bargain")
ARMS = ("nothing", "plain", "social", "offer10", "push")
LIFTS = np.array(
    [
        [0.0, 0.020, 0.040, 0.030, 0.005],
        [0.0, 0.005, 0.010, 0.005, 0.085],
        [0.0, 0.010, 0.015, 0.110, 0.000],
    ]
)
COSTS = dict(zip(ARMS, (0.0, 0.0, 0.0, 0.10, 0.0), strict=True))
BASE, LOYAL_BONUS = 0.05, 0.03
CLICKS_PER_ORDER, LEAST_CLICKS = 4.0, 0.01

_TABLE = {"cart_plain": "plain", "cart_social": "social", "cart_offer10": "offer10", "cart_nudge": "push"}
_OFFERS, _SOCIALS = ("offer", "gift", "deal", "discount", "coupon"), ("social", "bestseller", "story", "review")


@cache
def kind_of(message: str, channel: str = "") -> tuple[str, float]:
    """Return the column of the table that a message is read as, and the share of its effect."""
    name = message.rsplit("/", 1)[-1]
    if message in ("", "nothing") or name in ARMS:
        return (name or "nothing"), 1.0
    if name in _TABLE:
        return _TABLE[name], 1.0
    scale = 0.25 if "last" in name.split("_") else 0.5
    if any(word in name for word in _OFFERS):
        return "offer10", scale
    if (channel or message.split("/", maxsplit=1)[0]) == "push":
        return "push", scale
    return ("social" if any(word in name for word in _SOCIALS) else "plain"), scale


@cache
def lift(group: str, message: str, channel: str = "") -> float:
    """Return how much more likely an order becomes for someone of this group."""
    kind, scale = kind_of(message, channel)
    return float(LIFTS[GROUPS.index(group), ARMS.index(kind)]) * scale


@cache
def click_chance(group: str, message: str, channel: str = "") -> float:
    """Return the chance of a human click within some days."""
    return min(0.6, max(LEAST_CLICKS, CLICKS_PER_ORDER * lift(group, message, channel)))


def expected(group: str, base: float, message: str, channel: str = "") -> float:
    """Return the expected orders of one decision, less the cost of the message."""
    return (base + lift(group, message, channel)) * (1 - COSTS[kind_of(message, channel)[0]])
