"""When people who wait would act by a new version: what `deploy --retime` recomputes.

Rules
- The core's own question (`wake`) is asked of the same person, state and instant of entry; only the version differs.
- Whose new time has passed acts now: a message is not too late because a plan was changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.core.look import Look
from engine.core.model import Moment
from engine.core.move import wake
from engine.core.walk import by_name
from engine.needs import needs, signs_in
from engine.store import signs
from engine.store.deploying import Stand
from engine.store.snapshots import load
from journeys import Journey
from journeys.project import Project

PAGE = 2000
"""Contacts that are read together."""


def retimed(
    conn: sa.Connection, runs: Sequence[Stand], by: tuple[Journey, Project], now: datetime
) -> Mapping[str, datetime]:
    """Return when each of these runs acts by the new version, of those whose time differs."""
    journey, project = by
    segments = project.data.segments
    asked = needs([journey], segments, signs_in(project))
    zone = ZoneInfo(project.timezone)
    hours = signs.everyone(conn, now, asked.hours, zone) if asked.hours else ()
    moment = Moment(now, zone, project.name, segments=segments, hours=hours)
    wanted = {run.id: run for run in runs}
    who = sorted({run.contact_id for run in runs})
    dues: dict[str, datetime] = {}
    for at in range(0, len(who), PAGE):
        for snapshot in load(conn, who[at : at + PAGE], now, asked):
            history = by_name(snapshot.events)
            for enrollment in snapshot.enrollments:
                if enrollment.id in wanted:
                    new = max(wake(Look(journey, enrollment, snapshot, moment, history)), now)
                    if new != enrollment.due_at:
                        dues[enrollment.id] = new
    return dues
