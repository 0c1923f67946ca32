"""How often the arms of a decision were drawn, and what had been sent when they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.core.model import COUNTED
from engine.core.recency import REMEMBERED
from engine.store.sets import one_of
from engine.store.tables import Instant, decisions, deliveries

c = decisions.c
d = deliveries.c
HEARD = ("learner", "random", "baseline")


def drawn_since(
    conn: sa.Connection, since: datetime | None, now: datetime, points: Collection[str]
) -> Mapping[tuple[str, str], int]:
    """Return the draws in [since, now) by ("journey.state", arm); None: since ever."""
    names = tuple(sorted(points))
    asked = _drawn(names, since is not None)
    found = conn.execute(asked, {"now": now} | ({} if since is None else {"since": since})).all()
    return {(f"{journey}.{state}", arm): count for journey, state, arm, count in found}


@lru_cache(maxsize=16)
def _drawn(points: tuple[str, ...], later: bool) -> sa.Select[Any]:
    """Return the statement, each point by its own index range."""
    places = [point.partition(".") for point in points]
    here = sa.or_(*((c.journey == journey) & (c.state == state) for journey, _, state in places))
    times = [c.at < sa.bindparam("now", type_=Instant)]
    times += [c.at >= sa.bindparam("since", type_=Instant)] if later else []
    return (
        sa.select(c.journey, c.state, c.arm, sa.func.count())
        .where(here, c.group.in_(HEARD), *times)
        .group_by(c.journey, c.state, c.arm)
    )


def sent_before(conn: sa.Connection, keys: Collection[str]) -> dict[str, dict[str, datetime]]:
    """Return, per decision, when each message was last sent to its person before it, as caps counted it then."""
    counted = d.status.in_(COUNTED) | ((d.status != "shadow") & (d.ended_at > c.at))
    since = sa.type_coerce(c.at, sa.BigInteger) - REMEMBERED // timedelta(microseconds=1)
    before = sa.and_(
        d.contact_id == c.contact_id, d.queued_at < c.at, sa.type_coerce(d.queued_at, sa.BigInteger) >= since
    )
    query = (
        sa.select(c.key, d.message, sa.func.max(d.queued_at, type_=d.queued_at.type))
        .join_from(decisions, deliveries, before)
        .where(one_of(c.key, keys), counted, d.channel != "webhook")
        .group_by(c.key, d.message)
    )
    found: dict[str, dict[str, datetime]] = {}
    for key, message, at in conn.execute(query) if keys else ():
        found.setdefault(key, {})[message] = at
    return found
