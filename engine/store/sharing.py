"""Audiences in the store: who is to be told of, and what a receiver was told already.

Rules
- To be told of: in the segment, with a grant of `ads`. Everybody else a receiver knows of is to be let go.
- A row is `adding` or `removing` from before the world hears of it until after it has: whatever happens in between,
  the next push says it again. Said twice is as good as once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.consenting import ADS
from engine.store.membership import members
from engine.store.out_tables import pushes, shared
from engine.store.sets import any_of, one_of, upsert
from engine.store.tables import addresses, contacts

PAGE = 5000
ADDING, TOLD, REMOVING = "adding", "told", "removing"
Hashes = Mapping[str, Sequence[str]]
FIRST = ("~", "")
"""The key before the first of `waiting`: states go backwards, `removing` before `adding`."""

_s, _a = shared.c, addresses.c


@dataclass(slots=True)
class Person:
    """Somebody who is to be told of: their mailboxes that work, and the attribute with the number."""

    id: str
    phone: Any
    mails: list[str] = field(default_factory=list)


def wanted(conn: sa.Connection, segment: str) -> sa.Select[Any]:
    """Return the statement that selects the ids of those who are to be told of."""
    words = sa.literal(" ") + contacts.c.consents + sa.literal(" ")
    granted = words.contains(f" {ADS} ", autoescape=True)
    return sa.select(contacts.c.id).where(contacts.c.id.in_(members(conn, segment)), granted)


def page(conn: sa.Connection, segment: str, phone: str, after: str) -> list[Person]:
    """Return the next PAGE of those who are to be told of, by id, from the one after `after`."""
    asked = wanted(conn, segment).add_columns(contacts.c.attributes).where(contacts.c.id > after)
    rows = conn.execute(asked.order_by(contacts.c.id).limit(PAGE)).all()
    found = {row.id: Person(row.id, row.attributes.get(phone) if phone else None) for row in rows}
    theirs = sa.select(_a.contact_id, _a.address).where(one_of(_a.contact_id, found), _a.channel == "email")
    for id_, address in conn.execute(theirs.where(_a.suppressed.is_(None))) if found else ():
        found[id_].mails.append(address)
    return list(found.values())


def known(conn: sa.Connection, audience: str, ids: Sequence[str]) -> dict[str, Any]:
    """Return what the receiver was told of these people."""
    asked = sa.select(_s.contact_id, _s.state, _s.hashes, _s.gone)
    return {
        row.contact_id: row for row in conn.execute(asked.where(_s.audience == audience, one_of(_s.contact_id, ids)))
    }


def unwanted(conn: sa.Connection, audience: str, segment: str) -> sa.ColumnElement[bool]:
    """Return the condition on rows of `shared` that says: not to be told of any more. segment "": nobody is."""
    mine = _s.audience == audience
    return mine & _s.contact_id.not_in(wanted(conn, segment)) if segment else mine


def leaving(conn: sa.Connection, audience: str, segment: str) -> int:
    """Return how many are to be let go."""
    asked = sa.select(sa.func.count()).select_from(shared).where(unwanted(conn, audience, segment))
    return int(conn.execute(asked).scalar_one())


def let_go(conn: sa.Connection, audience: str, segment: str, now: datetime) -> int:
    """Mark who is to be let go; return how many are new among them."""
    gone = unwanted(conn, audience, segment) & (_s.state != REMOVING)
    return conn.execute(shared.update().where(gone).values(state=REMOVING, at=now)).rowcount


def take_in(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Mark who is to be told of: audience, contact_id, hashes, gone, at."""
    if not rows:
        return
    insert = upsert(conn.dialect.name, shared)
    new = {name: insert.excluded[name] for name in ("state", "hashes", "gone", "at")}
    insert = insert.on_conflict_do_update(index_elements=["audience", "contact_id"], set_=new)
    conn.execute(insert, [{**row, "state": ADDING} for row in rows])


def waiting(conn: sa.Connection, audience: str, after: tuple[str, str], most: int) -> Sequence[Any]:
    """Return who is to be told or let go, those who go first; the key of the last is where to go on."""
    state, id_ = after
    later = (_s.state < state) | ((_s.state == state) & (_s.contact_id > id_))
    asked = sa.select(_s.contact_id, _s.state, _s.hashes, _s.gone).where(_s.audience == audience, _s.state != TOLD)
    return conn.execute(asked.where(later).order_by(_s.state.desc(), _s.contact_id).limit(most)).all()


_DONE = (
    shared.update()
    .where(_s.audience == sa.bindparam("of"), _s.state == ADDING, any_of(_s.contact_id, "ids"))
    .values(state=TOLD, gone=sa.bindparam("nothing", type_=_s.gone.type))
)
_OUT = shared.delete().where(_s.audience == sa.bindparam("of"), _s.state == REMOVING, any_of(_s.contact_id, "ids"))


def settle(conn: sa.Connection, audience: str, rows: Sequence[Any]) -> None:
    """Keep that the receiver has heard of these."""
    told = [row.contact_id for row in rows if row.state == ADDING]
    out = [row.contact_id for row in rows if row.state == REMOVING]
    conn.execute(_DONE, {"of": audience, "ids": told, "nothing": {}})
    conn.execute(_OUT, {"of": audience, "ids": out})


def next_number(conn: sa.Connection, audience: str, now: datetime, step: int = 1) -> int:
    """Return the number of the push that begins; step 0: there was nothing to hand over."""
    insert = upsert(conn.dialect.name, pushes).values(audience=audience, number=step, at=now)
    insert = insert.on_conflict_do_update(
        index_elements=["audience"], set_={"number": pushes.c.number + step, "at": insert.excluded.at}
    )
    return int(conn.execute(insert.returning(pushes.c.number)).scalar_one())


def last_push(conn: sa.Connection) -> dict[str, datetime]:
    """Return when each audience was handed over last."""
    return {row.audience: row.at for row in conn.execute(sa.select(pushes.c.audience, pushes.c.at))}


def counts(conn: sa.Connection) -> dict[str, dict[str, int]]:
    """Return how many people each receiver knows of, by audience and state."""
    found: dict[str, dict[str, int]] = {}
    for audience, state, count in conn.execute(
        sa.select(_s.audience, _s.state, sa.func.count()).group_by(_s.audience, _s.state)
    ):
        found.setdefault(audience, {})[state] = int(count)
    return found
