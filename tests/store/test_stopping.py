"""Arms that are out, the counts that take them out, and the challenger's log; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from outbox import DAY, HOUR, NOON, add, contact, counting, decided, happened

from engine.store import shadows, stopping
from engine.store.shadows import Shadow
from engine.store.tables import audit, decisions, events
from engine.watching import Watch, lower_bound
from journeys import Arm, Choose, Explore, Reward

ARM = ("welcome.hello", "email/hello")


@pytest.fixture
def conn(fresh):
    with fresh() as conn:
        contact(conn, "ana")
        yield conn


def sent(conn, count, answered=0, **more):
    rows = [decided(f"r{n}:1", "ana", **({"status": "closed", "at": NOON + n * HOUR} | more)) for n in range(count)]
    add(conn, decisions, *rows)
    for n in range(answered):
        add(conn, events, happened(f"u{n}", "ana", "unsubscribed", NOON + n * HOUR, key=f"r{n}:1"))


def test_an_answer_counts_once_for_the_arm_whose_message_it_names(conn):
    sent(conn, 10, 3)
    add(conn, events, happened("again", "ana", "unsubscribed", NOON + DAY, key="r0:1"))
    add(conn, events, happened("other", "ana", "unsubscribed", NOON + DAY, key="nobody"))
    add(conn, events, happened("click", "ana", "clicked", NOON + DAY, key="r5:1"))
    assert stopping.harm(conn) == {ARM: {"unsubscribed": 3}}
    assert stopping.sends(conn, [ARM, ("welcome.hello", "nothing")]) == {ARM: 10}


def test_messages_that_failed_and_the_held_out_are_not_sent(conn):
    sent(conn, 4)
    add(conn, decisions, decided("v:1", "ana", status="void"), decided("h:1", "ana", status="closed", group="holdout"))
    add(conn, decisions, decided("p:1", "ana", status="pending"))
    assert stopping.sends(conn, [ARM]) == {ARM: 4}


def test_what_happened_before_an_arm_was_allowed_again_is_forgiven(conn):
    sent(conn, 10, 5)
    stopping.stop(conn, {ARM: "too many"}, NOON + DAY)
    assert stopping.stopped(conn) == {ARM}
    stopping.allow(conn, ARM, NOON + 4 * HOUR + timedelta(minutes=1), "fixed")
    assert stopping.stopped(conn) == frozenset()
    assert stopping.harm(conn) == {}
    assert stopping.sends(conn, [ARM]) == {ARM: 5}
    assert stopping.standing(conn)[ARM].why == "fixed"
    assert list(conn.scalars(sa.select(audit.c.what).order_by(audit.c.id))) == ["stop_arm", "allow_arm"]


def test_harm_is_found_by_its_index(conn):
    if conn.dialect.name != "sqlite":
        pytest.skip("the plan of an empty table says nothing on PostgreSQL")
    with counting(conn) as seen:
        stopping.harm(conn)
    plan = " ".join(
        line[3] for line in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {seen[0]}", ("$.key", ".", "a", "b", "c", "d"))
    )
    assert "events_harm" in plan


def test_the_lower_bound_is_wilsons():
    assert lower_bound(0, 200) == 0.0
    assert lower_bound(8, 200) == pytest.approx(0.0254, abs=1e-3)
    assert lower_bound(2, 200) < 0.01 < lower_bound(5, 200)
    assert lower_bound(50, 50) > 0.96


def test_the_watch_stops_above_the_limit_and_looks_again_only_at_more_harm(conn, choosing, caplog):
    watch = Watch({"welcome.hello": choosing(arms=("email/hello", "nothing"), limits={"unsubscribed": 0.01}, after=50)})
    sent(conn, 49, 4)
    assert watch.look(conn, NOON) == ()
    add(conn, decisions, decided("more:1", "ana", status="open"))
    assert watch.look(conn, NOON) == ()  # nothing new was said against it
    add(conn, events, happened("late", "ana", "unsubscribed", NOON + DAY, key="more:1"))
    assert watch.look(conn, NOON) == ("welcome.hello email/hello",)
    assert "is taken out for everyone: unsubscribed 5 of 50 messages (10.00 %" in caplog.text
    assert watch.look(conn, NOON) == ()
    with counting(conn) as seen:
        watch.look(conn, NOON)
    assert len(seen) == 1


def test_a_few_bad_answers_of_a_small_arm_stop_nothing(conn, choosing):
    watch = Watch({"welcome.hello": choosing(arms=("email/hello",), limits={"unsubscribed": 0.05}, after=50)})
    sent(conn, 60, 5)
    assert watch.look(conn, NOON) == ()


def test_both_vectors_stand_beside_each_other(conn):
    add(
        conn, decisions,
        decided("own:1", "ana", status="closed", reward=1.0, policy="vw@3"),
        decided("slice:1", "ana", status="closed", reward=0.0, policy="uniform", group="random"),
        decided("warm:1", "ana", status="closed", reward=0.0, policy="uniform"),
        decided("open:1", "ana", status="open", reward=0.0, policy="vw@3"),
    )  # fmt: skip
    keys = ("own:1", "slice:1", "warm:1", "open:1")
    shadows.write(
        conn, [Shadow(key, "thompson@2", (0.5, 0.5), (0.6, 0.4) if key == "slice:1" else None) for key in keys]
    )
    found = {row.key: row for row in shadows.compared(conn, "welcome.hello", ("vw", "thompson"))}
    assert set(found) == {"own:1", "slice:1"}
    assert found["own:1"].serving == found["own:1"].chances == (0.75, 0.25)
    assert found["slice:1"].serving == (0.6, 0.4)
    assert found["slice:1"].shadow == (0.5, 0.5)
    assert shadows.compared(conn, "welcome.hello", ("thompson", "vw")) == []


@pytest.fixture
def choosing():

    def build(arms, limits, after):
        made = tuple(Arm(name, name, name.partition("/")[0] if "/" in name else "") for name in arms)
        return Choose(
            made, Reward(timedelta(days=1), {}), (), Explore("vw", 0, 0.01), stop_arm_if=limits, stop_after=after
        )

    return build
