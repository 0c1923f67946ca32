"""A journey that does harm is paused by itself, says why, and counts anew once it was resumed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.guarding import guard, reason
from engine.store import deploying, pausing
from engine.store.connect import reading, writing
from engine.store.guarding import Harm
from engine.store.pausing import Place
from engine.store.tables import audit, deliveries, events

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sent(conn, journey: str, count: int, at: datetime = NOON, **changes) -> None:
    rows = [
        {
            "key": f"{journey}{at:%H}{n}:1", "contact_id": f"c{n}", "journey": journey, "state": "hello",
            "message": "email/hello", "channel": "email", "topic": "promo", "transactional": False, "counted": True,
            "decided": False, "request": {}, "status": "sent", "queued_at": at, "due_at": at, "attempt": 0, "fence": 1,
            "sent_at": at, "ended_at": at, **changes,
        }
        for n in range(count)
    ]  # fmt: skip
    conn.execute(deliveries.insert(), rows)


def answered(conn, journey: str, name: str, count: int, at: datetime = NOON) -> None:
    rows = [
        {
            "id": f"{name}:{journey}{at:%H}{n}", "contact_id": f"c{n}", "name": name, "at": at + HOUR / 2,
            "received_at": at, "data": {"key": f"{journey}{at:%H}{n}:1", "journey": journey, "class": "hard"},
            "source": "mail", "fresh": False, "starts": True,
        }
        for n in range(count)
    ]  # fmt: skip
    conn.execute(events.insert(), rows)


def test_too_many_complaints_pause_the_journey_and_are_told(store, caplog):
    with writing(store) as conn:
        sent(conn, "loud", 600)
        answered(conn, "loud", "complained", 2)
        sent(conn, "quiet", 600)
        answered(conn, "quiet", "complained", 1)
    with caplog.at_level(logging.ERROR):
        assert guard(store, ["loud", "quiet"], NOON + HOUR) == [
            "loud is paused: 2 complaints of 600 messages (0.33%, at most 0.3%)"
        ]
    assert "ALERT the journey loud is paused" in caplog.text
    assert "sojourn resume loud" in caplog.text
    with reading(store) as conn:
        (one,) = pausing.pauses_there(conn)
        assert (one.place, one.reason.startswith("paused by itself: 2 complaints")) == (Place("loud"), True)
        assert conn.execute(sa.select(audit.c.what)).scalars().all() == ["paused"]
    assert guard(store, ["loud", "quiet"], NOON + HOUR) == []


def test_a_resume_begins_the_count_anew(store):
    with writing(store) as conn:
        sent(conn, "loud", 600)
        answered(conn, "loud", "bounced", 40)
    assert "40 hard bounces" in guard(store, ["loud"], NOON + HOUR)[0]
    with writing(store) as conn:
        pausing.resume(conn, Place("loud"), [], NOON + 2 * HOUR, send=False)
        deploying.note(conn, "resumed", {"place": "loud"}, NOON + 2 * HOUR)
    assert guard(store, ["loud"], NOON + 3 * HOUR) == []
    with writing(store) as conn:
        sent(conn, "loud", 500, NOON + 3 * HOUR)
        answered(conn, "loud", "bounced", 24, NOON + 3 * HOUR)
    assert guard(store, ["loud"], NOON + 4 * HOUR) == []
    with writing(store) as conn:
        sent(conn, "loud", 2, NOON + 5 * HOUR)
        answered(conn, "loud", "bounced", 2, NOON + 5 * HOUR)
    assert "26 hard bounces of 502" in guard(store, ["loud"], NOON + 6 * HOUR)[0]


def test_receipts_are_no_reason_and_old_harm_is_forgotten(store):
    with writing(store) as conn:
        sent(conn, "receipts", 600, transactional=True)
        answered(conn, "receipts", "complained", 30)
        sent(conn, "loud", 600)
        answered(conn, "loud", "complained", 30)
    assert guard(store, ["receipts"], NOON + HOUR) == []
    assert guard(store, ["loud"], NOON + timedelta(days=8)) == []


@pytest.mark.parametrize(
    ("harm", "stops"),
    [
        (Harm("j", 499, 100, 100), False),
        (Harm("j", 500, 1, 24), False),
        (Harm("j", 500, 2, 0), True),
        (Harm("j", 500, 0, 25), True),
        (Harm("j", 1000, 2, 49), False),
    ],
)
def test_the_limits_are_those_of_the_large_providers(harm, stops):
    assert (reason(harm) is not None) is stops
