"""A store that was restored from a copy: what the copy does not know was sent must not be sent again.

Rules
- A store is restored when the newest message of the sent log has no row in it: rows are written before messages go.
- What went out since is read from the newest message that the store knows was sent, and a day before it: a store that
  was put back by hand may have been stepped since, and workers do not commit in the order in which they send.
- Until somebody says what holds, nothing is sent. Then the keys that the log knows and the copy does not stand in
  `accepted`; a message queued under such a key ends as sent, at the instant the log says, and never goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from secrets import token_hex

import sqlalchemy as sa

from engine.store.auditing import note
from engine.store.care_tables import accepted, ledgers
from engine.store.columns import EPOCH
from engine.store.recovering import open_where_handed_over
from engine.store.sets import insert_missing, one_of
from engine.store.tables import deliveries, events, moves

d = deliveries.c
PAGE = 5000
OVERLAP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between the copy and today: its last instant, and how many messages went out since."""

    copied_at: datetime | None
    sent: int
    until: datetime | None


def ledger(conn: sa.Connection) -> str:
    """Return the name of this ledger; a store that has none yet is given one."""
    name = conn.execute(sa.select(ledgers.c.name)).scalar()
    if name is None:
        name = token_hex(8)
        conn.execute(ledgers.insert().values(name=name))
    return str(name)


def missing(conn: sa.Connection, keys: Sequence[str]) -> bool:
    """Return whether the newest of these keys is not in the store."""
    newest = keys[-1:]
    return bool(newest) and conn.execute(sa.select(d.key).where(one_of(d.key, newest))).first() is None


def last_instant(conn: sa.Connection) -> datetime | None:
    """Return the newest instant that the store itself tells of."""
    newest = [sa.select(sa.func.max(one)).scalar_subquery() for one in (d.queued_at, events.c.received_at, moves.c.at)]
    return max((at for at in conn.execute(sa.select(*newest)).one() if at is not None), default=None)


def unsure_since(conn: sa.Connection) -> datetime:
    """Return the instant from which on messages may have been sent that the store does not know of."""
    newest = conn.execute(sa.select(sa.func.max(d.sent_at))).scalar_one()
    return EPOCH if newest is None else newest - OVERLAP


def remember(conn: sa.Connection, sent: Iterable[tuple[str, datetime]], now: datetime) -> Gap:
    """Note what was sent after the copy was made; return what lies between."""
    copied_at, count, until = last_instant(conn), 0, None
    pages = iter(sent)
    while page := list(islice(pages, PAGE)):
        known = set(conn.execute(sa.select(d.key).where(_over(), one_of(d.key, [key for key, _ in page]))).scalars())
        new = [{"key": key, "at": at} for key, at in page if key not in known]
        insert_missing(conn, accepted, new)
        count += len(new)
        until = page[-1][1]
    gap = Gap(copied_at, count, until)
    note(conn, "restored", {"sent": gap.sent, "copied_at": str(gap.copied_at)}, now)
    return gap


def _over() -> sa.ColumnElement[bool]:
    return d.status.not_in(("queued", "deferred", "claimed", "sending"))


def pending(conn: sa.Connection) -> bool:
    """Return whether there is anything to look out for."""
    return conn.execute(sa.select(accepted.c.key).limit(1)).first() is not None


def settle(conn: sa.Connection) -> int:
    """End queued messages that went out after the copy was made as sent; return how many."""
    waiting = d.status.in_(("queued", "deferred"))
    found = sa.select(d.key).join(accepted, accepted.c.key == d.key).where(waiting).with_for_update(of=deliveries)
    keys = list(conn.scalars(found))
    if keys:
        at = sa.select(accepted.c.at).where(accepted.c.key == d.key).scalar_subquery()
        gone = {"status": "sent", "sent_at": at, "ended_at": at, "next_at": None, "detail": "sent before the restore"}
        conn.execute(sa.update(deliveries).where(one_of(d.key, keys)).values(gone))
        open_where_handed_over(conn, keys)
        conn.execute(accepted.delete().where(one_of(accepted.c.key, keys)))
    return len(keys)
