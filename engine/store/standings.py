"""Standings as rows: whose are read, what is written, in the same few statements however many people they are.

Rules
- The caller holds the alarms of those it writes: nobody else changes their standings meanwhile.
- A row is written whole: reading, changing and writing bits happens between claim and commit. Rows that stay as they
  are are not written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from engine.store.segment_tables import WIDTH, segment_moves, segment_numbers, standings
from engine.store.sets import Upsert, any_of, insert_missing, upsert, write
from engine.store.tables import events

s, n = standings.c, segment_numbers.c
_ROWS = sa.select(s.contact_id, s.block, s.bits, s.due_at).where(any_of(s.contact_id, "ids"))
_FRESH = sa.select(events.c.contact_id, events.c.name).where(any_of(events.c.contact_id, "ids"), events.c.fresh)
_MOVES = segment_moves.insert()


@dataclass(slots=True)
class Stood:
    """How a contact stands: bits by block, and its segments' alarm. `known`: there was a row.

    `written`: the blocks that are otherwise than they were read.
    """

    bits: dict[int, int] = field(default_factory=dict)
    due_at: datetime | None = None
    known: bool = False
    written: set[int] = field(default_factory=set)

    def looked(self, due_at: datetime | None) -> None:
        """Note that somebody looked, and when to look again."""
        if not self.known or due_at != self.due_at:
            self.written.add(0)
        self.due_at, self.known = due_at, True


class Moved(NamedTuple):
    """A contact that entered or left a segment. `why`: an event's name, "time", "profile" or "new"."""

    contact_id: str
    segment: str
    entered: bool
    at: datetime
    why: str


def read(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Stood]:
    """Return how these contacts stand, also those who never stood anywhere."""
    found = {id_: Stood() for id_ in ids}
    for id_, block, bits, due_at in conn.execute(_ROWS, {"ids": ids}).all():
        one = found[id_]
        one.bits[block] = bits
        if block == 0:
            one.due_at, one.known = due_at, True
    return found


def heard(conn: sa.Connection, ids: Sequence[str]) -> dict[str, set[str]]:
    """Return the names of the events that no walk has seen yet, by contact."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for id_, name in conn.execute(_FRESH, {"ids": ids}).all():
        found[id_].add(name)
    return found


def save(conn: sa.Connection, changed: Mapping[str, Stood]) -> None:
    """Write how these contacts stand now."""
    rows = [
        {"contact_id": id_, "block": block, "bits": one.bits.get(block, 0), "due_at": None if block else one.due_at}
        for id_, one in sorted(changed.items())
        for block in sorted(one.written)
    ]
    if rows:
        write(conn, _whole(conn.dialect.name), rows)


def log(conn: sa.Connection, moves: Iterable[Moved]) -> None:
    """Keep who entered and who left."""
    rows = [
        {"contact_id": id_, "segment": segment, "entered": entered, "at": at, "why": why[:80]}
        for id_, segment, entered, at, why in moves
    ]
    if rows:
        write(conn, _MOVES, rows)


@lru_cache
def _whole(dialect: str) -> Upsert:
    insert = upsert(dialect, standings)
    said = {"bits": insert.excluded.bits, "due_at": insert.excluded.due_at}
    return insert.on_conflict_do_update(index_elements=["contact_id", "block"], set_=said)


def numbered(conn: sa.Connection, sources: Mapping[str, str], now: datetime) -> dict[str, tuple[int, str]]:
    """Give numbers to segments that have none; return number and filled version of each, held until the commit.

    `sources`: name -> words. A name that comes back gets the number that it had.
    """
    known = {row.name: row.number for row in conn.execute(sa.select(n.name, n.number))}
    first = max(known.values(), default=-1) + 1
    new = [name for name in sources if name not in known]
    insert_missing(conn, segment_numbers, [_row(name, first + place, sources, now) for place, name in enumerate(new)])
    query = sa.select(n.name, n.number, n.version).order_by(n.number).with_for_update()
    return {row.name: (row.number, row.version) for row in conn.execute(query)}


def _row(name: str, number: int, sources: Mapping[str, str], now: datetime) -> dict[str, Any]:
    return {"name": name, "number": number, "version": "", "source": sources[name], "made_at": now, "filled_at": None}


def bit(stood: Stood, number: int) -> bool:
    """Return whether a contact stands in the segment of this number."""
    return bool(stood.bits.get(number // WIDTH, 0) >> number % WIDTH & 1)


def mark_of(number: int) -> tuple[int, int]:
    """Return the block of a segment and its bit there."""
    return number // WIDTH, 1 << number % WIDTH


def put(stood: Stood, mark: tuple[int, int], *, value: bool) -> bool:
    """Set a bit; return whether it was otherwise."""
    block, bit_ = mark
    bits = stood.bits.get(block, 0)
    if value is (bits & bit_ != 0):
        return False
    stood.bits[block] = bits ^ bit_
    stood.written.add(block)
    return True


def retire(conn: sa.Connection, gone: Mapping[str, int]) -> None:
    """Empty segments that there are no more; their numbers stay theirs."""
    for name, number in gone.items():
        mask = sa.literal_column(str(~(1 << number % WIDTH)), sa.BigInteger)
        here = standings.update().where(s.block == number // WIDTH)
        conn.execute(here.values(bits=s.bits.op("&")(mask)))
        conn.execute(segment_numbers.update().where(n.name == name).values(version=""))


def filled(conn: sa.Connection, done: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Keep that segments (name, version, words) are filled."""
    if done:
        which = segment_numbers.update().where(n.name == sa.bindparam("which"))
        rows = [{"which": name, "version": version, "source": words, "filled_at": now} for name, version, words in done]
        conn.execute(which, rows)
