"""The job queue of `serve --cluster`: procrastinate's own schema, as it is, in a PostgreSQL store.

Rules
- procrastinate.sql is the schema of procrastinate 3.10 (MIT licence), unchanged. A later version of the library whose
  schema differs needs a step of its own here.
- The queue is made in every PostgreSQL store: whoever records an event can then wake a cluster without the library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

SCHEMA = Path(__file__).with_name("procrastinate.sql")
PREFIX = "procrastinate_"

_FUNCTIONS = sa.text(
    "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = current_schema() AND p.proname LIKE 'procrastinate\\_%'"
)
TABLES = ("periodic_defers", "events", "jobs", "workers")
_TYPES = ("job_to_defer_v1", "job_event_type", "job_status")


def make(conn: sa.Connection) -> None:
    """Make the queue; SQLite has none."""
    if conn.dialect.name == "postgresql":
        driver: Any = conn.connection.driver_connection
        driver.execute(SCHEMA.read_text(encoding="utf-8"))


def drop(conn: sa.Connection) -> None:
    """Take the queue away with all that waits in it: the work itself stands in the store's own tables."""
    if conn.dialect.name != "postgresql":
        return
    for table in TABLES:
        conn.exec_driver_sql(f"DROP TABLE {PREFIX}{table} CASCADE")
    for function in conn.execute(_FUNCTIONS).scalars().all():
        conn.exec_driver_sql(f"DROP FUNCTION {function} CASCADE")
    for name in _TYPES:
        conn.exec_driver_sql(f"DROP TYPE {PREFIX}{name}")
