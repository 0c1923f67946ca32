"""Who asked to be forgotten is not brought back: keyed hashes of ids and addresses, asked before anybody is added.

Rules
- A hash is keyed like the suppression list: it says nothing to whoever does not have the project's secret.
- Whoever comes back of their own will is let in by hand (`sojourn contact readmit`), never by an import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from engine.store import auditing
from engine.store.consenting import Digest
from engine.store.law_tables import tombstones
from engine.store.sets import insert_missing, one_of

PERSON = "contact"  # the channel under which an id is hashed
_ANYBODY = sa.select(tombstones.c.digest).limit(1)


def remember(conn: sa.Connection, digests: Iterable[str], now: datetime) -> None:
    """Note that these ids and addresses are to stay forgotten."""
    insert_missing(conn, tombstones, [{"digest": one, "at": now} for one in sorted(set(digests))])


def forgotten(conn: sa.Connection, people: Mapping[str, Mapping[str, str]], digest: Digest) -> frozenset[str]:
    """Return which of these contacts (id -> address by channel) asked to be forgotten, by their id or an address."""
    if not people or conn.execute(_ANYBODY).first() is None:  # most stores: nobody has to be hashed
        return frozenset()
    marks = [(digest(PERSON, id_), id_) for id_ in people]
    marks += [(digest(channel, to), id_) for id_, reach in people.items() for channel, to in reach.items() if to]
    query = sa.select(tombstones.c.digest).where(one_of(tombstones.c.digest, {mark for mark, _ in marks}))
    found = set(conn.execute(query).scalars())
    return frozenset(id_ for mark, id_ in marks if mark in found)


def readmit(conn: sa.Connection, digests: Sequence[str], now: datetime) -> int:
    """Let somebody be known again who wishes so; return how many hashes went."""
    gone = conn.execute(sa.delete(tombstones).where(one_of(tombstones.c.digest, digests))).rowcount
    if gone:
        auditing.note(conn, "readmitted", {"hashes": gone}, now)
    return gone
