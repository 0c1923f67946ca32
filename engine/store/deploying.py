"""Which version of each journey is live, and the refusal to take away a state that people are in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from engine.errors import ConfigError
from engine.store.connect import writing
from engine.store.sets import insert_missing
from engine.store.tables import deployments, enrollments
from journeys import Journey
from journeys.project import Definitions


def deploy(store: sa.Engine, definitions: Definitions, now: datetime) -> list[str]:
    """Take the files as deployed: move people as `moved:` says, note new versions; return the journeys that changed."""
    with writing(store) as conn:
        _move(conn, definitions.journeys)
        gone = missing(conn, definitions.journeys)
        if gone:
            raise ConfigError(_refusal(gone))
        return _note(conn, definitions, now)


def missing(conn: sa.Connection, journeys: Mapping[str, Journey]) -> list[tuple[str, str, int]]:
    """Return (journey, state, people) of every state that people are in and the files no longer have."""
    c = enrollments.c
    inside = c.status.in_(("active", "queued"))
    query = sa.select(c.journey, c.state, sa.func.count()).where(inside).group_by(c.journey, c.state)
    rows = conn.execute(query.order_by(c.journey, c.state)).all()
    return [
        (journey, state, count)
        for journey, state, count in rows
        if journey not in journeys or state not in journeys[journey].states
    ]


def _refusal(gone: list[tuple[str, str, int]]) -> str:
    journey, state, count = gone[0]
    people = f"{count} contact{'s are' if count > 1 else ' is'} in it"
    more = f" (and {len(gone) - 1} more such states)" if len(gone) > 1 else ""
    return (
        f'the state "{state}" of journey {journey} is gone, but {people}{more}; '
        f"put it back, or say where they go in journeys/{journey}.yaml: moved: {{{state}: <a state, or exit>}}"
    )


def _move(conn: sa.Connection, journeys: Mapping[str, Journey]) -> None:
    """Take people out of renamed and removed states; they act in the new one at the time they were to act."""
    c = enrollments.c
    for journey in journeys.values():
        for old, new in journey.moved.items():
            there = (c.journey == journey.name) & (c.state == old) & c.status.in_(("active", "queued"))
            if old in journey.states:
                continue
            if new == "exit":
                conn.execute(
                    sa.update(enrollments)
                    .where(there)
                    .values(status="left", reason="moved", left_at=c.state_at, due_at=None)
                )
            else:
                conn.execute(sa.update(enrollments).where(there).values(state=new, phase="ready", held_since=None))


def _note(conn: sa.Connection, definitions: Definitions, now: datetime) -> list[str]:
    c = deployments.c
    live = {row.journey: row.version for row in conn.execute(sa.select(c.journey, c.version).where(c.live))}
    changed = [name for name, journey in definitions.journeys.items() if live.get(name) != journey.version]
    if not changed:
        return []
    conn.execute(sa.update(deployments).where(c.journey.in_(changed)).values(live=False))
    rows = [
        {
            "journey": name, "version": definitions.journeys[name].version,
            "source": definitions.sources.get(name, ""), "at": now, "live": True,
        }
        for name in changed
    ]  # fmt: skip
    insert_missing(conn, deployments, rows)
    again = [definitions.journeys[name].version for name in changed]
    conn.execute(sa.update(deployments).where(c.journey.in_(changed), c.version.in_(again)).values(live=True))
    return sorted(changed)
