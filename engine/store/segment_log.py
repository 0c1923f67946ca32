"""What happened to segments: who entered and left, and how many were in one day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import sqlalchemy as sa

from engine.store.columns import from_micros
from engine.store.segment_tables import segment_fills, segment_moves, segment_numbers
from engine.store.standings import Moved

m, f, n = segment_moves.c, segment_fills.c, segment_numbers.c
HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a segment: how many came and went, and how many were in it at its end."""

    day: date
    entered: int
    left: int
    size: int


def moves(conn: sa.Connection, most: int, *, segment: str = "", contact_id: str = "") -> list[Moved]:
    """Return the newest moves of a segment or of a contact, newest first."""
    query = sa.select(m.contact_id, m.segment, m.entered, m.at, m.why)
    query = query.where(m.segment == segment) if segment else query.where(m.contact_id == contact_id)
    return [Moved(*row) for row in conn.execute(query.order_by(m.at.desc(), m.id.desc()).limit(most))]


def lately(conn: sa.Connection, since: datetime) -> dict[str, tuple[int, int]]:
    """Return how many entered and left each segment since an instant, fills left out."""
    entered = sa.func.sum(sa.case((m.entered, 1), else_=0))
    query = sa.select(m.segment, entered, sa.func.count()).where(m.at >= since).group_by(m.segment)
    return {name: (int(came), int(every - came)) for name, came, every in conn.execute(query)}


def filled(conn: sa.Connection) -> dict[str, datetime]:
    """Return when each segment that there is was filled last."""
    return {row.name: row.filled_at for row in conn.execute(sa.select(n.name, n.filled_at).where(n.version != ""))}


def last(conn: sa.Connection, segment: str, now: datetime) -> datetime:
    """Return when somebody moved last, now when nobody ever did."""
    found: datetime | None = conn.execute(
        sa.select(sa.func.max(m.at, type_=m.at.type)).where(m.segment == segment)
    ).scalar()
    return found or now


def days(conn: sa.Connection, segment: str, size: int, span: tuple[datetime, int, tzinfo]) -> list[Day]:
    """Return the last days of a segment, oldest first, counted back from its size now.

    `span`: now, how many days, and the zone whose midnights end them.
    """
    now, count, zone = span
    today = now.astimezone(zone).date()
    wanted = [today - timedelta(days=back) for back in range(count)]
    changes = _changes(conn, segment, (now - timedelta(days=count + 1), zone))
    found = []
    for day in wanted:
        came, went = changes.get(day, (0, 0))
        found.append(Day(day, came, went, size))
        size -= came - went
    return found[::-1]


def _changes(conn: sa.Connection, segment: str, span: tuple[datetime, tzinfo]) -> dict[date, tuple[int, int]]:
    since, zone = span
    hour = (sa.type_coerce(m.at, sa.BigInteger) // HOUR).label("hour")
    entered = sa.func.sum(sa.case((m.entered, 1), else_=0))
    moved = sa.select(hour, entered, sa.func.count()).where(m.segment == segment, m.at >= since).group_by(hour)
    rows: list[Sequence[int]] = [(at * HOUR, came, every - came) for at, came, every in conn.execute(moved)]
    at = sa.type_coerce(f.at, sa.BigInteger)
    rows += conn.execute(sa.select(at, f.entered, f.left).where(f.segment == segment, f.at >= since)).all()
    found: defaultdict[date, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for micros, came, went in rows:
        day = from_micros(int(micros)).astimezone(zone).date()
        before = found[day]
        found[day] = before[0] + int(came), before[1] + int(went)
    return found
