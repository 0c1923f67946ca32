"""Two contacts that are one: what one did and was goes to the other, once, logged, and undoable for thirty days.

Rules
- The identities of both are locked, and their alarms held, before anything here begins.
- What happened (events, runs, messages, decisions, refusals) moves with its row; which rows moved is kept for the undo.
  What is worked out about a person (standings, interests) is dropped and worked out anew for who is left.
- Runs go on where they stand. Where who is left is in the same journey already, one run is enough: the other ends.
- Consents: a withdrawal of either holds; a grant of the one who is gone holds where who is left never withdrew it.
- Rows of the ledger of consents and of former attributes stay under the old name: they say what was true of it then.
  So does what receivers of audiences were told: the next push lets the old name go.
- A fixed number of statements for any number of merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from engine.audience.identity import Join
from engine.store.belongings import named
from engine.store.columns import to_micros
from engine.store.consenting import PENDING, ConsentChange, change_consents
from engine.store.membership import look_again
from engine.store.placing import give_up, place
from engine.store.profile_tables import identities, memberships, merges, moved, profile_values
from engine.store.profiles import Trust, Word, believe, told
from engine.store.sets import given, insert_missing, one_of
from engine.store.tables import addresses, alarms, consents, contacts, decisions, enrollments, metadata

UNDOABLE = timedelta(days=30)
STAYS = frozenset({"changes", "consents", "segment_moves", "merges", "proposals", "shared"})
FOLDED = frozenset({"addresses", "identities", "profile_values", "memberships"})
_e = enrollments.c


def movable() -> list[tuple[sa.Table, sa.Column[Any]]]:
    """Return the tables whose rows go along, each with its key: those that name a contact without being keyed by it."""
    found = []
    for one in named():
        table = metadata.tables[one.table]
        keys = list(table.primary_key.columns)
        if one.table not in STAYS | FOLDED and len(keys) == 1 and keys[0].name != one.column:
            found.append((table, keys[0]))
    return found


def dropped() -> list[sa.Table]:
    """Return the tables whose rows are worked out for each contact: keyed by it."""
    tables = [metadata.tables[one.table] for one in named() if one.table not in STAYS | FOLDED]
    return [table for table in tables if "contact_id" in table.primary_key.columns and table is not alarms]


@dataclass(slots=True)
class _Pairs:
    """What is being made one: merge id -> join, and what the contacts were like."""

    joins: dict[str, Join]
    people: dict[str, sa.Row[Any]]
    addresses: dict[str, list[sa.Row[Any]]] = field(default_factory=dict)
    words: dict[str, list[Word]] = field(default_factory=dict)
    owned: dict[str, list[list[str]]] = field(default_factory=dict)

    @property
    def gone(self) -> list[str]:
        return sorted(join.gone for join in self.joins.values())

    @property
    def kept(self) -> list[str]:
        return sorted({join.kept for join in self.joins.values()})

    def table(self, conn: sa.Connection) -> sa.Subquery:
        rows = [(id_, join.kept, join.gone) for id_, join in self.joins.items()]
        return given(conn, ("merge_id", "kept", "gone"), rows)


def merge(conn: sa.Connection, joins: Sequence[Join], trust: Trust, now: datetime) -> list[str]:
    """Make each `gone` one with its `kept`; return the ids of the merges of those who were contacts."""
    if not joins:
        return []
    pairs = _pairs(conn, joins, now)
    _rename(conn, joins)
    if not pairs.joins:
        return []
    table = pairs.table(conn)
    _end_runs(conn, pairs, now)
    for kind, key in movable():
        _move(conn, kind, key, table, pairs.gone)
    for kind in dropped():
        conn.execute(kind.delete().where(one_of(kind.c.contact_id, pairs.gone)))
    _fold(conn, pairs, table)
    _consent(conn, pairs, now)
    words = [_of(word, join.kept) for join in pairs.joins.values() for word in pairs.words.get(join.gone, ())]
    believe(conn, words, trust, now)
    touched = decisions.update().where(one_of(decisions.c.contact_id, pairs.kept))
    conn.execute(touched.where(decisions.c.status.in_(("open", "pending"))).values(touched=True))
    conn.execute(contacts.delete().where(one_of(contacts.c.id, pairs.gone)))
    _log(conn, pairs, now)
    look_again(conn, pairs.kept, now)
    return sorted(pairs.joins)


def _pairs(conn: sa.Connection, joins: Sequence[Join], now: datetime) -> _Pairs:
    ids = sorted({id_ for join in joins for id_ in (join.kept, join.gone)})
    query = sa.select(contacts).where(one_of(contacts.c.id, ids)).order_by(contacts.c.id).with_for_update()
    people = {row.id: row for row in conn.execute(query)} if ids else {}
    found = _Pairs({_id(join, now): join for join in joins if join.kept in people and join.gone in people}, people)
    if not found.joins:
        return found
    for row in conn.execute(sa.select(addresses).where(one_of(addresses.c.contact_id, ids))):
        found.addresses.setdefault(row.contact_id, []).append(row)
    for word in told(conn, found.gone):
        found.words.setdefault(word.contact_id, []).append(word)
    theirs = sa.select(identities.c.contact_id, identities.c.kind, identities.c.value)
    for row in conn.execute(theirs.where(one_of(identities.c.contact_id, found.gone))):
        found.owned.setdefault(row.contact_id, []).append([row.kind, row.value])
    for gone in found.gone:  # what no source said goes along as well
        said = {word.attribute for word in found.words.get(gone, ())}
        rest = [Word(gone, name, "import", value, people[gone].created_at)
                for name, value in people[gone].attributes.items() if name not in said]  # fmt: skip
        found.words.setdefault(gone, []).extend(rest)
    return found


def _rename(conn: sa.Connection, joins: Sequence[Join]) -> None:
    """Let the identities of whoever is gone be those of who is left, and nobody look at the former any more."""
    table = given(conn, ("kept", "gone"), [(join.kept, join.gone) for join in joins])
    gone = sorted({join.gone for join in joins})
    kept = sa.select(table.c.kept).where(table.c.gone == identities.c.contact_id).scalar_subquery()
    conn.execute(identities.update().where(one_of(identities.c.contact_id, gone)).values(contact_id=kept))
    conn.execute(alarms.delete().where(one_of(alarms.c.contact_id, gone)))


def _id(join: Join, now: datetime) -> str:
    said = f"{join.kept}\x00{join.gone}\x00{to_micros(now)}"
    return blake2b(said.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _of(word: Word, contact_id: str) -> Word:
    return Word(contact_id, word.attribute, word.source, word.value, word.at)


def _end_runs(conn: sa.Connection, pairs: _Pairs, now: datetime) -> None:
    """End the runs of those who are gone in journeys that who is left is in already."""
    query = sa.select(_e.id, _e.contact_id, _e.journey).where(
        one_of(_e.contact_id, [*pairs.kept, *pairs.gone]), _e.status.in_(("active", "queued"))
    )
    whose = {join.gone: join.kept for join in pairs.joins.values()}
    running = sorted(conn.execute(query).all(), key=lambda run: (run.contact_id in whose, run.id))
    taken: set[tuple[str, str]] = set()
    extra = []
    for run in running:
        place_ = whose.get(run.contact_id, run.contact_id), run.journey
        if place_ in taken and run.contact_id in whose:
            extra.append(run.id)
        taken.add(place_)
    if extra:
        there = one_of(_e.id, extra)
        give_up(conn, there)
        away = {"status": "left", "reason": "merged with a contact who is in this journey", "left_at": now,
                "due_at": None, "drawn": ""}  # fmt: skip
        place(conn, there, away, now)


def _move(conn: sa.Connection, table: sa.Table, key: sa.Column[Any], pairs: sa.Subquery, gone: Sequence[str]) -> None:
    """Let the rows change hands, and note which did."""
    owner = table.c.contact_id
    text = sa.cast(key, sa.String(200)) if not isinstance(key.type, sa.String) else key
    going = sa.select(pairs.c.merge_id, sa.literal(table.name), text).join(table, owner == pairs.c.gone)
    conn.execute(moved.insert().from_select(["merge_id", "belonging", "key"], going))
    kept = sa.select(pairs.c.kept).where(pairs.c.gone == owner).scalar_subquery()
    conn.execute(table.update().where(one_of(owner, gone)).values(contact_id=kept))


def _fold(conn: sa.Connection, pairs: _Pairs, table: sa.Subquery) -> None:
    """Let addresses and companies be those of who is left, where they are not theirs already."""
    rows = [
        {**row._asdict(), "contact_id": join.kept}
        for join in pairs.joins.values()
        for row in pairs.addresses.get(join.gone, ())
    ]
    insert_missing(conn, addresses, rows)
    joined = sa.select(table.c.kept, memberships.c.company_id, sa.func.max(memberships.c.at))
    joined = joined.join(memberships, memberships.c.contact_id == table.c.gone)
    m = memberships.alias()
    there = sa.exists().where(m.c.contact_id == table.c.kept, m.c.company_id == memberships.c.company_id)
    joined = joined.where(~there).group_by(table.c.kept, memberships.c.company_id)
    conn.execute(memberships.insert().from_select(["contact_id", "company_id", "at"], joined))
    for kind in (addresses, profile_values, memberships):
        conn.execute(kind.delete().where(one_of(kind.c.contact_id, pairs.gone)))


def _consent(conn: sa.Connection, pairs: _Pairs, now: datetime) -> None:
    said = {id_: frozenset(row.consents.split()) for id_, row in pairs.people.items()}
    ledger = sa.select(consents.c.contact_id, consents.c.topic).where(
        one_of(consents.c.contact_id, pairs.kept),
        consents.c.channel == "",
        consents.c.granted.is_(sa.false()),
        consents.c.state != PENDING,
    )
    refused = {(row[0], row[1]) for row in conn.execute(ledger)}
    change_consents(conn, [
        ConsentChange(join.kept, topic, channel, granted=not channel, source=f"merge with {join.gone}"[:200])
        for join in pairs.joins.values()
        for word in sorted(said[join.gone] - said[join.kept])
        for topic, _, channel in (word.partition("-"),)
        if channel or not {(join.kept, topic), (join.kept, "")} & refused
    ], now)  # fmt: skip


def _log(conn: sa.Connection, pairs: _Pairs, now: datetime) -> None:
    rows = [
        {"id": id_, "contact_id": join.kept, "gone": join.gone, "at": now, "why": join.why, "source": join.source,
         "before": _before(pairs, join), "undone_at": None}
        for id_, join in sorted(pairs.joins.items())
    ]  # fmt: skip
    conn.execute(merges.insert(), rows)


def _before(pairs: _Pairs, join: Join) -> Mapping[str, Any]:
    """Return who is gone, as plain values, and which of their addresses who is left got."""
    was, left = pairs.people[join.gone], pairs.people[join.kept]
    mine = {(row.channel, row.address) for row in pairs.addresses.get(join.kept, ())}
    return {
        "attributes": was.attributes, "consents": was.consents, "created_at": to_micros(was.created_at),
        "addresses": [_plain(row) for row in pairs.addresses.get(join.gone, ())],
        "given": [[row.channel, row.address] for row in pairs.addresses.get(join.gone, ())
                  if (row.channel, row.address) not in mine],
        "identities": sorted(pairs.owned.get(join.gone, ())),
        "words": [[w.attribute, w.source, w.value, to_micros(w.at)] for w in pairs.words.get(join.gone, ())],
        "left": {"attributes": left.attributes, "consents": left.consents},
    }  # fmt: skip


def _plain(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: to_micros(value) if isinstance(value, datetime) else value for name, value in row._asdict().items()}


def forget_moves(conn: sa.Connection, now: datetime) -> int:
    """Drop the notes that no undo can use any more; return how many merges they were of."""
    old = sa.select(merges.c.id).where(merges.c.at < now - UNDOABLE)
    return conn.execute(moved.delete().where(moved.c.merge_id.in_(old))).rowcount


def listed(conn: sa.Connection, contact_ids: Iterable[str] | None, most: int = 100) -> list[Any]:
    """Return merges, the newest first: of these contacts, or of all."""
    m = merges.c
    query = sa.select(m.id, m.contact_id, m.gone, m.at, m.why, m.source, m.undone_at).order_by(m.at.desc(), m.id)
    if contact_ids is not None:
        ids = sorted(set(contact_ids))
        query = query.where(one_of(m.contact_id, ids) | one_of(m.gone, ids))
    return list(conn.execute(query.limit(most)).all())
