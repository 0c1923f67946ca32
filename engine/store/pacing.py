"""What is kept of pace: buckets, warm-ups, breakers; for all workers of a store and over restarts.

Rules
- Read and written in the transaction that claims, under a lock: two workers never take the same place.
- A bucket is one instant (the virtual scheduling of ATM's generic cell rate algorithm, ITU-T I.371): nothing has to
  be filled up while nobody sends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from engine.store.delivering import PACED
from engine.store.sending_tables import breakers, paces, ramps, soft_bounces
from engine.store.sets import one_of, upsert
from engine.store.tables import deliveries

b = breakers.c
d = deliveries.c


class Breaker(NamedTuple):
    """A provider that refuses us. Until `until` nothing goes there, then one message at a time tries."""

    channel: str
    provider: str
    opened_at: datetime
    until: datetime
    streak: int
    why: str


class Ramp(NamedTuple):
    """A warm-up: days that were used so far, and what the window since `since` has sent."""

    channel: str
    level: int
    since: datetime
    spent: int


@dataclass(frozen=True, slots=True)
class Later:
    """A claimed message that has to wait; `placed`: it has its place and asks no more."""

    key: str
    at: datetime
    placed: bool = False


def free_at(conn: sa.Connection, names: Collection[str]) -> dict[str, datetime]:
    """Return the buckets of these names, locked; one that was never used is missing."""
    query = sa.select(paces.c.name, paces.c.free_at).where(one_of(paces.c.name, sorted(names))).order_by(paces.c.name)
    return {row.name: row.free_at for row in conn.execute(query.with_for_update())}


def set_free_at(conn: sa.Connection, buckets: Mapping[str, datetime]) -> None:
    """Write buckets."""
    if buckets:
        insert = upsert(conn.dialect.name, paces)
        new = {"free_at": insert.excluded.free_at}
        rows = [{"name": name, "free_at": at} for name, at in sorted(buckets.items())]
        conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_=new), rows)


def ramps_of(conn: sa.Connection, channels: Collection[str]) -> dict[str, Ramp]:
    """Return the warm-ups of these channels, locked."""
    query = sa.select(ramps).where(one_of(ramps.c.channel, sorted(channels))).with_for_update()
    return {row.channel: Ramp(*row) for row in conn.execute(query)}


def set_ramps(conn: sa.Connection, some: Sequence[Ramp]) -> None:
    """Write warm-ups."""
    if some:
        insert = upsert(conn.dialect.name, ramps)
        new = {name: insert.excluded[name] for name in ("level", "since", "spent")}
        conn.execute(insert.on_conflict_do_update(index_elements=["channel"], set_=new), [r._asdict() for r in some])


_BREAKERS = sa.select(breakers).order_by(b.channel, b.provider)


def breakers_there(conn: sa.Connection) -> list[Breaker]:
    """Return all breakers; few, mostly none."""
    return [Breaker(*row) for row in conn.execute(_BREAKERS)]


def open_breakers(conn: sa.Connection, some: Sequence[Breaker]) -> None:
    """Write breakers that opened, or opened again."""
    if some:
        insert = upsert(conn.dialect.name, breakers)
        new = {name: insert.excluded[name] for name in ("opened_at", "until", "streak", "why")}
        statement = insert.on_conflict_do_update(index_elements=["channel", "provider"], set_=new)
        conn.execute(statement, [one._asdict() for one in some])


def close_breakers(conn: sa.Connection, places: Collection[tuple[str, str]]) -> None:
    """Take breakers away: what they stood for takes our mail again."""
    if places:
        here = (b.channel == sa.bindparam("on")) & (b.provider == sa.bindparam("at"))
        conn.execute(sa.delete(breakers).where(here), [{"on": on, "at": at} for on, at in sorted(places)])


_BACK = (
    sa.update(deliveries)
    .where(d.key == sa.bindparam("row"), d.owner == sa.bindparam("mine"), d.status == "claimed")
    .values(
        status="queued",
        owner=None,
        lease_until=None,
        next_at=sa.bindparam("at", type_=d.next_at.type),
        kind=sa.case((sa.bindparam("placed", type_=sa.Boolean), PACED), else_=d.kind),
    )
)


def put_back(conn: sa.Connection, owner: str, some: Sequence[Later]) -> None:
    """Let claimed messages wait; no attempt is charged."""
    if some:
        conn.execute(_BACK, [{"row": x.key, "mine": owner, "at": x.at, "placed": x.placed} for x in some])


class Standing(NamedTuple):
    """How sending stands."""

    breakers: list[Breaker]
    ramps: list[Ramp]
    resting: int


def standing(conn: sa.Connection, now: datetime) -> Standing:
    """Return who refuses us, how far warm-ups are, and how many addresses rest after soft bounces."""
    resting = sa.select(sa.func.count()).where(soft_bounces.c.until > now)
    some = [Ramp(*row) for row in conn.execute(sa.select(ramps).order_by(ramps.c.channel))]
    return Standing(breakers_there(conn), some, int(conn.execute(resting).scalar_one()))
