"""What the world said is written when the server comes back, once; what is ours to mend is not tried again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engine.errors import StoreUnavailable
from engine.store import connect
from engine.store.connect import open_store, persist, reading
from engine.store.tables import audit

GONE = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def shaky(postgresql, monkeypatch):
    """A PostgreSQL store, and pauses that a test can wait for."""
    monkeypatch.setattr(connect, "PAUSES", (0.01, 0.01))
    address = postgresql.lend()
    engine = open_store(address)
    yield engine
    engine.dispose()
    postgresql.take_back(address)


def written(store: sa.Engine) -> int:
    with reading(store) as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()


def test_it_is_written_once_when_the_server_went_away_in_between(shaky: sa.Engine):
    tries = [0]

    def work(conn: sa.Connection) -> str:
        tries[0] += 1
        conn.execute(audit.insert().values(at=sa.literal(1), what="sent", detail={}))
        if tries[0] < 3:
            conn.execute(GONE)
        return "done"

    assert persist(shaky, work) == "done"
    assert (tries[0], written(shaky)) == (3, 1)


def test_a_server_that_stays_away_is_said_in_the_end(shaky: sa.Engine):
    with pytest.raises(StoreUnavailable):
        persist(shaky, lambda conn: conn.execute(GONE))
    assert written(shaky) == 0


def test_a_mistake_of_ours_is_not_tried_again(store: sa.Engine):
    tries = [0]

    def work(conn: sa.Connection) -> None:
        tries[0] += 1
        raise LookupError

    with pytest.raises(LookupError):
        persist(store, work)
    assert tries == [1]


def test_commits_wait_for_the_disk_also_where_the_server_would_not(shaky: sa.Engine):
    asked = sa.text("SELECT current_setting('synchronous_commit')")
    hasty = open_store(shaky.url.render_as_string(hide_password=False), durability="normal")
    found = []
    for store in (shaky, hasty):
        with reading(store) as conn:
            found.append(conn.execute(asked).scalar_one())
    hasty.dispose()
    assert found[0] == "on"
