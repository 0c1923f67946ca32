"""Which message an order is credited to: attributed, which is not caused by (the holdout says that).

Rules
- Direct: the last human click on one of our messages, at most 3 days before. Else influenced: the last message handed
  over, at most 24 hours before. An order is credited once, to the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from engine.store.counting import Period
from engine.store.rows import EventRow
from engine.store.tables import deliveries, events

DIRECT, INFLUENCED = timedelta(days=3), timedelta(hours=24)

d = deliveries.c


@dataclass(frozen=True, slots=True)
class Credit:
    """An order and the message it is credited to."""

    order: EventRow
    how: Literal["direct", "influenced"]
    key: str
    message: str
    journey: str


def credits_of(conn: sa.Connection, names: Sequence[str], period: Period | None = None) -> list[Credit]:
    """Return the credited events of these names in the period, oldest first, in two statements."""
    o, k = events.alias("o"), events.alias("k")
    orders = [o.c.name.in_(names), *(period or Period()).holds(o.c.at)]
    chosen = [*(o.c[field.name] for field in fields(EventRow)), d.key, d.message, d.journey]
    direct = (
        sa.select(*chosen)
        .join_from(o, k, sa.and_(k.c.contact_id == o.c.contact_id, k.c.name == "clicked"))
        .join(deliveries, d.key == k.c.data["key"].as_string())
        .where(*orders, k.c.at <= o.c.at, _micros(k.c.at) >= _micros(o.c.at) - _span(DIRECT))
        .order_by(k.c.at, k.c.id)
    )
    influenced = (
        sa.select(*chosen)
        .join_from(o, deliveries, d.contact_id == o.c.contact_id)
        .where(*orders, d.status == "sent", d.sent_at <= o.c.at)
        .where(_micros(d.sent_at) >= _micros(o.c.at) - _span(INFLUENCED))
        .order_by(d.sent_at, d.key)
    )
    found = _latest(conn, influenced, "influenced") | _latest(conn, direct, "direct")
    return sorted(found.values(), key=lambda credit: (credit.order.at, credit.order.id))


def _latest(conn: sa.Connection, query: sa.Select[Any], how: Literal["direct", "influenced"]) -> dict[str, Credit]:
    """Return the last credit of each order: the rows come oldest first."""
    return {row[0]: Credit(EventRow(*row[:-3]), how, *row[-3:]) for row in conn.execute(query)}


def _micros(at: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(at, sa.BigInteger)


def _span(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
