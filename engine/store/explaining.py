"""One message or decision with everything that led to it and came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.core.model import Event
from engine.store.rows import (
    DecisionRow,
    DeliveryRow,
    EventRow,
    MoveRow,
    RefusalRow,
    RunRow,
    read,
    read_decisions,
    run_of,
)
from engine.store.tables import contacts, decisions, deliveries, enrollments, events, moves, refusals, schedules
from journeys import Journey


@dataclass(frozen=True, slots=True)
class Explained:
    """All facts about one state visit of one contact: who, why there, what was refused, drawn, sent and heard back.

    `trigger` is the event that started the run. `answers` are the events that name this message (clicked, bounced),
    `later` the contact's other events inside the decision's reward window.
    """

    key: str
    contact_id: str
    attributes: Mapping[str, Any]
    consents: frozenset[str]
    run: RunRow | None
    trigger: EventRow | None
    moves: tuple[MoveRow, ...]
    refusals: tuple[RefusalRow, ...]
    decision: DecisionRow | None
    delivery: DeliveryRow | None
    answers: tuple[EventRow, ...]
    later: tuple[EventRow, ...]


def explain(conn: sa.Connection, key: str) -> Explained | None:
    """Return everything about the message or decision `key`, None when there is none."""
    delivery = next(iter(read(conn, DeliveryRow, deliveries, deliveries.c.key == key)), None)
    decision = next(iter(read_decisions(conn, decisions.c.key == key)), None)
    said_no = sorted(read(conn, RefusalRow, refusals, refusals.c.key == key), key=lambda row: row.at)
    known = delivery or decision or next(iter(said_no), None)
    if known is None:
        return None
    run = next(iter(read(conn, RunRow, enrollments, enrollments.c.id == run_of(key))), None)
    person = conn.execute(sa.select(contacts).where(contacts.c.id == known.contact_id)).one_or_none()
    steps = sorted(read(conn, MoveRow, moves, moves.c.enrollment_id == run_of(key)), key=lambda move: move.n)
    trigger, answers, later = _heard(
        read(conn, EventRow, events, events.c.contact_id == known.contact_id), key, run, decision
    )
    return Explained(
        key, known.contact_id, {} if person is None else person.attributes,
        frozenset(() if person is None else person.consents.split()), run, trigger, tuple(steps), tuple(said_no),
        decision, delivery, answers, later,
    )  # fmt: skip


def _heard(
    happened: list[EventRow], key: str, run: RunRow | None, decision: DecisionRow | None
) -> tuple[EventRow | None, tuple[EventRow, ...], tuple[EventRow, ...]]:
    """Return the run's trigger, the answers to the message, and what else fell into the reward window."""
    trigger = next((event for event in happened if run and event.id == run.trigger), None)
    ordered = sorted(happened, key=lambda event: (event.at, event.id))
    answers = tuple(event for event in ordered if event.data.get("key") == key)
    inside = [e for e in ordered if decision and decision.starts_at < e.at <= decision.closes_at]
    return trigger, answers, tuple(event for event in inside if event not in answers)


def decided(
    conn: sa.Connection, point: str, since: datetime | None = None, until: datetime | None = None
) -> list[DecisionRow]:
    """Return every decision at "journey.state" in [since, until), oldest first: what replay and estimates read."""
    journey, _, state = point.partition(".")
    c = decisions.c
    where = [c.journey == journey, c.state == state]
    where += [c.at >= since] if since else []
    where += [c.at < until] if until else []
    return read_decisions(conn, *where)


def contexts_before(conn: sa.Connection, point: str, before: datetime, limit: int) -> list[str]:
    """Return the features of the newest decisions at "journey.state" before an instant."""
    journey, _, state = point.partition(".")
    c = decisions.c
    mine = (c.journey == journey, c.state == state, c.at < before)
    query = sa.select(c.features).where(*mine).order_by(c.at.desc(), c.key).limit(limit)
    return list(conn.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Heard:
    """What of a contact a journey's door knows: the events that start it, oldest first; how the last run ended; faults;
    when the segment is next checked.
    """

    entering: tuple[Event, ...] = ()
    last_left: tuple[datetime, str] | None = None
    parked: tuple[tuple[datetime, str], ...] = ()
    next_check: datetime | None = None


def heard(conn: sa.Connection, contact_id: str, journey: Journey) -> Heard:
    """Return what the door of `journey` knows of a contact."""
    e, n = events.c, enrollments.c
    asked = sa.select(e.id, e.name, e.at, e.data, e.fresh, e.starts)
    mine = (e.contact_id == contact_id, e.name.in_(journey.enter.events))
    came = tuple(Event(*row) for row in conn.execute(asked.where(*mine).order_by(e.at, e.id)))
    runs = conn.execute(
        sa.select(n.status, n.left_at, n.state_at, n.reason)
        .where(n.contact_id == contact_id, n.journey == journey.name, n.status.in_(("left", "parked")))
        .order_by(n.state_at)
    ).all()
    left = [(row.left_at or row.state_at, row.reason or "left") for row in runs if row.status == "left"]
    parked = tuple((row.state_at, row.reason or "") for row in runs if row.status == "parked")
    check = conn.execute(sa.select(schedules.c.next_at).where(schedules.c.journey == journey.name)).scalar()
    return Heard(came, max(left, default=None), parked, check if journey.enter.check else None)
