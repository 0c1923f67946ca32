"""An invented shop: 400 people with a taste for one of four families, 12 products, half a year."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.audience.arrays import DAY, Arrays, Rows, assemble, with_affinities

PEOPLE, PRODUCTS, FAMILIES, DAYS = 400, 12, 4, 180
END = 30_000_000  # minutes
NAMES = ("trail shoe", "road shoe", "shoe lace", "tea pot", "tea cup", "tea tray", "red bag", "blue bag", "big bag",
         "jam jar", "jam spoon", "jam label")  # fmt: skip


def rows(seed: int = 0) -> tuple[list[str], dict[str, Any], Rows, Rows]:
    """Return people, products, lines and visits."""
    chance = np.random.default_rng(seed)
    ids = [f"p{n:03d}" for n in range(PEOPLE)]
    products = {
        f"s{n:02d}": {"name": NAMES[n], "family": f"f{n // 3}", "department": f"d{n // 6}"} for n in range(PRODUCTS)
    }
    counts = chance.poisson(chance.gamma(1.0, 12.0, PEOPLE)) + 1
    who = np.repeat(np.arange(PEOPLE, dtype=np.int32), counts)
    minute = (END - chance.integers(1, DAYS * DAY, len(who))).astype(np.int32)
    home = (np.arange(PEOPLE) % FAMILIES)[who]
    family = np.where(chance.random(len(who)) < 0.75, home, chance.integers(0, FAMILIES, len(who)))
    what = (family * 3 + chance.integers(0, 3, len(who))).astype(np.int32)
    money = chance.gamma(2, 10, len(who)).astype(np.float32)
    return ids, products, Rows(who, minute, money, what), Rows(who, minute, money)


def shop(minute: int = END) -> Arrays:
    """Return the arrays as they would have been made at `minute`."""
    ids, products, lines, visits = rows()
    then = lines.minute < minute
    assert lines.what is not None
    cut = Rows(lines.who[then], lines.minute[then], lines.money[then], lines.what[then])
    seen = Rows(visits.who[then], visits.minute[then], visits.money[then])
    return Arrays(version=f"at {minute}", **with_affinities(assemble(ids, products, cut, seen, minute)))
