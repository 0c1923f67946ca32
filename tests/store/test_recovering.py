"""What becomes of messages whose worker is gone, or whose time is over."""

from __future__ import annotations

import pytest
from outbox import (
    DAY,
    HOUR,
    LEASE,
    MINUTE,
    NOON,
    TERMS,
    claim,
    contact,
    going,
    message,
    row,
)

from channels.channel import Receipt
from engine.store import delivering
from engine.store.delivering import Lease
from engine.store.tables import decisions, deliveries

LATER = Lease("two", 10 * MINUTE)
AFTER_LEASE = NOON + 11 * MINUTE


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def answer(conn, key, status, now=NOON, *, owner=LEASE.owner, terms=TERMS, **rest):
    return delivering.commit(conn, [Receipt(key, status, **rest)], owner, now, terms)


def test_a_lease_that_ran_out_may_not_begin_to_send(conn):
    message(conn, "k")
    claim(conn)
    assert delivering.intend(conn, ["k"], "one", AFTER_LEASE) == frozenset()
    assert row(conn, deliveries, "k").status == "claimed"


def test_a_renewed_lease_may_begin_to_send(conn):
    message(conn, "k")
    claim(conn)
    assert delivering.renew(conn, delivering.Lease("one", HOUR), NOON) == 1
    assert delivering.intend(conn, ["k"], "one", AFTER_LEASE) == {"k"}


def test_a_message_that_would_be_tried_after_its_time_is_expired_and_its_decision_void(conn):
    going(conn, "k", expires_at=NOON + MINUTE)
    assert answer(conn, "k", "deferred", detail="451 later") == {"expired": 1}
    assert (row(conn, deliveries, "k").status, row(conn, decisions, "k").status) == ("expired", "void")


def test_a_message_in_doubt_is_held_and_its_decision_waits(conn):
    going(conn, "k")
    assert answer(conn, "k", "unknown", detail="timeout after the final dot") == {"unknown": 1}
    doubt = row(conn, deliveries, "k")
    assert (doubt.status, doubt.next_at, doubt.detail) == ("unknown", None, "timeout after the final dot")
    assert row(conn, decisions, "k").status == "pending"
    assert claim(conn, NOON + DAY, LATER) == []


def test_a_transactional_message_in_doubt_goes_out_once_more_under_its_key(conn):
    going(conn, "k", transactional=True)
    assert answer(conn, "k", "unknown") == {"queued": 1}
    (again,) = delivering.claim(conn, NOON, LATER, ["email"], 1)
    assert (again.key, again.attempt) == ("k", 1)
    delivering.intend(conn, ["k"], "two", NOON)
    assert answer(conn, "k", "unknown", owner="two") == {"unknown": 1}


def test_an_answer_of_the_person_settles_the_doubt_as_sent(conn):
    going(conn, "k")
    answer(conn, "k", "unknown", NOON + HOUR)
    assert delivering.resolve_unknown(conn, ["k", "other"]) == 1
    settled, decision = row(conn, deliveries, "k"), row(conn, decisions, "k")
    assert (settled.status, settled.sent_at) == ("sent", NOON)
    assert (decision.status, decision.touched) == ("open", True)
    assert (decision.starts_at, decision.closes_at) == (NOON, NOON + DAY)
    assert delivering.resolve_unknown(conn, ["k"]) == 0


def test_a_crash_after_the_claim_loses_nothing(conn):
    message(conn, "k")
    claim(conn)
    assert delivering.recover(conn, NOON + MINUTE).requeued == ()
    assert delivering.recover(conn, AFTER_LEASE).requeued == ("k",)
    assert claim(conn, AFTER_LEASE, LATER) == ["k"]


def test_a_crash_while_sending_is_doubt_not_a_second_copy(conn):
    going(conn, "k")
    assert delivering.recover(conn, AFTER_LEASE).unknown == ("k",)
    assert claim(conn, NOON + DAY, LATER) == []
    assert delivering.recover(conn, NOON + DAY) == delivering.Recovered()


@pytest.mark.parametrize("how", [{"transactional": True}, {"channel": "push"}])
def test_a_crash_while_sending_resends_once_where_told_to(conn, how):
    contact(conn, "bo", email="bo@example.org", push="{}")
    going(conn, "k", "bo", **how)
    assert delivering.recover(conn, AFTER_LEASE, frozenset({"push"})).resent == ("k",)
    assert claim(conn, AFTER_LEASE, LATER) == ["k"]
    delivering.intend(conn, ["k"], "two", AFTER_LEASE)
    assert delivering.recover(conn, NOON + DAY, frozenset({"push"})).unknown == ("k",)
    assert row(conn, deliveries, "k").attempt == 1


def test_a_worker_that_overslept_cannot_write_over_its_successor(conn):
    message(conn, "k")
    claim(conn)
    delivering.recover(conn, AFTER_LEASE)
    claim(conn, AFTER_LEASE, LATER)
    assert answer(conn, "k", "sent") == {}
    assert delivering.intend(conn, ["k"], "one", AFTER_LEASE) == frozenset()
    assert (row(conn, deliveries, "k").owner, row(conn, deliveries, "k").fence) == ("two", 2)


def test_a_late_answer_of_the_same_claim_settles_its_own_doubt(conn):
    going(conn, "k")
    delivering.recover(conn, AFTER_LEASE)
    assert answer(conn, "k", "sent", AFTER_LEASE) == {"sent": 1}
    assert row(conn, decisions, "k").status == "open"


def test_what_is_past_its_time_is_expired(conn):
    message(conn, "stale", expires_at=NOON)
    message(conn, "good", expires_at=NOON + HOUR)
    assert delivering.expire(conn, NOON) == 1
    assert (row(conn, deliveries, "stale").status, row(conn, decisions, "stale").status) == ("expired", "void")
    assert delivering.expire(conn, NOON) == 0
