"""Pace is kept over restarts and among workers; a provider that refuses us is left alone, and its readers lose nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.channel import Envelope, Intend, Receipt
from channels.providers import provider_of
from channels.smtp_answers import Reply, receipt
from engine.clock import SimulatedClock
from engine.engine import Limits
from engine.letters import Letters
from engine.pacing import Bucket, Pacing, WarmUp, rolled, room
from engine.posting import Post
from engine.store.connect import reading, writing
from engine.store.delivering import Delivery, Draft, Terms
from engine.store.pacing import Ramp, breakers_there
from engine.store.tables import addresses, contacts, deliveries

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TERMS = Terms(lambda channel, address: f"{channel}:{address}")


class Door:
    """A relay that answers by provider."""

    name = "email"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.says: dict[str, str] = {}
        self.pause: list[timedelta] = []
        self.clock: SimulatedClock | None = None

    def send(self, envelopes: Sequence[Envelope], intend: Intend) -> Iterator[Receipt]:
        for envelope in envelopes:
            if self.pause and self.clock:
                self.clock.jump(self.clock.now() + self.pause.pop())
                intend(())
            if envelope.key not in intend([envelope.key]):
                yield Receipt(envelope.key, "withheld")
                continue
            code, _, text = self.says.get(provider_of(envelope.to), "250 ok").partition(" ")
            if code == "250":
                self.sent.append(envelope.to)
            yield receipt(envelope.key, "rcpt", Reply(int(code), text))

    def close(self) -> None:
        """Nothing is open."""


class Plain(Letters):
    """Letters that need no template."""

    def envelope(self, delivery: Delivery, now: datetime, *, unread: bool = False) -> tuple[Envelope, Draft | None]:
        return Envelope(delivery.key, str(delivery.address), b""), None


class Office:
    """A worker on a store, and a clock."""

    def __init__(self, store: sa.Engine, **pacing: object) -> None:
        self.store, self.door, self.clock = store, Door(), SimulatedClock(NOON)
        self.door.clock = self.clock
        self.pacing = pacing
        self.limits = Limits(messages=50)
        self.restart()

    def restart(self) -> None:
        letters = Plain.__new__(Plain)
        letters.renderer = None
        self.post = Post({"email": self.door}, letters, TERMS, Pacing(**self.pacing))  # type: ignore[arg-type]

    def queue(self, domain: str, count: int, **changes: object) -> None:
        with writing(self.store) as conn:
            for n in range(count):
                who = f"{domain}{n}"
                row = {"attributes": {}, "consents": "promo", "created_at": NOON, "updated_at": NOON}
                conn.execute(contacts.insert().values(id=who, **row))
                place = {"contact_id": who, "channel": "email", "address": f"r{n}@{domain}", "added_at": NOON}
                conn.execute(addresses.insert().values(place))
                message = {
                    "key": f"{who}:1", "contact_id": who, "journey": "welcome", "state": "hello", "topic": "promo",
                    "message": "email/hello", "channel": "email", "transactional": False, "counted": True,
                    "decided": False, "request": {}, "status": "queued", "queued_at": NOON, "due_at": NOON,
                    "next_at": NOON, "attempt": 0, "fence": 0,
                }  # fmt: skip
                conn.execute(deliveries.insert().values(message | changes))

    def run(self, span: timedelta = timedelta(0), step: timedelta = SECOND) -> int:
        """Deliver now and every step until the span is over; return how many left."""
        before, end = len(self.door.sent), self.clock.now() + span
        while True:
            while self.post.deliver(self.store, self.clock, self.limits).claimed:
                pass
            if self.clock.now() >= end:
                return len(self.door.sent) - before
            self.clock.jump(self.clock.now() + step)

    def statuses(self) -> set[str]:
        with reading(self.store) as conn:
            return set(conn.execute(sa.select(deliveries.c.status)).scalars())


@pytest.fixture
def office(store):
    return lambda **pacing: Office(store, **pacing)


def test_a_channels_rate_holds_over_restarts_and_for_two_workers(office, store):
    one, two = office(rates={"email": 2.0}), Office(store, rates={"email": 2.0})
    two.clock, two.door = one.clock, one.door
    two.restart()
    one.queue("a.test", 12)
    assert (one.run(), two.run()) == (2, 0)
    one.restart()
    assert one.run() == 0
    one.clock.jump(one.clock.now() + SECOND)
    assert one.run() + two.run() == 2
    assert one.run(timedelta(seconds=4)) == 8


def test_a_provider_has_a_pace_of_its_own_and_nobody_else_waits_for_it(office):
    here = office(provider_rates={"email": {"google": 0.5}})
    here.queue("gmail.com", 6)
    here.queue("a.test", 8)
    assert here.run() == 9  # 8 and the first of Google
    here.restart()
    assert here.run(timedelta(seconds=4), step=SECOND) == 2
    assert here.run(timedelta(seconds=6), step=SECOND) == 3
    assert here.statuses() == {"sent"}


def test_receipts_wait_for_no_pace_but_use_it_up(office):
    here = office(provider_rates={"email": {"*": 1.0}}, warm_ups={"email": WarmUp(2)})
    here.queue("gmail.com", 4, transactional=True)
    assert here.run() == 4
    here.queue("googlemail.com", 1)
    assert here.run(timedelta(seconds=30)) == 0


def test_a_long_queue_behind_a_slow_provider_is_looked_at_only_now_and_then(office):
    here = office(provider_rates={"email": {"google": 1 / 60}})
    here.queue("gmail.com", 14)
    assert here.run() == 1
    here.clock.jump(here.clock.now() + MINUTE / 2)
    assert here.post.deliver(here.store, here.clock, here.limits).claimed == 0
    assert here.run(timedelta(minutes=20), step=MINUTE) == 13


def test_a_warm_up_doubles_after_days_that_were_used(office):
    here = office(warm_ups={"email": WarmUp(2)})
    here.queue("a.test", 20)
    assert here.run() == 2
    here.restart()
    assert here.run(timedelta(hours=23), step=timedelta(hours=1)) == 0
    days = [here.run(DAY, step=timedelta(hours=6)) for _ in range(3)]
    assert days == [4, 8, 6]


@pytest.mark.parametrize(
    ("spent", "days", "level"), [(10, 0.9, 0), (10, 1, 1), (5, 1, 1), (4, 1, 0), (10, 5, 1)]
)  # fmt: skip
def test_a_day_that_was_not_used_is_not_followed_by_a_bigger_one(spent, days, level):
    ramp = rolled(Ramp("email", 0, NOON, spent), WarmUp(10), NOON + days * DAY)
    assert ramp.level == level
    assert ramp.spent == (spent if days < 1 else 0)
    assert NOON + days * DAY - ramp.since < DAY


def test_a_provider_that_refuses_us_is_left_alone_and_tried_again_with_one_message(office, caplog):
    here = office()
    here.queue("gmail.com", 10)
    here.queue("a.test", 5)
    here.door.says["google"] = "550 5.7.26 unauthenticated"
    with caplog.at_level(logging.WARNING):
        assert here.run() == 5
    assert caplog.text.count("ALERT email to google stops until 2026-03-02 12:15 UTC") == 1
    with reading(here.store) as conn:
        (one,) = breakers_there(conn)
        kinds = conn.execute(sa.select(deliveries.c.kind).where(deliveries.c.status == "failed")).scalars().all()
        assert conn.execute(sa.select(addresses.c.suppressed).distinct()).scalars().all() == [None]
    assert (one.provider, one.until, one.streak) == ("google", NOON + 15 * MINUTE, 1)
    assert kinds == ["policy"]  # the one that told us; the others wait
    here.restart()
    assert here.run(timedelta(minutes=14), step=MINUTE) == 0
    here.door.says["google"] = "421 4.7.0 try again later"
    assert here.run(timedelta(minutes=2), step=MINUTE) == 0
    with reading(here.store) as conn:
        assert [(b.streak, b.until - here.clock.now() > 25 * MINUTE) for b in breakers_there(conn)] == [(2, True)]
    here.door.says.clear()
    with caplog.at_level(logging.WARNING):
        assert here.run(timedelta(hours=1), step=MINUTE) == 9
    assert "goes on" in caplog.text
    with reading(here.store) as conn:
        assert breakers_there(conn) == []


def test_a_single_refusal_that_may_be_the_readers_own_filter_stops_nobody(office):
    here = office()
    here.queue("gmail.com", 1)
    here.door.says["google"] = "550 5.7.1 rejected by the recipient's rule"
    here.run()
    here.door.says.clear()
    here.queue("googlemail.com", 5)
    assert here.run() == 5


def test_a_slow_relay_does_not_cost_a_worker_its_claim(office):
    here = office()
    here.limits = Limits(messages=50, lease=timedelta(minutes=15))
    here.queue("a.test", 3)
    here.door.pause = [timedelta(minutes=6)] * 3
    assert here.run() == 3
    assert here.statuses() == {"sent"}


@settings(deadline=None, max_examples=examples(40))
@given(st.floats(0.01, 50), st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_window_ever_has_more_than_its_rate(rate, gaps):
    now, free, left = NOON, None, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        n = room(free, now, rate)
        left += [now] * n
        if n:
            free = max(free or now, now) + n * timedelta(seconds=1 / rate)
    for start in left:
        for span in (1, 10, 60):
            inside = sum(start <= at < start + timedelta(seconds=span) for at in left)
            assert inside <= rate * span + max(rate, 1.0) + 1e-3


def test_a_clock_that_was_set_back_stops_nobody_for_long():
    bucket = Bucket(1.0, NOON + DAY, NOON)
    one = Delivery("k", "c", "j", "s", "m", "email", "t", False, False, {}, 0, 0, NOON, NOON, None)
    later = bucket.place(one)
    assert later is not None
    assert later.at <= NOON + timedelta(minutes=11)


def test_what_was_on_the_wire_when_a_breaker_opened_waits_for_its_end(office):
    here = office()
    here.queue("gmail.com", 2)
    place = ("email", "google")
    sure = receipt("gmail.com0:1", "rcpt", Reply(550, "5.7.26 no"))
    late = receipt("gmail.com1:1", "dot", Reply(550, "5.7.1 no"))
    turns = here.post.pacing.heard([(place, sure), (place, late)], NOON)
    assert [one.provider for one in turns.opened] == ["google"]
    assert turns.softened(sure).status == "failed"
    waits = turns.softened(late)
    assert (waits.status, waits.kind, waits.retry_at) == ("deferred", "", NOON + 15 * MINUTE)
