"""Taking a merge back: who was gone is a contact again, with what they did and were; what came since stays.

Rules
- For thirty days; after that nobody can say any more which row was whose.
- What happened since the merge stays with who was left: nobody knows which of the two did it.
- An attribute that the merge filled in goes away again, unless somebody has said otherwise since.
- A run that the merge ended stays ended. A consent that it brought is withdrawn: to be written to needs a clear yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.audience.identity import Join
from engine.errors import ConfigError, NotFound
from engine.store.alarms import ring
from engine.store.changing import differing, note
from engine.store.columns import Instant, from_micros
from engine.store.consenting import ConsentChange, change_consents
from engine.store.identities import hold_identities, settle_proposal
from engine.store.membership import look_again
from engine.store.merging import UNDOABLE, merge, movable
from engine.store.profile_tables import identities, merges, moved, profile_values
from engine.store.profiles import Trust
from engine.store.sets import insert_missing, one_of
from engine.store.tables import addresses, contacts

Row = sa.Row[Any]
_a, _v, _i = addresses.c, profile_values.c, identities.c
_CALLED = identities.update().where(_i.kind == sa.bindparam("of_kind"), _i.value == sa.bindparam("called"))
_SAID = profile_values.delete().where(
    _v.contact_id == sa.bindparam("who"), _v.attribute == sa.bindparam("about"), _v.source == sa.bindparam("by"),
    _v.at == sa.bindparam("when", type_=Instant),
)  # fmt: skip
_REACHED = addresses.delete().where(
    _a.contact_id == sa.bindparam("who"), _a.channel == sa.bindparam("on"), _a.address == sa.bindparam("to")
)


def merge_known(conn: sa.Connection, join: Join, trust: Trust, now: datetime) -> str:
    """Make two contacts one because somebody says so; return the id of the merge."""
    pair = [join.kept, join.gone]
    if join.kept == join.gone:
        raise ConfigError(f"{join.kept} is one contact already")
    hold_identities(conn, pair)
    there = set(conn.execute(sa.select(contacts.c.id).where(one_of(contacts.c.id, pair))).scalars())
    for id_ in pair:
        if id_ not in there:
            raise NotFound(f'no contact "{id_}"; ids come from the import: sojourn contact import')
    ring(conn, pair, now)
    settle_proposal(conn, (join.kept, join.gone), "merged", now)
    return merge(conn, [join], trust, now)[0]


def unmerge(conn: sa.Connection, merge_id: str, now: datetime) -> Row:
    """Take a merge back; return its row."""
    found = _undoable(conn, merge_id, now)
    pair = [found.contact_id, found.gone]
    hold_identities(conn, pair)
    ring(conn, pair, now)
    was = found.before
    if conn.execute(sa.select(contacts.c.id).where(contacts.c.id == found.gone)).first():
        raise ConfigError(f"there is a contact {found.gone} again: their merge cannot be taken back any more")
    _revive(conn, found, now)
    for table, key in movable():
        text = sa.cast(key, sa.String(200)) if not isinstance(key.type, sa.String) else key
        theirs = sa.select(moved.c.key).where(moved.c.merge_id == merge_id, moved.c.belonging == table.name)
        back = table.update().where(text.in_(theirs), table.c.contact_id == found.contact_id)
        conn.execute(back.values(contact_id=found.gone))
    names = [{"of_kind": kind, "called": value} for kind, value in was["identities"]]
    if names:
        conn.execute(_CALLED.values(contact_id=found.gone), names)
    _restore(conn, found, now)
    conn.execute(moved.delete().where(moved.c.merge_id == merge_id))
    conn.execute(merges.update().where(merges.c.id == merge_id).values(undone_at=now))
    look_again(conn, pair, now)
    return found


def _undoable(conn: sa.Connection, merge_id: str, now: datetime) -> Row:
    found = conn.execute(sa.select(merges).where(merges.c.id == merge_id).with_for_update()).first()
    if found is None:
        raise NotFound(f'no merge "{merge_id}"; `sojourn contact merges` lists them')
    if found.undone_at is not None:
        raise ConfigError(f"the merge {merge_id} was taken back already, on {found.undone_at:%Y-%m-%d %H:%M} UTC")
    if now - found.at > UNDOABLE:
        raise ConfigError(f"the merge {merge_id} is older than {UNDOABLE.days} days and cannot be taken back any more")
    return found


def _revive(conn: sa.Connection, found: Row, now: datetime) -> None:
    """Make the contact anew, as they were."""
    was: Mapping[str, Any] = found.before
    row = {"id": found.gone, "attributes": was["attributes"], "consents": was["consents"],
           "created_at": from_micros(was["created_at"]), "updated_at": now}  # fmt: skip
    conn.execute(contacts.insert(), [row])
    said = [
        {"contact_id": found.gone, "attribute": attribute, "source": source, "value": value, "at": from_micros(at)}
        for attribute, source, value, at in was["words"]
    ]
    insert_missing(conn, profile_values, said)
    theirs = [
        {**one, "added_at": from_micros(one["added_at"]),
         "suppressed_at": None if one["suppressed_at"] is None else from_micros(one["suppressed_at"])}
        for one in was["addresses"]
    ]  # fmt: skip
    insert_missing(conn, addresses, theirs)


def _restore(conn: sa.Connection, found: Row, now: datetime) -> None:
    """Take from who was left what the merge brought: attributes, addresses, consents."""
    id_, was = found.contact_id, found.before
    left = was["left"]
    person = conn.execute(sa.select(contacts).where(contacts.c.id == id_).with_for_update()).first()
    if person is None:  # erased since
        return
    brought = {name: value for name, value in was["attributes"].items() if left["attributes"].get(name) != value}
    after = {name: value for name, value in person.attributes.items() if brought.get(name) != value}
    after |= {n: left["attributes"][n] for n in brought if n in left["attributes"] and n not in after}
    if after != person.attributes:
        conn.execute(contacts.update().where(contacts.c.id == id_).values(attributes=after, updated_at=now))
        note(conn, {id_: differing(person.attributes, after)}, now, "import")
    words = [{"who": id_, "about": name, "by": source, "when": from_micros(at)} for name, source, _, at in was["words"]]
    if words:
        conn.execute(_SAID, words)
    reached = [{"who": id_, "on": channel, "to": address} for channel, address in was["given"]]
    if reached:
        conn.execute(_REACHED, reached)
    brought_words = frozenset(was["consents"].split()) - frozenset(left["consents"].split())
    change_consents(conn, [
        ConsentChange(id_, word, "", granted=False, source=f"merge {found.id} taken back")
        for word in sorted(brought_words & frozenset(person.consents.split())) if "-" not in word
    ], now)  # fmt: skip
