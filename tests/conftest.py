"""Both databases for every test that asks: `store` and `database` (its address) come once with SQLite and once with PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from examples import ready
from postgres import Databases, NoServer, databases

from engine.store.connect import create, open_store, writing

BOTH = ("sqlite", "postgresql")
UNTESTED = "PostgreSQL was NOT tested: "

ready()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Databases]:
    """Start the server when the first test asks for it, one per worker."""
    try:
        served = databases()
    except NoServer as error:
        pytest.skip(f"{UNTESTED}{error}")
    yield served
    served.close()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one SQLite store with tables; a copy takes half a millisecond."""
    file = tmp_path_factory.mktemp("empty") / "store.db"
    engine = open_store(f"sqlite:///{file}", durability="normal")
    with writing(engine) as conn:
        create(conn)
    engine.dispose()
    return file


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path, empty_file: Path) -> Iterator[str]:
    """Give the address of an empty store with tables, once per database."""
    if request.param == "sqlite":
        shutil.copyfile(empty_file, tmp_path / "store.db")
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    served: Databases = request.getfixturevalue("postgresql")
    address = served.lend()
    yield address
    served.take_back(address)


@pytest.fixture
def store(database: str) -> Iterator[sa.Engine]:
    engine = open_store(database, durability="normal")
    yield engine
    engine.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly when a half of what is claimed was not tried."""
    skipped = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()) if report.longrepr}
    for reason in sorted(one for one in skipped if UNTESTED in one):
        terminalreporter.write_line(reason.removeprefix("Skipped: "), red=True, bold=True)
