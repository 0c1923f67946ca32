"""Erasing people at their request: batch by batch, then the pages and the log of the database themselves.

Rules
- A batch is one transaction: a person is there as a whole or gone as a whole, whatever happens in between.
- What is deleted is overwritten (SQLite: secure_delete, VACUUM, an empty WAL; PostgreSQL: VACUUM of the tables).
  Backups and exports made before are not ours to change: they are named.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import sqlalchemy as sa

from engine.store import erasing
from engine.store.belongings import PERSONAL
from engine.store.connect import reading, writing
from engine.store.consenting import Digest
from engine.store.erasing import Erased, Kept, with_merged
from engine.store.sets import one_of
from engine.store.tables import audit, contacts
from journeys import Choose, Journey
from journeys.project import Project

BATCH = 200
_PROPERTY = re.compile(r"\bevent\.(\w+)")
_WORD = re.compile(r"([\"'])(.*?)\1")


def figures(project: Project, journeys: Iterable[Journey]) -> Kept:
    """Return what goals, rewards and orders are reckoned from, by event."""
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for event, score in project.decisions.get("reward", {}).items():
        asked[event].append(score.source)
    for journey in journeys:
        for event, source in _asked(journey):
            asked[event].append(source)
    buying = project.data.buying
    if buying is not None and buying.value:
        asked[buying.event].append(f"event.{buying.value}")
    return {
        event: (
            frozenset(name for source in sources for name in _PROPERTY.findall(source)),
            frozenset(word for source in sources for _, word in _WORD.findall(source)),
        )
        for event, sources in asked.items()
    }


def _asked(journey: Journey) -> Iterable[tuple[str, str]]:
    """Yield the events of a journey's goal and rewards, each with what is asked of it."""
    goal = journey.goal
    if goal is not None:
        yield from ((event, one.source) for event in goal.events for one in (goal.value, goal.guard) if one)
    for state in journey.states.values():
        if isinstance(state.action, Choose):
            yield from ((event, score.source) for event, score in state.action.reward.score.items())


def erase(
    store: sa.Engine,
    ids: Iterable[str],
    kept: Kept,
    how: tuple[Digest, Callable[[], datetime]],
    beat: Callable[[int], None] = lambda _: None,
) -> Erased:
    """Erase these people with all who were merged into them; `beat` is told after how many ids of the list it is.

    `how`: the keyed hash of addresses, and the clock.
    """
    digest, now = how
    done = Erased()
    for some in _batches(list(dict.fromkeys(ids))):
        with writing(store) as conn:
            _overwrite(conn)
            known = set(conn.execute(sa.select(contacts.c.id).where(one_of(contacts.c.id, some))).scalars())
            done.unknown += [one for one in some if one not in known]
            names = {id_: f"{erasing.ERASED}-{token_hex(8)}" for id_ in with_merged(conn, known)}
            if names:
                one = erasing.erase(conn, names, kept, (digest, now()))
                done.people += one.people
                done.rows += one.rows
        beat(len(some))
    return done


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + BATCH] for at in range(0, len(ids), BATCH))


def _overwrite(conn: sa.Connection) -> None:
    if conn.dialect.name == "sqlite":
        cast("sqlite3.Connection", conn.connection.dbapi_connection).execute("PRAGMA secure_delete = ON")


def scrub(store: sa.Engine) -> str | None:
    """Take what is left of erased rows out of the database's own files; return why that must be done again later."""
    with store.connect() as conn:
        bare = conn.execution_options(isolation_level="AUTOCOMMIT") if store.dialect.name == "postgresql" else conn
        if store.dialect.name == "postgresql":
            for table in dict.fromkeys(one.table for one in PERSONAL):
                bare.exec_driver_sql(f'VACUUM "{table}"')
            return None
        return _vacuum(cast("Any", bare.connection.dbapi_connection))


def _vacuum(connection: sqlite3.Connection) -> str | None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "somebody was reading: the write-ahead log could not be emptied" if busy else None


def copies(url: str) -> list[Path]:
    """Return the backups that `db upgrade` laid beside a SQLite store: what is in them is not erased."""
    address = sa.make_url(url)
    if not address.drivername.startswith("sqlite") or address.database in {None, "", ":memory:"}:
        return []
    file = Path(str(address.database))
    return sorted(file.parent.glob(f"{file.name}.at-*"))


def handed_out(store: sa.Engine) -> list[Path]:
    """Return the files of exports and audiences that are still there: what is in them is not erased."""
    with reading(store) as conn:
        asked = sa.select(audit.c.detail).where(audit.c.what.in_(("table_exported", "audience_pushed")))
        said = list(conn.execute(asked.order_by(audit.c.id)).scalars())
    files = [name for one in said for name in (one.get("files") or [one.get("file", "stdout")]) if name != "stdout"]
    return [path for name in dict.fromkeys(files) if (path := Path(name)).is_file()]


def person_in(store: sa.Engine, id_: str) -> bool:
    """Return whether somebody with this id is there."""
    with reading(store) as conn:
        return conn.execute(sa.select(contacts.c.id).where(contacts.c.id == id_)).first() is not None
