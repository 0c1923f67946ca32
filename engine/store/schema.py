"""Which schema a store has, and how it gets to this program's.

Rules
- The steps are Alembic's (migrations/); their names stand in migrations.STEPS so that a start needs no Alembic,
  which takes a second to import.
- A store without any table is made from the tables at once; a test holds the two ways equal. What is said to make
  them is put into words once per process: drills, simulations and tests make many stores.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from secrets import token_hex

import sqlalchemy as sa

from engine.errors import SchemaNewer, SchemaOutdated
from engine.store import (  # noqa: F401 - every table is known once these are imported
    answer_tables,
    campaign_tables,
    care_tables,
    cluster_tables,
    law_tables,
    out_tables,
    profile_tables,
    segment_tables,
    sending_tables,
    value_tables,
)
from engine.store.tables import metadata
from migrations import STEPS, jobs

_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@dataclass(frozen=True, slots=True)
class Schema:
    """Where a store stands: `found` is its newest step, None when it has none."""

    found: str | None

    @property
    def needed(self) -> str:
        return STEPS[-1]

    @property
    def newer(self) -> bool:
        return self.found is not None and self.found not in STEPS

    @property
    def pending(self) -> tuple[str, ...]:
        """Return the steps that it lacks, oldest first."""
        if self.newer:
            return ()
        return STEPS if self.found is None else STEPS[STEPS.index(self.found) + 1 :]


def schema_of(conn: sa.Connection) -> Schema:
    """Return where the store stands."""
    if not sa.inspect(conn).has_table(_version.name):
        return Schema(None)
    return Schema(conn.execute(sa.select(_version.c.version_num)).scalar())


def check(conn: sa.Connection) -> None:
    """Raise SchemaOutdated or SchemaNewer unless the store is exactly at this program's schema."""
    schema = schema_of(conn)
    if schema.newer:
        raise SchemaNewer(str(schema.found))
    if schema.pending:
        raise SchemaOutdated(schema.found, schema.needed)


def migrate(conn: sa.Connection) -> list[str]:
    """Take the steps that the store lacks; return their names."""
    schema = schema_of(conn)
    if schema.newer:
        raise SchemaNewer(str(schema.found))
    if not sa.inspect(conn).get_table_names():
        create(conn)
    elif schema.pending:
        importlib.import_module("migrations.steps").climb(conn, schema.needed)
    return list(schema.pending)


def create(conn: sa.Connection) -> None:
    """Make all tables in a store that has none."""
    for statement in _statements(conn.dialect.name):
        conn.exec_driver_sql(statement)
    jobs.make(conn)
    conn.execute(_version.insert().values(version_num=STEPS[-1]))
    conn.execute(care_tables.ledgers.insert().values(name=token_hex(8)))


@cache
def _statements(dialect: str) -> tuple[str, ...]:
    """Return what makes the tables and their indexes on a kind of database, in order."""
    found: list[str] = []
    driver = "postgresql+psycopg" if dialect == "postgresql" else dialect

    def say(statement: sa.schema.ExecutableDDLElement, *_: object, **__: object) -> None:
        found.append(str(statement.compile(dialect=deaf.dialect)))

    deaf = sa.create_mock_engine(f"{driver}://", say)
    metadata.create_all(deaf, checkfirst=False)
    _version.create(deaf, checkfirst=False)
    return tuple(found)
