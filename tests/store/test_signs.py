"""Signs of life and draws as a tick reads them: one statement each, for any number of contacts."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from walks import ALL, DAY, HOUR, MINUTE, NOW, digest, fill, look, started, table, walk_one

from engine.core.model import Decision, Step
from engine.store import signs
from engine.store.arms import drawn_since
from engine.store.connect import reading, writing
from engine.store.intake import NewContact, NewEvent, add_contacts, record
from engine.store.tables import decisions


def happened(store: sa.Engine, who: str, name: str, *ago: timedelta) -> None:
    with writing(store) as conn:
        record(conn, [NewEvent(f"{who}-{name}-{n}", who, name, NOW - age) for n, age in enumerate(ago)], NOW)


def test_the_last_time_of_each_sign_is_read_and_no_other(store: sa.Engine):
    fill(store, "ana", "bo")
    happened(store, "ana", "seen", 3 * DAY, 2 * DAY)
    happened(store, "ana", "paid", 31 * DAY)
    happened(store, "bo", "other", DAY)
    with reading(store) as conn:
        found = signs.lately(conn, ["ana", "bo"], NOW, {"seen", "paid", "clicked"})
    assert found == {"ana": {"seen": NOW - 2 * DAY}}


def test_clicks_are_read_by_the_channel_of_their_message_too(store: sa.Engine):
    fill(store, "ana")
    clicks = [(3, {"message": "email/a"}), (1, {"message": "email/b"}), (2, {"message": "push/c"}), (4, {"key": "x:1"})]
    with writing(store) as conn:
        record(conn, [NewEvent(f"c{n}", "ana", "clicked", NOW - n * DAY, data) for n, data in clicks], NOW)
    happened(store, "ana", "seen", DAY)
    with reading(store) as conn:
        found = signs.lately(conn, ["ana"], NOW, {"seen", "clicked"})["ana"]
    assert found == {
        "clicked": NOW - DAY, "clicked email": NOW - DAY, "clicked push": NOW - 2 * DAY, "seen": NOW - DAY,
    }  # fmt: skip


def test_signs_are_counted_by_their_utc_hour(store: sa.Engine):
    fill(store, "ana")
    happened(store, "ana", "seen", HOUR, HOUR + MINUTE, DAY, 91 * DAY)
    with reading(store) as conn:
        found = signs.hours(conn, ["ana"], NOW, {"seen"})["ana"]
    assert {hour: count for hour, count in enumerate(found) if count} == {8: 1, 9: 1, 10: 1}


def test_everyones_hours_are_local_shares_and_say_nothing_when_they_are_few(store: sa.Engine):
    with writing(store) as conn:
        add_contacts(conn, [NewContact("ana", {"timezone": "Asia/Tokyo"}), NewContact("bo")], NOW, digest)
    happened(store, "ana", "seen", *(n * DAY for n in range(30)))
    with reading(store) as conn:
        assert signs.everyone(conn, NOW, {"seen"}, ZoneInfo("Europe/Paris")) == ()
    happened(store, "bo", "seen", *(n * DAY for n in range(30)))
    with reading(store) as conn:
        shares = signs.everyone(conn, NOW, {"seen"}, ZoneInfo("Europe/Paris"))
    assert {hour: share for hour, share in enumerate(shares) if share} == {11: 0.5, 19: 0.5}


def drew(n: int, arm: str) -> Decision:
    return Decision(
        f"run-ana:{n}", "win.hello", NOW + n * HOUR, "learner", (arm,), (1.0,), arm, 1.0, 0.5, "uniform", "", DAY
    )


def test_draws_are_counted_since_an_instant_and_not_twice(store: sa.Engine):
    run = started(store)
    with writing(store) as conn:
        record(conn, [NewEvent("again", "ana", "seen", NOW)], NOW)
    walk_one(store, Step(run, decisions=(drew(1, "a"), drew(2, "a"), drew(3, "b"))))
    with reading(store) as conn:
        assert drawn_since(conn, None, NOW + 3 * HOUR, {"win.hello"}) == {("win.hello", "a"): 2}
        assert drawn_since(conn, NOW + 3 * HOUR, NOW + 4 * HOUR, {"win.hello"}) == {("win.hello", "b"): 1}
        assert drawn_since(conn, None, NOW + 4 * HOUR, {"win.other"}) == {}


def test_a_message_that_will_not_leave_settles_its_decision_once(store: sa.Engine):
    run = started(store, drawn="email/hello@evening")
    held = Step(run, decisions=(drew(run.steps, "email/hello@evening"),))
    with writing(store) as conn:
        record(conn, [NewEvent("again", "ana", "seen", NOW)], NOW)
    walk_one(store, held)
    assert [row["status"] for row in table(store, decisions)] == ["pending"]
    assert look(store, NOW + DAY, ALL).enrollments[0].drawn == "email/hello@evening"
    for refused, becomes in ((False, "open"), (True, "void"), (False, "void")):
        with writing(store) as conn:
            record(conn, [NewEvent(f"more-{becomes}-{refused}", "ana", "seen", NOW)], NOW)
        walk_one(store, Step(run, unsent=(f"run-ana:{run.steps}", refused)), at=NOW + DAY)
        assert [row["status"] for row in table(store, decisions)] == [becomes]
