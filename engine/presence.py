"""Who else serves this store: a file beside a SQLite store, the names of connections on PostgreSQL.

Rules
- Two on one store are safe; this is there to tell people. It keeps nobody out.
- What is left of a process that was killed is nothing: a lock and a connection end with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from engine.store.connect import reading

ALONE, MANY = "sojourn serve", "sojourn cluster"
_NAME = "PGAPPNAME"  # what PostgreSQL's own client library calls a program's connections

SKEW = 2.0  # seconds by which clocks may part before somebody is told

_CLOCK = sa.text("SELECT extract(epoch FROM clock_timestamp())")
_OTHERS = sa.text(
    "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'sojourn %' AND application_name <> :mine ORDER BY 1"
)


class Mark:
    """A file beside a SQLite store that says who serves it; `other` is the process that was there first."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}.serving")
        self._file: IO[str] | None = self._path.open("a+", encoding="ascii")
        self.other = ""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            self.other = self._file.read().strip() or "unknown"
            self._file.close()
            self._file = None
        else:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()

    def remove(self) -> None:
        """Take the file away, if it is ours."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None


def name_connections(role: str) -> None:
    """Give the connections that this process will open a name: "sojourn serve HOST PID"."""
    os.environ[_NAME] = f"{role} {socket.gethostname()[:24]} {os.getpid()}"


def others(store: sa.Engine, role: str) -> list[str]:
    """Return who else serves a PostgreSQL store, as "HOST, process PID"; a cluster's own members are expected."""
    if store.dialect.name != "postgresql":
        return []
    with reading(store) as conn:
        names = conn.execute(_OTHERS, {"mine": os.environ.get(_NAME, "")}).scalars().all()
    met = (ALONE,) if role == MANY else (ALONE, MANY)
    found = [name.removeprefix(kind).split() for name in names for kind in met if name.startswith(f"{kind} ")]
    return [f"{words[0]}, process {words[1]}" for words in found if len(words) == 2]


def ahead(store: sa.Engine, now: Callable[[], datetime]) -> float:
    """Return by how many seconds this machine's clock is ahead of a PostgreSQL store's, 0 where that is little."""
    if store.dialect.name != "postgresql":
        return 0.0
    with reading(store) as conn:
        early = now().timestamp() - float(conn.execute(_CLOCK).scalar_one())
    return early if abs(early) > SKEW else 0.0
