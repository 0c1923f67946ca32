"""Today's contacts carried into another store to see how they will fare: only read here, whole there.

Rules
- A fixed number of statements; a sample is drawn by a hash of the contact, so it is the same for everything compared.
- What waits in the outbox comes along as queued; what a worker holds is taken as not begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.core.chance import draw
from engine.store.copying import copy_policies
from engine.store.sets import one_of
from engine.store.tables import (
    addresses,
    alarms,
    consents,
    contacts,
    decisions,
    deliveries,
    enrollments,
    events,
    pauses,
    refusals,
    schedules,
)

REACTIONS = ("clicked", "unsubscribed")
ECHOES = (*REACTIONS, "complained", "bounced", "opened", "replied", "machine_click", "webhook_answered")
"""What only follows from a message, or from a journey: it is not a contact's own doing, and does not come again."""

BACK = timedelta(days=40)
e = events.c


@dataclass(frozen=True, slots=True)
class Person:
    """A contact of the sample; `created_at` says when we came to know them."""

    id: str
    attributes: Mapping[str, Any]
    addresses: Mapping[str, str]
    topics: frozenset[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a contact did in the days that are drawn from."""

    contact_id: str
    name: str
    at: datetime
    data: Mapping[str, Any]


def sampled(conn: sa.Connection, most: int, seed: str) -> tuple[list[str], int]:
    """Return the ids of at most `most` contacts, drawn by their hash, and how many contacts there are."""
    ids = list(conn.execute(sa.select(contacts.c.id)).scalars())
    if len(ids) <= most:
        return sorted(ids), len(ids)
    return sorted(sorted(ids, key=lambda id_: draw(seed, "sample", id_))[:most]), len(ids)


def carry(source: sa.Connection, target: sa.Connection, ids: Sequence[str], now: datetime) -> None:
    """Copy these contacts with all that their walks look at, and what was learned and settled for everybody."""
    for table in (contacts, addresses, consents, enrollments, alarms, events):
        whose = table.c.id if table is contacts else table.c.contact_id
        _copy(source, target, sa.select(table).where(one_of(whose, ids)), table)
    d = deliveries.c
    mine = sa.select(deliveries).where(one_of(d.contact_id, ids), d.queued_at >= now - BACK)
    back = {"status": "queued", "owner": None, "lease_until": None, "next_at": now}
    rows = [dict(row) for row in source.execute(mine).mappings()]
    _insert(target, deliveries, [row | back if row["status"] in ("claimed", "sending") else row for row in rows])
    drawn = source.execute(sa.select(decisions).where(one_of(decisions.c.contact_id, ids))).mappings()
    _insert(target, decisions, [{**row, "touched": False, "status": "closed"} for row in drawn])
    for table in (schedules, pauses):
        _copy(source, target, sa.select(table), table)
    copy_policies(source, target)


def people(conn: sa.Connection, ids: Sequence[str]) -> list[Person]:
    """Return the sample's people."""
    reach: dict[str, dict[str, str]] = {}
    a = addresses.c
    for id_, channel, address in conn.execute(
        sa.select(a.contact_id, a.channel, a.address).where(one_of(a.contact_id, ids), a.suppressed.is_(None))
    ):
        reach.setdefault(id_, {})[channel] = address
    rows = conn.execute(sa.select(contacts).where(one_of(contacts.c.id, ids)).order_by(contacts.c.id))
    return [
        Person(
            row.id, row.attributes, reach.get(row.id, {}),
            frozenset(word for word in row.consents.split() if "-" not in word), row.created_at,
        )
        for row in rows
    ]  # fmt: skip


def deeds(conn: sa.Connection, ids: Sequence[str], since: datetime, until: datetime) -> list[Deed]:
    """Return what these contacts did by themselves in [since, until), oldest first."""
    mine = (one_of(e.contact_id, ids), e.at >= since, e.at < until, e.name.not_in(ECHOES), e.source != "journey")
    query = sa.select(e.contact_id, e.name, e.at, e.data).where(*mine).order_by(e.at, e.id)
    return [Deed(*row) for row in conn.execute(query)]


def reactions(conn: sa.Connection, since: datetime, until: datetime) -> dict[str, tuple[float, ...]]:
    """Return by channel the shares of messages that were clicked, and after which people unsubscribed."""
    d, key = deliveries.c, e.data["key"].as_string()
    sent = (d.status == "sent", d.sent_at >= since, d.sent_at < until)
    counts = {
        row[0]: row[1] for row in conn.execute(sa.select(d.channel, sa.func.count()).where(*sent).group_by(d.channel))
    }
    query = (
        sa.select(d.channel, e.name, sa.func.count(sa.distinct(d.key)))
        .join_from(events, deliveries, d.key == key)
        .where(e.name.in_(REACTIONS), *sent)
        .group_by(d.channel, e.name)
    )
    said = {(row[0], row[1]): row[2] for row in conn.execute(query)}
    return {
        channel: tuple(said.get((channel, name), 0) / count for name in REACTIONS) for channel, count in counts.items()
    }


@dataclass(frozen=True, slots=True)
class SentRow:
    """A message that was handed over."""

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    channel: str
    topic: str
    queued_at: datetime
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class StoppedRow:
    """A message that the gate held (`until`) or refused."""

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    rule: str
    detail: str
    at: datetime
    until: datetime | None


def sent(conn: sa.Connection, after: datetime) -> list[SentRow]:
    """Return what was handed over after an instant, oldest first; webhooks are no messages."""
    d = deliveries.c
    columns = (d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.topic, d.queued_at, d.sent_at)
    query = sa.select(*columns).where(d.status == "sent", d.sent_at > after, d.channel != "webhook")
    return [SentRow(*row) for row in conn.execute(query.order_by(d.sent_at, d.key))]


def counted(conn: sa.Connection, since: datetime) -> list[SentRow]:
    """Return all messages since an instant that use the slots of caps, oldest first."""
    d = deliveries.c
    columns = (d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.topic, d.queued_at, d.queued_at)
    using = d.status.in_(("queued", "claimed", "sending", "sent", "deferred", "unknown"))
    query = sa.select(*columns).where(using, d.counted, d.queued_at >= since, d.channel != "webhook")
    return [SentRow(*row) for row in conn.execute(query.order_by(d.queued_at, d.key))]


def stopped(conn: sa.Connection) -> list[StoppedRow]:
    """Return everything that the gate objected to, oldest first; an arm's own condition is no objection."""
    r = refusals.c
    columns = (r.key, r.contact_id, r.journey, r.state, r.message, r.rule, r.detail, r.at, r.until)
    return [StoppedRow(*row) for row in conn.execute(sa.select(*columns).where(r.rule != "condition").order_by(r.id))]


def entered(conn: sa.Connection, since: datetime) -> dict[str, int]:
    """Return how many runs of each journey began after an instant."""
    n = enrollments.c
    query = sa.select(n.journey, sa.func.count()).where(n.entered_at > since, n.status != "queued").group_by(n.journey)
    return {row[0]: row[1] for row in conn.execute(query)}


def _copy(source: sa.Connection, target: sa.Connection, query: sa.Select[Any], table: sa.Table) -> None:
    _insert(target, table, [dict(row) for row in source.execute(query).mappings()])


def _insert(target: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    found = list(rows)
    if found:
        target.execute(table.insert(), found)
