"""How many people are where in a journey, and how many went which way: what `draw --live` shows.

Rules
- Two statements, however many people or states there are.
- Held-out people move at the same times and are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.tables import enrollments, moves

HEARS = "learner"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Contacts in each state now, runs by way (source, target) since an instant, and how many inside are held out."""

    inside: Mapping[str, int]
    moved: Mapping[tuple[str, str], int]
    held_out: int


def traffic(conn: sa.Connection, journey: str, since: datetime) -> Traffic:
    """Return the traffic of a journey; `since` bounds the ways."""
    e = enrollments.c
    hears = e.group == HEARS
    places = sa.select(e.state, hears, sa.func.count()).where(e.journey == journey, e.status == "active")
    inside = [(state, bool(heard), count) for state, heard, count in conn.execute(places.group_by(e.state, hears))]
    joined = moves.join(enrollments, e.id == moves.c.enrollment_id)
    ways = sa.select(moves.c.source, moves.c.target, sa.func.count()).select_from(joined)
    ways = ways.where(e.journey == journey, hears, moves.c.at >= since).group_by(moves.c.source, moves.c.target)
    return Traffic(
        {state: count for state, heard, count in inside if heard},
        {(source, target): count for source, target, count in conn.execute(ways)},
        sum(count for _, heard, count in inside if not heard),
    )
