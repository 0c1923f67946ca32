"""Rows in our words, for tests of the outbox, the learner's rows and the history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from engine.store import delivering
from engine.store.delivering import Lease, Terms
from engine.store.tables import addresses, contacts, decisions, deliveries, enrollments, events, moves, refusals

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEASE = Lease("one", 10 * MINUTE)
TERMS = Terms(lambda channel, address: sha256(f"{channel}:{address.lower()}".encode()).hexdigest())


def contact(conn: sa.Connection, name: str, consents: str = "promo", **addressed: str) -> None:
    conn.execute(
        contacts.insert().values(
            id=name, attributes={"first_name": name.title()}, consents=consents, created_at=NOON, updated_at=NOON
        )
    )
    for channel, address in (addressed or {"email": f"{name}@example.org"}).items():
        conn.execute(addresses.insert().values(contact_id=name, channel=channel, address=address, added_at=NOON))


def queued(key: str, who: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": key, "contact_id": who, "journey": "welcome", "state": "hello", "message": "email/hello",
        "channel": "email", "topic": "promo", "transactional": False, "counted": True, "decided": False,
        "request": {}, "status": "queued", "queued_at": NOON, "due_at": NOON, "next_at": NOON, "attempt": 0, "fence": 0,
        "expires_at": None, "owner": None, "lease_until": None, "sent_at": None,
    }  # fmt: skip
    return row | changes


def decided(key: str, who: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": key, "contact_id": who, "journey": "welcome", "version": "v1", "state": "hello", "at": NOON,
        "group": "learner", "arms": ["email/hello", "nothing"], "chances": [0.75, 0.25], "arm": "email/hello",
        "propensity": 0.75, "u": 0.5, "policy": "uniform", "features": "const", "cost": 0.0, "starts_at": NOON,
        "closes_at": NOON + DAY, "status": "pending", "touched": False, "reward": None, "learned": None,
    }  # fmt: skip
    return row | changes


def enrolled(id_: str, who: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": id_, "contact_id": who, "journey": "welcome", "version": "v1", "state": "hello", "group": "learner",
        "status": "active", "phase": "waiting", "entered_at": NOON, "state_at": NOON, "due_at": None,
        "held_since": None, "left_at": None, "goal_at": None, "reason": None, "trigger": f"signup-{who}", "cause": "",
        "steps": 1, "visits": {}, "entry": {"plan": "pro"}, "values": {},
    }  # fmt: skip
    return row | changes


def happened(id_: str, who: str, name: str, at: datetime, **data: Any) -> dict[str, Any]:
    return {
        "id": id_, "contact_id": who, "name": name, "at": at, "received_at": at, "data": data, "source": "api",
        "fresh": False, "starts": True,
    }  # fmt: skip


def add(conn: sa.Connection, table: sa.Table, *rows: dict[str, Any]) -> None:
    conn.execute(table.insert(), list(rows))


def message(conn: sa.Connection, key: str, who: str = "ana", **changes: Any) -> None:
    """Queue a message with its decision."""
    add(conn, deliveries, queued(key, who, decided=True, **changes))
    add(conn, decisions, decided(key, who))


def row(conn: sa.Connection, table: sa.Table, key: str) -> Any:
    return conn.execute(sa.select(table).where(table.c.key == key)).one()


def claim(conn: sa.Connection, now: datetime = NOON, lease: Lease = LEASE, limit: int = 100) -> list[str]:
    return [c.key for c in delivering.claim(conn, now, lease, ["email", "push"], limit)]


def going(conn: sa.Connection, key: str, who: str = "ana", **changes: Any) -> None:
    """Queue, claim and begin to send one message."""
    message(conn, key, who, **changes)
    claim(conn)
    assert delivering.intend(conn, [key], LEASE.owner, NOON) == {key}


@contextmanager
def counting(conn: sa.Connection) -> Iterator[list[str]]:
    """Give the list of the statements that are executed inside."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(conn, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(conn, "before_cursor_execute", note)


def moved(run, n, source, target, at=NOON):
    return {"enrollment_id": run, "n": n, "source": source, "target": target, "why": "after 1h", "at": at}


def refused(key, who, rule, at=NOON, **changes):
    row = {
        "key": key, "contact_id": who, "journey": "welcome", "state": "hello", "message": "email/hello", "rule": rule,
        "detail": "promo 3/7d", "at": at, "until": None,
    }  # fmt: skip
    return row | changes


def lived(conn, who="ana", run="r"):
    """Ana signs up, is held, gets a message, clicks and buys."""
    add(conn, events, happened(f"signup-{who}", who, "signup", NOON))
    add(conn, enrollments, enrolled(run, who, status="left", left_at=NOON + 3 * HOUR, reason="goal"))
    add(conn, moves, moved(run, 1, "start", "hello"), moved(run, 2, "hello", "exit", NOON + 3 * HOUR))
    add(conn, refusals, refused(f"{run}:1", who, "quiet_hours", until=NOON + HOUR))
    add(
        conn,
        decisions,
        decided(f"{run}:1", who, at=NOON + HOUR, starts_at=NOON + HOUR, status="open", reward=1.0),
    )
    sent = {"status": "sent", "sent_at": NOON + HOUR, "ended_at": NOON + HOUR, "next_at": None, "decided": True}
    add(conn, deliveries, queued(f"{run}:1", who, **sent))
    add(conn, events, happened(f"click-{who}", who, "clicked", NOON + 2 * HOUR, key=f"{run}:1"))
    add(conn, events, happened(f"order-{who}", who, "bought", NOON + 3 * HOUR, total=60))
