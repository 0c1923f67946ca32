"""The invented people: what a shop can see of them, and what only the world knows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from engine.world.draws import Floats, Ints, chances, normals, picked
from engine.world.effects import ARMS, BASE, GROUPS, LOYAL_BONUS, expected

PLACES = (  # country, zone, locale, weight: 11 countries, 9 zones
    ("DE", "Europe/Berlin", "de", 22), ("AT", "Europe/Berlin", "de", 6), ("FR", "Europe/Paris", "fr", 20),
    ("BE", "Europe/Paris", "fr", 6), ("GB", "Europe/London", "en", 14), ("ES", "Europe/Madrid", "en", 7),
    ("IT", "Europe/Rome", "en", 7), ("US", "America/New_York", "en", 9), ("CA", "America/Toronto", "en", 4),
    ("IN", "Asia/Kolkata", "en", 3), ("AU", "Australia/Sydney", "en", 2),
)  # fmt: skip
NAMES = {
    "de": ("Lena", "Jonas", "Mia", "Paul", "Emma", "Felix", "Clara", "Lukas", "Greta", "Anton", "Frieda", "Emil"),
    "fr": ("Camille", "Louis", "Chloé", "Hugo", "Inès", "Jules", "Léa", "Arthur", "Zoé", "Maël", "Alice", "Gabin"),
    "en": ("Tom", "Ana", "Grace", "Noah", "Priya", "Marco", "Lucía", "Oliver", "Ruby", "Ethan", "Sofia", "Leo"),
}
MEDIAN_GAP, GAP_SPREAD = 48.0, 1.6  # days; seen through 18 months the median is about 32 (CDNOW: 34)
MEDIAN_BASKET, BASKET_SPREAD = 26.0, 0.803  # mean 35.9
ONCE = 0.505
HORIZON = 400  # days after the start for which orders are known
_EARLIEST = -540


@dataclass(frozen=True, slots=True)
class Person:
    """What the shop knows of one invented contact."""

    id: str
    attributes: Mapping[str, Any]
    addresses: Mapping[str, str]
    consents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Truth:
    """What only the world knows of a person."""

    group: str
    base: float
    loyal: bool
    night_owl: bool
    bounces: bool
    gateway: bool  # the mail server follows every link before the person does

    def expected(self, message: str, channel: str = "") -> float:
        """Return the expected orders of one decision, less the cost; "nothing" is a message too."""
        return expected(self.group, self.base, message, channel)

    def best_of(self, messages: tuple[str, ...] = ARMS) -> str:
        """Return the message that is really best for this person."""
        return max(messages, key=self.expected)


class People:
    """`count` people, the same ones for the same seed; arrays are indexed by person."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count
        self.who: Ints = np.arange(count, dtype=np.int64)
        self._see()
        self._hide()
        self.place = picked(self._u("place"), np.array([float(p[3]) for p in PLACES]))
        self.zones = tuple(ZoneInfo(PLACES[k][1]) for k in self.place)
        spending = BASKET_SPREAD * 0.4**0.5 * normals(seed, "spender", self.who)
        self.spender: Floats = np.asarray(np.exp(spending), np.float64)

    def _u(self, thing: str) -> Floats:
        return chances(self.seed, thing, self.who)

    def _see(self) -> None:
        """Draw the signals that a shop sees."""
        self.app = self._u("app") < 0.40
        self.taps = self.app & (self._u("taps") < 0.45)
        self.discount = _beta(self._u("discount"), 1.2, 4.0)
        self.purchases = _purchases(self.seed, self.who)
        self.orders_365d: Ints = np.array([((days >= -365) & (days < 0)).sum() for days in self.purchases], np.int64)

    def _hide(self) -> None:
        """Draw the hidden groups from the signals, with noise."""
        prefers_push = np.where(self.taps, 0.75, np.where(self.app, 0.08, 0.01))
        self.group: Ints = np.where(self._u("push people") < prefers_push, 1, 0)
        hunts = self._u("bargain") < np.where(self.discount > 0.5, 0.85, 0.012)
        self.group = np.where(hunts & (self.group == 0), 2, self.group)
        self.loyal = self.orders_365d >= 2
        self.base: Floats = np.where(self.loyal, BASE + LOYAL_BONUS, BASE)
        self.night_owl = self._u("owl") < 0.15
        self.bounces = self._u("bounces") < 0.008
        self.gateway = self._u("gateway") < 0.06

    def id_of(self, n: int) -> str:
        return f"c_{n + 1:04d}"

    def index(self, contact_id: str) -> int:
        """Return the number of a person; ValueError when it is not one of these people."""
        n = int(contact_id.removeprefix("c_")) - 1
        if not 0 <= n < self.count:
            raise ValueError(f"{contact_id} is not one of the {self.count} invented people")
        return n

    @cached_property
    def buyers(self) -> Mapping[int, Sequence[int]]:
        """Return who orders by themselves, by day from the start."""
        days: dict[int, list[int]] = defaultdict(list)
        for i, at in enumerate(self.purchases):
            for n in sorted({int(d // 1) for d in at}):
                days[n].append(i)
        return days

    @cached_property
    def all(self) -> tuple[Person, ...]:
        """Return everybody, ready to be stored."""
        names, silent = self._u("name"), self._u("promo") < 0.015
        return tuple(self._person(n, float(names[n]), promo=not silent[n]) for n in range(self.count))

    def _person(self, n: int, name: float, *, promo: bool) -> Person:
        country, zone, locale, _ = PLACES[self.place[n]]
        first, key = NAMES[locale][int(name * 12)], self.id_of(n)
        email = f"{_plain(first)}.{key.removeprefix('c_')}@people.test"
        attributes = {
            "email": email, "first_name": first, "locale": locale, "timezone": zone, "country": country,
            "tier": _tier(int(self.orders_365d[n])), "orders_365d": int(self.orders_365d[n]),
            "discount_share": round(float(self.discount[n]), 3), "taps_push": bool(self.taps[n]),
            "can_push": bool(self.app[n]), "open_ticket": False,
        }  # fmt: skip
        addresses = {"email": email} | ({"push": _subscription(key)} if self.app[n] else {})
        return Person(key, attributes, addresses, frozenset({"onboarding"} | ({"promo"} if promo else set())))

    def truth(self, contact_id: str) -> Truth:
        """Return what only the world knows."""
        n = self.index(contact_id)
        return Truth(
            GROUPS[self.group[n]], float(self.base[n]), bool(self.loyal[n]), bool(self.night_owl[n]),
            bool(self.bounces[n]), bool(self.gateway[n]),
        )  # fmt: skip

    def kind(self, contact_id: str) -> str:
        """Return what the shop itself could call this person, by the signals."""
        n = self.index(contact_id)
        if self.taps[n]:
            return "opens pushes"
        return "bargain hunters" if self.discount[n] > 0.5 else "everyone else"


def _tier(orders: int) -> str:
    return "gold" if orders >= 8 else ("silver" if orders >= 2 else "basic")


def _plain(name: str) -> str:
    return name.lower().translate(str.maketrans("éèëí", "eeei"))


def _subscription(key: str) -> str:
    return json.dumps({"endpoint": f"https://push.test/{key}", "keys": {"p256dh": "invented", "auth": "invented"}})


def _beta(u: Floats, a: float, b: float) -> Floats:
    """Return beta(a, b) numbers for uniform ones, by the inverse of a tabulated distribution."""
    grid = np.linspace(0, 1, 4001)
    middle = (grid[1:] + grid[:-1]) / 2
    mass = np.concatenate(([0.0], np.cumsum(middle ** (a - 1) * (1 - middle) ** (b - 1))))
    return np.asarray(np.interp(u, mass / mass[-1], grid), np.float64)


def _purchases(seed: int, who: Ints) -> tuple[Floats, ...]:
    """Return for each person the days of orders that no message caused, counted from the start."""
    once = chances(seed, "once", who) < ONCE
    at = np.where(once, _EARLIEST + chances(seed, "first", who) * (HORIZON + 90 - _EARLIEST), _EARLIEST - 360.0)
    rounds, n = [at], 0
    while (at[~once] < HORIZON).any():
        n += 1
        gap = MEDIAN_GAP * np.exp(GAP_SPREAD * normals(seed, "gap", who, n))
        at = np.where(once, np.inf, at + np.maximum(gap, 0.5))
        rounds.append(at)
    days = np.stack(rounds, axis=1)
    return tuple(row[(row >= _EARLIEST) & (row < HORIZON)] for row in days)
