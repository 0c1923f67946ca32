"""Leases go by the database's clock where machines share one: whoever's own clock is wrong neither takes nor keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from outbox import DAY, LEASE, MINUTE, NOON, claim, contact, message, row

from engine.store import delivering
from engine.store.connect import open_store, reading, writing
from engine.store.delivering import Lease
from engine.store.leases import by_database
from engine.store.tables import deliveries

YEARS = timedelta(days=36_500)


@pytest.fixture
def shared(postgresql):
    """A PostgreSQL store whose leases go by the database."""
    address = postgresql.lend()
    engine = by_database(open_store(address))
    with writing(engine) as conn:
        contact(conn, "ana")
        message(conn, "k")
    yield engine
    engine.dispose()
    postgresql.take_back(address)


def test_a_worker_whose_clock_is_far_ahead_takes_nobodys_messages_back(shared):
    with writing(shared) as conn:
        assert claim(conn) == ["k"]
        assert delivering.recover(conn, NOON + YEARS) == delivering.Recovered()


def test_a_worker_whose_clock_stands_still_does_not_keep_what_it_lost(shared):
    brief = Lease("slept", timedelta(microseconds=1))
    with writing(shared) as conn:
        assert claim(conn, NOON, brief) == ["k"]
    with writing(shared) as conn:
        assert delivering.intend(conn, ["k"], "slept", NOON) == frozenset()
        assert delivering.recover(conn, NOON).requeued == ("k",)
        assert delivering.renew(conn, LEASE, NOON) == 0


def test_a_lease_that_is_renewed_may_begin_to_send(shared):
    with writing(shared) as conn:
        assert claim(conn, NOON, Lease("kept", timedelta(0))) == ["k"]
        assert delivering.renew(conn, Lease("kept", MINUTE), NOON - DAY) == 1
        assert delivering.intend(conn, ["k"], "kept", NOON) == {"k"}


def test_a_store_whose_time_is_an_argument_has_leases_in_that_time(store):
    with writing(store) as conn:
        contact(conn, "ana")
        message(conn, "k")
        claim(conn)
    with reading(by_database(store) if store.dialect.name == "sqlite" else store) as conn:
        assert row(conn, deliveries, "k").lease_until == NOON + LEASE.span
