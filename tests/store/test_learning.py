"""The learner's rows: what it is shown, what it may say, and which policy serves."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from outbox import (
    DAY,
    HOUR,
    LEASE,
    MINUTE,
    NOON,
    TERMS,
    add,
    contact,
    counting,
    decided,
    enrolled,
    going,
    happened,
)
from outbox import row as row_of

from channels.channel import Receipt
from engine.core.model import Reward
from engine.store import delivering, learning
from engine.store.tables import contacts, decisions, enrollments, events

OPEN = {"status": "open", "touched": True}
NAMES = ("bought", "clicked")


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def row(conn, key):
    return row_of(conn, decisions, key)


def claimed(conn, now=NOON + HOUR, limit=10):
    return learning.claim(conn, now, limit, NAMES)


def test_an_outcome_holds_the_decision_the_window_and_what_happened_in_it(conn):
    add(conn, enrollments, enrolled("run", "ana", entry={"value": 64.9}))
    add(conn, decisions, decided("run:1", "ana", **OPEN))
    add(conn, events, happened("e1", "ana", "bought", NOON + MINUTE, total=20))
    (outcome,) = claimed(conn)
    assert (outcome.decision.key, outcome.decision.point) == ("run:1", "welcome.hello")
    assert (outcome.decision.arms, outcome.decision.chances) == (("email/hello", "nothing"), (0.75, 0.25))
    assert (outcome.decision.within, outcome.starts_at, outcome.closes_at) == (DAY, NOON, NOON + DAY)
    assert [(event.name, event.data) for event in outcome.events] == [("bought", {"total": 20})]
    assert (outcome.attributes, outcome.entry) == ({"first_name": "Ana"}, {"value": 64.9})
    assert (outcome.learned, outcome.void) == (None, False)


def test_only_the_contacts_own_events_inside_the_window_belong_to_a_decision(conn):
    contact(conn, "bo")
    add(conn, decisions, decided("k", "ana", **OPEN))
    for name, who, at in (
        ("at_the_send", "ana", NOON),
        ("inside", "ana", NOON + HOUR),
        ("at_the_close", "ana", NOON + DAY),
        ("after", "ana", NOON + DAY + MINUTE),
        ("of_another", "bo", NOON + HOUR),
    ):
        add(conn, events, happened(name, who, "bought", at))
    add(conn, events, happened("of_another_name", "ana", "looked", NOON + HOUR))
    (outcome,) = claimed(conn, NOON + 2 * DAY)
    assert [event.id for event in outcome.events] == ["inside", "at_the_close"]


def test_the_future_is_not_seen(conn):
    add(conn, decisions, decided("k", "ana", **OPEN))
    add(conn, events, happened("e", "ana", "bought", NOON + 2 * HOUR))
    (outcome,) = claimed(conn, NOON + HOUR)
    assert outcome.events == ()


def test_a_decision_is_looked_at_when_touched_or_when_its_window_closes(conn):
    add(
        conn, decisions,
        decided("touched", "ana", **OPEN),
        decided("quiet", "ana", status="open"),
        decided("closing", "ana", status="open", closes_at=NOON + HOUR),
        decided("on_its_way", "ana", status="pending", touched=True),
        decided("closed", "ana", status="closed", closes_at=NOON),
    )  # fmt: skip
    assert {outcome.decision.key for outcome in claimed(conn)} == {"touched", "closing"}


def test_a_reward_is_kept_and_the_decision_left_alone_until_something_happens(conn):
    add(conn, decisions, decided("k", "ana", **OPEN))
    learning.commit(conn, [Reward("k", 0.5, closed=False)], {"k": 0.25})
    kept = row(conn, "k")
    assert (kept.reward, kept.learned, kept.status, kept.touched) == (0.5, 0.25, "open", False)
    assert claimed(conn) == []


def test_what_was_taught_before_stays_when_nothing_new_is_taught(conn):
    add(conn, decisions, decided("k", "ana", learned=0.25, **OPEN))
    learning.commit(conn, [Reward("k", 0.25, closed=True)], {})
    assert (row(conn, "k").learned, row(conn, "k").status) == (0.25, "closed")


def test_a_closed_decision_is_not_looked_at_again(conn):
    add(conn, decisions, decided("k", "ana", **OPEN))
    learning.commit(conn, [Reward("k", 1.0, closed=True)], {"k": 1.0})
    assert claimed(conn, NOON + 9 * DAY) == []


def test_a_failed_message_makes_its_decision_void_not_zero(conn):
    going(conn, "k")
    assert claimed(conn) == []
    delivering.commit(conn, [Receipt("k", "failed", "policy")], LEASE.owner, NOON, TERMS)
    (outcome,) = claimed(conn)
    assert outcome.void
    learning.commit(conn, [Reward("k", 0.0, closed=True)], {})
    assert (row(conn, "k").status, row(conn, "k").reward) == ("void", None)
    assert claimed(conn, NOON + 9 * DAY) == []


def test_a_message_in_doubt_teaches_nothing_until_it_is_settled(conn):
    going(conn, "k")
    delivering.commit(conn, [Receipt("k", "unknown")], LEASE.owner, NOON, TERMS)
    assert claimed(conn, NOON + 9 * DAY) == []
    delivering.resolve_unknown(conn, ["k"])
    assert [outcome.decision.key for outcome in claimed(conn)] == ["k"]


def test_no_more_than_the_limit_is_claimed_and_what_closes_first_comes_first(conn):
    add(conn, decisions, *(decided(f"k{n}", "ana", closes_at=NOON + (9 - n) * HOUR, **OPEN) for n in range(5)))
    add(conn, decisions, decided("closing", "ana", status="open", closes_at=NOON))
    assert {o.decision.key for o in claimed(conn, limit=1)} == {"closing"}
    assert len(claimed(conn, limit=3)) == 3


def statements(fresh, people: int) -> list[int]:
    with fresh() as conn:
        conn.execute(contacts.insert(), [
            {"id": f"c{n}", "attributes": {}, "consents": "", "created_at": NOON, "updated_at": NOON}
            for n in range(people)
        ])  # fmt: skip
        add(conn, enrollments, *(enrolled(f"r{n}", f"c{n}") for n in range(people)))
        add(conn, decisions, *(decided(f"r{n}:1", f"c{n}", **OPEN) for n in range(people)))
        add(conn, events, *(happened(f"e{n}", f"c{n}", "bought", NOON + MINUTE) for n in range(people)))
        with counting(conn) as seen:
            outcomes = learning.claim(conn, NOON + HOUR, people, NAMES)
            learning.commit(conn, [Reward(o.decision.key, 1.0, closed=False) for o in outcomes], {})
        assert len(outcomes) == people
        assert all(len(o.events) == 1 and o.entry for o in outcomes)
        assert conn.scalar(sa.select(sa.func.sum(decisions.c.reward))) == people
        return [len(seen)]


def test_a_learning_pass_over_two_thousand_decisions_costs_as_many_statements_as_over_one(fresh):
    assert statements(fresh, 1) == statements(fresh, 2000) == [5]


def test_the_warm_up_counts_only_decisions_that_teach_and_no_further_than_asked(conn):
    groups = ("learner", "learner", "random", "baseline", "holdout")
    add(conn, decisions, *(decided(f"k{n}", "ana", group=group) for n, group in enumerate(groups)))
    assert learning.counts(conn, {"welcome.hello": 300, "cart.recover": 300}) == {
        "welcome.hello": 3, "cart.recover": 0,
    }  # fmt: skip
    assert learning.counts(conn, {"welcome.hello": 2}) == {"welcome.hello": 2}
    assert learning.counts(conn, {}) == {}


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_what_was_touched_is_found_by_its_index(conn):
    with counting(conn) as seen:
        claimed(conn)
    values = ("pending", "closed", 9, 0, "open", 1, 9, 0, 9, 0)
    plan = " ".join(line[3] for line in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], values))
    assert "decisions_touched" in plan
    assert "decisions_closing (status=? AND closes_at<?)" in plan
