"""What is deployed: every version of every journey, kept whole, and data.yaml beside them.

Rules
- A version is known by the hash of what its file means and has a number in its journey (v1, v2 ...). Deploying an
  older text again makes the old version live again, under its old number.
- `Standing` is what every tick asks first: which versions are live, and what is paused. One statement.
- Whoever changes that is alone (connect.alone): no tick is under way that still thinks otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store import auditing, placing
from engine.store.sets import one_of, write
from engine.store.tables import deployments, dictionaries, displaced, enrollments, pauses, schedules
from journeys import EXIT

d = deployments.c
y = dictionaries.c
e = enrollments.c
x = displaced.c

INSIDE = e.status.in_(("active", "queued"))
PLACED = e.status.in_(("active", "queued", "parked"))  # a parked run goes on where it is, once somebody unparks it

_SET = enrollments.update().where(e.id == sa.bindparam("of"))
_STANDING = sa.union_all(
    sa.select(sa.literal_column("'journey'"), d.journey, d.version).where(d.live),
    sa.select(sa.literal_column("'data'"), sa.literal_column("''"), y.version).where(y.live),
    sa.select(sa.literal_column("'pause'"), pauses.c.journey, pauses.c.state),
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a journey. `files` are the texts of its fragments and of `use`, by path."""

    journey: str
    version: str
    number: int
    source: str
    files: Mapping[str, str]
    at: datetime | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A version of data.yaml."""

    version: str
    number: int
    source: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Which version of which journey is live, which data.yaml ("" = none was ever deployed), and what is paused:
    "journey", "journey.state", or "" for everything.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    paused: frozenset[str] = frozenset()


def standing(conn: sa.Connection) -> Standing:
    """Return how the store stands now."""
    found: dict[str, list[tuple[str, str]]] = {"journey": [], "data": [], "pause": []}
    for kind, name, word in conn.execute(_STANDING):
        found[kind].append((name, word))
    paused = frozenset(f"{name}.{state}" if state else name for name, state in found["pause"])
    return Standing(dict(sorted(found["journey"])), next((word for _, word in found["data"]), ""), paused)


def versions(conn: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Version]:
    """Return versions by journey and number."""
    query = sa.select(d.journey, d.version, d.number, d.source, d.files, d.at, d.live).where(*where)
    return [Version(*row) for row in conn.execute(query.order_by(d.journey, d.number))]


def live(conn: sa.Connection) -> dict[str, Version]:
    """Return the live version of each journey, by name."""
    return {one.journey: one for one in versions(conn, d.live)}


def dictionary(conn: sa.Connection) -> Dictionary | None:
    """Return the live data.yaml, None when none was ever deployed."""
    row = conn.execute(sa.select(y.version, y.number, y.source).where(y.live)).first()
    return None if row is None else Dictionary(*row)


def inside(conn: sa.Connection) -> dict[str, dict[str, int]]:
    """Return how many runs stand in each state of each journey, parked ones included."""
    query = sa.select(e.journey, e.state, sa.func.count()).where(PLACED).group_by(e.journey, e.state)
    found: dict[str, dict[str, int]] = {}
    for journey, state, count in conn.execute(query.order_by(e.journey, e.state)):
        found.setdefault(journey, {})[state] = count
    return found


def publish(conn: sa.Connection, new: Version, now: datetime) -> int:
    """Make this version live in its journey's place; return its number (an old one's own)."""
    mine = d.journey == new.journey
    conn.execute(sa.update(deployments).where(mine, d.live).values(live=False))
    known = conn.execute(sa.select(d.number).where(mine, d.version == new.version)).scalar()
    if known is not None:
        again = {"live": True} | ({"source": new.source, "files": dict(new.files)} if new.source else {})
        conn.execute(sa.update(deployments).where(mine, d.version == new.version).values(again))
        return int(known)
    number = 1 + (conn.execute(sa.select(sa.func.max(d.number)).where(mine)).scalar() or 0)
    row = {
        "journey": new.journey, "version": new.version, "number": number, "source": new.source,
        "files": dict(new.files), "at": now, "live": True,
    }  # fmt: skip
    conn.execute(deployments.insert().values(row))
    return number


def publish_data(conn: sa.Connection, version: str, source: str, now: datetime) -> int:
    """Make this data.yaml the one that journeys are read with; return its number."""
    conn.execute(sa.update(dictionaries).where(y.live).values(live=False))
    known = conn.execute(sa.select(y.number).where(y.version == version)).scalar()
    if known is not None:
        conn.execute(sa.update(dictionaries).where(y.version == version).values(live=True))
        return int(known)
    number = 1 + (conn.execute(sa.select(sa.func.max(y.number))).scalar() or 0)
    row = {"version": version, "number": number, "source": source, "at": now, "live": True}
    conn.execute(dictionaries.insert().values(row))
    return number


def withdraw(conn: sa.Connection, journey: str) -> None:
    """Let no version of a journey be live any more; nobody is in it."""
    conn.execute(sa.update(deployments).where(d.journey == journey, d.live).values(live=False))


@dataclass(frozen=True, slots=True)
class Way:
    """Where people of a state go that is gone. `alike`: the new state does the same kind of thing, it was renamed."""

    old: str
    new: str
    alike: bool = False


def move(conn: sa.Connection, journey: str, ways: Iterable[Way], when: tuple[int, datetime]) -> dict[str, int]:
    """Take people from states that are gone to others, or out, for version `when`; return how many, by state.

    In the new state they act when they were to act in the old one. What had begun there (a wait, a hold, a draw
    whose message waits for its hour) goes on where the states are alike, and is over elsewhere: its decision is void.
    """
    number, now = when
    counts = {}
    for way in ways:
        there = (e.journey == journey) & (e.state == way.old) & PLACED
        _remember(conn, way, number, there)
        away: dict[str, Any] = {"state": way.new}
        if way.new == EXIT:
            away = {"status": "left", "reason": "moved", "left_at": now, "due_at": None}
        if not way.alike:
            away |= {"phase": "ready", "held_since": None, "drawn": ""}
            placing.give_up(conn, there)
        counts[way.old] = placing.place(conn, there, away, now)
    return counts


def _remember(conn: sa.Connection, way: Way, number: int, there: sa.ColumnElement[bool]) -> None:
    """Note how those stand who will be moved; a version that is deployed once more moves anew."""
    again = sa.select(e.id).where(there)
    conn.execute(displaced.delete().where(x.number == number, x.run.in_(again)))
    new = sa.literal(way.new)
    as_they_stand = (
        e.id, sa.literal(number), e.journey, e.state, new, e.steps, e.status, e.phase, e.due_at, e.held_since, e.drawn
    )  # fmt: skip
    names = ["run", "number", "journey", "old", "new", "steps", "status", "phase", "due_at", "held_since", "drawn"]
    conn.execute(displaced.insert().from_select(names, sa.select(*as_they_stand).where(there)))


@dataclass(frozen=True, slots=True)
class Displaced:
    """A run that version `number` moved, as it stood before."""

    run: str
    contact_id: str
    number: int
    old: str
    new: str
    status: str
    phase: str
    due_at: datetime | None
    held_since: datetime | None
    drawn: str


def displaced_since(conn: sa.Connection, journey: str, number: int) -> list[Displaced]:
    """Return the runs that versions above `number` moved and that did nothing since, the last moves first."""
    other = enrollments.alias()
    inside_again = sa.exists().where(
        other.c.contact_id == e.contact_id, other.c.journey == e.journey, other.c.status == "active", other.c.id != e.id
    )
    query = (
        sa.select(
            x.run, e.contact_id, x.number, x.old, x.new, x.status, x.phase, x.due_at, x.held_since, x.drawn,
            e.state, e.status.label("is_now"), e.reason,
        )
        .join_from(displaced, enrollments, e.id == x.run)
        .where(x.journey == journey, x.number > number, x.steps == e.steps, (x.new != EXIT) | ~inside_again)
        .order_by(x.number.desc(), x.run)
    )  # fmt: skip
    place: dict[str, str] = {}
    found = []
    for *fields, state, is_now, reason in conn.execute(query):
        one = Displaced(*fields)
        gone = EXIT if is_now == "left" and reason == "moved" else state
        if place.get(one.run, gone) == one.new:
            place[one.run] = one.old
            found.append(one)
    return found


def put_back(conn: sa.Connection, some: Sequence[Displaced], now: datetime) -> int:
    """Let these runs stand where they stood; return how many. Of two moves of a run the later one is undone first.

    Who was drawn for since, in a state of another name, keeps that decision: one visit decides once.
    """
    drawn = _drawn_since(conn, some)
    rows = [
        {
            "of": one.run, "state": one.old, "status": one.status, "phase": one.phase, "due_at": one.due_at,
            "held_since": one.held_since, "drawn": one.drawn, "reason": None, "left_at": None,
        } | drawn.get(one.run, {})
        for one in some
    ]  # fmt: skip
    if not rows:
        return 0
    count = write(conn, _SET, rows)
    runs = sorted({one.run for one in some})
    placing.take_up(conn, runs)
    placing.note_placed(conn, runs, now)
    return count


def _drawn_since(conn: sa.Connection, some: Sequence[Displaced]) -> dict[str, dict[str, Any]]:
    """Return how those stand whose visit has drawn a message for later and had not when they were moved."""
    fresh = {one.run for one in some} - {one.run for one in some if one.drawn}
    query = sa.select(e.id, e.phase, e.due_at, e.held_since, e.drawn).where(one_of(e.id, fresh), e.drawn != "")
    return {row.id: dict(row._mapping) | {"of": row.id} for row in conn.execute(query)} if fresh else {}  # noqa: SLF001


def note(conn: sa.Connection, what: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Write a row of the audit: who looks later wants to know what changed when."""
    auditing.note(conn, what, detail, now)


def numbers(conn: sa.Connection, journeys: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return the numbers of all versions of these journeys, by (journey, version)."""
    query = sa.select(d.journey, d.version, d.number).where(d.journey.in_(list(journeys)))
    return {(journey, version): number for journey, version, number in conn.execute(query)}


@dataclass(frozen=True, slots=True)
class Stand:
    """A run and where it stands."""

    id: str
    contact_id: str
    state: str
    status: str
    phase: str
    due_at: datetime | None


def stands(conn: sa.Connection, journey: str) -> list[Stand]:
    """Return every run that is in a journey, parked ones included."""
    query = sa.select(e.id, e.contact_id, e.state, e.status, e.phase, e.due_at)
    return [Stand(*row) for row in conn.execute(query.where(e.journey == journey, PLACED).order_by(e.id))]


def retime(conn: sa.Connection, dues: Mapping[str, datetime], now: datetime) -> int:
    """Give these runs the time at which they act now; return how many."""
    if not dues:
        return 0
    rows = [{"of": id_, "due_at": at} for id_, at in dues.items()]
    count = write(conn, _SET, rows)
    placing.note_placed(conn, dues.keys(), now)
    return count


def forget_timetables(conn: sa.Connection, journeys: Iterable[str]) -> None:
    """Let these journeys' checks be set anew by the next tick: their hours have changed."""
    conn.execute(schedules.delete().where(schedules.c.journey.in_(list(journeys))))
