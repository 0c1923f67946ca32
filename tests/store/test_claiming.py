"""A claim gives what is due, with all that is known of it, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from walks import ALL, DAY, HOUR, MINUTE, NOW, alarm, digest, fill, look, run, walk_one

from engine.core.model import (
    Contact,
    Event,
    Step,
)
from engine.store.connect import writing
from engine.store.intake import NewContact, NewEvent, Suppression, add_contacts, record, ring, suppress
from engine.store.stepping import Needs, claim


def test_a_claim_gives_all_that_is_known_of_a_contact(store: sa.Engine):
    with writing(store) as conn:
        ana = NewContact(
            "ana", {"timezone": "Europe/Paris", "vip": True}, {"email": "a@x.org", "push": "{}"}, frozenset({"promo"})
        )
        add_contacts(conn, [ana], NOW, digest)
        suppress(conn, [Suppression("push", "{}", "gone")], digest, NOW)
        record(conn, [NewEvent("e", "ana", "seen", NOW - HOUR, {"page": "/"})], NOW, timedelta(minutes=5))
        (snapshot,) = claim(conn, NOW, 10, Needs())
    assert snapshot.contact == Contact(
        "ana", {"timezone": "Europe/Paris", "vip": True}, ZoneInfo("Europe/Paris"),
        {"email": "a@x.org", "push": "{}"}, frozenset({"promo"}), frozenset({"push"}),
    )  # fmt: skip
    assert snapshot.events == (Event("e", "seen", NOW - HOUR, {"page": "/"}, fresh=True, starts=False),)


def test_only_alarms_that_have_rung_are_claimed_oldest_first(store: sa.Engine):
    with writing(store) as conn:
        add_contacts(conn, [NewContact(id_) for id_ in "abcde"], NOW, digest)
        ring(conn, ["d"], NOW - HOUR)
        ring(conn, ["b", "a", "c"], NOW)
        ring(conn, ["e"], NOW + timedelta(microseconds=1))
        assert [s.contact.id for s in claim(conn, NOW, 10, ALL)] == ["d", "a", "b", "c"]
        assert [s.contact.id for s in claim(conn, NOW, 2, ALL)] == ["d", "a"]
        assert claim(conn, NOW - DAY, 10, ALL) == []


def test_the_newest_usable_address_is_used(store: sa.Engine):
    fill(store, "ana")
    with writing(store) as conn:
        for n, address in enumerate(("old", "new", "gone")):
            conn.execute(
                sa.text(
                    "INSERT INTO addresses (contact_id, channel, address, suppressed, added_at) VALUES ('ana', 'push', :to, :why, :at)"
                ),
                {"to": address, "why": "gone" if address == "gone" else None, "at": n},
            )
    contact = look(store).contact
    assert contact.addresses["push"] == "new"
    assert contact.suppressed == frozenset()


def test_an_alarm_of_nobody_is_claimed_bare_and_falls_silent(store: sa.Engine):
    with writing(store) as conn:
        ring(conn, ["ghost"], NOW)
    assert walk_one(store).contact == Contact("ghost")
    assert alarm(store) is None


def test_history_reaches_as_far_back_as_conditions_look(store: sa.Engine):
    fill(store, "ana")
    ages = {"seen": 400 * DAY, "paid": DAY, "long_ago": DAY}
    old = [NewEvent(name, "ana", name, NOW - age) for name, age in ages.items()]
    with writing(store) as conn:
        record(conn, [*old, NewEvent("paid-before", "ana", "paid", NOW - 3 * DAY)], NOW)
    walk_one(store)
    assert [event.id for event in look(store, NOW).events] == ["seen", "paid"]
    assert not any(event.fresh for event in look(store, NOW).events)
    assert look(store, NOW, Needs()).events == ()


def test_events_stand_in_the_order_of_their_own_time_then_id(store: sa.Engine):
    fill(store, "ana")
    with writing(store) as conn:
        record(conn, [NewEvent(id_, "ana", "seen", NOW - MINUTE) for id_ in ("z", "b")], NOW)
        record(conn, [NewEvent("y", "ana", "seen", NOW - HOUR)], NOW)
    assert [event.id for event in look(store).events] == ["y", "b", "z", "start-ana"]


def test_runs_that_are_over_are_counted_with_the_end_of_the_last(store: sa.Engine):
    fill(store, "ana")
    ends = [NOW - 2 * HOUR, NOW - HOUR]
    over = [Step(run("ana", id=f"r{n}", status="left", left_at=at), started=True) for n, at in enumerate(ends)]
    other = Step(run("ana", id="o", journey="other", status="left", left_at=NOW), started=True)
    walk_one(store, *over, other)
    snapshot = look(store)
    assert snapshot.ended == {"win": (2, NOW - HOUR)}
    assert snapshot.enrollments == ()
    assert look(store, needs=Needs()).ended == {}
