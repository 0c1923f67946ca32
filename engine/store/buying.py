"""What people did, added up for each: orders and their money, and how often they did what.

Rules
- One statement for everybody; rows come as a stream, so memory does not grow with the number of events.
- Days are those of one offset from UTC. Several orders of a day are one occasion to buy.
- Money that is no number counts as none. Whoever refuses profiling is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from engine.store.sets import any_of
from engine.store.tables import contacts, events, to_micros
from engine.store.traits import allowed
from journeys.project import Buying

DAY = 86_400_000_000
STREAM = 10_000

e = events.c


class Customer(NamedTuple):
    """One person's orders; days since 1970."""

    id: str
    orders: int
    days: int  # on which they ordered
    first: int
    last: int
    money: float


class Did(NamedTuple):
    """How often somebody did something: in each window before `until` (days), ever, and when first and last."""

    id: str
    event: str
    counts: tuple[int, ...]
    first: int  # microseconds since 1970
    last: int


def refusing(conn: sa.Connection) -> frozenset[str]:
    """Return who does not allow profiling."""
    return frozenset(conn.execute(sa.select(contacts.c.id).where(~allowed())).scalars())


def customers(conn: sa.Connection, buying: Buying, until: datetime, offset: timedelta) -> Iterator[Customer]:
    """Yield everybody who ordered before `until`, with what they ordered; by contact."""
    out = refusing(conn)
    found = _added_up(conn, buying, until, offset) if buying.value else _item_by_item(conn, buying, until, offset)
    return (one for one in found if one.id not in out)


def _added_up(conn: sa.Connection, buying: Buying, until: datetime, offset: timedelta) -> Iterator[Customer]:
    day = _day(offset)
    money = sa.func.coalesce(sa.func.sum(amount(conn.dialect.name, e.data, str(buying.value))), 0.0)
    asked = (
        sa.select(
            e.contact_id, sa.func.count(), sa.func.count(day.distinct()), sa.func.min(day), sa.func.max(day), money
        )
        .where(e.name == buying.event, e.at < until)
        .group_by(e.contact_id)
        .order_by(e.contact_id)
    )
    for row in _stream(conn, asked):
        yield Customer(*row)


def _item_by_item(conn: sa.Connection, buying: Buying, until: datetime, offset: timedelta) -> Iterator[Customer]:
    """Where an order has no sum of its own its items are added up here."""
    asked = (
        sa.select(e.contact_id, _day(offset), e.data)
        .where(e.name == buying.event, e.at < until)
        .order_by(e.contact_id, e.at)
    )
    who, seen = None, list[tuple[int, float]]()
    for id_, day, data in _stream(conn, asked):
        if id_ != who and who is not None:
            yield _customer(who, seen)
            seen = []
        who = id_
        seen.append((day, money_of(data, buying)))
    if who is not None:
        yield _customer(who, seen)


def _customer(id_: str, seen: Sequence[tuple[int, float]]) -> Customer:
    days = [day for day, _ in seen]
    return Customer(id_, len(seen), len(set(days)), min(days), max(days), sum(money for _, money in seen))


def money_of(data: Mapping[str, Any], buying: Buying) -> float:
    """Return the money of an order: its own sum, else quantity x price over its items."""
    if buying.value:
        return _number(data.get(buying.value)) or 0.0
    items = data.get(buying.items) if buying.items else [data]
    lines = [one for one in items if isinstance(one, Mapping)] if isinstance(items, list) else []
    return sum((_number(one.get(buying.price)) or 0.0) * (_number(one.get(buying.quantity, 1)) or 0.0) for one in lines)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def behaviour(
    conn: sa.Connection, names: Sequence[str], until: datetime, windows: Sequence[timedelta], contact: str | None = None
) -> Iterator[Did]:
    """Yield how often everybody (or one `contact`) did each of these before `until`; by contact.

    The index alone answers.
    """
    end = sa.literal(to_micros(until))
    at = sa.type_coerce(e.at, sa.BigInteger)
    spans = [sa.func.sum(sa.case((at >= end - window // timedelta(microseconds=1), 1), else_=0)) for window in windows]
    asked = (
        sa.select(e.contact_id, e.name, *spans, sa.func.count(), sa.func.min(at), sa.func.max(at))
        .where(any_of(e.name, "names"), at < end)
        .group_by(e.contact_id, e.name)
        .order_by(e.contact_id, e.name)
    )
    if contact is not None:
        asked = asked.where(e.contact_id == contact)
    out = refusing(conn)
    for id_, name, *rest in _stream(conn, asked, {"names": sorted(set(names))}):
        if id_ not in out:
            yield Did(id_, name, tuple(map(int, rest[:-2])), rest[-2], rest[-1])


def who_did(conn: sa.Connection, name: str, since: datetime, until: datetime) -> frozenset[str]:
    """Return who did this from `since` until before `until`."""
    asked = sa.select(e.contact_id).distinct().where(e.name == name, e.at >= since, e.at < until)
    return frozenset(conn.execute(asked).scalars())


def amount(dialect: str, data: sa.ColumnElement[Any], key: str) -> sa.ColumnElement[Any]:
    """Return the number that `key` of a JSON column is, NULL when it is none."""
    if dialect == "postgresql":
        number = sa.cast(data.op("->>")(key), sa.Float)
        return sa.case((sa.func.jsonb_typeof(data.op("->")(key)) == "number", number))
    path = '$."' + key.replace('"', '\\"') + '"'
    kind = sa.func.json_type(data, path)
    return sa.case((kind.in_(("integer", "real")), sa.type_coerce(sa.func.json_extract(data, path), sa.Float)))


def _day(offset: timedelta) -> sa.ColumnElement[int]:
    """Return the day of an event, counted from 1970, on the clocks of this offset."""
    shift: sa.ColumnElement[int] = sa.literal_column(str(offset // timedelta(microseconds=1)))
    day: sa.ColumnElement[int] = sa.literal_column(str(DAY))
    return (sa.type_coerce(e.at, sa.BigInteger) + shift) // day


def _stream(conn: sa.Connection, asked: sa.Select[Any], given: Mapping[str, Any] | None = None) -> Iterator[Any]:
    return iter(conn.execute(asked.execution_options(yield_per=STREAM), given or {}))
