"""Journeys that do harm: complaints and hard bounces against what was sent, and since when they count.

Harm is rare and has an index of its own; what was sent is counted only for journeys whose harm could be too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.sets import one_of
from engine.store.tables import HARM, audit, deliveries, events

d = deliveries.c
e = events.c
RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Harm:
    """What one journey's marketing messages did: how many went, how many were complained of or bounced for good."""

    journey: str
    sent: int
    complaints: int
    bounces: int


def harms(conn: sa.Connection, since: datetime, least: Mapping[str, int]) -> list[Harm]:
    """Return the journeys that did at least so much harm (`complained`, `bounced`), since then or their last resume."""
    begins = _resumed(conn, since)
    answers = _answers(conn, since, sorted(least))
    exempt = _transactional(conn, [key for _, _, _, key in answers])
    counts: dict[str, Counter[str]] = {}
    once = {(j, name, key) for j, name, at, key in answers if key not in exempt and at > _begin(begins, j, since)}
    for journey, name, _ in once:
        counts.setdefault(journey, Counter())[name] += 1
    suspects = {
        j: _begin(begins, j, since) for j, some in counts.items() if any(some[name] >= n for name, n in least.items())
    }
    sent = _sent(conn, suspects)
    return [Harm(j, sent.get(j, 0), counts[j]["complained"], counts[j]["bounced"]) for j in sorted(suspects)]


def _begin(begins: Mapping[str, datetime], journey: str, since: datetime) -> datetime:
    return max(begins.get(journey, since), begins.get("everything", since))


def _answers(conn: sa.Connection, since: datetime, names: Sequence[str]) -> list[tuple[str, str, datetime, str]]:
    """Return (journey, what, when, send key) of the answers; of bounces the hard ones."""
    query = sa.select(e.name, e.at, e.data).where(HARM, e.name.in_(names), e.at > since)
    said = [(str(data.get("journey") or ""), name, at, data) for name, at, data in conn.execute(query)]
    return [
        (j, name, at, str(data.get("key") or ""))
        for j, name, at, data in said
        if j and data.get("key") and (name != "bounced" or data.get("class", "hard") == "hard")
    ]


def _transactional(conn: sa.Connection, keys: Sequence[str]) -> frozenset[str]:
    query = sa.select(d.key).where(one_of(d.key, keys), d.transactional)
    return frozenset(conn.execute(query).scalars()) if keys else frozenset()


def _resumed(conn: sa.Connection, since: datetime) -> dict[str, datetime]:
    """Return when journeys ("everything": all of them) last went on after a pause."""
    a = audit.c
    rows = conn.execute(sa.select(a.at, a.detail).where(a.what == RESUMED, a.at > since).order_by(a.at))
    return {str(detail.get("place")): at for at, detail in rows}


def _sent(conn: sa.Connection, since: Mapping[str, datetime]) -> dict[str, int]:
    """Return how many marketing messages of journeys were handed over, or bounced at the door, since then."""
    if not since:
        return {}
    begins = sa.case(*((d.journey == j, sa.literal(at, d.sent_at.type)) for j, at in sorted(since.items())))
    gone = (d.status == "sent") | ((d.status == "failed") & (d.kind == "hard"))
    at = sa.func.coalesce(d.sent_at, d.ended_at)
    query = sa.select(d.journey, sa.func.count().label("n")).where(
        one_of(d.journey, since), gone, d.transactional.is_(sa.false()), at > begins
    )
    return {row.journey: row.n for row in conn.execute(query.group_by(d.journey))}
