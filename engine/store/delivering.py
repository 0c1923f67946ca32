"""The outbox: which messages are due, who holds them, and whether one may still go out.

Rules
- A row is held by one claim: `owner` names it and is never used twice, so that a worker that slept past its lease
  cannot write over its successor. The lease is checked where a message goes out, the owner where its answer comes in.
  Leases go by the clock that leases.py names.
- Waiting rows have `next_at`, held rows have `lease_until`, ended rows have neither: two narrow indexes are the queue.
- `intend` is the last question before the message itself: consent, suppression and lease once more, in the commit
  that writes `sending`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.errors import ClaimLost
from engine.store.leases import judged, lease_clock
from engine.store.links import Link, link_target, remember_template
from engine.store.receipts import Terms, commit, void
from engine.store.recovering import Recovered, expire, next_due, pending, recover, resolve_unknown
from engine.store.sets import any_of, listed, one_of, write
from engine.store.tables import HELD, addresses, contacts, deliveries, pauses

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
    "find",
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

PAUSED = "paused"
PACED = "paced"  # the kind of a waiting message that has its place in a bucket

d = deliveries.c
p = pauses.c

_DRAWN_UP_ALONE = (
    sa.update(deliveries)
    .where(d.key == sa.bindparam("row"), d.owner == sa.bindparam("mine"))
    .values(template=sa.bindparam("made"), links=sa.bindparam("own", type_=d.links.type))
)


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
    placed: bool = False  # it has waited for its place in a bucket
    content: Mapping[str, Any] = field(default_factory=dict)  # what its template asks to be told: content.py


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
    term = {"judge": judged(conn, now), "span": lease.span // timedelta(microseconds=1)}
    conn.execute(_hold(), {"keys": keys, "mine": lease.owner} | term)
    held = {row.key: _delivery(row) for row in conn.execute(_rows(), {"keys": keys}).all()}
    return [held[key] for key in keys]


def find(conn: sa.Connection, key: str) -> Delivery | None:
    """Return one message with all that rendering it again needs."""
    row = conn.execute(_rows(), {"keys": [key]}).one_or_none()
    return None if row is None else _delivery(row)


def _due(conn: sa.Connection, now: datetime, channels: Sequence[str], limit: int) -> list[str]:
    if not channels:
        return []
    found = conn.execute(_ranges(tuple(channels)), {"moment": now, "most": limit}).all()
    taken: dict[str, list[str]] = {}
    for row in sorted(found, key=lambda r: (not r.transactional, r.next_at, r.key)):
        taken.setdefault(row.channel, []).append(row.key)
    return [key for keys in taken.values() for key in keys[:limit]]


@lru_cache
def _ranges(channels: tuple[str, ...]) -> sa.CompoundSelect[Any]:
    """Select what to claim: one index range per channel and urgency, so a long queue costs only its head."""
    ranges = [_range(channel, urgent=urgent) for channel in channels for urgent in (True, False)]
    return sa.union_all(*(sa.select(r) for r in ranges))


def _range(channel: str, *, urgent: bool) -> sa.Subquery:
    now = sa.bindparam("moment", type_=d.next_at.type)
    return (
        sa.select(d.key, d.channel, d.transactional, d.next_at)
        .where(d.channel == channel, d.transactional == urgent, d.next_at <= now)
        .where(sa.or_(d.expires_at.is_(None), d.expires_at > now))
        .order_by(d.next_at, d.key)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .subquery()
    )


@lru_cache
def _hold() -> sa.Update:
    """Return the statement that takes messages, each with the newest address that may be used (a webhook: its URL)."""
    a = addresses.c
    usable = (
        sa.select(a.address)
        .where(a.contact_id == d.contact_id, a.channel == d.channel, a.suppressed.is_(None))
        .order_by(a.added_at.desc(), a.address.desc())
        .limit(1)
        .scalar_subquery()
    )
    to = sa.case((d.channel == WEBHOOK, d.request["url"].as_string()), else_=usable)
    held = {"status": "claimed", "fence": d.fence + 1, "lease_until": _until(), "next_at": None, "address": to}
    return sa.update(deliveries).where(any_of(d.key, "keys")).values(held | {"owner": sa.bindparam("mine")})


@lru_cache
def _rows() -> sa.Select[Any]:
    """Return the statement for what is needed to render and send the claimed rows."""
    a, who = addresses.c, contacts.c
    unusable = sa.exists().where(a.contact_id == d.contact_id, a.channel == d.channel, a.suppressed.is_not(None))
    return (
        sa.select(
            d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.topic, d.transactional, d.decided,
            d.request, d.attempt, d.fence, d.queued_at, d.due_at, d.expires_at, who.attributes, who.consents, d.address,
            sa.case((d.address.is_(None), unusable), else_=sa.false()).label("suppressed"),
            (d.kind == PACED).label("placed"),
        )
        .join_from(deliveries, contacts, who.id == d.contact_id, isouter=True)
        .where(any_of(d.key, "keys"))
    )  # fmt: skip


def _delivery(row: sa.Row[Any]) -> Delivery:
    facts: list[Any] = list(row)
    attributes, consents, address, suppressed, placed = facts[-5:]
    words = frozenset((consents or "").split())
    who: dict[str, Any] = {"attributes": attributes or {}, "consents": words, "address": address}
    who |= {"suppressed": bool(suppressed), "placed": bool(placed)}
    return Delivery(*facts[:-5], **who)


def prepare(conn: sa.Connection, drafts: Sequence[Draft], owner: str) -> None:
    """Note what was rendered before it goes: a link of a message in doubt must lead somewhere, too."""
    common = [(draft.key, draft.template) for draft in drafts if not draft.links]
    if common:
        conn.execute(_drawn_up(conn.dialect.name), {"made": json.dumps(common), "mine": owner})
    rows = [{"row": x.key, "mine": owner, "made": x.template, "own": dict(x.links)} for x in drafts if x.links]
    if rows:
        write(conn, _DRAWN_UP_ALONE, rows)


@lru_cache
def _drawn_up(dialect: str) -> sa.Update:
    made = listed(dialect, "made", ("key", "template"))
    mine = (d.key == made.c.key) & (d.owner == sa.bindparam("mine"))
    return sa.update(deliveries).where(mine).values(template=made.c.template)


def intend(conn: sa.Connection, keys: Sequence[str], owner: str, now: datetime) -> frozenset[str]:
    """Write `sending` for those that may still go, end the withdrawn ones as `suppressed`; return the first."""
    asked = {"keys": list(keys), "mine": owner, "judge": judged(conn, now)}
    if conn.dialect.name == "postgresql":
        conn.execute(_recipients(), {"wanted": list(keys)}).all()  # nobody withdraws between the answer and the commit
    objections = {row.key: _objection(row) for row in conn.execute(_asked(), asked).all()}
    going = frozenset(key for key, objection in objections.items() if objection is None)
    begun = asked | {"keys": sorted(going), "moment": now}
    if going and conn.execute(_begin(), begun).rowcount != len(going):
        raise ClaimLost("another worker took these messages in between; nothing was sent")
    _keep(conn, [key for key, objection in objections.items() if objection == PAUSED])
    ended = {key: why for key, why in objections.items() if why not in (None, PAUSED)}
    _withdraw(conn, ended, now)
    return going


@lru_cache
def _recipients() -> sa.Select[Any]:
    theirs = sa.select(d.contact_id).where(any_of(d.key, "wanted"))
    people = sa.select(contacts.c.id).where(contacts.c.id.in_(theirs)).order_by(contacts.c.id)
    return people.with_for_update(read=True)


def _keep(conn: sa.Connection, keys: Sequence[str]) -> None:
    """Put back what a pause holds that began after the claim."""
    if keys:
        back = {"status": "queued", "owner": None, "lease_until": None, "next_at": HELD}
        conn.execute(sa.update(deliveries).where(one_of(d.key, keys)).values(back))


def _mine() -> sa.ColumnElement[bool]:
    return sa.and_(d.owner == sa.bindparam("mine"), d.status == "claimed", d.lease_until > lease_clock("judge"))


@lru_cache
def _begin() -> sa.Update:
    """Return the statement that writes `sending`; like the question before it made once, it runs with every group.

    The keys are one array: a planner sees how few they are, and does not read whole tables to join them.
    """
    at = sa.bindparam("moment", type_=d.sent_at.type)
    return sa.update(deliveries).where(any_of(d.key, "keys"), _mine()).values(status="sending", sent_at=at)


@lru_cache
def _asked() -> sa.Select[Any]:
    """Return the last question before messages go."""
    a = addresses.c
    here = sa.and_(a.contact_id == d.contact_id, a.channel == d.channel, a.address == d.address)
    place = (p.journey == d.journey) & p.state.in_(("", d.state))
    paused = sa.exists().where((p.journey == "") | place)
    return (
        sa.select(
            d.key, d.channel, d.topic, d.transactional, contacts.c.consents, a.address, a.suppressed,
            paused.label("paused"),
        )
        .join_from(deliveries, contacts, contacts.c.id == d.contact_id, isouter=True)
        .join(addresses, here, isouter=True)
        .where(any_of(d.key, "keys"), _mine())
        .with_for_update(of=deliveries)
    )  # fmt: skip


def _objection(row: sa.Row[Any]) -> str | None:
    """Return why this message must not go any more (PAUSED: not now), None when it may."""
    if row.paused:
        return PAUSED
    if row.channel == WEBHOOK:
        return None
    if row.suppressed is not None or row.address is None:
        return "suppressed"
    words = (row.consents or "").split()
    refused = f"-{row.channel}" in words
    if not row.transactional:
        refused = refused or row.topic not in words or f"{row.topic}-{row.channel}" in words
    return "no_consent" if refused else None


def _withdraw(conn: sa.Connection, objections: Mapping[str, str | None], now: datetime) -> None:
    if not objections:
        return
    conn.execute(
        sa.update(deliveries)
        .where(d.key == sa.bindparam("row"))
        .values(status="suppressed", detail=sa.bindparam("why"), lease_until=None, ended_at=now),
        [{"row": key, "why": objection} for key, objection in objections.items()],
    )
    void(conn, objections)


def renew(conn: sa.Connection, lease: Lease, now: datetime) -> int:
    """Keep everything that the lease's owner still holds for another span; return how many that are."""
    span = lease.span // timedelta(microseconds=1)
    return conn.execute(_renewed(), {"mine": lease.owner, "judge": judged(conn, now), "span": span}).rowcount


@lru_cache
def _renewed() -> sa.Update:
    mine = (d.owner == sa.bindparam("mine"), d.status.in_(("claimed", "sending")), d.lease_until.is_not(None))
    return sa.update(deliveries).where(*mine).values(lease_until=_until())


def _until() -> sa.ColumnElement[datetime]:
    span = sa.bindparam("span", type_=sa.BigInteger)
    return sa.type_coerce(sa.type_coerce(lease_clock("judge"), sa.BigInteger) + span, d.lease_until.type)


def release(conn: sa.Connection, owner: str, next_at: datetime) -> int:
    """Put back what `owner` claimed and has not begun to send; no attempt is charged."""
    held = sa.and_(d.owner == owner, d.status == "claimed", d.lease_until.is_not(None))
    back = {"status": "queued", "owner": None, "lease_until": None, "next_at": next_at}
    return conn.execute(sa.update(deliveries).where(held).values(back)).rowcount
