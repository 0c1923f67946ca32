"""Soft bounces are counted in a row, and several of them over a week give an address a rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from outbox import DAY, HOUR, LEASE, NOON, TERMS, add, claim, contact, going, queued, row

from channels.channel import Receipt
from engine.store import delivering
from engine.store.consenting import Suppression, suppress
from engine.store.sending_tables import soft_bounces
from engine.store.softening import Count, Soft, counted, soften, wake
from engine.store.tables import addresses, deliveries

ANA = ("email", "ana@example.org")


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def soft(days: float) -> Soft:
    return Soft("ana", *ANA, NOON + days * DAY)


def suppressed(conn):
    return conn.execute(sa.select(addresses.c.suppressed).where(addresses.c.contact_id == "ana")).scalar_one()


def bounce(conn, *days: float):
    return [soften(conn, [soft(day)], TERMS.digest, NOON + day * DAY) for day in days][-1]


def test_five_in_a_row_over_a_week_are_a_rest_of_thirty_days(conn):
    assert bounce(conn, 0, 2, 4, 6) == []
    assert suppressed(conn) is None
    assert bounce(conn, 8) == [soft(8)]
    assert suppressed(conn) == "soft"
    assert wake(conn, TERMS.digest, NOON + 37 * DAY) == 0
    assert wake(conn, TERMS.digest, NOON + 38 * DAY) == 1
    assert suppressed(conn) is None
    assert conn.execute(sa.select(soft_bounces)).all() == []


def test_many_within_a_week_are_none(conn):
    assert bounce(conn, *(n / 2 for n in range(12))) == []
    assert suppressed(conn) is None


def test_a_message_in_between_that_arrived_begins_the_count_anew(conn):
    bounce(conn, 0, 2, 4, 6)
    sent = {"status": "sent", "sent_at": NOON + 7 * DAY, "next_at": None, "address": ANA[1]}
    add(conn, deliveries, queued("good", "ana", **sent))
    assert bounce(conn, 8) == []
    assert suppressed(conn) is None


def test_a_rest_does_not_end_a_suppression(conn):
    bounce(conn, 0, 2, 4, 6, 8)
    suppress(conn, [Suppression(*ANA, "complaint")], TERMS.digest, NOON + 9 * DAY)
    assert wake(conn, TERMS.digest, NOON + 60 * DAY) == 0
    assert suppressed(conn) == "complaint"


def test_several_at_once_are_counted_in_the_order_of_their_messages(conn):
    assert soften(conn, [soft(n) for n in (8, 0, 6, 2, 4)], TERMS.digest, NOON + 9 * DAY) == [soft(8)]


def test_a_bounce_that_comes_late_still_counts():
    before = Count(2, NOON, NOON + 3 * DAY)
    assert counted(before, NOON + DAY, ()) == Count(3, NOON, NOON + 3 * DAY)
    assert counted(before, NOON + 5 * DAY, [NOON + 4 * DAY]) == Count(1, NOON + 5 * DAY, NOON + 5 * DAY)
    assert counted(before, NOON + 5 * DAY, [NOON + 6 * DAY]) == Count(3, NOON, NOON + 5 * DAY)


def test_a_full_mailbox_at_the_door_counts_when_the_message_ends(conn):
    going(conn, "k")
    delivering.commit(conn, [Receipt("k", "failed", "soft", "552 5.2.2 full")], LEASE.owner, NOON, TERMS)
    assert row(conn, deliveries, "k").status == "failed"
    assert conn.execute(sa.select(soft_bounces.c.bounces)).scalar_one() == 1


def test_a_mailbox_that_was_full_until_the_message_expired_counts_once(conn):
    add(conn, deliveries, queued("k", "ana", expires_at=NOON + 12 * timedelta(minutes=1)))
    for at in (NOON, NOON + 6 * timedelta(minutes=1)):
        claim(conn, at)
        delivering.intend(conn, ["k"], LEASE.owner, at)
        delivering.commit(conn, [Receipt("k", "deferred", "soft", "452 4.2.2 full")], LEASE.owner, at, TERMS)
        conn.execute(sa.update(deliveries).where(deliveries.c.status == "deferred").values(next_at=at + HOUR / 10))
    assert row(conn, deliveries, "k").status == "expired"
    assert conn.execute(sa.select(soft_bounces.c.bounces)).scalar_one() == 1
