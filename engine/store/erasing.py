"""Taking people out of the store: what was theirs goes, what was counted stays under a random name.

Rules
- What happens with a table stands in belongings.py, and nowhere else; here is how, in a fixed number of statements.
- A figure never changes: runs, messages and outcomes keep their row. Of an event's body stays what our own reactions
  say (which message, which link) and the numbers that goals and rewards are reckoned from.
- A run ends with the reason `erased`. A message that waits goes nowhere; one that is just going out is in doubt, and
  its answer meets nobody.
- Whoever was merged into somebody is erased with them: rows of theirs stand under the old name.
- An id and an address are remembered as keyed hashes (`tombstones`), so that no import brings them back by mistake.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any

import sqlalchemy as sa

from engine.store import auditing
from engine.store.alarms import hold
from engine.store.belongings import PERSONAL, Belonging
from engine.store.consenting import Digest
from engine.store.forgetting import PERSON, remember
from engine.store.profile_tables import merges
from engine.store.receipts import void
from engine.store.sets import listed, one_of
from engine.store.tables import addresses, changes, contacts, deliveries, enrollments, events, metadata

ERASED = "erased"
OURS = frozenset({
    "clicked", "machine_click", "opened", "unsubscribed", "complained", "bounced", "replied", "delivered",
})  # fmt: skip
TOLD = frozenset({"key", "message", "link", "journey", "state", "class", "rule", "topic", "channel"})
WAITING = ("queued", "claimed", "deferred")

Kept = Mapping[str, tuple[frozenset[str], frozenset[str]]]
"""Event -> properties that figures are reckoned from, and the words in the files that they are compared with: of these
properties numbers stay, and such words."""

Names = Mapping[str, str]
"""Contact -> the random name that their figures stand under from now on."""


@dataclass(slots=True)
class Erased:
    """How many people, and by table how many rows went or lost their name; `unknown`: ids that nobody has."""

    people: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def with_merged(conn: sa.Connection, ids: Iterable[str]) -> list[str]:
    """Return these contacts and all who were merged into them."""
    found, new = set(ids), set(ids)
    while new:  # a chain of merges is as long as the longest history of one person
        query = sa.select(merges.c.gone).where(one_of(merges.c.contact_id, new), merges.c.undone_at.is_(None))
        new = set(conn.execute(query).scalars()) - found
        found |= new
    return sorted(found)


def erase(conn: sa.Connection, names: Names, kept: Kept, how: tuple[Digest, datetime]) -> Erased:
    """Erase these people; `how`: the keyed hash of addresses, and now."""
    digest, now = how
    ids = sorted(names)
    hold(conn, ids)
    there = set(conn.execute(sa.select(contacts.c.id).where(one_of(contacts.c.id, ids)).with_for_update()).scalars())
    done = Erased(len(there))
    _remember(conn, there, digest, now)
    _end(conn, ids, now)
    _strip(conn, ids, kept)
    for one in PERSONAL:
        done.rows[one.table] += _treat(conn, one, names, ids)
    done.rows += Counter()
    told = {"people": [auditing.trace(id_, now) for id_ in sorted(there)], "rows": dict(done.rows)}
    if there or done.rows:
        auditing.note(conn, ERASED, told, now)
    return done


def _remember(conn: sa.Connection, ids: Iterable[str], digest: Digest, now: datetime) -> None:
    """Note their ids and every address that they ever had here."""
    a, d, b = addresses.c, deliveries.c, changes.c
    now_theirs = sa.select(a.channel, a.address).where(one_of(a.contact_id, ids))
    written_to = sa.select(d.channel, d.address).where(one_of(d.contact_id, ids), d.address.is_not(None)).distinct()
    reach = {(channel, to) for query in (now_theirs, written_to) for channel, to in conn.execute(query)}
    for dropped in conn.execute(sa.select(b.addresses).where(one_of(b.contact_id, ids))).scalars():
        reach |= {(channel, to) for channel, to, *_ in dropped}
    said = {digest(PERSON, id_) for id_ in ids} | {digest(channel, to) for channel, to in reach}
    remember(conn, said, now)


def _end(conn: sa.Connection, ids: Sequence[str], now: datetime) -> None:
    """End what is under way."""
    n, d = enrollments.c, deliveries.c
    over = {"status": "left", "reason": ERASED, "left_at": now, "due_at": None, "held_since": None}
    conn.execute(sa.update(enrollments).where(one_of(n.contact_id, ids), n.status != "left").values(over))
    mine = one_of(d.contact_id, ids)
    nobody = {"next_at": None, "lease_until": None, "owner": None, "ended_at": now}
    stopped = sa.update(deliveries).where(mine, d.status.in_(WAITING)).values(nobody | {"status": "suppressed"})
    void(conn, conn.execute(stopped.returning(d.key)).scalars().all())
    conn.execute(sa.update(deliveries).where(mine, d.status == "sending").values(nobody | {"status": "unknown"}))


def _strip(conn: sa.Connection, ids: Sequence[str], kept: Kept) -> None:
    """Take bodies and ids of events away, and what runs say of these ids."""
    e, n = events.c, enrollments.c
    asked: sa.Select[Any] = sa.select(e.id, e.name, e.data)
    found = conn.execute(asked.where(one_of(e.contact_id, ids))).all()
    new = {row.id: _unnamed(row.id) for row in found}
    if found:
        rows = [{"old": row.id, "new": new[row.id], "left": bare(row, kept)} for row in found]
        left = {"id": sa.bindparam("new"), "data": sa.bindparam("left", type_=e.data.type), "fresh": False}
        conn.execute(sa.update(events).where(e.id == sa.bindparam("old")).values(left), rows)
    runs = conn.execute(sa.select(n.id, n.trigger, n.cause).where(one_of(n.contact_id, ids))).all()
    if runs:
        told = [
            {
                "of": row.id,
                "t": new.get(row.trigger) or _unnamed(row.trigger),
                "c": new.get(row.cause) or _unnamed(row.cause),
            }
            for row in runs
        ]
        begun: dict[str, Any] = {"trigger": sa.bindparam("t"), "cause": sa.bindparam("c")}
        conn.execute(sa.update(enrollments).where(n.id == sa.bindparam("of")).values(begun), told)


def _unnamed(event_id: str) -> str:
    """Return an id that says nothing: whoever recorded the event may have put anything into it."""
    return f"{ERASED}:{token_hex(12)}" if event_id and not event_id.startswith(f"{ERASED}:") else event_id


def bare(row: sa.Row[Any], kept: Kept) -> dict[str, Any]:
    """Return of an event's body (row: name, data) what our own reactions say and what figures are reckoned from."""
    if row.name in OURS:
        return {name: value for name, value in row.data.items() if name in TOLD}
    names, words = kept.get(row.name, (frozenset(), frozenset()))
    mine = {name: value for name, value in row.data.items() if name in names}
    return {name: value for name, value in mine.items() if isinstance(value, int | float) or value in words}


def _treat(conn: sa.Connection, one: Belonging, names: Names, ids: Sequence[str]) -> int:
    """Do with a table's rows what belongings.py says; return with how many."""
    table = metadata.tables[one.table]
    if one.treatment == "keep":
        return 0
    if one.treatment == "delete":
        return conn.execute(sa.delete(table).where(whose(one, ids))).rowcount
    said = json.dumps([[old, new] for old, new in names.items()])
    pairs = listed(conn.dialect.name, "names", ("old", "new"))
    owner = table.c[one.column]
    renamed = sa.update(table).where(owner == pairs.c.old).values({one.column: pairs.c.new, **one.clears})
    return conn.execute(renamed, {"names": said}).rowcount


def whose(one: Belonging, ids: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a row of this table is about one of these people."""
    table = metadata.tables[one.table]
    column = table.c[one.column]
    if one.through is None:
        mine: sa.ColumnElement[bool] = one_of(column, ids)
        return sa.or_(mine, one_of(table.c[one.also], ids)) if one.also else mine
    parent, key = one.through.split(".")
    above = next(other for other in PERSONAL if other.table == parent)
    return column.in_(sa.select(metadata.tables[parent].c[key]).where(whose(above, ids)))
