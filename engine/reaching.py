"""Whom a campaign may choose among: who can be reached, and fits its `only`.

Rules
- What SQL can say is asked of everybody at once. What it cannot (audience/compile.py says what that is) is asked of
  each person in Python, page by page: the same people, only slower.
- Something sensitive is never asked, whoever wrote it: lint says it first, and nothing goes past this.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.audience.compile import Pass, Unsayable
from engine.audience.facts import fact_of
from engine.audience.standing import widest, within
from engine.errors import ConfigError
from engine.store import campaigns as kept
from engine.store.snapshots import Needs, glance
from engine.store.tables import contacts
from journeys.campaign import Campaign
from journeys.expression import Expression
from journeys.project import Definitions, Project
from journeys.sensitive import sensitive

PAGE = 5_000


def reached(conn: sa.Connection, definitions: Definitions, one: Campaign, now: datetime) -> list[str]:
    """Return the ids of those whom a campaign may choose among."""
    project = definitions.project
    if project is None:
        raise ConfigError("sojourn.yaml cannot be read; run: sojourn lint")
    able = kept.reachable(one.channel, topic_of(one, definitions))
    everybody = sa.select(contacts.c.id).where(able)
    if one.only is None:
        return kept.ids(conn, everybody)
    refuse_sensitive(one, project)
    asked = Pass(now, project.data, project.data.segments)
    try:
        fits = asked.condition(one.only)
    except Unsayable:
        return _one_by_one(conn, project, one.only, kept.ids(conn, everybody), now)
    return kept.ids(conn, asked.table({}).where(able, fits))


def _one_by_one(conn: sa.Connection, project: Project, only: Expression, ids: list[str], now: datetime) -> list[str]:
    if only.root is None:
        raise ConfigError("`only` cannot be read; run: sojourn lint")
    segments, zone = project.data.segments, ZoneInfo(project.timezone)
    look = fact_of(only.root, segments)
    asked = within(only, segments)
    needs = Needs(widest(only, segments), traits=any(part.traits for part in asked))
    return [
        person.id
        for start in range(0, len(ids), PAGE)
        for person in glance(conn, ids[start : start + PAGE], now, needs)
        if look(person.scope(now, zone, segments)).value
    ]


def refuse_sensitive(one: Campaign, project: Project) -> None:
    """Raise when a campaign asks for something sensitive."""
    if bad := sensitive(one.only, project.data):
        raise ConfigError(f"{one.file}: {bad[0]} is sensitive: nobody is chosen for a campaign by it [S130]")


def topic_of(one: Campaign, definitions: Definitions) -> str | None:
    """Return the topic that people must be subscribed to, None when the journey is transactional."""
    journey = definitions.journeys.get(one.journey)
    if journey is not None:
        return None if journey.transactional else journey.topic
    return one.topic
