"""Adding contacts in sets: new ones, and what is new about those that are there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from engine.store import confirming
from engine.store.alarms import hold, ring
from engine.store.changing import Gone, differing, note
from engine.store.confirming import Asking
from engine.store.consenting import PENDING, ConsentChange, Digest, change_consents
from engine.store.forgetting import forgotten
from engine.store.membership import look_again
from engine.store.sets import insert_missing, one_of
from engine.store.tables import addresses, consents, contacts, enrollments, suppressions

Address = tuple[str, str, str]  # contact id, channel, address


@dataclass(frozen=True, slots=True)
class NewContact:
    """A person as an import says it; a channel named in `addresses` gets this address instead of those it had."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()  # topics
    source: str = "import"
    proof: str = ""  # of the consents: how it is known that they were given


@dataclass(frozen=True, slots=True)
class Counts:
    """`kept_out`: consents that were not granted again, because the person had withdrawn them. `erased`: rows about
    people who asked to be forgotten; nothing of them was kept. `asked`: consents that wait for their confirmation.
    """

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    kept_out: int = 0
    erased: int = 0
    asked: int = 0


def add_contacts(
    conn: sa.Connection, rows: Sequence[NewContact], now: datetime, digest: Digest, asking: Asking | None = None
) -> Counts:
    """Add contacts and merge what is said about known ones; addresses on the suppression list are marked.

    `asking`: topics whose consent has to be confirmed; without it, and with a proof, what is said is granted.

    Attributes that are not named stay. A journey may look at an attribute at any time, so whoever is in one and
    changes is looked at again.
    """
    said = _merged(rows)
    gone = forgotten(conn, {id_: row.addresses for id_, row in said.items()}, digest)
    people = {id_: row for id_, row in said.items() if id_ not in gone}
    rows = [row for row in rows if row.id not in gone]
    hold(conn, people)
    attributes, words = _known(conn, people)
    merged = {id_: {**attributes.get(id_, {}), **people[id_].attributes} for id_ in people}
    moved = {id_ for id_ in attributes if merged[id_] != attributes[id_]}
    _write(conn, {id_: merged[id_] for id_ in people if id_ not in attributes or id_ in moved}, attributes, now)
    readdressed, dropped = _readdress(conn, people.values(), (digest, now))
    note(conn, {id_: differing(attributes[id_], merged[id_]) for id_ in moved}, now, "import", dropped)
    (granted, asked), kept_out = _grant(conn, people.values(), words, (now, asking))
    ring(conn, _enrolled(conn, moved), now)
    look_again(conn, moved | (people.keys() - attributes.keys()), now)
    updated = len((moved | readdressed | granted) & attributes.keys())
    new = len(people) - len(attributes)
    return Counts(new, updated, len(rows) - new - updated, kept_out, len(gone), asked)


def _merged(rows: Sequence[NewContact]) -> dict[str, NewContact]:
    """Return one row per contact: of two about the same person, the later adds to the earlier."""
    people: dict[str, NewContact] = {}
    for row in rows:
        before = people.get(row.id)
        people[row.id] = row if before is None else replace(
            row,
            attributes={**before.attributes, **row.attributes},
            addresses={**before.addresses, **row.addresses},
            consents=before.consents | row.consents,
        )  # fmt: skip
    return people


def _known(conn: sa.Connection, ids: Iterable[str]) -> tuple[dict[str, Any], dict[str, frozenset[str]]]:
    query = sa.select(contacts.c.id, contacts.c.attributes, contacts.c.consents).where(one_of(contacts.c.id, ids))
    rows = conn.execute(query.with_for_update()).all()
    return {row[0]: row[1] for row in rows}, {row[0]: frozenset(row[2].split()) for row in rows}


def _write(conn: sa.Connection, people: Mapping[str, Mapping[str, Any]], known: Collection[str], now: datetime) -> None:
    new = [
        {"id": id_, "attributes": attributes, "consents": "", "created_at": now, "updated_at": now}
        for id_, attributes in people.items()
        if id_ not in known
    ]
    insert_missing(conn, contacts, new)
    changed = [
        {"contact_id": id_, "attributes": attributes, "updated_at": now}
        for id_, attributes in people.items()
        if id_ in known
    ]
    if changed:
        conn.execute(contacts.update().where(contacts.c.id == sa.bindparam("contact_id")), changed)


def _readdress(
    conn: sa.Connection, people: Iterable[NewContact], how: tuple[Digest, datetime]
) -> tuple[set[str], dict[str, list[Gone]]]:
    """Give each named channel the address that is said; return whose addresses changed, and those that are gone."""
    said = {(row.id, channel): address for row in people for channel, address in row.addresses.items() if address}
    a = addresses.c
    query = sa.select(a.contact_id, a.channel, a.address, a.suppressed, a.added_at)
    rows = conn.execute(query.where(one_of(a.contact_id, {id_ for id_, _ in said}))).all()
    there = [cast("Address", tuple(row)[:3]) for row in rows]
    gone = [row for row in there if said.get(row[:2], row[2]) != row[2]]
    dropped: dict[str, list[Gone]] = {}
    for id_, channel, address, suppressed, added_at in rows:
        if (id_, channel, address) in gone:
            dropped.setdefault(id_, []).append((channel, address, suppressed, added_at))
    kept = {row for row in there if said.get(row[:2]) == row[2]}
    added = [(*key, address) for key, address in said.items() if (*key, address) not in kept]
    _drop(conn, gone)
    _add(conn, added, how)
    return {row[0] for row in added}, dropped


def _drop(conn: sa.Connection, gone: Sequence[Address]) -> None:
    if gone:
        a = addresses.c
        same = (
            (a.contact_id == sa.bindparam("who"))
            & (a.channel == sa.bindparam("on"))
            & (a.address == sa.bindparam("to"))
        )
        conn.execute(addresses.delete().where(same), [{"who": w, "on": on, "to": to} for w, on, to in gone])


def _add(conn: sa.Connection, added: Sequence[Address], how: tuple[Digest, datetime]) -> None:
    digest, now = how
    digests = [digest(channel, address) for _, channel, address in added]
    query = sa.select(suppressions.c.digest, suppressions.c.channel, suppressions.c.reason)
    found = conn.execute(query.where(one_of(suppressions.c.digest, digests)))
    listed = {(row[0], row[1]): row[2] for row in found}
    rows = [
        {"contact_id": id_, "channel": channel, "address": address, "suppressed": reason, "added_at": now,
         "suppressed_at": now if reason else None}
        for (id_, channel, address), mark in zip(added, digests, strict=True)
        for reason in [listed.get((mark, channel))]
    ]  # fmt: skip
    insert_missing(conn, addresses, rows)


def _grant(
    conn: sa.Connection,
    people: Iterable[NewContact],
    words: Mapping[str, frozenset[str]],
    how: tuple[datetime, Asking | None],
) -> tuple[tuple[set[str], int], int]:
    """Grant what is said, or ask, except to those who withdrew it.

    Return who has more now and how many confirmations were asked for, and how many consents were kept out.
    """
    now, asking = how
    wanted = [
        ConsentChange(row.id, topic, "", granted=True, source=row.source, proof=row.proof)
        for row in people
        for topic in sorted(row.consents - words.get(row.id, frozenset()))
    ]
    known = {change.contact_id for change in wanted if change.contact_id in words}
    ledger = sa.select(consents.c.contact_id, consents.c.topic).where(
        one_of(consents.c.contact_id, known),
        consents.c.channel == "",
        consents.c.granted.is_(sa.false()),
        consents.c.state != PENDING,
    )
    withdrawn = {(row[0], row[1]) for row in conn.execute(ledger)}
    free = [c for c in wanted if not {(c.contact_id, c.topic), (c.contact_id, "")} & withdrawn]
    granted, asked = confirming.ask(conn, free, asking, now)
    change_consents(conn, granted, now)
    return ({change.contact_id for change in granted}, asked), len(wanted) - len(free)


def _enrolled(conn: sa.Connection, ids: Collection[str]) -> Sequence[str]:
    query = sa.select(enrollments.c.contact_id).where(
        one_of(enrollments.c.contact_id, ids), enrollments.c.status == "active"
    )
    return conn.execute(query).scalars().all() if ids else ()


def exists(conn: sa.Connection, contact_id: str) -> bool:
    """Return whether there is such a contact."""
    return conn.execute(sa.select(contacts.c.id).where(contacts.c.id == contact_id)).first() is not None
