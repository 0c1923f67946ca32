"""What was worked out about people, and what it is worked out from: interests, value, products' topics, consents.

Rules
- A constant number of statements for any number of people; rows are written in the order of their contacts.
- Interests and value are columns of their own: who writes one leaves the other as it is.
- Who does not allow profiling has no row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store.sets import Upsert, any_of, upsert, write
from engine.store.tables import contacts, events, to_micros
from engine.store.value_tables import fits, products, traits

PAGE = 2000
REFUSED = "-profiling"

Heard = tuple[str, int, Mapping[str, Any]]  # name of an event, microseconds since 1970, its data

_HELD = sa.select(traits.c.contact_id, traits.c.interests).where(any_of(traits.c.contact_id, "ids"))
_TOPICS = sa.select(products.c.sku, products.c.attributes).where(any_of(products.c.sku, "skus"))
_NEXT = sa.select(contacts.c.id, contacts.c.consents).order_by(contacts.c.id).limit(PAGE)
_SEEN = sa.select(events.c.contact_id, events.c.name, events.c.at, events.c.data).where(
    any_of(events.c.contact_id, "ids"), any_of(events.c.name, "names"), events.c.fresh.is_(sa.false())
)
_FRESH = (
    sa.select(events.c.contact_id, events.c.name, events.c.at, events.c.data)
    .join(contacts, contacts.c.id == events.c.contact_id)
    .where(any_of(events.c.contact_id, "ids"), any_of(events.c.name, "names"), events.c.fresh)
)
_FORGET = traits.delete().where(any_of(traits.c.contact_id, "ids"))


def allowed() -> sa.ColumnElement[bool]:
    """Return the condition on contacts that profiling is not refused."""
    return (sa.literal(" ") + contacts.c.consents + sa.literal(" ")).not_like(f"% {REFUSED} %")


def interests_of(conn: sa.Connection, ids: Iterable[str]) -> dict[str, Mapping[str, Sequence[float]]]:
    """Return the interests of those of these contacts who have any."""
    return {row[0]: row[1] for row in conn.execute(_HELD, {"ids": sorted(ids)})}


def topics(conn: sa.Connection, skus: Iterable[str], key: str) -> dict[str, str]:
    """Return the topic of each of these products: the text that their attribute `key` is."""
    asked = sorted(set(skus))
    rows = conn.execute(_TOPICS, {"skus": asked}).all() if asked else []
    return {sku: topic for sku, attributes in rows if isinstance(topic := attributes.get(key), str) and topic}


def keep_interests(conn: sa.Connection, found: Mapping[str, Mapping[str, Sequence[float]]], now: datetime) -> None:
    """Write the interests of these contacts."""
    rows = [{"contact_id": id_, "interests": found[id_], "at": now} for id_ in sorted(found)]
    if rows:
        write(conn, _set(conn.dialect.name, "interests"), rows)


def keep_values(conn: sa.Connection, found: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """Write what these contacts are worth."""
    rows = [{"contact_id": id_, "value": found[id_], "at": now} for id_ in sorted(found)]
    if rows:
        write(conn, _set(conn.dialect.name, "value"), rows)


@lru_cache
def _set(dialect: str, column: str) -> Upsert:
    insert = upsert(dialect, traits)
    said = {column: insert.excluded[column], "at": insert.excluded.at}
    return insert.on_conflict_do_update(index_elements=["contact_id"], set_=said)


def values_of(conn: sa.Connection, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return what those of these contacts are worth of whom that is known."""
    asked = sa.select(traits.c.contact_id, traits.c.value).where(any_of(traits.c.contact_id, "ids"))
    return {row[0]: row[1] for row in conn.execute(asked, {"ids": sorted(ids)})}


def valued_beside(conn: sa.Connection, kept: Collection[str]) -> list[str]:
    """Return of whom a value is written who are not among `kept`."""
    said = sa.select(traits.c.contact_id).where(sa.cast(traits.c.value, sa.Text) != "{}")
    return [id_ for id_ in conn.execute(said).scalars() if id_ not in kept]


def trait_of(conn: sa.Connection, contact_id: str) -> Mapping[str, Any] | None:
    """Return the row of one contact as {value, interests, at}, None when there is none."""
    row = conn.execute(sa.select(traits).where(traits.c.contact_id == contact_id)).mappings().first()
    return None if row is None else {"value": row["value"], "interests": row["interests"], "at": row["at"]}


def page_after(conn: sa.Connection, contact_id: str) -> tuple[list[str], list[str]]:
    """Return the next contacts by id: who may be profiled, and who refuses it; no one at the end."""
    rows = conn.execute(_NEXT.where(contacts.c.id > contact_id)).all()
    refusing = [id_ for id_, words in rows if REFUSED in words.split()]
    out = set(refusing)
    return [id_ for id_, _ in rows if id_ not in out], refusing


def heard(conn: sa.Connection, ids: Sequence[str], names: Iterable[str]) -> dict[str, list[Heard]]:
    """Return of each contact the events of these names that walks have seen."""
    return _heard(conn, _SEEN, ids, names)


def fresh(conn: sa.Connection, ids: Sequence[str], names: Iterable[str]) -> dict[str, list[Heard]]:
    """Return of each contact who may be profiled the events of these names that no walk has seen."""
    return _heard(conn, _fresh_of(), ids, names)


@lru_cache
def _fresh_of() -> sa.Select[Any]:
    return _FRESH.where(allowed())


def _heard(
    conn: sa.Connection, asked: sa.Select[Any], ids: Sequence[str], names: Iterable[str]
) -> dict[str, list[Heard]]:
    found: defaultdict[str, list[Heard]] = defaultdict(list)
    for id_, name, at, data in conn.execute(asked, {"ids": ids, "names": sorted(names)}):
        found[id_].append((name, to_micros(at), data))
    return found


def forget(conn: sa.Connection, ids: Sequence[str]) -> int:
    """Drop the rows of these contacts; return how many there were."""
    return conn.execute(_FORGET, {"ids": ids}).rowcount if ids else 0


def fit_of(conn: sa.Connection, name: str) -> Mapping[str, Any] | None:
    """Return what was fitted under this name, None before the first time."""
    found: Mapping[str, Any] | None = conn.execute(sa.select(fits.c.content).where(fits.c.name == name)).scalar()
    return found


def keep_fit(conn: sa.Connection, name: str, content: Mapping[str, Any], now: datetime) -> None:
    """Write what was fitted, over what was there under this name."""
    insert = upsert(conn.dialect.name, fits)
    said = {"content": insert.excluded.content, "at": insert.excluded.at}
    row = {"name": name, "content": content, "at": now}
    conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_=said), [row])


def fitted_at(conn: sa.Connection, name: str) -> datetime | None:
    """Return when what stands under this name was fitted."""
    return conn.execute(sa.select(fits.c.at).where(fits.c.name == name)).scalar()


def refused(conn: sa.Connection, ids: Iterable[str]) -> frozenset[str]:
    """Return which of these contacts do not allow profiling."""
    asked = sa.select(contacts.c.id).where(any_of(contacts.c.id, "ids"), ~allowed())
    return frozenset(conn.execute(asked, {"ids": sorted(set(ids))}).scalars())
