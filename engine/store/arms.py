"""How often the arms of a decision were drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store.tables import Instant, decisions

c = decisions.c
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
