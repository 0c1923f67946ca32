"""The outbox: which messages are due, who holds them, and whether one may still go out.

Rules
- A row is held by one claim: `owner` names it and is never used twice, so that a worker that slept past its lease
  cannot write over its successor. The lease is checked where a message goes out, the owner where its answer comes in.
- Waiting rows have `next_at`, held rows have `lease_until`, ended rows have neither: two narrow indexes are the queue.
- `intend` is the last question before the message itself: consent, suppression and lease once more, in the commit
  that writes `sending`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from engine.errors import ClaimLost
from engine.store.links import Link, link_target, remember_template
from engine.store.receipts import Terms, commit, void
from engine.store.recovering import Recovered, expire, next_due, pending, recover, resolve_unknown
from engine.store.sets import one_of
from engine.store.tables import addresses, contacts, deliveries

__all__ = [
    "Delivery",
    "Draft",
    "Lease",
    "Link",
    "Recovered",
    "Terms",
    "claim",
    "commit",
    "expire",
    "intend",
    "link_target",
    "next_due",
    "pending",
    "prepare",
    "recover",
    "release",
    "remember_template",
    "renew",
    "resolve_unknown",
]

WEBHOOK = "webhook"  # a call to a URL of the project: it has no recipient to ask

d = deliveries.c


@dataclass(frozen=True, slots=True)
class Lease:
    """Who claims and for how long. `owner` names one claim of one worker and is never used again."""

    owner: str
    span: timedelta


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed message with all that rendering and sending need.

    `address` is the newest usable one (None: there is none; `suppressed` says whether one exists that must not be
    used). `attempt` is how often it has been tried before; `consents` are the words of `Contact.consents`.
    """

    key: str
    contact_id: str
    journey: str
    state: str
    message: str
    channel: str
    topic: str
    transactional: bool
    decided: bool
    request: Mapping[str, Any]
    attempt: int
    fence: int
    queued_at: datetime
    due_at: datetime
    expires_at: datetime | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    address: str | None = None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What was rendered: the template version, and this person's own destinations by link number."""

    key: str
    template: str
    links: Mapping[str, str] | None = None


def claim(conn: sa.Connection, now: datetime, lease: Lease, channels: Sequence[str], limit: int) -> list[Delivery]:
    """Claim at most `limit` due messages per channel, transactional first, then oldest first."""
    keys = _due(conn, now, channels, limit)
    if not keys:
        return []
    rows = conn.execute(_rows(keys)).all()
    reach = _addresses(conn, {row.contact_id for row in rows}, channels)
    claimed = [_delivery(row, *reach.get((row.contact_id, row.channel), (None, False))) for row in rows]
    conn.execute(_hold(now, lease), [{"row": c.key, "to": c.address} for c in claimed])
    return claimed


def _due(conn: sa.Connection, now: datetime, channels: Sequence[str], limit: int) -> list[str]:
    """Return the keys to claim: one index range per channel and urgency, so a long queue costs only its head."""
    ranges = [_range(now, channel, limit, urgent=urgent) for channel in channels for urgent in (True, False)]
    if not ranges:
        return []
    found = conn.execute(sa.union_all(*(sa.select(r) for r in ranges))).all()
    taken: dict[str, list[str]] = {}
    for row in sorted(found, key=lambda r: (not r.transactional, r.next_at, r.key)):
        taken.setdefault(row.channel, []).append(row.key)
    return [key for keys in taken.values() for key in keys[:limit]]


def _range(now: datetime, channel: str, limit: int, *, urgent: bool) -> sa.Subquery:
    return (
        sa.select(d.key, d.channel, d.transactional, d.next_at)
        .where(d.channel == channel, d.transactional == urgent, d.next_at <= now)
        .where(sa.or_(d.expires_at.is_(None), d.expires_at > now))
        .order_by(d.next_at, d.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )


def _rows(keys: Iterable[str]) -> sa.Select[Any]:
    return (
        sa.select(deliveries, contacts.c.attributes, contacts.c.consents)
        .join_from(deliveries, contacts, contacts.c.id == d.contact_id, isouter=True)
        .where(one_of(d.key, keys))
        .order_by(d.transactional.desc(), d.next_at, d.key)
    )


def _addresses(
    conn: sa.Connection, people: Iterable[str], channels: Sequence[str]
) -> dict[tuple[str, str], tuple[str | None, bool]]:
    """Return by (contact, channel) the newest address that may be used, and whether a suppressed one stands there."""
    a = addresses.c
    query = sa.select(addresses).where(one_of(a.contact_id, people), a.channel.in_(channels))
    found: dict[tuple[str, str], tuple[str | None, bool]] = {}
    for row in conn.execute(query.order_by(a.added_at, a.address)):
        usable, suppressed = found.get((row.contact_id, row.channel), (None, False))
        found[row.contact_id, row.channel] = (usable, True) if row.suppressed else (row.address, suppressed)
    return found


def _delivery(row: sa.Row[Any], address: str | None, suppressed: bool) -> Delivery:
    if row.channel == WEBHOOK:
        address = row.request.get("url")
    return Delivery(
        row.key, row.contact_id, row.journey, row.state, row.message, row.channel, row.topic, row.transactional,
        row.decided, row.request, row.attempt, row.fence + 1, row.queued_at, row.due_at, row.expires_at,
        row.attributes or {}, frozenset((row.consents or "").split()), address, suppressed and address is None,
    )  # fmt: skip


def _hold(now: datetime, lease: Lease) -> sa.Update:
    return (
        sa.update(deliveries)
        .where(d.key == sa.bindparam("row"))
        .values(
            status="claimed", owner=lease.owner, fence=d.fence + 1, lease_until=now + lease.span, next_at=None,
            address=sa.bindparam("to"),
        )
    )  # fmt: skip


def prepare(conn: sa.Connection, drafts: Sequence[Draft], owner: str) -> None:
    """Note what was rendered before it goes: a link of a message in doubt must lead somewhere, too."""
    if not drafts:
        return
    rows = [{"row": x.key, "made": x.template, "own": None if x.links is None else dict(x.links)} for x in drafts]
    conn.execute(
        sa.update(deliveries)
        .where(d.key == sa.bindparam("row"), d.owner == owner)
        .values(template=sa.bindparam("made"), links=sa.bindparam("own", type_=d.links.type)),
        rows,
    )


def intend(conn: sa.Connection, keys: Sequence[str], owner: str, now: datetime) -> frozenset[str]:
    """Write `sending` for those that may still go, end the withdrawn ones as `suppressed`; return the first."""
    mine = sa.and_(d.owner == owner, d.status == "claimed", d.lease_until > now)
    objections = {row.key: _objection(row) for row in conn.execute(_asked(keys, mine))}
    going = frozenset(key for key, objection in objections.items() if objection is None)
    send = sa.update(deliveries).where(one_of(d.key, going), mine).values(status="sending", sent_at=now)
    if going and conn.execute(send).rowcount != len(going):
        raise ClaimLost("another worker took these messages in between; nothing was sent")
    _withdraw(conn, {key: objection for key, objection in objections.items() if objection is not None}, now)
    return going


def _asked(keys: Sequence[str], mine: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select what the last question needs."""
    a = addresses.c
    here = sa.and_(a.contact_id == d.contact_id, a.channel == d.channel, a.address == d.address)
    return (
        sa.select(d.key, d.channel, d.topic, d.transactional, contacts.c.consents, a.address, a.suppressed)
        .join_from(deliveries, contacts, contacts.c.id == d.contact_id, isouter=True)
        .join(addresses, here, isouter=True)
        .where(one_of(d.key, keys), mine)
        .with_for_update(of=deliveries)
    )


def _objection(row: sa.Row[Any]) -> str | None:
    """Return why this message must not go any more, None when it may."""
    if row.channel == WEBHOOK:
        return None
    if row.suppressed is not None or row.address is None:
        return "suppressed"
    words = (row.consents or "").split()
    refused = f"-{row.channel}" in words
    if not row.transactional:
        refused = refused or row.topic not in words or f"{row.topic}-{row.channel}" in words
    return "no_consent" if refused else None


def _withdraw(conn: sa.Connection, objections: Mapping[str, str], now: datetime) -> None:
    if not objections:
        return
    conn.execute(
        sa.update(deliveries)
        .where(d.key == sa.bindparam("row"))
        .values(status="suppressed", detail=sa.bindparam("why"), lease_until=None, ended_at=now),
        [{"row": key, "why": objection} for key, objection in objections.items()],
    )
    void(conn, objections)


def renew(conn: sa.Connection, owner: str, until: datetime) -> int:
    """Keep everything `owner` still holds until `until`; return how many that are."""
    held = sa.and_(d.owner == owner, d.status.in_(("claimed", "sending")), d.lease_until.is_not(None))
    return conn.execute(sa.update(deliveries).where(held).values(lease_until=until)).rowcount


def release(conn: sa.Connection, owner: str, next_at: datetime) -> int:
    """Put back what `owner` claimed and has not begun to send; no attempt is charged."""
    held = sa.and_(d.owner == owner, d.status == "claimed", d.lease_until.is_not(None))
    back = {"status": "queued", "owner": None, "lease_until": None, "next_at": next_at}
    return conn.execute(sa.update(deliveries).where(held).values(back)).rowcount
