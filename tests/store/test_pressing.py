"""How much people hear, and what became of the messages that met a rule."""

from __future__ import annotations

import pytest
from outbox import DAY, HOUR, NOON, add, contact, decided, enrolled, happened, queued

from engine.store import pressing
from engine.store.connect import create, open_store, writing
from engine.store.copying import attributes_of, copy_contact, was_in
from engine.store.counting import Period
from engine.store.tables import decisions, deliveries, deployments, enrollments, events, refusals

ALL = Period()


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        add(conn, enrollments, enrolled("r", "ana"))
        yield conn


def refused(key, rule, at=NOON, **changes):
    row = {
        "key": key, "contact_id": "ana", "journey": "welcome", "state": "hello", "message": "email/hello",
        "rule": rule, "detail": "", "at": at, "until": None,
    }  # fmt: skip
    return row | changes


def sent(key, who="ana", at=NOON, **changes):
    return queued(key, who, status="sent", sent_at=at, ended_at=at, next_at=None, **changes)


def fates(conn):
    return {fate.rule: (fate.waited, fate.switched, fate.skipped) for fate in pressing.fates(conn, "welcome", ALL)}


def test_a_message_that_was_held_three_times_waited_once(conn):
    add(conn, refusals, *(refused("r:1", "capped", NOON + n * HOUR, until=NOON + DAY) for n in range(3)))
    assert fates(conn) == {"capped": (1, 0, 0)}


def test_a_message_that_gave_way_to_another_arm_was_switched(conn):
    add(conn, refusals, refused("r:1", "unreachable"))
    add(conn, decisions, decided("r:1", "ana"))
    assert fates(conn) == {"unreachable": (0, 1, 0)}


def test_a_message_that_was_drawn_after_a_hold_waited(conn):
    add(conn, refusals, refused("r:1", "quiet_hours", NOON - HOUR, until=NOON))
    add(conn, decisions, decided("r:1", "ana"))
    assert fates(conn) == {"quiet_hours": (1, 0, 0)}


def test_a_message_that_never_left_was_skipped(conn):
    add(conn, refusals, refused("r:1", "no_consent"), refused("r:2", "capped", until=NOON + HOUR),
        refused("r:2", "capped", NOON + HOUR))  # fmt: skip
    assert fates(conn) == {"capped": (0, 0, 1), "no_consent": (0, 0, 1)}


def test_the_condition_of_an_arm_is_no_rule_of_the_gate(conn):
    add(conn, refusals, refused("r:1", "condition"))
    assert fates(conn) == {}


def test_messages_of_other_journeys_weigh_on_the_same_people(conn):
    contact(conn, "bo")
    add(conn, deliveries, sent("r:1"), sent("x:1", journey="cart"), sent("y:1", "bo", journey="cart"))
    assert [row.key for row in pressing.handed(conn, "welcome", ALL)] == ["r:1", "x:1"]


def test_a_message_drove_somebody_away_when_they_left_by_it(conn):
    add(
        conn,
        events,
        happened("u", "ana", "unsubscribed", NOON, key="r:1"),
        happened("c", "ana", "clicked", NOON, key="r:2"),
    )
    assert pressing.drove_away(conn, "welcome", ALL) == {"r:1"}


def test_versions_are_numbered_in_the_order_of_their_deployment(conn):
    def version(name, number):
        return {"journey": "welcome", "version": name, "source": "", "at": NOON, "live": True, "number": number}

    add(conn, deployments, version("bbb", 1), version("aaa", 2))
    assert pressing.versions(conn, "welcome") == {"bbb": 1, "aaa": 2}


def test_what_was_sent_since_an_instant_leaves_out_the_instant(conn):
    add(conn, deliveries, sent("r:1"), sent("r:2", at=NOON + HOUR))
    assert [row[0] for row in pressing.sent_since(conn, NOON)] == ["r:2"]


@pytest.fixture
def other():
    """Give a transaction on a second store."""
    engine = open_store("sqlite://")
    with writing(engine) as conn:
        create(conn)
        yield conn
    engine.dispose()


def test_a_copied_person_has_their_past_and_no_runs(conn, other):
    add(conn, events, happened("old", "ana", "bought", NOON - DAY), happened("new", "ana", "bought", NOON + DAY))
    add(
        conn, deliveries, sent("r:1", queued_at=NOON - HOUR), queued("r:2", "ana", queued_at=NOON - HOUR, ended_at=None)
    )
    copy_contact(conn, other, "ana", NOON)
    assert [row.id for row in other.execute(events.select())] == ["old"]
    assert [row.key for row in other.execute(deliveries.select())] == ["r:1"]
    assert attributes_of(other, "ana") == {"first_name": "Ana"}
    assert other.execute(enrollments.select()).all() == []


def test_who_was_in_a_journey_is_known(conn):
    assert was_in(conn, "ana", "welcome")
    assert not was_in(conn, "ana", "cart")
    assert attributes_of(conn, "nobody") == {}
