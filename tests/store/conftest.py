"""An empty store to write into for a moment, once per database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import sqlalchemy as sa

from engine.store.connect import create, open_store, writing

Fresh = Callable[[], AbstractContextManager[sa.Connection]]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Give one store with tables for all tests that leave nothing behind in it."""
    here = request.param == "sqlite"
    served = None if here else request.getfixturevalue("postgresql")
    address = "sqlite://" if served is None else served.lend()
    engine = open_store(address)
    if here:
        with writing(engine) as conn:
            create(conn)
    yield engine
    engine.dispose()
    if served is not None:
        served.take_back(address)


@pytest.fixture
def fresh(empty: sa.Engine) -> Fresh:
    """Give what opens a transaction on an empty store and leaves nothing behind."""

    @contextmanager
    def opened() -> Iterator[sa.Connection]:
        with empty.connect() as conn, conn.begin() as transaction:
            yield conn
            transaction.rollback()

    return opened
