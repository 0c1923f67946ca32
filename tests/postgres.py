"""A PostgreSQL for the tests: the one that TEST_DATABASE_URL names, else one of our own from pip alone.

On the named one we may make databases, and take them away again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import sqlalchemy as sa

from engine.drill.postgres import FAST, NoServer, serve
from engine.store.connect import create, open_store, writing
from engine.store.tables import metadata
from migrations import jobs

__all__ = ["Databases", "NoServer", "databases"]

MANY = 500  # rows


@dataclass(slots=True)
class Databases:
    """Empty databases with our tables on one server.

    One is lent again and again, emptied in between (3 ms; a copy of a template takes 250), unless a test changed its
    shape or somebody still holds it: then it is dropped and the next one is made.
    """

    server: sa.URL
    _control: sa.Engine = field(init=False)
    _idle: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._control = sa.create_engine(self.server, isolation_level="AUTOCOMMIT")

    def lend(self) -> str:
        """Return the address of an empty database that nobody else has."""
        if self._idle:
            return self._idle.pop()
        name = f"sojourn_test_{os.getpid()}_{next(self._numbers)}"
        self._say(f"CREATE DATABASE {name}")
        address = self.server.set(database=name).render_as_string(hide_password=False)
        store = open_store(address)
        with writing(store) as conn:
            create(conn)
        store.dispose()
        return address

    def take_back(self, address: str) -> None:
        """Empty a database for the next test, or drop it with whoever is still connected."""
        engine = sa.create_engine(address, poolclass=sa.NullPool)
        try:
            with engine.begin() as conn:
                _empty(conn)
        except (sa.exc.DBAPIError, NoServer):
            self._drop(address)
        else:
            self._idle.append(address)

    def close(self) -> None:
        """Leave nothing behind on a server that is not ours."""
        for address in self._idle:
            self._drop(address)
        self._control.dispose()

    def _drop(self, address: str) -> None:
        self._say(f"DROP DATABASE {sa.make_url(address).database} WITH (FORCE)")

    def _say(self, words: str) -> None:
        with self._control.connect() as conn:
            conn.exec_driver_sql(words)


def _empty(conn: sa.Connection) -> None:
    conn.exec_driver_sql("SET lock_timeout = '2s'")
    queue = {f"{jobs.PREFIX}{name}" for name in jobs.TABLES}
    if set(sa.inspect(conn).get_table_names()) != {*metadata.tables, "alembic_version", *queue}:
        raise NoServer("the tables are not ours any more")
    for name in jobs.TABLES:
        conn.exec_driver_sql(f"DELETE FROM {jobs.PREFIX}{name}")  # noqa: S608 - names of ours
    gone = [conn.execute(table.delete()).rowcount for table in metadata.tables.values()]
    if max(gone) > MANY:  # what is deleted is still there to be read over
        conn.exec_driver_sql("TRUNCATE " + ", ".join(f'"{name}"' for name in metadata.tables))


def databases() -> Databases:
    """Return a server to make databases on; NoServer says why there is none."""
    named = os.environ.get("TEST_DATABASE_URL")
    if named:
        url = sa.make_url(named)
        return Databases(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)
    return Databases(serve(FAST).url)
