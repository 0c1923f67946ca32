"""Orders and visits of everybody, as a stream: what the arrays of a night are made of.

Rules
- Bodies come as the JSON text that stands in the store: whoever reads millions reads many of them at once.
- People who refuse profiling are left out by the reader: `refusing` in buying.py says who they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.sets import any_of
from engine.store.tables import events

BATCH = 20_000
DAY = 86_400_000_000
_AT: sa.ColumnElement[int] = sa.type_coerce(events.c.at, sa.BigInteger)


def orders(conn: sa.Connection, event: str, until: datetime, since: datetime | None = None) -> Iterator[Sequence[Any]]:
    """Yield all orders before `until`, in batches, in no order: contact, microseconds since 1970, body as JSON."""
    asked = _asked(conn, event, until)
    if since is not None:
        asked = asked.where(events.c.at >= since)
    yield from conn.execute(asked.execution_options(yield_per=BATCH)).partitions(BATCH)


def orders_of(conn: sa.Connection, event: str, ids: Sequence[str], until: datetime) -> Sequence[Any]:
    """Return all orders of these people before `until`, oldest first, each as `orders` gives it."""
    asked = _asked(conn, event, until).where(any_of(events.c.contact_id, "ids")).order_by(events.c.at)
    return conn.execute(asked, {"ids": list(ids)}).fetchall()


def _asked(conn: sa.Connection, event: str, until: datetime) -> sa.Select[Any]:
    body: sa.ColumnElement[Any] = sa.type_coerce(events.c.data, sa.Text)
    if conn.dialect.name == "postgresql":
        body = sa.cast(events.c.data, sa.Text)
    return sa.select(events.c.contact_id, _AT, body).where(events.c.name == event, events.c.at < until)


def count_orders(conn: sa.Connection, event: str) -> int:
    """Return how many orders there are: for a bar that shows how far the reading is."""
    return int(conn.execute(sa.select(sa.func.count()).where(events.c.name == event)).scalar_one())


def visit_days(conn: sa.Connection, names: Sequence[str], until: datetime) -> Iterator[Sequence[Any]]:
    """Yield in batches who came on which day (counted from 1970, UTC): each day once, however much they did."""
    day: sa.ColumnElement[int] = _AT // sa.literal_column(str(DAY), sa.BigInteger)
    asked = (
        sa.select(events.c.contact_id, day)
        .where(any_of(events.c.name, "names"), events.c.at < until)
        .group_by(events.c.contact_id, day)
    )
    found = conn.execute(asked.execution_options(yield_per=BATCH), {"names": list(names)})
    yield from found.partitions(BATCH)
