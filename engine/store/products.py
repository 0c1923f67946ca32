"""What is sold: read and written in sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.store.sets import one_of, upsert
from engine.store.value_tables import products

PIECE = 2000
"""Products that are in memory at a time while all are read."""


def put_products(conn: sa.Connection, rows: Mapping[str, Mapping[str, Any]], now: datetime) -> tuple[int, int, int]:
    """Add products and merge what is said about known ones; return how many are new, changed, and as they were."""
    known = products_called(conn, list(rows))
    merged = {sku: {**known.get(sku, {}), **said} for sku, said in rows.items()}
    moved = {sku: said for sku, said in merged.items() if sku not in known or said != known[sku]}
    if moved:
        statement = upsert(conn.dialect.name, products)
        sets = {"attributes": statement.excluded.attributes, "updated_at": statement.excluded.updated_at}
        written = [{"sku": sku, "attributes": said, "updated_at": now} for sku, said in moved.items()]
        conn.execute(statement.on_conflict_do_update(index_elements=["sku"], set_=sets), written)
    new = len(rows) - len(known)
    return new, len(moved) - new, len(rows) - len(moved)


def products_called(conn: sa.Connection, skus: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the attributes of these products; those that are not there are left out."""
    query = sa.select(products.c.sku, products.c.attributes).where(one_of(products.c.sku, skus))
    return {row[0]: row[1] for row in conn.execute(query)}


def every_product(conn: sa.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield sku and attributes of all products, by sku."""
    query = sa.select(products.c.sku, products.c.attributes).order_by(products.c.sku)
    for row in conn.execute(query.execution_options(yield_per=PIECE)):
        yield row[0], row[1]
