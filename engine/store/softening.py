"""Mailboxes that are full or away: counted message by message, and left alone for a while after several in a row.

Rules
- Five messages in a row that bounced softly, the first and the last at least a week apart, give the address a rest of
  30 days. A message between two of them that did not bounce begins the count anew: it arrived.
- Counts are kept under the keyed hash of the address, as the suppression list is.
- A rest is no suppression: it ends by itself, unless the address has been suppressed for good meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from engine.store.consenting import Digest
from engine.store.sending_tables import soft_bounces
from engine.store.sets import one_of, upsert
from engine.store.tables import addresses, deliveries, suppressions

SOFT = "soft"
ENOUGH = 5
SPAN = timedelta(days=7)
REST = timedelta(days=30)
MEMORY = timedelta(days=90)  # how far back a message that arrived is looked for

a = addresses.c
d = deliveries.c
b = soft_bounces.c


@dataclass(frozen=True, slots=True)
class Soft:
    """A message that bounced softly; `at`: when it was handed over."""

    contact_id: str
    channel: str
    address: str
    at: datetime

    @property
    def place(self) -> tuple[str, str]:
        return self.channel, self.address


@dataclass(frozen=True, slots=True)
class Count:
    """How many in a row, of which time."""

    count: int
    first_at: datetime
    last_at: datetime

    @property
    def full(self) -> bool:
        return self.count >= ENOUGH and self.last_at - self.first_at >= SPAN


def counted(before: Count | None, at: datetime, arrived: Iterable[datetime]) -> Count:
    """Return the count after one more bounce; `arrived` are the instants of messages that did not bounce."""
    if before is None or any(before.last_at < one < at for one in arrived):
        return Count(1, at, at)
    return Count(before.count + 1, min(before.first_at, at), max(before.last_at, at))


def soften(conn: sa.Connection, softs: Sequence[Soft], digest: Digest, now: datetime) -> list[Soft]:
    """Count these bounces; return those that gave their address a rest."""
    if not softs:
        return []
    marks = {soft.place: digest(*soft.place) for soft in softs}
    rows = conn.execute(sa.select(soft_bounces).where(one_of(b.digest, marks.values())).with_for_update())
    counts = {(row.channel, row.digest): Count(row.bounces, row.first_at, row.last_at) for row in rows}
    arrived = _arrived(conn, softs, now)
    resting = []
    for soft in sorted(softs, key=lambda one: one.at):
        key = (soft.channel, marks[soft.place])
        counts[key] = counted(counts.get(key), soft.at, arrived.get(soft.place, ()))
        resting += [soft] if counts[key].full else []
    touched = {(soft.channel, marks[soft.place]) for soft in softs}
    rested = {(soft.channel, marks[soft.place]) for soft in resting}
    _write(conn, {key: counts[key] for key in touched}, rested, now)
    _rest(conn, resting, now)
    return list({soft.place: soft for soft in resting}.values())


def _arrived(conn: sa.Connection, softs: Sequence[Soft], now: datetime) -> Mapping[tuple[str, str], list[datetime]]:
    """Return when messages to these addresses were handed over and did not bounce."""
    here = one_of(d.contact_id, {soft.contact_id for soft in softs})
    rows = conn.execute(
        sa.select(d.channel, d.address, d.sent_at).where(
            here, d.status == "sent", d.kind == "", d.sent_at > now - MEMORY
        )
    )
    found: dict[tuple[str, str], list[datetime]] = {}
    for channel, address, at in rows:
        found.setdefault((channel, address), []).append(at)
    return found


def _write(
    conn: sa.Connection, counts: Mapping[tuple[str, str], Count], rested: set[tuple[str, str]], now: datetime
) -> None:
    rows = [
        {"digest": mark, "channel": channel, "bounces": one.count, "first_at": one.first_at, "last_at": one.last_at,
         "until": now + REST if (channel, mark) in rested else None}
        for (channel, mark), one in sorted(counts.items())
    ]  # fmt: skip
    insert = upsert(conn.dialect.name, soft_bounces)
    new = {name: insert.excluded[name] for name in ("bounces", "first_at", "last_at", "until")}
    conn.execute(insert.on_conflict_do_update(index_elements=["digest", "channel"], set_=new), rows)


def _rest(conn: sa.Connection, resting: Sequence[Soft], now: datetime) -> None:
    if resting:
        here = (a.channel == sa.bindparam("on")) & (a.address == sa.bindparam("to")) & a.suppressed.is_(None)
        places = [{"on": soft.channel, "to": soft.address} for soft in resting]
        conn.execute(sa.update(addresses).where(here).values(suppressed=SOFT, suppressed_at=now), places)


def over(conn: sa.Connection, now: datetime) -> bool:
    """Return whether a rest is over."""
    return conn.execute(sa.select(b.digest).where(b.until <= now).limit(1)).first() is not None


def wake(conn: sa.Connection, digest: Digest, now: datetime) -> int:
    """End the rests that are over; return how many addresses may be written to again."""
    ended = {(row.channel, row.digest) for row in conn.execute(sa.select(b.channel, b.digest).where(b.until <= now))}
    if not ended:
        return 0
    resting = conn.execute(sa.select(a.channel, a.address).where(a.suppressed == SOFT).distinct()).all()
    marks = {(channel, address): digest(channel, address) for channel, address in resting}
    awake = [place for place, mark in marks.items() if (place[0], mark) in ended]
    listed = _listed(conn, [marks[place] for place in awake])
    here = (a.channel == sa.bindparam("on")) & (a.address == sa.bindparam("to")) & (a.suppressed == SOFT)
    free = sa.update(addresses).where(here).values(suppressed=sa.bindparam("why"), suppressed_at=sa.bindparam("when"))
    rows = [
        {"on": place[0], "to": place[1], "why": listed.get((place[0], marks[place])), "when": None} for place in awake
    ]
    if rows:
        conn.execute(free, [row | {"when": now if row["why"] else None} for row in rows])
    conn.execute(soft_bounces.delete().where(b.until <= now))
    return sum(row["why"] is None for row in rows)


def _listed(conn: sa.Connection, marks: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Return why addresses are suppressed for good, by channel and keyed hash."""
    s = suppressions.c
    rows = conn.execute(sa.select(s.channel, s.digest, s.reason).where(one_of(s.digest, marks)))
    return {(row.channel, row.digest): row.reason for row in rows}
