"""Double opt-in: a wish without proof waits until its own mailbox has said yes.

Rules
- The wish is a row of the ledger (`pending`) and counts for nothing; its mail goes through the ordinary outbox, as a
  transactional one that no cap counts, and names nothing but the topic.
- The link's page confirms by POST: scanners follow links. Only then the topic is granted, with the confirmation as its
  proof. After LIFE the link grants nothing; nobody is asked twice within AGAIN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final, Literal

import sqlalchemy as sa

from engine.store.consenting import ConsentChange, change_consents
from engine.store.law_tables import confirmations
from engine.store.sets import one_of
from engine.store.tables import deliveries

LIFE: Final = timedelta(days=7)
AGAIN: Final = timedelta(days=1)
STATE: Final = "confirm"  # of the delivery, whose journey is ""
_VISIT: Final = ":1"  # send keys are "<id>:<number>", and short ones make short links

Answer = Literal["granted", "already", "expired", "unknown"]
o = confirmations.c


@dataclass(frozen=True, slots=True)
class Asking:
    """Topics whose consent has to be confirmed -> the message that asks for it, sent by `channel`."""

    topics: Mapping[str, str] = field(default_factory=dict)
    channel: str = "email"

    def must(self, change: ConsentChange) -> bool:
        """Return whether this grant has to be confirmed first."""
        return change.granted and not change.channel and not change.proof and change.topic in self.topics


def ask(
    conn: sa.Connection, changes: Sequence[ConsentChange], asking: Asking | None, now: datetime
) -> tuple[list[ConsentChange], int]:
    """Ask for the confirmations that are needed; return the changes that need none, and how many were asked."""
    if asking is None or not asking.topics:
        return list(changes), 0
    wishes = [change for change in changes if asking.must(change)]
    if not wishes:
        return list(changes), 0
    lately = _lately(conn, {wish.contact_id for wish in wishes}, now)
    new = {(w.contact_id, w.topic): w for w in wishes if (w.contact_id, w.topic) not in lately}
    rows = [_row(wish, now) for wish in new.values()]
    if rows:
        change_consents(conn, [replace(wish, pending=True) for wish in new.values()], now)
        conn.execute(confirmations.insert(), rows)
        conn.execute(deliveries.insert(), [_mail(row, asking, now) for row in rows])
    return [change for change in changes if not asking.must(change)], len(rows)


def _lately(conn: sa.Connection, ids: Iterable[str], now: datetime) -> set[tuple[str, str]]:
    asked = sa.select(o.contact_id, o.topic).where(one_of(o.contact_id, ids), o.asked_at > now - AGAIN)
    return {(row[0], row[1]) for row in conn.execute(asked.where(o.confirmed_at.is_(None)))}


def _row(wish: ConsentChange, now: datetime) -> dict[str, Any]:
    return {
        "id": f"c{token_hex(10)}", "contact_id": wish.contact_id, "topic": wish.topic, "source": wish.source[:200],
        "text": wish.text or None, "ip": wish.ip or None, "asked_at": now, "expires_at": now + LIFE,
    }  # fmt: skip


def _mail(row: Mapping[str, Any], asking: Asking, now: datetime) -> dict[str, Any]:
    return {
        "key": f"{row['id']}{_VISIT}", "contact_id": row["contact_id"], "journey": "", "state": STATE,
        "message": asking.topics[row["topic"]], "channel": asking.channel, "topic": row["topic"],
        "transactional": True, "counted": False, "decided": False, "request": {"track": False}, "status": "queued",
        "queued_at": now, "due_at": now, "next_at": now, "expires_at": row["expires_at"], "attempt": 0, "fence": 0,
    }  # fmt: skip


def topic_of(conn: sa.Connection, key: str) -> str | None:
    """Return the topic that the mail with this send key asks about."""
    found: str | None = conn.execute(sa.select(o.topic).where(o.id == key.removesuffix(_VISIT))).scalar()
    return found


def confirm(conn: sa.Connection, key: str, now: datetime, ip: str = "") -> Answer:
    """Grant what was asked for by the mail with this send key; once, and in time."""
    row = conn.execute(sa.select(confirmations).where(o.id == key.removesuffix(_VISIT)).with_for_update()).one_or_none()
    if row is None:
        return "unknown"
    if row.confirmed_at is not None:
        return "already"
    if row.expires_at <= now:
        return "expired"
    conn.execute(sa.update(confirmations).where(o.id == row.id).values(confirmed_at=now))
    yes = ConsentChange(
        row.contact_id, row.topic, "", granted=True, source=row.source, text=row.text or "",
        proof=f"confirmed by mail {row.id}", ip=ip or row.ip or "",
    )  # fmt: skip
    return "unknown" if change_consents(conn, [yes], now) else "granted"
