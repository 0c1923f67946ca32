"""What people do by themselves on one day: carts and what becomes of them, orders, visits, sign-ups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np

from engine.world.draws import Floats, Ints, chance, chances, normals, picked
from engine.world.people import BASKET_SPREAD, MEDIAN_BASKET, People

CARTS_PER_DAY = 1.2 / 30
CART_WINDOW = timedelta(hours=72)
LATE, TWICE = 0.02, 0.01
_HOURS = np.array([1, 1, 0.5, 0.5, 0.5, 1, 2, 3, 4, 4, 4, 4, 5, 5, 4, 4, 4, 5, 6, 8, 9, 8, 5, 2], float)
_OWL_HOURS = np.array([8, 7, 5, 3, 1, 0.5, 0.5, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 4, 5, 6, 8, 9], float)


class Happening(NamedTuple):
    """Something a person did. `heard_at` is when the shop hears of it; `key` names the message it answers."""

    contact_id: str
    name: str
    at: datetime
    data: dict[str, Any]
    id: str
    heard_at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Cart:
    """A basket left behind. `u` decides once what becomes of it, whatever messages follow."""

    id: str
    who: int
    at: datetime
    value: float
    items: int
    u: float


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that begins on one local day."""

    carts: dict[int, Cart]
    happenings: tuple[Happening, ...]


def day(people: People, start: date, n: int) -> Day:
    """Return what the people begin by themselves on the n-th day after `start`."""
    carts = carts_on(people, start, n)
    found = [*_of_carts(people, carts), *_orders(people, start, n), *_visits(people, start, n)]
    heard = [_heard(people.seed, h) for h in found]
    return Day(carts, tuple(heard) + tuple(_again(people.seed, heard)))


def stamp_of(start: date, n: int) -> str:
    """Return the n-th day as it stands in ids."""
    return f"{start + timedelta(days=n):%y%m%d}"


def carters(people: People, n: int) -> Ints:
    """Return who leaves a cart on the n-th day."""
    return people.who[chances(people.seed, "cart", people.who, n) < CARTS_PER_DAY]


def carts_on(people: People, start: date, n: int) -> dict[int, Cart]:
    """Return the carts of the n-th day by person."""
    who, seed = carters(people, n), people.seed
    noise = normals(seed, "basket", who, n) * math.sqrt(0.6) * BASKET_SPREAD
    values = MEDIAN_BASKET * people.spender[who] * np.exp(noise)
    times = local_times(people, who, start + timedelta(days=n), chances(seed, "cart time", who, n))
    stamp = stamp_of(start, n)
    us, items = chances(seed, "outcome", who, n), chances(seed, "items", who, n)
    return {
        int(i): Cart(f"A{i + 1}-{stamp}", int(i), at, round(float(v), 2), 1 + int(6 * k**3), float(u))
        for i, at, v, k, u in zip(who, times, values, items, us, strict=True)
    }


def local_times(people: People, who: Ints, on: date, u: Floats) -> list[datetime]:
    """Return an instant per person on a local day; night owls come at night."""
    hours = np.where(people.night_owl[who], picked(u, _OWL_HOURS), picked(u, _HOURS))
    rest = (u * 1e6) % 1 * 3600
    midnight = datetime.combine(on, time())
    return [
        (midnight + timedelta(hours=int(h), seconds=int(s))).replace(tzinfo=people.zones[i]).astimezone(UTC)
        for i, h, s in zip(who, hours, rest, strict=True)
    ]


def delay(u: float, mean: float, most: float) -> timedelta:
    """Return an exponential delay in hours, cut off at `most`."""
    return timedelta(hours=-mean * math.log1p(-u * (1 - math.exp(-most / mean))))


def order_of(people: People, cart: Cart, at: datetime, paid: float = 1.0) -> Happening:
    """Return the order that a cart becomes; its id is the cart's, so a cart is ordered once."""
    total = round(cart.value * paid, 2)
    data = {"order_id": f"O-{cart.id}", "total": total}
    return Happening(people.id_of(cart.who), "order_placed", at, data, f"order:{cart.id}", at)


def _of_carts(people: People, carts: dict[int, Cart]) -> Iterator[Happening]:
    for i, cart in carts.items():
        who = people.id_of(i)
        data = {"cart_id": cart.id, "value": cart.value, "items_count": cart.items}
        yield Happening(who, "cart_abandoned", cart.at, data, f"cart:{cart.id}", cart.at)
        back, minutes = chance(people.seed, "back", cart.id), timedelta(minutes=5)
        named = {"cart_id": cart.id}
        if back < 0.09:
            at = cart.at + minutes + timedelta(minutes=400 * back)
            yield Happening(who, "checkout_started", at, named, f"checkout:{cart.id}", at)
        elif back > 0.97 and cart.u > 0.25:  # would not have ordered, whatever we write
            at = cart.at + delay(back * 31 % 1, 6, 40) + minutes
            yield Happening(who, "cart_emptied", at, named, f"emptied:{cart.id}", at)
        if cart.u < people.base[i]:
            yield order_of(
                people, cart, cart.at + timedelta(hours=1) + delay(chance(people.seed, "own", cart.id), 10, 46)
            )


def _orders(people: People, start: date, n: int) -> Iterator[Happening]:
    """Yield orders that nothing of ours caused; none in the days after a cart, which is decided by itself."""
    busy = {int(i) for back in range(4) for i in carters(people, n - back)}
    calm = np.array([i for i in people.buyers.get(n, ()) if i not in busy], np.int64)
    yield from orders_on(people, start, n, calm)


def orders_on(people: People, start: date, n: int, who: Ints) -> Iterator[Happening]:
    """Yield one order per given person on the n-th day."""
    noise = normals(people.seed, "order basket", who, n) * math.sqrt(0.6) * BASKET_SPREAD
    totals = MEDIAN_BASKET * people.spender[who] * np.exp(noise)
    times = local_times(people, who, start + timedelta(days=n), chances(people.seed, "order time", who, n))
    for i, at, total in zip(who, times, totals, strict=True):
        key = f"B{i + 1}-{stamp_of(start, n)}"
        data = {"order_id": f"O-{key}", "total": round(float(total), 2)}
        yield Happening(people.id_of(int(i)), "order_placed", at, data, f"order:{key}", at)


def _visits(people: People, start: date, n: int) -> Iterator[Happening]:
    often = np.where(people.taps, 0.06, np.where(people.app, 0.02, 0.0))
    opened = people.who[chances(people.seed, "app", people.who, n) < often]
    joined = people.who[np.floor(-365 + 455 * chances(people.seed, "joined", people.who)) == n]
    for name, who, data in (("app_opened", opened, {}), ("signed_up", joined, {"source": "web"})):
        times = local_times(people, who, start + timedelta(days=n), chances(people.seed, name, who, n))
        for i, at in zip(who, times, strict=True):
            yield Happening(people.id_of(int(i)), name, at, dict(data), f"{name}:{i + 1}-{stamp_of(start, n)}", at)


def _heard(seed: int, h: Happening) -> Happening:
    """Let some events arrive hours late."""
    u = chance(seed, "late", h.id)
    return h if u >= LATE else h._replace(heard_at=h.at + timedelta(hours=0.5 + 11 * u / LATE))


def _again(seed: int, heard: list[Happening]) -> Iterator[Happening]:
    """Let some events arrive twice, with the same id."""
    for h in heard:
        u = chance(seed, "twice", h.id)
        if u < TWICE:
            yield h._replace(heard_at=h.heard_at + timedelta(minutes=1 + 120 * u / TWICE))
