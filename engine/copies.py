"""Copies of a SQLite store: made while it is served, checked before they are trusted, put back with care.

Rules
- A copy gets its name when it is whole: SQLite's own backup, then its own check (sqlite.org/backup.html).
- Putting one back moves what was there aside, with its write-ahead log; nothing is overwritten.
- PostgreSQL has its own tools (pg_dump, archives): here it is only said so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from engine.errors import ConfigError, NotFound, StoreUnavailable
from engine.presence import Mark

COMPANIONS = ("-wal", "-shm")


def copy_of(url: str, to: Path | None, now: datetime) -> Path:
    """Make a copy and return its path."""
    store = _file(url, "pg_dump -Fc --file=FILE DATABASE")
    if not store.exists():
        raise NotFound(f"there is no store at {store}")
    copy = to or store.with_name(f"{store.name}.{now:%Y-%m-%d-%H%M%S}")
    if copy.exists():
        raise ConfigError(f"{copy} is there already; name another file")
    half = copy.with_name(f"{copy.name}.part")
    try:
        with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(half)) as target:
            source.backup(target, pages=4096, sleep=0.01)
            target.execute("PRAGMA journal_mode = DELETE")
        check(half)
        return half.replace(copy)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"no copy of {store}: {error}") from error
    finally:
        half.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raise StoreUnavailable unless this file is a whole SQLite store of ours."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
            said = conn.execute("PRAGMA quick_check").fetchone()[0]
            conn.execute("SELECT 1 FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} is no copy of a store: {error}") from error
    if said != "ok":
        raise StoreUnavailable(f"{path} is damaged: {said}; take another copy")


def put_back(url: str, copy: Path, now: datetime) -> Path | None:
    """Put `copy` in the place of the store; return where the store of before is now."""
    store = _file(url, "pg_restore, then: sojourn db restored")
    if not copy.exists():
        raise NotFound(f"there is no copy at {copy}")
    check(copy)
    mark = Mark(store)
    try:
        if mark.other:
            raise ConfigError(f"process {mark.other} serves this store; end it first")
        half = store.with_name(f"{store.name}.part")
        with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(half)) as target:
            source.backup(target)
        aside = _aside(store, now)
        half.replace(store)
    finally:
        mark.remove()
    return aside


def _aside(store: Path, now: datetime) -> Path | None:
    if not store.exists():
        return None
    aside = store.with_name(f"{store.name}.before-{now:%Y-%m-%d-%H%M%S}")
    for end in ("", *COMPANIONS):
        part = store.with_name(store.name + end)
        if part.exists():
            part.replace(store.with_name(aside.name + end))
    return aside


def size_of(url: str) -> int | None:
    """Return the bytes of a SQLite store, its write-ahead log included; None where there is no file."""
    name = sa.make_url(url).database
    if not url.startswith("sqlite") or not name:
        return None
    parts = [Path(name + end) for end in ("", "-wal")]
    return sum(part.stat().st_size for part in parts if part.exists())


def _file(url: str, instead: str) -> Path:
    address = sa.make_url(url)
    if not address.drivername.startswith("sqlite") or address.database in (None, "", ":memory:"):
        raise ConfigError(f"this store is no file: use {instead}")
    return Path(str(address.database))


def tidy(store: sa.Engine) -> None:
    """Have the database give back room, outside of any transaction."""
    raw = store.raw_connection()
    try:
        if store.dialect.name == "postgresql":
            raw.driver_connection.set_autocommit(True)  # type: ignore[union-attr]
        raw.cursor().execute("VACUUM")
        if store.dialect.name == "sqlite":
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
