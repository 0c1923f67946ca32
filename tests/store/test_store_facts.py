"""What the store knows, as plain values: the same on both databases, in a fixed number of statements."""

from __future__ import annotations

from datetime import UTC

import pytest
import sqlalchemy as sa
from outbox import DAY, HOUR, NOON, add, decided, enrolled, happened

from engine.store import facts as store_facts
from engine.store.connect import reading, writing
from engine.store.facts import Inquiry, facts
from engine.store.snapshots import Needs
from engine.store.tables import addresses, contacts, decisions, enrollments, events, moves
from journeys.data_file import read_data
from journeys.facts import Facts, Point, Seen, Traffic
from journeys.page import Page
from journeys.reader import read

DATA = """
contact:
  email: text required
  first_name: text
  tier: enum(basic, gold) = basic
events: {bought: {total: number}, asked: {}}
segments:
  buyers: any bought within 30d
  golden: contact.tier == "gold"
"""


def asked(now=NOON) -> Inquiry:
    page = Page("data.yaml", DATA)
    data = read_data(page, read(page))
    assert page.problems == []
    return Inquiry(now, data, UTC, Needs({"bought": 30 * DAY}))


def told(store: sa.Engine, now=NOON) -> Facts:
    with reading(store) as conn:
        return facts(conn, asked(now))


def people(conn: sa.Connection, *names: str, **attributes) -> None:
    rows = [{"id": n, "attributes": attributes, "consents": "", "created_at": NOON, "updated_at": NOON} for n in names]
    add(conn, contacts, *rows)


def address(conn: sa.Connection, who: str, channel: str, suppressed: str | None = None) -> None:
    row = {"contact_id": who, "channel": channel, "address": f"{who}@x", "suppressed": suppressed, "added_at": NOON}
    add(conn, addresses, row)


def test_an_empty_store_knows_that_there_is_nobody(store):
    found = told(store)
    assert found.known
    assert found == Facts(contacts=0, subscribed={}, products=0)
    assert not Facts().known


def test_an_event_is_known_by_its_last_time_and_its_month(store):
    with writing(store) as conn:
        add(
            conn, events,
            happened("1", "ana", "bought", NOON - 40 * DAY),
            happened("2", "ana", "bought", NOON - 3 * DAY),
            happened("3", "bo", "bought", NOON - HOUR),
            happened("4", "bo", "asked", NOON - 50 * DAY),
            happened("5", "bo", "later", NOON + HOUR),
        )  # fmt: skip
    assert told(store).events == {"bought": Seen(HOUR, 2), "asked": Seen(50 * DAY, 0)}


def test_an_attribute_with_a_default_is_never_missing_and_an_address_is_an_attribute(store):
    with writing(store) as conn:
        people(conn, "ana", "bo", first_name="A")
        people(conn, "cy", "di", first_name=None)
        for who in ("ana", "bo", "cy"):
            address(conn, who, "email")
    assert told(store).without == {"email": 0.25, "first_name": 0.5}


def test_who_is_subscribed_is_counted_by_topic(store):
    with writing(store) as conn:
        people(conn, "ana", "bo", "cy", "di")
        conn.execute(contacts.update().where(contacts.c.id == "ana").values(consents="account promo promo-push"))
        conn.execute(contacts.update().where(contacts.c.id == "bo").values(consents="account -email"))
    assert told(store).subscribed == {"account": 0.5, "promo": 0.25}


def test_a_segment_is_judged_by_its_condition_and_its_history(store):
    with writing(store) as conn:
        people(conn, "ana", "bo", tier="gold")
        people(conn, "cy")
        add(conn, events, happened("1", "ana", "bought", NOON - DAY), happened("2", "cy", "bought", NOON - 40 * DAY))
        address(conn, "ana", "push")
        address(conn, "bo", "push", suppressed="gone")
        for who in ("ana", "bo", "cy"):
            address(conn, who, "email")
    assert told(store).unaddressed == {
        ("", "email"): 0.0, ("", "push"): pytest.approx(2 / 3),
        ("buyers", "email"): 0.0, ("buyers", "push"): 0.0,
        ("golden", "email"): 0.0, ("golden", "push"): 0.5,
    }  # fmt: skip


def test_a_point_has_its_decisions_a_month_and_the_share_that_earned(store):
    def one(n, days, **more):
        return decided(f"k{n}", "ana", at=NOON - days * DAY, **more)

    with writing(store) as conn:
        add(
            conn, decisions,
            one(1, 60, status="closed", reward=1.0),
            one(2, 50, status="closed", reward=-4.0),
            one(3, 20, status="closed", reward=0.0),
            one(4, 2, status="open", reward=2.0),
            one(5, 15, state="other"),
            one(6, 1, state="young"),
        )  # fmt: skip
    assert told(store).points == {
        ("welcome", "hello"): Point(2.0, pytest.approx(1 / 3)),
        ("welcome", "other"): Point(2.0, None),  # one in fifteen days
        ("welcome", "young"): Point(pytest.approx(30 / 7), None),  # a day says no more than a week would
    }


def test_the_goal_is_judged_by_runs_that_had_their_time(store):
    with writing(store) as conn:
        add(
            conn, enrollments,
            enrolled("1", "ana", entered_at=NOON - 40 * DAY, goal_at=NOON - 39 * DAY),
            enrolled("2", "bo", entered_at=NOON - 40 * DAY),
            enrolled("3", "cy", entered_at=NOON - 2 * DAY),
            enrolled("4", "di", entered_at=NOON - 200 * DAY, goal_at=NOON),
        )  # fmt: skip
    assert told(store).traffic == {"welcome": Traffic(1.0, 0.5)}


def test_who_waits_where_is_counted_in_people_and_the_ways_in_moves(store):
    with writing(store) as conn:
        add(
            conn, enrollments,
            enrolled("1", "ana", entered_at=NOON - 30 * DAY + HOUR),
            enrolled("2", "ana", status="queued"),
            enrolled("3", "bo", state="tips"),
            enrolled("4", "cy", status="left"),
        )  # fmt: skip
        for run in ("1", "3"):
            add(conn, moves, {"enrollment_id": run, "n": 1, "source": "a", "target": "b", "why": "", "at": NOON})
    found = told(store)
    assert found.waiting == {("welcome", "hello"): 1, ("welcome", "tips"): 1}
    assert found.ways == {("welcome", "a", "b"): pytest.approx(2.0, rel=0.01)}


def test_a_sample_is_spread_over_everybody_and_the_same_every_time(store, monkeypatch):
    monkeypatch.setattr(store_facts, "SAMPLE", 10)
    with writing(store) as conn:
        people(conn, *(f"a{n:02}" for n in range(50)), first_name="A")
        people(conn, *(f"b{n:02}" for n in range(50)))
    found = told(store)
    assert found.without["first_name"] == 0.5
    assert told(store) == found


def test_the_number_of_statements_is_fixed(store):
    def statements() -> int:
        seen = []
        sa.event.listen(store, "before_cursor_execute", lambda *call: seen.append(call[2]))
        told(store)
        return len(seen)

    few = statements()
    with writing(store) as conn:
        people(conn, *(f"a{n}" for n in range(300)))
        add(conn, enrollments, *(enrolled(str(n), f"a{n}", journey=f"j{n % 9}") for n in range(300)))
    assert few <= 14
    assert statements() <= 2 * few  # the first listener hears too
