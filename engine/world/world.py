"""The world as a simulation asks it: what happens by itself, and what our messages cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import numpy as np

from engine.world.behaviour import CART_WINDOW, Cart, Day, Happening, day, delay, order_of, orders_on
from engine.world.draws import chance
from engine.world.effects import COSTS, GROUPS, click_chance, kind_of, lift
from engine.world.people import People, Truth

WEEK = timedelta(days=7)
_SLOT = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sent(NamedTuple):
    """A message that was handed over."""

    key: str
    contact_id: str
    message: str
    channel: str
    at: datetime
    journey: str = ""
    state: str = ""


class World:
    """An invented shop from `start_at` on (the first instant of history and simulation together).

    Carts are decided once, by a number drawn with the cart: an order comes by itself (in `happenings`) when it
    lies below the person's own chance, and through a message (in `reactions`) when it lies below that chance plus
    the message's lift. So people who hear nothing need no question, and one cart becomes at most one order.
    `reactions` has to be told of every message, in any order; it counts them for the chance to unsubscribe.
    """

    def __init__(self, seed: int, count: int, start_at: datetime) -> None:
        self.seed, self.start_at = seed, start_at
        self.people = People(seed, count)
        self._days: dict[int, Day] = {}
        self._slots: dict[int, list[Happening]] = defaultdict(list)
        self._heard: dict[int, list[datetime]] = defaultdict(list)

    @property
    def heard(self) -> dict[int, list[datetime]]:
        """Return when each person was written to: all that a world remembers, to go on in another one."""
        return dict(self._heard)

    def recall(self, heard: Mapping[int, list[datetime]]) -> None:
        """Remember what another world of the same seed has heard."""
        self._heard.update(heard)

    def truth(self, contact_id: str) -> Truth:
        """Return what only the world knows of a person."""
        return self.people.truth(contact_id)

    def earlier_orders(self) -> list[Happening]:
        """Return the orders of the year before the start, oldest first."""
        start, buyers = self.start_at.date(), self.people.buyers
        past = (n for n in buyers if -365 <= n < 0)
        found = (h for n in past for h in orders_on(self.people, start, n, np.array(buyers[n], np.int64)))
        return sorted(found, key=lambda h: (h.at, h.id))

    def happenings(self, from_at: datetime, to_at: datetime) -> list[Happening]:
        """Return what the shop hears of in [from_at, to_at) that no message caused, in the order of hearing."""
        first, last = (((at - self.start_at) // timedelta(days=1)) for at in (from_at, to_at))
        for n in range(first - 5, last + 3):
            self._day(n)
        slots = range(_slot(from_at), _slot(to_at) + 1)
        found = (h for slot in slots for h in self._slots.get(slot, ()) if from_at <= h.heard_at < to_at)
        return sorted(found, key=lambda h: (h.heard_at, h.id))

    def reactions(self, sent: Iterable[Sent | tuple[str, str, str, str, datetime, str, str]]) -> list[Happening]:
        """Return everything these messages will cause; `heard_at` says when."""
        messages = [Sent(*s) for s in sent]
        for s in messages:
            self._heard[self.people.index(s.contact_id)].append(s.at)
        found = (h for s in messages for h in self._reactions(s))
        return sorted(found, key=lambda h: (h.heard_at, h.id))

    def cart_outcome(self, contact_id: str, cart_id: str, arm: str | None, at: datetime) -> Happening | None:
        """Return the order that this cart becomes when the person gets `arm` (None or "nothing": silence) at `at`.

        `happenings` and `reactions` say the same; this is for asking "what if".
        """
        i, on = (
            self.people.index(contact_id),
            datetime.strptime(cart_id.rsplit("-", 1)[-1] + "+0000", "%y%m%d%z").date(),
        )
        begun = self._day((on - self.start_at.date()).days)
        cart = begun.carts[i]
        if cart.u < self.people.base[i]:
            return next(h for h in begun.happenings if h.id == f"order:{cart_id}")
        return self._caused(cart, Sent("", contact_id, arm or "nothing", "", at))

    def _day(self, n: int) -> Day:
        if n not in self._days:
            self._days[n] = made = day(self.people, self.start_at.date(), n)
            for h in made.happenings:
                self._slots[_slot(h.heard_at)].append(h)
        return self._days[n]

    def _cart(self, i: int, at: datetime) -> Cart | None:
        """Return the latest cart that a message at this instant can still win back."""
        n = (at - self.start_at) // timedelta(days=1)
        for back in range(n + 1, n - 5, -1):
            cart = self._day(back).carts.get(i)
            if cart and cart.at <= at < cart.at + CART_WINDOW:
                return cart
        return None

    def _reactions(self, s: Sent) -> Iterator[Happening]:
        i = self.people.index(s.contact_id)
        if s.channel == "email" and self.people.bounces[i]:
            yield self._answer(s, "bounced", s.at + timedelta(minutes=2))
            return
        if s.channel == "email" and self.people.gateway[i]:
            yield self._answer(s, "machine_click", s.at + timedelta(seconds=1))
        order = self._order(i, s)
        yield from self._click(i, s, order)
        if order:
            yield order
        yield from self._leaving(i, s)

    def _order(self, i: int, s: Sent) -> Happening | None:
        cart = self._cart(i, s.at)
        if cart:
            return self._caused(cart, s)
        if chance(self.seed, "bought", s.contact_id, s.key) >= lift(GROUPS[self.people.group[i]], s.message, s.channel):
            return None
        total = round(26.0 * float(self.people.spender[i]), 2)
        at = s.at + timedelta(minutes=40) + delay(chance(self.seed, "soon", s.key), 8, 46)
        data = {"order_id": f"O-{s.key}", "total": total}
        return Happening(s.contact_id, "order_placed", at, data, f"order:{s.key}", at, s.key)

    def _caused(self, cart: Cart, s: Sent) -> Happening | None:
        """Return the order that would not have come without this message."""
        base, group = float(self.people.base[cart.who]), GROUPS[self.people.group[cart.who]]
        if not base <= cart.u < base + lift(group, s.message, s.channel):
            return None
        at = s.at + timedelta(minutes=40) + delay(chance(self.seed, "caused", cart.id, s.message), 8, 46)
        kind, _ = kind_of(s.message, s.channel)
        return order_of(self.people, cart, at, 1 - COSTS[kind])._replace(key=s.key)

    def _click(self, i: int, s: Sent, order: Happening | None) -> Iterator[Happening]:
        """Yield the click: everybody whom the message made order has clicked, and some who did not order."""
        group = GROUPS[self.people.group[i]]
        wins = lift(group, s.message, s.channel)
        others = (click_chance(group, s.message, s.channel) - wins) / (1 - wins)
        if order is None and chance(self.seed, "click", s.contact_id, s.key) >= others:
            return
        hours = 0.1 if s.channel == "push" else 1.5
        at = s.at + timedelta(seconds=20) + delay(chance(self.seed, "when", s.key), hours, 24)
        at = order.at - timedelta(minutes=15) if order else self._awake(i, at)
        yield self._answer(s, "clicked", at)
        if s.channel == "push":
            yield self._answer(s, "app_opened", at + timedelta(seconds=2))

    def _awake(self, i: int, at: datetime) -> datetime:
        """Move a moment to when the person is up: night owls to the night, the others out of it."""
        local = at.astimezone(self.people.zones[i])
        spread = timedelta(minutes=60 * chance(self.seed, "awake", i, at))
        if self.people.night_owl[i] and 4 <= local.hour < 22:
            return (datetime.combine(local.date(), time(23), local.tzinfo) + spread).astimezone(UTC)
        if not self.people.night_owl[i] and local.hour < 6:
            return (datetime.combine(local.date(), time(7), local.tzinfo) + spread).astimezone(UTC)
        return at

    def _leaving(self, i: int, s: Sent) -> Iterator[Happening]:
        """Yield an unsubscription or a complaint: half as likely again with every message of the week."""
        week = sum(s.at - WEEK < at <= s.at for at in self._heard[i])
        chance_to_leave = 0.001 * 1.5 ** (week - 1)
        u = chance(self.seed, "leave", s.contact_id, s.key)
        if u >= chance_to_leave * 1.1:
            return
        name = "unsubscribed" if u < chance_to_leave else "complained"
        at = s.at + timedelta(minutes=1) + delay(chance(self.seed, "left", s.key), 3, 40)
        yield self._answer(s, name, at)

    def _answer(self, s: Sent, name: str, at: datetime) -> Happening:
        data = {"key": s.key, "message": s.message, "journey": s.journey, "state": s.state}
        more = {"app_opened": {}, "bounced": data | {"class": "hard"}}
        return Happening(s.contact_id, name, at, more.get(name, data), f"{name}:{s.key}", at, s.key)


def _slot(at: datetime) -> int:
    return (at - _EPOCH) // _SLOT
