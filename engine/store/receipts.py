"""What the world answered, and what follows from it in the same transaction.

Rules
- Only the claim that holds a row may end it. A late answer of the claim that lost it in doubt still settles it.
- A decision follows its message: sent opens the reward window at that instant, failed makes it void (never a zero),
  in doubt leaves it pending.
- A hard bounce takes the address out of use and is an event of the contact; a subscription that is gone is deleted.
  A soft one is counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from channels.channel import Receipt
from engine.store.alarms import ring
from engine.store.changing import Gone, note
from engine.store.sets import any_of, insert_missing, listed, one_of
from engine.store.softening import SOFT, Soft, soften
from engine.store.tables import addresses, decisions, deliveries, events, suppressions

BACKOFF = tuple(timedelta(minutes=m) for m in (5, 15, 60, 180, 360, 720))
JITTER = 0.2  # a share of the pause, either way
ENDED = frozenset({"sent", "failed", "suppressed", "expired", "shadow", "unknown"})
RESENT = "resent"  # the kind of a row that is tried once more after doubt

d = deliveries.c


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for answers: the keyed digest of a normalised address, the channels whose messages in doubt are
    sent again (transactional ones always are, once), the pauses between tries, and when to give up.
    """

    digest: Callable[[str, str], str]
    resend: frozenset[str] = frozenset()
    backoff: tuple[timedelta, ...] = BACKOFF
    give_up: timedelta = timedelta(hours=48)  # after it was due, where the message says nothing itself


@dataclass(frozen=True, slots=True)
class _After:
    """How a row stands after its receipt."""

    row: sa.Row[Any]
    status: str
    kind: str = ""
    detail: str = ""
    attempt: int = 0
    next_at: datetime | None = None
    sent_at: datetime | None = None
    provider_id: str | None = None


def commit(
    conn: sa.Connection, receipts: Sequence[Receipt], owner: str, now: datetime, terms: Terms
) -> Mapping[str, int]:
    """Write the receipts of rows that `owner` still holds and all that follows; return how many by new status."""
    sent = [receipt for receipt in receipts if receipt.status == "sent"]
    answers = {receipt.key: receipt for receipt in receipts if receipt.status not in ("withheld", "sent")}
    counts = +Counter(sent=_sent(conn, sent, owner, now) if sent else 0)
    rows = conn.execute(_held(answers, owner)) if answers else ()
    after = [_judge(row, answers[row.key], now, terms) for row in rows]
    if after:
        conn.execute(_rewrite(), [_values(a, owner, now) for a in after])
        void(conn, [a.row.key for a in after if a.status in ("failed", "expired")])
        _take_out(conn, [a for a in after if a.status == "failed"], now, terms)
        full = [a for a in after if a.status in ("failed", "expired") and a.kind == SOFT and a.row.address]
        soften(conn, [Soft(a.row.contact_id, *_where(a), now) for a in full], terms.digest, now)
    counts.update(a.status for a in after)
    return counts


def _sent(conn: sa.Connection, receipts: Sequence[Receipt], owner: str, now: datetime) -> int:
    """Write those that were accepted, the many, all at once; open the reward windows of those that were decided."""
    said = json.dumps([(r.key, r.detail, r.provider_id) for r in receipts])
    wanted = {"keys": [r.key for r in receipts], "mine": owner, "moment": now}
    written = conn.execute(accept(conn.dialect.name), wanted | {"said": said}).all()
    decided = [key for key, is_decided in written if is_decided]
    if decided:
        conn.execute(opening(), {"keys": decided, "moment": now})
    return len(written)


@lru_cache
def accept(dialect: str) -> sa.Update:
    """Return the statement that writes accepted messages and says which were decided.

    It runs with every group of messages: it is made once. The keys are given as one array, too: a planner sees how
    few they are, and does not read the whole table to join them.
    """
    said = listed(dialect, "said", ("key", "detail", "provider_id"))
    at = sa.bindparam("moment", type_=d.sent_at.type)
    same = {"status": "sent", "kind": "", "next_at": None, "lease_until": None, "sent_at": at, "ended_at": at}
    own = {"detail": said.c.detail, "provider_id": sa.func.nullif(said.c.provider_id, "")}
    held = sa.or_(*(d.status == status for status in ("claimed", "sending", "unknown")))
    mine = (d.key == said.c.key, any_of(d.key, "keys"), d.owner == sa.bindparam("mine"), held)
    return sa.update(deliveries).where(*mine).values(same | own).returning(d.key, d.decided)


@lru_cache
def opening() -> sa.Update:
    """Return the statement that opens the windows of decisions whose message has just been handed over.

    "pending" is said by what it is not: a planner would rather look at all that are pending than at a few keys.
    """
    c = decisions.c
    at = sa.bindparam("moment", type_=d.sent_at.type)
    span = sa.type_coerce(c.closes_at, sa.BigInteger) - sa.type_coerce(c.starts_at, sa.BigInteger)
    until = sa.type_coerce(at, sa.BigInteger) + span
    return (
        sa.update(decisions)
        .where(any_of(c.key, "keys"), *(c.status != other for other in ("open", "closed", "void")))
        .values(status="open", touched=True, starts_at=at, closes_at=until)
    )


def _held(keys: Iterable[str], owner: str) -> sa.Select[Any]:
    return (
        sa.select(
            d.key, d.contact_id, d.journey, d.state, d.message, d.channel, d.transactional, d.status, d.kind,
            d.attempt, d.due_at, d.expires_at, d.sent_at, d.address, d.request["retries"].as_integer().label("retries"),
        )
        .where(one_of(d.key, keys), d.owner == owner, d.status.in_(("claimed", "sending", "unknown")))
        .with_for_update()
    )  # fmt: skip


def _judge(row: sa.Row[Any], receipt: Receipt, now: datetime, terms: Terms) -> _After:
    """Return how the row stands after this answer; pure."""
    after = _After(row, receipt.status, receipt.kind, receipt.detail, row.attempt)
    if receipt.status == "unknown" and row.status != "claimed":
        if again(row, terms.resend):
            return replace(after, status="queued", kind=RESENT, attempt=row.attempt + 1, next_at=now)
        return replace(after, sent_at=row.sent_at or now)
    if receipt.status in ("deferred", "unknown"):  # in doubt, but never begun: the ledger knows better
        said = receipt.retry_at or (now + receipt.retry_in if receipt.retry_in is not None else None)
        return _defer(after, said, now, terms)
    return after


def again(row: sa.Row[Any], resend: frozenset[str]) -> bool:
    """Return whether a message in doubt goes out once more, under the same key."""
    return (row.transactional or row.channel in resend) and row.kind != RESENT


def _defer(after: _After, retry_at: datetime | None, now: datetime, terms: Terms) -> _After:
    row, attempt = after.row, after.row.attempt + 1
    next_at = max(retry_at or now + pause(row.key, attempt, terms.backoff), now)
    if row.retries is not None and attempt > row.retries:  # a webhook says how often
        return replace(after, status="failed", attempt=attempt)
    if next_at >= (row.expires_at or row.due_at + terms.give_up):
        return replace(after, status="expired", attempt=attempt)
    kind = RESENT if row.kind == RESENT else after.kind
    return replace(after, status="deferred", kind=kind, attempt=attempt, next_at=next_at)


def pause(key: str, attempt: int, backoff: Sequence[timedelta]) -> timedelta:
    """Return how long to wait after the failed try `attempt` (from 1), spread by a hash so that nobody is random."""
    span = backoff[min(attempt, len(backoff)) - 1]
    share = int.from_bytes(sha256(f"{key}:{attempt}".encode()).digest()[:4]) / 2**32
    return span * (1 + JITTER * (2 * share - 1))


def _rewrite() -> sa.Update:
    bound = ("status", "kind", "detail", "attempt", "next_at", "sent_at", "ended_at", "provider_id", "owner")
    return (
        sa.update(deliveries)
        .where(d.key == sa.bindparam("row"))
        .values({name: sa.bindparam(f"new_{name}", type_=d[name].type) for name in bound} | {"lease_until": None})
    )


def _values(after: _After, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "row": after.row.key,
        "new_status": after.status,
        "new_kind": after.kind,
        "new_detail": after.detail,
        "new_attempt": after.attempt,
        "new_next_at": after.next_at,
        "new_sent_at": after.sent_at,
        "new_ended_at": now if after.next_at is None else None,
        "new_provider_id": after.provider_id,
        "new_owner": owner if after.next_at is None else None,  # one that waits again belongs to nobody
    }


def void(conn: sa.Connection, keys: Iterable[str]) -> None:
    """Void the decisions of messages that never arrived, and let the learner see it."""
    keys = list(keys)
    if keys:
        c = decisions.c
        standing = (c.status != "closed", c.status != "void")
        conn.execute(sa.update(decisions).where(one_of(c.key, keys), *standing).values(status="void", touched=True))


def _take_out(conn: sa.Connection, failed: Sequence[_After], now: datetime, terms: Terms) -> None:
    """Take addresses that are dead out of use, and tell their contacts' journeys of hard bounces."""
    a = addresses.c
    here = (a.channel == sa.bindparam("on"), a.address == sa.bindparam("at_address"))
    hard = [x for x in failed if x.kind == "hard" and x.row.address]
    gone = [x for x in failed if x.kind == "gone" and x.row.address]
    if hard:
        conn.execute(
            sa.update(addresses).where(*here).values(suppressed="hard", suppressed_at=now), [_place(x) for x in hard]
        )
        insert_missing(conn, suppressions, [_objection(x, now, terms) for x in hard])
        _tell(conn, hard, now)
    if gone:
        _note_gone(conn, gone, now)
        conn.execute(sa.delete(addresses).where(*here), [_place(x) for x in gone])


def _note_gone(conn: sa.Connection, gone: Sequence[_After], now: datetime) -> None:
    """Note the addresses that are taken away, whoever has them."""
    a = addresses.c
    dead = {(x.row.channel, x.row.address) for x in gone}
    query = sa.select(a.contact_id, a.channel, a.address, a.suppressed, a.added_at)
    dropped: dict[str, list[Gone]] = {}
    for id_, *one in conn.execute(query.where(one_of(a.address, {str(address) for _, address in dead}))):
        if (one[0], one[1]) in dead:
            dropped.setdefault(id_, []).append((one[0], one[1], one[2], one[3]))
    note(conn, {}, now, "delivery", dropped)


def _where(after: _After) -> tuple[str, str]:
    return after.row.channel, after.row.address


def _place(after: _After) -> dict[str, Any]:
    return {"on": after.row.channel, "at_address": after.row.address}


def _objection(after: _After, now: datetime, terms: Terms) -> dict[str, Any]:
    digest = terms.digest(after.row.channel, after.row.address)
    return {"digest": digest, "channel": after.row.channel, "reason": after.kind, "at": now}


def _tell(conn: sa.Connection, bounced: Sequence[_After], now: datetime) -> None:
    """Record `bounced` for each, and ring the contacts' alarms."""
    insert_missing(conn, events, [_bounce(after, now) for after in bounced])
    ring(conn, [after.row.contact_id for after in bounced], now)


def _bounce(after: _After, now: datetime) -> dict[str, Any]:
    row = after.row
    said = {"key": row.key, "class": after.kind, "message": row.message, "journey": row.journey, "state": row.state}
    return {
        "id": f"bounced:{row.key}", "contact_id": row.contact_id, "name": "bounced", "at": now, "received_at": now,
        "data": said, "source": "delivery", "fresh": True, "starts": True,
    }  # fmt: skip
