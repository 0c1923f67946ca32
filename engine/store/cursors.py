"""How far an import from elsewhere has come: written in the transaction that stores what was read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from engine.store.profile_tables import cursors
from engine.store.sets import Upsert, upsert, write


def cursor(conn: sa.Connection, name: str) -> dict[str, Any]:
    """Return how far it has come, {} where it has not begun."""
    found = conn.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar()
    return dict(found or {})


def set_cursor(conn: sa.Connection, name: str, value: Mapping[str, Any], now: datetime) -> None:
    write(conn, _upsert(conn.dialect.name), [{"name": name, "value": value, "at": now}])


@lru_cache
def _upsert(dialect: str) -> Upsert:
    insert = upsert(dialect, cursors)
    new = {"value": insert.excluded.value, "at": insert.excluded.at}
    return insert.on_conflict_do_update(index_elements=["name"], set_=new)
