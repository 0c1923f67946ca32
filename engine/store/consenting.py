"""What people allow and what they do not: the ledger of consents, what it adds up to, and the suppression list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from engine.store.alarms import hold
from engine.store.sets import insert_missing, one_of
from engine.store.tables import addresses, consents, contacts, suppressions

Digest = Callable[[str, str], str]
"""(channel, address) -> keyed hash of the normalised address."""


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """topic "" = every topic, channel "" = every channel."""

    contact_id: str
    topic: str
    channel: str
    granted: bool
    source: str


@dataclass(frozen=True, slots=True)
class Suppression:
    channel: str
    address: str
    reason: str  # hard, complaint, gone, manual


def change_consents(conn: sa.Connection, changes: Sequence[ConsentChange], now: datetime) -> tuple[str, ...]:
    """Write the ledger and what it adds up to; return the ids of contacts that do not exist."""
    ids = {change.contact_id for change in changes}
    hold(conn, ids)
    query = sa.select(contacts.c.id, contacts.c.consents).where(one_of(contacts.c.id, ids)).with_for_update()
    before: dict[str, str] = {row[0]: row[1] for row in conn.execute(query)}
    words = {contact_id: set(said.split()) for contact_id, said in before.items()}
    known = [change for change in changes if change.contact_id in words]
    for change in known:
        _apply(words[change.contact_id], change)
    _write_ledger(conn, known, now)
    after = {contact_id: " ".join(sorted(said)) for contact_id, said in words.items()}
    _write_words(conn, {id_: said for id_, said in after.items() if said != before[id_]}, now)
    return tuple(sorted(ids.difference(words)))


def _apply(words: set[str], change: ConsentChange) -> None:
    """A topic's word is its grant; "topic-channel" and "-channel" are opt-outs."""
    if not change.topic and not change.channel:
        if not change.granted:
            words.difference_update([word for word in words if "-" not in word])
        return
    word = f"{change.topic}-{change.channel}" if change.channel else change.topic
    if change.granted != bool(change.channel):
        words.add(word)
    else:
        words.discard(word)


def summed(changes: Sequence[ConsentChange]) -> frozenset[str]:
    """Return what these changes, oldest first, add up to: the words of model.Contact.consents."""
    words: set[str] = set()
    for change in changes:
        _apply(words, change)
    return frozenset(words)


def _write_ledger(conn: sa.Connection, changes: Sequence[ConsentChange], now: datetime) -> None:
    rows = [
        {"contact_id": c.contact_id, "topic": c.topic, "channel": c.channel, "granted": c.granted, "source": c.source,
         "at": now}
        for c in changes
    ]  # fmt: skip
    if rows:
        conn.execute(consents.insert(), rows)


def _write_words(conn: sa.Connection, words: Mapping[str, str], now: datetime) -> None:
    if words:
        update = contacts.update().where(contacts.c.id == sa.bindparam("contact_id"))
        rows = [{"contact_id": contact_id, "consents": said, "updated_at": now} for contact_id, said in words.items()]
        conn.execute(update, rows)


def suppress(conn: sa.Connection, entries: Sequence[Suppression], digest: Digest, now: datetime) -> None:
    """Never use these addresses again, whoever has them now or brings them back later; the first reason stays."""
    insert_missing(
        conn,
        suppressions,
        [
            {
                "digest": digest(entry.channel, entry.address),
                "channel": entry.channel,
                "reason": entry.reason,
                "at": now,
            }
            for entry in entries
        ],
    )
    rows = [
        {"on": entry.channel, "to": entry.address, "suppressed": entry.reason, "suppressed_at": now}
        for entry in entries
    ]
    if rows:
        same = (addresses.c.channel == sa.bindparam("on")) & (addresses.c.address == sa.bindparam("to"))
        conn.execute(addresses.update().where(same & addresses.c.suppressed.is_(None)), rows)
