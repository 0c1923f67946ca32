"""Opening the store, its two kinds of transaction, and what the operator is told when it cannot be used.

Rules
- A writing transaction on SQLite begins with BEGIN IMMEDIATE: it waits for its turn at the start, where nothing is
  lost yet, instead of failing in the middle. A reading one is a plain BEGIN: a snapshot that blocks nobody.
- Every failure of the database leaves here as StoreUnavailable with the name of the store and the way out.
- What differs between SQLite and PostgreSQL is said here, in sets.py and in tables.py, nowhere else.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from channels.failpoints import reached
from engine.errors import StoreUnavailable
from engine.store import wakes
from engine.store.keyring import check_keys, register, registered
from engine.store.schema import Schema, check, create, migrate, schema_of
from engine.store.sealed import give_keys
from engine.store.sealing import Sealing
from engine.store.values import from_json, to_json

T = TypeVar("T")

__all__ = [
    "Schema", "alone", "backup", "beside", "check_schema", "create", "expect", "open_store", "persist", "reading",
    "status", "upgrade", "writing",
]  # fmt: skip

PATIENCE = timedelta(seconds=30)
"""How long a writer waits for another one before it gives up."""

PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0, 2.0, 2.0, 2.0)
"""Seconds between two attempts to write what has happened into a server that does not answer."""

VANISHED = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Seconds after which PostgreSQL's library gives up a server that does not answer any more, unless the address says."""

_TICKS = 7_305_119  # a number of our own among a database's advisory locks
_BESIDE = sa.text(f"SELECT pg_advisory_xact_lock_shared({_TICKS})")
_ALONE = sa.text(f"SELECT pg_advisory_xact_lock({_TICKS})")

WAYS_OUT = (
    ("unable to open", "cannot be opened: the folder is missing, or may not be read or written"),
    ("not a database", "is not a SQLite database"),
    ("malformed", "is damaged; restore it from a backup"),
    ("is locked", "is locked by another process; end that process, or wait and try again"),
    ("readonly database", "may not be written"),
    ("disk is full", "cannot grow, the disk is full; make room and start again"),
    ("no such table", "has no sojourn tables; run: sojourn db upgrade"),
)


def expect(url: str) -> str:
    """Return the address; StoreUnavailable where a file should be and is none: to begin anew would start everybody."""
    path = _file(_address(url))
    if path is not None and not path.exists():
        says = f"the store {path} is not there; restore it from a backup, or begin a new one with: sojourn db upgrade"
        raise StoreUnavailable(says)
    return url


def open_store(
    url: str,
    durability: Literal["full", "normal"] = "full",
    patience: timedelta = PATIENCE,
    sealing: Sealing | None = None,
) -> sa.Engine:
    """Return the engine of the store at `url`, proved to answer; "sqlite://" is a store in memory.

    `sealing`: the keys with which personal values are sealed; None where they stand as they are.
    """
    address = _address(url)
    engine = sa.create_engine(
        address,
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,  # what people are called has no place in an error message
        **_pool(address),
    )
    give_keys(engine, sealing)
    if engine.dialect.name == "sqlite":
        _teach_sqlite(engine, durability, patience)
    elif durability == "full":
        sa.event.listen(engine, "connect", _durable)
    try:
        with reading(engine) as conn:
            conn.execute(sa.text("SELECT 1"))
    except StoreUnavailable:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that may write; it commits at the end, or leaves nothing behind."""
    with _telling(engine):
        with engine.begin() as conn:
            yield conn
            wakes.call(conn)
            reached("commit")
        reached("commit", applied=True)


def persist(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Write in one transaction, and again after a while when a server went away; `work` must do no harm twice.

    For what may not be forgotten because a database is begun anew: some ten seconds, after that it is StoreUnavailable.
    """
    for pause in PAUSES if engine.dialect.name == "postgresql" else ():
        try:
            with writing(engine) as conn:
                return work(conn)
        except StoreUnavailable:
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all ask at the same instant
    with writing(engine) as conn:
        return work(conn)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction that sees one state of the store and blocks no writer; what it writes is undone."""
    with _telling(engine), engine.connect() as conn:
        yield conn.execution_options(reading=True)


def beside(conn: sa.Connection) -> None:
    """Let this transaction run beside others of its kind, but not beside one that is `alone`; ticks do.

    On SQLite there is one writer at a time anyway.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_BESIDE)


def alone(conn: sa.Connection) -> None:
    """Wait until no tick is under way, and let none begin until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(_ALONE)


def check_schema(engine: sa.Engine) -> None:
    """Raise SchemaOutdated or SchemaNewer unless the store is exactly at this program's schema.

    A store that is sealed is opened with its keys, or not at all: ConfigError.
    """
    with reading(engine) as conn:
        check(conn)
        check_keys(conn)
        noted = registered(conn)
    if not noted:
        with writing(engine) as conn:
            register(conn, datetime.now(UTC))


def status(url: str) -> Schema:
    """Return which schema the store has and which steps it lacks; a missing file is not created."""
    path = _file(_address(url))
    if path is not None and not path.exists():
        return Schema(None)
    engine = open_store(url)
    try:
        with reading(engine) as conn:
            return schema_of(conn)
    finally:
        engine.dispose()


def upgrade(url: str) -> list[str]:
    """Bring the store to this program's schema, all steps or none; return the names of the steps taken."""
    engine = open_store(url)
    try:
        with writing(engine) as conn:
            return migrate(conn)
    finally:
        engine.dispose()


def backup(url: str) -> Path | None:
    """Copy a SQLite store beside itself, named by its schema; None where there is no file to copy."""
    path = _file(_address(url))
    found = status(url).found
    if path is None or not path.exists() or found is None:
        return None
    copy = path.with_name(f"{path.name}.at-{found}")
    half = copy.with_name(f"{copy.name}.part")
    _copy(path, half)
    return half.replace(copy)


def _copy(path: Path, to: Path) -> None:
    source, target = sqlite3.connect(path), sqlite3.connect(to)
    try:
        source.backup(target)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"no backup of {path}: {error}") from error
    finally:
        target.close()
        source.close()


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnavailable(f'{url!r} is not the address of a store; write "sqlite:///path/to/store.db"') from error
    if address.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}:
        raise StoreUnavailable(f"no store is kept in {address.drivername}; use sqlite or postgresql")
    return address.set(drivername="postgresql+psycopg") if address.drivername == "postgresql" else address


def _file(address: sa.URL) -> Path | None:
    in_file = address.drivername.startswith("sqlite") and address.database not in {None, "", ":memory:"}
    return Path(str(address.database)) if in_file else None


def _pool(address: sa.URL) -> dict[str, Any]:
    if not address.drivername.startswith("sqlite"):
        patient = {name: value for name, value in VANISHED.items() if name not in address.query}
        return {"pool_pre_ping": True, "connect_args": patient}
    if _file(address) is not None:
        return {}
    # A store in memory is its connection: there is one, and threads take turns.
    alone = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    return {**alone, "connect_args": {"check_same_thread": False}}


def _teach_sqlite(engine: sa.Engine, durability: str, patience: timedelta) -> None:
    pragmas = (
        f"busy_timeout = {patience // timedelta(milliseconds=1)}",
        "journal_mode = WAL",
        f"synchronous = {durability.upper()}",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "cache_size = -65536",
    )

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begun(conn: sa.Connection) -> None:
        _begin(conn, "BEGIN" if conn.get_execution_options().get("reading") else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)


def _durable(connection: Any, _record: object) -> None:
    """Have a server wait for its disk, should it return from commits before: mails leave by what was committed."""
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()


def _begin(conn: sa.Connection, words: str) -> None:
    """Begin on the driver's own connection: through SQLAlchemy a BEGIN costs more than the work of many a tick."""
    try:
        cast("sqlite3.Connection", conn.connection.dbapi_connection).execute(words)
    except sqlite3.Error as error:
        raise sa.exc.OperationalError(words, None, error) from error


@contextmanager
def _telling(engine: sa.Engine) -> Iterator[None]:
    """Turn the database's failures (not our mistakes) into StoreUnavailable."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.TimeoutError) as error:
        raise _unavailable(engine, error) from error
    except sa.exc.DatabaseError as error:
        if type(error) is not sa.exc.DatabaseError:  # a broken constraint or a wrong statement is ours
            raise
        raise _unavailable(engine, error) from error


def _unavailable(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> StoreUnavailable:
    where = engine.url.database if engine.dialect.name == "sqlite" else engine.url.render_as_string()
    cause = str(getattr(error, "orig", None) or error).strip()
    known = next((says for words, says in WAYS_OUT if words in cause), None)
    return StoreUnavailable(f"the store {where or 'in memory'} {known or f'does not answer: {cause}'}")
