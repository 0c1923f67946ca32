"""Doing what a plan says: one transaction, with an audit row, while no tick is under way.

Rules
- The plan is made again inside the transaction: what is done is what is true then, and blocked if that is.
- Nobody is stepped here. People change state only where `moved:` says so, and their time only with --retime.
- Running engines see at their next tick that another version is live (versions.py), and need no restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine.errors import DefinitionError
from engine.filling import Filling, Ground, fill
from engine.planning import JourneyPlan, Plan, Wish, plan
from engine.store import deploying
from engine.store.alarms import ring_each
from engine.store.connect import alone, writing
from engine.versions import known, with_data
from journeys.project import Definitions


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one journey. `moved`: (old state, new state) -> people; `number` 0: it is live no more."""

    name: str
    before: int
    number: int
    moved: Mapping[tuple[str, str], int] = field(default_factory=dict)
    retimed: int = 0


@dataclass(frozen=True, slots=True)
class Deployed:
    journeys: tuple[Done, ...] = ()
    data: int = 0  # number of the data.yaml that is live now; 0 = unchanged
    segments: tuple[Filling, ...] = ()  # those that are new or edited, filled


def deploy(store: sa.Engine, files: Definitions, wish: Wish, now: datetime) -> tuple[Plan, Deployed]:
    """Make the plan true and return it with what was done; DefinitionError when it is blocked, and nothing happens."""
    with writing(store) as conn:
        alone(conn)
        made = plan(conn, files, wish, now)
        if made.blocked:
            raise DefinitionError(made.blocked)
        data = deploying.publish_data(conn, made.data_version, made.data_source, now) if made.data_version else 0
        segments = _filled(conn, made, files, now) if data else ()
        done = Deployed(tuple(_one(conn, one, wish, now) for one in made.wanted), data, segments)
        deploying.forget_timetables(conn, [one.name for one in made.wanted if one.rechecked])
        if done.journeys or data:
            deploying.note(conn, "deployed", _told(done, made), now)
    return made, done


def _filled(conn: sa.Connection, made: Plan, files: Definitions, now: datetime) -> tuple[Filling, ...]:
    """Fill the segments of the data.yaml that is live now."""
    project = with_data(known(files), made.data_source)
    return tuple(fill(conn, Ground(project.data, ZoneInfo(project.timezone), now))[1])


def _one(conn: sa.Connection, one: JourneyPlan, wish: Wish, now: datetime) -> Done:
    if one.version is None:
        deploying.withdraw(conn, one.name)
        return Done(one.name, one.old, 0)
    number = deploying.publish(conn, one.version, now)
    counts = _back(conn, one, now)
    moved = deploying.move(conn, one.name, [way for way, _ in one.ways], (number, now))
    counts |= {(way.old, way.new): moved[way.old] for way, _ in one.ways}
    retimed = _retime(conn, one, now) if wish.retime else 0
    return Done(one.name, one.old, number, counts, retimed)


def _back(conn: sa.Connection, one: JourneyPlan, now: datetime) -> dict[tuple[str, str], int]:
    """Put those back who were moved by what is taken back; their alarms may be gone."""
    deploying.put_back(conn, one.returns, now)
    ring_each(conn, [(back.contact_id, back.due_at) for back in one.returns if back.due_at is not None])
    return dict(Counter((back.new, back.old) for back in one.returns))


def _retime(conn: sa.Connection, one: JourneyPlan, now: datetime) -> int:
    """Set the new times, and let everybody be looked at no later: an alarm that rings early is set again."""
    if not one.dues:
        return 0
    count = deploying.retime(conn, one.dues, now)
    whose = {run.id: run.contact_id for run in deploying.stands(conn, one.name)}
    ring_each(conn, [(whose[run], at) for run, at in one.dues.items()])
    return count


def _told(done: Deployed, made: Plan) -> dict[str, object]:
    """Return what the audit keeps: every journey with its numbers and versions, and who was moved."""
    versions = {one.name: one.version.version for one in made.journeys if one.version is not None}
    journeys = {
        one.name: {
            "from": one.before, "number": one.number, "version": versions.get(one.name),
            "moved": {f"{old} -> {new}": count for (old, new), count in one.moved.items()}, "retimed": one.retimed,
        }
        for one in done.journeys
    }  # fmt: skip
    return {"journeys": journeys} | ({"data": done.data} if done.data else {})
