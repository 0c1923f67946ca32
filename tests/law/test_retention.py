"""What is old goes, and nothing goes that somebody still needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from engine.store.connect import reading, writing
from engine.store.retention import Spans, counts, doomed, inactive, sweep
from engine.store.tables import changes, contacts, decisions, deliveries, enrollments, events

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPANS = Spans(300 * DAY, 90 * DAY, 300 * DAY, {"for_ever": None, "far": 500 * DAY, "near": 7 * DAY})


def happened(id_: str, days: int, name: str = "near", who: str = "ana", *, fresh: bool = False) -> dict[str, Any]:
    return {"id": id_, "contact_id": who, "name": name, "at": NOW - days * DAY, "received_at": NOW, "data": {},
            "source": "api", "fresh": fresh, "starts": True}  # fmt: skip


def run(id_: str, who: str, status: str, days: int, trigger: str = "") -> dict[str, Any]:
    return {"id": id_, "contact_id": who, "journey": "trip", "version": "1", "state": "s", "group": "learner",
            "status": status, "phase": "ready", "entered_at": NOW - days * DAY, "state_at": NOW, "trigger": trigger,
            "cause": "", "steps": 1, "visits": {}, "entry": {}, "values": {}}  # fmt: skip


def message(key: str, days: int, status: str = "sent") -> dict[str, Any]:
    return {"key": key, "contact_id": "ana", "journey": "trip", "state": "s", "message": "email/x", "channel": "email",
            "topic": "promo", "transactional": False, "counted": True, "decided": False, "request": {"vars": {"a": 1}},
            "status": status, "queued_at": NOW, "due_at": NOW, "attempt": 0, "fence": 1, "address": "ana@x.org",
            "sent_at": NOW, "ended_at": NOW - days * DAY}  # fmt: skip


def decided(who: str, days: int) -> dict[str, Any]:
    at = NOW - days * DAY
    return {"key": f"d-{who}", "contact_id": who, "journey": "trip", "version": "1", "state": "s", "at": at,
            "group": "learner", "arms": [], "chances": [], "arm": "a", "propensity": 1.0, "u": 0.5, "policy": "p",
            "features": "", "cost": 0.0, "starts_at": at, "closes_at": NOW + DAY, "status": "open",
            "touched": False}  # fmt: skip


@pytest.fixture
def old(store: sa.Engine) -> sa.Engine:
    with writing(store) as conn:
        conn.execute(events.insert(), [
            happened("goes", 301), happened("young", 299), happened("ever", 3000, "for_ever"),
            happened("asked", 499, "far"), happened("unasked", 501, "far"), happened("unseen", 400, fresh=True),
            happened("inside", 400, who="bob"), happened("before", 600, who="bob"), happened("began", 601, who="eve"),
            happened("window", 400, who="kim"),
        ])  # fmt: skip
        conn.execute(enrollments.insert(), [run("r1", "bob", "active", 500), run("r2", "eve", "parked", 500, "began"),
                                            run("r3", "ana", "left", 2000)])  # fmt: skip
        conn.execute(decisions.insert(), [decided("kim", 450)])
        conn.execute(deliveries.insert(), [message("old", 91), message("new", 89), message("doubt", 400, "unknown")])
        conn.execute(changes.insert(), [{"contact_id": "ana", "at": NOW - n * DAY, "source": "import",
                                         "attributes": {"a": 1}, "addresses": []} for n in (299, 301)])  # fmt: skip
    return store


def test_what_is_old_and_not_needed_goes(old: sa.Engine) -> None:
    what = doomed(SPANS, NOW)
    with reading(old) as conn:
        found = {name: count for name, count in counts(conn, what).items() if count}
    assert found == {"events": 3, "renders": 1, "changes": 1}
    with writing(old) as conn:
        assert {name: count for name in what if (count := sweep(conn, what, name))} == found
        assert not any(counts(conn, what).values())
        left = set(conn.execute(sa.select(events.c.id)).scalars())
        assert left == {"young", "ever", "asked", "unseen", "inside", "began", "window"}
        d = deliveries.c
        row = conn.execute(sa.select(d.status, d.request, d.address, d.sent_at).where(d.key == "old")).one()
        assert (row.status, row.request, row.address, row.sent_at) == ("sent", {}, None, NOW)
        assert conn.execute(sa.select(d.address).where(d.key == "doubt")).scalar() == "ana@x.org"


def test_silent_people_are_proposed_and_those_with_any_sign_of_life_are_not(store: sa.Engine) -> None:
    long_ago = NOW - 1200 * DAY
    people = ("silent", "clicked", "machine", "inside")
    with writing(store) as conn:
        conn.execute(contacts.insert(), [
            {"id": who, "attributes": {}, "consents": "", "created_at": long_ago, "updated_at": long_ago} for who in people
        ])  # fmt: skip
        conn.execute(
            events.insert(), [happened("1", 10, "clicked", "clicked"), happened("2", 10, "machine_click", "machine")]
        )
        conn.execute(enrollments.insert(), [run("r", "inside", "active", 1100)])
        assert inactive(conn, NOW - 1096 * DAY, 1) == (2, ["machine"])
