"""Writing down where walks led: rows are gathered contact by contact and written table by table.

Rules
- One executemany per table, whatever the number of contacts; what a walk did not touch is not written.
- State, decision and intent stand in the same transaction; an event counts as seen only if it was in the snapshot.
- Messages and decisions are written in the order of their keys, in which they are claimed later: those that go out
  together then share pages, and each group writes half as many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa

from engine.core.model import Decision, Enrollment, Event, Send, Snapshot, Step, Webhook, stands_still
from engine.errors import ClaimLost
from engine.store.changing import differing, note
from engine.store.sets import Upsert, any_of, insert_missing, one_of, upsert, write
from engine.store.tables import (
    Instant,
    alarms,
    contacts,
    decisions,
    deliveries,
    enrollments,
    events,
    moves,
    refusals,
    waits,
)

Row = dict[str, Any]
_key_of = itemgetter("key")
_wide_of = attrgetter("version", "group", "visits", "entry", "values")
"""What rarely changes once an enrollment is there: written only for those where it did."""

# made once: making a statement costs more than running it
_SEE = (
    events.update().where(any_of(events.c.id, "ids")).values(fresh=False, walked_at=sa.bindparam("now", type_=Instant))
)
_TOUCH = (
    decisions.update()
    .where(
        any_of(decisions.c.contact_id, "ids"),
        decisions.c.status.in_(("open", "pending")),
        decisions.c.touched.is_(sa.false()),
    )
    .values(touched=True)
)
_UNSENT = (
    decisions.update()
    .where(any_of(decisions.c.key, "keys"), decisions.c.status.in_(("pending", "open")))
    .values(status=sa.bindparam("now_is"), touched=True)
)
_STEP = enrollments.update().where(enrollments.c.id == sa.bindparam("of"))
_INSERTS = {table: table.insert() for table in (enrollments, moves, waits, refusals, decisions, deliveries)}
_SILENCE = alarms.delete().where(any_of(alarms.c.contact_id, "ids"))


@dataclass(frozen=True, slots=True)
class Walked:
    """A claimed contact and every step that its walk took, in order."""

    snapshot: Snapshot
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Acting:
    """Which version of each journey acted in these walks ("" = the one a run began under), and what is paused."""

    versions: Mapping[str, str] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()


AS_BEGUN = Acting()


@dataclass(frozen=True, slots=True)
class Committed:
    """How much was written; `left` are runs that ended, `queued` messages and calls that will go out."""

    contacts: int = 0
    started: int = 0
    moved: int = 0
    left: int = 0
    decided: int = 0
    refused: int = 0
    queued: int = 0
    shadows: int = 0
    emitted: int = 0


@dataclass(slots=True)
class _Rows:
    """All that one commit writes."""

    acting: Acting = AS_BEGUN
    started: list[Row] = field(default_factory=list)
    stepped: list[Row] = field(default_factory=list)
    widened: list[Row] = field(default_factory=list)
    moves: list[Row] = field(default_factory=list)
    waits: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    emitted: list[Row] = field(default_factory=list)
    unsent: dict[str, list[str]] = field(default_factory=dict)  # what a decision becomes -> keys
    seen: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    alarms: list[Row] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    left: int = 0


def commit(conn: sa.Connection, walks: Sequence[Walked], now: datetime, acting: Acting = AS_BEGUN) -> Committed:
    """Write what the walks of one claim led to, in the transaction that claimed."""
    rows = _Rows(acting)
    for walked in walks:
        _gather(rows, walked, now)
    _see(conn, rows, now)
    _place(conn, rows)
    for table, new in _ledgers(rows):
        if new:
            write(conn, _INSERTS[table], new)
    insert_missing(conn, events, rows.emitted)
    for now_is, keys in rows.unsent.items():
        conn.execute(_UNSENT, {"keys": keys, "now_is": now_is})
    _change(conn, rows.changes, now)
    _set_alarms(conn, rows)
    return _counted(rows, len(walks))


def would_write(walked: Walked, now: datetime, acting: Acting = AS_BEGUN) -> dict[str, list[Row]]:
    """Return what `commit` would insert for one walk, by table: for comparing a walk with what another one left."""
    rows = _Rows(acting)
    _gather(rows, walked, now)
    return {"enrollments": rows.started} | {table.name: new for table, new in _ledgers(rows)}


def _counted(rows: _Rows, people: int) -> Committed:
    shadows = sum(row["status"] == "shadow" for row in rows.deliveries)
    return Committed(
        contacts=people,
        started=len(rows.started),
        moved=len(rows.moves),
        left=rows.left,
        decided=len(rows.decisions),
        refused=len(rows.refusals),
        queued=len(rows.deliveries) - shadows,
        shadows=shadows,
        emitted=len(rows.emitted),
    )


def _ledgers(rows: _Rows) -> tuple[tuple[sa.Table, list[Row]], ...]:
    return (
        (moves, rows.moves), (waits, rows.waits), (refusals, rows.refusals),
        (decisions, sorted(rows.decisions, key=_key_of)), (deliveries, sorted(rows.deliveries, key=_key_of)),
    )  # fmt: skip


def _gather(rows: _Rows, walked: Walked, now: datetime) -> None:
    snapshot = walked.snapshot
    contact_id = snapshot.contact.id
    before = {enrollment.id: enrollment for enrollment in snapshot.enrollments}
    after = dict(before)
    changes: dict[str, Any] = {}
    rung = False
    for step in walked.steps:
        _gather_wait(rows, after.get(step.enrollment.id), step, now)
        after[step.enrollment.id] = step.enrollment
        rung = _gather_step(rows, step, now) or rung
        if step.changes:
            changes |= step.changes
    if changes:
        rows.changes[contact_id] = changes
    _gather_places(rows, before, after)
    fresh = [event.id for event in snapshot.events if event.fresh]
    if fresh:
        rows.seen += fresh
        rows.touched.append(contact_id)
    _gather_alarm(rows, contact_id, after, now if rung else None)


def _gather_wait(rows: _Rows, before: Enrollment | None, step: Step, now: datetime) -> None:
    """Gather a wait that begins here: it moves nobody, so no other row says when it did."""
    x = step.enrollment
    if x.phase == "waiting" and not step.moves and (before is None or before.phase != "waiting"):
        rows.waits.append({"enrollment_id": x.id, "n": x.steps, "walked_at": now})


def _gather_alarm(rows: _Rows, contact_id: str, after: Mapping[str, Enrollment], rung: datetime | None) -> None:
    """Ring when the first of the running enrollments is due; at once when an event was emitted.

    Where no clock runs nothing is due: a tick does not look at the paused again and again.
    """
    paused = rows.acting.paused
    running = [x for x in after.values() if x.status == "active" and not (paused and stands_still(paused, x))]
    dues = [x.due_at for x in running if x.due_at is not None]
    if rung is not None:
        dues.append(rung)
    if dues:
        rows.alarms.append({"contact_id": contact_id, "due_at": min(dues)})
    else:
        rows.silent.append(contact_id)


def _gather_places(rows: _Rows, before: Mapping[str, Enrollment], after: Mapping[str, Enrollment]) -> None:
    for id_, enrollment in after.items():
        old = before.get(id_)
        if old is enrollment:
            continue
        rows.left += enrollment.status == "left"
        if old is None:
            rows.started.append(_whole(enrollment))
            continue
        rows.stepped.append(_narrow(enrollment))
        if _wide_of(old) != _wide_of(enrollment):
            rows.widened.append(_wide(enrollment))


def _gather_step(rows: _Rows, step: Step, now: datetime) -> bool:
    """Gather what one step did; return whether it emitted anything."""
    enrollment = step.enrollment
    if step.moves:
        rows.moves += [
            {"enrollment_id": enrollment.id, "n": m.n, "source": m.source, "target": m.target, "why": m.why, "at": m.at,
             "walked_at": now}
            for m in step.moves
        ]  # fmt: skip
    if step.refusals:
        rows.refusals += _refusals(step, now)
    if step.decisions:
        going = {send.key for send in step.sends if not send.shadow}
        if enrollment.drawn and enrollment.group == "learner":
            going.add(enrollment.key)  # its message leaves later in the day
        rows.decisions += [
            _decision(decision, enrollment, rows.acting, pending=decision.key in going) for decision in step.decisions
        ]
    if step.unsent:
        key, refused = step.unsent
        rows.unsent.setdefault("void" if refused else "open", []).append(key)
    if step.sends or step.calls:
        state = step.moves[0].source if step.moves else enrollment.state
        rows.deliveries += [_delivery(send, enrollment, state, now) for send in step.sends]
        rows.deliveries += [_call(webhook, enrollment, state, now) for webhook in step.calls]
    if step.emitted:
        rows.emitted += [_emitted(event, enrollment.contact_id, now) for event in step.emitted]
    return bool(step.emitted)


def _whole(x: Enrollment) -> Row:
    return {
        "id": x.id, "contact_id": x.contact_id, "journey": x.journey, "version": x.version, "state": x.state,
        "group": x.group, "status": x.status, "phase": x.phase, "entered_at": x.entered_at, "state_at": x.state_at,
        "due_at": x.due_at, "held_since": x.held_since, "left_at": x.left_at, "goal_at": x.goal_at, "reason": x.reason,
        "trigger": x.trigger, "cause": x.cause, "steps": x.steps, "visits": x.visits, "entry": x.entry,
        "values": x.values, "drawn": x.drawn,
    }  # fmt: skip


def _narrow(x: Enrollment) -> Row:
    return {
        "of": x.id, "state": x.state, "status": x.status, "phase": x.phase, "state_at": x.state_at, "due_at": x.due_at,
        "held_since": x.held_since, "left_at": x.left_at, "goal_at": x.goal_at, "reason": x.reason, "cause": x.cause,
        "steps": x.steps, "drawn": x.drawn,
    }  # fmt: skip


def _wide(x: Enrollment) -> Row:
    return {
        "of": x.id, "version": x.version, "group": x.group, "visits": x.visits, "entry": x.entry, "values": x.values,
    }  # fmt: skip


def _refusals(step: Step, now: datetime) -> Iterator[Row]:
    """Give the refusals the key and the state of the visit at which they were met: a step looks at one state."""
    x = step.enrollment
    state = step.moves[0].source if step.moves else x.state
    key = f"{x.id}:{x.steps - len(step.moves)}"
    for refusal in step.refusals:
        yield {
            "key": key, "contact_id": x.contact_id, "journey": x.journey, "state": state, "message": refusal.message,
            "rule": refusal.rule, "detail": refusal.detail, "at": now, "until": refusal.until,
        }  # fmt: skip


def _decision(decision: Decision, x: Enrollment, acting: Acting, *, pending: bool) -> Row:
    """A decision whose message is on the way waits for it; one without (nothing, a shadow) can earn from now on."""
    return {
        "key": decision.key, "contact_id": x.contact_id, "journey": x.journey,
        "version": acting.versions.get(x.journey, x.version),
        "state": decision.point.partition(".")[2], "at": decision.at, "group": decision.group,
        "arms": list(decision.arms), "chances": list(decision.chances), "arm": decision.arm,
        "propensity": decision.propensity, "u": decision.u, "policy": decision.policy, "features": decision.features,
        "cost": decision.cost, "starts_at": decision.at, "closes_at": decision.at + decision.within,
        "status": "pending" if pending else "open", "touched": not pending, "reward": None, "learned": None,
    }  # fmt: skip


def _delivery(send: Send, x: Enrollment, state: str, now: datetime) -> Row:
    request = {
        "from": send.sender, "reply_to": send.reply_to, "vars": send.vars, "entry": x.entry, "values": x.values,
        "track": send.track,
    }  # fmt: skip
    return {
        "key": send.key, "contact_id": x.contact_id, "journey": x.journey, "state": state, "message": send.message,
        "channel": send.channel, "topic": send.topic, "transactional": send.transactional, "counted": send.counted,
        "decided": send.decided, "request": request, "status": "shadow" if send.shadow else "queued",
        "queued_at": now, "due_at": send.due_at, "next_at": None if send.shadow else now,
        "ended_at": now if send.shadow else None, "attempt": 0, "fence": 0,
    }  # fmt: skip


def _call(webhook: Webhook, x: Enrollment, state: str, now: datetime) -> Row:
    request = {
        "url": webhook.url, "method": webhook.method, "json": webhook.json,
        "timeout": webhook.timeout.total_seconds(), "retries": webhook.retries, "save_as": webhook.save_as,
    }  # fmt: skip
    return {
        "key": webhook.key, "contact_id": x.contact_id, "journey": x.journey, "state": state,
        "message": "webhook/call", "channel": "webhook", "topic": "", "transactional": False, "counted": False,
        "decided": False, "request": request, "status": "queued", "queued_at": now, "due_at": now, "next_at": now,
        "ended_at": None, "attempt": 0, "fence": 0,
    }  # fmt: skip


def _emitted(event: Event, contact_id: str, now: datetime) -> Row:
    return {
        "id": event.id, "contact_id": contact_id, "name": event.name, "at": event.at, "received_at": now,
        "data": event.data, "source": "journey", "fresh": True, "starts": event.starts,
    }  # fmt: skip


def _see(conn: sa.Connection, rows: _Rows, now: datetime) -> None:
    """Mark exactly the events that were looked at, and the open decisions that may have earned something by them."""
    if rows.seen:
        conn.execute(_SEE, {"ids": rows.seen, "now": now})
        conn.execute(_TOUCH, {"ids": rows.touched})


def _place(conn: sa.Connection, rows: _Rows) -> None:
    if rows.started:
        write(conn, _INSERTS[enrollments], rows.started)
    if rows.stepped and write(conn, _STEP, rows.stepped) != len(rows.stepped):
        raise ClaimLost("an enrollment that was claimed is gone; nothing was written")
    if rows.widened:
        write(conn, _STEP, rows.widened)


def _change(conn: sa.Connection, said: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """Merge into the attributes as they are now: an import may have changed others since the claim."""
    if not said:
        return
    query = sa.select(contacts.c.id, contacts.c.attributes).where(one_of(contacts.c.id, said)).with_for_update()
    before: dict[str, Mapping[str, Any]] = {row[0]: row[1] for row in conn.execute(query).all()}
    after = {id_: {**attributes, **said[id_]} for id_, attributes in before.items()}
    rows = [{"of": id_, "attributes": attributes, "updated_at": now} for id_, attributes in after.items()]
    if rows:
        conn.execute(contacts.update().where(contacts.c.id == sa.bindparam("of")), rows)
        note(conn, {id_: old for id_ in before if (old := differing(before[id_], after[id_]))}, now, "journey")


def _set_alarms(conn: sa.Connection, rows: _Rows) -> None:
    if rows.alarms:
        write(conn, _set_to(conn.dialect.name), rows.alarms)
    if rows.silent:
        conn.execute(_SILENCE, {"ids": rows.silent})


@lru_cache
def _set_to(dialect: str) -> Upsert:
    insert = upsert(dialect, alarms)
    return insert.on_conflict_do_update(index_elements=["contact_id"], set_={"due_at": insert.excluded.due_at})
