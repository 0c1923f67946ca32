"""Paused: people wait where they are, nothing leaves, nothing is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from lives import DAY, HOUR, START, TRIP, Life

from engine.cli.resume import senders
from engine.store import pausing
from engine.store.connect import alone, reading, writing
from engine.store.intake import NewEvent, record
from engine.store.pausing import Due, Place
from engine.store.stepping import next_alarm
from engine.store.tables import deliveries

TRIPS = Place("trip")
WAITING = TRIP.replace("  rest: {after: 2d, send: email/again}", "  rest: {wait_for: {event: paid, if: event.total > 5, within: 2d}, then: left, else: fork}")  # fmt: skip


def pause(life: Life, place: Place = TRIPS) -> tuple[int, int]:
    with writing(life.store) as conn:
        alone(conn)
        return pausing.pause(conn, place, "", life.clock.now())


def resume(life: Life, place: Place = TRIPS, *, send: bool = False) -> None:
    with writing(life.store) as conn:
        alone(conn)
        pausing.resume(conn, place, senders(life.engine.journeys), life.clock.now(), send=send)


def due(life: Life, place: Place = TRIPS) -> Due:
    with reading(life.store) as conn:
        return pausing.due(conn, place, senders(life.engine.journeys), life.clock.now())


def happens(life: Life, who: str, name: str, **data) -> None:
    with writing(life.store) as conn:
        record(conn, [NewEvent(f"{name}-{who}-{life.clock.now()}", who, name, None, data)], life.clock.now())


def test_while_paused_nothing_leaves_and_entries_are_still_recorded(life: Life):
    life.crowd({"rest": (3, START + HOUR)})
    assert pause(life) == (3, 0)
    life.enter("ana")
    life.live(5 * HOUR)
    assert life.sent() == {}
    assert life.places() == {"rest": 3, "hello": 1}
    assert due(life) == Due(messages=4)
    resume(life)
    life.live()
    assert life.sent() == {"email/again": 3, "email/hello": 1}


def test_the_paused_are_looked_at_once_and_not_at_every_tick(life: Life):
    life.crowd({"rest": (3, START + HOUR)})
    pause(life)
    life.clock.jump(START + 2 * HOUR)
    assert life.engine.tick().due == 3
    assert life.engine.tick().due == 0
    with reading(life.store) as conn:
        assert next_alarm(conn) is None


def test_what_waits_in_the_outbox_is_held_even_if_it_is_claimed(life: Life):
    life.crowd({"rest": (4, START)})
    life.engine.drain()
    assert pause(life) == (4, 4)
    life.live()
    assert life.sent() == {}
    resume(life)
    life.live()
    assert life.sent() == {"email/again": 4}


def test_a_message_that_a_worker_holds_is_put_back_when_the_pause_comes_in_between(life: Life):
    life.crowd({"rest": (1, START)})
    life.engine.drain()
    channel = life.engine.post.channels["email"]
    send = channel.send

    def late(envelopes, intend):
        pause(life)
        return send(envelopes, intend)

    channel.send = late
    life.engine.deliver()
    assert life.sent() == {}
    with reading(life.store) as conn:
        assert conn.execute(sa.select(deliveries.c.status)).scalars().all() == ["queued"]
    channel.send = send
    resume(life)
    life.live()
    assert life.sent() == {"email/again": 1}


@pytest.mark.parametrize(("send", "sent"), [(False, 2), (True, 5)])
def test_what_is_too_late_is_skipped_or_sent_as_the_policy_says(life: Life, send: bool, sent: int):
    life.crowd({"rest": (2, START + 20 * HOUR), "left": (3, START)})
    pause(life)
    life.live(26 * HOUR)
    assert due(life) == Due(messages=5, late=3)
    resume(life, send=send)
    life.live()
    assert sum(life.sent().values()) == sent
    assert life.places() == {"fork": 2, "left: completed": 3}


def test_a_message_in_the_outbox_that_is_too_late_expires(life: Life):
    life.crowd({"rest": (2, START)})
    life.engine.drain()
    pause(life)
    life.live(30 * HOUR)
    assert due(life) == Due(messages=2, late=2, others=2)
    resume(life)
    life.live()
    with reading(life.store) as conn:
        assert conn.execute(sa.select(deliveries.c.status)).scalars().all() == ["expired", "expired"]


def test_who_buys_while_paused_leaves_by_the_goal_and_hears_nothing(life: Life):
    life.enter("ana")
    life.live()
    pause(life)
    life.live(HOUR)
    happens(life, "ana", "paid", total=9)
    life.live(3 * DAY)
    assert life.places() == {"left: goal": 1}
    resume(life)
    life.live()
    assert life.sent() == {"email/hello": 1}


def test_an_event_that_a_wait_is_for_is_not_missed_in_a_pause(life: Life):
    life.say("journeys/trip.yaml", WAITING.replace("goal: {event: paid, within: 30d}\n", ""))
    pause(life, Place("trip", "hello"))
    life.enter("ana")
    life.live()
    resume(life, Place("trip", "hello"))
    pause(life)
    life.live(HOUR)
    assert life.places() == {"hello": 1}
    resume(life)
    life.live()
    pause(life)
    happens(life, "ana", "paid", total=9)
    life.live(HOUR)
    assert life.places() == {"left": 1}
    resume(life)
    life.live(DAY)
    assert life.sent() == {"email/hello": 1, "email/more": 1}


def test_a_paused_state_stops_only_who_is_in_it(life: Life):
    life.crowd({"rest": (2, START + HOUR), "left": (2, START + HOUR)})
    pause(life, Place("trip", "rest"))
    life.live(2 * HOUR)
    assert life.sent() == {"email/more": 2}
    assert life.places()["rest"] == 2


def test_two_pauses_hold_beside_each_other(life: Life):
    life.crowd({"rest": (2, START + HOUR)})
    pause(life)
    pause(life, Place())
    life.live(2 * HOUR)
    resume(life)
    life.live(timedelta(minutes=1))
    assert life.sent() == {}
    resume(life, Place())
    life.live(timedelta(minutes=1))
    assert life.sent() == {"email/again": 2}
