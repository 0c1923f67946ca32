"""One store per test, for every database there is: SQLite always, PostgreSQL when TEST_DATABASE_URL names one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.store.connect import create, open_store, writing

POSTGRESQL = os.environ.get("TEST_DATABASE_URL")


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'store.db'}" if request.param == "sqlite" else str(POSTGRESQL)
    engine = open_store(url, durability="normal")
    with writing(engine) as conn:
        if request.param == "postgresql":
            there = sa.MetaData()
            there.reflect(conn)
            there.drop_all(conn)
        create(conn)
    yield engine
    engine.dispose()
