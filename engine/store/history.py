"""What has happened, for people to read: a contact's timeline, the log, one message with its reasons, the numbers.

Rules
- Nothing here writes. Every question costs a constant number of statements.
- The unit of outcomes is the contact, the unit of delivery the message (outcomes.py and counting.py say which).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.attributing import Credit, credits_of
from engine.store.conserving import Conservation, conservation
from engine.store.counting import (
    ArmNumbers,
    JourneyNumbers,
    MessageNumbers,
    Period,
    RuleNumbers,
    journey_numbers,
)
from engine.store.explaining import Explained, decided, explain
from engine.store.outcomes import (
    DayNumbers,
    GroupNumbers,
    Question,
    Run,
    before,
    by_day,
    by_group,
    first_runs,
    runs,
)
from engine.store.rows import (
    DecisionRow,
    DeliveryRow,
    EventRow,
    MoveRow,
    RefusalRow,
    RunRow,
    read,
    read_decisions,
)
from engine.store.tables import decisions, deliveries, enrollments, events, moves, refusals

__all__ = [
    "ArmNumbers", "Conservation", "Credit", "DayNumbers", "DecisionRow", "DeliveryRow", "Entry", "EventRow",
    "Explained", "GroupNumbers", "JourneyNumbers", "Line", "MessageNumbers", "MoveRow", "Period", "Question",
    "RefusalRow", "RuleNumbers", "Run", "RunRow", "Wanted", "before", "by_day", "by_group", "conservation",
    "credits_of", "decided", "explain", "first_runs", "journey_numbers", "log", "runs", "timeline",
]  # fmt: skip

Kind = Literal["event", "entered", "move", "decision", "message", "held", "refused", "left"]
ORDER: tuple[Kind, ...] = ("event", "entered", "move", "decision", "held", "refused", "message", "left")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a contact's timeline; `journey` is "" for events. `row` holds everything about it."""

    at: datetime
    kind: Kind
    journey: str
    row: EventRow | RunRow | MoveRow | RefusalRow | DecisionRow | DeliveryRow


def timeline(
    conn: sa.Connection, contact_id: str, since: datetime | None = None, journey: str | None = None
) -> list[Entry]:
    """Return what happened to a contact, oldest first; with `journey` only that journey's part and all events."""
    everything = list(_lived(conn, contact_id)) + list(_decided(conn, contact_id))
    wanted = (entry for entry in everything if journey is None or entry.journey in ("", journey))
    kept = [entry for entry in wanted if since is None or entry.at >= since]
    return sorted(kept, key=lambda entry: (entry.at, ORDER.index(entry.kind)))


def _lived(conn: sa.Connection, contact_id: str) -> list[Entry]:
    """Return the events, the runs and their moves."""
    happened = read(conn, EventRow, events, events.c.contact_id == contact_id)
    lived = read(conn, RunRow, enrollments, enrollments.c.contact_id == contact_id)
    journeys = {run.id: run.journey for run in lived}
    mine = sa.select(enrollments.c.id).where(enrollments.c.contact_id == contact_id)
    steps = read(conn, MoveRow, moves, moves.c.enrollment_id.in_(mine))
    return [
        *(Entry(event.at, "event", "", event) for event in sorted(happened, key=lambda event: event.id)),
        *(Entry(run.entered_at, "entered", run.journey, run) for run in lived),
        *(Entry(move.at, "move", journeys[move.enrollment_id], move) for move in steps),
        *(Entry(run.left_at, "left", run.journey, run) for run in lived if run.left_at),
    ]


def _decided(conn: sa.Connection, contact_id: str) -> list[Entry]:
    """Return what was decided, refused and sent."""
    said_no = read(conn, RefusalRow, refusals, refusals.c.contact_id == contact_id)
    drawn = read_decisions(conn, decisions.c.contact_id == contact_id)
    messages = read(conn, DeliveryRow, deliveries, deliveries.c.contact_id == contact_id)
    return [
        *(Entry(row.at, "held" if row.until else "refused", row.journey, row) for row in said_no),
        *(Entry(row.at, "decision", row.journey, row) for row in drawn),
        *(Entry(row.at, "message", row.journey, row) for row in messages),
    ]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the log: all of `kinds` (send, skip, hold, decision, error), after `after`, at most `limit`."""

    kinds: frozenset[str] = frozenset({"send", "skip", "hold", "decision", "error"})
    journey: str | None = None
    contact_id: str | None = None
    after: datetime | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: `what` is the status, rule, arm or fault; `key` the send key."""

    at: datetime
    kind: str
    contact_id: str
    journey: str
    state: str
    message: str
    what: str
    detail: str
    key: str


def log(conn: sa.Connection, wanted: Wanted | None = None) -> list[Line]:
    """Return the newest lines that are wanted, oldest first; with `after` the oldest ones after it (to follow)."""
    wanted = wanted or Wanted()
    parts = [part for kind in sorted(wanted.kinds) for part in _parts(kind, wanted)]
    if not parts:
        return []
    lines = sa.union_all(*(sa.select(part) for part in parts)).subquery()
    order = (lines.c.at, lines.c.kind, lines.c.key)
    asked = sa.select(lines).order_by(*(order if wanted.after else (by.desc() for by in order))).limit(wanted.limit)
    found = [Line(*row) for row in conn.execute(asked)]
    return found if wanted.after else found[::-1]


def _parts(kind: str, wanted: Wanted) -> list[sa.Subquery]:
    d, r, c = deliveries.c, refusals.c, decisions.c
    if kind == "send":
        return [_part(_message_lines(kind), d.sent_at, wanted, d.status == "sent")]
    if kind == "error":
        return [
            _part(_message_lines(kind), d.ended_at, wanted, d.status.in_(("failed", "unknown"))),
            _part(_parked_lines(), enrollments.c.state_at, wanted, enrollments.c.status == "parked"),
        ]
    if kind == "skip":
        ended = _part(_message_lines(kind), d.ended_at, wanted, d.status.in_(("suppressed", "expired")))
        return [ended, _part(_refusal_lines(kind), r.at, wanted, r.until.is_(None))]
    if kind == "hold":
        return [_part(_refusal_lines(kind), r.at, wanted, r.until.is_not(None))]
    return [_part(_decision_lines(), c.at, wanted)]


def _part(
    query: sa.Select[Any], at: sa.Column[datetime], wanted: Wanted, *where: sa.ColumnElement[bool]
) -> sa.Subquery:
    """Narrow one kind of line to what is wanted."""
    table = at.table
    query = query.where(at.is_not(None), *where)
    if wanted.journey:
        query = query.where(table.c.journey == wanted.journey)
    if wanted.contact_id:
        query = query.where(table.c.contact_id == wanted.contact_id)
    query = query.where(at > wanted.after).order_by(at) if wanted.after else query.order_by(at.desc())
    return query.limit(wanted.limit).subquery()


def _message_lines(kind: str) -> sa.Select[Any]:
    d = deliveries.c
    at = d.sent_at if kind == "send" else d.ended_at
    return sa.select(
        at.label("at"), sa.literal(kind).label("kind"), d.contact_id, d.journey, d.state, d.message,
        d.status.label("what"), d.detail, d.key,
    )  # fmt: skip


def _refusal_lines(kind: str) -> sa.Select[Any]:
    r = refusals.c
    return sa.select(
        r.at, sa.literal(kind).label("kind"), r.contact_id, r.journey, r.state, r.message, r.rule.label("what"),
        r.detail, r.key,
    )  # fmt: skip


def _decision_lines() -> sa.Select[Any]:
    c = decisions.c
    return sa.select(
        c.at, sa.literal("decision").label("kind"), c.contact_id, c.journey, c.state, c.arm.label("message"),
        c.group.label("what"), c.policy.label("detail"), c.key,
    )  # fmt: skip


def _parked_lines() -> sa.Select[Any]:
    n = enrollments.c
    return sa.select(
        n.state_at.label("at"), sa.literal("error").label("kind"), n.contact_id, n.journey, n.state,
        sa.literal("").label("message"), n.status.label("what"), sa.func.coalesce(n.reason, "").label("detail"),
        n.id.label("key"),
    )  # fmt: skip
