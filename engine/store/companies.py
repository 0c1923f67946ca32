"""Companies and who belongs to them: what is said of a company stands with each of its people.

Rules
- A person's own attributes stay one flat list, so that every condition, cap and report can ask for them: the attribute
  `company` holds the company's id, and each declared attribute of the kind `firm` what the company says by that name.
- Who belongs to several companies shows the one that was named last.
- When a company changes, so do its people, all in a fixed number of statements. Companies are locked before alarms are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store.profile_tables import companies, memberships
from engine.store.profiles import Trust, Word, believe
from engine.store.sets import Upsert, insert_missing, one_of, upsert, write

COMPANY = "company"
SOURCE = "company"
_m = memberships.c


@dataclass(frozen=True, slots=True)
class Belongs:
    """A person belongs to a company, which is like this."""

    contact_id: str
    company_id: str
    attributes: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Firms:
    """Companies that are locked until the transaction ends, as they were; `people`: who belongs to one that changes."""

    before: Mapping[str, Mapping[str, Any]]
    people: frozenset[str] = frozenset()


def claim_companies(conn: sa.Connection, said: Sequence[tuple[str, Mapping[str, Any]]], now: datetime) -> Firms:
    """Lock the companies (id, what is said of it), made where they are new; before any alarm is held."""
    if not said:
        return Firms({})
    c = companies.c
    ids = sorted({id_ for id_, _ in said})
    insert_missing(
        conn, companies, [{"id": id_, "attributes": {}, "created_at": now, "updated_at": now} for id_ in ids]
    )
    query = sa.select(c.id, c.attributes).where(one_of(c.id, ids)).order_by(c.id).with_for_update()
    before: dict[str, dict[str, Any]] = {row.id: row.attributes for row in conn.execute(query)}
    other = {id_ for id_, attributes in said if {**before[id_], **attributes} != before[id_]}
    theirs = sa.select(_m.contact_id).where(one_of(_m.company_id, sorted(other)))
    return Firms(before, frozenset(conn.execute(theirs).scalars()) if other else frozenset())


def join_companies(conn: sa.Connection, firms: Firms, news: Sequence[Belongs], trust: Trust, now: datetime) -> set[str]:
    """Let people, whose alarms are held, belong to claimed companies; return whose attributes changed."""
    if not news:
        return set()
    after = {id_: dict(attributes) for id_, attributes in firms.before.items()}
    for new in news:
        after[new.company_id].update(new.attributes)
    rows = [{"of": id_, "attributes": after[id_], "updated_at": now} for id_ in sorted(after)]
    write(conn, _other(), rows)
    newest = {(n.contact_id, n.company_id): n.at for n in sorted(news, key=lambda new: new.at)}
    belongs = [{"contact_id": who, "company_id": firm, "at": at} for (who, firm), at in sorted(newest.items())]
    write(conn, _latest(conn.dialect.name), belongs)
    current = _current(conn, {new.contact_id for new in news} | firms.people)
    return believe(conn, _words(current, after, trust, now), trust, now)


def company(conn: sa.Connection, contact_id: str) -> list[Any]:
    """Return (id, attributes, at) of a person's companies, the newest first."""
    query = sa.select(companies.c.id, companies.c.attributes, _m.at).join(memberships, _m.company_id == companies.c.id)
    return list(conn.execute(query.where(_m.contact_id == contact_id).order_by(_m.at.desc(), companies.c.id)).all())


def _current(conn: sa.Connection, contact_ids: set[str]) -> dict[str, str]:
    """Return the newest company of each of these people."""
    query = sa.select(_m.contact_id, _m.company_id).where(one_of(_m.contact_id, sorted(contact_ids)))
    return {row[0]: row[1] for row in conn.execute(query.order_by(_m.at, _m.company_id))}


def _words(
    current: Mapping[str, str], said: Mapping[str, Mapping[str, Any]], trust: Trust, now: datetime
) -> list[Word]:
    firm = [name for name, kind in trust.kinds.items() if kind == "firm" and name != COMPANY]
    own = [COMPANY] if COMPANY in trust.kinds else []
    return [
        Word(id_, name, SOURCE, company_id if name == COMPANY else said[company_id].get(name), now)
        for id_, company_id in current.items()
        if company_id in said
        for name in (*own, *firm)
    ]


@lru_cache
def _other() -> sa.Update:
    update = companies.update().where(companies.c.id == sa.bindparam("of"))
    return update.values(attributes=sa.bindparam("attributes"), updated_at=sa.bindparam("updated_at"))


@lru_cache
def _latest(dialect: str) -> Upsert:
    insert = upsert(dialect, memberships)
    newer = sa.case((insert.excluded.at > _m.at, insert.excluded.at), else_=_m.at)
    return insert.on_conflict_do_update(index_elements=["contact_id", "company_id"], set_={"at": newer})
