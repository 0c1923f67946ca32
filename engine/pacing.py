"""How fast mail leaves: by channel, by provider, in a warm-up; and not at all to a provider that refuses us.

Rules
- What was used is in the store, so that a restart or a second worker does not begin anew; what is allowed is in
  sojourn.yaml and counts from the next claim on.
- Nothing is lost by waiting: a message that has to wait goes back to the queue with the instant of its place, at most
  HORIZON ahead, and no attempt is charged.
- Transactional messages use up pace and wait for none of it. A breaker holds them, too: the provider would refuse them.
- A warm-up doubles after a day that used at least half of what it allowed: nobody trusts a sender who sends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from channels.channel import Receipt
from channels.providers import provider_of
from engine.store import pacing
from engine.store.delivering import Delivery
from engine.store.pacing import Breaker, Later, Ramp

LOG = logging.getLogger("sojourn.mail")
HORIZON = timedelta(minutes=10)  # how far ahead places in a bucket are given away
PROBE = timedelta(minutes=1)  # between two messages that try a provider which refused us
FIRST, LONGEST = timedelta(minutes=15), timedelta(hours=6)  # of a breaker: doubled each time in a row
ENOUGH = 3  # refusals in a row that may be our fault; one is enough where it surely is
DAY = timedelta(days=1)

Place = tuple[str, str]  # channel, provider


@dataclass(frozen=True, slots=True)
class WarmUp:
    """So many messages on the first day, doubled every so many days."""

    start: int
    days: int = 1

    def allows(self, used_days: int) -> int:
        return int(self.start * 2 ** min(used_days // self.days, 40))


@dataclass(frozen=True, slots=True)
class Turns:
    """Breakers that open or close with some answers; to be written with them.

    `spared`: keys that were refused after a breaker opened, and its end: they wait for it instead of failing.
    """

    opened: tuple[Breaker, ...] = ()
    closed: frozenset[Place] = frozenset()
    spared: Mapping[str, datetime] = field(default_factory=dict)

    def softened(self, answer: Receipt) -> Receipt:
        """Return the answer as it counts for its message."""
        until = self.spared.get(answer.key)
        return answer if until is None else replace(answer, status="deferred", kind="", retry_at=until)


@dataclass(slots=True)
class Pacing:
    """What the settings allow, and what the last answers were."""

    rates: Mapping[str, float] = field(default_factory=dict)  # messages a second, by channel
    provider_rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # channel -> provider or "*"
    warm_ups: Mapping[str, WarmUp] = field(default_factory=dict)
    _breakers: dict[Place, Breaker] = field(default_factory=dict)  # as the last claim saw them
    _refused: dict[Place, int] = field(default_factory=dict)  # in a row, by this process

    def budgets(self, conn: sa.Connection, now: datetime) -> dict[str, int]:
        """Return how many messages may go now, by channel that has a rate."""
        free = pacing.free_at(conn, self.rates) if self.rates else {}
        return {name: room(free.get(name), now, rate) for name, rate in self.rates.items()}

    def spend(self, conn: sa.Connection, counts: Mapping[str, int], now: datetime) -> None:
        """Take so many messages out of their channels' buckets."""
        used = {name: n for name, n in counts.items() if n and name in self.rates}
        if used:
            free = pacing.free_at(conn, used)
            after = {
                name: max(free.get(name, now), now) + n * timedelta(seconds=1 / self.rates[name])
                for name, n in used.items()
            }
            pacing.set_free_at(conn, after)

    def hold(self, conn: sa.Connection, claimed: Sequence[Delivery], now: datetime) -> list[Later]:
        """Return which claimed messages have to wait, and until when."""
        self._breakers = {(one.channel, one.provider): one for one in pacing.breakers_there(conn)}
        if not (self._breakers or self.provider_rates or self.warm_ups):
            return []
        late = list(self._refusing(claimed, now)) if self._breakers else []
        asked = _without([one for one in claimed if not one.placed], late)
        late += self._ramped(conn, asked, now)
        return late + self._spread(conn, _without(asked, late), now)

    def _refusing(self, claimed: Sequence[Delivery], now: datetime) -> Iterator[Later]:
        """Yield the messages to providers whose breaker is open; of those that may be tried again all but one."""
        tried: set[Place] = set()
        for one in claimed:
            place = _place(one)
            breaker = self._breakers.get(place)
            if breaker is not None and breaker.until > now:
                yield Later(one.key, breaker.until)
            elif breaker is not None and place in tried:
                yield Later(one.key, now + PROBE)
            tried.add(place)

    def _ramped(self, conn: sa.Connection, asked: Sequence[Delivery], now: datetime) -> list[Later]:
        """Return the messages that a warm-up has no room for today."""
        channels = {one.channel for one in asked} & self.warm_ups.keys()
        if not channels:
            return []
        known, late, after = pacing.ramps_of(conn, channels), [], []
        for name in sorted(channels):
            ramp = rolled(known.get(name) or Ramp(name, 0, now, 0), self.warm_ups[name], now)
            mine = sorted((one for one in asked if one.channel == name), key=lambda one: not one.transactional)
            left = self.warm_ups[name].allows(ramp.level) - ramp.spent
            waiting = [one for n, one in enumerate(mine) if n >= left and not one.transactional]
            late += [Later(one.key, ramp.since + DAY) for one in waiting]
            after.append(ramp._replace(spent=ramp.spent + len(mine) - len(waiting)))
        pacing.set_ramps(conn, after)
        return late

    def _spread(self, conn: sa.Connection, asked: Sequence[Delivery], now: datetime) -> list[Later]:
        """Give each message its place in its provider's bucket; return those whose place is not now."""
        places: dict[Place, list[Delivery]] = {}
        for one in asked:
            if self._rate(_place(one)):
                places.setdefault(_place(one), []).append(one)
        if not places:
            return []
        free = pacing.free_at(conn, {_name(place) for place in places})
        late: list[Later] = []
        for place, some in places.items():
            some.sort(key=lambda one: not one.transactional)
            bucket = Bucket(self._rate(place), free.get(_name(place)), now)
            late += [found for one in some if (found := bucket.place(one)) is not None]
            free[_name(place)] = bucket.free_at or now
        pacing.set_free_at(conn, free)
        return late

    def _rate(self, place: Place) -> float:
        channel, provider = place
        rates = self.provider_rates.get(channel, {})
        return rates.get(provider, rates.get("*", 0.0))

    def heard(self, answers: Sequence[tuple[Place, Receipt]], now: datetime) -> Turns:
        """Take in what providers said; return which breakers open and close, and whom an open one spares."""
        opened: dict[Place, Breaker] = {}
        closed: set[Place] = set()
        spared: dict[str, datetime] = {}
        for place, answer in answers:
            breaker = self._breakers.get(place)
            if answer.status == "sent":
                self._refused.pop(place, None)
                closed.update({place} if breaker else ())
            elif answer.block and breaker is not None and breaker.until > now:
                spared[answer.key] = breaker.until
            elif answer.block:
                self._refused[place] = self._refused.get(place, 0) + (ENOUGH if answer.block == "sure" else 1)
                if self._refused[place] >= ENOUGH or breaker is not None:
                    self._breakers[place] = opened[place] = _opened(place, answer, (breaker, now))
        turns = Turns(tuple(opened.values()), frozenset(closed.difference(opened)), spared)
        self._tell(turns)
        return turns

    def _tell(self, turns: Turns) -> None:
        for one in turns.opened:
            self._refused.pop((one.channel, one.provider), None)
            says = "ALERT %s to %s stops until %s: it refuses us, not a reader (%s)"
            LOG.error(says, one.channel, one.provider, f"{one.until:%Y-%m-%d %H:%M} UTC", one.why)
        for channel, provider in turns.closed:
            self._breakers.pop((channel, provider), None)
            LOG.warning("%s to %s goes on: it takes our mail again", channel, provider)


def write(conn: sa.Connection, turns: Turns) -> None:
    """Write what opened and closed."""
    pacing.open_breakers(conn, turns.opened)
    pacing.close_breakers(conn, turns.closed)


def _opened(place: Place, answer: Receipt, when: tuple[Breaker | None, datetime]) -> Breaker:
    before, now = when
    streak = before.streak + 1 if before else 1
    wait = max(min(FIRST * 2 ** min(streak - 1, 10), LONGEST), answer.retry_in or FIRST)
    return Breaker(*place, before.opened_at if before else now, now + wait, streak, answer.detail[:500])


@dataclass(slots=True)
class Bucket:
    """A bucket that holds a second's worth, or one message; `free_at`: when the next one fits into an empty one."""

    rate: float
    free_at: datetime | None
    now: datetime

    def place(self, one: Delivery) -> Later | None:
        """Give the next place away; None when it is now."""
        gap, slack = timedelta(seconds=1 / self.rate), _slack(self.rate)
        free = min(max(self.free_at or self.now, self.now), self.now + HORIZON + slack + gap)
        at = free - slack
        if at > self.now and not one.transactional and at > self.now + HORIZON:
            self.free_at = free
            return Later(one.key, self.now + HORIZON)
        self.free_at = free + gap
        return None if at <= self.now or one.transactional else Later(one.key, at, placed=True)


def room(free_at: datetime | None, now: datetime, rate: float) -> int:
    """Return how many messages fit into a bucket of at most one second's worth, or one, now."""
    gap, slack = timedelta(seconds=1 / rate), _slack(rate)
    ahead = now + slack - max(free_at or now, now)
    return 0 if ahead < timedelta(0) else int(ahead / gap + 1e-6) + 1


def rolled(ramp: Ramp, warm_up: WarmUp, now: datetime) -> Ramp:
    """Return a warm-up in the window of now; a day that used half of what it allowed counts."""
    days = (now - ramp.since) // DAY
    if days < 1:
        return ramp
    used = 2 * ramp.spent >= warm_up.allows(ramp.level)
    return ramp._replace(level=ramp.level + used, since=ramp.since + days * DAY, spent=0)


def _slack(rate: float) -> timedelta:
    return timedelta(seconds=(max(rate, 1.0) - 1) / rate)


def _place(one: Delivery) -> Place:
    return one.channel, provider_of(one.address or "")


def _name(place: Place) -> str:
    return f"{place[0]} {place[1]}"[:200]


def _without(some: Sequence[Delivery], late: Sequence[Later]) -> list[Delivery]:
    gone = {one.key for one in late}
    return [one for one in some if one.key not in gone]
