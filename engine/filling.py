"""Filling segments: who is in a new or edited one is worked out for everybody at once, in the transaction that asks.

Rules
- One pass for all segments that SQL can say, over sums that they share (audience/compile.py); the others are filled in
  Python, page by page, and `Filled.by_hand` says which and why.
- A fill writes no move and no event for each person: its counts stand in `segment_fills`. Who was in a segment before
  a journey listened to it starts nothing: `check:` or `sojourn enter` let them in.
- Alarms that a fill sets may be early, never late.
- Numbers are held (FOR UPDATE) while a fill is under way: two processes never fill the same segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import sqlalchemy as sa

from engine.audience.compile import Pass, Unsayable
from engine.audience.standing import Rule, Rules, rules, stand, together, versions
from engine.store import membership, passing, standings
from engine.store.segment_tables import segment_fills, segment_numbers
from engine.store.snapshots import Needs, glance
from engine.store.standings import Stood, mark_of, put
from engine.store.tables import contacts
from journeys.project import Data

PAGE = 5000
n = segment_numbers.c


@dataclass(frozen=True, slots=True)
class Ground:
    """What a fill goes by: data.yaml, the zone of people without one, and the instant."""

    data: Data
    zone: tzinfo
    now: datetime


@dataclass(frozen=True, slots=True)
class Filling:
    """What became, or would become, of a segment. `by_hand`: why SQL could not fill it, "" when it could."""

    name: str
    why: str  # new or edited
    members: int
    entered: int
    left: int
    by_hand: str = ""


def current(conn: sa.Connection, ground: Ground) -> Rules | None:
    """Return the segments when all of them are filled as they are written, else None."""
    wanted = versions(ground.data)
    known = {row.name: (row.number, row.version) for row in conn.execute(sa.select(n.name, n.number, n.version))}
    if {name: version for name, (_, version) in known.items() if version} != wanted:
        return None
    return rules(ground.data.segments, wanted, {name: known[name][0] for name in wanted})


def fill(conn: sa.Connection, ground: Ground) -> tuple[Rules, list[Filling]]:
    """Fill what is new or edited, empty what is gone; return all segments and what became of those."""
    segments, wanted = ground.data.segments, versions(ground.data)
    known = standings.numbered(conn, {name: one.source for name, one in segments.items()}, ground.now)
    made = rules(segments, wanted, {name: known[name][0] for name in segments})
    standings.retire(conn, {name: number for name, (number, version) in known.items()
                            if version and name not in segments})  # fmt: skip
    stale = [rule for rule in made.every if known[rule.name][1] != rule.version]
    done = _refilled(conn, made, stale, ground, {name for name, (_, version) in known.items() if version})
    standings.filled(conn, [(rule.name, rule.version, rule.expression.source) for rule in stale], ground.now)
    return made, done


def planned(conn: sa.Connection, ground: Ground) -> list[Filling]:
    """Return who would enter and leave which segments, without changing anything."""
    wanted = versions(ground.data)
    known = {row.name: (row.number, row.version) for row in conn.execute(sa.select(n.name, n.number, n.version))}
    first = max((number for number, _ in known.values()), default=-1) + 1
    numbers = {name: known[name][0] if name in known else first + place for place, name in enumerate(wanted)}
    made = rules(ground.data.segments, wanted, numbers)
    stale = [rule for rule in made.every if known.get(rule.name, (0, ""))[1] != rule.version]
    old = {name for name, (_, version) in known.items() if version}
    gone = membership.sizes(conn)
    return _moving(conn, made, stale, ground, old) + [
        Filling(name, "gone", 0, 0, gone.get(name, 0)) for name in sorted(old - wanted.keys())
    ]


def _refilled(conn: sa.Connection, made: Rules, stale: list[Rule], ground: Ground, old: set[str]) -> list[Filling]:
    if not stale:
        return []
    edited = [rule for rule in stale if rule.name in old]
    moving = {one.name: one for one in _moving(conn, made, edited, ground, old)}
    said, others = sayable(made, stale, ground)
    passing.write(conn, said)
    for page in _pages(conn, others):
        _by_hand(conn, others, page, (made, ground))
    passing.alarm(conn)
    sizes = membership.sizes_of(conn, {rule.name: rule.number for rule in stale})
    done = [
        moving.get(rule.name) or Filling(rule.name, "new", sizes[rule.name], sizes[rule.name], 0, others.get(rule, ""))
        for rule in stale
    ]
    rows = [{"segment": one.name, "at": ground.now, "why": one.why, "members": one.members, "entered": one.entered,
             "left": one.left} for one in done]  # fmt: skip
    conn.execute(segment_fills.insert(), rows)
    return done


def sayable(made: Rules, stale: Sequence[Rule], ground: Ground) -> tuple[passing.Asked, dict[Rule, str]]:
    """Return what SQL says of these segments, and the others with the reason why it cannot say them."""
    together_ = Pass(ground.now, ground.data, made.segments)
    conditions: dict[int, sa.ColumnElement[bool]] = {}
    others: dict[Rule, str] = {}
    for rule in stale:
        try:
            conditions[rule.number] = together_.condition(rule.expression)
        except Unsayable as why:
            others[rule] = str(why)
    return passing.Asked(together_.table, conditions), others


def _moving(
    conn: sa.Connection, made: Rules, stale: Sequence[Rule], ground: Ground, old: Iterable[str]
) -> list[Filling]:
    """Return how many would be in these segments, enter and leave them."""
    if not stale:
        return []
    said, others = sayable(made, stale, ground)
    counts = passing.counted(conn, said)
    for page in _pages(conn, others):
        stood = standings.read(conn, page)
        for id_, values in _valued(conn, others, page, (made, ground)):
            for rule, value in values.items():
                members, entered, left = counts.get(rule.number, (0, 0, 0))
                was = standings.bit(stood[id_], rule.number)
                counts[rule.number] = members + value, entered + (value and not was), left + (was and not value)
    every = set(old)
    return [
        Filling(rule.name, "edited" if rule.name in every else "new", *counts.get(rule.number, (0, 0, 0)),
                others.get(rule, ""))
        for rule in stale
    ]  # fmt: skip


def _pages(conn: sa.Connection, others: Mapping[Rule, str]) -> Iterator[list[str]]:
    """Yield everybody's ids, page by page, when some segment has to be filled by hand."""
    after = ""
    while others:
        query = sa.select(contacts.c.id).where(contacts.c.id > after).order_by(contacts.c.id).limit(PAGE)
        ids = list(conn.execute(query).scalars())
        if not ids:
            return
        after = ids[-1]
        yield ids


def _by_hand(conn: sa.Connection, others: Mapping[Rule, str], page: list[str], how: tuple[Rules, Ground]) -> None:
    stood = standings.read(conn, page)
    for id_, values in _valued(conn, others, page, how, stood):
        for rule, value in values.items():
            put(stood[id_], mark_of(rule.number), value=value)
    standings.save(conn, stood)


def _valued(
    conn: sa.Connection, others: Iterable[Rule], page: list[str], how: tuple[Rules, Ground],
    stood: Mapping[str, Stood] | None = None,
) -> Iterator[tuple[str, dict[Rule, bool]]]:  # fmt: skip
    """Yield of each person who is in which of these segments; the earliest until goes into `stood`."""
    made, ground = how
    every = list(others)
    needs = Needs(together(every), traits=any(rule.traits for rule in every))
    for one in glance(conn, page, ground.now, needs):
        facts = dict(stand(every, one.scope(ground.now, ground.zone, made.segments)))
        if stood is not None:
            dues = [stood[one.id].due_at, *(fact.until for fact in facts.values())]
            stood[one.id].looked(min((at for at in dues if at is not None), default=None))
        yield one.id, {rule: fact.value for rule, fact in facts.items()}
