"""Signs of life: when each last came, and at which hours of the day a person shows them.

Rules
- One statement for all contacts; it reads the index of events, and the data of clicks alone: they name their message.
- Hours are UTC here; who looks at them knows the zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.best import HOURS, local_hours
from engine.core.recency import CLICKED, REMEMBERED, signs_of
from engine.store.sets import any_of
from engine.store.tables import Instant, contacts, events
from journeys.zones import zone_of

RHYTHM = timedelta(days=90)
"""How far back a person's hours reach."""

SAMPLE = 5000
"""Contacts whose hours speak for everyone's."""

FEWEST = 50
"""Signs below which nothing is said of everyone."""

e = events.c
_since = sa.bindparam("since", type_=Instant)
_HOUR = sa.type_coerce(e.at, sa.BigInteger) // 3_600_000_000 % HOURS


def lately(
    conn: sa.Connection, ids: Sequence[str], now: datetime, names: Collection[str]
) -> dict[str, Mapping[str, datetime]]:
    """Return per contact when each of these events last happened within REMEMBERED; a click by channel, too."""
    found: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    asked = _lately(tuple(sorted(names)))
    for id_, event, message, at in conn.execute(asked, {"ids": ids, "since": now - REMEMBERED}).all():
        mine = found[id_]
        mine.update({name: max(at, mine.get(name, at)) for name in signs_of(event, message)})
    return dict(found)


@lru_cache(maxsize=16)
def _lately(names: tuple[str, ...]) -> sa.CompoundSelect[Any]:
    last = sa.func.max(e.at, type_=e.at.type)
    message = e.data["message"].as_string()
    mine = (any_of(e.contact_id, "ids"), e.at >= _since)
    others = [name for name in names if name != CLICKED]
    clicks = [name for name in names if name == CLICKED]
    return sa.union_all(
        sa.select(e.contact_id, e.name, sa.literal(""), last)
        .where(*mine, e.name.in_(others))
        .group_by(e.contact_id, e.name),
        sa.select(e.contact_id, e.name, message, last)
        .where(*mine, e.name.in_(clicks))
        .group_by(e.contact_id, e.name, message),
    )


def hours(conn: sa.Connection, ids: Sequence[str], now: datetime, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return per contact how many of these events happened at each UTC hour of the day, within RHYTHM."""
    asked = _hours(tuple(sorted(names))).where(any_of(e.contact_id, "ids"))
    return _by_hour(conn.execute(asked, {"ids": ids, "since": now - RHYTHM}).all())


@lru_cache(maxsize=16)
def _hours(names: tuple[str, ...]) -> sa.Select[Any]:
    hour = _HOUR.label("hour")
    return (
        sa.select(e.contact_id, hour, sa.func.count())
        .where(e.name.in_(names), e.at >= _since)
        .group_by(e.contact_id, hour)
    )


def _by_hour(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[int, ...]]:
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0] * HOURS)
    for id_, hour, count in rows:
        found[id_][int(hour)] = count
    return {id_: tuple(counts) for id_, counts in found.items()}


def everyone(conn: sa.Connection, now: datetime, names: Collection[str], zone: ZoneInfo) -> tuple[float, ...]:
    """Return the shares of everyone's signs by local hour, from SAMPLE contacts; empty when there are too few."""
    some = sa.select(contacts.c.id, contacts.c.attributes).order_by(contacts.c.id).limit(SAMPLE)
    zones = {id_: zone_of(attributes) or zone for id_, attributes in conn.execute(some).all()}
    asked = _hours(tuple(sorted(names))).where(any_of(e.contact_id, "ids"))
    theirs = _by_hour(conn.execute(asked, {"ids": list(zones), "since": now - RHYTHM}).all())
    local = [local_hours(counts, zones[id_], now) for id_, counts in theirs.items()]
    total = [sum(counts[hour] for counts in local) for hour in range(HOURS)]
    return tuple(count / sum(total) for count in total) if sum(total) >= FEWEST else ()
