"""What makes an alarm ring: people, events, consents and suppressions coming in, all of them in sets.

Rules
- Alarms are taken in the order of their contacts, so that two intakes never wait for each other in a circle.
- An event id counts once, whoever sends it again. An import never undoes what a person withdrew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.alarms import ring
from engine.store.consenting import ConsentChange, Digest, Suppression, change_consents, suppress
from engine.store.people import Counts, NewContact, add_contacts
from engine.store.sets import any_of, insert_missing, one_of, upsert
from engine.store.tables import contacts, enrollments, events

__all__ = [
    "ConsentChange", "Counts", "Digest", "NewContact", "NewEvent", "Recorded", "Suppression", "Unit", "add_contacts",
    "admit", "change_consents", "keep", "once", "record", "ring", "suppress", "trigger",
]  # fmt: skip

Unit = Literal["min", "hour", "day"]
_id_of = itemgetter("id")

_KNOWN = sa.select(contacts.c.id).where(any_of(contacts.c.id, "ids"))
_QUEUED = (
    sa.select(enrollments.c.id, enrollments.c.contact_id)
    .where(enrollments.c.journey == sa.bindparam("journey"), enrollments.c.status == sa.literal_column("'queued'"))
    .order_by(enrollments.c.entered_at, enrollments.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened; `at` None = now."""

    id: str
    contact_id: str
    name: str
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    source: str = "api"


@dataclass(frozen=True, slots=True)
class Recorded:
    """`late` are accepted, but start no journey; `unknown` are contacts that do not exist; `ids` are what is new."""

    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    unknown: tuple[str, ...] = ()
    ids: frozenset[str] = field(default=frozenset(), repr=False, compare=False)


def record(
    conn: sa.Connection,
    news: Sequence[NewEvent],
    now: datetime,
    skip_after: timedelta | None = None,
    *,
    create: bool = False,
) -> Recorded:
    """Record events exactly once each and ring their contacts; `create` makes contacts that are not known yet.

    An event that is older on arrival than `skip_after` is kept and counted, but starts no journey.
    """
    recorded = keep(conn, news, now, skip_after, create=create)
    whose = {new.id: new.contact_id for new in reversed(news)}
    ring(conn, (whose[id_] for id_ in recorded.ids), now)
    return recorded


def keep(
    conn: sa.Connection,
    news: Sequence[NewEvent],
    now: datetime,
    skip_after: timedelta | None = None,
    *,
    create: bool = False,
) -> Recorded:
    """Record events like `record`, for who has rung all of their contacts before, in this transaction."""
    unknown = _unknown(conn, {new.contact_id for new in news})
    if create:
        insert_missing(conn, contacts, [_bare(contact_id, now) for contact_id in unknown])
        unknown = ()
    missing = set(unknown)
    since = None if skip_after is None else now - skip_after
    rows = {new.id: _event(new, now, since) for new in reversed(news) if new.contact_id not in missing}
    inserted = _insert_events(conn, sorted(rows.values(), key=_id_of))  # in one order: two intakes wait in no circle
    known = sum(new.contact_id not in missing for new in news)
    late = sum(not rows[id_]["starts"] for id_ in inserted)
    return Recorded(len(inserted), known - len(inserted), late, unknown, frozenset(inserted))


def trigger(conn: sa.Connection, journey: str, contact_ids: Iterable[str], now: datetime, instant_key: str) -> int:
    """Let `journey` begin for these contacts, once for each `instant_key`; return for how many it is new."""
    name = f"enter:{journey}"
    news = [
        NewEvent(once(name, instant_key, contact_id), contact_id, name, now, source="journey")
        for contact_id in contact_ids
    ]
    return record(conn, news, now).accepted


def once(name: str, instant_key: str, contact_id: str) -> str:
    """Return the id of an event of our own that happens to a contact once at an instant."""
    said = f"{name}\x00{instant_key}\x00{contact_id}".encode("utf-8", "replace")
    return f"{name}:{hashlib.sha256(said).hexdigest()[:32]}"


def _unknown(conn: sa.Connection, contact_ids: set[str]) -> tuple[str, ...]:
    known = conn.execute(_KNOWN, {"ids": sorted(contact_ids)}).scalars().all() if contact_ids else ()
    return tuple(sorted(contact_ids.difference(known)))


def _bare(contact_id: str, now: datetime) -> dict[str, Any]:
    return {"id": contact_id, "attributes": {}, "consents": "", "created_at": now, "updated_at": now}


def _event(new: NewEvent, now: datetime, since: datetime | None) -> dict[str, Any]:
    at = now if new.at is None else min(new.at, now)
    return {
        "id": new.id, "contact_id": new.contact_id, "name": new.name, "at": at, "received_at": now,
        "data": new.data, "source": new.source, "fresh": True, "starts": since is None or at >= since,
    }  # fmt: skip


def _insert_events(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Insert what is new and return its ids."""
    if not rows:
        return ()
    return conn.execute(_insert(conn.dialect.name), rows).scalars().all()


@lru_cache
def _insert(dialect: str) -> Any:
    return upsert(dialect, events).on_conflict_do_nothing().returning(events.c.id)


@dataclass(frozen=True, slots=True)
class Admitted:
    """How many were let in; `full_until` is when the next one may come, where the limit is what keeps people out."""

    count: int = 0
    full_until: datetime | None = None


def admit(conn: sa.Connection, journey: str, limit: int, unit: Unit, now: datetime) -> Admitted:
    """Let in queued enrollments, first come first served, at most `limit` per UTC minute, hour or day.

    Entering is what the limit counts, so an enrollment enters when it is let in, not when it began to queue.
    """
    if conn.execute(_QUEUED, {"journey": journey, "most": 1}).first() is None:  # most ticks: nobody has to be counted
        return Admitted()
    entered = sa.select(sa.func.count()).where(
        enrollments.c.journey == journey,
        enrollments.c.entered_at >= _begin(unit, now),
        enrollments.c.status != "queued",
    )
    room = limit - conn.execute(entered).scalar_one()
    if room <= 0:
        return Admitted(full_until=_begin(unit, now) + UNITS[unit])
    rows = conn.execute(_QUEUED, {"journey": journey, "most": room}).all()
    ring(conn, (contact_id for _, contact_id in rows), now)
    still = one_of(enrollments.c.id, [id_ for id_, _ in rows]) & (enrollments.c.status == "queued")
    let_in = {"status": "active", "entered_at": now, "state_at": now, "due_at": None}
    return Admitted(conn.execute(enrollments.update().where(still).values(let_in)).rowcount)


UNITS: Mapping[Unit, timedelta] = {
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def _begin(unit: Unit, now: datetime) -> datetime:
    begin = now.replace(second=0, microsecond=0)
    if unit != "min":
        begin = begin.replace(minute=0)
    return begin.replace(hour=0) if unit == "day" else begin
