"""Links: where they lead, and that they lead nowhere else."""

from __future__ import annotations

import pytest
from outbox import (
    MINUTE,
    NOON,
    claim,
    contact,
    message,
)

from engine.store import delivering
from engine.store.delivering import Draft, Lease

LATER = Lease("two", 10 * MINUTE)
AFTER_LEASE = NOON + 11 * MINUTE


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def test_a_link_leads_where_the_template_says_or_to_the_persons_own_place(conn):
    message(conn, "k")
    claim(conn)
    delivering.remember_template(conn, "t1", "email/hello", ["https://shop.test/a", None], NOON)
    delivering.remember_template(conn, "t1", "email/hello", ["https://evil.test/", None], NOON)
    delivering.prepare(conn, [Draft("k", "t1", {"1": "https://shop.test/cart/7"})], "one")
    common, own = delivering.link_target(conn, "k", 0), delivering.link_target(conn, "k", 1)
    assert common is not None
    assert own is not None
    assert (common.url, own.url) == ("https://shop.test/a", "https://shop.test/cart/7")
    assert (own.contact_id, own.journey, own.state, own.message) == ("ana", "welcome", "hello", "email/hello")


@pytest.mark.parametrize(("key", "number"), [("k", 1), ("k", -1), ("nobody", 0)])
def test_a_link_that_was_never_sent_leads_nowhere(conn, key, number):
    message(conn, "k")
    claim(conn)
    delivering.remember_template(conn, "t1", "email/hello", ["https://shop.test/a"], NOON)
    delivering.prepare(conn, [Draft("k", "t1")], "one")
    assert delivering.link_target(conn, key, number) is None
