"""By which clock a lease is judged: by the database's own, where machines share one; else by the instant given.

Rules
- PostgreSQL in production: the database's clock, read by the statement that asks. A machine whose clock is wrong, or
  that was stopped between reading the time and using it, neither takes what is held nor keeps what it lost.
- SQLite, simulations and tests: the instant is an argument, like everywhere. A SQLite store has one machine.
- Which of the two, `by_database` says once where the store is opened; statements are the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from engine.store.columns import Instant

SHARED = "leases_by_database"


def by_database(store: sa.Engine) -> sa.Engine:
    """Return the same store, whose leases go by the database's clock where there is one to share."""
    return store.execution_options(**{SHARED: True}) if store.dialect.name == "postgresql" else store


def judged(conn: sa.Connection, now: datetime) -> datetime | None:
    """Return what to bind to `lease_clock`: `now`, or None where the database's clock judges."""
    return None if conn.get_execution_options().get(SHARED) else now


class lease_clock(FunctionElement[datetime]):  # noqa: N801  (reads as the SQL function that it is)
    """The instant by which leases are judged; `parameter` is bound to what `judged` returns."""

    inherit_cache = True
    name = "lease_clock"
    type = Instant()

    def __init__(self, parameter: str) -> None:
        super().__init__(sa.bindparam(parameter, type_=Instant))


@compiles(lease_clock)
def _given(element: lease_clock, compiler: SQLCompiler, **kw: Any) -> str:
    return ", ".join(compiler.process(part, **kw) for part in element.clauses)


@compiles(lease_clock, "postgresql")
def _read(element: lease_clock, compiler: SQLCompiler, **kw: Any) -> str:
    given = _given(element, compiler, **kw)
    return f"COALESCE({given}, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))"
